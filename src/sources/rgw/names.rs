//! Names of users and buckets, page by page.

use super::session::Session;
use crate::{
    net::{Dated, Reply, Tally},
    sources::SourceError,
};
use serde::Deserialize;
use std::collections::BTreeSet;

/// A page of a metadata list: bare where all of it was asked for, and `truncated` is a word in older releases.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Page {
    Whole(Vec<String>),
    Part {
        keys: Vec<String>,
        #[serde(default)]
        truncated: Truth,
        #[serde(default)]
        marker: String,
    },
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Truth {
    Is(bool),
    Says(String),
}

impl Default for Truth {
    fn default() -> Self {
        Self::Is(false)
    }
}

impl Page {
    /// The names, and where the next page begins, if there is one.
    pub(super) fn parts(self) -> (Vec<String>, Option<String>) {
        match self {
            Self::Whole(keys) => (keys, None),
            Self::Part {
                keys,
                truncated,
                marker,
            } => {
                let more = match truncated {
                    Truth::Is(more) => more,
                    Truth::Says(word) => word == "true",
                };
                (keys, Some(marker).filter(|m| more && !m.is_empty()))
            }
        }
    }
}

/// All names of a metadata section (`user`, `bucket`), and the date of the first answer.
pub(super) async fn all(
    session: &Session,
    section: &str,
    page_size: u32,
    tally: &Tally,
) -> Result<(BTreeSet<String>, Dated), SourceError> {
    let mut names = BTreeSet::new();
    let mut markers = BTreeSet::new();
    let mut marker = String::new();
    let mut first = None;
    loop {
        let reply = page(session, section, page_size, &marker, tally).await?;
        let date = *first.get_or_insert(reply.date);
        let page: Page = reply.json("a list of names")?;
        let (keys, next) = page.parts();
        names.extend(keys);
        let Some(next) = next else {
            return Ok((names, date));
        };
        if !markers.insert(next.clone()) {
            return Err(SourceError::Paging {
                url: format!("/admin/metadata/{section}"),
                why: "the gateway leads from one page back to an earlier one; the list is not complete".to_owned(),
            });
        }
        marker = next;
    }
}

/// One page.
pub(super) async fn page(
    session: &Session,
    section: &str,
    page_size: u32,
    marker: &str,
    tally: &Tally,
) -> Result<Reply, SourceError> {
    let size = page_size.to_string();
    let query = [
        ("format", "json"),
        ("marker", marker),
        ("max-entries", &*size),
    ];
    // An empty marker is not the same as none to every release.
    let query: Vec<_> = query
        .into_iter()
        .filter(|(name, value)| *name != "marker" || !value.is_empty())
        .collect();
    session
        .get(&format!("/metadata/{section}"), &query, tally)
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (usize, Option<String>) {
        let page: Page = serde_json::from_str(text).unwrap();
        let (keys, marker) = page.parts();
        (keys.len(), marker)
    }

    #[test]
    fn recorded_lists_of_names() {
        assert_eq!(
            parts(include_str!(
                "../../../tests/captures/ceph/metadata_user_list.json"
            )),
            (7, None)
        );
        let (keys, marker) = parts(include_str!(
            "../../../tests/captures/ceph/metadata_user_paged.json"
        ));
        assert_eq!(
            (keys, marker.map(|m| m.starts_with("NjoyZjMx"))),
            (3, Some(true)),
            "16: truncated is a word"
        );
        let (keys, marker) = parts(include_str!(
            "../../../tests/captures/ceph/reef/metadata_user.json"
        ));
        assert_eq!((keys, marker.is_some()), (3, true), "18");
        assert_eq!(
            parts(r#"{"keys":["a"],"truncated":"false","count":1}"#),
            (1, None)
        );
    }
}
