//! Why a rule matched an item, or what kept it from it: the query as a tree with what stood where.
//!
//! Nothing here is on the way of an alert; it may take its time and allocate.

use std::collections::HashMap;

use serde::Serialize;

use super::{
    RuleSet, RuleSource, Text,
    hits::{self, Labelled},
    matcher::Matcher,
    near::gap,
    program::{Node, NodeId, Program, Slice, View},
    query::{self, NearKind},
    scratch::Scratch,
    vocabulary::Atom,
};
use crate::{
    model::{Feed, Hit, Item},
    text::{language::Reading, stem},
};

/// What one rule makes of one item.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleExplanation {
    /// The rule's id.
    pub rule: String,
    pub matched: bool,
    /// The first condition that failed, in words; absent where the rule matched.
    pub failed: Option<String>,
    /// The language that the item was read in, as declared or detected; empty where unknown.
    pub lang: String,
    /// Whether the language was declared (by the configuration, the feed or the item) and not detected.
    pub lang_declared: bool,
    pub any: Vec<EntryExplanation>,
    pub all: Vec<EntryExplanation>,
    pub none: Vec<EntryExplanation>,
}

/// One string of a rule's `any`, `all` or `none`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EntryExplanation {
    /// As the analyst wrote it.
    pub query: String,
    pub matched: bool,
    pub tree: QueryExplanation,
}

/// A part of a query and what it found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QueryExplanation {
    /// A word, phrase, expression or list as written, or the operator: `AND`, `OR`, `NOT`, `NEAR/8`.
    pub label: String,
    pub matched: bool,
    /// Where it stands in the item; for operators, where they joined their operands.
    pub hits: Vec<Hit>,
    /// What a word is reduced to in the item's language; empty for all else.
    pub stems: Vec<String>,
    /// What came closest, where the part does not match: `` `capture` is 11 words from `rebel`; NEAR/8 ``.
    pub miss: Option<String>,
    /// Of alternatives, those of which something stands there, and a few of the rest.
    pub children: Vec<QueryExplanation>,
    /// Alternatives of which nothing stands there, beyond those in `children`: lists name thousands.
    pub others: usize,
}

/// Alternatives that are named though nothing of them stands there.
pub const ABSENT_NAMED_MAX: usize = 6;

/// Whether something of a part stands in the item, for parts that were looked at: lists are named in hundreds of places.
type Touched = HashMap<NodeId, bool>;

impl QueryExplanation {
    /// The outermost parts that found something, each hit with its part.
    pub fn leaves(&self) -> Vec<(&Hit, &QueryExplanation)> {
        match self.hits.is_empty() {
            false => self.hits.iter().map(|hit| (hit, self)).collect(),
            true => self
                .children
                .iter()
                .flat_map(QueryExplanation::leaves)
                .collect(),
        }
    }
}

impl RuleSet {
    /// For each rule, in order, whether it matches the item and why, or why not.
    pub fn explain(&self, feed: &Feed, item: &Item) -> Vec<RuleExplanation> {
        let mut scratch = Scratch::new();
        let mut matcher = Matcher::read(self.id, &self.program, feed, item, &mut scratch);
        let mut touched = Touched::new();
        (0..self.rules.len())
            .filter_map(|index| self.explain_one(&mut matcher, &mut touched, index, true))
            .collect()
    }

    /// One rule's explanation of a headline that came from no feed.
    pub(super) fn explain_without_feed(
        &self,
        matcher: &mut Matcher<'_>,
        index: usize,
    ) -> Option<RuleExplanation> {
        self.explain_one(matcher, &mut Touched::new(), index, false)
    }

    fn explain_one(
        &self,
        matcher: &mut Matcher<'_>,
        touched: &mut Touched,
        index: usize,
        asks_feed: bool,
    ) -> Option<RuleExplanation> {
        let rule = self.rules.get(index)?;
        let program = self.program.rules.get(index)?;
        let any = entries(matcher, touched, &rule.any, program.any);
        let all = entries(matcher, touched, &rule.all, program.all);
        let none = entries(matcher, touched, &rule.none, program.none);
        let failed = failed(matcher, rule, &any, &all, &none).or_else(|| {
            let is_wrong = asks_feed && !rule.feeds.takes(matcher.feed);
            is_wrong.then(|| format!("feed `{}` is not among the rule's feeds", matcher.feed.name))
        });
        let reading = matcher.scratch.page.reading;
        Some(RuleExplanation {
            rule: rule.id.clone(),
            matched: failed.is_none(),
            failed,
            lang: reading.code.as_str().to_owned(),
            lang_declared: reading.is_declared,
            any,
            all,
            none,
        })
    }
}

