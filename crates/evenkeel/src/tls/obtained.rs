//! Certificates that are obtained from an authority: for which names, and where they are kept.

use crate::config::AcmeSettings;
use evenkeel_core::director::Config;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Letters of the folder of an authority at most.
const FOLDER_MAX: usize = 100;

/// The names for which `config` needs certificates that are obtained.
pub fn names(config: &Config) -> BTreeSet<Arc<str>> {
    let servers = config.listeners.iter().filter_map(|it| it.reception.tls.as_ref());
    servers.flat_map(|it| &it.certificates).filter_map(|it| it.obtained_for.clone()).collect()
}

/// The folder in which everything of the authority is kept: what one has signed is not mistaken for what another has.
pub fn folder(settings: &AcmeSettings) -> PathBuf {
    let url = settings.directory.trim_start_matches("https://");
    let plain = |c: char| if c.is_ascii_alphanumeric() || ".-".contains(c) { c } else { '_' };
    settings.state.join(url.chars().take(FOLDER_MAX).map(plain).collect::<String>())
}

/// The file in such a `folder` with the certificate for `name`, its chain and its key.
pub fn file(folder: &Path, name: &str) -> PathBuf {
    folder.join("certificates").join(format!("{name}.pem"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Challenge;
    use evenkeel_core::tls::{Origination, Trust};
    use std::time::Duration;

    #[test]
    fn each_authority_has_a_folder_of_its_own() {
        let folder = |url: &str| {
            let tls = Origination {
                trust: Trust::System,
                server_name: None,
                certificate: None,
                alpn: Box::default(),
            };
            let settings = AcmeSettings {
                is_agreed: true,
                directory: url.into(),
                tls: Arc::new(tls),
                contact: Box::default(),
                challenge: Challenge::Tls,
                listen: Vec::new(),
                redirects: false,
                state: "/state".into(),
                retry: Duration::ZERO,
            };
            let folder = folder(&settings);
            assert_eq!(folder.parent(), Some(Path::new("/state")), "{url}");
            folder.file_name().unwrap().to_str().unwrap().to_owned()
        };
        let long = format!("https://a.example/{}", "x/".repeat(500));
        assert_eq!(folder("https://acme.example/directory"), "acme.example_directory");
        assert_eq!(folder("https://a.example:14000/../../dir?x"), "a.example_14000_.._.._dir_x");
        assert_eq!(folder(&long).len(), FOLDER_MAX);
    }
}
