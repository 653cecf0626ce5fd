//! What the readers of one cluster's lists know that the reader of its kubelets needs: where kubelets answer, and which pods they tell of.
//!
//! # Memory usage
//! About 200 bytes a pod.

use super::thing::Thing;
use crate::domain::{
    Aspect, Known, Memory, Ts, Value,
    fact::{attr, kind},
};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::watch;

/// Nodes and pods of a cluster.
#[derive(Debug)]
pub(super) struct Directory {
    known: Mutex<Listed>,
    /// Which of nodes and pods are known.
    ready: watch::Sender<[bool; 2]>,
}

#[derive(Debug, Default)]
struct Listed {
    /// By id: name, and where the kubelet answers.
    nodes: HashMap<String, (String, Option<String>)>,
    /// By namespace and name.
    pods: HashMap<(Box<str>, Box<str>), Pod>,
}

/// A pod, as far as its kubelet's figures are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pod {
    /// Its id in facts.
    pub(super) id: Box<str>,
    /// What its kubelet takes for its UID, where that is another.
    of_kubelet: Option<Box<str>>,
    /// On its node's own network: what that carries is not its own.
    pub(super) on_host_network: bool,
    /// When it was bound to its node, where that is known.
    pub(super) begins: Option<Ts>,
}

impl Pod {
    /// One that a test knows.
    #[cfg(test)]
    pub(super) fn known(id: &str, of_kubelet: Option<&str>) -> Self {
        Self {
            id: id.into(),
            of_kubelet: of_kubelet.map(Into::into),
            on_host_network: false,
            begins: None,
        }
    }

    /// True where its kubelet means this one.
    pub(super) fn is(&self, uid: &str) -> bool {
        *self.id == *uid || self.of_kubelet.as_deref() == Some(uid)
    }
}

impl Default for Directory {
    fn default() -> Self {
        Self {
            known: Mutex::default(),
            ready: watch::Sender::new([false; 2]),
        }
    }
}

/// Where a kind stands among those that are listed here.
fn place(of: &str) -> Option<usize> {
    [kind::NODE, kind::POD].iter().position(|k| *k == of)
}

fn attribute(attributes: Option<&Known>, name: &str) -> Option<String> {
    attributes.and_then(|a| a.attrs.get(name).cloned())
}

impl Directory {
    fn listed(&self) -> MutexGuard<'_, Listed> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what the store knows of a kind.
    pub(super) fn remember(&self, of: &str, memory: &Memory) {
        let Some(i) = place(of) else { return };
        let mut all = self.listed();
        for (id, open) in memory.open.get(of).into_iter().flat_map(|open| open.iter()) {
            let known = |aspect| open.sighted.get(&aspect).and_then(|s| s.value.known());
            let word = |aspect| known(aspect).map_or("", |k| k.label.as_str());
            let place = (word(Aspect::Owner), word(Aspect::Name));
            all.note(of, id, place, known(Aspect::Attributes), None);
        }
        if memory.open.get(of).is_some_and(|open| !open.is_empty()) {
            self.ready.send_modify(|ready| ready[i] = true);
        }
    }

    /// An object was shown.
    pub(super) fn note(&self, of: &str, thing: &Thing) {
        if place(of).is_none() {
            return;
        }
        let attributes = thing.shown.get(&Aspect::Attributes).and_then(Value::known);
        let (namespace, name) = &thing.place;
        self.listed()
            .note(of, &thing.id, (namespace, name), attributes, thing.begins);
    }

    /// An object is there no more.
    pub(super) fn forget(&self, of: &str, thing: &Thing) {
        let mut all = self.listed();
        if of == kind::NODE {
            all.nodes.remove(&thing.id);
        }
        let (namespace, name) = &thing.place;
        let place = (namespace.as_str().into(), name.as_str().into());
        // Another of the same name may be there already.
        if of == kind::POD && all.pods.get(&place).is_some_and(|p| *p.id == *thing.id) {
            all.pods.remove(&place);
        }
    }

    /// A whole list was read: what it did not show is there no more.
    pub(super) fn complete(&self, of: &str, ids: &HashSet<String>) {
        let Some(i) = place(of) else { return };
        let mut all = self.listed();
        if of == kind::NODE {
            all.nodes.retain(|id, _| ids.contains(id));
        } else {
            all.pods.retain(|_, pod| ids.contains(&*pod.id));
        }
        self.ready.send_modify(|ready| ready[i] = true);
    }

    /// Waits until nodes and pods are known. False where they are not within that time.
    pub(super) async fn ready(&self, within: Duration) -> bool {
        let mut ready = self.ready.subscribe();
        let both = ready.wait_for(|r| *r == [true; 2]);
        tokio::time::timeout(within, both)
            .await
            .is_ok_and(|r| r.is_ok())
    }

    /// Nodes by name, and where each one's kubelet answers.
    pub(super) fn kubelets(&self) -> BTreeMap<String, Option<String>> {
        self.listed().nodes.values().cloned().collect()
    }

    /// The pod of that name.
    pub(super) fn pod(&self, namespace: &str, name: &str) -> Option<Pod> {
        let place = (namespace.into(), name.into());
        self.listed().pods.get(&place).cloned()
    }
}

impl Listed {
    fn note(
        &mut self,
        of: &str,
        id: &str,
        (namespace, name): (&str, &str),
        attributes: Option<&Known>,
        begins: Option<Ts>,
    ) {
        match of {
            kind::NODE => {
                let kubelet = attribute(attributes, attr::KUBELET);
                self.nodes.insert(id.to_owned(), (name.to_owned(), kubelet));
            }
            kind::POD => {
                let pod = Pod {
                    id: id.into(),
                    of_kubelet: attribute(attributes, attr::STATIC).map(Into::into),
                    on_host_network: attribute(attributes, attr::HOST_NETWORK).is_some(),
                    begins,
                };
                self.pods.insert((namespace.into(), name.into()), pod);
            }
            _ => {}
        }
    }
}
