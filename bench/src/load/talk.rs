//! One exchange as connections repeat it: what is sent, and what has to come back.

use crate::http;
use crate::wish::{self, Wish};
use anyhow::{Result, ensure};

/// What is said on a connection.
#[derive(Clone, Debug)]
pub struct Talk {
    /// The bytes to send; sent again as they are, they are the next request.
    pub request: Vec<u8>,
    reply: Reply,
}

/// A reply under way.
#[derive(Clone, Debug)]
pub enum Reply {
    /// So many bytes that have not come yet.
    Bytes(usize),
    /// An answer of HTTP.
    Http(http::Answer),
}

impl Talk {
    /// `request` bytes that ask for `reply` bytes.
    pub fn wish(request: u32, reply: u32) -> Self {
        let mut bytes = Wish::Exchange { request, reply }.encode().to_vec();
        bytes.resize((request as usize).max(wish::LENGTH), b'q');
        Self { request: bytes, reply: Reply::Bytes(reply as usize) }
    }

    /// A GET of an answer with so many bytes, on a connection that `stays` open or not.
    pub fn http(bytes: u32, stays: bool) -> Self {
        Self { request: http::request(bytes, stays), reply: Reply::Http(http::Answer::new(bytes, stays)) }
    }

    /// The reply, of which nothing has come yet.
    pub fn reply(&self) -> Reply {
        self.reply.clone()
    }
}

impl Reply {
    /// Whether it is complete with these bytes.
    pub fn on_received(&mut self, bytes: &[u8]) -> Result<bool> {
        match self {
            Self::Bytes(unread) => {
                ensure!(bytes.len() <= *unread, "more bytes than a reply has");
                *unread -= bytes.len();
                Ok(*unread == 0)
            }
            Self::Http(answer) => answer.on_received(bytes),
        }
    }
}
