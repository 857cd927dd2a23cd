//! What is allowed and still probably a mistake: entries that add nothing, rules that another covers, a `none` that undoes
//! its own `any`, patterns that match half the language, rules nobody tests.
//!
//! Every warning is certain about what it says (an entry *cannot* add a hit); what cannot be shown cheaply is left unsaid.

use std::{collections::HashMap, sync::LazyLock};

use regex::Regex;
use xxhash_rust::xxh3::xxh3_64;

use super::{
    ListSource, Place, RuleProblem, RuleSource, Scope, Text,
    query::{self, FieldName, NearKind, Pattern, PatternKind, Query, QueryKind},
    weight,
};
use crate::text::{
    language::{Lang, Script, script_of_word},
    stem, words,
};

/// Above this share of the words of a text a pattern is too broad, in per cent.
const BROAD_PERCENT: u32 = 2;
/// Rules compared with one rule at most.
const COMPARED_MAX: usize = 32;

/// All warnings about rules and lists that compile.
pub(super) fn review(rules: &[RuleSource], lists: &[ListSource]) -> Vec<RuleProblem> {
    let mut review = Review::default();
    for list in lists {
        let entries: Vec<Entry> = list
            .entries
            .iter()
            .filter_map(|(lang, text)| Entry::read(lang.as_deref(), text))
            .collect();
        review.group(&entries, &format!("list `{}`", list.name));
        for entry in &entries {
            review.inverted(entry);
        }
    }
    let mut read = Vec::with_capacity(rules.len());
    for rule in rules {
        let entries = |texts: &[Text]| -> Vec<Entry> {
            texts
                .iter()
                .filter_map(|text| Entry::read(None, text))
                .collect()
        };
        let rule_read = Read {
            any: entries(&rule.any),
            all: entries(&rule.all),
            none: entries(&rule.none),
        };
        review.group(&rule_read.any, "`any`");
        review.group(&rule_read.none, "`none`");
        review.cancelled(&rule_read);
        if rule.fire.is_empty() && rule.ignore.is_empty() {
            review.warn(
                rule.place,
                format!("rule `{}` has no tests", rule.id),
                "add fire = [\"a headline it must match\"] and ignore = [\"one it must not\"]",
            );
        }
        read.push(Keys::of(&rule_read));
    }
    review.covered(rules, &read);
    review.problems
}

/// A string of a list or rule, read again.
struct Entry {
    query: Query,
    lang: Option<Lang>,
    place: Place,
    /// What it asks for, the same for entries that ask for the same.
    key: String,
}

impl Entry {
    fn read(lang: Option<&str>, text: &Text) -> Option<Entry> {
        let query = query::parse(&text.text).ok()?;
        let lang = lang.map(Lang::from_tag);
        let key = match &query.kind {
            QueryKind::Words(patterns) => key(patterns, lang),
            kind => kind.to_string(),
        };
        Some(Entry {
            query,
            lang,
            place: text.place,
            key,
        })
    }

    fn patterns(&self) -> Option<&[Pattern]> {
        match &self.query.kind {
            QueryKind::Words(patterns) => Some(patterns),
            _ => None,
        }
    }
}

struct Read {
    any: Vec<Entry>,
    all: Vec<Entry>,
    none: Vec<Entry>,
}

/// What remains of a rule for comparing it with others: a hash for each entry.
struct Keys {
    any: Box<[u64]>,
    all: Box<[u64]>,
    none: Box<[u64]>,
    has_not: bool,
}

impl Keys {
    fn of(rule: &Read) -> Keys {
        let hashes = |entries: &[Entry]| {
            entries
                .iter()
                .map(|entry| xxh3_64(entry.key.as_bytes()))
                .collect()
        };
        Keys {
            any: hashes(&rule.any),
            all: hashes(&rule.all),
            none: hashes(&rule.none),
            has_not: rule.any.iter().any(|entry| has_not(&entry.query)),
        }
    }
}

/// Words as their stems: entries with one key find the same.
fn key(patterns: &[Pattern], lang: Option<Lang>) -> String {
    let words: Vec<String> = patterns
        .iter()
        .map(|pattern| pattern_key(pattern, lang))
        .collect();
    words.join(" ")
}

