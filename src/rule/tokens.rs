//! One item as the rules see it: its words in order, field after field, and where each signal occurred.
//!
//! Fields lie one behind the other (title, summary, content, then the rest), so that every view of an item is one stretch
//! of words. Nothing is allocated once the vectors have grown to the size of the usual item.

use super::{
    memo::{Found, Heads, Known, Memo, ReadingKey, Sought, Token},
    program::{Program, Signal, Slice, View},
    signals::{Signals, Span},
};
use crate::{
    model::{Feed, Field, Item},
    text::{
        language::{self, Code, Lang, Reading},
        words::Runs,
    },
};

/// Words of the text that belong to the lead.
pub(super) const LEAD_WORDS: usize = 60;
/// Stretches sought together.
const BATCH: usize = 64;

/// Letters that each of two spaced words needs to be read as one.
pub(super) const SPACED_LETTERS_MIN: usize = 3;

/// A word of the item.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    /// Bytes of its field.
    pub start: u32,
    pub end: u32,
    /// In the memo.
    atoms: u32,
    atoms_len: u16,
    pub part: Part,
}

impl Word {
    fn atoms(&self) -> Slice {
        Slice {
            start: self.atoms,
            len: u32::from(self.atoms_len),
        }
    }
}

/// A stretch of text that phrases and NEAR stay inside of: a field, or one category.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Part(u16);

impl Part {
    pub const TITLE: Part = Part(0);
    pub const SUMMARY: Part = Part(1);
    pub const CONTENT: Part = Part(2);
    pub const URL: Part = Part(3);
    pub const AUTHOR: Part = Part(4);
    pub const SOURCE: Part = Part(5);
    pub const PUBLISHER: Part = Part(6);
    const FIRST_CATEGORY: u16 = 7;

    pub fn field(self) -> Field {
        match self.0 {
            0 => Field::Title,
            1 => Field::Summary,
            2 => Field::Content,
            3 => Field::Url,
            4 => Field::Author,
            5 => Field::Source,
            6 => Field::Publisher,
            _ => Field::Category,
        }
    }

    pub fn of_category(category: usize) -> Part {
        Part(Part::FIRST_CATEGORY.saturating_add(u16::try_from(category).unwrap_or(u16::MAX)))
    }

    /// Which of the categories.
    pub fn category(self) -> usize {
        usize::from(self.0.saturating_sub(Part::FIRST_CATEGORY))
    }

    pub fn text<'a>(self, feed: &'a Feed, item: &'a Item) -> &'a str {
        match self.field() {
            Field::Title => &item.title,
            Field::Summary => &item.summary,
            Field::Content => &item.content,
            Field::Url => &item.url,
            Field::Author => &item.author,
            Field::Source => &item.source,
            Field::Publisher => &feed.publisher,
            Field::Category => item
                .categories
                .get(self.category())
                .map_or("", String::as_str),
            Field::Lang => "",
        }
    }
}

/// The words of the present item and what occurred in it.
#[derive(Debug)]
pub(super) struct Page {
    pub memo: Memo,
    pub words: Vec<Word>,
    /// Words `.0 .. .1` for each view.
    pub bounds: [(u32, u32); View::COUNT],
    pub reading: Reading,
    /// The text of the lead: the summary, or the content where the summary has no words.
    pub lead: Part,
    pub signals: Signals,
    /// Pairs of words that were read as one, with their atoms.
    compounds: Vec<(u32, Slice)>,
    joined: String,
    batch: Vec<(Sought, Found)>,
}

impl Page {
    /// `memory` is how many stretches of text may be remembered.
    pub fn new(memory: usize) -> Page {
        Page {
            memo: Memo::new(memory),
            words: Vec::new(),
            bounds: Default::default(),
            reading: language::detect("", ""),
            lead: Part::SUMMARY,
            signals: Signals::default(),
            compounds: Vec::new(),
            joined: String::new(),
            batch: Vec::new(),
        }
    }

    /// Makes ready for another set of rules.
    pub fn reset(&mut self, program: &Program) {
        self.memo.forget();
        self.signals.reset(program.signals_and_lists());
    }

