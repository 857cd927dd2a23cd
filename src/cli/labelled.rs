//! Items that a person has read and labelled, one JSON object a line: what items files hold, and beside it `labels`
//! (a list, empty for an item that no rule should find) and, if you like, `borderline`.
//!
//! What `eval` and `terms` share. A class is a rule's first tag; `rebel_advance` and `Rebel-Advance` are one class.

use std::{
    collections::{BTreeSet, HashMap},
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, bail};
use serde::Deserialize;

use super::items::ItemLine;
use crate::{
    model::{Feed, Item},
    rule::{RuleHits, RuleSet, RuleSource},
    text::language,
};

/// One line of a labelled file.
#[derive(Deserialize)]
struct LabelledLine {
    #[serde(flatten)]
    item: ItemLine,
    labels: Option<Vec<String>>,
    #[serde(default)]
    borderline: bool,
}

/// An item, what a reader says it is, and what the rules say.
#[derive(Debug)]
pub struct Labelled {
    /// Its line in the file, from 1.
    pub line: u64,
    pub item: Item,
    pub feed: Arc<Feed>,
    /// As declared, else detected; empty where unknown.
    pub lang: String,
    /// The classes a reader gave it; `None` where the line has no `labels`.
    pub labels: Option<BTreeSet<String>>,
    /// Whether a second careful reader could differ.
    pub is_borderline: bool,
    /// The rules that matched, in rule order.
    pub hits: Vec<RuleHits>,
}

impl Labelled {
    pub fn is_labelled(&self, class: &str) -> bool {
        let labels = self.labels.as_ref();
        labels.is_some_and(|labels| labels.contains(class))
    }

    pub fn is_found(&self, rules: &RuleSet, class: &str) -> bool {
        self.hits
            .iter()
            .any(|matched| class_of(&rules.rules()[matched.rule]) == class)
    }
}

/// A labelled file, matched against the rules.
#[derive(Debug)]
pub struct LabelledFile {
    pub path: PathBuf,
    pub items: Vec<Labelled>,
    /// Lines that are no items, with the reason.
    pub problems: Vec<String>,
}

/// Reads the file and matches every item against the rules.
///
/// # Errors
/// When it cannot be read or holds no item at all.
pub fn read(path: &Path, rules: &RuleSet, feeds: &[Arc<Feed>]) -> anyhow::Result<LabelledFile> {
    let name = path.display();
    let file = File::open(path).with_context(|| format!("cannot open {name}"))?;
    let known: HashMap<&str, &Arc<Feed>> = feeds
        .iter()
        .map(|feed| (feed.name.as_str(), feed))
        .collect();
    let unnamed = Arc::new(Feed::named("labelled"));
    let (mut items, mut problems) = (Vec::new(), Vec::new());
    for (line, text) in (1..).zip(BufReader::new(file).lines()) {
        let text = text.with_context(|| format!("cannot read {name} on from line {line}"))?;
        if text.trim().is_empty() {
            continue;
        }
        let read: LabelledLine = match serde_json::from_str(&text) {
            Ok(read) => read,
            Err(error) => {
                problems.push(format!("{name}:{line}: not an item: {error}"));
                continue;
            }
        };
        let feed = read.item.feed.as_deref().unwrap_or_default();
        let feed = known.get(feed).map_or(&unnamed, |feed| *feed).clone();
        let item = read.item.into_item();
        items.push(Labelled {
            line,
            lang: lang_of(&feed, &item),
            labels: read
                .labels
                .map(|labels| labels.iter().map(|label| class_name(label)).collect()),
            is_borderline: read.borderline,
            hits: rules.hits(&feed, &item),
            feed,
            item,
        });
    }
    if items.is_empty() {
        match problems.first() {
            Some(problem) => bail!("{name} holds no items, one JSON object a line: {problem}"),
            None => bail!("{name} is empty"),
        }
    }
    Ok(LabelledFile {
        path: path.to_owned(),
        items,
        problems,
    })
}

fn lang_of(feed: &Feed, item: &Item) -> String {
    let declared = [feed.lang.as_deref(), item.lang.as_deref()];
    let reading = language::decide(declared, &item.title, &item.summary);
    reading.code.as_str().to_owned()
}

/// The class of a rule: its first tag, else its id.
pub fn class_of(rule: &RuleSource) -> String {
    class_name(rule.tags.first().unwrap_or(&rule.id))
}

/// `rebel_advance` and `rebel-advance` are one class.
pub fn class_name(label: &str) -> String {
    label.trim().to_lowercase().replace('_', "-")
}