fn pattern_key(pattern: &Pattern, lang: Option<Lang>) -> String {
    match pattern.kind {
        PatternKind::Exact | PatternKind::Prefix => pattern.to_string(),
        PatternKind::Inflected if words::words(&pattern.text).len() != 1 => {
            pattern.text.to_lowercase()
        }
        PatternKind::Inflected => {
            let mut forms = Vec::new();
            stem::rule_forms(reading(&pattern.text, lang), &pattern.text, &mut |form| {
                forms.push(form.to_owned())
            });
            forms.sort_unstable();
            forms.dedup();
            format!("{}~{}", lang.map_or("", Lang::code), forms.join("|"))
        }
    }
}

/// The language in which two words are compared: the entry's, else the script's commonest.
fn reading(word: &str, lang: Option<Lang>) -> Lang {
    lang.unwrap_or(match script_of_word(word) {
        Some(Script::Cyrillic) => Lang::Russian,
        Some(Script::Arabic) => Lang::Arabic,
        Some(Script::Hebrew) => Lang::Hebrew,
        Some(Script::Latin) => Lang::English,
        _ => Lang::Other,
    })
}

#[derive(Default)]
struct Review {
    problems: Vec<RuleProblem>,
}

impl Review {
    fn warn(&mut self, place: Place, message: String, help: &str) {
        self.problems.push(RuleProblem {
            place,
            range: None,
            is_warning: true,
            message,
            help: Some(help.to_owned()),
        });
    }

    /// Entries of which any suffices: those that add nothing to the others.
    fn group(&mut self, entries: &[Entry], group: &str) {
        let mut first: HashMap<&str, &Entry> = HashMap::new();
        for entry in entries {
            self.broad(entry);
            match first.get(entry.key.as_str()) {
                Some(other) if other.query.kind == entry.query.kind => {
                    self.warn(
                        entry.place,
                        format!("{} stands twice in {group}", entry.query),
                        "remove one",
                    );
                }
                Some(other) => {
                    let message = format!(
                        "{} adds nothing to {group}: {} finds all its inflections",
                        entry.query, other.query
                    );
                    self.warn(
                        entry.place,
                        message,
                        "remove it, or write =word for this form alone",
                    );
                }
                None => _ = first.insert(&entry.key, entry),
            }
        }
        let prefixes: Vec<(&Entry, String)> = entries
            .iter()
            .filter_map(|entry| match entry.patterns()? {
                [
                    Pattern {
                        text,
                        kind: PatternKind::Prefix,
                    },
                ] => Some((entry, stem::folded_word(Lang::Other, text))),
                _ => None,
            })
            .collect();
        for entry in entries {
            if let Some(other) = shadow(entry, &first, &prefixes) {
                let message = format!(
                    "{} can never add a hit to {group}: {} finds every place of it",
                    entry.query, other.query
                );
                self.warn(entry.place, message, "remove one of the two");
            }
        }
    }

    /// An entry of a list that holds where something is absent matches nearly everything.
    fn inverted(&mut self, entry: &Entry) {
        if matches!(entry.query.kind, QueryKind::Not(_)) {
            self.warn(
                entry.place,
                format!(
                    "{} alone makes the list match nearly every item",
                    entry.query
                ),
                "put NOT into the rule that uses the list, or into none",
            );
        }
    }

    fn broad(&mut self, entry: &Entry) {
        let mut found = Vec::new();
        each_pattern(&entry.query, &mut |text, is_regex| {
            if let Some(percent) = breadth(text, is_regex) {
                found.push((text.to_owned(), is_regex, percent));
            }
        });
        for (text, is_regex, percent) in found {
            let shown = if is_regex {
                format!("/{text}/")
            } else {
                format!("{text}*")
            };
            let message = format!("`{shown}` matches at least {percent} % of all words");
            self.warn(
                entry.place,
                message,
                "make it longer, unless it is meant to match everything",
            );
        }
    }

    fn cancelled(&mut self, rule: &Read) {
        for none in &rule.none {
            let is_cancelled =
                !rule.any.is_empty() && rule.any.iter().all(|any| implies(&any.query, &none.query));
            if is_cancelled || rule.all.iter().any(|all| implies(&all.query, &none.query)) {
                let message = format!(
                    "the rule can never match: whatever it finds, `none` {} excludes",
                    none.query
                );
                self.warn(none.place, message, "remove it, or narrow it");
            }
        }
        for entry in rule.any.iter().chain(&rule.all) {
            if let QueryKind::And(sides) = &entry.query.kind {
                let excluded = sides.iter().filter_map(|side| match &side.kind {
                    QueryKind::Not(inner) => Some(inner),
                    _ => None,
                });
                for inner in excluded {
                    if sides
                        .iter()
                        .any(|side| !matches!(side.kind, QueryKind::Not(_)) && implies(side, inner))
                    {
                        self.warn(
                            entry.place,
                            format!(
                                "{} can never match: NOT {inner} excludes all it finds",
                                entry.query
                            ),
                            "remove the NOT, or narrow it",
                        );
                    }
                }
            }
        }
    }

