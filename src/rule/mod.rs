//! Rules: what analysts write, compiled together once, matched against every new item in one pass.
//!
//! Building may fail and says where; matching cannot.

use std::{ops::Range, time::Duration};

use globset::GlobSet;

use crate::model::{Feed, Hit, Item, Severity};

/// One string of a rule or list as the analyst wrote it. `Place` is opaque here: the configuration gives each string
/// a number and turns (number, byte range inside the string) back into file, line and column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    pub text: String,
    pub place: Place,
}

/// Which string of which file, known to the configuration alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place(pub u32);

/// A rule before it is compiled: values checked, queries not yet read.
#[derive(Clone, Debug)]
pub struct RuleSource {
    pub id: String,
    /// Where the rule's table begins.
    pub place: Place,
    pub title: String,
    pub severity: Severity,
    pub tags: Vec<String>,
    pub any: Vec<Text>,
    pub all: Vec<Text>,
    pub none: Vec<Text>,
    pub scope: Scope,
    /// Primary subtags; empty is any language.
    pub langs: Vec<String>,
    pub feeds: FeedFilter,
    pub per: Per,
    pub cooldown: Option<Duration>,
    pub fire: Vec<Text>,
    pub ignore: Vec<Text>,
}

/// The part of an item that a bare word is looked for in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// The title and the first 60 words of the text.
    #[default]
    Lead,
    Title,
    /// The title, the summary and the content.
    All,
}

/// What one alert stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Per {
    #[default]
    Story,
    Item,
}

/// Which feeds a rule looks at: globs over names and tags; neither is every feed.
#[derive(Clone, Debug, Default)]
pub struct FeedFilter {
    pub names: Option<GlobSet>,
    /// From `tag:wire`; globs as well.
    pub tags: Option<GlobSet>,
}

impl FeedFilter {
    pub fn takes(&self, feed: &Feed) -> bool {
        if self.names.is_none() && self.tags.is_none() {
            return true;
        }
        self.names
            .as_ref()
            .is_some_and(|globs| globs.is_match(&feed.name))
            || self
                .tags
                .as_ref()
                .is_some_and(|globs| feed.tags.iter().any(|tag| globs.is_match(tag)))
    }
}

/// A named list of queries, some for one language alone.
#[derive(Clone, Debug)]
pub struct ListSource {
    pub name: String,
    pub place: Place,
    /// The language of each entry's key; `None` where the entry serves every language.
    pub entries: Vec<(Option<String>, Text)>,
}

/// Something wrong (or doubtful) in a rule or list, with its place inside the string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleProblem {
    pub place: Place,
    /// Bytes inside the string's value; the whole string where `None`.
    pub range: Option<Range<usize>>,
    pub is_warning: bool,
    /// Lower case, no full stop: `unclosed parenthesis`.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// One rule that matched an item, with the words that made it match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleHits {
    /// Index into the compiled rules.
    pub rule: usize,
    pub hits: Vec<Hit>,
}

/// All rules compiled together: immutable, shared between threads, swapped whole on reload.
#[derive(Debug, Default)]
pub struct RuleSet {
    rules: Vec<RuleSource>,
}

impl RuleSet {
    /// Compiles all rules and lists, runs no tests of theirs.
    ///
    /// # Errors
    /// Every problem found, errors and warnings, when there is at least one error.
    pub fn compile(
        rules: Vec<RuleSource>,
        lists: Vec<ListSource>,
    ) -> Result<(RuleSet, Vec<RuleProblem>), Vec<RuleProblem>> {
        let _ = lists;
        Ok((RuleSet { rules }, Vec::new()))
    }

    /// The rules in the order they were given; `RuleHits::rule` indexes them.
    pub fn rules(&self) -> &[RuleSource] {
        &self.rules
    }

    /// Every rule's own `fire` and `ignore` headlines, as problems where they fail.
    pub fn run_tests(&self) -> Vec<RuleProblem> {
        Vec::new()
    }

    /// Every rule that matches the item, in rule order, with its hits.
    pub fn hits(&self, feed: &Feed, item: &Item) -> Vec<RuleHits> {
        let _ = (feed, item);
        Vec::new()
    }
}