fn entries(
    matcher: &mut Matcher<'_>,
    touched: &mut Touched,
    texts: &[Text],
    nodes: Slice,
) -> Vec<EntryExplanation> {
    let program = matcher.program;
    texts
        .iter()
        .zip(program.children(nodes))
        .map(|(text, node)| {
            let tree = tree(matcher, touched, *node);
            EntryExplanation {
                query: text.text.clone(),
                matched: tree.matched,
                tree,
            }
        })
        .collect()
}

fn failed(
    matcher: &Matcher<'_>,
    rule: &RuleSource,
    any: &[EntryExplanation],
    all: &[EntryExplanation],
    none: &[EntryExplanation],
) -> Option<String> {
    let reading = &matcher.scratch.page.reading;
    if !matcher.takes_lang(rule) {
        let code = match reading.code.as_str() {
            "" => "no known language",
            code => code,
        };
        return Some(format!(
            "the item is in {code}, the rule is for {}",
            rule.langs.join(", ")
        ));
    }
    if !any.is_empty() && !any.iter().any(|entry| entry.matched) {
        return Some(match any {
            [only] => format!("any: {}", miss(&only.tree)),
            _ => {
                let closest = any
                    .iter()
                    .max_by(|left, right| score(&left.tree).total_cmp(&score(&right.tree)));
                match closest.filter(|entry| score(&entry.tree) > 0.0) {
                    Some(entry) => format!(
                        "any: none of {} entries matches; closest: {}",
                        any.len(),
                        miss(&entry.tree)
                    ),
                    None => format!("any: no word of its {} entries", any.len()),
                }
            }
        });
    }
    if let Some(entry) = all.iter().find(|entry| !entry.matched) {
        return Some(format!("all: {}", miss(&entry.tree)));
    }
    if let Some(entry) = none.iter().find(|entry| entry.matched) {
        let found = texts(&entry.tree);
        return Some(match found.is_empty() {
            true => format!("none: `{}` holds", entry.query),
            false => format!("none: `{}` found {}", entry.query, found.join(", ")),
        });
    }
    None
}

fn tree(matcher: &mut Matcher<'_>, touched: &mut Touched, node: NodeId) -> QueryExplanation {
    let program = matcher.program;
    let matched = matcher.holds(node);
    let is_choice = matches!(program.node(node), Node::Any(_) | Node::List(_));
    let mut parts = Vec::new();
    let mut absent = 0;
    for child in children(program, node) {
        if is_choice && !is_touched(matcher, touched, child) {
            absent += 1;
            if absent <= ABSENT_NAMED_MAX {
                parts.push(match children(program, child).is_empty() {
                    true => tree(matcher, touched, child),
                    false => nothing_of(program, child),
                });
            }
        } else {
            parts.push(tree(matcher, touched, child));
        }
    }
    let mut hits = Vec::new();
    if matched && !matches!(program.node(node), Node::Not(_)) {
        hits::add(matcher, node, &mut hits);
        hits::tidy(&mut hits);
    }
    let mut explained = QueryExplanation {
        label: hits::label(program, node),
        matched,
        hits,
        stems: stems(program, node, &matcher.scratch.page.reading),
        miss: None,
        children: parts,
        others: absent.saturating_sub(ABSENT_NAMED_MAX),
    };
    if !matched {
        let own = own_miss(matcher, node, &explained);
        explained.miss = Some(own.unwrap_or_else(|| miss(&explained)));
    }
    explained
}

/// Whether something of the part stands in the item, as [`score`] counts it.
fn is_touched(matcher: &mut Matcher<'_>, touched: &mut Touched, node: NodeId) -> bool {
    let program = matcher.program;
    if let Some(known) = touched.get(&node) {
        return *known;
    }
    let is_touched = match program.node(node) {
        Node::All(_) | Node::Any(_) | Node::List(_) | Node::Near { .. } => children(program, node)
            .into_iter()
            .any(|child| is_touched(matcher, touched, child)),
        _ => matcher.holds(node),
    };
    touched.insert(node, is_touched);
    is_touched
}

