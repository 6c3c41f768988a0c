//! What stands before everything else until it is answered: what an order will do, in words, before it is given.

use super::answer::{Backend, Service};
use super::ask::Wanted;
use super::model::Model;
use super::view::RowId;
use super::watch::BackendId;
use crate::logging::{Took, count};
use crate::remote::Order;
use evenkeel_core::director::WEIGHT_MAX;

/// What stands before everything else.
#[derive(Clone, Debug, PartialEq)]
pub enum Dialog {
    /// What the keys do.
    Help,
    /// Shall it be done?
    Confirm {
        /// The question.
        question: String,
        /// What will happen.
        what: Vec<String>,
        /// What is asked for when the answer is yes.
        wanted: Wanted,
    },
    /// Which weight?
    Weight {
        /// Of whom.
        backend: BackendId,
        /// What was typed.
        typed: String,
    },
}

/// What can be ordered by one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Nothing new.
    Drain,
    /// Nothing at all.
    Disable,
    /// Everything again.
    Enable,
}

impl Duty {
    /// As the command is called.
    fn verb(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::Disable => "disable",
            Self::Enable => "enable",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Drain => "Drain",
            Self::Disable => "Disable",
            Self::Enable => "Enable",
        }
    }

    fn becomes_of(self, open: u64) -> String {
        match (self, open) {
            (Self::Enable, _) => String::new(),
            (_, 0) => "No session is open there.".to_owned(),
            (Self::Drain, 1) => "1 open session goes on.".to_owned(),
            (Self::Drain, open) => format!("{} go on.", sessions(open)),
            (Self::Disable, 1) => "1 open session is closed within two seconds.".to_owned(),
            (Self::Disable, open) => format!("{} are closed within two seconds.", sessions(open)),
        }
    }
}

fn sessions(open: u64) -> String {
    count(usize::try_from(open).unwrap_or(usize::MAX), "open session")
}

/// Whether the service or the backend that is chosen shall be drained, disabled or enabled.
pub fn duty(model: &Model, duty: Duty) -> Option<Dialog> {
    let status = &model.watch.status;
    if let Some(RowId::Service(name)) = model.chosen_row() {
        return Some(of_service(status.service(&name)?, duty));
    }
    let backend = find(model, &model.chosen_backend()?)?;
    Some(of_backend(model, backend, duty))
}

fn find<'a>(model: &'a Model, (pool, addr): &BackendId) -> Option<&'a Backend> {
    model.watch.status.pool(pool)?.backends.iter().find(|it| it.addr == *addr)
}

fn of_service(service: &Service, duty: Duty) -> Dialog {
    let listeners = service.listeners.join(", ");
    let effect = match duty {
        Duty::Enable => format!("It listens on {listeners}, and takes new sessions."),
        Duty::Drain | Duty::Disable => {
            format!("It no longer listens on {listeners}: new clients are refused.")
        }
    };
    let order = Order::Duty { verb: duty.verb(), name: service.name.clone(), backend: None };
    confirm(
        format!("{} service {}?", duty.title(), service.name),
        [effect, duty.becomes_of(service.open)],
        Wanted::Order(order),
    )
}

fn of_backend(model: &Model, backend: &Backend, duty: Duty) -> Dialog {
    let effect = match duty {
        Duty::Enable => "It gets new sessions again, few at first as `slow-start` says.",
        Duty::Drain | Duty::Disable => "It gets no new sessions.",
    };
    let is_last = duty != Duty::Enable && is_last(model, backend);
    let last = if is_last {
        "It is the last one that takes traffic: new sessions will find no backend."
    } else {
        ""
    };
    let (name, addr) = (backend.pool.clone(), backend.addr.clone());
    confirm(
        format!("{} {addr} in pool {name}?", duty.title()),
        [effect.to_owned(), duty.becomes_of(backend.open), last.to_owned()],
        Wanted::Order(Order::Duty { verb: duty.verb(), name, backend: Some(addr) }),
    )
}

fn is_last(model: &Model, backend: &Backend) -> bool {
    let pool = model.watch.status.pool(&backend.pool);
    let others = pool.into_iter().flat_map(|it| &it.backends).filter(|it| it.addr != backend.addr);
    backend.takes_traffic && !others.into_iter().any(|it| it.takes_traffic)
}

/// Which weight the backend that is chosen shall have.
pub fn weight(model: &Model) -> Option<Dialog> {
    let backend = model.chosen_backend()?;
    find(model, &backend)?;
    Some(Dialog::Weight { backend, typed: String::new() })
}

/// Whether it shall have the weight that was typed.
pub fn set_weight(model: &Model, id: &BackendId, typed: &str) -> Option<Dialog> {
    let backend = find(model, id)?;
    let weight: u32 = typed.parse().ok().filter(|it| *it <= WEIGHT_MAX)?;
    let none = if weight == 0 { "With 0 it gets no new sessions; those that are open go on." } else { "" };
    let (name, addr) = id.clone();
    // While an operator keeps it out, what is told is 0 and not its weight.
    let is_out = matches!(&*backend.state, "drain" | "disabled");
    let from = if is_out { String::new() } else { format!(" from {}", backend.weight) };
    Some(confirm(
        format!("Set the weight of {addr} in pool {name}{from} to {weight}?"),
        [none.to_owned(), "It holds until the file says another weight.".to_owned()],
        Wanted::Order(Order::Weight { name, backend: addr, weight }),
    ))
}

/// Whether the session that is chosen shall be closed.
pub fn close(model: &Model) -> Option<Dialog> {
    let Some(RowId::Session(id)) = model.chosen_row() else { return None };
    let session = model.sessions()?.list.iter().find(|it| it.id == id)?;
    Some(confirm(
        format!("Close session {id} of client {}?", session.client),
        [
            format!("{} accepted it {} ago.", session.service, Took(session.age)),
            "Client and backend see their connections end at once.".to_owned(),
        ],
        Wanted::Close(id),
    ))
}

fn confirm(question: String, what: impl IntoIterator<Item = String>, wanted: Wanted) -> Dialog {
    Dialog::Confirm { question, what: what.into_iter().filter(|it| !it.is_empty()).collect(), wanted }
}
