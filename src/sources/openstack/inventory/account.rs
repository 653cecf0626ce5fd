//! Swift: what each project's account holds, by storage policy.
//!
//! API: <https://docs.openstack.org/api-ref/object-store/#show-account-metadata>. There is no list: the headers of each project's account are asked for,
//! with the role of a reseller's administrator. Nobody tells when a byte came: a level holds from when it was seen until another one was.

use super::{
    super::{super::SourceError, service::Service, session::Session},
    List, Offer, Origin, Probe,
    item::Item,
    read::Answer,
};
use crate::{
    domain::{Aspect, Known, Value, fact::kind},
    net::Tally,
};
use std::collections::BTreeMap;

pub(super) const OFFER: Offer = Offer {
    service: Service::ObjectStore,
    names: &[],
    lists: &[List {
        name: "accounts",
        kind: kind::ACCOUNT,
        origin: Origin::Accounts,
    }],
    probe: Probe::Account,
};

/// A project that nobody has.
const NOBODY: &str = "00000000000000000000000000000000";

/// The project of an account's part.
pub(super) fn project_of(id: &str) -> &str {
    id.split('/').next().unwrap_or(id)
}

/// Asks for the account of a project, by its id or by that of a part of its account.
pub(super) async fn ask(session: &Session, id: &str, tally: &Tally) -> Result<Answer, SourceError> {
    let project = project_of(id);
    let path = address(session, project, tally).await?;
    let reply = session.head(Service::ObjectStore, &path, tally).await?;
    let headers = reply.headers.iter().filter_map(|(name, value)| {
        let value = value.to_str().ok()?;
        Some((name.as_str(), value))
    });
    let parts =
        parts(project, headers).map_err(|why| reply.shape("the headers of an account", &why))?;
    Ok(Answer::Shown(parts, reply.date))
}

/// May we ask for the account of any project? Whether it is there does not matter.
pub(super) async fn proof(session: &Session, tally: &Tally) -> Result<(), SourceError> {
    let path = address(session, NOBODY, tally).await?;
    match session.head(Service::ObjectStore, &path, tally).await {
        Err(e) if e.status() == Some(404) => Ok(()),
        other => other.map(drop),
    }
}

async fn address(session: &Session, project: &str, tally: &Tally) -> Result<String, SourceError> {
    let login = session.login(tally).await?;
    let endpoint = login.endpoint(Service::ObjectStore)?;
    match &login.account_prefix {
        Some(prefix) => Ok(format!("/{prefix}{project}")),
        None => Err(SourceError::Version {
            url: endpoint.to_string(),
            why: "this endpoint of the catalogue does not name the project's account, so the accounts of other projects have no address; let it end in \
                  AUTH_%(project_id)s, or leave object-store out of `services`"
                .to_owned(),
        }),
    }
}

/// The parts of an account, one for each storage policy; one for all where the headers tell of none. Policies are named in small letters: in the names of
/// headers, case means nothing.
pub(super) fn parts<'a>(
    project: &str,
    headers: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<Vec<Item>, String> {
    let told: BTreeMap<String, &str> = headers
        .filter(|(name, _)| name.len() >= PREFIX.len() && name.is_ascii())
        .filter(|(name, _)| name[..PREFIX.len()].eq_ignore_ascii_case(PREFIX))
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .collect();
    let mut policies: Vec<&str> = told
        .keys()
        .filter_map(|name| {
            name.strip_prefix(PREFIX)?
                .strip_prefix("storage-policy-")?
                .strip_suffix("-bytes-used")
        })
        .collect();
    policies.sort_unstable();
    if policies.is_empty() {
        return Ok(vec![part(project, None, &told)?]);
    }
    policies
        .into_iter()
        .map(|policy| part(project, Some(policy), &told))
        .collect()
}

const PREFIX: &str = "x-account-";

fn part(
    project: &str,
    policy: Option<&str>,
    told: &BTreeMap<String, &str>,
) -> Result<Item, String> {
    let within = policy.map_or(String::new(), |p| format!("storage-policy-{p}-"));
    let number = |what: &str| {
        let name = format!("{PREFIX}{within}{what}");
        let value = told
            .get(&name)
            .ok_or_else(|| format!("there is no {name}"))?;
        let number = value.trim().parse::<i64>().ok().filter(|n| *n >= 0);
        number.ok_or_else(|| format!("{name} is `{value}`, which is no number of them"))
    };
    let size = Known {
        label: policy.unwrap_or_default().to_owned(),
        levels: BTreeMap::from([
            ("capacity_bytes".to_owned(), number("bytes-used")?),
            ("objects".to_owned(), number("object-count")?),
        ]),
        attrs: BTreeMap::new(),
    };
    let id = policy.map_or_else(|| project.to_owned(), |p| format!("{project}/{p}"));
    let shown = [
        (Aspect::State, Value::label("present")),
        (Aspect::Flavor, Value::Known(size)),
        (Aspect::Owner, Value::label(project)),
    ];
    // It was made long before it held what it holds: that time tells nothing.
    let raw = serde_json::json!(told).to_string();
    Ok(Item::new(id, None, None, "present", shown.map(Some), &raw))
}
