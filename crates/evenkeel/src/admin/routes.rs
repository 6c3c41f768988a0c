//! Every request that is understood, once: matching, validation and the OpenAPI document come from this table.

use super::orders::Kind;
use evenkeel_core::director::{Duty, WEIGHT_MAX};
use hyper::Method;

/// One kind of request.
#[derive(Debug)]
pub struct Route {
    /// `GET`, `POST`, `PUT` or `DELETE`.
    pub method: &'static str,
    /// Where; what stands in braces is a part of the path that may be anything.
    pub path: &'static str,
    /// What is done.
    pub op: Op,
    /// What it is for, as one sentence without a full stop.
    pub summary: &'static str,
    /// What may stand behind the question mark, or, when something is changed, in the body's JSON object.
    pub fields: &'static [Field],
    /// What comes back.
    pub answer: Answer,
}

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// The dashboard.
    Page,
    /// A file of it.
    Asset,
    /// Whether the control loop turns.
    Live,
    /// Whether it takes traffic.
    Ready,
    /// Whether a service has a backend.
    ServiceReady,
    /// Everything that is counted.
    Metrics,
    /// This table.
    OpenApi,
    /// What whoever asks may do.
    Access,
    /// How it does as a whole.
    Status,
    /// All certificates.
    Certificates,
    /// All services.
    Services,
    /// One of them.
    Service,
    /// All listeners.
    Listeners,
    /// All pools.
    Pools,
    /// One of them.
    Pool,
    /// All backends.
    Backends,
    /// Why a backend is as it is.
    WhyBackend,
    /// What became of a request, and why.
    WhyRequest,
    /// What became of a session, and why.
    WhySession,
    /// What became of a client's sessions.
    WhyClient,
    /// Open sessions.
    Sessions,
    /// Closing some of them.
    CloseSessions,
    /// What was told lately.
    Events,
    /// What holds.
    Config,
    /// Loading the file again.
    Reload,
    /// Handing everything over to a new process.
    Upgrade,
    /// Something is to be done to a service or a backend.
    Order(Kind),
    /// What another configuration would change.
    Plan,
    /// Making it hold.
    Apply,
    /// Making it hold for good.
    Confirm,
    /// Opening the log again.
    Reopen,
    /// Where that has made something else of the configuration.
    Differences,
}

impl Op {
    /// Whether anybody may know the answer: those who ask on behalf of a cluster have no token, and the dashboard is the
    /// same everywhere and asks for it.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Live | Self::Ready | Self::ServiceReady | Self::Page | Self::Asset)
    }
}

/// What comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A JSON object.
    Json,
    /// Text for people or for Prometheus.
    Text,
    /// A page for a browser.
    Page,
    /// What the page is made of.
    Asset,
    /// A JSON object, or with `follow` server-sent events.
    Events,
}

/// A value that may be given.
#[derive(Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: FieldKind,
    /// Whether it has to be there.
    pub required: bool,
    /// What it does, without a full stop.
    pub doc: &'static str,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// Any text.
    Text,
    /// A whole number from 0 up to this.
    Number(u64),
    /// Yes or no; in a query, its name alone is a yes.
    Flag,
}
use FieldKind::{Flag, Number, Text};

const fn may(name: &'static str, kind: FieldKind, doc: &'static str) -> Field {
    Field { name, kind, required: false, doc }
}

/// Sessions that are shown at most.
pub const SESSIONS_MAX: u64 = 1000;

const SESSION_ID: Field = may("id", Number(u64::MAX), "The one with this number");
const SESSION_SERVICE: Field = may("service", Text, "Of this service");
const SESSION_POOL: Field = may("pool", Text, "Sent to this pool");
const SESSION_BACKEND: Field = may("backend", Text, "Connected to the backend at this address");
const SESSION_CLIENT: Field = may("client", Text, "Whose client has this IP address");
const CONFIG_TEXT: Field = Field { name: "text", kind: Text, required: true, doc: "The TOML" };
const CONFIG_PATH: Field = may("path", Text, "Where it is from; what it includes is relative to that");
const VERBOSE: Field = may("verbose", Flag, "Say why");

