//! What every object of the API has: its metadata, as much of it as is read.

use crate::domain::Ts;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// A time of the API, RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Time(pub(super) Ts);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(d)?;
        Ts::parse(&text).map(Self).map_err(serde::de::Error::custom)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0.to_string())
    }
}

/// Metadata. Absent and `null` are the same in this API.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Meta {
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) namespace: Option<String>,
    pub(super) uid: String,
    pub(super) resource_version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) creation_timestamp: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deletion_timestamp: Option<Time>,
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub(super) labels: BTreeMap<String, String>,
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub(super) annotations: BTreeMap<String, String>,
}

impl Meta {
    /// The version as a number. Versions of one cluster can be compared so: they are revisions of its store, and since 1.35 promised to be comparable.
    pub(super) fn version(&self) -> Result<u64, String> {
        version(&self.resource_version)
    }
}

/// A resource version as a number.
pub(super) fn version(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| format!("the resourceVersion `{text}` is not a number"))
}

/// The version of an object of which no more is read.
pub(super) fn version_of(object: &str) -> Result<u64, String> {
    #[derive(Deserialize)]
    struct Object<'a> {
        #[serde(borrow)]
        metadata: Versioned<'a>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Versioned<'a> {
        #[serde(borrow)]
        resource_version: std::borrow::Cow<'a, str>,
    }
    let object: Object<'_> = serde_json::from_str(object).map_err(|e| e.to_string())?;
    version(&object.metadata.resource_version)
}

/// What an object that cannot be read is called, if even that can be read.
pub(super) fn name_of(object: &str) -> String {
    let object: serde_json::Value = serde_json::from_str(object).unwrap_or_default();
    let part = |name: &str| object["metadata"][name].as_str().map(str::to_owned);
    let whole: Vec<String> = ["namespace", "name"].into_iter().filter_map(part).collect();
    if whole.is_empty() {
        return "one whose name is unreadable".to_owned();
    }
    whole.join("/")
}

/// What is `null` is as if it were absent.
pub(super) fn or_default<'de, D, T>(d: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(d)?.unwrap_or_default())
}
