//! Tenancy rules: how a scope finds its tenant and contract. Data only; `attribute` applies it.

use super::Ts;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// All rules, in order. The first rule that applies to a scope decides; a rule that gives two answers decides that nobody owns it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenancy {
    /// In order of precedence.
    pub rules: Vec<Rule>,
    /// Contract -> tenant. Empty: a contract's tenant is named like the contract. Otherwise a contract that is not in it is nobody's.
    pub contracts: BTreeMap<String, String>,
    /// What clusters stand on. It comes before all rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<Platform>,
}

/// A cluster that stands on resources which are metered too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// The Kubernetes source whose nodes are shared out over its pods.
    pub cluster: String,
    /// Projects that are the platform's own, by id or `domain name/project name`; what is in them is on nobody's bill.
    pub projects: Vec<String>,
    /// Only projects of this source.
    pub cloud: Option<String>,
    /// Who has what no pod asks for.
    pub idle: Idle,
}

/// Who has what of a node no pod asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Idle {
    /// The provider.
    #[default]
    Provider,
    /// The pods of the node, each in proportion to what it asks for; the provider where none asks for anything.
    ByRequest,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// A project tag that begins with this: the rest is the contract. Two of them on one project, or an empty rest: nobody's.
    ProjectTag {
        /// `contract:`.
        prefix: String,
    },
    /// All projects of a domain (by name or id).
    Domain {
        /// Name or id.
        domain: String,
        /// Customer.
        tenant: String,
        /// Terms.
        contract: String,
    },
    /// Projects whose name a pattern matches wholly.
    ProjectName {
        /// A regular expression, anchored at both ends.
        pattern: String,
        /// Only in this domain (name or id).
        domain: Option<String>,
        /// Customer; `$1` stands for the first group.
        tenant: String,
        /// Terms; likewise.
        contract: String,
    },
    /// Kubernetes namespaces by a label or an annotation: its value is the contract, or `value` says what it stands for.
    NamespaceMark {
        /// Label or annotation.
        mark: Mark,
        /// Its name: `example.com/contract`.
        name: String,
        /// What its values stand for; absent: each is a contract.
        value: Option<Meaning>,
    },
    /// Kubernetes namespaces whose name a pattern matches wholly.
    NamespaceName(Meaning),
    /// A dated list. Two entries that hold at once with different answers: nobody's.
    List(Vec<Listed>),
}

/// What marks a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// A label.
    Label,
    /// An annotation: `openshift.io/requester` is who asked for a project of OKD.
    Annotation,
}

impl Mark {
    /// The word in rules.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Label => "label",
            Self::Annotation => "annotation",
        }
    }

    /// The attribute of a scope that holds the mark of that name.
    #[must_use]
    pub fn attr(self, name: &str) -> String {
        let prefix = match self {
            Self::Label => attr::LABEL,
            Self::Annotation => attr::ANNOTATION,
        };
        format!("{prefix}{name}")
    }
}

/// What words that a pattern matches stand for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meaning {
    /// A regular expression, anchored at both ends.
    pub pattern: String,
    /// Customer; `$1` stands for the first group.
    pub tenant: String,
    /// Terms; likewise.
    pub contract: String,
}

/// An entry of a dated list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Project id, `domain name/project name`, or the name of a Kubernetes namespace.
    pub scope: String,
    /// Only of this source.
    pub cloud: Option<String>,
    /// Customer.
    pub tenant: String,
    /// Terms.
    pub contract: String,
    /// From, inclusive; absent: ever since.
    pub from: Option<Ts>,
    /// Until, exclusive; absent: for good.
    pub to: Option<Ts>,
}

/// Names of a project's attributes in facts of [`super::Aspect::Attributes`]. The label is the project's name; tags are joined by a newline, sorted.
pub mod attr {
    /// Id of the project's domain.
    pub const DOMAIN_ID: &str = "domain_id";
    /// Name of the project's domain, if it could be read.
    pub const DOMAIN: &str = "domain";
    /// Tags, sorted, one a line.
    pub const TAGS: &str = "tags";
    /// `true` or `false`.
    pub const ENABLED: &str = "enabled";
    /// What stands before the name of a Kubernetes namespace's label.
    pub const LABEL: &str = "label:";
    /// What stands before the name of a Kubernetes namespace's annotation.
    pub const ANNOTATION: &str = "annotation:";
    /// What the names of those annotations of namespaces begin with that are kept: others may hold anything.
    pub const KEPT_ANNOTATIONS: &str = "openshift.io/";
}
