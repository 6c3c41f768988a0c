//! A link in use, by one request.

use super::http2::Failed;
use super::link::Link;
use super::links::Links;
use super::port::Port;
use crate::reactor::Row;
use crate::tls::Tunnel;
use evenkeel_core::http::rules::LinkRules;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Instant;

/// The use of a link. When it is dropped the link gets no further requests, and is closed once those that it has are over;
/// unless it is to be kept.
pub struct Lease<'a> {
    links: &'a Links,
    /// The link.
    pub link: Rc<Link>,
    /// Whether it has served before.
    pub is_reused: bool,
    /// By which number the link knows the request.
    request: u64,
    /// By which rules the link goes on, if it does.
    keep: Option<(LinkRules, Instant)>,
}

impl<'a> Lease<'a> {
    /// Of `link`, one of `links`, for a request of the session at `user`.
    pub fn new(links: &'a Links, link: Rc<Link>, user: Row, is_reused: bool) -> Self {
        let request = link.begin(user);
        Self { links, link, is_reused, request, keep: None }
    }

    /// Does `work` with where the bytes of the request go, and those of its answer come from.
    pub fn with_port<T>(&self, work: impl FnOnce(&mut Port<'_>) -> T) -> T {
        let (done, is_due) = self.link.with_port(self.request, work);
        if is_due {
            self.links.note_due(&self.link);
        }
        done
    }

    /// Whether what it is to carry is out of our hands.
    pub fn is_flushed(&self) -> bool {
        self.link.is_flushed(self.request)
    }

    /// Why the request comes to nothing, as far as a connection of HTTP/2 knows.
    pub fn failed(&self) -> Option<Failed> {
        self.link.failed(self.request)
    }

    /// Lets the link go on without the request: it has others, or waits for them if there is room for it and it has said
    /// nothing that it should not.
    pub fn keep(&mut self, rules: &LinkRules, now: Instant) {
        self.keep = Some((*rules, now));
    }

    /// The socket, and what is spoken through that; from now on the session's, and no link any more.
    pub fn into_parts(self) -> Option<(OwnedFd, Option<Tunnel>)> {
        let link = Rc::clone(&self.link);
        drop(self);
        Rc::try_unwrap(link).ok()?.into_parts()
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.links.part(&self.link, self.request, self.keep);
    }
}
