//! All words of all rules, as atoms: one number for each word with the way it wants to be matched.
//!
//! A word of a text is looked up here once and its atoms remembered by the matcher's memo, so this may take its time: it
//! folds, stems and hashes. The table of a language is built when its first word comes by; languages that no feed speaks
//! cost nothing.

use std::sync::OnceLock;

use xxhash_rust::xxh3::xxh3_64;

use super::query::PatternKind;
use crate::text::{
    fold,
    language::{Lang, Reading, Script, script_of_word},
    stem,
};

/// A word of some rule and how it matches; several rules share one.
pub(super) type Atom = u32;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct AtomDef {
    /// One word by `text::words`.
    pub text: Box<str>,
    pub kind: PatternKind,
    /// The language whose words it stands for; every language it can belong to where `None`.
    pub lang: Option<Lang>,
}

#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    atoms: Vec<AtomDef>,
    exact: HashIndex,
    prefixes: HashIndex,
    prefix_letters_max: usize,
    /// By language, built when first asked for.
    forms: Vec<OnceLock<HashIndex>>,
    /// Words that may stand in a text as two, folded and sorted.
    closed: Vec<Box<str>>,
}

/// Letters that a word needs to be recognised when it is written as two.
const CLOSED_LETTERS_MIN: usize = 4;

/// Hashes to atoms, sorted: 16 bytes an entry, no strings. Two words with one 64-bit hash are taken for the same.
#[derive(Debug, Default)]
struct HashIndex(Vec<(u64, Atom)>);

impl HashIndex {
    fn new(mut entries: Vec<(u64, Atom)>) -> HashIndex {
        entries.sort_unstable();
        entries.dedup();
        entries.shrink_to_fit();
        HashIndex(entries)
    }

    fn get(&self, key: &str) -> impl Iterator<Item = Atom> + '_ {
        let hash = xxh3_64(key.as_bytes());
        let start = self.0.partition_point(|(known, _)| *known < hash);
        self.0
            .iter()
            .skip(start)
            .take_while(move |(known, _)| *known == hash)
            .map(|(_, atom)| *atom)
    }
}

/// What is to know about one word of a text.
#[derive(Debug, Default)]
pub(super) struct Meaning {
    /// Sorted, each once.
    pub atoms: Vec<Atom>,
    /// The beginnings of the words that would make a closed compound with this one; sorted, each once.
    pub heads: Vec<Beginning>,
    /// The word's own beginning.
    pub first: Beginning,
}

/// How a word begins, hashed: two letters in the upper byte, the third in the lower. What follows the first part of a
/// compound is compared by three letters, or by two where it is so short that an ending may take the third.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Beginning(u16);

/// The second part of a compound is compared by its third letter from so many letters on.
const THIRD_LETTERS_MIN: usize = 4;

impl Beginning {
    /// Of a word without letters.
    pub const NONE: Beginning = Beginning(0);

    pub fn of(folded: &str) -> Beginning {
        let mut letters = folded.chars().map(u32::from);
        let Some(first) = letters.next() else {
            return Beginning::NONE;
        };
        let byte = |hash: u32| (hash % 255 + 1) as u16;
        let two = byte(
            first
                .wrapping_mul(37)
                .wrapping_add(letters.next().unwrap_or(0)),
        );
        Beginning(two << 8 | letters.next().map_or(0, byte))
    }

    /// Of the second part of a rule's word.
    fn of_rest(rest: &str) -> Beginning {
        match has_third_letter(rest) {
            true => Beginning::of(rest),
            false => Beginning::of(rest).by_two_letters(),
        }
    }

    pub fn by_two_letters(self) -> Beginning {
        Beginning(self.0 & 0xFF00)
    }

    /// One of 32 classes, the same with and without the third letter; no bit for a word without letters.
    pub fn bit(self) -> u32 {
        match self {
            Beginning::NONE => 0,
            Beginning(code) => 1 << (code >> 8 & 31),
        }
    }

