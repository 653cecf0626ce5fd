//! A server's own record -> facts. Pure.
//!
//! API: <https://docs.openstack.org/api-ref/compute/#list-servers-detailed>.

use super::{flavors::Flavor, run::Draft};
use crate::domain::{Aspect, Evidence, Known, Ts, Value};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The state of a build that failed: `error` without ever having been launched. Nobody pays for it.
pub(super) const BUILD_ERROR: &str = "build_error";

const USER_DATA: &str = "OS-EXT-SRV-ATTR:user_data";

/// What is read of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) owner: String,
    /// Empty before it was scheduled.
    pub(super) zone: String,
    pub(super) vm_state: String,
    /// It has ended; a soft-deleted one has not.
    pub(super) deleted: bool,
    pub(super) created: Ts,
    /// Of the record: after a deletion it moves on with Nova's clean-up.
    pub(super) updated: Ts,
    /// Rewritten by every resize and unshelve.
    pub(super) launched: Option<Ts>,
    pub(super) terminated: Option<Ts>,
    pub(super) flavor: Flavor,
    /// As sent, but for user data: that holds customers' passwords, and tells nothing of usage.
    pub(super) raw: String,
}

#[derive(Deserialize)]
struct Wire<'a> {
    id: String,
    #[serde(default)]
    name: Option<String>,
    status: String,
    tenant_id: String,
    #[serde(deserialize_with = "time")]
    created: Ts,
    #[serde(default, deserialize_with = "maybe_time")]
    updated: Option<Ts>,
    #[serde(rename = "OS-EXT-STS:vm_state")]
    vm_state: Option<String>,
    #[serde(default, rename = "OS-EXT-AZ:availability_zone")]
    zone: Option<String>,
    #[serde(
        default,
        rename = "OS-SRV-USG:launched_at",
        deserialize_with = "maybe_time"
    )]
    launched: Option<Ts>,
    #[serde(
        default,
        rename = "OS-SRV-USG:terminated_at",
        deserialize_with = "maybe_time"
    )]
    terminated: Option<Ts>,
    flavor: Option<Flavor>,
    #[serde(borrow, default, rename = "OS-EXT-SRV-ATTR:user_data")]
    user_data: Option<&'a RawValue>,
}

/// Reads a time as Nova writes it.
pub(super) fn time<'de, D: Deserializer<'de>>(d: D) -> Result<Ts, D::Error> {
    Ts::parse(&String::deserialize(d)?).map_err(D::Error::custom)
}

/// Reads a time or `null`.
pub(super) fn maybe_time<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Ts>, D::Error> {
    Option::<String>::deserialize(d)?
        .map(|t| Ts::parse(&t).map_err(D::Error::custom))
        .transpose()
}

impl Server {
    /// Reads one item of a list.
    ///
    /// # Errors
    /// In words, what is wrong with it.
    pub(super) fn read(body: &str) -> Result<Self, String> {
        let w: Wire<'_> = serde_json::from_str(body).map_err(|e| e.to_string())?;
        // From 2.69 on, Nova lists what it knows without the cell's database: too little to meter by.
        let down = || {
            format!(
                "it says too little (status {}); is its cell's database down?",
                w.status
            )
        };
        let (Some(vm_state), Some(flavor)) = (w.vm_state.clone(), w.flavor.clone()) else {
            return Err(down());
        };
        Ok(Self {
            deleted: w.status == "DELETED" || vm_state == "deleted",
            raw: without_user_data(body, w.user_data),
            id: w.id,
            name: w.name.unwrap_or_default(),
            owner: w.tenant_id,
            zone: w.zone.unwrap_or_default(),
            vm_state,
            created: w.created,
            updated: w.updated.unwrap_or(w.created),
            launched: w.launched,
            terminated: w.terminated,
            flavor,
        })
    }

    /// Nova's word for its state, or [`BUILD_ERROR`].
    fn state(&self) -> &str {
        if self.vm_state == "error" && self.launched.is_none() {
            BUILD_ERROR
        } else {
            &self.vm_state
        }
    }

    /// When a deleted one ended: `terminated_at`; of one that never reached a host, when its deletion was asked for; else the record's last change.
    pub(super) fn ended(&self, delete_asked: Option<Ts>) -> Option<Ts> {
        self.deleted
            .then(|| self.terminated.or(delete_asked).unwrap_or(self.updated))
    }

    /// The record's own times: of creation first.
    pub(super) fn records(&self, ended: Option<Ts>) -> Vec<Draft> {
        let record = |at: Ts, value: Value| Draft {
            aspect: Aspect::State,
            evidence: Evidence::Record,
            at,
            from: at,
            seen: at,
            value,
        };
        let mut drafts = vec![record(self.created, Value::label("building"))];
        if let Some(at) = self.launched.filter(|_| self.vm_state != "building") {
            drafts.push(record(at, Value::label("active")));
        }
        drafts.extend(ended.map(|at| record(at, Value::Gone)));
        drafts
    }

