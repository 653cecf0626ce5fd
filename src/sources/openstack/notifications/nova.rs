//! Nova's messages: servers. Pure.
//!
//! Versioned ones tell the whole flavor, before and after; the unversioned ones its name at most, so a resize is a change to nobody knows what there. Both
//! may be sent of one change; facts of both fold to one, and a reader that has had a versioned one leaves the others out.

use super::{
    super::{flavors::Flavor, inventory::told::label, record::BUILD_ERROR},
    facts::Told,
    message::{Message, maybe_moment},
};
use crate::domain::{Aspect, Ts, Value, fact::kind};
use regex::Regex;
use serde::Deserialize;
use serde_json::Value as Json;

/// Of a server.
#[derive(Deserialize)]
struct Instance {
    #[serde(alias = "instance_id")]
    uuid: String,
    tenant_id: String,
    display_name: Option<String>,
    availability_zone: Option<String>,
    state: String,
    #[serde(default, deserialize_with = "maybe_moment")]
    created_at: Option<Ts>,
    #[serde(default, deserialize_with = "maybe_moment")]
    launched_at: Option<Ts>,
    #[serde(default, deserialize_with = "maybe_moment")]
    terminated_at: Option<Ts>,
    #[serde(default, deserialize_with = "maybe_moment")]
    deleted_at: Option<Ts>,
    /// Of versioned ones.
    flavor: Option<Wrapped>,
    state_update: Option<Json>,
}

#[derive(Deserialize)]
struct Wrapped {
    #[serde(rename = "nova_object.data")]
    data: Flavor,
}

/// True of a message that a versioned one of the same change stands beside, where Nova sends both.
pub(super) fn is_unversioned(message: &Message) -> bool {
    message.event_type.starts_with("compute.instance.")
}

/// True of a versioned one about a server.
pub(super) fn is_versioned(message: &Message) -> bool {
    message.event_type.starts_with("instance.")
}

/// What a message tells.
pub(super) fn told(message: &Message, gpu_alias: &Regex) -> Result<Option<Told>, String> {
    let name = message.event_type.as_str();
    if name == "compute_task.build_instances.error" {
        return no_host(message);
    }
    let unversioned = name.strip_prefix("compute.instance.");
    let Some(event) = unversioned.or_else(|| name.strip_prefix("instance.")) else {
        return Ok(None);
    };
    let Some(change) = change_of(event) else {
        return Ok(None);
    };
    let payload = if unversioned.is_some() {
        &message.payload
    } else {
        message
            .versioned()
            .ok_or("its payload is no versioned object")?
    };
    let i = Instance::deserialize(payload).map_err(|e| e.to_string())?;
    Ok(Some(i.told(&change, message.timestamp, gpu_alias)))
}

/// What an event may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Created,
    BuildFailed,
    Deleted,
    State,
    /// The state, and the size: a resize is finished, or taken back.
    Size,
    Updated,
}

fn change_of(event: &str) -> Option<Change> {
    Some(match event {
        "create.end" => Change::Created,
        "create.error" => Change::BuildFailed,
        "delete.end" | "force_delete.end" => Change::Deleted,
        "resize_finish.end" | "finish_resize.end" | "resize_revert.end" | "resize.revert.end" => {
            Change::Size
        }
        "power_off.end" | "power_on.end" | "pause.end" | "unpause.end" | "suspend.end"
        | "resume.end" | "rescue.end" | "unrescue.end" | "shelve.end" | "shelve_offload.end"
        | "unshelve.end" | "resize_confirm.end" | "resize.confirm.end" | "rebuild.end"
        | "restore.end" | "soft_delete.end" => Change::State,
        "update" => Change::Updated,
        _ => return None,
    })
}

impl Instance {
    fn told(&self, change: &Change, sent: Ts, gpu_alias: &Regex) -> Told {
        let told = Told::of(kind::SERVER, self.uuid.clone());
        let known = self.flavor.as_ref().map(|f| &f.data);
        // Without its extra specs nobody knows of its GPUs.
        let known = known
            .filter(|f| !f.hides_specs())
            .and_then(|f| f.known(gpu_alias));
        let flavor = known.map(Value::Known);
        let shown = || {
            [
                flavor.clone().map(|f| (Aspect::Flavor, f)),
                label(Aspect::Owner, Some(&self.tenant_id)),
                label(Aspect::Zone, self.availability_zone.as_deref()),
                label(Aspect::Name, self.display_name.as_deref()),
            ]
        };
        let state = |told: Told, at: Ts| match self.state.as_str() {
            "" | "building" | "deleted" => told,
            "error" if self.launched_at.is_none() => {
                told.event(Aspect::State, at, Value::label(BUILD_ERROR))
            }
            s => told.event(Aspect::State, at, Value::label(s)),
        };
        match change {
            Change::Created => state(
                told.record(self.created_at, "building"),
                // Cut to the second, as the record has it.
                self.launched_at
                    .map_or(sent, |t| Ts::from_second(t.second())),
            )
            .seen(sent, shown()),
            Change::BuildFailed => told
                .record(self.created_at, "building")
                .event(Aspect::State, sent, Value::label(BUILD_ERROR))
                .seen(sent, shown()),
            Change::Deleted if self.state != "deleted" => told,
            Change::Deleted => {
                let ended = self.terminated_at.or(self.deleted_at);
                let ended = ended.map_or(sent, |t| Ts::from_second(t.second()));
                told.record(self.created_at, "building")
                    .seen(ended, shown())
                    .event(Aspect::State, ended, Value::Gone)
            }
            Change::State => state(told, sent),
            Change::Size => {
                let value = flavor.clone().unwrap_or(Value::Unknown);
                state(told, sent).event(Aspect::Flavor, sent, value)
            }
            Change::Updated if self.moved() => state(told, sent),
            Change::Updated => told,
        }
    }

    /// True of an update that tells of another state than before, and of none on the way: what an administrator has set.
    fn moved(&self) -> bool {
        let Some(update) = self
            .state_update
            .as_ref()
            .and_then(|u| u.get("nova_object.data"))
        else {
            return false;
        };
        let word = |key: &str| update.get(key).and_then(Json::as_str);
        word("new_task_state").is_none()
            && word("old_state").is_some_and(|old| old != "building" && Some(old) != word("state"))
    }
}

/// No host was found for a server, or all that were tried failed.
fn no_host(message: &Message) -> Result<Option<Told>, String> {
    #[derive(Deserialize)]
    struct Task {
        instance_uuid: Option<String>,
        state: Option<String>,
    }
    let payload = message
        .versioned()
        .ok_or("its payload is no versioned object")?;
    let task = Task::deserialize(payload).map_err(|e| e.to_string())?;
    Ok(task
        .instance_uuid
        .filter(|_| task.state.as_deref() == Some("error"))
        .map(|id| {
            let told = Told::of(kind::SERVER, id);
            told.event(Aspect::State, message.timestamp, Value::label(BUILD_ERROR))
        }))
}