    /// Rules all of whose matches are another's as well.
    fn covered(&mut self, rules: &[RuleSource], read: &[Keys]) {
        let mut by_key: Vec<(u64, u32)> = Vec::with_capacity(read.len());
        for (index, rule) in (0..).zip(read) {
            by_key.extend(rule.any.iter().map(|key| (*key, index)));
        }
        by_key.sort_unstable();
        for (index, (rule, source)) in read.iter().zip(rules).enumerate() {
            let Some(first) = rule.any.first() else {
                continue;
            };
            let start = by_key.partition_point(|(key, _)| key < first);
            let same = by_key
                .iter()
                .skip(start)
                .take_while(|(key, _)| key == first);
            let others: Vec<usize> = same
                .take(COMPARED_MAX)
                .map(|(_, other)| *other as usize)
                .collect();
            for other in others.into_iter().filter(|other| *other != index) {
                let (Some(wider), Some(wider_source)) = (read.get(other), rules.get(other)) else {
                    continue;
                };
                if !is_covered(rule, source, wider, wider_source) {
                    continue;
                }
                let message = match is_covered(wider, wider_source, rule, source) {
                    true if other > index => continue,
                    true => format!(
                        "rule `{}` matches exactly what `{}` matches",
                        source.id, wider_source.id
                    ),
                    false => format!(
                        "rule `{}` matches nothing that `{}` does not match as well",
                        source.id, wider_source.id
                    ),
                };
                self.warn(
                    source.place,
                    message,
                    "join the two, or narrow the wider one",
                );
                break;
            }
        }
    }
}

/// Entries compared with entries at most.
const ENTRIES_COMPARED_MAX: usize = 4_000;

/// Whether each of the entries is among the others.
fn are_among(entries: &[u64], others: &[u64]) -> bool {
    entries.len().saturating_mul(others.len()) <= ENTRIES_COMPARED_MAX
        && entries.iter().all(|entry| others.contains(entry))
}

/// Whether everything that `rule` matches `wider` matches too.
fn is_covered(rule: &Keys, source: &RuleSource, wider: &Keys, wider_source: &RuleSource) -> bool {
    let has_filter =
        |source: &RuleSource| source.feeds.names.is_some() || source.feeds.tags.is_some();
    let takes_langs = wider_source.langs.is_empty()
        || !source.langs.is_empty()
            && source
                .langs
                .iter()
                .all(|lang| wider_source.langs.contains(lang));
    let takes_scope = wider_source.scope == source.scope
        || source.scope == Scope::Title
        || wider_source.scope == Scope::All;
    // A wider scope would also widen what `none` excludes.
    let takes_none = wider.none.is_empty()
        || wider_source.scope == source.scope && are_among(&wider.none, &rule.none);
    takes_langs
        && takes_scope
        && takes_none
        && !has_filter(wider_source)
        && are_among(&rule.any, &wider.any)
        && are_among(&wider.all, &rule.all)
        && (wider_source.scope == source.scope || !rule.has_not && !wider.has_not)
}

fn has_not(query: &Query) -> bool {
    match &query.kind {
        QueryKind::Not(_)
        | QueryKind::List(_)
        | QueryKind::Near {
            kind: NearKind::NotNear,
            ..
        } => true,
        QueryKind::And(sides) | QueryKind::Or(sides) => sides.iter().any(has_not),
        QueryKind::Field(_, inner) => has_not(inner),
        QueryKind::Near { left, right, .. } => has_not(left) || has_not(right),
        QueryKind::Words(_) | QueryKind::Regex(_) => false,
    }
}

/// Another entry that finds every place of this one: a word of the phrase, or a wildcard.
fn shadow<'a>(
    entry: &Entry,
    by_key: &HashMap<&str, &'a Entry>,
    prefixes: &[(&'a Entry, String)],
) -> Option<&'a Entry> {
    let patterns = entry.patterns()?;
    if patterns.len() > 1 {
        for start in 0..patterns.len() {
            for end in start + 1..=patterns.len() {
                let part = patterns.get(start..end)?;
                if part.len() < patterns.len()
                    && let Some(other) = by_key.get(key(part, entry.lang).as_str())
                {
                    return Some(other);
                }
            }
        }
    }
    patterns
        .iter()
        .filter(|pattern| pattern.kind != PatternKind::Prefix)
        .find_map(|pattern| {
            // Every inflection begins with the stem, in the languages where endings are all that changes.
            let mut stems = Vec::new();
            stem::rule_forms(
                reading(&pattern.text, entry.lang),
                &pattern.text,
                &mut |form| stems.push(form.to_owned()),
            );
            let found = prefixes.iter().find(|(other, start)| {
                (other.lang.is_none() || other.lang == entry.lang)
                    && !stems.is_empty()
                    && stems.iter().all(|stem| stem.starts_with(start.as_str()))
            });
            found.map(|(other, _)| *other)
        })
}