    /// What the record shows, by aspect. A deleted one has no state, but still the size, owner, zone and name it ended with.
    pub(super) fn shown(&self, flavor: Option<Known>) -> BTreeMap<Aspect, Value> {
        let text =
            |aspect: Aspect, word: &str| (!word.is_empty()).then(|| (aspect, Value::label(word)));
        [
            (!self.deleted).then(|| (Aspect::State, Value::label(self.state()))),
            flavor.map(|f| (Aspect::Flavor, Value::Known(f))),
            text(Aspect::Owner, &self.owner),
            text(Aspect::Zone, &self.zone),
            text(Aspect::Name, &self.name),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

fn without_user_data(body: &str, user_data: Option<&RawValue>) -> String {
    let found = user_data.filter(|u| u.get() != "null").and_then(|u| {
        let key = body.find(USER_DATA)? + USER_DATA.len();
        let start = key + body[key..].find(u.get())?;
        Some((start, start + u.get().len()))
    });
    match found {
        Some((start, end)) => format!("{}null{}", &body[..start], &body[end..]),
        None => body.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Vec<Server> {
        #[derive(Deserialize)]
        struct List<'a> {
            #[serde(borrow)]
            servers: Vec<&'a RawValue>,
        }
        serde_json::from_str::<List<'_>>(text)
            .unwrap()
            .servers
            .into_iter()
            .map(|s| Server::read(s.get()).unwrap())
            .collect()
    }

    fn ts(text: &str) -> Ts {
        Ts::parse(text).unwrap()
    }

    #[test]
    fn every_microversion_is_read_alike() {
        let lists = [
            list(include_str!(
                "../../../tests/captures/openstack/nova/servers-detail-all_tenants-2.1.json"
            )),
            list(include_str!(
                "../../../tests/captures/openstack/nova/servers-detail-all_tenants-2.47.json"
            )),
            list(include_str!(
                "../../../tests/captures/openstack/nova/servers-detail-all_tenants-latest.json"
            )),
        ];
        for other in &lists[1..] {
            assert_eq!(other.len(), 48);
            for (a, b) in lists[0].iter().zip(other) {
                assert_eq!(
                    (&a.id, a.state(), a.updated, a.records(None)),
                    (&b.id, b.state(), b.updated, b.records(None))
                );
            }
        }
        let states: std::collections::BTreeSet<&str> = lists[0].iter().map(Server::state).collect();
        assert_eq!(
            states.into_iter().collect::<Vec<_>>(),
            [
                "active",
                "build_error",
                "paused",
                "shelved_offloaded",
                "stopped",
                "suspended"
            ]
        );
    }

    #[test]
    fn a_deleted_one_ends_when_it_was_terminated_not_when_it_was_cleaned_up() {
        let deleted = list(include_str!(
            "../../../tests/captures/openstack/nova/servers-detail-deleted-only.json"
        ));
        let s = deleted
            .iter()
            .find(|s| s.id.starts_with("fc541482"))
            .unwrap();
        let end = ts("2026-11-23T08:48:05Z");
        assert_eq!(s.ended(None), Some(end));
        let records = s.records(s.ended(None));
        assert_eq!(
            records.iter().map(|d| d.at).collect::<Vec<_>>(),
            [ts("2026-11-23T08:47:37Z"), ts("2026-11-23T08:47:56Z"), end]
        );
        assert_eq!(records[2].value, Value::Gone);
        let shown = s.shown(Some(Known::label("m1.small")));
        assert_eq!(
            shown.keys().copied().collect::<Vec<_>>(),
            [Aspect::Flavor, Aspect::Owner, Aspect::Zone, Aspect::Name]
        );
    }

    #[test]
    fn one_deleted_before_it_was_scheduled_is_known_by_its_status_alone() {
        let deleted = list(include_str!(
            "../../../tests/captures/openstack/nova/servers-detail-deleted-only.json"
        ));
        let s = deleted.iter().find(|s| s.name == "short-blind").unwrap();
        assert_eq!(
            (s.vm_state.as_str(), s.deleted, s.launched, s.terminated),
            ("building", true, None, None)
        );
        let asked = ts("2026-11-23T08:32:40Z");
        assert_eq!(s.ended(Some(asked)), Some(asked));
        assert_eq!(s.ended(None), Some(s.updated));
        assert_eq!(s.records(Some(asked)).len(), 2);
    }

    #[test]
    fn user_data_is_not_kept() {
        let body = r#"{"id":"a","status":"ACTIVE","tenant_id":"t","created":"2026-01-01T00:00:00Z","OS-EXT-STS:vm_state":"active",
            "name":"cGFzcw==","OS-EXT-SRV-ATTR:user_data": "cGFzcw==","flavor":{"id":"1"}}"#;
        let s = Server::read(body).unwrap();
        assert!(
            s.raw
                .contains(r#""OS-EXT-SRV-ATTR:user_data": null,"flavor""#),
            "{}",
            s.raw
        );
        assert_eq!(s.name, "cGFzcw==");
        assert!(serde_json::from_str::<serde_json::Value>(&s.raw).is_ok());
    }

    #[test]
    fn a_server_of_a_cell_that_is_down_is_no_server() {
        let body =
            r#"{"id":"a","status":"UNKNOWN","tenant_id":"t","created":"2026-01-01T00:00:00Z"}"#;
        assert!(Server::read(body).unwrap_err().contains("cell"));
    }
}
