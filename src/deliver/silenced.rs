//! Which alerts nobody wants to hear of for now.

use globset::Glob;

use crate::{
    model::{Alert, Feed, Item},
    rule::{RuleSet, RuleSource, Scope, Text},
    store::Silence,
};

/// Silences ready to be asked.
pub(super) struct Silences(Vec<(Silence, Option<RuleSet>)>);

impl Silences {
    pub fn new(silences: Vec<Silence>) -> Silences {
        let compiled = silences.into_iter().map(|silence| {
            let words = silence
                .words
                .as_deref()
                .and_then(|words| words_of(words).ok());
            (silence, words)
        });
        Silences(compiled.collect())
    }

    /// The number of the first silence that covers the alert.
    pub fn covers(&self, alert: &Alert) -> Option<i64> {
        let covering = self.0.iter().find(|(silence, words)| {
            let is_rule = matches(silence.rule.as_deref(), &alert.rule);
            let is_feed = matches(silence.feed.as_deref(), &alert.item.feed);
            let is_tag = silence
                .tag
                .as_ref()
                .is_none_or(|tag| alert.tags.contains(tag));
            let has_words = match (&silence.words, words) {
                (None, _) => true,
                (Some(_), Some(rules)) => tells(rules, alert),
                // A query that no longer compiles covers nothing: too loud is better than too quiet.
                (Some(_), None) => false,
            };
            is_rule && is_feed && is_tag && has_words
        });
        covering.map(|(silence, _)| silence.id)
    }
}

/// The query of a silence, ready to match.
///
/// # Errors
/// What is wrong with it.
pub fn words_of(words: &str) -> Result<RuleSet, String> {
    let rule = RuleSource {
        id: "silence".to_owned(),
        any: vec![Text {
            text: words.to_owned(),
            place: Default::default(),
        }],
        scope: Scope::All,
        ..RuleSource::default()
    };
    RuleSet::compile(vec![rule], Vec::new())
        .map(|(rules, _)| rules)
        .map_err(|problems| {
            let first = problems.first().map(|problem| problem.message.clone());
            first.unwrap_or_else(|| "the words cannot be read".to_owned())
        })
}

fn tells(rules: &RuleSet, alert: &Alert) -> bool {
    let item = Item {
        id: alert.item.id.clone(),
        title: alert.item.title.clone(),
        summary: alert.item.summary.clone(),
        url: alert.item.url.clone(),
        lang: alert.item.lang.clone(),
        ..Item::default()
    };
    !rules.hits(&Feed::named(&alert.item.feed), &item).is_empty()
}

fn matches(glob: Option<&str>, name: &str) -> bool {
    glob.is_none_or(|glob| Glob::new(glob).is_ok_and(|glob| glob.compile_matcher().is_match(name)))
}
