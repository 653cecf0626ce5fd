//! What pages link to: the stylesheet and the icon, inside the binary, named by their hash.

use crate::domain::digest::sha256_hex;
use axum::{
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use std::sync::LazyLock;

/// A file in the binary.
pub(super) struct Asset {
    path: &'static str,
    kind: &'static str,
    body: &'static str,
    hash: LazyLock<String>,
}

const STYLE_BODY: &str = include_str!("assets/plimsoll.css");
const ICON_BODY: &str = include_str!("assets/plimsoll.svg");

/// The stylesheet.
pub(super) static STYLE: Asset = Asset {
    path: "/assets/plimsoll.css",
    kind: "text/css; charset=utf-8",
    body: STYLE_BODY,
    hash: LazyLock::new(|| short(STYLE_BODY)),
};

/// The mark, as the browser's tab shows it.
pub(super) static ICON: Asset = Asset {
    path: "/assets/plimsoll.svg",
    kind: "image/svg+xml",
    body: ICON_BODY,
    hash: LazyLock::new(|| short(ICON_BODY)),
};

fn short(body: &str) -> String {
    sha256_hex(body.as_bytes()).chars().take(16).collect()
}

impl Asset {
    /// Where it is, without its hash.
    pub(super) const fn path(&self) -> &'static str {
        self.path
    }

    /// The link to it: changes with its content, so that browsers may keep it for good.
    pub(super) fn href(&self) -> String {
        format!("{}?v={}", self.path, *self.hash)
    }

    /// Answers for it. `query` tells whether the hashed link was asked for.
    pub(super) fn answer(&self, headers: &HeaderMap, query: Option<&str>) -> Response {
        let etag = format!("\"{}\"", *self.hash);
        let keep = if query == Some(&format!("v={}", *self.hash)) {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        };
        let known = headers
            .get(header::IF_NONE_MATCH)
            .and_then(|v| v.to_str().ok());
        let about = [
            (header::ETAG, etag.clone()),
            (header::CACHE_CONTROL, keep.to_owned()),
        ];
        if known.is_some_and(|k| {
            k == "*"
                || k.split(',')
                    .any(|one| one.trim().trim_start_matches("W/") == etag)
        }) {
            return (StatusCode::NOT_MODIFIED, about).into_response();
        }
        (about, [(header::CONTENT_TYPE, self.kind)], self.body).into_response()
    }
}
