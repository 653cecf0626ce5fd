//! Texts that many rows have in common, held once.

use serde::{Serialize, Serializer};
use std::{
    borrow::Borrow,
    collections::{BTreeMap, HashSet},
    fmt,
    ops::Deref,
    sync::Arc,
};

/// A text that many hold and nobody changes. A clone of it is a number more on a counter.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shared(Arc<str>);

/// Dimensions that many rows have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dimensions(Arc<BTreeMap<String, String>>);

impl Deref for Dimensions {
    type Target = BTreeMap<String, String>;

    fn deref(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

impl Borrow<BTreeMap<String, String>> for Dimensions {
    fn borrow(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

impl From<BTreeMap<String, String>> for Dimensions {
    fn from(map: BTreeMap<String, String>) -> Self {
        Self(Arc::new(map))
    }
}

impl<const N: usize> From<[(String, String); N]> for Dimensions {
    fn from(pairs: [(String, String); N]) -> Self {
        Self::from(BTreeMap::from(pairs))
    }
}

impl PartialEq<BTreeMap<String, String>> for Dimensions {
    fn eq(&self, other: &BTreeMap<String, String>) -> bool {
        *self.0 == *other
    }
}

impl Shared {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Shared {
    fn default() -> Self {
        Self(Arc::from(""))
    }
}

impl Deref for Shared {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Shared {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Serialize for Shared {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl From<&str> for Shared {
    fn from(text: &str) -> Self {
        Self(Arc::from(text))
    }
}

impl From<String> for Shared {
    fn from(text: String) -> Self {
        Self(Arc::from(text))
    }
}

impl From<&Shared> for String {
    fn from(text: &Shared) -> Self {
        text.0.as_ref().to_owned()
    }
}

impl PartialEq<str> for Shared {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other
    }
}

impl PartialEq<&str> for Shared {
    fn eq(&self, other: &&str) -> bool {
        *self.0 == **other
    }
}

impl PartialEq<String> for Shared {
    fn eq(&self, other: &String) -> bool {
        *self.0 == **other
    }
}

/// Hands out one copy of what is equal.
#[derive(Debug, Default)]
pub struct Sharing {
    texts: HashSet<Shared>,
    maps: HashSet<Dimensions>,
}

impl Sharing {
    /// The copy of a text.
    pub fn text(&mut self, text: &str) -> Shared {
        if let Some(known) = self.texts.get(text) {
            return known.clone();
        }
        let new = Shared::from(text);
        self.texts.insert(new.clone());
        new
    }

    /// The copy of some dimensions.
    pub fn map(&mut self, map: BTreeMap<String, String>) -> Dimensions {
        if let Some(known) = self.maps.get(&map) {
            return known.clone();
        }
        let new = Dimensions::from(map);
        self.maps.insert(new.clone());
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_equal_is_held_once() {
        let mut sharing = Sharing::default();
        let (a, b, c) = (sharing.text("x"), sharing.text("x"), sharing.text("y"));
        assert!(Arc::ptr_eq(&a.0, &b.0) && a != c && a == "x" && a < c);
        let map = |v: &str| BTreeMap::from([("k".to_owned(), v.to_owned())]);
        let (a, b, c) = (
            sharing.map(map("1")),
            sharing.map(map("1")),
            sharing.map(map("2")),
        );
        assert!(Arc::ptr_eq(&a.0, &b.0) && a != c);
    }
}