    pub fn read(&mut self, program: &Program, feed: &Feed, item: &Item) {
        self.memo.make_room();
        self.words.clear();
        self.signals.clear();
        self.compounds.clear();
        let text = if item.summary.is_empty() {
            &item.content
        } else {
            &item.summary
        };
        self.reading = language::decide(
            [feed.lang.as_deref(), item.lang.as_deref()],
            &item.title,
            text,
        );
        self.body(program, item);
        self.rest(program, feed, item);
        self.signals.add_without_place(program.always());
        for (index, lang) in (0..).zip(&program.langs) {
            if self.reading.is(lang.as_str()) {
                self.signals.add_without_place(program.lang_signal(index));
            }
        }
    }

    fn body(&mut self, program: &Program, item: &Item) {
        let reading = self.reading;
        let is_whole = program.reads(View::All) || program.reads(View::Text);
        let reads_lead = is_whole || program.reads(View::Lead);
        let words_max = if is_whole { usize::MAX } else { LEAD_WORDS };
        let title_end = self.part(program, &item.title, Part::TITLE, &reading, usize::MAX);
        let mut summary_end = title_end;
        let mut content_end = title_end;
        if reads_lead {
            summary_end = self.part(program, &item.summary, Part::SUMMARY, &reading, words_max);
            content_end = summary_end;
            if is_whole || summary_end == title_end {
                content_end = self.part(program, &item.content, Part::CONTENT, &reading, words_max);
            }
        }
        let has_summary =
            summary_end > title_end || content_end == summary_end && !item.summary.is_empty();
        self.lead = if has_summary {
            Part::SUMMARY
        } else {
            Part::CONTENT
        };
        let text_end = if summary_end > title_end {
            summary_end
        } else {
            content_end
        };
        self.set_bounds(View::Title, 0, title_end);
        self.set_bounds(
            View::Lead,
            0,
            text_end.min(title_end.saturating_add(LEAD_WORDS as u32)),
        );
        self.set_bounds(View::All, 0, content_end);
        self.set_bounds(View::Text, title_end, content_end);
    }

    fn rest(&mut self, program: &Program, feed: &Feed, item: &Item) {
        // Names are not inflected.
        let plain = Reading {
            code: Code::default(),
            first: Lang::Other,
            second: None,
            is_declared: true,
        };
        let reading = self.reading;
        let singles = [
            (View::Url, Part::URL, item.url.as_str(), reading),
            (View::Author, Part::AUTHOR, item.author.as_str(), plain),
            (View::Source, Part::SOURCE, item.source.as_str(), plain),
            (
                View::Publisher,
                Part::PUBLISHER,
                feed.publisher.as_str(),
                plain,
            ),
        ];
        for (view, part, text, reading) in singles {
            let start = self.words.len() as u32;
            let mut end = start;
            if program.reads(view) {
                end = self.part(program, text, part, &reading, usize::MAX);
            }
            self.set_bounds(view, start, end);
        }
        let start = self.words.len() as u32;
        if program.reads(View::Category) {
            for (index, category) in item.categories.iter().enumerate() {
                self.part(
                    program,
                    category,
                    Part::of_category(index),
                    &reading,
                    usize::MAX,
                );
            }
        }
        self.set_bounds(View::Category, start, self.words.len() as u32);
    }

    fn set_bounds(&mut self, view: View, start: u32, end: u32) {
        self.bounds[view as usize] = (start, end);
    }

