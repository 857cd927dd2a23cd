//! From queries to a program.
//!
//! Sharing first: a word, phrase or list that many rules use becomes one node. `AND` under NEAR is spread: `(a AND b)
//! NEAR/8 c` is `a NEAR/8 c AND b NEAR/8 c`, and a `NOT` beside them stays a condition on the whole scope.

mod regexes;

use std::{
    collections::{HashMap, HashSet},
    num::NonZeroU32,
    ops::Range,
};

use super::{
    Place, RuleProblem, RuleSource, Scope, Text,
    lists::Lists,
    program::{ListDef, Node, NodeId, Phrase, Program, RuleProgram, Slice, View},
    query::{self, FieldName, NearKind, Pattern, PatternKind, Query, QueryKind},
    vocabulary::{Atom, AtomDef, Vocabulary},
    waking::Waking,
};
use crate::text::{
    language::{Code, Lang},
    words,
};

/// Nodes that one rule may spread to when `AND` stands under NEAR.
const SPREAD_NODES_MAX: usize = 100_000;

#[derive(Default)]
pub(super) struct Compiler {
    atoms: Vec<AtomDef>,
    atom_ids: HashMap<AtomDef, Atom>,
    leaf_ids: HashMap<Leaf, NodeId>,
    list_ids: HashMap<(usize, View, Option<Lang>), Option<NodeId>>,
    program: Program,
    pub problems: Vec<RuleProblem>,
}

#[derive(PartialEq, Eq, Hash)]
enum Leaf {
    Atom(Atom, View),
    Phrase(Box<[Atom]>, Box<str>, View),
    Regex(Box<str>, View),
    Lang(Code),
}

/// Where a query is being compiled.
#[derive(Clone, Copy)]
struct Context {
    view: View,
    lang: Option<Lang>,
    place: Place,
}

/// A query that cannot be compiled; the problem is already noted.
struct Refused;

impl Compiler {
    /// Compiles all rules; look at `problems` before using the program.
    pub fn compile(mut self, rules: &[RuleSource], lists: &Lists) -> (Program, Vec<RuleProblem>) {
        for rule in rules {
            let view = match rule.scope {
                Scope::Lead => View::Lead,
                Scope::Title => View::Title,
                Scope::All => View::All,
            };
            let program = RuleProgram {
                any: self.entries(&rule.any, view, lists),
                all: self.entries(&rule.all, view, lists),
                none: self.entries(&rule.none, view, lists),
                is_filtered: !rule.langs.is_empty()
                    || rule.feeds.names.is_some()
                    || rule.feeds.tags.is_some(),
                ..RuleProgram::default()
            };
            let mut root = None;
            if let [only] = self.program.children(program.any)
                && program.all.len + program.none.len == 0
                && !program.is_filtered
            {
                root = NonZeroU32::new(*only);
            }
            self.program.roots.push(root);
            if rule.any.is_empty() && rule.all.is_empty() {
                self.problem(
                    rule.place,
                    None,
                    format!("rule `{}` has neither any nor all", rule.id),
                    "give it something to find",
                );
            }
            self.program.rules.push(program);
        }
        // Lists that no rule uses are compiled too: a mistake in one is found when it is made.
        let is_used: HashSet<usize> = self.list_ids.keys().map(|(list, ..)| *list).collect();
        for list in (0..lists.len()).filter(|list| !is_used.contains(list)) {
            let _ = self.list(
                list,
                Context {
                    view: View::Lead,
                    lang: None,
                    place: Place::default(),
                },
                lists,
            );
        }
        self.program.vocabulary = Vocabulary::new(std::mem::take(&mut self.atoms));
        self.gate();
        Waking::lay_out(&mut self.program);
        for node in &self.program.nodes {
            if let Node::Atom { view, .. } | Node::Phrase { view, .. } | Node::Regex { view, .. } =
                node
            {
                self.program.views[*view as usize] = true;
            }
        }
        // A list used in several views tells of the same mistake several times.
        self.problems.sort_by_key(|problem| {
            (
                problem.place,
                problem.range.clone().map(|range| (range.start, range.end)),
            )
        });
        self.problems.dedup();
        self.program.nodes.shrink_to_fit();
        self.program.children.shrink_to_fit();
        (self.program, self.problems)
    }

    fn problem(
        &mut self,
        place: Place,
        range: Option<Range<usize>>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.problems.push(RuleProblem {
            place,
            range,
            is_warning: false,
            message: message.into(),
            help: Some(help.into()),
        });
    }

