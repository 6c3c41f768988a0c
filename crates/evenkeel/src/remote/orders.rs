//! Orders about services and backends, and where they have made something else of the configuration.

use super::read::number;
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
    output::print(&match differences {
        [] => "no change\n".to_owned(),
        differences => differences.iter().map(line).collect::<String>(),
    })
}

fn line(difference: &Value) -> String {
    let word = |name: &str| difference[name].as_str().unwrap_or("-");
    if !difference["service"].is_null() {
        return format!("service {}  {}\n", word("service"), word("what"));
    }
    let detail = match word("what") {
        "weight" => weight(difference),
        "added" => added(difference),
        _ => String::new(),
    };
    let name = difference["name"].as_str().map_or_else(String::new, |name| format!(", of the name {name}"));
    format!("{}  {}  {}{detail}{name}\n", word("pool"), word("backend"), word("what"))
}

fn weight(difference: &Value) -> String {
    match (difference["configured"].as_u64(), number(&difference["ordered"])) {
        (Some(configured), ordered) => format!(" {ordered}, not {configured}"),
        (None, ordered) => format!(" {ordered}"),
    }
}

/// What it was added with, in the order and the words of the config file.
fn added(difference: &Value) -> String {
    let backup = if difference["backup"] == true { ", backup" } else { "" };
    let max = difference["max_sessions"].as_u64();
    let max = max.map_or_else(String::new, |max| format!(", max-sessions {max}"));
    format!(", weight {}{backup}{max}", number(&difference["weight"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_says_what_holds() {
        for (difference, shown) in [
            (
                json!({"what": "added", "weight": 9, "backup": true, "max_sessions": 4}),
                "added, weight 9, backup, max-sessions 4",
            ),
            (json!({"what": "added", "weight": 1, "backup": false, "max_sessions": null}), "added, weight 1"),
            (json!({"what": "weight", "configured": 1, "ordered": 3, "name": null}), "weight 3, not 1"),
            (
                json!({"what": "weight", "configured": null, "ordered": 3, "name": "a.example:80"}),
                "weight 3, of the name a.example:80",
            ),
            (json!({"what": "removed", "name": "a.example:80"}), "removed, of the name a.example:80"),
            (json!({"what": "drain"}), "drain"),
        ] {
            let mut difference = difference;
            (difference["pool"], difference["backend"]) = ("web".into(), "127.0.0.1:80".into());
            assert_eq!(line(&difference), format!("web  127.0.0.1:80  {shown}\n"));
        }
    }
}