const fn route(
    method: &'static str,
    path: &'static str,
    op: Op,
    answer: Answer,
    summary: &'static str,
) -> Route {
    Route { method, path, op, summary, fields: &[], answer }
}

const fn with(route: Route, fields: &'static [Field]) -> Route {
    Route { fields, ..route }
}

/// Looks at something.
pub const GET: &str = "GET";
const POST: &str = "POST";
const PUT: &str = "PUT";
const DELETE: &str = "DELETE";

const fn order(
    method: &'static str,
    path: &'static str,
    kind: Kind,
    summary: &'static str,
    fields: &'static [Field],
) -> Route {
    Route { method, path, op: Op::Order(kind), summary, fields, answer: Answer::Json }
}

/// All of them.
pub static ROUTES: &[Route] = &[
    route(GET, "/", Op::Page, Answer::Page, "The dashboard"),
    route(GET, "/dashboard/{file}", Op::Asset, Answer::Asset, "What the dashboard is made of"),
    route(GET, "/livez", Op::Live, Answer::Text, "Whether the process works"),
    route(GET, "/healthz", Op::Live, Answer::Text, "The same, by its older name"),
    with(
        route(GET, "/readyz", Op::Ready, Answer::Text, "Whether it takes traffic; 503 while it stops"),
        &[VERBOSE],
    ),
    with(
        route(
            GET,
            "/readyz/{service}",
            Op::ServiceReady,
            Answer::Text,
            "Whether a service listens, has a certificate if it needs one, and a backend that takes traffic",
        ),
        &[VERBOSE],
    ),
    route(GET, "/metrics", Op::Metrics, Answer::Text, "Everything that is counted, for Prometheus"),
    route(GET, "/openapi.json", Op::OpenApi, Answer::Json, "This description"),
    route(
        GET,
        "/api/v1/access",
        Op::Access,
        Answer::Json,
        "Whether whoever asks may change something, and why not",
    ),
    route(GET, "/api/v1/status", Op::Status, Answer::Json, "How it does as a whole"),
    route(
        GET,
        "/api/v1/certificates",
        Op::Certificates,
        Answer::Json,
        "Certificates that are shown or to be obtained: where from, until when, and when the next one comes",
    ),
    route(GET, "/api/v1/services", Op::Services, Answer::Json, "All services with what they counted"),
    route(GET, "/api/v1/services/{service}", Op::Service, Answer::Json, "One service"),
    route(GET, "/api/v1/listeners", Op::Listeners, Answer::Json, "Where it listens"),
    route(GET, "/api/v1/pools", Op::Pools, Answer::Json, "All pools"),
    route(GET, "/api/v1/pools/{pool}", Op::Pool, Answer::Json, "One pool with its backends"),
    with(
        route(GET, "/api/v1/backends", Op::Backends, Answer::Json, "All backends with what they counted"),
        &[may("pool", Text, "Of this pool")],
    ),
    route(
        GET,
        "/api/v1/pools/{pool}/backends/{backend}/why",
        Op::WhyBackend,
        Answer::Json,
        "Why a backend is as it is, with its last checks, failures and changes; also of one that left lately",
    ),
    with(
        route(
            GET,
            "/api/v1/sessions",
            Op::Sessions,
            Answer::Json,
            "Open sessions; a service, pool or backend that is not there is refused (404)",
        ),
        &[
            SESSION_ID,
            SESSION_SERVICE,
            SESSION_POOL,
            SESSION_BACKEND,
            SESSION_CLIENT,
            may("limit", Number(SESSIONS_MAX), "So many at most; 100 unless told"),
        ],
    ),
    with(
        route(
            POST,
            "/api/v1/sessions/close",
            Op::CloseSessions,
            Answer::Json,
            "Close open sessions; a service, pool or backend that is not there is refused (404)",
        ),
        &[
            SESSION_ID,
            SESSION_SERVICE,
            SESSION_POOL,
            SESSION_BACKEND,
            SESSION_CLIENT,
            may("all", Flag, "Every session, when nothing else says which"),
        ],
    ),
    route(
        GET,
        "/api/v1/sessions/{id}",
        Op::WhySession,
        Answer::Json,
        "What became of a session that is open or ended lately, and who else it could have been sent to",
    ),
    route(
        GET,
        "/api/v1/requests/{id}",
        Op::WhyRequest,
        Answer::Json,
        "What became of a request that failed over, waited or came to nothing lately, by its X-Request-Id",
    ),
    with(
        route(
            GET,
            "/api/v1/clients/{ip}",
            Op::WhyClient,
            Answer::Json,
            "The last sessions of a client, and where a balance by its address sends it",
        ),
        &[may("limit", Number(SESSIONS_MAX), "So many sessions at most, the last ones; 100 unless told")],
    ),
    with(
        route(GET, "/api/v1/events", Op::Events, Answer::Events, "What was told lately"),
        &[
            may("after", Number(u64::MAX), "Only those with a higher number"),
            may("follow", Flag, "Go on with new ones as they come, as server-sent events"),
        ],
    ),
    route(GET, "/api/v1/config", Op::Config, Answer::Json, "What the configuration in force says"),
    order(
        POST,
        "/api/v1/services/{service}/drain",
        Kind::Service(Duty::Drain),
        "Close its listeners; open sessions go on",
        &[],
    ),
    order(
        POST,
        "/api/v1/services/{service}/disable",
        Kind::Service(Duty::Off),
        "Close its listeners and its sessions",
        &[],
    ),
    order(POST, "/api/v1/services/{service}/enable", Kind::Service(Duty::On), "Take sessions again", &[]),
    order(
        POST,
        "/api/v1/pools/{pool}/backends/{backend}/drain",
        Kind::Backend(Duty::Drain),
        "Send it nothing new; open sessions go on",
        &[],
    ),
    order(
        POST,
        "/api/v1/pools/{pool}/backends/{backend}/disable",
        Kind::Backend(Duty::Off),
        "Send it nothing new, and close its sessions within two seconds",
        &[],
    ),
    order(
        POST,
        "/api/v1/pools/{pool}/backends/{backend}/enable",
        Kind::Backend(Duty::On),
        "Send it sessions again",
        &[],
    ),
    order(
        PUT,
        "/api/v1/pools/{pool}/backends/{backend}/weight",
        Kind::Weight,
        "Set its share",
        &[Field {
            name: "weight",
            kind: Number(WEIGHT_MAX as u64),
            required: true,
            doc: "As in `to.weight`",
        }],
    ),
    order(
        POST,
        "/api/v1/pools/{pool}/backends",
        Kind::Add,
        "Add a backend; a pool may be named by a service that sends to it, here and above",
        &[
            Field { name: "addr", kind: Text, required: true, doc: "Its address" },
            may("weight", Number(WEIGHT_MAX as u64), "As in `to.weight`; 1 unless told"),
            may("backup", Flag, "As in `to.backup`"),
            may(
                "max_sessions",
                Number(u32::MAX as u64),
                "As in `to.max-sessions`; the pool's limit unless told",
            ),
        ],
    ),
    order(
        DELETE,
        "/api/v1/pools/{pool}/backends/{backend}",
        Kind::Remove,
        "Take a backend out; `on-remove` says what becomes of its sessions",
        &[],
    ),
    with(
        route(
            POST,
            "/api/v1/plan",
            Op::Plan,
            Answer::Json,
            "What a configuration would change, with live sessions",
        ),
        &[CONFIG_TEXT, CONFIG_PATH],
    ),
    with(
        route(
            POST,
            "/api/v1/apply",
            Op::Apply,
            Answer::Json,
            "Make a configuration hold that is not in the file",
        ),
        &[
            CONFIG_TEXT,
            CONFIG_PATH,
            may(
                "confirm",
                Text,
                "It goes back after this time, at least 1s, unless confirmed, and at once when connects begin to fail",
            ),
        ],
    ),
    route(POST, "/api/v1/confirm", Op::Confirm, Answer::Json, "What waits to be confirmed holds for good"),
    route(
        POST,
        "/api/v1/reopen",
        Op::Reopen,
        Answer::Json,
        "The log is opened again, after its file was renamed",
    ),
    route(
        GET,
        "/api/v1/diff",
        Op::Differences,
        Answer::Json,
        "Where orders have made something else of the configuration in force",
    ),
    route(POST, "/api/v1/reload", Op::Reload, Answer::Json, "Load the file again, as a whole or not at all"),
    with(
        route(
            POST,
            "/api/v1/upgrade",
            Op::Upgrade,
            Answer::Json,
            "Start the program again and hand everything over to it; answered when that is over, by the old process",
        ),
        &[may(
            "binary",
            Text,
            "This program instead, by its absolute path; only at the Unix socket, and for its user or root",
        )],
    ),
];

