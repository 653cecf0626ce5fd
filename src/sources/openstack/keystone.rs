//! Projects, with their domains and tags: the scopes that own what is metered.
//!
//! API: <https://docs.openstack.org/api-ref/identity/v3/#list-projects>.

use super::{
    super::SourceError,
    item::sightings,
    run::{Fault, Run},
    service::Service,
    session::Session,
};
use crate::domain::{
    Aspect, Known, Memory, Value,
    fact::kind,
    memory::{Remembered, Sighted, Sightings},
    tenancy::attr,
};
use crate::net::{Reply, Tally};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashMap, HashSet};
use url::Url;

/// More pages than this are not believed.
const PAGES_MAX: usize = 10_000;

#[derive(Deserialize)]
struct Project {
    id: String,
    name: String,
    domain_id: Option<String>,
    #[serde(default = "yes")]
    enabled: bool,
    #[serde(default)]
    tags: Vec<String>,
}

const fn yes() -> bool {
    true
}

#[derive(Deserialize)]
struct Domain {
    id: String,
    name: String,
}

#[derive(Deserialize)]
struct Links {
    next: Option<String>,
}

/// The next page of a list; its address is put on our own, which may differ from the one that Keystone knows itself by.
async fn page(
    session: &Session,
    list: &str,
    query: &str,
    tally: &Tally,
) -> Result<(Reply, Vec<Box<RawValue>>, Option<String>), SourceError> {
    let reply = session
        .get(Service::Identity, &format!("/{list}{query}"), tally)
        .await?;
    let (items, next) = {
        let body: HashMap<String, &RawValue> = reply.json(&format!("a list of {list}"))?;
        let items = body
            .get(list)
            .ok_or_else(|| reply.shape(&format!("a list of {list}"), "there is no such key"))?;
        let items = serde_json::from_str(items.get())
            .map_err(|e| reply.shape(&format!("an array of {list}"), &e.to_string()))?;
        let links: Option<Links> = body
            .get("links")
            .map(|l| {
                serde_json::from_str(l.get())
                    .map_err(|e| reply.shape("links of a list", &e.to_string()))
            })
            .transpose()?;
        let next = links
            .and_then(|l| l.next)
            .and_then(|n| Url::parse(&n).ok())
            .and_then(|n| n.query().map(|q| format!("?{q}")));
        (items, next)
    };
    Ok((reply, items, next))
}

fn repeats(list: &str, seen: &mut HashSet<String>, next: &str) -> Result<(), SourceError> {
    if seen.insert(next.to_owned()) && seen.len() < PAGES_MAX {
        return Ok(());
    }
    Err(SourceError::Paging {
        url: format!("/{list}"),
        why: format!("the pages lead back to {next}; the list has no end"),
    })
}

fn read<T: DeserializeOwned>(reply: &Reply, what: &str, item: &RawValue) -> Result<T, SourceError> {
    serde_json::from_str(item.get()).map_err(|e| reply.shape(what, &e.to_string()).into())
}

/// Names of domains by id.
async fn domains(
    session: &Session,
    tally: &Tally,
) -> Result<BTreeMap<String, String>, SourceError> {
    let (mut names, mut query, mut seen) = (BTreeMap::new(), String::new(), HashSet::new());
    loop {
        let (reply, items, next) = page(session, "domains", &query, tally).await?;
        for item in &items {
            let domain: Domain = read(&reply, "a domain as documented", item)?;
            names.insert(domain.id, domain.name);
        }
        let Some(next) = next else { return Ok(names) };
        repeats("domains", &mut seen, &next)?;
        query = next;
    }
}

/// Ids of all projects, enabled or not.
pub(super) async fn ids(session: &Session, tally: &Tally) -> Result<Vec<String>, SourceError> {
    let (mut ids, mut query, mut seen) = (Vec::new(), String::new(), HashSet::new());
    loop {
        let (reply, items, next) = page(session, "projects", &query, tally).await?;
        for item in &items {
            let project: Project = read(&reply, "a project as documented", item)?;
            ids.push(project.id);
        }
        let Some(next) = next else { return Ok(ids) };
        repeats("projects", &mut seen, &next)?;
        query = next;
    }
}

