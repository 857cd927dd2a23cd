//! How common words are, guessed: it chooses the trigger of each rule, the rarest thing that must occur.

use std::collections::HashMap;

use regex_syntax::hir::literal::{ExtractKind, Extractor};

use super::{
    program::{Node, NodeId, Program, RuleProgram, Signal, Slice},
    query::{NearKind, PatternKind},
    vocabulary::Atom,
};

/// What an unknown word counts for; common words count up to a hundred thousand.
const RARE: u64 = 20;

pub(super) struct Chooser<'a> {
    pub program: &'a Program,
    /// List nodes with their signals.
    pub lists: HashMap<NodeId, Signal>,
}

impl Chooser<'_> {
    /// The signals of which one must occur for the rule to match.
    pub fn rule(&self, rule: &RuleProgram, found: &mut Vec<Signal>) {
        let any = self.program.children(rule.any);
        let any_cost = match any {
            [] => u64::MAX,
            _ => any
                .iter()
                .map(|node| self.cost(*node))
                .fold(0, u64::saturating_add),
        };
        let all = self.program.children(rule.all);
        let cheapest = all.iter().map(|node| (self.cost(*node), *node)).min();
        match cheapest {
            Some((cost, node)) if cost < any_cost => self.collect(node, found),
            _ if any.is_empty() => found.push(self.program.always()),
            _ => self.any(rule.any, found),
        }
    }

    pub fn any(&self, children: Slice, found: &mut Vec<Signal>) {
        for child in self.program.children(children) {
            self.collect(*child, found);
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
            // Shared: its words are looked at once for all rules that name it.
            Node::List { entries, .. } => program
                .children(entries)
                .iter()
                .map(|child| self.cost(*child))
                .fold(RARE, u64::saturating_add),
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

    fn collect(&self, node: NodeId, found: &mut Vec<Signal>) {
        let program = self.program;
        let cheapest = |children: &[NodeId]| {
            children
                .iter()
                .copied()
                .min_by_key(|child| self.cost(*child))
        };
        match program.node(node) {
            Node::Atom { atom, .. } => found.push(atom),
            Node::Phrase { phrase, .. } => {
                let phrase = &program.phrases[phrase as usize];
                let atoms = phrase.atoms.of(&program.phrase_atoms);
                found.extend(
                    atoms
                        .iter()
                        .copied()
                        .min_by_key(|atom| self.atom_cost(*atom)),
                );
                found.extend(phrase.closed);
            }
            Node::Regex { regex, .. } => found.push(program.regex_signal(regex)),
            Node::Lang { lang } => found.push(program.lang_signal(lang)),
            Node::Not(_) => found.push(program.always()),
            Node::All(children) => {
                if let Some(child) = cheapest(program.children(children)) {
                    self.collect(child, found);
                }
            }
            Node::Any(children) => self.any(children, found),
            Node::List { entries, .. } => match self.lists.get(&node) {
                Some(signal) => found.push(*signal),
                None => self.any(entries, found),
            },
            Node::Near {
                left,
                kind: NearKind::NotNear,
                ..
            } => self.collect(left, found),
            Node::Near { left, right, .. } => {
                if let Some(side) = cheapest(&[left, right]) {
                    self.collect(side, found);
                }
            }
        }
    }
}

/// Short words are common words, more or less, until a table says better.
fn word_cost(text: &str) -> u64 {
    match text.chars().count() {
        0..=2 => 2_000,
        3 => 600,
        4 => 200,
        5 => 80,
        _ => RARE,
    }
}

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
