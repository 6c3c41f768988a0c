//! The reference of all keys: docs/configuration.md, and its part of the manual page.

use super::{default, inner_keys, places};
use crate::config::flags::example_line;
use crate::config::keys::{Context, KEYS, Key};

const INTRODUCTION: &str = "\
# Configuration

A configuration is one TOML file. A service is one table; two keys make one, everything else has a default:

```toml
[tcp.web]
listen  = \":8080\"
to      = [\"127.0.0.1:5001\", \"127.0.0.1:5002\", \"127.0.0.1:5003\"]
balance = \"random\"
```

`evenkeel check FILE` shows every mistake at once, `evenkeel explain KEY` says what stands below, and
`evenkeel tcp … --print-config` writes a file from flags. The folder `examples/` has whole files.

## Tables

| table | holds |
|---|---|
| the top of the file | what holds for the process |
| `[tcp.NAME]` | one service: where it listens, where it sends, how; it balances connections |
| `[http.NAME]` | the same, but it balances the requests of HTTP clients, each by itself |
| `[udp.NAME]` | one that takes datagrams; names are of one kind with those of the others |
| `[pool]` | shared pools in short: `NAME = [\"10.0.0.1:80\", …]` |
| `[pool.NAME]` | a shared pool with keys of its own; its backends are in `to` |
| `[defaults]` | any key of a service except `listen` and `to`, for all services and pools |

- What is nearest holds: the service's key, then its pool's, then the one in `[defaults]`, then the built-in default.
- Tables are merged key by key: with `[defaults] tls.min-version = \"1.3\"` and `tls = \"web.pem\"` in a service both hold. A short form
  says the one key that it stands for. A table turns on what it is about, as `tls.min-version` does TLS; a nearer `\"off\"` turns it off.
  `health` and the limits, `max-…`, are taken whole, from where they are nearest, and so is what belongs together: `tls.cert`,
  `tls.key` and `tls.acme`, or `to-tls.cert` and `to-tls.key`.
- A service with `to = \"pool:NAME\"` shares that pool: its backends' health and load are known once. If the service has a
  key of its own that is also a key of pools, such as `balance` or `to-tls`, it gets a pool of its own with the same backends,
  which is called like the service: they are checked, counted, drained and limited apart from those of the shared one.
- The same holds for its routes, by `to` and by `split`: a key of pools in the service holds in each of them. A route that says
  more by itself has a pool `SERVICE/PATTERN`; those that do not send to one pool of the service for each shared pool, which is called
  `NAME@SERVICE` where it is not what `to` of the service names. That of a `split` is `NAME@SERVICE/PATTERN`, if the route
  has keys of pools.
- Durations carry units: `\"250ms\"`, `\"1.5s\"`, `\"2m\"`, `\"1h30m\"`, `\"1d\"`; shares a percent sign: `\"20%\"`.
- `${NAME}` and `${NAME:-default}` in a text stand for a variable of the environment, but not in a key. They are replaced after the file was
  read as TOML, so a value cannot change the structure. A text with a variable may stand for a number or for `true` and
  `false` too: `workers = \"${WORKERS:-2}\"`. `$${` is a literal `${`.
- An unknown key is a mistake, and so is a key given twice. The order of tables and keys does not matter.
- Every key of a service is a flag of `evenkeel tcp`, `evenkeel udp` or `evenkeel http`: `--timeout.connect 3s`, `--to 127.0.0.1:5001`.

";

/// The whole of docs/configuration.md.
pub fn markdown() -> String {
    let mut text = INTRODUCTION.to_owned();
    for (context, title) in [
        (Context::Top, "Keys of the process"),
        (Context::Service, "Keys of a service"),
        (Context::Http, "Keys of a service that balances requests"),
        (Context::Udp, "Keys of a service that takes datagrams"),
        (Context::Route, "Keys of a route"),
        (Context::HttpRoute, "Keys of a route of requests"),
        (Context::Backend, "Keys of a backend"),
    ] {
        text.push_str(&format!("## {title}\n\n"));
        if context == Context::Backend {
            text.push_str("In a table of `to`, such as `{ addr = \"127.0.0.1:5002\", weight = 2 }`.\n\n");
        }
        if context == Context::Http {
            text.push_str("In `[http.NAME]`, beside the keys of a service but `hello`.\n\n");
        }
        if context == Context::Udp {
            text.push_str("In `[udp.NAME]`, beside those keys of a service that say so.\n\n");
        }
        if context == Context::Route {
            text.push_str("In a table of `route`, beside `to` and the keys of a pool.\n\n");
        }
        if context == Context::HttpRoute {
            text.push_str(
                "In a table of `route` in a `[http.NAME]`, beside `to`, `from` and the keys of a pool. A route has one of `to`, \
                 `split`, `redirect` and `answer`.\n\n",
            );
        }
        for key in KEYS.iter().filter(|key| key.scope.contexts()[0] == context) {
            text.push_str(&section(key));
        }
    }
    text.truncate(text.trim_end().len());
    text + "\n"
}

