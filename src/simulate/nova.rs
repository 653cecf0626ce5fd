//! Nova's JSON, field for field and microversion by microversion, as recorded in `tests/captures/openstack/nova`.
//!
//! What came with which microversion: <https://docs.openstack.org/nova/latest/reference/api-microversion-history.html>.

use super::{
    server::{Action, Record, Server},
    world::{FlavorRow, World},
};
use crate::domain::{Ts, digest::sha256_hex};
use serde_json::{Map, Value, json};

/// The latest microversion that a made-up Nova speaks: 2.96 (Nova 29, 2024.1).
pub(super) const MINOR_MAX: u32 = 96;

/// What every hypervisor has.
pub(super) const HOST_VCPUS: i64 = 128;
pub(super) const HOST_MEMORY_MB: i64 = 1_048_576;
pub(super) const HOST_DISK_GB: i64 = 20_000;

/// Who looks, through which address, by which version, when.
#[derive(Debug, Clone)]
pub(super) struct View<'a> {
    pub(super) world: &'a World,
    /// `http://127.0.0.1:9000/compute`
    pub(super) base: String,
    /// 96 of 2.96.
    pub(super) minor: u32,
    /// Now.
    pub(super) t: i64,
}

/// Nova's form in most fields.
fn short(t: i64) -> String {
    Ts::from_second(t).to_string()
}

/// Nova's form in its extensions: without a zone.
fn long(t: i64) -> String {
    let text = short(t);
    format!("{}.000000", text.trim_end_matches('Z'))
}

pub(super) fn host_name(host: u32) -> String {
    format!("compute-{:02}", host + 1)
}

fn zone_name(zone: u32) -> String {
    format!("az{}", zone + 1)
}

/// Nova's hash of project and host, 56 hex digits.
fn host_id(project: &str, host: Option<u32>) -> String {
    host.map_or_else(String::new, |h| {
        sha256_hex(format!("{project}{}", host_name(h)).as_bytes())[..56].to_owned()
    })
}

/// `nova/api/openstack/common.py`, `_STATE_MAP`.
fn status(r: &Record) -> &'static str {
    if r.deleted {
        return "DELETED";
    }
    match (r.vm, r.task) {
        (
            "active" | "stopped",
            Some("resize_prep" | "resize_migrating" | "resize_migrated" | "resize_finish"),
        ) => "RESIZE",
        ("active" | "stopped" | "error", Some("rebuilding")) => "REBUILD",
        ("resized", Some("resize_reverting")) => "REVERT_RESIZE",
        ("active", _) => "ACTIVE",
        ("building", _) => "BUILD",
        ("stopped", _) => "SHUTOFF",
        ("resized", _) => "VERIFY_RESIZE",
        ("paused", _) => "PAUSED",
        ("suspended", _) => "SUSPENDED",
        ("soft-delete", _) => "SOFT_DELETED",
        ("shelved", _) => "SHELVED",
        ("shelved_offloaded", _) => "SHELVED_OFFLOADED",
        ("error", _) => "ERROR",
        _ => "UNKNOWN",
    }
}

