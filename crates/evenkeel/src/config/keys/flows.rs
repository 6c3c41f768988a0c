//! Which keys of a service mean something where datagrams are taken.

use super::{Key, Scope};

/// These, with all that is in their tables.
const TABLES: [&str; 27] = [
    "listen",
    "to",
    "balance",
    "choices",
    "hash-key",
    "health",
    "eject",
    "slow-start",
    "all-down",
    "on-down",
    "on-remove",
    "timeout.lifetime",
    "retry",
    "max-sessions",
    "max-sessions-per-backend",
    "source",
    "transparent",
    "mark",
    "send-proxy",
    "allow",
    "deny",
    "access-mode",
    "max-sessions-per-source",
    "max-rate-per-source",
    "max-rate",
    "source-prefix",
    "interface",
];

/// Whether `key`, one of other services, is one of those too.
pub fn takes(key: &Key) -> bool {
    let is_of_services =
        !matches!(key.scope, Scope::Process | Scope::Route | Scope::Backend | Scope::Flows | Scope::HttpPool);
    let is_in = |table: &str| {
        key.name.strip_prefix(table).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    is_of_services && (key.name == "timeout" || TABLES.into_iter().any(is_in))
}