/// What a path leads to.
#[derive(Debug)]
pub enum Found {
    /// This, with the parts of the path that were in braces.
    Route(&'static Route, Vec<(&'static str, String)>),
    /// Something else is done there, by these methods.
    OtherMethods(Vec<&'static str>),
    /// Nothing.
    Nothing,
}

/// The route of a request. A `HEAD` is a `GET` whose body is not sent.
pub fn find(method: &Method, path: &str) -> Found {
    let wanted = if *method == Method::HEAD { GET } else { method.as_str() };
    let mut others = Vec::new();
    // `/sessions/close` is not the session called `close`.
    let is_literal = ROUTES.iter().any(|route| route.path == path);
    for route in ROUTES.iter().filter(|route| !is_literal || route.path == path) {
        let Some(parts) = matched(route.path, path) else { continue };
        if route.method == wanted {
            return Found::Route(route, parts);
        }
        others.push(route.method);
    }
    if others.is_empty() { Found::Nothing } else { Found::OtherMethods(others) }
}

fn matched(pattern: &'static str, path: &str) -> Option<Vec<(&'static str, String)>> {
    let (mut given, mut parts) = (path.split('/'), Vec::new());
    for expected in pattern.split('/') {
        let part = given.next()?;
        match expected.strip_prefix('{').and_then(|it| it.strip_suffix('}')) {
            Some(name) => parts.push((name, super::decode(part).filter(|it| !it.is_empty())?)),
            None if expected == part => {}
            None => return None,
        }
    }
    given.next().is_none().then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: Method, path: &str) -> Option<(Op, Vec<(&'static str, String)>)> {
        match find(&method, path) {
            Found::Route(route, parts) => Some((route.op, parts)),
            _ => None,
        }
    }

    #[test]
    fn a_path_is_taken_as_it_is() {
        assert_eq!(found(Method::GET, "/livez"), Some((Op::Live, vec![])));
        assert_eq!(found(Method::HEAD, "/livez"), Some((Op::Live, vec![])));
        let part = Some((Op::Service, vec![("service", "a b/c".to_owned())]));
        assert_eq!(found(Method::GET, "/api/v1/services/a%20b%2fc"), part);
        for trick in [
            "/livez/",
            "//livez",
            "/api/v1/../../livez",
            "/LIVEZ",
            "/api/v1/services/",
            "",
            "*",
            "/api/v1/services/%",
            "/api/v1/services/%ff",
            "/api/v1/services/a/b",
        ] {
            assert!(matches!(find(&Method::GET, trick), Found::Nothing), "{trick}");
        }
    }

    #[test]
    fn another_method_is_told_which_are_right() {
        let Found::OtherMethods(methods) = find(&Method::POST, "/livez") else { panic!("not found") };
        assert_eq!(methods, ["GET"]);
    }

    #[test]
    fn a_path_that_is_written_out_goes_before_one_with_a_part_that_may_be_anything() {
        let close = "/api/v1/sessions/close";
        assert_eq!(found(Method::POST, close), Some((Op::CloseSessions, vec![])));
        let Found::OtherMethods(methods) = find(&Method::GET, close) else { panic!("a session") };
        assert_eq!(methods, ["POST"]);
    }

    #[test]
    fn no_two_routes_are_alike() {
        for (at, one) in ROUTES.iter().enumerate() {
            assert!(ROUTES[..at].iter().all(|it| (it.method, it.path) != (one.method, one.path)), "{one:?}");
            assert!(!one.summary.ends_with('.'), "{one:?}");
        }
    }
}
