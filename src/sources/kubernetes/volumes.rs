//! Claims of volumes, the volumes that they are bound to, their classes. Pure.

use super::{
    meta::{Meta, or_default},
    objects::{parse, raw, thing},
    quantity,
    request::{Quantities, Resources},
    thing::{Thing, labelled, sized, word},
};
use crate::domain::{Aspect, fact::attr};
use regex::Regex;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Deserialize, Serialize)]
struct Claim {
    metadata: Meta,
    spec: ClaimSpec,
    #[serde(default, deserialize_with = "or_default")]
    status: ClaimStatus,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct ClaimSpec {
    #[serde(default, deserialize_with = "or_default")]
    resources: Resources,
    #[serde(skip_serializing_if = "Option::is_none")]
    volume_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    storage_class_name: Option<String>,
}

#[derive(Default, Deserialize, Serialize)]
struct ClaimStatus {
    #[serde(default, deserialize_with = "or_default")]
    phase: String,
    #[serde(default, deserialize_with = "or_default")]
    capacity: Quantities,
}

/// A claim. What it has is its capacity; until it is bound, what it asks for.
pub(super) fn claim(body: &str, _: &Regex) -> Result<Option<Thing>, String> {
    let mut claim: Claim = parse(body)?;
    claim.metadata.annotations.clear();
    let size = storage(&claim.status.capacity)?.or(storage(&claim.spec.resources.requests)?);
    let class = claim.spec.storage_class_name.as_deref().unwrap_or_default();
    let levels = size
        .map(|s| ("capacity_bytes".to_owned(), s))
        .into_iter()
        .collect();
    let shown = [
        Some((Aspect::Flavor, sized(class, levels))),
        word(Aspect::State, Some(&claim.status.phase.to_lowercase())),
        Some((
            Aspect::Attributes,
            labelled(
                &claim.metadata.name,
                [(attr::VOLUME, claim.spec.volume_name.as_deref())],
            ),
        )),
    ];
    thing(&claim.metadata, "pending", shown, raw(&claim)?).map(Some)
}

fn storage(of: &Quantities) -> Result<Option<i64>, String> {
    of.get("storage")
        .map(|text| quantity::whole(text).map_err(|e| format!("storage: {e}")))
        .transpose()
}

#[derive(Deserialize, Serialize)]
struct Volume {
    metadata: Meta,
    spec: VolumeSpec,
    #[serde(default, deserialize_with = "or_default")]
    status: VolumeStatus,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct VolumeSpec {
    #[serde(default, deserialize_with = "or_default")]
    capacity: Quantities,
    #[serde(skip_serializing_if = "Option::is_none")]
    csi: Option<Csi>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cinder: Option<InTree>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claim_ref: Option<ClaimRef>,
    #[serde(skip_serializing_if = "Option::is_none")]
    storage_class_name: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Csi {
    driver: String,
    volume_handle: String,
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    volume_attributes: BTreeMap<String, String>,
}

#[derive(Deserialize, Serialize)]
struct InTree {
    #[serde(rename = "volumeID")]
    volume_id: String,
}

#[derive(Deserialize, Serialize)]
struct ClaimRef {
    #[serde(default, deserialize_with = "or_default")]
    uid: String,
}

#[derive(Default, Deserialize, Serialize)]
struct VolumeStatus {
    #[serde(default, deserialize_with = "or_default")]
    phase: String,
}

/// A volume, and what it is elsewhere: a Cinder volume, an RBD image, a subvolume of CephFS.
pub(super) fn volume(body: &str, _: &Regex) -> Result<Option<Thing>, String> {
    let mut volume: Volume = parse(body)?;
    volume.metadata.annotations.clear();
    if let Some(csi) = &mut volume.spec.csi {
        csi.volume_attributes.retain(|name, _| {
            matches!(
                name.as_str(),
                "imageName" | "subvolumeName" | "pool" | "fsName" | "clusterID"
            )
        });
    }
    let spec = &volume.spec;
    let (driver, handle) = match (&spec.csi, &spec.cinder) {
        (Some(csi), _) => (Some(csi.driver.as_str()), Some(csi.handle())),
        (None, Some(cinder)) => (
            Some("cinder.csi.openstack.org"),
            Some(cinder.volume_id.as_str()),
        ),
        (None, None) => (None, None),
    };
    let levels = storage(&spec.capacity)?
        .map(|s| ("capacity_bytes".to_owned(), s))
        .into_iter()
        .collect();
    let claim = spec.claim_ref.as_ref().map(|c| c.uid.as_str());
    let shown = [
        Some((
            Aspect::Flavor,
            sized(
                spec.storage_class_name.as_deref().unwrap_or_default(),
                levels,
            ),
        )),
        word(Aspect::State, Some(&volume.status.phase.to_lowercase())),
        Some((
            Aspect::Attributes,
            labelled(
                &volume.metadata.name,
                [
                    (attr::DRIVER, driver),
                    (attr::HANDLE, handle),
                    ("claim", claim),
                ],
            ),
        )),
    ];
    thing(&volume.metadata, "pending", shown, raw(&volume)?).map(Some)
}

impl Csi {
    /// The id by which the storage itself knows it: Cinder's is the handle; Ceph's drivers name the image or the subvolume.
    fn handle(&self) -> &str {
        let named = ["imageName", "subvolumeName"];
        named
            .iter()
            .find_map(|n| self.volume_attributes.get(*n))
            .unwrap_or(&self.volume_handle)
    }
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct StorageClass {
    metadata: Meta,
    provisioner: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reclaim_policy: Option<String>,
}

/// A class of volumes.
pub(super) fn storage_class(body: &str, _: &Regex) -> Result<Option<Thing>, String> {
    let mut class: StorageClass = parse(body)?;
    class.metadata.annotations.clear();
    let attrs = [
        ("provisioner", Some(class.provisioner.as_str())),
        ("reclaim_policy", class.reclaim_policy.as_deref()),
    ];
    let shown = [Some((
        Aspect::Attributes,
        labelled(&class.metadata.name, attrs),
    ))];
    thing(&class.metadata, "present", shown, raw(&class)?).map(Some)
}
