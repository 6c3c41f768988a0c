//! Which route a request takes, among few and many.

use crate::timing::Bench;
use evenkeel_core::http::route::{Asked, RouteTable, When};

/// A table, and whose turn it is.
struct Turn {
    table: RouteTable,
    hosts: Vec<String>,
    paths: Vec<String>,
    number: usize,
}

pub fn cases(bench: &mut Bench) {
    for count in [1, 10, 1_000, 100_000] {
        bench.case(
            &format!("http: route by host of {count}"),
            || Turn::new(count, false, "/a/b?c"),
            Turn::next,
        );
        bench.case(&format!("http: route by path of {count}"), || Turn::new(count, true, "/x/y"), Turn::next);
    }
    bench.case("http: route by odd path of 1000", || Turn::new(1_000, true, "/x;z/../%61b%2fy"), Turn::next);
}

impl Turn {
    fn new(count: usize, by_path: bool, behind: &str) -> Self {
        let name = |number: usize| format!("host{number}");
        let when = |number: usize| match by_path {
            true => When { path: format!("/api/{}/*", name(number)).parse().ok(), ..When::default() },
            false => When { host: format!("{}.example.com", name(number)).parse().ok(), ..When::default() },
        };
        let table = RouteTable::new((0..count).map(when).collect()).expect("all are different");
        let hosts = (0..count).map(|number| format!("{}.example.com", name(number))).collect();
        let paths = (0..count).map(|number| format!("/api/{}{behind}", name(number))).collect();
        Self { table, hosts, paths, number: 0 }
    }

    fn next(&mut self) -> Option<usize> {
        self.number = (self.number + 7_919) % self.hosts.len();
        let asked = Asked {
            method: b"GET",
            host: Some(self.hosts[self.number].as_bytes()),
            target: self.paths[self.number].as_bytes(),
            fields: &Vec::new(),
            client: None,
        };
        self.table.choose(&asked).ok()?.route
    }
}