fn section(key: &Key) -> String {
    let mut text = format!("### `{}`\n\n{}\n\n", key.name, key.doc);
    text.push_str(&format!("- Type: {}\n", key.kind.describe().replace('|', "or")));
    text.push_str(&format!("- Default: {}. {}.\n", default_in_markdown(key), capital(key.why)));
    text.push_str(&format!("- Stands in: {}\n", places(key)));
    let inner: Vec<_> = inner_keys(key).map(|key| format!("`{}`", key.name)).collect();
    if !inner.is_empty() && key.scope.contexts()[0] != Context::Backend {
        text.push_str(&format!("- Keys: {}\n", inner.join(", ")));
    }
    text.push_str(&format!("\n```toml\n{}\n```\n\n", example(key)));
    text
}

fn default_in_markdown(key: &Key) -> String {
    match key.default {
        crate::config::keys::Absent::Is(value) if !value.is_empty() => format!("`{value}`"),
        absent => default(absent),
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// A line of the file that uses `key`.
pub fn example(key: &Key) -> String {
    match key.scope.contexts()[0] {
        Context::Backend => {
            let name = key.name.trim_start_matches("to.");
            let line = example_line(Context::Backend, key);
            let value = line.split_once(" = ").map_or("", |(_, value)| value);
            match name {
                "addr" => format!("to = [{{ addr = {value} }}]"),
                name => format!("to = [{{ addr = \"127.0.0.1:5001\", {name} = {value} }}]"),
            }
        }
        Context::Route => {
            let line = example_line(Context::Route, key);
            format!("route = {{ \"www.example.com\" = {{ to = \"127.0.0.1:5001\", {line} }} }}")
        }
        Context::HttpRoute => {
            let line = example_line(Context::HttpRoute, key);
            let to = match key.name.split('.').next() {
                Some("split" | "redirect" | "answer") => "",
                _ => "to = \"127.0.0.1:5001\", ",
            };
            format!("route = {{ \"example.com/api/*\" = {{ {to}{line} }} }}")
        }
        context => example_line(context, key),
    }
}

const ABOUT_THE_PROCESS: &str = r#".SH "EXIT STATUS"
.TP
0
all is well, also after a drain
.TP
1
it failed; `check` found mistakes; a command was refused
.TP
2
a wrong command line
.TP
66
the configuration cannot be read
.TP
69
an address is in use; nobody can be asked
.TP
77
not permitted
.TP
78
`run` with mistakes in its configuration
.SH ENVIRONMENT
.TP
EVENKEEL_CONFIG
the configuration of `run` and `check`
.TP
EVENKEEL_ADMIN, EVENKEEL_TOKEN_FILE
whom `status` and other commands ask, and what to send over TCP
.TP
RUNTIME_DIRECTORY, XDG_RUNTIME_DIR
where the admin socket is
.TP
NO_COLOR, CLICOLOR_FORCE
no colours, colours even without a terminal
.TP
NOTIFY_SOCKET, WATCHDOG_USEC, LISTEN_FDS, JOURNAL_STREAM
set by systemd
.SH FILES
.I /etc/evenkeel/evenkeel.toml
.br
.I /run/evenkeel/control.sock
.SH EXAMPLES
.nf
evenkeel demo
evenkeel tcp 8080 5001 5002 5003
evenkeel check evenkeel.toml && evenkeel run \-c evenkeel.toml
evenkeel explain timeout.connect
.fi
"#;

/// The keys, and what else the manual page has to say, as sections of it.
pub fn roff() -> String {
    let escape = |text: &str| text.replace('\\', "\\e").replace('-', "\\-").replace("\n.", "\n\\&.");
    let mut page = ".SH KEYS\n".to_owned();
    for key in KEYS {
        let (name, doc) = (escape(key.name), escape(key.doc));
        page.push_str(&format!(".TP\n\\fB{name}\\fR\n{doc} Default: {}.\n", escape(&default(key.default))));
    }
    page + ABOUT_THE_PROCESS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Source, load};
    use std::path::Path;

    #[test]
    fn examples_of_routes_are_accepted_as_they_are_shown() {
        for (table, context) in [("tcp", Context::Route), ("http", Context::HttpRoute)] {
            // A status of a redirect alone leads nowhere.
            let own = |key: &&Key| key.scope.contexts()[0] == context && key.name != "redirect.status";
            for example in KEYS.iter().filter(own).map(example) {
                let toml = format!("[pool]\nweb = '1'\ncanary = '2'\n[{table}.x]\nlisten = ':80'\n{example}");
                let told = load(&Source::Text(toml.clone())).map_err(|problems| problems.summary());
                assert!(told.is_ok(), "{toml}\n{}", told.unwrap_err());
            }
        }
    }

    #[test]
    fn the_reference_is_fresh() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
        if std::env::var_os("EVENKEEL_BLESS").is_some() {
            std::fs::write(&path, markdown()).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(written == markdown(), "stale: evenkeel explain --markdown > docs/configuration.md");
    }
}
