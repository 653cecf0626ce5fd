//! What messages only name by id, and lists show by name: volume types, the volumes of snapshots, public networks.

use super::{
    super::{
        super::SourceError,
        inventory::told::{self, Context},
        pages::Pager,
        service::Service,
        session::Session,
    },
    message::Message,
};
use crate::{
    domain::{Memory, Ts},
    net::Tally,
};
use serde::Deserialize;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Volumes remembered for their snapshots; the cloud is asked again for those that were forgotten.
const VOLUMES_MAX: usize = 50_000;
/// A message of a snapshot is fresh for so long, in seconds: what the cloud then says of its volume is what it was when the snapshot was made.
const FRESH_S: i64 = 60;
/// The public networks are listed again after so long.
const NETWORKS_FOR: Duration = Duration::from_secs(300);

/// The tables.
#[derive(Debug, Default)]
pub(super) struct Lookup {
    /// Names of volume types by id.
    types: BTreeMap<String, String>,
    /// The type's name of volumes by id; of one without a type, or that is no more, "".
    volumes: BTreeMap<String, String>,
    /// Networks by id.
    networks: Context,
    networks_read: Option<Instant>,
}

impl Lookup {
    /// Nothing is known yet but what the configuration says.
    pub(super) fn new(settings: &Context) -> Self {
        Self {
            networks: settings.clone(),
            ..Self::default()
        }
    }

    /// Notes what is remembered of volumes.
    pub(super) fn note(&mut self, memory: &Memory) {
        self.volumes.extend(told::volume_types(memory));
    }

    /// The name of a volume type.
    pub(super) fn volume_type(&self, id: &str) -> Option<&str> {
        self.types.get(id).map(String::as_str)
    }

    /// The name of the type of a volume.
    pub(super) fn type_of_volume(&self, id: &str) -> Option<&str> {
        self.volumes.get(id).map(String::as_str)
    }

    /// The networks, by name, and which of them are public.
    pub(super) const fn networks(&self) -> &Context {
        &self.networks
    }

    /// Looks up what a message names and is not known yet. In the order of the messages, a snapshot is of the type that its volume had then; but Cinder tells of
    /// a volume that was moved a second after it lets snapshots be made of it, so while a snapshot is fresh at `now` the cloud is asked.
    ///
    /// # Errors
    /// When the cloud cannot be asked: then the message is to wait.
    pub(super) async fn prepare(
        &mut self,
        m: &Message,
        now: Ts,
        session: &Session,
        tally: &Tally,
    ) -> Result<(), SourceError> {
        let text = |key: &str| m.payload.get(key).and_then(Value::as_str);
        match m.event_type.split('.').next().unwrap_or_default() {
            "volume" => {
                if let Some(id) = text("volume_type") {
                    self.know_type(id, session, tally).await?;
                }
                self.note_volume(m);
            }
            "snapshot" => {
                let fresh = m.event_type == "snapshot.create.end"
                    && (now.second() - m.timestamp.second()).abs() < FRESH_S;
                if let Some(volume) = text("volume_id")
                    && (fresh || !self.volumes.contains_key(volume))
                {
                    match type_of(volume, session, tally).await? {
                        Some(name) => self.remember(volume.to_owned(), name),
                        // Deleted since: what messages told of it is all there is.
                        None if self.volumes.contains_key(volume) => {}
                        None => self.remember(volume.to_owned(), String::new()),
                    }
                }
            }
            "floatingip" | "port" | "router" => self.know_networks(session, tally).await?,
            _ => {}
        }
        Ok(())
    }

    /// Notes the type of a volume that a message tells of.
    pub(super) fn note_volume(&mut self, m: &Message) {
        let text = |key: &str| m.payload.get(key).and_then(Value::as_str);
        if m.event_type.starts_with("volume.")
            && let Some(volume) = text("volume_id")
        {
            let name = text("volume_type").and_then(|t| self.types.get(t));
            self.remember(volume.to_owned(), name.cloned().unwrap_or_default());
        }
    }

    fn remember(&mut self, volume: String, name: String) {
        if self.volumes.len() >= VOLUMES_MAX {
            self.volumes.clear();
        }
        self.volumes.insert(volume, name);
    }

    async fn know_type(
        &mut self,
        id: &str,
        session: &Session,
        tally: &Tally,
    ) -> Result<(), SourceError> {
        if self.types.contains_key(id) {
            return Ok(());
        }
        for (id, name) in named(
            Service::Volume,
            "/types?is_public=None&limit=1000",
            "volume_types",
            session,
            tally,
        )
        .await?
        {
            self.types.insert(id, name);
        }
        // One that was deleted since: its id is all that is left of it.
        self.types
            .entry(id.to_owned())
            .or_insert_with(|| id.to_owned());
        Ok(())
    }

    async fn know_networks(&mut self, session: &Session, tally: &Tally) -> Result<(), SourceError> {
        if self
            .networks_read
            .is_some_and(|t| t.elapsed() < NETWORKS_FOR)
        {
            return Ok(());
        }
        let list = told::networks();
        let mut pager = Pager::new(Service::Network, (list.path)(1000), list.key, list.id);
        while let Some(page) = pager.next(session, tally).await? {
            for item in &page.items {
                (list.note)(&item.body, &mut self.networks)
                    .map_err(|why| page.reply.shape("a network as documented", &why))?;
            }
        }
        self.networks_read = Some(Instant::now());
        Ok(())
    }
}

/// Ids and names of a list.
async fn named(
    service: Service,
    path: &str,
    key: &'static str,
    session: &Session,
    tally: &Tally,
) -> Result<Vec<(String, String)>, SourceError> {
    #[derive(Deserialize)]
    struct Named {
        id: String,
        name: String,
    }
    let mut all = Vec::new();
    let mut pager = Pager::new(service, path.to_owned(), key, "id");
    while let Some(page) = pager.next(session, tally).await? {
        for item in &page.items {
            let one: Named = serde_json::from_str(&item.body)
                .map_err(|e| page.reply.shape("an id and a name", &e.to_string()))?;
            all.push((one.id, one.name));
        }
    }
    Ok(all)
}

/// The type of a volume as the cloud says; `None` where there is no such volume.
async fn type_of(
    volume: &str,
    session: &Session,
    tally: &Tally,
) -> Result<Option<String>, SourceError> {
    #[derive(Deserialize)]
    struct Shown {
        volume: One,
    }
    #[derive(Deserialize)]
    struct One {
        volume_type: Option<String>,
    }
    match session
        .get(Service::Volume, &format!("/volumes/{volume}"), tally)
        .await
    {
        Err(e) if e.status() == Some(404) => Ok(None),
        Err(e) => Err(e),
        Ok(reply) => {
            let shown: Shown = reply.json("a volume")?;
            Ok(Some(shown.volume.volume_type.unwrap_or_default()))
        }
    }
}

#[cfg(test)]
impl Lookup {
    /// As after looking up these: types, and external networks.
    pub(super) fn of(types: &[(&str, &str)], networks: &[(&str, &str)]) -> Self {
        let mut all = Self::default();
        for (id, name) in types {
            all.types.insert((*id).to_owned(), (*name).to_owned());
        }
        for (id, name) in networks {
            let shown = serde_json::json!({"id": id, "name": name, "router:external": true});
            (told::networks().note)(&shown.to_string(), &mut all.networks).unwrap();
        }
        all
    }
}
