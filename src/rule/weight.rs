//! How common words are, guessed: it chooses the trigger of each rule, the rarest thing that must occur.

use std::{collections::HashMap, sync::LazyLock};

use regex_syntax::hir::literal::{ExtractKind, Extractor};

use super::{
    program::{Node, NodeId, Program, RuleProgram, Signal, Slice},
    query::{NearKind, PatternKind},
    vocabulary::Atom,
    waking::{Guards, UNGUARDED},
};

/// What an unknown word counts for; common words count up to a hundred thousand.
const RARE: u64 = 20;

pub(super) struct Chooser<'a> {
    program: &'a Program,
    /// Lists are shared: what each costs is added up once.
    list_costs: Vec<u64>,
}

/// A signal that wakes, and the signals of which one must be there as well.
type Trigger = (Signal, Guards);

impl Chooser<'_> {
    pub fn new(program: &Program) -> Chooser<'_> {
        let mut chooser = Chooser {
            program,
            list_costs: Vec::with_capacity(program.lists.len()),
        };
        // A list comes after those that it names.
        for list in &program.lists {
            let cost = program
                .children(list.entries)
                .iter()
                .map(|child| chooser.cost(*child))
                .fold(RARE, u64::saturating_add);
            chooser.list_costs.push(cost);
        }
        chooser
    }

    /// The signals of which one must occur for the rule to match.
    pub fn rule(&self, rule: &RuleProgram) -> Vec<Trigger> {
        let any = self.program.children(rule.any);
        let all = self.program.children(rule.all);
        let any_cost = match any {
            [] => u64::MAX,
            _ => any
                .iter()
                .map(|node| self.cost(*node))
                .fold(0, u64::saturating_add),
        };
        match self.cheapest(all) {
            Some((index, cost)) if cost < any_cost => {
                let mut found = self.collect(all[index]);
                self.guard(&mut found, all, index);
                if !any.is_empty() {
                    self.guard_by(&mut found, &self.any(rule.any));
                }
                found
            }
            _ if any.is_empty() => vec![(self.program.always(), UNGUARDED)],
            _ => {
                let mut found = self.any(rule.any);
                self.guard(&mut found, all, usize::MAX);
                found
            }
        }
    }

    pub fn any(&self, children: Slice) -> Vec<Trigger> {
        self.program
            .children(children)
            .iter()
            .flat_map(|child| self.collect(*child))
            .collect()
    }

    fn cheapest(&self, nodes: &[NodeId]) -> Option<(usize, u64)> {
        nodes
            .iter()
            .map(|node| self.cost(*node))
            .enumerate()
            .min_by_key(|(_, cost)| *cost)
    }

    /// Guards what is unguarded by the cheapest of the other nodes that must hold.
    fn guard(&self, found: &mut [Trigger], required: &[NodeId], taken: usize) {
        let mut others: Vec<(u64, NodeId)> = required
            .iter()
            .enumerate()
            .filter(|(index, _)| *index != taken)
            .map(|(_, node)| (self.cost(*node), *node))
            .collect();
        others.sort_unstable();
        for (_, node) in others.iter().take(2) {
            self.guard_by(found, &self.collect(*node));
        }
    }

    /// An estimate of how often one of the node's triggers occurs, per million words.
    fn cost(&self, node: NodeId) -> u64 {
        let program = self.program;
        match program.node(node) {
            Node::Atom { atom, .. } => self.atom_cost(atom),
            Node::Phrase { phrase, .. } => {
                let phrase = &program.phrases[phrase as usize];
                let rarest = phrase
                    .atoms
                    .of(&program.phrase_atoms)
                    .iter()
                    .map(|atom| self.atom_cost(*atom))
                    .min();
                rarest.unwrap_or(RARE) + 1
            }
            Node::Regex { regex, .. } => match program.gate.ungated.contains(&regex) {
                true => 1_000_000,
                false => 2 * RARE,
            },
            Node::Lang { .. } => 500_000,
            Node::Not(_) => 2_000_000,
            Node::All(children) => program
                .children(children)
                .iter()
                .map(|child| self.cost(*child))
                .min()
                .unwrap_or(RARE),
            Node::Any(children) => program
                .children(children)
                .iter()
                .map(|child| self.cost(*child))
                .fold(0, u64::saturating_add),
            Node::List(list) => self.list_costs.get(list as usize).copied().unwrap_or(RARE),
            Node::Near {
                left,
                kind: NearKind::NotNear,
                ..
            } => self.cost(left),
            Node::Near { left, right, .. } => self.cost(left).min(self.cost(right)),
        }
    }

    fn atom_cost(&self, atom: Atom) -> u64 {
        let Some(def) = self.program.vocabulary.def(atom) else {
            return RARE;
        };
        match def.kind {
            PatternKind::Prefix => 20 * RARE,
            _ => word_cost(&def.text),
        }
    }

    /// The signals of which one must occur for the node to hold.
    pub fn collect(&self, node: NodeId) -> Vec<Trigger> {
        let program = self.program;
        let single = |signal| vec![(signal, UNGUARDED)];
        match program.node(node) {
            Node::Atom { atom, .. } => single(atom),
            Node::Phrase { phrase, .. } => {
                let phrase = &program.phrases[phrase as usize];
                let mut atoms = phrase.atoms.of(&program.phrase_atoms).to_vec();
                atoms.sort_by_key(|atom| self.atom_cost(*atom));
                let mut found: Vec<Trigger> = atoms
                    .first()
                    .map(|rarest| (*rarest, UNGUARDED))
                    .into_iter()
                    .collect();
                if let Some(second) = atoms.get(1) {
                    self.guard_by(&mut found, &[(*second, UNGUARDED)]);
                }
                found.extend(phrase.closed.map(|closed| (closed, UNGUARDED)));
                found
            }
            Node::Regex { regex, .. } => single(program.regex_signal(regex)),
            Node::Lang { lang } => single(program.lang_signal(lang)),
            Node::Not(_) => single(program.always()),
            Node::All(children) => {
                let children = program.children(children);
                let Some((index, _)) = self.cheapest(children) else {
                    return single(program.always());
                };
                let mut found = self.collect(children[index]);
                self.guard(&mut found, children, index);
                found
            }
            Node::Any(children) => self.any(children),
            Node::List(list) => single(program.list_signal(list)),
            Node::Near {
                left,
                kind: NearKind::NotNear,
                ..
            } => self.collect(left),
            Node::Near { left, right, .. } => {
                let (rarer, other) = if self.cost(left) <= self.cost(right) {
                    (left, right)
                } else {
                    (right, left)
                };
                let mut found = self.collect(rarer);
                self.guard_by(&mut found, &self.collect(other));
                found
            }
        }
    }

    /// Lets what is unguarded ask for one of the others as well, where those are few. What asks for itself stays unguarded,
    /// and lists are no guards: their signals come while rules already wake.
    fn guard_by(&self, found: &mut [Trigger], others: &[Trigger]) {
        let mut guards = UNGUARDED;
        let is_list = |(signal, _): &Trigger| *signal >= self.program.first_list_signal();
        if others.is_empty() || others.len() > guards.len() || others.iter().any(is_list) {
            return;
        }
        for (guard, (signal, _)) in guards.iter_mut().zip(others) {
            *guard = *signal;
        }
        for (signal, own) in found {
            if *own == UNGUARDED && !guards.contains(signal) {
                *own = guards;
            }
        }
    }
}

