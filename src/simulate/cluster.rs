//! The Ceph cluster in which a made-up cloud keeps its data: what `ceph` and `rbd` would print of it at a second, as recorded in `tests/captures/ceph/commands`.
//!
//! Volumes, images, disks and backups are images of RBD under the names that OpenStack's services give them, shares are subvolumes. Beside them are volumes of
//! Kubernetes, which OpenStack knows nothing of; and images that stayed when their volume was deleted, which are nobody's.

use super::{
    dice::Dice,
    scenario::stock::Kind,
    stock::{Shown, Thing},
    world::World,
};
use crate::domain::Ts;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const GIB: i64 = 1 << 30;
/// Volumes and subvolumes of Kubernetes; they are as old as the window and stay as they are.
const CLAIMS: [&str; 3] = ["registry", "prometheus", "tiles"];
/// One in so many deleted volumes leaves its image behind.
const LEFT_BEHIND: u64 = 4;
/// Copies of everything.
const COPIES: i64 = 3;
const HOSTS: i64 = 3;
const OSDS_A_HOST: i64 = 12;
const OSD_KIB: i64 = 16 << 30;
/// Pools with what they are for, in the order of their numbers from 1.
const POOLS: [(&str, &str); 11] = [
    (".mgr", "mgr"),
    (".rgw.root", "rgw"),
    ("volumes", "rbd"),
    ("images", "rbd"),
    ("vms", "rbd"),
    ("backups", "rbd"),
    ("kubernetes", "rbd"),
    ("cephfs_metadata", "cephfs"),
    ("cephfs_data", "cephfs"),
    ("default.rgw.buckets.index", "rgw"),
    ("default.rgw.buckets.data", "rgw"),
];
const FILESYSTEM: &str = "cephfs";
const GROUP: &str = "csi";

/// A command that fails: what it exits with, and what it complains of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// As the shell sees it.
    pub code: u8,
    /// On standard error.
    pub why: String,
}

/// An image as it truly is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrueImage {
    /// Its pool.
    pub pool: &'static str,
    /// Its id, unique in its pool.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it was made to hold.
    pub bytes: i64,
    /// True where OpenStack has the thing that it is made for, and meters it.
    pub is_openstacks: bool,
    /// True where it is named after a volume that is no more.
    pub is_nobodys: bool,
    born: i64,
}

impl World {
    /// The images of its cluster at a time, by pool and name.
    #[must_use]
    pub fn rbd_images(&self, now: Ts) -> Vec<TrueImage> {
        let mut all = Vec::new();
        for (kind, pool) in [
            (Kind::Volume, "volumes"),
            (Kind::Image, "images"),
            (Kind::Backup, "backups"),
        ] {
            // One that failed while it was made has none.
            let made = |(_, r): &(&Thing, &Shown)| !matches!(r.status, "creating" | "error");
            let living = self.stock.of(kind, now).filter(made);
            all.extend(living.map(|(x, r)| self.rbd_image(pool, x, r)));
        }
        all.extend(self.left_behind(now));
        let second = now.second();
        for s in &self.servers {
            let Some(r) = s.at(second).filter(|r| !r.deleted && r.host.is_some()) else {
                continue;
            };
            let disk = self.flavors[r.flavor].is.disk_gib * GIB;
            if disk > 0 {
                let name = format!("{}_disk", s.id);
                all.push(self.image("vms", name, disk, s.created, true));
            }
        }
        for (n, claim) in (1..).zip(CLAIMS) {
            let name = format!("csi-vol-{}", self.claim_id("rbd", claim));
            all.push(self.image("kubernetes", name, n * 20 * GIB, self.start, false));
        }
        all.sort_by(|a, b| (a.pool, &a.name).cmp(&(b.pool, &b.name)));
        all
    }

    fn rbd_image(&self, pool: &'static str, x: &Thing, r: &Shown) -> TrueImage {
        let name = match x.kind {
            Kind::Volume => format!("volume-{}", x.id),
            Kind::Backup => {
                let of = x.of.as_deref().unwrap_or(&x.id);
                format!("volume-{of}.backup.{}", x.id)
            }
            _ => x.id.clone(),
        };
        self.image(pool, name, r.size, x.born, true)
    }

    /// Images of volumes that were deleted.
    fn left_behind(&self, now: Ts) -> impl Iterator<Item = TrueImage> {
        let volumes = self.stock.all().iter().filter(|x| x.kind == Kind::Volume);
        volumes.filter_map(move |x| {
            let end = x.end().filter(|_| x.at(now).is_none())?;
            let stays = Dice::new(self.seed, &["left behind", &x.id]).below(LEFT_BEHIND) == 0;
            let was = x.records.iter().rev().find(|r| r.state != "deleted")?;
            (stays && end <= now.second()).then(|| TrueImage {
                is_openstacks: false,
                is_nobodys: true,
                ..self.rbd_image("volumes", x, was)
            })
        })
    }

