//! Which tables there are, and in which of them a key may stand.

/// In which tables a key may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// At the top of the file: it holds for the process.
    Process,
    /// In a service.
    Service,
    /// In a service, and as its default in `[defaults]`.
    Client,
    /// In a service that balances connections, and as its default in `[defaults]`.
    TcpClient,
    /// In a service that balances requests, and as its default in `[defaults]`.
    Http,
    /// In a service that balances requests, and in one of its routes.
    Requests,
    /// In a route of any service.
    AnyRoute,
    /// In a route of a service that balances requests.
    HttpRoute,
    /// In a service, in one of its routes, and in a shared pool.
    Members,
    /// In a service, in one of its routes, in a shared pool, and in `[defaults]`.
    Pool,
    /// The same, but of services only in those that balance requests.
    HttpPool,
    /// In a route.
    Route,
    /// In a service that takes datagrams, and as its default in `[defaults]`.
    Flows,
    /// In a table of `to`.
    Backend,
}

/// A table that keys stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// The top of the file.
    Top,
    /// `[defaults]`.
    Defaults,
    /// `[pool.NAME]`.
    Pool,
    /// `[tcp.NAME]`.
    Service,
    /// `[udp.NAME]`.
    Udp,
    /// `[http.NAME]`.
    Http,
    /// A table of `route`.
    Route,
    /// A table of `route` in `[http.NAME]`.
    HttpRoute,
    /// A table of `to`.
    Backend,
}

impl Context {
    /// The table of services that one of these stands in.
    pub fn of_service(table: &str) -> Option<Self> {
        match table {
            "tcp" => Some(Self::Service),
            "udp" => Some(Self::Udp),
            "http" => Some(Self::Http),
            _ => None,
        }
    }

    /// The table that one of these stands in.
    pub fn table(self) -> &'static str {
        match self {
            Self::Service => "tcp",
            Self::Udp => "udp",
            Self::Http => "http",
            Self::Pool => "pool",
            Self::Route | Self::HttpRoute => "route",
            Self::Top | Self::Defaults | Self::Backend => "",
        }
    }

    /// How the table is called.
    pub fn title(self) -> &'static str {
        match self {
            Self::Top => "the top of the file",
            Self::Defaults => "`[defaults]`",
            Self::Pool => "`[pool.NAME]`",
            Self::Service => "`[tcp.NAME]`",
            Self::Udp => "`[udp.NAME]`",
            Self::Http => "`[http.NAME]`",
            Self::Route => "a route of `[tcp.NAME]`",
            Self::HttpRoute => "a route of `[http.NAME]`",
            Self::Backend => "a backend's table",
        }
    }
}

impl Scope {
    /// The tables that a key of this scope may stand in, the usual one first.
    pub fn contexts(self) -> &'static [Context] {
        match self {
            Self::Process => &[Context::Top],
            Self::Service => &[Context::Service, Context::Http],
            Self::Client => &[Context::Service, Context::Http, Context::Defaults],
            Self::TcpClient => &[Context::Service, Context::Defaults],
            Self::Http => &[Context::Http, Context::Defaults],
            Self::Requests => &[Context::Http, Context::HttpRoute],
            Self::Members => {
                &[Context::Service, Context::Http, Context::Route, Context::HttpRoute, Context::Pool]
            }
            Self::Pool => &[
                Context::Service,
                Context::Http,
                Context::Route,
                Context::HttpRoute,
                Context::Pool,
                Context::Defaults,
            ],
            Self::HttpPool => &[Context::Http, Context::HttpRoute, Context::Pool, Context::Defaults],
            Self::Route => &[Context::Route],
            Self::Flows => &[Context::Udp, Context::Defaults],
            Self::AnyRoute => &[Context::Route, Context::HttpRoute],
            Self::HttpRoute => &[Context::HttpRoute],
            Self::Backend => &[Context::Backend],
        }
    }
}
