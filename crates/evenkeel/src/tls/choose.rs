//! Which certificate a client sees: that for the name which it asks for.

use super::pair::Pair;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::collections::HashMap;
use std::sync::Arc;

/// Certificates by name.
#[derive(Debug)]
pub struct Chooser {
    exact: HashMap<String, Arc<CertifiedKey>>,
    /// Without the `*.`: each stands for one label.
    wildcards: HashMap<String, Arc<CertifiedKey>>,
    first: Option<Arc<CertifiedKey>>,
}

impl Chooser {
    /// Of two with the same name the first counts; the first of all is for everybody else.
    pub fn new(pairs: &[Pair]) -> Self {
        let (mut exact, mut wildcards) = (HashMap::new(), HashMap::new());
        for pair in pairs {
            for name in &pair.facts.names {
                let (names, name) = match name.strip_prefix("*.") {
                    Some(rest) => (&mut wildcards, rest),
                    None => (&mut exact, &name[..]),
                };
                names.entry(name.to_owned()).or_insert_with(|| Arc::clone(&pair.certified));
            }
        }
        Self { exact, wildcards, first: pairs.first().map(|pair| Arc::clone(&pair.certified)) }
    }

    fn choose(&self, name: Option<&str>) -> Option<&Arc<CertifiedKey>> {
        let named = name.and_then(|name| {
            let wildcard = || self.wildcards.get(name.split_once('.')?.1);
            self.exact.get(name).or_else(wildcard)
        });
        named.or(self.first.as_ref())
    }
}

impl ResolvesServerCert for Chooser {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().map(str::to_ascii_lowercase);
        self.choose(name.as_deref()).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::der;
    use evenkeel_testkit::Authority;
    use std::time::SystemTime;

    #[test]
    fn a_name_goes_before_a_wildcard_and_the_first_is_for_the_rest() {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let authority = Authority::new("x");
        let pair = |names: &[&str]| {
            let it = authority.sign(names);
            let key = provider.key_provider.load_private_key(it.key.clone_key()).unwrap();
            let facts = der::facts(&it.chain[0]).unwrap();
            assert!(facts.not_after > SystemTime::now());
            Pair {
                path: names[0].into(),
                certified: Arc::new(CertifiedKey::new(it.chain, key)),
                facts,
                is_rsa: false,
                obtained_for: None,
            }
        };
        let pairs =
            [pair(&["first.example"]), pair(&["*.b.example"]), pair(&["a.b.example", "first.example"])];
        let chooser = Chooser::new(&pairs);
        let chosen =
            |name| pairs.iter().position(|it| Arc::ptr_eq(&it.certified, chooser.choose(name).unwrap()));
        assert_eq!(chosen(Some("a.b.example")), Some(2));
        assert_eq!(chosen(Some("x.b.example")), Some(1));
        for other in
            [None, Some("first.example"), Some("b.example"), Some("x.y.b.example"), Some("localhost")]
        {
            assert_eq!(chosen(other), Some(0), "{other:?}");
        }
        assert!(Chooser::new(&[]).choose(None).is_none());
    }
}
