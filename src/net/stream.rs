//! An answer read as it comes: lists too long to be held, and watches that last.

use super::{Dated, NetError, Reply, Tally, redact};
use bytes::{Bytes, BytesMut};
use std::time::Duration;

/// An answer that is read piece by piece.
#[derive(Debug)]
pub struct Stream {
    response: reqwest::Response,
    /// When it was made.
    pub date: Dated,
    method: String,
    url: String,
    secrets: Vec<String>,
    line_max_bytes: u64,
    line: BytesMut,
    done: bool,
}

/// What came of a request for a stream.
#[derive(Debug)]
pub enum Opened {
    /// 2xx.
    Stream(Stream),
    /// Anything else, read whole.
    Refused(Reply),
}

/// What a stream gave.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// A line, without its end; never an empty one.
    Line(Bytes),
    /// It ended, in whatever way: all whole lines have been given.
    End,
    /// Nothing came for so long.
    Silence,
}

impl Stream {
    pub(super) fn new(
        response: reqwest::Response,
        date: Dated,
        method: String,
        url: String,
        secrets: Vec<String>,
        line_max_bytes: u64,
    ) -> Self {
        Self {
            response,
            date,
            method,
            url,
            secrets,
            line_max_bytes,
            line: BytesMut::new(),
            done: false,
        }
    }

    /// The next line. Waits for it no longer than `silence`.
    ///
    /// # Errors
    /// [`NetError::TooLarge`] for a line beyond the cap.
    pub async fn line(&mut self, silence: Duration, tally: &Tally) -> Result<Next, NetError> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.line) {
                let mut line = self.line.split_to(end + 1);
                line.truncate(end);
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                return Ok(Next::Line(line.freeze()));
            }
            if self.done {
                return Ok(Next::End);
            }
            match tokio::time::timeout(silence, self.response.chunk()).await {
                Err(_) => return Ok(Next::Silence),
                Ok(Ok(Some(piece))) => {
                    tally.received(piece.len());
                    self.line.extend_from_slice(&piece);
                    if u64::try_from(self.line.len()).unwrap_or(u64::MAX) > self.line_max_bytes
                        && memchr::memchr(b'\n', &self.line).is_none()
                    {
                        return Err(self.too_large());
                    }
                }
                // A watch that is cut is as good as one that ends: what was whole is used, what was not comes again.
                Ok(Ok(None) | Err(_)) => self.done = true,
            }
        }
    }

    fn too_large(&self) -> NetError {
        NetError::TooLarge {
            method: self.method.clone(),
            url: self.url.clone(),
            cap: self.line_max_bytes,
        }
    }

    /// An error about a line's shape.
    #[must_use]
    pub fn shape(&self, line: &[u8], what: &str, why: &str) -> NetError {
        NetError::Shape {
            method: self.method.clone(),
            url: self.url.clone(),
            what: format!("expected {what}"),
            why: redact::hide(why, &self.secrets),
            excerpt: redact::excerpt(line, &self.secrets),
        }
    }
}