    fn image(
        &self,
        pool: &'static str,
        name: String,
        bytes: i64,
        born: i64,
        is_openstacks: bool,
    ) -> TrueImage {
        TrueImage {
            pool,
            id: Dice::new(self.seed, &["rbd", pool, &name]).hex(6),
            name,
            bytes,
            is_openstacks,
            is_nobodys: false,
            born,
        }
    }

    fn claim_id(&self, what: &str, claim: &str) -> String {
        Dice::new(self.seed, &["claim", what, claim]).uuid()
    }

    /// What a command of its cluster prints at a time. `--format json` may be among the arguments; there is no other format.
    ///
    /// # Errors
    /// [`Failed`], as the real one fails: for an image or a subvolume that is not there, and for a command that it does not have.
    pub fn answer(&self, program: &str, args: &[String], now: Ts) -> Result<String, Failed> {
        let mut words: Vec<&str> = args.iter().map(String::as_str).collect();
        if let Some(at) = words.iter().position(|w| *w == "--format") {
            words.drain(at..words.len().min(at + 2));
        }
        let told = match program {
            "ceph" => self.ceph(&words, now),
            "rbd" => self.rbd(&words, now),
            _ => Err(invalid(program)),
        };
        told.map(|v| v.to_string())
    }

    fn ceph(&self, words: &[&str], now: Ts) -> Result<Value, Failed> {
        match words {
            ["status"] => Ok(self.status()),
            ["df"] => Ok(self.df(now, false)),
            ["df", "detail"] => Ok(self.df(now, true)),
            ["osd", "df", "tree"] => Ok(tree()),
            ["osd", "pool", "ls", "detail"] => {
                let pool = |(n, (name, of)): (i64, (&str, &str))| json!({"pool_id": n, "pool_name": name, "type": 1, "size": COPIES, "application_metadata": {of: {}}});
                Ok((1..).zip(POOLS).map(pool).collect())
            }
            ["fs", "ls"] => Ok(
                json!([{"name": FILESYSTEM, "metadata_pool": "cephfs_metadata", "data_pools": ["cephfs_data"]}]),
            ),
            ["fs", "subvolumegroup", "ls", FILESYSTEM] => Ok(json!([{"name": GROUP}])),
            ["fs", "subvolume", "ls", FILESYSTEM, group @ ..] => {
                let held = self.subvolumes(!group.is_empty(), now).into_keys();
                Ok(held.map(|name| json!({"name": name})).collect())
            }
            ["fs", "subvolume", "info", FILESYSTEM, name, group @ ..] => {
                let held = self.subvolumes(!group.is_empty(), now);
                let (bytes, born) = held.get(*name).ok_or_else(|| Failed {
                    code: 2,
                    why: format!("Error ENOENT: subvolume '{name}' does not exist"),
                })?;
                let made = Ts::from_second(*born).to_string().replace('T', " ");
                Ok(
                    json!({"state": "complete", "type": "subvolume", "bytes_quota": bytes, "bytes_used": bytes / 2, "created_at": made.trim_end_matches('Z'),
                       "data_pool": "cephfs_data", "pool_namespace": ""}),
                )
            }
            _ => Err(invalid(&words.join(" "))),
        }
    }

    /// Subvolumes by name, with quota and birth: shares, which are in no group, or Kubernetes' own.
    fn subvolumes(&self, grouped: bool, now: Ts) -> BTreeMap<String, (i64, i64)> {
        if grouped {
            let claim = |(n, claim): (i64, &&str)| {
                let name = format!("csi-vol-{}", self.claim_id(FILESYSTEM, claim));
                (name, (n * 10 * GIB, self.start))
            };
            return (1..).zip(&CLAIMS[..2]).map(claim).collect();
        }
        let shares = self.stock.of(Kind::Share, now);
        shares
            .map(|(x, r)| (x.id.clone(), (r.size, x.born)))
            .collect()
    }

