//! How many tell a story independently: publishers that do not all print the same text.

use std::collections::{BTreeMap, BTreeSet};

use crate::time::Timestamp;

use super::family;

/// Texts and publishers beyond these change no decision.
const COUNTED_MAX: usize = 64;

/// That a publisher told a story in one text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub publisher: String,
    /// The text, or the agency that wrote it.
    pub origin: String,
    /// When an item of it was last seen.
    pub last: Timestamp,
}

/// The most reports among these, told at or after `since`, of which no two share their publisher or their origin: a text that
/// twelve papers reprint is one, and so are three texts of one paper.
pub fn independent(told: &[Told], since: Timestamp) -> u32 {
    let mut texts_of: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for told in told.iter().filter(|told| told.last >= since) {
        let texts = texts_of.entry(family(&told.publisher)).or_default();
        if texts.len() < COUNTED_MAX {
            texts.insert(&told.origin);
        }
    }
    let publishers: Vec<&BTreeSet<&str>> =
        texts_of.values().take(COUNTED_MAX * COUNTED_MAX).collect();
    // A maximum matching, path by path (Kuhn): each publisher takes a text of its own, others moving to another where they can.
    let mut taken: BTreeMap<&str, usize> = BTreeMap::new();
    let mut count = 0;
    for publisher in 0..publishers.len() {
        let mut tried = BTreeSet::new();
        count += u32::from(takes(publisher, &publishers, &mut taken, &mut tried));
        if count as usize >= COUNTED_MAX {
            break;
        }
    }
    count
}

fn takes<'a>(
    publisher: usize,
    publishers: &[&BTreeSet<&'a str>],
    taken: &mut BTreeMap<&'a str, usize>,
    tried: &mut BTreeSet<&'a str>,
) -> bool {
    let Some(texts) = publishers.get(publisher) else {
        return false;
    };
    for text in texts.iter().copied() {
        if !tried.insert(text) {
            continue;
        }
        let is_free = match taken.get(text).copied() {
            None => true,
            Some(other) => takes(other, publishers, taken, tried),
        };
        if is_free {
            taken.insert(text, publisher);
            return true;
        }
    }
    false
}