impl View<'_> {
    fn links(&self, kind: &str, id: &str) -> Value {
        let root = &self.base;
        json!([{"rel": "self", "href": format!("{root}/v2.1/{kind}/{id}")}, {"rel": "bookmark", "href": format!("{root}/{kind}/{id}")}])
    }

    fn bookmark(&self, kind: &str, id: &str) -> Value {
        json!({"id": id, "links": [{"rel": "bookmark", "href": format!("{}/{kind}/{id}", self.base)}]})
    }

    /// One of `servers`.
    pub(super) fn server(&self, s: &Server, r: &Record) -> Value {
        let project = &self.world.projects[s.project];
        let host = r.host.map(host_name);
        // The address and the image are of no account: the same for ever, by the server's id.
        let tail: Vec<&str> = s.id.split('-').collect();
        let octet = |at: usize| u8::from_str_radix(&tail[0][at..at + 2], 16).unwrap_or(0);
        let plugged = !r.deleted && r.launched.is_some();
        let port = json!({
            "version": 4, "addr": format!("10.{}.{}.{}", octet(0), octet(2), octet(4)), "OS-EXT-IPS:type": "fixed",
            "OS-EXT-IPS-MAC:mac_addr": format!("fa:16:3e:{}:{}:{}", &tail[0][2..4], &tail[0][4..6], &tail[0][6..8]),
        });
        let network = format!("{}-net", project.name);
        let zone = if r.host.is_some() || r.deleted && r.vm != "error" {
            zone_name(s.zone)
        } else {
            String::new()
        };
        let mut v = object(json!({
            "accessIPv4": "", "accessIPv6": "", "addresses": if plugged { json!({network: [port]}) } else { json!({}) },
            "created": short(s.created), "flavor": self.flavor_of_server(&self.world.flavors[r.flavor]),
            "hostId": host_id(&project.id, r.host), "id": s.id, "image": self.bookmark("images", &self.world.image),
            "links": self.links("servers", &s.id), "metadata": {}, "name": s.name, "status": status(r),
            "tenant_id": project.id, "user_id": project.user_id, "updated": short(r.updated.unwrap_or(self.t)),
            "OS-DCF:diskConfig": "MANUAL", "OS-EXT-AZ:availability_zone": zone, "config_drive": "", "key_name": null,
            "OS-SRV-USG:launched_at": r.launched.map(long), "OS-SRV-USG:terminated_at": r.terminated.map(long),
            "OS-EXT-SRV-ATTR:host": host, "OS-EXT-SRV-ATTR:hypervisor_hostname": host,
            "OS-EXT-SRV-ATTR:instance_name": format!("instance-{}", tail[0]),
            "OS-EXT-STS:task_state": r.task, "OS-EXT-STS:vm_state": r.vm, "OS-EXT-STS:power_state": r.power,
            "os-extended-volumes:volumes_attached": [],
        }));
        if ["ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE"].contains(&status(r)) {
            v.insert("progress".to_owned(), 0.into());
        }
        if let Some((since, message)) = r.fault {
            v.insert(
                "fault".to_owned(),
                json!({"code": 500, "created": short(since), "message": message, "details": ""}),
            );
        }
        if plugged {
            v.insert("security_groups".to_owned(), json!([{"name": "default"}]));
        }
        self.since(&mut v, s, r);
        v.into()
    }

    /// What later microversions added to a server.
    fn since(&self, v: &mut Map<String, Value>, s: &Server, r: &Record) {
        let mut add = |minor: u32, fields: Value| {
            if self.minor >= minor {
                v.extend(object(fields));
            }
        };
        let device = r.launched.map(|_| "/dev/sda");
        add(
            3,
            json!({
                "OS-EXT-SRV-ATTR:hostname": s.name, "OS-EXT-SRV-ATTR:kernel_id": "", "OS-EXT-SRV-ATTR:launch_index": 0,
                "OS-EXT-SRV-ATTR:ramdisk_id": "", "OS-EXT-SRV-ATTR:reservation_id": s.reservation,
                "OS-EXT-SRV-ATTR:root_device_name": device, "OS-EXT-SRV-ATTR:user_data": null,
            }),
        );
        add(9, json!({"locked": false}));
        add(
            16,
            json!({"host_status": if r.host.is_some() && !r.deleted { "UP" } else { "" }}),
        );
        add(19, json!({"description": null}));
        add(26, json!({"tags": []}));
        add(63, json!({"trusted_image_certificates": null}));
        add(73, json!({"locked_reason": null}));
        add(96, json!({"pinned_availability_zone": null}));
    }

    fn flavor_of_server(&self, f: &FlavorRow) -> Value {
        if self.minor < 47 {
            return self.bookmark("flavors", &f.id);
        }
        let is = &f.is;
        json!({
            "vcpus": is.vcpus, "ram": is.ram_mib, "disk": is.disk_gib, "ephemeral": is.ephemeral_gib, "swap": is.swap_mib,
            "original_name": is.name, "extra_specs": is.extra_specs,
        })
    }

    /// One of `flavors`.
    pub(super) fn flavor(&self, f: &FlavorRow) -> Value {
        let is = &f.is;
        let swap = if is.swap_mib == 0 && self.minor < 75 {
            json!("")
        } else {
            json!(is.swap_mib)
        };
        let mut v = object(json!({
            "id": f.id, "name": is.name, "ram": is.ram_mib, "disk": is.disk_gib, "swap": swap, "OS-FLV-EXT-DATA:ephemeral": is.ephemeral_gib,
            "OS-FLV-DISABLED:disabled": false, "rxtx_factor": 1.0, "vcpus": is.vcpus, "os-flavor-access:is_public": true,
            "links": self.links("flavors", &f.id),
        }));
        if self.minor >= 55 {
            v.insert("description".to_owned(), Value::Null);
        }
        if self.minor >= 61 {
            v.insert("extra_specs".to_owned(), json!(is.extra_specs));
        }
        v.into()
    }

    /// One of `instanceActions`, without its events.
    pub(super) fn action(&self, s: &Server, a: &Action) -> Map<String, Value> {
        let project = &self.world.projects[s.project];
        let mut v = object(json!({
            "action": a.name, "instance_uuid": s.id, "request_id": a.request, "user_id": project.user_id, "project_id": project.id,
            "start_time": long(a.start), "message": a.message_at(self.t),
        }));
        if self.minor >= 58 {
            v.insert(
                "updated_at".to_owned(),
                a.updated_at(self.t).map(long).into(),
            );
        }
        v
    }

    /// An action with its events, the newest first.
    pub(super) fn action_with_events(&self, s: &Server, a: &Action) -> Value {
        let mut v = self.action(s, a);
        let mut events: Vec<_> = a.events.iter().filter(|e| e.start <= self.t).collect();
        events.sort_by_key(|e| std::cmp::Reverse(e.start));
        let project = &self.world.projects[s.project].id;
        let event = |e: &&super::server::Event| {
            let over = e.finish <= self.t;
            let mut v = object(json!({
                "event": e.name, "start_time": long(e.start), "finish_time": over.then(|| long(e.finish)),
                "result": over.then_some(if e.failed { "Error" } else { "Success" }),
                "traceback": (over && e.failed).then_some("nova.exception.NoValidHost: No valid host was found. \n"),
            }));
            if self.minor >= 62 {
                v.insert(
                    "host".to_owned(),
                    e.host
                        .map_or_else(|| "controller".to_owned(), host_name)
                        .into(),
                );
                v.insert(
                    "hostId".to_owned(),
                    host_id(project, Some(e.host.unwrap_or(0))).into(),
                );
            }
            if self.minor >= 84 {
                v.insert(
                    "details".to_owned(),
                    if over && e.failed {
                        "No valid host was found. ".into()
                    } else {
                        Value::Null
                    },
                );
            }
            Value::from(v)
        };
        v.insert("events".to_owned(), events.iter().map(event).collect());
        json!({"instanceAction": v})
    }

    /// All hypervisors; with what they hold up to 2.87, as placement tells that from then on.
    pub(super) fn hypervisors(&self) -> Value {
        let rows = (0..self.world.hosts).map(|h| {
            let name = host_name(h);
            let uuid = |what: &str| super::dice::Dice::new(self.world.seed, &[what, &name]).uuid();
            let by_uuid = self.minor >= 53;
            let id = |what: &str| if by_uuid { json!(uuid(what)) } else { json!(h + 1) };
            let mut v = object(json!({
                "id": id("hypervisor"), "hypervisor_hostname": name, "state": "up", "status": "enabled", "hypervisor_type": "QEMU",
                "hypervisor_version": 8_002_002, "host_ip": format!("192.0.2.{}", h % 250 + 1),
                "service": {"id": id("service"), "host": name, "disabled_reason": null},
            }));
            if self.minor < 88 {
                let here: Vec<_> = self.world.servers.iter().filter_map(|s| s.at(self.t)).filter(|r| r.host == Some(h) && !r.deleted).collect();
                v.extend(capacity(&here.iter().map(|r| &self.world.flavors[r.flavor]).collect::<Vec<_>>(), self.minor));
            } else {
                v.insert("uptime".to_owned(), Value::Null);
            }
            Value::from(v)
        });
        json!({"hypervisors": rows.collect::<Vec<_>>()})
    }
}

