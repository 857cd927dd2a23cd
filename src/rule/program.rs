//! What rules compile to: nodes over atoms, shared where rules share them, and for each atom the rules worth a look when it
//! occurs.
//!
//! Every rule waits on *triggers*: atoms of which at least one must occur for the rule to match, chosen as rare as its
//! query allows. An item with none of a rule's triggers never costs that rule a thought.

use std::num::NonZeroU32;

use regex::Regex;

use super::{
    query::NearKind,
    vocabulary::{Atom, Vocabulary},
    waking::{Group, Waking},
};
use crate::text::language::Code;

pub(super) type NodeId = u32;

/// The part of an item that a node looks at: each is a contiguous stretch of the item's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum View {
    Title,
    Lead,
    All,
    Text,
    Url,
    Author,
    Category,
    Source,
    Publisher,
}

impl View {
    pub const COUNT: usize = 9;
}

/// A stretch of a side table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub(super) struct Slice {
    pub start: u32,
    pub len: u32,
}

impl Slice {
    pub fn of<T>(self, table: &[T]) -> &[T] {
        let start = self.start as usize;
        table
            .get(start..start + self.len as usize)
            .unwrap_or_default()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Node {
    Atom {
        atom: Atom,
        view: View,
    },
    Phrase {
        phrase: u32,
        view: View,
    },
    Regex {
        regex: u32,
        view: View,
    },
    Lang {
        lang: u32,
    },
    All(Slice),
    Any(Slice),
    /// A list by name; its entries are evaluated once an item, however many rules name it.
    List(u32),
    Not(NodeId),
    Near {
        left: NodeId,
        right: NodeId,
        kind: NearKind,
        distance: u8,
    },
}

/// Words side by side.
#[derive(Debug)]
pub(super) struct Phrase {
    pub atoms: Slice,
    /// The two words written as one: `airstrike` for `air strike`.
    pub closed: Option<Atom>,
    /// As the analyst wrote it.
    pub written: Box<str>,
}

#[derive(Debug)]
pub(super) struct RegexDef {
    pub regex: Regex,
    pub pattern: Box<str>,
}

/// A named list under one view and language.
#[derive(Debug)]
pub(super) struct ListDef {
    pub name: Box<str>,
    pub entries: Slice,
    pub group: Option<Group>,
}

/// A rule's entries, as nodes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RuleProgram {
    pub any: Slice,
    pub all: Slice,
    pub none: Slice,
    pub any_group: Option<Group>,
    pub none_group: Option<Group>,
    /// Whether the rule has languages or feeds besides.
    pub is_filtered: bool,
}

/// Everything that matching needs, immutable.
#[derive(Debug, Default)]
pub(super) struct Program {
    pub vocabulary: Vocabulary,
    pub nodes: Vec<Node>,
    /// Children of nodes and entries of rules.
    pub children: Vec<NodeId>,
    pub phrases: Vec<Phrase>,
    pub phrase_atoms: Vec<Atom>,
    pub regexes: Vec<RegexDef>,
    pub langs: Vec<Code>,
    pub lists: Vec<ListDef>,
    pub rules: Vec<RuleProgram>,
    /// Of each rule the only entry, where it alone decides: beside the rest, which is then not looked at.
    pub roots: Vec<Option<NonZeroU32>>,
    pub waking: Waking,
    pub gate: Gate,
    /// Which parts of items any rule looks at.
    pub views: [bool; View::COUNT],
}

impl Program {
    pub fn node(&self, node: NodeId) -> Node {
        // Node ids come from the compiler of this very program.
        self.nodes[node as usize]
    }

    pub fn children(&self, slice: Slice) -> &[NodeId] {
        slice.of(&self.children)
    }

    /// The entries of a list node.
    pub fn entries(&self, list: u32) -> &[NodeId] {
        self.lists
            .get(list as usize)
            .map_or(&[], |list| self.children(list.entries))
    }

    pub fn reads(&self, view: View) -> bool {
        self.views[view as usize]
    }
}

/// Signals: numbers of everything that may occur in an item. First the atoms of the vocabulary, then each regex, each
/// language, each list, and at last the one that is always there.
pub(super) type Signal = u32;

/// Which regular expressions are worth running: those with a literal of theirs in the text, found by one pass for all.
#[derive(Debug, Default)]
pub(super) struct Gate {
    pub literals: Option<aho_corasick::AhoCorasick>,
    /// For each literal of the automaton, the regex that wants it.
    pub owners: Vec<u32>,
    /// Regexes without literals: run on every item that their rule does not exclude otherwise.
    pub ungated: Vec<u32>,
}

impl Program {
    /// All signals but those of lists.
    pub fn signals(&self) -> usize {
        self.vocabulary.len() + self.regexes.len() + self.langs.len() + 1
    }

    pub fn signals_and_lists(&self) -> usize {
        self.signals() + self.lists.len()
    }

    pub fn reads_text(&self) -> bool {
        [View::Lead, View::All, View::Text]
            .into_iter()
            .any(|view| self.reads(view))
    }

    pub fn regex_signal(&self, regex: u32) -> Signal {
        self.vocabulary.len() as Signal + regex
    }

    pub fn lang_signal(&self, lang: u32) -> Signal {
        (self.vocabulary.len() + self.regexes.len()) as Signal + lang
    }

    /// The signal of every item.
    pub fn always(&self) -> Signal {
        self.signals() as Signal - 1
    }

    pub fn list_signal(&self, list: u32) -> Signal {
        self.first_list_signal() + list
    }

    /// Of which any must hold: the children of OR, the entries of a list.
    pub fn alternatives(&self, node: NodeId) -> &[NodeId] {
        match self.node(node) {
            Node::Any(children) => self.children(children),
            Node::List(list) => self.entries(list),
            _ => &[],
        }
    }

    pub fn first_list_signal(&self) -> Signal {
        self.signals() as Signal
    }
}
