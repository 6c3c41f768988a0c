//! Orders about services and backends, and where they have made something else of the configuration.

use super::{Whom, call, get, pretty, tell};
use crate::admin::encode;
use crate::error::RunError;
use crate::output;
use serde_json::{Map, Value, json};

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    /// `drain`, `disable` or `enable` a service, or a backend of a pool.
    Duty {
        /// The verb.
        verb: &'static str,
        /// The service; with a backend, the pool or a service that sends to it.
        name: String,
        /// The backend.
        backend: Option<String>,
    },
    /// Set a backend's share.
    Weight {
        /// The pool, or a service that sends to it.
        name: String,
        /// The backend.
        backend: String,
        /// The share.
        weight: u32,
    },
    /// Add a backend.
    Add {
        /// The pool, or a service that sends to it.
        name: String,
        /// The backend.
        backend: String,
        /// What else is said of it.
        fields: Map<String, Value>,
    },
    /// Take a backend out.
    Remove {
        /// The pool, or a service that sends to it.
        name: String,
        /// The backend.
        backend: String,
    },
}

/// Has it done, and says so unless `quiet`.
pub fn give(whom: &Whom, order: Order, quiet: bool) -> Result<(), RunError> {
    let (method, path, body) = request(order);
    tell(&call(whom, method, &path, body.as_ref())?.json()?, quiet)
}

/// The request that has it done: method, path and body.
pub fn request(order: Order) -> (&'static str, String, Option<Value>) {
    let backends = |name: &str| format!("/api/v1/pools/{}/backends", encode(name));
    let backend = |name: &str, backend: &str| format!("{}/{}", backends(name), encode(backend));
    match order {
        Order::Duty { verb, name, backend: None } => {
            ("POST", format!("/api/v1/services/{}/{verb}", encode(&name)), None)
        }
        Order::Duty { verb, name, backend: Some(addr) } => {
            ("POST", format!("{}/{verb}", backend(&name, &addr)), None)
        }
        Order::Weight { name, backend: addr, weight } => {
            ("PUT", format!("{}/weight", backend(&name, &addr)), Some(json!({"weight": weight})))
        }
        Order::Add { name, backend: addr, mut fields } => {
            fields.insert("addr".to_owned(), addr.into());
            ("POST", backends(&name), Some(Value::Object(fields)))
        }
        Order::Remove { name, backend: addr } => ("DELETE", backend(&name, &addr), None),
    }
}

/// Prints the differences, one a line.
pub fn diff(whom: &Whom, json: bool) -> Result<(), RunError> {
    let answer = get(whom, "/api/v1/diff")?;
    if json {
        return output::print(&pretty(&answer));
    }
    let differences = answer["differences"].as_array().map_or(&[][..], Vec::as_slice);
    output::print(&differences.iter().map(line).collect::<String>())
}

fn line(difference: &Value) -> String {
    let word = |name: &str| difference[name].as_str().unwrap_or("-");
    if !difference["service"].is_null() {
        return format!("service {}  {}\n", word("service"), word("what"));
    }
    let detail = match (difference["configured"].as_u64(), difference["ordered"].as_u64()) {
        (Some(configured), Some(ordered)) => format!(" {ordered}, not {configured}"),
        (None, Some(ordered)) => format!(" {ordered}"),
        _ => String::new(),
    };
    format!("{}  {}  {}{detail}\n", word("pool"), word("backend"), word("what"))
}