    fn entries(&mut self, texts: &[Text], view: View, lists: &Lists) -> Slice {
        let mut nodes = Vec::with_capacity(texts.len());
        for text in texts {
            let context = Context {
                view,
                lang: None,
                place: text.place,
            };
            match query::parse(&text.text) {
                Ok(query) => nodes.extend(self.query(&query, context, lists)),
                Err(error) => self
                    .problems
                    .push(RuleProblem::from_query(text.place, error)),
            }
        }
        self.slice(nodes)
    }

    fn slice(&mut self, nodes: Vec<NodeId>) -> Slice {
        let start = self.program.children.len() as u32;
        let len = nodes.len() as u32;
        self.program.children.extend(nodes);
        Slice { start, len }
    }

    fn push(&mut self, node: Node) -> NodeId {
        self.program.nodes.push(node);
        self.program.nodes.len() as NodeId - 1
    }

    fn query(&mut self, query: &Query, context: Context, lists: &Lists) -> Result<NodeId, Refused> {
        match &query.kind {
            QueryKind::Words(patterns) => self.words(patterns, query, context),
            QueryKind::Regex(pattern) => self.regex(pattern, query, context),
            QueryKind::List(name) => match lists.index(name) {
                Some(list) => self.list(list, context, lists),
                None => {
                    let help = match super::nearest(name, lists.names()) {
                        Some(known) => format!("did you mean @{known}?"),
                        None => format!("define it: [lists.{name}]"),
                    };
                    self.problem(
                        context.place,
                        Some(query.range.clone()),
                        format!("unknown list @{name}"),
                        help,
                    );
                    Err(Refused)
                }
            },
            QueryKind::Field(FieldName::Lang, inner) => self.lang(inner, context),
            QueryKind::Field(field, inner) => {
                let view = match field {
                    FieldName::Title => View::Title,
                    FieldName::Text => View::Text,
                    FieldName::Url => View::Url,
                    FieldName::Author => View::Author,
                    FieldName::Category => View::Category,
                    FieldName::Source => View::Source,
                    FieldName::Publisher | FieldName::Lang => View::Publisher,
                };
                self.query(inner, Context { view, ..context }, lists)
            }
            QueryKind::And(sides) => {
                let nodes = self.all_of(sides, context, lists)?;
                let slice = self.slice(nodes);
                Ok(self.push(Node::All(slice)))
            }
            QueryKind::Or(sides) => {
                let nodes = self.all_of(sides, context, lists)?;
                let slice = self.slice(nodes);
                Ok(self.push(Node::Any(slice)))
            }
            QueryKind::Not(inner) => {
                let inner = self.query(inner, context, lists)?;
                Ok(self.push(Node::Not(inner)))
            }
            QueryKind::Near {
                left,
                right,
                kind,
                distance,
            } => {
                let nodes = self.all_of_two(left, right, context, lists)?;
                let before = self.program.nodes.len();
                self.near(nodes.0, nodes.1, *kind, *distance, before).map_err(|why| {
                    let help = match kind {
                        NearKind::NotNear => "on the right of NOT NEAR write words, phrases or (a OR b)",
                        _ => "NEAR joins things that stand somewhere: words, phrases, groups and lists of them",
                    };
                    self.problem(context.place, Some(query.range.clone()), why, help);
                    Refused
                })
            }
        }
    }

    /// Compiles every side before giving up, so that all mistakes show at once.
    fn all_of(
        &mut self,
        sides: &[Query],
        context: Context,
        lists: &Lists,
    ) -> Result<Vec<NodeId>, Refused> {
        let nodes: Vec<_> = sides
            .iter()
            .map(|side| self.query(side, context, lists))
            .collect();
        nodes.into_iter().collect()
    }

    fn all_of_two(
        &mut self,
        left: &Query,
        right: &Query,
        context: Context,
        lists: &Lists,
    ) -> Result<(NodeId, NodeId), Refused> {
        let (left, right) = (
            self.query(left, context, lists),
            self.query(right, context, lists),
        );
        Ok((left?, right?))
    }

    fn atom(&mut self, text: &str, kind: PatternKind, lang: Option<Lang>) -> Atom {
        // An exact word is itself in any language.
        let lang = lang.filter(|_| kind != PatternKind::Exact);
        let def = AtomDef {
            text: text.into(),
            kind,
            lang,
        };
        let next = self.atoms.len() as Atom;
        *self.atom_ids.entry(def).or_insert_with_key(|def| {
            self.atoms.push(def.clone());
            next
        })
    }