/// What a hypervisor holds, and what of it is used.
fn capacity(used: &[&FlavorRow], minor: u32) -> Map<String, Value> {
    let (vcpus, ram, disk) = (HOST_VCPUS, HOST_MEMORY_MB, HOST_DISK_GB);
    let sum = |of: fn(&FlavorRow) -> i64| used.iter().map(|f| of(f)).sum::<i64>();
    let (ram_used, disk_used) = (sum(|f| f.is.ram_mib), sum(|f| f.is.disk_gib));
    let cpu = json!({"arch": "x86_64", "model": "EPYC-Milan", "vendor": "AMD", "features": ["pge"], "topology": {"cores": 32, "threads": 2, "sockets": 2}});
    object(json!({
        "vcpus": vcpus, "memory_mb": ram, "local_gb": disk, "vcpus_used": sum(|f| f.is.vcpus), "memory_mb_used": ram_used,
        "local_gb_used": disk_used, "free_ram_mb": ram - ram_used, "free_disk_gb": disk - disk_used, "current_workload": 0,
        "running_vms": used.len(), "disk_available_least": disk - disk_used, "cpu_info": if minor < 28 { json!(cpu.to_string()) } else { cpu },
    }))
}

impl Action {
    /// `Error` once an event has failed.
    fn message_at(&self, t: i64) -> Option<&'static str> {
        self.events
            .iter()
            .any(|e| e.failed && e.finish <= t)
            .then_some("Error")
    }

    /// The last start or finish of an event; none before the first.
    pub(super) fn updated_at(&self, t: i64) -> Option<i64> {
        self.events
            .iter()
            .flat_map(|e| [e.start, e.finish])
            .filter(|u| *u <= t)
            .max()
    }
}