    /// Reads up to so many words of a field; the number of words so far.
    fn part(
        &mut self,
        program: &Program,
        text: &str,
        part: Part,
        reading: &Reading,
        words_max: usize,
    ) -> u32 {
        let words_end = self.words.len().saturating_add(words_max);
        let key = ReadingKey::new(reading, false);
        let mut heads = Heads::default();
        let mut runs = Runs::new(text);
        let mut batch = std::mem::take(&mut self.batch);
        'text: loop {
            batch.clear();
            while batch.len() < BATCH
                && let Some(run) = runs.next()
            {
                batch.push((Memo::seek(text, run.start, run.end, key), Found::Unknown));
            }
            for (sought, found) in &mut batch {
                *found = self.memo.peek(sought, key);
            }
            for (sought, found) in &batch {
                let mut found = *found;
                if let Found::Unknown = found {
                    found = self
                        .memo
                        .find(sought, text, reading, key, &program.vocabulary);
                }
                match found {
                    Found::Single(known) if self.words.len() < words_end => {
                        let at = self.word(part, sought.start, sought.end, known);
                        if heads.may_take(known.first) && self.memo.takes(heads, known.first) {
                            self.compound(program, text, at, reading);
                        }
                        heads = known.heads;
                    }
                    Found::Tokens(tokens) => {
                        for number in tokens.start..tokens.start + tokens.len {
                            if self.words.len() >= words_end {
                                break 'text;
                            }
                            let Token { start, end, known } = *self.memo.token(number);
                            let (start, end) = (sought.start + start, sought.start + end);
                            let at = self.word(part, start, end, known);
                            if heads.may_take(known.first) && self.memo.takes(heads, known.first) {
                                self.compound(program, text, at, reading);
                            }
                            heads = known.heads;
                        }
                    }
                    Found::Single(_) => break 'text,
                    Found::Unknown => {}
                }
            }
            if batch.len() < BATCH {
                break;
            }
        }
        self.batch = batch;
        self.words.len() as u32
    }

    /// Adds a word; its number.
    #[inline(always)]
    fn word(&mut self, part: Part, start: u32, end: u32, known: Known) -> u32 {
        let at = self.words.len() as u32;
        self.words.push(Word {
            start,
            end,
            atoms: known.atoms.start,
            atoms_len: known.atoms.len as u16,
            part,
        });
        let span = Span {
            start: at,
            end: at + 1,
        };
        for atom in self.memo.atoms(known.atoms) {
            self.signals.add(*atom, span);
        }
        at
    }

    /// Reads word `at` and the one before it as one, where only a space or a hyphen stands between.
    fn compound(&mut self, program: &Program, text: &str, at: u32, reading: &Reading) {
        let Some([before, after]) = self.words.get(at as usize - 1..=at as usize) else {
            return;
        };
        let slice =
            |start: u32, end: u32| text.get(start as usize..end as usize).unwrap_or_default();
        let (first, second) = (
            slice(before.start, before.end),
            slice(after.start, after.end),
        );
        if !is_compound(first, slice(before.end, after.start), second) {
            return;
        }
        self.joined.clear();
        self.joined.push_str(first);
        self.joined.push('\0');
        self.joined.push_str(second);
        let atoms = self
            .memo
            .compound(&self.joined, reading, &program.vocabulary);
        if atoms.len > 0 {
            self.compounds.push((at - 1, atoms));
            let span = Span {
                start: at - 1,
                end: at + 1,
            };
            for atom in self.memo.atoms(atoms) {
                self.signals.add(*atom, span);
            }
        }
    }

    /// Whether the atom stands at exactly these words.
    pub fn ends(&self, atom: Signal, start: u32) -> [Option<u32>; 2] {
        let single = self
            .words
            .get(start as usize)
            .filter(|word| self.memo.atoms(word.atoms()).contains(&atom))
            .map(|_| start + 1);
        let double = self
            .compounds
            .iter()
            .find(|(at, atoms)| *at == start && self.memo.atoms(*atoms).contains(&atom))
            .map(|_| start + 2);
        [single, double]
    }

    pub fn part_at(&self, word: u32) -> Option<Part> {
        self.words.get(word as usize).map(|word| word.part)
    }

    pub fn slice(&self, bounds: (u32, u32)) -> &[Word] {
        self.words
            .get(bounds.0 as usize..bounds.1 as usize)
            .unwrap_or_default()
    }
}

/// Whether two words of a text may be one: `air-strike`, `air strike`.
pub(super) fn is_compound(first: &str, between: &str, second: &str) -> bool {
    let is_hyphen = |letter| {
        matches!(
            letter,
            '-' | '\u{AD}' | '\u{2010}' | '\u{2011}' | '\u{5BE}' | '－'
        )
    };
    let mut letters = between.chars();
    match (letters.next(), letters.next()) {
        (Some(hyphen), None) if is_hyphen(hyphen) => true,
        (Some(' ' | '\u{A0}'), None) => {
            let is_long = |word: &str| word.chars().nth(SPACED_LETTERS_MIN - 1).is_some();
            is_long(first) && is_long(second)
        }
        _ => false,
    }
}