    fn words(
        &mut self,
        patterns: &[Pattern],
        query: &Query,
        context: Context,
    ) -> Result<NodeId, Refused> {
        let mut texts: Vec<(&str, PatternKind)> = Vec::with_capacity(patterns.len());
        for pattern in patterns {
            let ranges = words::words(&pattern.text);
            let last = ranges.len().saturating_sub(1);
            for (index, range) in ranges.into_iter().enumerate() {
                // A star belongs to the last word of `air-str*`.
                let kind = match pattern.kind {
                    PatternKind::Prefix if index < last => PatternKind::Inflected,
                    kind => kind,
                };
                texts.push((pattern.text.get(range).unwrap_or_default(), kind));
            }
        }
        let atoms: Vec<Atom> = texts
            .iter()
            .map(|(text, kind)| self.atom(text, *kind, context.lang))
            .collect();
        let (leaf, written) = match atoms.as_slice() {
            [] => {
                self.problem(
                    context.place,
                    Some(query.range.clone()),
                    "no word to find",
                    "write a letter or digit",
                );
                return Err(Refused);
            }
            [atom] => (Leaf::Atom(*atom, context.view), String::new()),
            _ => {
                let written = written_phrase(patterns);
                (
                    Leaf::Phrase(atoms.clone().into(), written.clone().into(), context.view),
                    written,
                )
            }
        };
        if let Some(node) = self.leaf_ids.get(&leaf) {
            return Ok(*node);
        }
        let node = match atoms.as_slice() {
            [atom] => self.push(Node::Atom {
                atom: *atom,
                view: context.view,
            }),
            _ => {
                let closed = closed_form(patterns, &texts)
                    .map(|text| self.atom(&text, PatternKind::Inflected, context.lang));
                let start = self.program.phrase_atoms.len() as u32;
                self.program.phrase_atoms.extend(&atoms);
                let phrase = self.program.phrases.len() as u32;
                self.program.phrases.push(Phrase {
                    atoms: Slice {
                        start,
                        len: atoms.len() as u32,
                    },
                    closed,
                    written: written.into(),
                });
                self.push(Node::Phrase {
                    phrase,
                    view: context.view,
                })
            }
        };
        self.leaf_ids.insert(leaf, node);
        Ok(node)
    }

    /// `lang:en`, `lang:(en OR fr)`.
    fn lang(&mut self, inner: &Query, context: Context) -> Result<NodeId, Refused> {
        match &inner.kind {
            QueryKind::Words(patterns) if patterns.len() == 1 => {
                let code = patterns
                    .first()
                    .map(|pattern| Code::of(&pattern.text))
                    .unwrap_or_default();
                if code.as_str().is_empty() {
                    self.problem(
                        context.place,
                        Some(inner.range.clone()),
                        "not a language",
                        "two letters, as in lang:en",
                    );
                    return Err(Refused);
                }
                let leaf = Leaf::Lang(code);
                if let Some(node) = self.leaf_ids.get(&leaf) {
                    return Ok(*node);
                }
                let lang = self.program.langs.len() as u32;
                self.program.langs.push(code);
                let node = self.push(Node::Lang { lang });
                self.leaf_ids.insert(leaf, node);
                Ok(node)
            }
            QueryKind::Or(sides) => {
                let nodes: Vec<_> = sides.iter().map(|side| self.lang(side, context)).collect();
                let nodes = nodes.into_iter().collect::<Result<Vec<_>, _>>()?;
                let slice = self.slice(nodes);
                Ok(self.push(Node::Any(slice)))
            }
            _ => {
                self.problem(
                    context.place,
                    Some(inner.range.clone()),
                    "lang: takes languages only",
                    "write lang:en or lang:(en OR fr)",
                );
                Err(Refused)
            }
        }
    }