/// Whether one query cannot hold without the other; `false` where it is not plain.
fn implies(query: &Query, other: &Query) -> bool {
    if query.kind == other.kind {
        return true;
    }
    match (&query.kind, &other.kind) {
        (QueryKind::Or(sides), _) => sides.iter().all(|side| implies(side, other)),
        (QueryKind::And(sides), _) if sides.iter().any(|side| implies(side, other)) => true,
        (_, QueryKind::Or(sides)) => sides.iter().any(|side| implies(query, side)),
        (_, QueryKind::And(sides)) => sides.iter().all(|side| implies(query, side)),
        (
            QueryKind::Near {
                left,
                kind: NearKind::NotNear,
                ..
            },
            _,
        ) => implies(left, other),
        (QueryKind::Near { left, right, .. }, _) => implies(left, other) || implies(right, other),
        (QueryKind::Field(field, inner), QueryKind::Field(wanted, wider)) => {
            field == wanted && implies(inner, wider)
        }
        (QueryKind::Field(FieldName::Title, inner), _) => implies(inner, other),
        (QueryKind::Words(patterns), QueryKind::Words(wanted)) => {
            let keys: Vec<String> = patterns
                .iter()
                .map(|pattern| pattern_key(pattern, None))
                .collect();
            let wanted: Vec<String> = wanted
                .iter()
                .map(|pattern| pattern_key(pattern, None))
                .collect();
            keys.windows(wanted.len()).any(|window| window == wanted)
        }
        _ => false,
    }
}

fn each_pattern<'a>(query: &'a Query, found: &mut dyn FnMut(&'a str, bool)) {
    match &query.kind {
        QueryKind::Words(patterns) => {
            for pattern in patterns
                .iter()
                .filter(|pattern| pattern.kind == PatternKind::Prefix)
            {
                found(&pattern.text, false);
            }
        }
        QueryKind::Regex(pattern) => found(pattern, true),
        QueryKind::List(_) => {}
        QueryKind::Field(_, inner) | QueryKind::Not(inner) => each_pattern(inner, found),
        QueryKind::And(sides) | QueryKind::Or(sides) => {
            sides.iter().for_each(|side| each_pattern(side, found))
        }
        QueryKind::Near { left, right, .. } => {
            each_pattern(left, found);
            each_pattern(right, found);
        }
    }
}

/// The share of a language's running text that the pattern matches, as far as the table of common words tells, where that
/// is too much; the greatest of all languages.
fn breadth(text: &str, is_regex: bool) -> Option<u32> {
    let mut counts: HashMap<&str, u32> = HashMap::new();
    let mut add = |word: &CommonWord| *counts.entry(word.lang).or_default() += word.count;
    if is_regex {
        let regex = Regex::new(text).ok()?;
        let matched = COMMON.iter().filter(|word| regex.is_match(word.word));
        matched.for_each(&mut add);
    } else {
        let start = stem::folded_word(Lang::Other, text);
        let first = COMMON.partition_point(|word| word.folded < start);
        let matched = COMMON.iter().skip(first);
        matched
            .take_while(|word| word.folded.starts_with(&start))
            .for_each(&mut add);
    }
    // The counts are per million words of text.
    let percent = counts.values().max()? / 10_000;
    (percent >= BROAD_PERCENT).then_some(percent)
}

struct CommonWord {
    folded: String,
    word: &'static str,
    lang: &'static str,
    count: u32,
}

/// Sorted as folded.
static COMMON: LazyLock<Vec<CommonWord>> = LazyLock::new(|| {
    let mut words: Vec<CommonWord> = weight::common_words()
        .map(|(lang, word, count)| CommonWord {
            folded: stem::folded_word(Lang::Other, word),
            word,
            lang,
            count,
        })
        .collect();
    words.sort_by(|left, right| left.folded.cmp(&right.folded));
    words
});
