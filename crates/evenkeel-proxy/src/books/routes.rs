//! What is counted of the requests of each route. Routes are known by their names, so that a reload that moves them about
//! does not mix them up; those that differ by their conditions only are counted together.

use super::PerWorker;
use super::counters::{Counters, Histogram, Times};
use super::requests::{CLASSES, class};
use evenkeel_core::name::{ListenerName, ServiceName};
use evenkeel_core::snapshot::{Listener, Snapshot};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What one worker has counted of the requests of one route.
#[derive(Debug, Default)]
pub struct RouteCounts {
    answers: Counters<CLASSES>,
    duration: Histogram,
}

impl RouteCounts {
    /// A request has come to its end, after so long; its client was told `status`.
    pub fn end(&self, status: Option<u16>, duration: Duration) {
        self.answers.count(class(status));
        self.duration.record(duration);
    }

    fn add_to(&self, sums: &mut RouteSums) {
        self.answers.add_to(&mut sums.answers);
        self.duration.add_to(&mut sums.duration);
    }
}

/// What all workers have counted of the requests of one route since it is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteSums {
    /// By what their clients were told: nothing, or a status of that class.
    pub answers: [u64; CLASSES],
    /// From the end of a head to the end of the answer.
    pub duration: Times,
}

/// The places of the routes of a service, in the order of its rules.
pub type RouteBook = Arc<[Arc<PerWorker<RouteCounts>>]>;

/// The places of the routes of a service by their names, and in its order.
#[derive(Clone, Debug, Default)]
pub struct Named {
    by_name: BTreeMap<Box<str>, Arc<PerWorker<RouteCounts>>>,
    /// In the order of its rules.
    pub book: RouteBook,
}

/// Those of all services of `snapshot` that have any, after `before`.
pub fn follow(
    snapshot: &Snapshot,
    before: Option<&BTreeMap<ServiceName, Named>>,
    workers: usize,
) -> BTreeMap<ServiceName, Named> {
    let mut services = BTreeMap::new();
    for (ListenerName { service, .. }, listener) in &snapshot.listeners {
        let names = names(listener);
        if names.is_empty() || services.contains_key(service) {
            continue;
        }
        let known = before.and_then(|before| before.get(service));
        services.insert(service.clone(), Named::follow(names, known, workers));
    }
    services
}

fn names(listener: &Listener) -> Vec<Box<str>> {
    let routes = listener.reception.http.as_ref().map(|rules| &rules.steering.routes);
    routes.into_iter().flat_map(|routes| routes.iter()).map(|(when, _)| when.to_string().into()).collect()
}

impl Named {
    fn follow(names: Vec<Box<str>>, known: Option<&Self>, workers: usize) -> Self {
        let mut by_name = BTreeMap::new();
        let place = |name: Box<str>| {
            let known = known.and_then(|known| known.by_name.get(&name)).cloned();
            let place = || known.unwrap_or_else(|| Arc::new(PerWorker::new(workers)));
            Arc::clone(by_name.entry(name).or_insert_with(place))
        };
        let book = names.into_iter().map(place).collect();
        Self { by_name, book }
    }

    /// What was counted of each.
    pub fn sums(&self) -> impl Iterator<Item = (Box<str>, RouteSums)> {
        let sum = |place: &PerWorker<_>| place.sum(RouteSums::default(), RouteCounts::add_to);
        self.by_name.iter().map(move |(name, place)| (name.clone(), sum(place)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str], known: Option<&Named>) -> Named {
        Named::follow(names.iter().map(|name| (*name).into()).collect(), known, 2)
    }

    fn told(named: &Named) -> Vec<(String, u64)> {
        named.sums().map(|(name, sums)| (name.into(), sums.answers[2])).collect()
    }

    #[test]
    fn a_route_goes_on_counting_wherever_it_moves_to_and_one_that_comes_back_begins_anew() {
        let first = named(&["/a", "/b"], None);
        first.book[1].at(0).end(Some(200), Duration::ZERO);
        first.book[1].at(1).end(Some(204), Duration::ZERO);
        let second = named(&["/b", "/c"], Some(&first));
        second.book[0].at(0).end(Some(200), Duration::ZERO);
        assert_eq!(told(&second), [("/b".into(), 3), ("/c".into(), 0)]);
        let third = named(&["/c", "/a"], Some(&second));
        assert_eq!(told(&named(&["/b"], Some(&third))), [("/b".into(), 0)]);
    }

    #[test]
    fn routes_that_differ_by_conditions_only_are_counted_together() {
        let both = named(&["/a", "/a"], None);
        both.book.iter().for_each(|place| place.at(0).end(Some(200), Duration::ZERO));
        assert_eq!(told(&both), [("/a".into(), 2)]);
    }
}
