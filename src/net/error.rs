//! What can go wrong between us and a server, in words that hold no secret.

use std::path::PathBuf;

/// A request that brought no usable answer. URLs are shown without credentials, excerpts without the secrets of the request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetError {
    /// The CA bundle of the configuration cannot be used.
    #[error("cannot use the CA bundle {}: {why}; `ca_file` must name a readable file of PEM certificates", path.display())]
    CaFile {
        /// The configured path.
        path: PathBuf,
        /// What the system or the parser said.
        why: String,
    },
    /// The client could not be made.
    #[error(
        "cannot set up TLS: {why}; are the system's CA certificates installed (package ca-certificates)?"
    )]
    Setup {
        /// What the TLS library said.
        why: String,
    },
    /// A header cannot be sent.
    #[error(
        "the value of header {name} has characters that HTTP does not allow; is there a line break in the secret's file?"
    )]
    Header {
        /// Its name.
        name: &'static str,
    },
    /// What logs us in cannot be had.
    #[error("{why}")]
    Secret {
        /// Which file, and what is wrong with it.
        why: String,
    },
    /// No connection, or it broke off.
    #[error(
        "{method} {url}: {why} (tried {attempts} times); is the address right, and does the service run?"
    )]
    Transport {
        /// GET, POST.
        method: String,
        /// Without secrets.
        url: String,
        /// The chain of causes.
        why: String,
        /// How often it was sent.
        attempts: u32,
    },
    /// The answer did not end in time.
    #[error(
        "{method} {url}: no complete answer within {seconds} s; the service is overloaded or hangs, or `timeout_s` is too short for this list"
    )]
    Timeout {
        /// GET, POST.
        method: String,
        /// Without secrets.
        url: String,
        /// The limit for the whole request.
        seconds: u64,
    },
    /// The body is larger than allowed, as sent or once unpacked.
    #[error(
        "{method} {url}: the answer is larger than {cap} bytes and was cut off; raise `body_max_bytes` or lower `page_size`"
    )]
    TooLarge {
        /// GET, POST.
        method: String,
        /// Without secrets.
        url: String,
        /// The cap in bytes.
        cap: u64,
    },
    /// The server answered with an error.
    #[error("{method} {url}: status {status}: {excerpt}; {hint}")]
    Status {
        /// GET, POST.
        method: String,
        /// Without secrets.
        url: String,
        /// HTTP status.
        status: u16,
        /// The beginning of the body as one line of text.
        excerpt: String,
        /// The way out.
        hint: String,
    },
    /// The body is not what it should be.
    #[error("{method} {url}: {what}: {why}; the body begins: {excerpt}")]
    Shape {
        /// GET, POST.
        method: String,
        /// Without secrets.
        url: String,
        /// What was expected.
        what: String,
        /// What the parser said.
        why: String,
        /// The beginning of the body as one line of text.
        excerpt: String,
    },
}

impl NetError {
    /// The HTTP status, where there was one.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }
}
