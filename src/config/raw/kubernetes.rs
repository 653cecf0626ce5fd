//! A Kubernetes cluster, as it is written.

use crate::config::leaf::{Bytes, Pattern, Seconds, WebUrl};
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::PathBuf;

/// The kind.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "KubernetesKind")]
pub(in crate::config) enum Kind {
    /// A Kubernetes or OKD cluster, by its API server.
    Kubernetes,
}

/// A Kubernetes cluster. It is reached by `url` and `token_file`, by a context of a `kubeconfig`, or `in_cluster` as the pod's own service account.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Kubernetes {
    /// What it is.
    #[expect(dead_code, reason = "it chooses the type, and is told no further")]
    kind: Kind,
    /// Its name in every fact, line and metric. Never change it once facts are kept: they would be another cloud's.
    #[schemars(regex(pattern = r"^[a-z0-9][a-z0-9_.-]{0,62}$"), example = &"okd-1")]
    pub(in crate::config) name: String,
    /// The API server.
    pub(in crate::config) url: Option<WebUrl>,
    /// A file that holds the token of a service account. It is read again for each request, so it may be rotated.
    pub(in crate::config) token_file: Option<PathBuf>,
    /// A CA bundle (PEM) trusted beside the system's. Default: the system's alone.
    pub(in crate::config) ca_file: Option<PathBuf>,
    /// A kubeconfig, in place of the three keys above.
    pub(in crate::config) kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig. Default: its `current-context`.
    pub(in crate::config) context: Option<String>,
    /// True in a pod of the cluster itself: its service account says all of the above.
    #[serde(default)]
    pub(in crate::config) in_cluster: bool,
    /// How long one watch lasts. Changes are read as they come; usage reaches as far as the last watch that ended. 1s to 1h.
    #[serde(default = "Kubernetes::interval")]
    pub(in crate::config) interval: Seconds,
    /// Time between full lists, which find what watches missed. From `interval` to 7d.
    #[serde(default = "Kubernetes::full_interval")]
    pub(in crate::config) full_interval: Seconds,
    /// Objects asked for at once.
    #[serde(default = "Kubernetes::page_size")]
    #[schemars(range(min = 1, max = 10_000))]
    pub(in crate::config) page_size: u32,
    /// Requests at once, where objects are asked for one by one.
    #[serde(default = "Kubernetes::concurrency")]
    #[schemars(range(min = 1, max = 64))]
    pub(in crate::config) concurrency: u32,
    /// Time for one request that is no watch, after which it is tried again. 1s to 1h.
    #[serde(default = "Kubernetes::timeout")]
    pub(in crate::config) timeout: Seconds,
    /// Largest answer, and largest event of a watch, that is read. At least 64KiB.
    #[serde(default = "Kubernetes::body_max")]
    pub(in crate::config) body_max: Bytes,
    /// Extended resources that are GPUs or parts of one, whole. Others are not counted as GPUs.
    #[serde(default = "Kubernetes::gpu_resources")]
    pub(in crate::config) gpu_resources: Pattern,
    /// What pods really use, by their nodes' kubelets. Default: they are not asked.
    pub(in crate::config) kubelets: Option<Kubelets>,
}

/// A page of a kubelet.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum KubeletPage {
    /// `/stats/summary`: CPU, memory and networks. The account needs `nodes/stats`.
    Summary,
    /// `/metrics/resource`: CPU and memory, at less cost to the kubelet. The account needs `nodes/metrics`.
    Resource,
}

/// How the kubelets of a cluster are read. They are asked directly, as the same account, at the addresses that nodes have in the API.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Kubelets {
    /// Which page is read.
    #[serde(default = "Kubelets::page")]
    pub(in crate::config) page: KubeletPage,
    /// Time between two readings of one kubelet. 10s to 1h.
    #[serde(default = "Kubelets::interval")]
    pub(in crate::config) interval: Seconds,
    /// One reading of each pod is kept in each stretch of this length. From `interval` to 1h.
    #[serde(default = "Kubelets::keep")]
    pub(in crate::config) keep: Seconds,
    /// Time for one kubelet. 1s to 1m.
    #[serde(default = "Kubelets::timeout")]
    pub(in crate::config) timeout: Seconds,
    /// Kubelets asked at once.
    #[serde(default = "Kubelets::concurrency")]
    #[schemars(range(min = 1, max = 512))]
    pub(in crate::config) concurrency: u32,
    /// A CA bundle (PEM) that signed what kubelets show, trusted beside the system's. Default: the API server's.
    pub(in crate::config) ca_file: Option<PathBuf>,
}

impl Kubelets {
    const fn page() -> KubeletPage {
        KubeletPage::Summary
    }
    fn interval() -> Seconds {
        Seconds(60)
    }
    fn keep() -> Seconds {
        Seconds(900)
    }
    fn timeout() -> Seconds {
        Seconds(10)
    }
    const fn concurrency() -> u32 {
        32
    }
}

impl Kubernetes {
    pub(in crate::config) fn interval() -> Seconds {
        Seconds(60)
    }
    pub(in crate::config) fn full_interval() -> Seconds {
        Seconds(3_600)
    }
    pub(in crate::config) const fn page_size() -> u32 {
        500
    }
    pub(in crate::config) const fn concurrency() -> u32 {
        8
    }
    pub(in crate::config) fn timeout() -> Seconds {
        Seconds(60)
    }
    pub(in crate::config) fn body_max() -> Bytes {
        Bytes(64 << 20)
    }
    /// What the device plugins of NVIDIA (whole, shared, MIG), AMD and Intel offer.
    pub(in crate::config) fn gpu_resources() -> Pattern {
        Pattern(
            r"nvidia\.com/(gpu|mig-.+)(\.shared)?|amd\.com/gpu|gpu\.intel\.com/(i915|xe)"
                .to_owned(),
        )
    }
}
