//! The dashboard: a page that looks at the admin API and gives its orders from a browser. It is part of the binary, asks
//! nobody but the listener it came from, and holds nothing that is not in this repository: whoever may not ask the API sees
//! an empty one.

use super::reply::{Refused, Reply};

/// One file of the page.
#[derive(Clone, Copy, Debug)]
pub struct Asset {
    /// Its name below `/dashboard/`.
    name: &'static str,
    /// What it is.
    pub kind: &'static str,
    /// All of it.
    pub text: &'static str,
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! assets {
    ($($name:literal $kind:expr;)*) => {
        &[$(Asset { name: $name, kind: $kind, text: include_str!($name) }),*]
    };
}

/// All of them; the page itself is the first.
const ASSETS: &[Asset] = assets! {
    "index.html" "text/html; charset=utf-8";
    "style.css" "text/css; charset=utf-8";
    "icon.svg" "image/svg+xml";
    "main.js" SCRIPT;
    "api.js" SCRIPT;
    "access.js" SCRIPT;
    "chart.js" SCRIPT;
    "detail.js" SCRIPT;
    "dom.js" SCRIPT;
    "events.js" SCRIPT;
    "format.js" SCRIPT;
    "history.js" SCRIPT;
    "orders.js" SCRIPT;
    "overview.js" SCRIPT;
    "backends.js" SCRIPT;
    "sessions.js" SCRIPT;
    "theme.js" SCRIPT;
};

/// What the page may load and do: its own files and the API beside them, and nothing that is written into it.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                          base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page.
pub fn page() -> Reply {
    Reply::Asset(&ASSETS[0])
}

/// The file called `name`.
pub fn file(name: &str) -> Result<Reply, Refused> {
    let asset = ASSETS.iter().find(|it| it.name == name);
    asset.map(Reply::Asset).ok_or_else(|| Refused::missing("the dashboard has no such file"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn every_file_of_the_folder_is_served() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/admin/dashboard");
        let names =
            std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap());
        let found: BTreeSet<String> = names.filter(|it| !it.ends_with(".rs")).collect();
        assert_eq!(found, ASSETS.iter().map(|it| it.name.to_owned()).collect());
    }

    /// What the policy would refuse, or what would let the API write into the page, is not there to begin with.
    #[test]
    fn nothing_is_fetched_from_elsewhere_or_made_of_text() {
        for asset in ASSETS {
            let text = asset.text.replace("http://www.w3.org/2000/svg", "");
            for wrong in [
                "http://",
                "https://",
                "innerHTML",
                "outerHTML",
                "insertAdjacent",
                "document.write",
                "eval(",
                "new Function",
                "style=\"",
                " onclick=",
            ] {
                assert!(!text.contains(wrong), "`{wrong}` in {}", asset.name);
            }
        }
    }

    #[test]
    fn scripts_load_only_what_is_there() {
        for asset in ASSETS.iter().filter(|it| it.name.ends_with(".js")) {
            let froms = asset.text.split("from \"./").skip(1).filter_map(|it| it.split('"').next());
            for from in froms {
                assert!(file(from).is_ok(), "{from} in {}", asset.name);
            }
        }
    }
}