/// Reads every project; those that differ from what is remembered become sightings.
pub(super) async fn projects(
    session: &Session,
    memory: &mut Memory,
    run: &mut Run<'_>,
) -> Result<(), Fault> {
    // Without the right to list domains their names stay unknown; rules by domain id still hold.
    let names = match domains(session, &run.tally).await {
        Err(e) if e.status() == Some(403) => BTreeMap::new(),
        other => other?,
    };
    let (mut query, mut seen) = (String::new(), HashSet::new());
    loop {
        let (reply, items, next) = page(session, "projects", &query, &run.tally).await?;
        run.answered(reply.date, items.len());
        let mut changed = Vec::new();
        for item in &items {
            let project: Project = read(&reply, "a project as documented", item)?;
            let id = project.id.clone();
            let value = Value::Known(known(project, &names));
            let before = memory
                .open
                .get(kind::PROJECT)
                .and_then(|p| p.get(&id))
                .and_then(|r| r.sighted.get(&Aspect::Attributes));
            if before.is_some_and(|s| s.value == value) {
                continue;
            }
            let shown = BTreeMap::from([(Aspect::Attributes, value.clone())]);
            run.add(
                kind::PROJECT,
                &id,
                sightings(&shown, reply.date.at, reply.date.at),
                Some(item.get()),
            );
            changed.push((
                id,
                Sighted {
                    value,
                    at: reply.date.at,
                    seen: reply.date.at,
                },
            ));
        }
        run.hand_on().await?;
        let open = memory.open_mut(kind::PROJECT);
        for (id, sighted) in changed {
            open.insert(
                id,
                Remembered {
                    sighted: Sightings::from([(Aspect::Attributes, sighted)]),
                },
            );
        }
        let Some(next) = next else { return Ok(()) };
        repeats("projects", &mut seen, &next)?;
        query = next;
    }
}

fn known(project: Project, domains: &BTreeMap<String, String>) -> Known {
    let mut attrs = BTreeMap::from([(attr::ENABLED.to_owned(), project.enabled.to_string())]);
    if let Some(id) = project.domain_id {
        attrs.extend(
            domains
                .get(&id)
                .map(|name| (attr::DOMAIN.to_owned(), name.clone())),
        );
        attrs.insert(attr::DOMAIN_ID.to_owned(), id);
    }
    // One a line: a line feed within a tag must not make two of it.
    let mut tags: Vec<String> = project.tags.iter().map(|t| t.replace('\n', " ")).collect();
    tags.sort_unstable();
    if !tags.is_empty() {
        attrs.insert(attr::TAGS.to_owned(), tags.join("\n"));
    }
    Known {
        label: project.name,
        levels: BTreeMap::new(),
        attrs,
    }
}

/// See [`super::fuzzed::project`].
pub(super) fn fuzzed(bytes: &[u8]) -> bool {
    let Ok(project) = serde_json::from_slice::<Project>(bytes) else {
        return false;
    };
    let (name, tags) = (project.name.clone(), project.tags.clone());
    let known = known(project, &BTreeMap::new());
    assert_eq!(known.label, name);
    let lines = known
        .attrs
        .get(attr::TAGS)
        .map_or(0, |t| t.split('\n').count());
    assert_eq!(lines, tags.len(), "a tag became two, or two became one");
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_feed_makes_no_second_tag_of_one() {
        assert!(fuzzed(
            br#"{"id": "p", "name": "n", "tags": ["a\ncontract:CO-002", ""]}"#
        ));
    }

    #[test]
    fn a_recorded_project_with_domain_and_tags() {
        #[derive(Deserialize)]
        struct List {
            projects: Vec<Project>,
        }
        let text = include_str!("../../../tests/captures/openstack/keystone/projects.json");
        let web = serde_json::from_str::<List>(text)
            .unwrap()
            .projects
            .into_iter()
            .find(|p| p.name == "web")
            .unwrap();
        let domain = web.domain_id.clone().unwrap();
        let known = known(web, &BTreeMap::from([(domain.clone(), "acme".to_owned())]));
        assert_eq!(known.label, "web");
        let want = [
            (attr::DOMAIN, "acme"),
            (attr::DOMAIN_ID, &domain),
            (attr::ENABLED, "true"),
            (attr::TAGS, "cost-centre:42"),
        ];
        assert_eq!(
            known
                .attrs
                .iter()
                .map(|(k, v)| (k.as_str(), v.as_str()))
                .collect::<Vec<_>>(),
            want
        );
    }
}
