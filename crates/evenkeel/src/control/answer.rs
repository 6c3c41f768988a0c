//! Answers those who ask: shows what there is, and passes on what they want done.

use super::question::{Picture, Question, Wanted};
use super::stop::Phase;
use super::{Input, Kept, Loop};
use crate::config::{LogFormat, Source};
use crate::logging::Notice;
use crate::sandbox;
use std::time::Instant;

impl Loop {
    pub(super) fn handle_question(&mut self, question: Question) {
        // Whoever does not wait any more needs no answer.
        match question {
            Question::Look(answer) => drop(answer.send(Box::new(self.picture()))),
            Question::Backend(key, answer) => drop(answer.send(self.explain(&key))),
            Question::Candidates(pool, at, answer) => drop(answer.send(self.candidates(&pool, at))),
            Question::Ended(sought, answer) => {
                let noteworthy_only = self.control.settings.log.format == LogFormat::Off;
                drop(answer.send(Kept { noteworthy_only, ..self.past.recent.find(&sought) }));
            }
            Question::Visit(visit, order) => {
                self.log_order(order);
                self.control.plane.visit(visit);
            }
            Question::Events(answer) => drop(answer.send(self.control.log.follow())),
            Question::Config(answer) => drop(answer.send(self.control.director.config())),
            Question::Reload(order, answer) => {
                self.log_order(Some(order));
                self.load_again(Some(answer));
            }
            Question::Upgrade(binary, wanted, answer) => self.upgrade_for(binary, wanted, answer),
            Question::Order(order, by, answer) => drop(answer.send(self.carry_out(order, by))),
            Question::Plan(loaded, answer) => drop(answer.send(self.plan(*loaded))),
            Question::Apply(applied, time, wanted, answer) => {
                drop(answer.send(self.apply(*applied, time, wanted)));
            }
            Question::Confirm(wanted, answer) => drop(answer.send(self.confirm(wanted))),
            Question::Reopen(wanted, answer) => {
                self.log_order(Some(wanted));
                drop(answer.send(self.reopen_log()));
            }
            Question::Differences(answer) => {
                let director = &self.control.director;
                drop(answer.send((director.differences(), director.agreements())));
            }
        }
    }

    /// Whatever somebody wants done is in the log, with who wants it.
    pub(super) fn log_order(&mut self, order: Option<Wanted>) {
        if let Some(order) = order {
            self.control.log.tell(Notice::Ordered { what: order.what, by: order.by });
        }
    }

    fn picture(&self) -> Picture {
        let (control, now) = (&self.control, Instant::now());
        Picture {
            now,
            snapshot: control.plane.snapshot().cloned().unwrap_or_default(),
            views: control.director.views(now),
            unresolved: control.director.unknown_names(),
            duties: control.director.duties().into_iter().collect(),
            bound: control.plane.bound().into_iter().collect(),
            totals: control.plane.totals(),
            services: control.plane.services(),
            routes: control.plane.routes(),
            backends: control.plane.backends(),
            checks: self.past.checks.clone(),
            phase: match self.phase {
                Phase::Running => "running",
                Phase::LameDuck(_) => "lame-duck",
                Phase::Draining(_) => "draining",
            },
            started: self.started,
            workers: control.workers,
            max_sessions: control.max_sessions,
            sandbox: control.sandbox.clone(),
            calls_refused: sandbox::refused().0,
            lines_dropped: self.dropped() + control.log.lost(),
            lines_left_out: control.log.left_out(),
            reloads: self.reloads.clone(),
            file: control.source.as_ref().and_then(Source::file),
            certificates: control.keys.material.shown(),
            obtained: self.obtained(),
            trial: self.trial.as_ref().map(|it| it.left(Instant::now())),
            upgrade_timeout: control.settings.upgrade_timeout,
        }
    }
}

/// A question for the loop.
impl From<Question> for Input {
    fn from(question: Question) -> Self {
        Self::Asked(question)
    }
}
