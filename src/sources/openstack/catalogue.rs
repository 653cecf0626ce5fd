//! The service catalogue: where a service of a region listens. Pure.

use super::super::SourceError;
use serde::Deserialize;
use std::collections::BTreeSet;
use url::Url;

/// A service of the catalogue.
#[derive(Deserialize)]
pub(super) struct Entry {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    endpoints: Vec<Endpoint>,
}

#[derive(Deserialize)]
struct Endpoint {
    interface: String,
    region: Option<String>,
    url: String,
}

/// The one endpoint of a service in a region, with its region. `types`: what the service may be called; the first that is there counts.
pub(super) fn find_endpoint(
    catalogue: &[Entry],
    types: &'static [&'static str],
    region: Option<&str>,
    interface: &str,
) -> Result<(Url, String), SourceError> {
    let of_type = |t: &str| -> Vec<&Endpoint> {
        catalogue
            .iter()
            .filter(|e| e.kind == t)
            .flat_map(|e| &e.endpoints)
            .collect()
    };
    let all = types
        .iter()
        .map(|t| of_type(t))
        .find(|found| !found.is_empty())
        .unwrap_or_default();
    let service = types.first().copied().unwrap_or_default();
    let fitting: Vec<&Endpoint> = all
        .iter()
        .copied()
        .filter(|e| {
            e.interface == interface && region.is_none_or(|r| e.region.as_deref() == Some(r))
        })
        .collect();
    let regions: BTreeSet<&str> = fitting.iter().filter_map(|e| e.region.as_deref()).collect();
    let fail = |there: String| SourceError::Catalogue {
        service,
        wanted: format!(
            "in region {} with interface {interface}",
            region.unwrap_or("(any)")
        ),
        there,
    };
    let Some(first) = fitting.first() else {
        let there: BTreeSet<String> = if all.is_empty() {
            catalogue.iter().map(|e| e.kind.clone()).collect()
        } else {
            all.iter()
                .map(|e| {
                    format!(
                        "{} {}",
                        e.region.as_deref().unwrap_or("(no region)"),
                        e.interface
                    )
                })
                .collect()
        };
        let list = there.into_iter().collect::<Vec<_>>().join(", ");
        return Err(fail(match (all.is_empty(), list.is_empty()) {
            (_, true) => "nothing (is the account scoped to a project?)".to_owned(),
            (true, _) => format!("the services {list}"),
            (false, _) => list,
        }));
    };
    if regions.len() > 1 {
        let list = regions.into_iter().collect::<Vec<_>>().join(", ");
        return Err(fail(format!(
            "the regions {list}, of which one must be chosen"
        )));
    }
    let url = Url::parse(&first.url)
        .map_err(|e| fail(format!("`{}`, which is no URL ({e})", first.url)))?;
    Ok((url, first.region.clone().unwrap_or_default()))
}

/// The root of one API version below an endpoint, without a slash at its end. Catalogues name it with the version, with another one, with a project
/// behind it, or without.
pub(super) fn at_version(endpoint: &Url, version: &str) -> Url {
    let path = endpoint.path().trim_end_matches('/').to_owned();
    let is_version = |s: &str| {
        s.strip_prefix('v')
            .is_some_and(|n| n.starts_with(|c: char| c.is_ascii_digit()))
    };
    let root: Vec<&str> = path.split('/').take_while(|s| !is_version(s)).collect();
    let mut url = endpoint.clone();
    url.set_path(&format!(
        "{}/{version}",
        root.join("/").trim_end_matches('/')
    ));
    url.set_query(None);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue() -> Vec<Entry> {
        #[derive(Deserialize)]
        struct Catalogue {
            catalog: Vec<Entry>,
        }
        let text = include_str!("../../../tests/captures/openstack/keystone/catalog.json");
        serde_json::from_str::<Catalogue>(text).unwrap().catalog
    }

    #[test]
    fn finds_the_endpoints_of_a_real_catalogue() {
        let (url, region) = find_endpoint(&catalogue(), &["compute"], None, "public").unwrap();
        assert_eq!(
            (url.as_str(), region.as_str()),
            ("http://127.0.0.1:18774/v2.1", "RegionOne")
        );
        let (url, _) =
            find_endpoint(&catalogue(), &["identity"], Some("RegionOne"), "internal").unwrap();
        assert_eq!(at_version(&url, "v3").as_str(), "http://127.0.0.1:15000/v3");
    }

    #[test]
    fn says_what_the_catalogue_has_instead() {
        let e = find_endpoint(&catalogue(), &["compute"], Some("Mars"), "public")
            .unwrap_err()
            .to_string();
        assert!(
            e.contains("region Mars with interface public") && e.contains("RegionOne public"),
            "{e}"
        );
        let e = find_endpoint(&catalogue(), &["object-store"], None, "public")
            .unwrap_err()
            .to_string();
        assert!(
            e.contains("the services block-storage, compute, identity"),
            "{e}"
        );
        let e = find_endpoint(&[], &["compute"], None, "public")
            .unwrap_err()
            .to_string();
        assert!(e.contains("scoped to a project"), "{e}");
    }

    #[test]
    fn two_regions_need_a_choice() {
        let two = |r: &str| Endpoint {
            interface: "public".into(),
            region: Some(r.into()),
            url: "http://x/v2.1".into(),
        };
        let catalogue = [Entry {
            kind: "compute".into(),
            endpoints: vec![two("north"), two("south")],
        }];
        let e = find_endpoint(&catalogue, &["compute"], None, "public")
            .unwrap_err()
            .to_string();
        assert!(e.contains("north, south"), "{e}");
        assert_eq!(
            find_endpoint(&catalogue, &["compute"], Some("south"), "public")
                .unwrap()
                .1,
            "south"
        );
    }

    #[test]
    fn endpoints_come_in_many_shapes() {
        for (given, version, want) in [
            ("http://h:8774/v2.1", "v2.1", "http://h:8774/v2.1"),
            ("http://h:8774/v2.1/", "v2.1", "http://h:8774/v2.1"),
            ("http://h:8774/v2/abc123", "v2.1", "http://h:8774/v2.1"),
            (
                "https://h/compute/v2.1/0f0f",
                "v2.1",
                "https://h/compute/v2.1",
            ),
            ("https://h/compute/", "v2.1", "https://h/compute/v2.1"),
            ("http://h:5000", "v3", "http://h:5000/v3"),
            ("http://h:5000/v2.0/", "v3", "http://h:5000/v3"),
            (
                "https://h/vault/identity",
                "v3",
                "https://h/vault/identity/v3",
            ),
        ] {
            assert_eq!(
                at_version(&Url::parse(given).unwrap(), version).as_str(),
                want,
                "{given}"
            );
        }
    }
}