    fn list(&mut self, list: usize, context: Context, lists: &Lists) -> Result<NodeId, Refused> {
        let key = (list, context.view, context.lang);
        if let Some(known) = self.list_ids.get(&key) {
            return known.ok_or(Refused);
        }
        // Cycles are refused when the lists are read; this keeps a missed one from looping.
        self.list_ids.insert(key, None);
        let mut nodes = Vec::new();
        let mut is_refused = false;
        for entry in lists.entries(list) {
            let lang = entry.lang.as_deref().map(Lang::from_tag).or(context.lang);
            let context = Context {
                lang,
                place: entry.place,
                ..context
            };
            match &entry.query {
                Some(query) => match self.query(query, context, lists) {
                    Ok(node) => nodes.push(node),
                    Err(Refused) => is_refused = true,
                },
                None => is_refused = true,
            }
        }
        if is_refused {
            return Err(Refused);
        }
        let entries = self.slice(nodes);
        let index = self.program.lists.len() as u32;
        self.program.lists.push(ListDef {
            name: lists.name(list).into(),
            entries,
            group: None,
        });
        let node = self.push(Node::List(index));
        self.list_ids.insert(key, Some(node));
        Ok(node)
    }

    /// Joins two operands by NEAR, spreading `AND`.
    fn near(
        &mut self,
        left: NodeId,
        right: NodeId,
        kind: NearKind,
        distance: u8,
        before: usize,
    ) -> Result<NodeId, String> {
        if self.program.nodes.len() - before > SPREAD_NODES_MAX {
            return Err(format!(
                "NEAR spreads to more than {SPREAD_NODES_MAX} parts"
            ));
        }
        let name = query::near_name(kind);
        for (side, is_left) in [(left, true), (right, false)] {
            if self.stands_somewhere(side) {
                continue;
            }
            let join = |compiler: &mut Self, child| match is_left {
                true => compiler.near(child, right, kind, distance, before),
                false => compiler.near(left, child, kind, distance, before),
            };
            return match self.program.node(side) {
                Node::Not(_) => Err(format!("NOT alone beside {name}")),
                Node::Lang { .. } => Err(format!("lang: beside {name}")),
                _ if !is_left && kind == NearKind::NotNear => {
                    Err("AND on the right of NOT NEAR".to_owned())
                }
                Node::All(slice) => {
                    let children = self.program.children(slice).to_vec();
                    let (conditions, standing): (Vec<_>, Vec<_>) =
                        children.into_iter().partition(|child| {
                            matches!(self.program.node(*child), Node::Not(_) | Node::Lang { .. })
                        });
                    if standing.is_empty() {
                        return Err(format!("nothing but conditions beside {name}"));
                    }
                    let mut nodes = conditions;
                    for child in standing {
                        nodes.push(join(self, child)?);
                    }
                    let slice = self.slice(nodes);
                    Ok(self.push(Node::All(slice)))
                }
                Node::Any(_) | Node::List(_) => {
                    let children = self.program.alternatives(side).to_vec();
                    let mut nodes = Vec::with_capacity(children.len());
                    for child in children {
                        nodes.push(join(self, child)?);
                    }
                    let slice = self.slice(nodes);
                    Ok(self.push(Node::Any(slice)))
                }
                _ => Err(format!("something without a place beside {name}")),
            };
        }
        Ok(self.push(Node::Near {
            left,
            right,
            kind,
            distance,
        }))
    }

    /// Whether all that the node can find are words at a place.
    fn stands_somewhere(&self, node: NodeId) -> bool {
        match self.program.node(node) {
            Node::Atom { .. } | Node::Phrase { .. } | Node::Regex { .. } | Node::Near { .. } => {
                true
            }
            Node::All(_) | Node::Not(_) | Node::Lang { .. } => false,
            Node::Any(_) | Node::List(_) => self
                .program
                .alternatives(node)
                .iter()
                .all(|child| self.stands_somewhere(*child)),
        }
    }
}

/// How a phrase was written, for showing.
fn written_phrase(patterns: &[Pattern]) -> String {
    match patterns {
        [single] => single.to_string(),
        _ => QueryKind::Words(patterns.to_vec()).to_string(),
    }
}

/// Two words as one: `airstrike` for `air strike` or `air-strike`.
fn closed_form(patterns: &[Pattern], texts: &[(&str, PatternKind)]) -> Option<String> {
    let [
        (first, PatternKind::Inflected),
        (second, PatternKind::Inflected),
    ] = texts
    else {
        return None;
    };
    // Joined by the analyst's own hyphen, or long enough not to make other words (`in to`).
    let letters_min = if patterns.len() == 1 {
        1
    } else {
        super::tokens::SPACED_LETTERS_MIN
    };
    let is_part =
        |part: &str| part.chars().all(char::is_alphabetic) && part.chars().count() >= letters_min;
    (is_part(first) && is_part(second)).then(|| format!("{first}{second}"))
}
