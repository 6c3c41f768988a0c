//! The body of a toy server's answer: a text, or so many bytes of filling.

use hyper::body::{Body, Bytes, Frame, SizeHint};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

const FILLING: &[u8] = &[b'x'; 64 * 1024];

/// A text, then filling.
pub struct Answer {
    text: Bytes,
    filling: u64,
}

impl Answer {
    /// This text.
    pub fn text(text: impl Into<Bytes>) -> Self {
        Self { text: text.into(), filling: 0 }
    }

    /// So many bytes.
    pub fn bytes(count: u64) -> Self {
        Self { text: Bytes::new(), filling: count }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let text = std::mem::take(&mut self.text);
        if !text.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(text))));
        }
        let count = self.filling.min(FILLING.len() as u64);
        self.filling -= count;
        let frame = Frame::data(Bytes::from_static(&FILLING[..count as usize]));
        Poll::Ready((count > 0).then_some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.text.is_empty() && self.filling == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.text.len() as u64 + self.filling)
    }
}
