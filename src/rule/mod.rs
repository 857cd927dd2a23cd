//! Rules: what analysts write, compiled together once, matched against every new item in one pass.
//!
//! Building may fail and says where; matching cannot.

use std::{
    cell::RefCell,
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use globset::GlobSet;

use crate::model::{Feed, Hit, Item, Severity};

mod compile;
mod explain;
mod hits;
mod lists;
mod matcher;
mod memo;
mod near;
mod program;
mod proof;
pub mod query;
mod review;
mod scratch;
mod signals;
mod tokens;
mod vocabulary;
mod waking;
mod weight;

use compile::Compiler;
pub use explain::{ABSENT_NAMED_MAX, EntryExplanation, QueryExplanation, RuleExplanation};
use lists::Lists;
use matcher::Matcher;
use program::Program;
pub use scratch::Scratch;
pub(crate) use weight::common_words;

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
#[derive(Clone, Debug, Default)]
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
    pub needs: Option<Needs>,
    pub raise: Vec<Raise>,
    pub burst: Option<Burst>,
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

/// An alert waits until so many independent publishers told its story within a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    pub publishers: u32,
    pub within: Duration,
}

/// An alert is lifted to a severity when so many independent publishers told its story within a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raise {
    pub to: Severity,
    pub publishers: u32,
    pub within: Duration,
}

/// A rule alerts only while it matches `times` as often as it usually does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Burst {
    pub times: u32,
    /// The time whose matches are compared with the usual.
    pub window: Duration,
    /// The time before it that tells what is usual.
    pub baseline: Duration,
    /// Fewer matches in the window are no burst.
    pub at_least: u32,
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

impl RuleProblem {
    fn from_query(place: Place, error: query::QueryError) -> RuleProblem {
        RuleProblem {
            place,
            range: Some(error.range),
            is_warning: false,
            message: error.message,
            help: error.help,
        }
    }
}

/// One rule that matched an item, with the words that made it match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleHits {
    /// Index into the compiled rules.
    pub rule: usize,
    /// In the order of the item's fields and words; at most [`HITS_MAX`].
    pub hits: Vec<Hit>,
}

/// Hits told of one rule and item.
pub const HITS_MAX: usize = 64;

/// All rules compiled together: immutable, shared between threads, swapped whole on reload.
#[derive(Debug, Default)]
pub struct RuleSet {
    /// Tells the sets of one process apart; 0 is the empty set's.
    id: u64,
    rules: Vec<RuleSource>,
    program: Program,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::new());
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
        let mut problems = Vec::new();
        let sources = lists;
        let lists = Lists::read(&sources, &mut problems);
        let has_circle = problems.iter().any(|problem| !problem.is_warning);
        let mut program = Program::default();
        let (compiled, found) = Compiler::default().compile(&rules, &lists);
        problems.extend(found);
        if !has_circle {
            program = compiled;
        }
        if problems.iter().any(|problem| !problem.is_warning) {
            return Err(problems);
        }
        problems.extend(review::review(&rules, &sources));
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        Ok((RuleSet { id, rules, program }, problems))
    }

    /// The rules in the order they were given; `RuleHits::rule` indexes them.
    pub fn rules(&self) -> &[RuleSource] {
        &self.rules
    }

    /// Every rule that matches the item, in rule order, with its hits.
    pub fn hits(&self, feed: &Feed, item: &Item) -> Vec<RuleHits> {
        SCRATCH.with_borrow_mut(|scratch| self.hits_with(feed, item, scratch))
    }

    /// As [`RuleSet::hits`], with the caller's own working memory.
    pub fn hits_with(&self, feed: &Feed, item: &Item, scratch: &mut Scratch) -> Vec<RuleHits> {
        let mut matcher = Matcher::read(self.id, &self.program, feed, item, scratch);
        let matched = matcher.matching(&self.rules).to_vec();
        matched
            .into_iter()
            .map(|rule| RuleHits {
                rule,
                hits: hits::of_rule(&mut matcher, rule),
            })
            .collect()
    }

    /// Which rules match the item, in rule order, and nothing else: allocates nothing once the scratch is warm.
    pub fn matching<'a>(&self, feed: &Feed, item: &Item, scratch: &'a mut Scratch) -> &'a [usize] {
        Matcher::read(self.id, &self.program, feed, item, scratch).matching(&self.rules);
        scratch.matched()
    }
}

/// The known name that a misspelt one was probably meant to be.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lowered = name.to_lowercase();
    known
        .map(|known| {
            (
                strsim::damerau_levenshtein(&lowered, &known.to_lowercase()),
                known,
            )
        })
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, known)| *distance <= 1 + known.chars().count() / 4)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests;
