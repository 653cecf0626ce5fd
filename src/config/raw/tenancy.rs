//! Who pays, as it is written.

use super::Part;
use crate::config::leaf::{Moment, Pattern};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Who pays.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Tenancy {
    /// Contract to tenant. Where it is empty, a contract's tenant is named like the contract; otherwise a contract that is not in it is nobody's.
    pub(in crate::config) contracts: BTreeMap<String, String>,
    /// In order: the first that applies to a project decides. What none applies to is shown as `unattributed`. Default: `[{project_tag: "contract:"}]`.
    pub(in crate::config) rules: Vec<Part<Rule>>,
    /// Clusters that stand on resources which are metered too, and what they stand on. Default: none.
    pub(in crate::config) platforms: Vec<Part<Platform>>,
}

impl Default for Tenancy {
    fn default() -> Self {
        let tag = Rule::ProjectTag(ByTag {
            project_tag: "contract:".to_owned(),
        });
        Self {
            contracts: BTreeMap::new(),
            rules: vec![Part(Some(tag))],
            platforms: Vec::new(),
        }
    }
}

/// A cluster that stands on resources which are metered too.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = &serde_json::json!({"cluster": "okd-1", "projects": ["Default/okd-1"]}))]
pub(in crate::config) struct Platform {
    /// The source of the kind kubernetes. Its nodes are shared out over their pods: the meters `k8s.node.*`.
    pub(in crate::config) cluster: String,
    /// Projects that are the platform's own: ids, or `domain name/project name`. What is in them is shown under the tenant `platform`, and is on nobody's bill.
    pub(in crate::config) projects: Vec<String>,
    /// Only projects of this source. Default: of all.
    pub(in crate::config) source: Option<String>,
    /// Who has what of a node no pod asks for. Default: provider.
    #[serde(default)]
    pub(in crate::config) idle: Idle,
}

/// Who has what no pod asks for.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Idle {
    /// The provider: lines under the tenant `platform`.
    #[default]
    Provider,
    /// The pods of the node, each in proportion to what it asks for.
    ByRequest,
}

/// One rule.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(example = &serde_json::json!({"project_tag": "contract:"}), example = &serde_json::json!({"domain": "acme", "tenant": "acme-ab", "contract": "CO-001"}))]
pub(in crate::config) enum Rule {
    /// By a project's tag.
    ProjectTag(ByTag),
    /// By the domain.
    Domain(ByDomain),
    /// By the project's name.
    ProjectName(ByName),
    /// By a namespace's label.
    NamespaceLabel(ByLabel),
    /// By a namespace's annotation.
    NamespaceAnnotation(ByAnnotation),
    /// By the namespace's name.
    NamespaceName(ByNamespace),
    /// By a dated list.
    List(ByList),
}

/// Projects by their tag.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct ByTag {
    /// A project tag that begins with this: the rest is the contract. Two of them on one project, or an empty rest: nobody's.
    pub(in crate::config) project_tag: String,
}

/// All projects of a domain.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct ByDomain {
    /// Name or id of the domain.
    pub(in crate::config) domain: String,
    /// The customer.
    pub(in crate::config) tenant: String,
    /// The terms.
    pub(in crate::config) contract: String,
}

/// Projects by their name.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct ByName {
    /// A regular expression that matches the whole name.
    pub(in crate::config) project_name: Pattern,
    /// Only in this domain (name or id). Default: in all.
    pub(in crate::config) domain: Option<String>,
    /// The customer; `$1` or `${name}` stands for a group of the expression, `$$` for a dollar.
    pub(in crate::config) tenant: String,
    /// The terms; likewise.
    pub(in crate::config) contract: String,
}

/// Kubernetes namespaces by a label.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct ByLabel {
    /// The label's name. Its value is the contract, unless `value` says what values stand for.
    pub(in crate::config) namespace_label: String,
    /// A regular expression that matches the whole value.
    pub(in crate::config) value: Option<Pattern>,
    /// The customer, beside `value`; `$1` stands for a group of the expression.
    pub(in crate::config) tenant: Option<String>,
    /// The terms, beside `value`; likewise.
    pub(in crate::config) contract: Option<String>,
}

/// Kubernetes namespaces by an annotation: OKD's `openshift.io/requester` is who asked for it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct ByAnnotation {
    /// The annotation's name, which begins with `openshift.io/`: others are not kept. Its value is the contract, unless `value` says what values stand for.
    pub(in crate::config) namespace_annotation: String,
    /// A regular expression that matches the whole value.
    pub(in crate::config) value: Option<Pattern>,
    /// The customer, beside `value`; `$1` stands for a group of the expression.
    pub(in crate::config) tenant: Option<String>,
    /// The terms, beside `value`; likewise.
    pub(in crate::config) contract: Option<String>,
}

/// Kubernetes namespaces by their name.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct ByNamespace {
    /// A regular expression that matches the whole name.
    pub(in crate::config) namespace_name: Pattern,
    /// The customer; `$1` or `${name}` stands for a group of the expression, `$$` for a dollar.
    pub(in crate::config) tenant: String,
    /// The terms; likewise.
    pub(in crate::config) contract: String,
}

/// Projects by a dated list.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct ByList {
    /// The entries. Two that hold at once with different answers: nobody's.
    pub(in crate::config) list: Vec<Part<Listed>>,
}

/// An entry of a dated list.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Listed {
    /// Project id, `domain name/project name`, or the name of a Kubernetes namespace.
    pub(in crate::config) scope: String,
    /// Only of this source. Default: of all.
    pub(in crate::config) source: Option<String>,
    /// The customer.
    pub(in crate::config) tenant: String,
    /// The terms.
    pub(in crate::config) contract: String,
    /// From this time on. Default: ever since.
    pub(in crate::config) from: Option<Moment>,
    /// Until this time, exclusive. Default: for good.
    pub(in crate::config) to: Option<Moment>,
}