/// The document of versions at the root.
pub(super) fn versions(base: &str) -> Value {
    json!({"versions": [
        {"id": "v2.0", "status": "DEPRECATED", "version": "", "min_version": "", "updated": "2011-01-21T11:33:21Z",
         "links": [{"rel": "self", "href": format!("{base}/v2/")}]},
        {"id": "v2.1", "status": "CURRENT", "version": format!("2.{MINOR_MAX}"), "min_version": "2.1", "updated": "2013-07-23T11:33:21Z",
         "links": [{"rel": "self", "href": format!("{base}/v2.1/")}]},
    ]})
}

/// The document of v2.1.
pub(super) fn version(base: &str) -> Value {
    json!({"version": {
        "id": "v2.1", "status": "CURRENT", "version": format!("2.{MINOR_MAX}"), "min_version": "2.1", "updated": "2013-07-23T11:33:21Z",
        "links": [{"rel": "self", "href": format!("{base}/v2.1/")},
                  {"rel": "describedby", "type": "text/html", "href": "http://docs.openstack.org/"}],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.compute+json;version=2.1"}],
    }})
}

fn object(v: Value) -> Map<String, Value> {
    match v {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_time() {
        assert_eq!(
            (short(1_795_423_918).as_str(), long(1_795_423_918).as_str()),
            ("2026-11-23T08:51:58Z", "2026-11-23T08:51:58.000000")
        );
        assert_eq!(zone_name(1), "az2");
    }
}