/// As the table of common words says; of the others the short ones are the commoner, more or less.
fn word_cost(text: &str) -> u64 {
    if let Some(count) = COMMON.get(text.to_lowercase().as_str()) {
        return u64::from(*count);
    }
    match text.chars().count() {
        0..=2 => 400,
        3 => 100,
        4 => 40,
        _ => RARE,
    }
}

/// Common words of news in nine languages: the language, the word, and how often it stands in a million words.
pub(crate) fn common_words() -> impl Iterator<Item = (&'static str, &'static str, u32)> {
    let mut lang = "";
    include_str!("common_words.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(move |line| {
            match line
                .strip_prefix('[')
                .and_then(|line| line.strip_suffix(']'))
            {
                Some(tag) => {
                    lang = tag;
                    None
                }
                None => Some((lang, line)),
            }
        })
        .flat_map(|(lang, line)| line.split(", ").map(move |entry| (lang, entry)))
        .filter_map(|(lang, entry)| {
            let (word, count) = entry.split_once(' ')?;
            Some((lang, word, count.parse().ok()?))
        })
}

static COMMON: LazyLock<HashMap<&str, u32>> = LazyLock::new(|| {
    let mut counts = HashMap::new();
    for (_, word, count) in common_words() {
        let known = counts.entry(word).or_insert(0);
        *known = count.max(*known);
    }
    counts
});

/// Literals of which one must occur in any match; `None` where the expression promises none of two bytes or more.
pub(super) fn regex_literals(pattern: &str) -> Option<Vec<Vec<u8>>> {
    let hir = regex_syntax::parse(pattern).ok()?;
    let best = [ExtractKind::Prefix, ExtractKind::Suffix]
        .into_iter()
        .filter_map(|kind| {
            let mut extractor = Extractor::new();
            extractor.kind(kind).limit_total(64);
            let sequence = extractor.extract(&hir);
            let literals = sequence.literals()?;
            let shortest = literals.iter().map(|literal| literal.len()).min()?;
            (shortest >= 2).then(|| {
                let literals: Vec<Vec<u8>> = literals
                    .iter()
                    .map(|literal| literal.as_bytes().to_vec())
                    .collect();
                (shortest, literals)
            })
        })
        .max_by_key(|(shortest, _)| *shortest);
    best.map(|(_, literals)| literals)
}