    pub fn number(self) -> u16 {
        self.0
    }
}

impl Vocabulary {
    pub fn new(atoms: Vec<AtomDef>) -> Vocabulary {
        let mut exact = Vec::new();
        let mut prefixes = Vec::new();
        let mut closed = Vec::new();
        let mut prefix_letters_max = 0;
        let mut folded = String::new();
        for (atom, def) in (0..).zip(&atoms) {
            match def.kind {
                PatternKind::Exact => {
                    folded.clear();
                    fold::exact(&def.text, &mut folded);
                    exact.push((xxh3_64(folded.as_bytes()), atom));
                }
                PatternKind::Prefix => {
                    let start = stem::folded_word(def.lang.unwrap_or(Lang::Other), &def.text);
                    prefix_letters_max = prefix_letters_max.max(start.chars().count());
                    prefixes.push((xxh3_64(start.as_bytes()), atom));
                }
                PatternKind::Inflected => {
                    closed.extend(closed_word(def).map(String::into_boxed_str))
                }
            }
        }
        closed.sort_unstable();
        closed.dedup();
        Vocabulary {
            atoms,
            exact: HashIndex::new(exact),
            prefixes: HashIndex::new(prefixes),
            prefix_letters_max,
            forms: Lang::ALL.iter().map(|_| OnceLock::new()).collect(),
            closed,
        }
    }

    pub fn def(&self, atom: Atom) -> Option<&AtomDef> {
        self.atoms.get(atom as usize)
    }

    pub fn len(&self) -> usize {
        self.atoms.len()
    }

    fn forms(&self, lang: Lang) -> Option<&HashIndex> {
        let table = self.forms.get(lang as usize)?;
        Some(table.get_or_init(|| {
            let mut entries = Vec::with_capacity(self.atoms.len());
            for (atom, def) in (0..).zip(&self.atoms) {
                if def.kind == PatternKind::Inflected && belongs(def, lang) {
                    stem::rule_forms(lang, &def.text, &mut |form| {
                        entries.push((xxh3_64(form.as_bytes()), atom));
                    });
                }
            }
            HashIndex::new(entries)
        }))
    }

    /// Everything the rules want to know about a word of a text read so.
    pub fn meaning(&self, word: &str, reading: &Reading, meaning: &mut Meaning) {
        meaning.atoms.clear();
        meaning.heads.clear();
        let (first, second) = reading.langs_for(word);
        for lang in [Some(first), second].into_iter().flatten() {
            self.inflected(word, lang, reading, &mut meaning.atoms);
            self.wildcards(word, lang, reading, &mut meaning.atoms);
        }
        self.exactly(word, &mut meaning.atoms);
        meaning.atoms.sort_unstable();
        meaning.atoms.dedup();
        let folded = stem::folded_word(first, word);
        self.heads(&folded, &mut meaning.heads);
        meaning.first = Beginning::of(&folded);
    }

    /// The atoms of two neighbouring words of a text taken as one: `air strike` for `airstrike`.
    ///
    /// The first must be the beginning of the rule's word, so that an ending or prefix taken off joins no strangers.
    pub fn compound(&self, before: &str, after: &str, reading: &Reading, atoms: &mut Vec<Atom>) {
        atoms.clear();
        let joined = format!("{before}{after}");
        let (first, second) = reading.langs_for(&joined);
        for lang in [Some(first), second].into_iter().flatten() {
            let beginning = stem::folded_word(lang, before);
            let next = stem::folded_word(lang, after);
            let start = atoms.len();
            self.inflected(&joined, lang, reading, atoms);
            let mut index = start;
            while let Some(atom) = atoms.get(index) {
                match self
                    .def(*atom)
                    .is_some_and(|def| begins(def, &beginning, &next))
                {
                    true => index += 1,
                    false => _ = atoms.swap_remove(index),
                }
            }
        }
        atoms.sort_unstable();
        atoms.dedup();
    }

