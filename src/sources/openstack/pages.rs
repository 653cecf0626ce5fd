//! Reads the paged lists of OpenStack's services, and gets out of their traps: pages that repeat, markers that vanish, lists without end.
//!
//! A page's `..._links` say whether another one follows; its marker is put on our own address, since the address in the link may be one that
//! only the inside of the cloud knows. Lists that are turned over by offset (Manila's: its links carry a marker that it does not read) end with an empty
//! page: how many items a page may have is the cloud's own affair.

use super::{super::SourceError, service::Service, session::Session};
use crate::net::{Reply, Tally};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::{HashMap, HashSet};
use url::Url;

/// A list never has more pages than this: ten million items at Nova's usual thousand.
const PAGES_MAX: u32 = 10_000;

/// One page: its items as sent.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) reply: Reply,
    pub(super) items: Vec<Item>,
}

/// One item as sent.
#[derive(Debug)]
pub(super) struct Item {
    /// Its id, if even that could be read.
    pub(super) id: Option<String>,
    /// Its JSON text.
    pub(super) body: String,
}

/// How a list is turned over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// By the marker in a page's link.
    Marker,
    /// By the number of items so far.
    Offset,
}

/// Where in a list we are.
#[derive(Debug)]
pub(super) struct Pager {
    service: Service,
    path: String,
    /// Name of the array; its links are `{key}_links` or `links`.
    key: &'static str,
    /// What the items call their id.
    id: &'static str,
    turn: Turn,
    marker: Option<String>,
    /// Items so far, repeated ones included.
    offset: usize,
    pages: u32,
    restarted: bool,
    done: bool,
    seen: HashSet<String>,
    markers: HashSet<String>,
}

#[derive(Deserialize)]
struct Link {
    rel: String,
    href: String,
}

impl Pager {
    /// `path` with its query, without marker.
    pub(super) fn new(
        service: Service,
        path: impl Into<String>,
        key: &'static str,
        id: &'static str,
    ) -> Self {
        Self {
            service,
            path: path.into(),
            key,
            id,
            turn: Turn::Marker,
            marker: None,
            offset: 0,
            pages: 0,
            restarted: false,
            done: false,
            seen: HashSet::new(),
            markers: HashSet::new(),
        }
    }

    /// The same list, turned over so.
    pub(super) const fn turning(mut self, turn: Turn) -> Self {
        self.turn = turn;
        self
    }

    /// The next page; `None` after the last. Items that an earlier page had are left out.
    pub(super) async fn next(
        &mut self,
        session: &Session,
        tally: &Tally,
    ) -> Result<Option<Page>, SourceError> {
        if self.done {
            return Ok(None);
        }
        let reply = loop {
            match session.get(self.service, &self.address(), tally).await {
                // The server that the marker names was removed between two pages. Once is bad luck.
                Err(e) if e.status() == Some(400) && self.marker.is_some() && !self.restarted => {
                    self.restart()
                }
                other => break other?,
            }
        };
        self.pages += 1;
        if self.pages > PAGES_MAX {
            return Err(self.fail(format!("more than {PAGES_MAX} pages; raise `page_size`")));
        }
        let (items, next) = self.read(&reply)?;
        let listed = items.len();
        let fresh: Vec<Item> = items
            .into_iter()
            .filter(|i| i.id.as_ref().is_none_or(|id| self.seen.insert(id.clone())))
            .collect();
        self.offset += listed;
        match next {
            _ if self.turn == Turn::Offset && listed == 0 => self.done = true,
            _ if self.turn == Turn::Offset && !fresh.is_empty() => {}
            None if self.turn == Turn::Marker => self.done = true,
            Some(_) if listed == 0 => {
                return Err(self.fail("a page is empty and yet names a next one".to_owned()));
            }
            _ if fresh.is_empty() => {
                return Err(self.fail(format!(
                    "page {} repeats items of earlier pages; the list has no end",
                    self.pages
                )));
            }
            Some(marker) if !self.markers.insert(marker.clone()) => {
                return Err(self.fail(format!(
                    "page {} leads back to marker {marker}; the list has no end",
                    self.pages
                )));
            }
            next => self.marker = next,
        }
        Ok(Some(Page {
            reply,
            items: fresh,
        }))
    }

    fn restart(&mut self) {
        self.restarted = true;
        self.marker = None;
        self.seen.clear();
        self.markers.clear();
    }

    fn address(&self) -> String {
        let joint = if self.path.contains('?') { '&' } else { '?' };
        match &self.marker {
            _ if self.turn == Turn::Offset => {
                format!("{}{joint}offset={}", self.path, self.offset)
            }
            Some(m) => {
                let m: String = url::form_urlencoded::byte_serialize(m.as_bytes()).collect();
                format!("{}{joint}marker={m}", self.path)
            }
            None => self.path.clone(),
        }
    }

    fn read(&self, reply: &Reply) -> Result<(Vec<Item>, Option<String>), SourceError> {
        let page: HashMap<String, &RawValue> = reply.json(&format!("a list of {}", self.key))?;
        let array = page.get(self.key).ok_or_else(|| {
            reply.shape(&format!("a list of {}", self.key), "there is no such key")
        })?;
        let raws: Vec<&RawValue> = serde_json::from_str(array.get())
            .map_err(|e| reply.shape(&format!("an array of {}", self.key), &e.to_string()))?;
        let items: Vec<Item> = raws
            .into_iter()
            .map(|r| Item {
                id: id_of(r.get(), self.id),
                body: r.get().to_owned(),
            })
            .collect();
        let links = page
            .get(format!("{}_links", self.key).as_str())
            .or_else(|| page.get("links"));
        let links: Vec<Link> = links
            .map(|l| {
                serde_json::from_str(l.get())
                    .map_err(|e| reply.shape("links of a list", &e.to_string()))
            })
            .transpose()?
            .unwrap_or_default();
        // Glance names the next page by itself.
        let alone = page
            .get("next")
            .and_then(|n| serde_json::from_str::<String>(n.get()).ok());
        let next = links
            .into_iter()
            .find(|l| l.rel == "next")
            .map(|l| l.href)
            .or(alone)
            .and_then(|href| marker_of(&href).or_else(|| items.last()?.id.clone()));
        Ok((items, next))
    }

    fn fail(&self, why: String) -> SourceError {
        SourceError::Paging {
            url: self.path.clone(),
            why,
        }
    }
}

pub(super) fn marker_of(href: &str) -> Option<String> {
    let base = Url::parse("http://relative/").ok()?;
    let url = base.join(href).ok()?;
    url.query_pairs()
        .find(|(n, _)| n == "marker")
        .map(|(_, v)| v.into_owned())
}

/// The id of an item of which perhaps nothing else can be read.
pub(super) fn id_of(body: &str, name: &str) -> Option<String> {
    let fields: HashMap<String, &RawValue> = serde_json::from_str(body).ok()?;
    serde_json::from_str(fields.get(name)?.get()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_taken_from_any_address() {
        assert_eq!(
            marker_of("http://inside:8774/v2.1/servers/detail?limit=5&marker=75-8").as_deref(),
            Some("75-8")
        );
        assert_eq!(marker_of("/servers?marker=a%20b").as_deref(), Some("a b"));
        assert_eq!(marker_of("/servers"), None);
    }

    #[test]
    fn an_id_is_read_from_an_item_with_wrong_types() {
        assert_eq!(
            id_of(r#"{"created": 7, "id": "x"}"#, "id").as_deref(),
            Some("x")
        );
        assert_eq!(id_of(r#"{"id": 7}"#, "id"), None);
        assert_eq!(id_of("[]", "id"), None);
    }
}
