//! `check --online` for kubelets: the first few nodes' are asked, and what each lacks is said.

use super::{Kubelets, understood};
use crate::{
    domain::{Aspect, Value, fact::attr},
    net::Tally,
    sources::{Finding, SourceError, Verdict, kubernetes::objects},
};
use regex::Regex;
use serde::Deserialize;
use serde_json::value::RawValue;

/// So many are asked.
const ASKED: &str = "3";

#[derive(Deserialize)]
struct Nodes<'a> {
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
}

pub(super) async fn online(reader: &Kubelets) -> Vec<Finding> {
    let mut findings = Vec::new();
    match nodes(reader).await {
        Err(e) => findings.push(Finding {
            verdict: Verdict::Error,
            what: e.to_string(),
            hint: "without nodes no kubelet can be asked".to_owned(),
        }),
        Ok(nodes) => {
            for (node, address) in nodes {
                findings.push(kubelet(reader, &node, address).await);
            }
        }
    }
    findings
}

/// Some nodes, and where their kubelets answer.
async fn nodes(reader: &Kubelets) -> Result<Vec<(String, Option<String>)>, SourceError> {
    let reply = reader
        .session
        .get("/api/v1/nodes", &[("limit", ASKED)], &Tally::default())
        .await?;
    let shape = |why: String| SourceError::from(reply.shape("nodes", &why));
    let nodes: Nodes<'_> = serde_json::from_slice(&reply.body).map_err(|e| shape(e.to_string()))?;
    // No resource is called so: what a node has to give is no question here.
    let no_gpus = Regex::new("^$").map_err(|e| shape(e.to_string()))?;
    let mut found = Vec::new();
    for item in nodes.items {
        let node = objects::node(item.get(), &no_gpus).map_err(shape)?;
        found.extend(node.map(|thing| {
            let shown = thing.shown.get(&Aspect::Attributes).and_then(Value::known);
            let address = shown.and_then(|k| k.attrs.get(attr::KUBELET).cloned());
            (thing.place.1, address)
        }));
    }
    Ok(found)
}

async fn kubelet(reader: &Kubelets, node: &str, address: Option<String>) -> Finding {
    let page = reader.conf.page;
    let asked = super::ask(&reader.session, page, node, address, &Tally::default()).await;
    match asked.and_then(|reply| understood(page, &reply)) {
        Ok(read) => Finding {
            verdict: Verdict::Ok,
            what: format!("the kubelet of {node} tells of {} pods", read.samples.len()),
            hint: String::new(),
        },
        Err(e) => Finding {
            verdict: Verdict::Error,
            what: e.to_string(),
            hint: "what its pods use is not metered; what they request is".to_owned(),
        },
    }
}
