//! Entries to the parsers of items, for fuzzing: see [`super::super::fuzzed`].

use super::{
    Origin, account, hypervisor,
    item::{Context, Item, Network},
};
use std::{collections::BTreeMap, sync::LazyLock};

/// The recorded cloud's external network is public, whatever else is read.
static CONTEXT: LazyLock<Context> = LazyLock::new(|| Context {
    networks: BTreeMap::from([(
        "3af04603-f716-4ea0-b789-6c7f81b02200".to_owned(),
        Network {
            name: "public".to_owned(),
            public: true,
        },
    )]),
    gpu_alias: super::super::whole("gpu.*").ok(),
    ..Context::default()
});

/// What was read holds, and of what was not somebody is told why.
fn judged(read: Result<Option<Item>, String>) -> bool {
    match read {
        Ok(item) => {
            item.iter().for_each(Item::holds_its_word);
            true
        }
        Err(why) => {
            assert!(!why.is_empty());
            false
        }
    }
}

/// One item of a list that is read page by page.
pub(in super::super) fn item(list: &str, text: &str) -> bool {
    let lists = super::OFFERS.iter().flat_map(|o| o.lists);
    let Some(Origin::Pages(pages)) = lists.filter(|l| l.name == list).map(|l| &l.origin).next()
    else {
        return false;
    };
    judged((pages.read)(text, &CONTEXT))
}

/// Headers of an account, one a line.
pub(in super::super) fn account(text: &str) -> bool {
    let headers = text.lines().filter_map(|line| line.split_once(": "));
    let Ok(parts) = account::parts("p1", headers) else {
        return false;
    };
    for part in &parts {
        part.holds_its_word();
        assert_eq!(account::project_of(&part.id), "p1");
    }
    !parts.is_empty()
}

/// Inventories of a provider of resources.
pub(in super::super) fn inventories(text: &str) -> bool {
    let Ok(read) = hypervisor::Inventories::read(text) else {
        return false;
    };
    let parts = vec![(text.to_owned(), read)];
    judged(hypervisor::item(
        "h1",
        "node-1",
        parts,
        CONTEXT.gpu_alias.as_ref(),
    ))
}
