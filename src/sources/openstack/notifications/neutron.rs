//! Neutron's messages: what holds public addresses. Pure.
//!
//! Floating IPs, ports on public networks, and routers with a gateway there: a message shows one as the list does. A port of a private network is nothing
//! that is metered.

use super::{
    super::inventory::told::{FloatingIp, Port, Router},
    facts::Told,
    lookup::Lookup,
    message::Message,
};
use crate::domain::{Aspect, Value, fact::kind};

/// What a message tells.
pub(super) fn told(message: &Message, lookup: &Lookup) -> Result<Option<Told>, String> {
    let Some((what, event)) = message.event_type.split_once('.') else {
        return Ok(None);
    };
    if !matches!(event, "create.end" | "update.end" | "delete.end" | "exists") {
        return Ok(None);
    }
    let kind = match what {
        "floatingip" => kind::FLOATING_IP,
        "port" => kind::PORT,
        _ => kind::ROUTER,
    };
    let sent = message.timestamp;
    let Some(shown) = message.payload.get(what) else {
        // Before Ussuri, a deletion's payload is an id alone.
        let id = message.payload.get(format!("{what}_id"));
        return match (event, id.and_then(|v| v.as_str())) {
            // Whether a port was on a public network, nobody knows then.
            ("delete.end", Some(_)) if kind == kind::PORT => Ok(None),
            ("delete.end", Some(id)) => {
                let told = Told::of(kind, id.to_owned());
                Ok(Some(told.event(Aspect::State, sent, Value::Gone)))
            }
            _ => Err(format!("its payload has no {what}")),
        };
    };
    let (body, networks) = (shown.to_string(), lookup.networks());
    let item = match what {
        "floatingip" => Some(FloatingIp::read(&body, networks)?),
        "port" => Port::read(&body, networks)?,
        _ => Some(Router::read(&body, networks)?),
    };
    Ok(item.map(|item| {
        let told = Told::of(kind, item.id).record(item.created, item.begins);
        let shown = item.shown.into_iter();
        if event == "delete.end" {
            let shown = shown.filter(|(aspect, _)| *aspect != Aspect::State);
            return told
                .seen(sent, shown.map(Some))
                .event(Aspect::State, sent, Value::Gone);
        }
        // Its record was changed last then; what of it, it does not say.
        let changed = item.updated.unwrap_or(sent).min(sent);
        told.changed(changed, sent, shown.map(Some))
    }))
}
