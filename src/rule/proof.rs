//! A rule's own tests: the headlines it must fire on, and those it must ignore.
//!
//! A headline is matched as an item of a title alone, its language detected, from whatever feed the rule looks at.

use super::{RuleProblem, RuleSet, RuleSource, Text, explain::RuleExplanation, matcher::Matcher};
use crate::model::{Feed, Item};

impl RuleSet {
    /// Every rule's own `fire` and `ignore` headlines, as problems where they fail: the text, what of it was found, and what
    /// came closest.
    pub fn run_tests(&self) -> Vec<RuleProblem> {
        let mut problems = Vec::new();
        for (index, rule) in self.rules.iter().enumerate() {
            let fire = rule
                .fire
                .iter()
                .filter_map(|text| self.must_fire(index, rule, text));
            problems.extend(fire);
            let ignore = rule
                .ignore
                .iter()
                .filter_map(|text| self.must_ignore(index, rule, text));
            problems.extend(ignore);
        }
        problems
    }

    fn must_fire(&self, index: usize, rule: &RuleSource, headline: &Text) -> Option<RuleProblem> {
        if self.takes_headline(index, rule, &headline.text) {
            return None;
        }
        let why = self.explain_headline(index, &headline.text)?;
        let found = found(&why);
        let lang = if why.lang.is_empty() {
            String::new()
        } else {
            format!(" (read as {})", why.lang)
        };
        let mut help = why.failed.unwrap_or_default();
        if !found.is_empty() {
            help = format!("found {found}; {help}");
        }
        Some(RuleProblem {
            place: headline.place,
            range: None,
            is_warning: false,
            message: format!(
                "rule `{}` does not fire on \"{}\"{lang}",
                rule.id, headline.text
            ),
            help: Some(help),
        })
    }

    fn must_ignore(&self, index: usize, rule: &RuleSource, headline: &Text) -> Option<RuleProblem> {
        if !self.takes_headline(index, rule, &headline.text) {
            return None;
        }
        let why = self.explain_headline(index, &headline.text)?;
        Some(RuleProblem {
            place: headline.place,
            range: None,
            is_warning: false,
            message: format!(
                "rule `{}` fires on \"{}\", which it must ignore",
                rule.id, headline.text
            ),
            help: Some(match found(&why) {
                found if found.is_empty() => "its `any` and `all` hold without any word".to_owned(),
                found => format!("found {found}"),
            }),
        })
    }

    fn takes_headline(&self, index: usize, rule: &RuleSource, headline: &str) -> bool {
        self.on_headline(headline, |matcher| {
            matcher.wake();
            matcher.takes(index, rule)
        })
    }

    /// Costs a hundred times what asking whether it matches does: for headlines that fail.
    fn explain_headline(&self, index: usize, headline: &str) -> Option<RuleExplanation> {
        self.on_headline(headline, |matcher| {
            self.explain_without_feed(matcher, index)
        })
    }

    fn on_headline<T>(&self, headline: &str, ask: impl FnOnce(&mut Matcher<'_>) -> T) -> T {
        let item = Item {
            title: headline.to_owned(),
            ..Item::default()
        };
        let feed = Feed::named("");
        super::SCRATCH.with_borrow_mut(|scratch| {
            ask(&mut Matcher::read(
                self.id,
                &self.program,
                &feed,
                &item,
                scratch,
            ))
        })
    }
}

/// What a rule's entries found: `` `Rebel` by rebel, `advanced` by advance ``.
fn found(why: &RuleExplanation) -> String {
    let mut found: Vec<String> = why
        .any
        .iter()
        .chain(&why.all)
        .flat_map(|entry| entry.tree.leaves())
        .map(|(hit, _)| format!("`{}` by {}", hit.text, hit.query))
        .collect();
    found.dedup();
    found.truncate(8);
    found.join(", ")
}
