//! Files that list networks: one on a line, blank lines, and comments from `#` or, as some published blocklists have
//! it, `;` to the end of the line. Lines may end as on Windows.

use crate::network::{Network, NetworkError};
use std::fmt;

/// Networks in one list at most.
pub const NETWORKS_MAX: usize = 1_000_000;

/// Problems of one list that are told; the others are counted.
const TOLD: usize = 20;

/// Characters of a line that are shown.
const SHOWN: usize = 50;

/// The networks of a list, or everything that is wrong with it: a list is taken whole or not at all, as half a
/// blocklist, or half of those who are allowed, helps nobody.
pub fn parse_list(list: &[u8]) -> Result<Vec<Network>, ListProblems> {
    let list = list.strip_prefix(b"\xef\xbb\xbf").unwrap_or(list);
    let (mut networks, mut problems) = (Vec::new(), ListProblems::default());
    for (number, line) in (1..).zip(list.split(|byte| *byte == b'\n')) {
        match parse_line(line) {
            Ok(Some(_)) if networks.len() == NETWORKS_MAX => {
                problems.note(number, line, Mistake::TooMany);
                break;
            }
            Ok(network) => networks.extend(network),
            Err(error) => problems.note(number, line, Mistake::NoNetwork(error)),
        }
    }
    if problems.told.is_empty() { Ok(networks) } else { Err(problems) }
}

fn parse_line(line: &[u8]) -> Result<Option<Network>, NetworkError> {
    let text = line.split(|byte| b"#;".contains(byte)).next().unwrap_or_default().trim_ascii();
    if text.is_empty() {
        return Ok(None);
    }
    std::str::from_utf8(text).map_err(|_| NetworkError::NotAnAddress)?.parse().map(Some)
}

/// What is wrong with a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListProblems {
    /// The first of them, by line; never none.
    pub told: Vec<ListProblem>,
    /// How many more there are.
    pub more: usize,
}

impl ListProblems {
    fn note(&mut self, line: usize, text: &[u8], mistake: Mistake) {
        if self.told.len() == TOLD {
            self.more += 1;
            return;
        }
        let text: String = String::from_utf8_lossy(text.trim_ascii()).chars().take(SHOWN).collect();
        self.told.push(ListProblem { line, text, mistake });
    }
}

/// A line that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListProblem {
    /// The first is 1.
    pub line: usize,
    /// How the line begins.
    pub text: String,
    /// What is wrong with it.
    pub mistake: Mistake,
}

/// What can be wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// It is no network.
    NoNetwork(NetworkError),
    /// There are [`NETWORKS_MAX`] before it.
    TooMany,
}

/// `line 7: "10.0.0.1/8": the address is inside the network: write 10.0.0.0/8`.
impl fmt::Display for ListProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // As debug output: what a file holds must not reach a terminal as it is.
        write!(f, "line {}: {:?}: ", self.line, self.text)?;
        match self.mistake {
            Mistake::NoNetwork(error) => error.fmt(f),
            Mistake::TooMany => write!(f, "more than {NETWORKS_MAX} networks"),
        }
    }
}

/// One line for each.
impl fmt::Display for ListProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.told.iter().map(ListProblem::to_string).collect();
        f.write_str(&lines.join("\n"))?;
        if self.more > 0 {
            write!(f, "\nand {} more", self.more)?;
        }
        Ok(())
    }
}

impl std::error::Error for ListProblems {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(list: &[u8]) -> String {
        match parse_list(list) {
            Ok(networks) => networks.iter().map(Network::to_string).collect::<Vec<_>>().join(" "),
            Err(problems) => problems.to_string(),
        }
    }

    #[test]
    fn one_network_on_a_line_with_comments_and_windows_ends() {
        assert_eq!(
            shown(b"# ours\r\n10.0.0.0/8\r\n\r\n 192.0.2.1\t# door\n::1 ; loop\n\n2001:db8::/32"),
            "10.0.0.0/8 192.0.2.1 ::1 2001:db8::/32"
        );
        assert_eq!(shown(b"\xef\xbb\xbf10.0.0.0/8\n"), "10.0.0.0/8", "a mark that Windows puts first");
        assert_eq!(shown(b""), "");
    }

    #[test]
    fn every_wrong_line_is_told_and_nothing_is_taken() {
        assert_eq!(
            shown(b"10.0.0.0/8\n10.0.0.1/8\n\nten\x1b[0m\n::/129\n\xff\n"),
            "line 2: \"10.0.0.1/8\": the address is inside the network: write 10.0.0.0/8\n\
             line 4: \"ten\\u{1b}[0m\": not an IP address or network, as 10.0.0.0/8\n\
             line 5: \"::/129\": the address has only 128 bits\n\
             line 6: \"\u{fffd}\": not an IP address or network, as 10.0.0.0/8"
        );
    }

    #[test]
    fn many_problems_and_long_lines_are_told_in_short() {
        let problems = parse_list("x".repeat(1000).as_bytes()).unwrap_err();
        assert_eq!(problems.told[0].text.len(), SHOWN);
        let problems = parse_list(&b"x\n".repeat(1000)).unwrap_err();
        assert_eq!((problems.told.len(), problems.more), (TOLD, 1000 - TOLD));
        assert!(problems.to_string().ends_with("\nand 980 more"));
    }

    #[test]
    fn a_list_has_an_end() {
        let line = b"::1\n";
        assert_eq!(parse_list(&line.repeat(NETWORKS_MAX)).map(|networks| networks.len()), Ok(NETWORKS_MAX));
        let problems = parse_list(&line.repeat(NETWORKS_MAX + 10)).unwrap_err();
        assert_eq!(problems.to_string(), "line 1000001: \"::1\": more than 1000000 networks");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(list in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_list(&list).map_err(|problems| problems.to_string());
        }
    }
}