    fn rbd(&self, words: &[&str], now: Ts) -> Result<Value, Failed> {
        let option = |name: &str| words.iter().find_map(|w| w.strip_prefix(name));
        let pool = option("--pool=").unwrap_or("rbd");
        if !POOLS.contains(&(pool, "rbd")) {
            let why = format!("rbd: error opening pool '{pool}': (2) No such file or directory");
            return Err(Failed { code: 2, why });
        }
        let mut images = self.rbd_images(now);
        images.retain(|i| i.pool == pool);
        let used = |i: &TrueImage| json!({"name": i.name, "id": i.id, "provisioned_size": i.bytes, "used_size": used(i)});
        match words {
            ["namespace", "ls", _] | ["trash", "ls", "--all", _] => Ok(json!([])),
            ["ls", "--long", _] => {
                let image = |i: &TrueImage| json!({"image": i.name, "id": i.id, "size": i.bytes, "format": 2});
                Ok(images.iter().map(image).collect())
            }
            ["ls", _] => Ok(images.iter().map(|i| json!(i.name)).collect()),
            ["du", _] => Ok(json!({"images": images.iter().map(used).collect::<Vec<_>>()})),
            ["info", _, _] => {
                let id = option("--image-id=").unwrap_or_default();
                let found = images.iter().find(|i| i.id == id);
                let image = found.ok_or_else(|| Failed {
                    code: 2,
                    why: format!(
                        "rbd: error opening image with id {id}: (2) No such file or directory"
                    ),
                })?;
                let made = Ts::from_second(image.born).to_utc();
                let made = made.map(|t| t.format("%a %b %e %H:%M:%S %Y").to_string());
                Ok(
                    json!({"name": image.name, "id": image.id, "size": image.bytes, "order": 22, "object_size": 4 << 20, "snapshot_count": 0, "format": 2,
                       "create_timestamp": made}),
                )
            }
            _ => Err(invalid(&words.join(" "))),
        }
    }

    fn status(&self) -> Value {
        let osds = HOSTS * OSDS_A_HOST;
        json!({"fsid": self.claim_id("cluster", &self.cloud), "health": {"status": "HEALTH_OK", "checks": {}, "mutes": []},
               "osdmap": {"num_osds": osds, "num_up_osds": osds, "num_in_osds": osds},
               "pgmap": {"pgs_by_state": [{"state_name": "active+clean", "count": 361}], "num_pgs": 361}})
    }

    /// What a pool stores, before its copies.
    fn stored(&self, pool: &str, now: Ts) -> i64 {
        let images = self.rbd_images(now);
        let images = images.iter().filter(|i| i.pool == pool).map(used);
        let buckets = self.stock.of(Kind::Bucket, now).map(|(_, r)| r.size);
        let subvolumes = || {
            let all = [true, false].map(|grouped| self.subvolumes(grouped, now));
            let bytes = all.iter().flat_map(BTreeMap::values);
            bytes.map(|(bytes, _)| bytes / 2).sum::<i64>()
        };
        match pool {
            "cephfs_data" => subvolumes(),
            "default.rgw.buckets.data" => buckets.sum(),
            _ => images.sum(),
        }
    }

    fn df(&self, now: Ts, with_detail: bool) -> Value {
        let stored: Vec<i64> = POOLS.iter().map(|(p, _)| self.stored(p, now)).collect();
        let total = HOSTS * OSDS_A_HOST * OSD_KIB * 1_024;
        let raw: i64 = stored.iter().map(|s| s * COPIES).sum();
        let stats = json!({"total_bytes": total, "total_avail_bytes": (total - raw).max(0), "total_used_raw_bytes": raw});
        let pool = |((n, (name, _)), stored): ((i64, (&str, &str)), &i64)| {
            let mut told = json!({"stored": stored, "objects": stored / (4 << 20) + 1, "bytes_used": stored * COPIES, "max_avail": (total - raw).max(0) / COPIES});
            if with_detail {
                (told["stored_raw"], told["quota_bytes"]) = (json!(stored * COPIES), json!(0));
            }
            json!({"name": name, "id": n, "stats": told})
        };
        let pools: Vec<Value> = (1..).zip(POOLS).zip(&stored).map(pool).collect();
        json!({"stats": stats, "stats_by_class": {"ssd": stats}, "pools": pools})
    }
}

/// Whole objects of 4 MiB: a third of an image was ever written to.
fn used(image: &TrueImage) -> i64 {
    image.bytes / 3 / (4 << 20) * (4 << 20)
}

fn tree() -> Value {
    let mut nodes = vec![
        json!({"id": -1, "name": "default", "type": "root", "children": (2..2 + HOSTS).map(|h| -h).collect::<Vec<_>>()}),
    ];
    for host in 0..HOSTS {
        let osds: Vec<i64> = (host * OSDS_A_HOST..(host + 1) * OSDS_A_HOST).collect();
        nodes.push(json!({"id": -(host + 2), "name": format!("ceph-{}", host + 1), "type": "host", "kb": OSD_KIB * OSDS_A_HOST, "children": osds}));
        nodes.extend(osds.iter().map(|n| json!({"id": n, "device_class": "ssd", "name": format!("osd.{n}"), "type": "osd", "reweight": 1, "kb": OSD_KIB, "status": "up"})));
    }
    json!({"nodes": nodes, "stray": []})
}

fn invalid(command: &str) -> Failed {
    Failed {
        code: 22,
        why: format!("no valid command found: {command}\nError EINVAL: invalid command"),
    }
}