/// A part of which nothing stands there, by name.
fn nothing_of(program: &Program, node: NodeId) -> QueryExplanation {
    let label = hits::label(program, node);
    QueryExplanation {
        miss: Some(format!("no `{label}`")),
        label,
        matched: false,
        hits: Vec::new(),
        stems: Vec::new(),
        children: Vec::new(),
        others: 0,
    }
}

fn children(program: &Program, node: NodeId) -> Vec<NodeId> {
    match program.node(node) {
        Node::All(children) => program.children(children).to_vec(),
        Node::Any(_) | Node::List(_) => program.alternatives(node).to_vec(),
        Node::Not(inner) => vec![inner],
        Node::Near { left, right, .. } => vec![left, right],
        _ => Vec::new(),
    }
}

fn stems(program: &Program, node: NodeId, reading: &Reading) -> Vec<String> {
    let mut stems = Vec::new();
    let mut add = |atom| {
        let Some(def) = program.vocabulary.def(atom) else {
            return;
        };
        if def.kind != super::query::PatternKind::Inflected {
            return;
        }
        let (first, _) = reading.langs_for(&def.text);
        stem::rule_forms(def.lang.unwrap_or(first), &def.text, &mut |form| {
            if !stems.iter().any(|known| known == form) {
                stems.push(form.to_owned());
            }
        });
    };
    match program.node(node) {
        Node::Atom { atom, .. } => add(atom),
        Node::Phrase { phrase, .. } => {
            if let Some(phrase) = program.phrases.get(phrase as usize) {
                phrase
                    .atoms
                    .of(&program.phrase_atoms)
                    .iter()
                    .for_each(|atom| add(*atom));
            }
        }
        _ => {}
    }
    stems
}

/// The texts found below a part.
fn texts(tree: &QueryExplanation) -> Vec<String> {
    tree.leaves()
        .into_iter()
        .map(|(hit, _)| format!("`{}`", hit.text))
        .collect()
}

/// How much of a query is there, 0 to 1.
fn score(tree: &QueryExplanation) -> f64 {
    let scores = || tree.children.iter().map(score);
    if tree.matched {
        1.0
    } else if tree.label == "OR" || tree.label.starts_with('@') {
        scores().fold(0.0, f64::max)
    } else if tree.children.is_empty() {
        0.0
    } else if let Some(left) = wanted_alone(tree) {
        score(left) * 0.99
    } else {
        // All there but not together is closer than anything missing.
        scores().sum::<f64>() / tree.children.len() as f64 * 0.99
    }
}

/// The left side of NOT NEAR: the other one is not wanted.
fn wanted_alone(tree: &QueryExplanation) -> Option<&QueryExplanation> {
    let is_not_near = tree.label.starts_with(query::near_name(NearKind::NotNear));
    tree.children.first().filter(|_| is_not_near)
}

/// What kept a part from matching, in words, from its children.
fn miss(tree: &QueryExplanation) -> String {
    if let Some(miss) = &tree.miss {
        return miss.clone();
    }
    if let Some(left) = wanted_alone(tree).filter(|left| !left.matched) {
        return miss(left);
    }
    let failing: Vec<&QueryExplanation> = tree
        .children
        .iter()
        .filter(|child| !child.matched)
        .collect();
    match (tree.label.as_str(), failing.as_slice()) {
        ("NOT", _) => {
            let found: Vec<String> = tree.children.iter().flat_map(texts).collect();
            format!("{} stands there", found.join(", "))
        }
        (_, []) => format!("no `{}`", tree.label),
        ("OR", children) => alternatives(children, tree.others, ""),
        (label, children) if label.starts_with('@') => alternatives(children, tree.others, label),
        (_, children) => children
            .iter()
            .map(|child| miss(child))
            .collect::<Vec<_>>()
            .join("; "),
    }
}

fn alternatives(children: &[&QueryExplanation], others: usize, list: &str) -> String {
    let closest = children
        .iter()
        .max_by(|left, right| score(left).total_cmp(&score(right)));
    if let Some(closest) = closest.filter(|closest| score(closest) > 0.0) {
        return miss(closest);
    }
    if !list.is_empty() {
        return format!("nothing of {list}");
    }
    let names: Vec<String> = children
        .iter()
        .take(ABSENT_NAMED_MAX)
        .map(|child| format!("`{}`", child.label))
        .collect();
    let more = if others + children.len() > names.len() {
        " …"
    } else {
        ""
    };
    format!("none of {}{more}", names.join(", "))
}

