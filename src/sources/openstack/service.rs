//! The services of a cloud's catalogue that are read: what they are called, where their API begins, which version is asked for.

use super::catalogue::at_version;
use url::Url;

/// A service of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Service {
    Identity,
    Compute,
    Volume,
    Image,
    Network,
    LoadBalancer,
    Share,
    ObjectStore,
    Placement,
}

impl Service {
    pub(super) const ALL: [Self; 9] = [
        Self::Identity,
        Self::Compute,
        Self::Volume,
        Self::Image,
        Self::Network,
        Self::LoadBalancer,
        Self::Share,
        Self::ObjectStore,
        Self::Placement,
    ];

    /// Its word in passes and in the configuration.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Compute => "compute",
            Self::Volume => "volume",
            Self::Image => "image",
            Self::Network => "network",
            Self::LoadBalancer => "load-balancer",
            Self::Share => "share",
            Self::ObjectStore => "object-store",
            Self::Placement => "placement",
        }
    }

    /// Its types in the catalogue, the official one first, then what older clouds call it.
    /// <https://service-types.openstack.org/service-types.json>.
    pub(super) const fn types(self) -> &'static [&'static str] {
        match self {
            Self::Volume => &["block-storage", "volumev3", "volume"],
            Self::Share => &["shared-file-system", "sharev2", "share"],
            Self::Identity => &["identity"],
            Self::Compute => &["compute"],
            Self::Image => &["image"],
            Self::Network => &["network"],
            Self::LoadBalancer => &["load-balancer"],
            Self::ObjectStore => &["object-store"],
            Self::Placement => &["placement"],
        }
    }

    /// Where its API begins, from what the catalogue says and the project that we are logged in to.
    pub(super) fn root(self, endpoint: &Url, project: &str) -> Url {
        let with_project = |version: &str| {
            let mut url = at_version(endpoint, version);
            url.set_path(&format!("{}/{project}", url.path()));
            url
        };
        match self {
            Self::Identity => at_version(endpoint, "v3"),
            Self::Compute => at_version(endpoint, "v2.1"),
            // Before Yoga, the project is part of every address of Cinder.
            Self::Volume => with_project("v3"),
            Self::Image | Self::Share => at_version(endpoint, "v2"),
            // Octavia calls its v2 so too.
            Self::Network | Self::LoadBalancer => at_version(endpoint, "v2.0"),
            Self::ObjectStore => match account(endpoint, project) {
                Some((above, _)) => above,
                None => endpoint.clone(),
            },
            Self::Placement => endpoint.clone(),
        }
    }

    /// The header that asks for an API version, where one is always the same. Nova's is negotiated.
    pub(super) const fn version_header(self) -> Option<(&'static str, &'static str)> {
        match self {
            // Backups say whose they are from 3.18 on (Ocata).
            Self::Volume => Some(("openstack-api-version", "volume 3.18")),
            // Shares of all projects, with their project: 2.7 (Liberty) has both.
            Self::Share => Some(("x-openstack-manila-api-version", "2.7")),
            // Which providers are parts of which: 1.14 (Queens).
            Self::Placement => Some(("openstack-api-version", "placement 1.14")),
            _ => None,
        }
    }
}

impl From<Service> for &'static str {
    fn from(service: Service) -> Self {
        service.word()
    }
}

/// What comes before the accounts in Swift's addresses, and how an account is named after a project: all before the project's id. `None` where the
/// endpoint names no project: then the accounts of others have no address.
pub(super) fn account(endpoint: &Url, project: &str) -> Option<(Url, String)> {
    let (above, own) = endpoint.path().trim_end_matches('/').rsplit_once('/')?;
    let prefix = own.strip_suffix(project).filter(|_| !project.is_empty())?;
    let mut url = endpoint.clone();
    url.set_path(above);
    url.set_query(None);
    Some((url, prefix.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_begins_where_its_clients_expect_it() {
        let root = |service: Service, url: &str| {
            service
                .root(&Url::parse(url).unwrap(), "p1")
                .as_str()
                .to_owned()
        };
        for endpoint in [
            "http://cinder:8776/v3/p0",
            "http://cinder:8776/v3",
            "http://cinder:8776",
        ] {
            assert_eq!(root(Service::Volume, endpoint), "http://cinder:8776/v3/p1");
        }
        assert_eq!(
            root(Service::Image, "http://glance:9292"),
            "http://glance:9292/v2"
        );
        assert_eq!(
            root(Service::Network, "http://neutron:9696/"),
            "http://neutron:9696/v2.0"
        );
        assert_eq!(
            root(Service::ObjectStore, "http://swift/v1/AUTH_p1"),
            "http://swift/v1"
        );
        // A gateway of Ceph that tells accounts apart by the token alone.
        assert_eq!(
            root(Service::ObjectStore, "http://rgw/swift/v1"),
            "http://rgw/swift/v1"
        );
    }
}