    fn inflected(&self, word: &str, lang: Lang, reading: &Reading, atoms: &mut Vec<Atom>) {
        if let Some(index) = self.forms(lang) {
            stem::text_forms(lang, word, &mut |form| {
                atoms.extend(index.get(form).filter(|atom| {
                    self.def(*atom)
                        .is_some_and(|def| is_wanted(def, lang, reading))
                }));
            });
        }
    }

    fn wildcards(&self, word: &str, lang: Lang, reading: &Reading, atoms: &mut Vec<Atom>) {
        if self.prefixes.0.is_empty() {
            return;
        }
        stem::wildcard_forms(lang, word, &mut |folded| {
            for (letters, (end, _)) in folded
                .char_indices()
                .skip(1)
                .chain([(folded.len(), ' ')])
                .enumerate()
            {
                if letters + 1 > self.prefix_letters_max {
                    break;
                }
                let found = self.prefixes.get(folded.get(..end).unwrap_or_default());
                atoms.extend(found.filter(|atom| {
                    self.def(*atom).is_some_and(|def| {
                        def.lang
                            .is_none_or(|wanted| wanted.for_word(&def.text) == lang)
                            && is_wanted(def, lang, reading)
                    })
                }));
            }
        });
    }

    fn exactly(&self, word: &str, atoms: &mut Vec<Atom>) {
        if self.exact.0.is_empty() {
            return;
        }
        let mut exact = String::with_capacity(word.len());
        fold::exact(word, &mut exact);
        atoms.extend(self.exact.get(&exact));
        // What an apostrophe hangs on a name (HTS's, HTŞ'nin) is not the name.
        if let Some((name, _)) = exact.split_once('\'').filter(|(name, _)| !name.is_empty()) {
            atoms.extend(self.exact.get(name));
        }
    }

    fn heads(&self, folded: &str, heads: &mut Vec<Beginning>) {
        if folded.is_empty() {
            return;
        }
        let start = self.closed.partition_point(|word| **word < *folded);
        for word in self.closed.iter().skip(start) {
            let Some(rest) = word.strip_prefix(folded) else {
                break;
            };
            if !rest.is_empty() {
                heads.push(Beginning::of_rest(rest));
            }
        }
        heads.sort_unstable();
        heads.dedup();
    }
}

fn has_third_letter(rest: &str) -> bool {
    rest.chars().nth(THIRD_LETTERS_MIN - 1).is_some()
}

/// Whether the atom's word may be written as two, the first of them being this and the second beginning as that one does.
fn begins(def: &AtomDef, beginning: &str, next: &str) -> bool {
    closed_word(def).is_some_and(|word| {
        let rest = word.strip_prefix(beginning).filter(|rest| !rest.is_empty());
        rest.is_some_and(|rest| {
            let letters = if has_third_letter(rest) { 3 } else { 2 };
            rest.chars().take(letters).eq(next.chars().take(letters))
        })
    })
}

/// The folded word, where it is long enough to be recognised when written as two.
fn closed_word(def: &AtomDef) -> Option<String> {
    let word = stem::folded_word(def.lang.unwrap_or(Lang::Other), &def.text);
    let is_closed =
        word.chars().count() >= CLOSED_LETTERS_MIN && word.chars().all(char::is_alphabetic);
    is_closed.then_some(word)
}

/// Whether words of this language are what the atom stands for.
fn belongs(def: &AtomDef, lang: Lang) -> bool {
    match def.lang {
        Some(wanted) => wanted.for_word(&def.text) == lang,
        None => script_of_word(&def.text).is_none_or(|script: Script| lang.is_written_in(script)),
    }
}

/// Whether a word of this language is wanted in an item read so. A name in a foreign script (`Patriot` among Russian words)
/// is read in a language of that script, and wanted in the language's items alone.
fn is_wanted(def: &AtomDef, lang: Lang, reading: &Reading) -> bool {
    def.lang.is_none_or(|wanted| {
        wanted == lang || wanted == reading.first || Some(wanted) == reading.second
    })
}
