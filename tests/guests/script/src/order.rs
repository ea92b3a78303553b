//! Hash sets whose order depends on keys. A rebuilt run must find the same order, and cannot if the keys differ.

use std::collections::HashSet;
use std::hash::{BuildHasher, DefaultHasher, Hasher};

use dormouse_sdk::{Value, json};

/// Two hash sets of the same names.
pub(crate) struct Orders {
    random: HashSet<String, Keyed>,
    std: HashSet<String>,
}

/// Hashes as the standard library does, with a given key.
struct Keyed(u64);

impl BuildHasher for Keyed {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.0);
        hasher
    }
}

impl Orders {
    pub(crate) fn new(key: u64) -> Self {
        Self {
            random: HashSet::with_hasher(Keyed(key)),
            std: HashSet::new(),
        }
    }

    pub(crate) fn insert(&mut self, names: &[String]) {
        self.random.extend(names.iter().cloned());
        self.std.extend(names.iter().cloned());
    }

    /// Returns the names of each set in the set's own order.
    pub(crate) fn mirror(&self) -> Value {
        json!({
            "random": self.random.iter().collect::<Vec<_>>(),
            "std": self.std.iter().collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(key: u64) -> Value {
        let mut orders = Orders::new(key);
        orders.insert(&('a'..='p').map(String::from).collect::<Vec<_>>());
        orders.mirror()["random"].clone()
    }

    #[test]
    fn the_order_is_the_keys() {
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
    }
}