/// What came closest, for parts that know more than their children.
fn own_miss(matcher: &mut Matcher<'_>, node: NodeId, tree: &QueryExplanation) -> Option<String> {
    match matcher.program.node(node) {
        Node::Near {
            left, right, kind, ..
        } if tree.children.iter().all(|child| child.matched) => {
            near_miss(matcher, left, right, kind, &tree.label)
        }
        Node::Near { .. } => None,
        Node::Atom { atom, view } => atom_miss(matcher, atom, view, &tree.label),
        Node::Phrase { phrase, .. } => phrase_miss(matcher, phrase),
        _ => None,
    }
}

/// A word that stands elsewhere than the rule looks, or a field that it does not stand in.
fn atom_miss(matcher: &Matcher<'_>, atom: Atom, view: View, label: &str) -> Option<String> {
    let (name, is_field) = match view {
        View::Title => ("title", false),
        View::Lead => ("title and the first 60 words", false),
        View::Text => ("text", false),
        View::All => return None,
        View::Url => ("url", true),
        View::Author => ("author", true),
        View::Category => ("categories", true),
        View::Source => ("source", true),
        View::Publisher => ("publisher", true),
    };
    let stands_elsewhere = matcher.scratch.page.signals.spans(atom).next().is_some();
    match stands_elsewhere && !is_field {
        true => Some(format!("`{label}` stands only outside the {name}")),
        false => is_field.then(|| format!("no `{label}` in the {name}")),
    }
}

fn near_miss(
    matcher: &mut Matcher<'_>,
    left: NodeId,
    right: NodeId,
    kind: NearKind,
    label: &str,
) -> Option<String> {
    let lefts = hits::labelled(matcher, left);
    let rights = hits::labelled(matcher, right);
    let page = &matcher.scratch.page;
    let part = |place: &Labelled| page.part_at(place.span.start);
    let pairs = || {
        lefts
            .iter()
            .flat_map(|left| rights.iter().map(move |right| (left, right)))
    };
    let closest = pairs()
        .filter(|(left, right)| part(left) == part(right) && left.span != right.span)
        .filter_map(|(left, right)| Some((gap(left.span, right.span)?, left, right)))
        .min_by_key(|(gap, ..)| *gap);
    let word = |place: &Labelled| -> String {
        let words = page.slice((place.span.start, place.span.end));
        let (Some(first), Some(last)) = (words.first(), words.last()) else {
            return place.query.clone();
        };
        let text = first.part.text(matcher.feed, matcher.item);
        text.get(first.start as usize..last.end as usize)
            .unwrap_or_default()
            .to_owned()
    };
    Some(match (closest, kind) {
        (Some((gap, left, right)), NearKind::Ordered) if right.span.start < left.span.start => {
            format!(
                "`{}` is {gap} words before `{}`; {label} wants it after",
                word(right),
                word(left)
            )
        }
        (Some((gap, left, right)), _) => format!(
            "`{}` is {gap} words from `{}`; {label}",
            word(right),
            word(left)
        ),
        (None, _) => {
            let (left, right) = (lefts.first()?, rights.first()?);
            format!(
                "`{}` and `{}` stand in different fields",
                word(left),
                word(right)
            )
        }
    })
}

fn phrase_miss(matcher: &Matcher<'_>, phrase: u32) -> Option<String> {
    let program = matcher.program;
    let phrase = program.phrases.get(phrase as usize)?;
    let atoms = phrase.atoms.of(&program.phrase_atoms);
    let missing: Vec<String> = atoms
        .iter()
        .filter(|atom| !matcher.scratch.page.signals.has(**atom))
        .filter_map(|atom| program.vocabulary.def(*atom))
        .map(|def| format!("`{}`", def.text))
        .collect();
    let written = &phrase.written;
    Some(match missing.len() {
        0 => format!("the words of {written} stand apart"),
        all if all == atoms.len() => format!("no {written}"),
        _ => format!("no {} of {written}", missing.join(", ")),
    })
}
