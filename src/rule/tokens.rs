//! One item as the rules see it: its words in order, field after field, and where each signal occurred.
//!
//! Fields lie one behind the other (title, summary, content, then the rest), so that every view of an item is one stretch
//! of words. Nothing is allocated once the vectors have grown to the size of the usual item.

use super::{
    memo::{Found, Heads, Known, Memo, ReadingKey, Sought},
    program::{Guards, NO_GUARD, Program, Signal, Slice, View},
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

/// Where something stands: words `start..end` of the item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    pub start: u32,
    pub end: u32,
}

/// A signal's state and, so that one look suffices, the stretch of its targets.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    epoch: u32,
    last: u32,
    targets: Slice,
}

const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Occurrence {
    span: Span,
    next: u32,
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
    /// The targets of every signal of this item.
    pub signals: Vec<Slice>,
    seen: Vec<Seen>,
    occurrences: Vec<Occurrence>,
    /// Pairs of words that were read as one, with their atoms.
    compounds: Vec<(u32, Slice)>,
    joined: String,
    batch: Vec<(Sought, Found)>,
    epoch: u32,
}

impl Page {
    pub fn new() -> Page {
        Page {
            memo: Memo::new(),
            words: Vec::new(),
            bounds: Default::default(),
            reading: language::detect("", ""),
            lead: Part::SUMMARY,
            signals: Vec::new(),
            seen: Vec::new(),
            occurrences: Vec::new(),
            compounds: Vec::new(),
            joined: String::new(),
            batch: Vec::new(),
            epoch: 0,
        }
    }

    /// Makes ready for another set of rules.
    pub fn reset(&mut self, program: &Program) {
        self.memo.forget();
        self.epoch = 0;
        self.seen.clear();
        let signals = 0..program.signals_and_lists() as Signal;
        self.seen.extend(signals.map(|signal| Seen {
            targets: program.triggers.slice(signal),
            ..Seen::default()
        }));
    }

    /// A number that marks what belongs to the present item.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    pub fn read(&mut self, program: &Program, feed: &Feed, item: &Item) {
        self.memo.make_room();
        self.words.clear();
        self.signals.clear();
        self.occurrences.clear();
        self.compounds.clear();
        if self.epoch == u32::MAX {
            self.seen.iter_mut().for_each(|seen| seen.epoch = 0);
            self.epoch = 0;
        }
        self.epoch += 1;
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
        self.signal_without_place(program.always());
        for (index, lang) in (0..).zip(&program.langs) {
            if self.reading.is(lang.as_str()) {
                self.signal_without_place(program.lang_signal(index));
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
                let mut add = |page: &mut Page, start: u32, end: u32, known: Known| {
                    let at = page.words.len() as u32;
                    page.words.push(Word {
                        start,
                        end,
                        atoms: known.atoms.start,
                        atoms_len: known.atoms.len as u16,
                        part,
                    });
                    page.signal_all(
                        known.atoms,
                        Span {
                            start: at,
                            end: at + 1,
                        },
                    );
                    if heads.may_take(known.first) && page.memo.takes(heads, known.first) {
                        page.compound(program, text, at, reading);
                    }
                    heads = known.heads;
                };
                match found {
                    Found::Single(known) if self.words.len() < words_end => {
                        add(self, sought.start, sought.end, known);
                    }
                    Found::Tokens(tokens) => {
                        for number in tokens.start..tokens.start + tokens.len {
                            if self.words.len() >= words_end {
                                break 'text;
                            }
                            let token = *self.memo.token(number);
                            let start = sought.start + token.start;
                            add(self, start, sought.start + token.end, token.known);
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

    #[inline]
    fn signal_all(&mut self, atoms: Slice, span: Span) {
        for index in atoms.start..atoms.start + atoms.len {
            if let Some(atom) = self.memo.atom(index) {
                self.signal(atom, span);
            }
        }
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
            self.signal_all(
                atoms,
                Span {
                    start: at - 1,
                    end: at + 1,
                },
            );
        }
    }

    #[inline]
    fn signal(&mut self, signal: Signal, span: Span) {
        let number = self.occurrences.len() as u32;
        let Some(seen) = self.seen.get_mut(signal as usize) else {
            return;
        };
        let mut next = NONE;
        if seen.epoch == self.epoch {
            next = seen.last;
        } else {
            seen.epoch = self.epoch;
            if seen.targets.len > 0 {
                self.signals.push(seen.targets);
            }
        }
        seen.last = number;
        self.occurrences.push(Occurrence { span, next });
    }

    /// Notes what is true of the item without standing anywhere.
    pub fn signal_without_place(&mut self, signal: Signal) {
        if let Some(seen) = self.seen.get_mut(signal as usize)
            && seen.epoch != self.epoch
        {
            seen.epoch = self.epoch;
            seen.last = NONE;
            if seen.targets.len > 0 {
                self.signals.push(seen.targets);
            }
        }
    }

    #[inline]
    pub fn has(&self, signal: Signal) -> bool {
        self.seen
            .get(signal as usize)
            .is_some_and(|seen| seen.epoch == self.epoch)
    }

    /// Whether there is nothing to guard, or one of the guards.
    #[inline]
    pub fn has_any(&self, guards: &Guards) -> bool {
        let [first, second, third] = *guards;
        first == NO_GUARD || self.has(first) || self.has(second) || self.has(third)
    }

    /// Where a signal occurred, the last place first.
    #[inline]
    pub fn spans(&self, signal: Signal) -> Spans<'_> {
        let next = match self.seen.get(signal as usize) {
            Some(seen) if seen.epoch == self.epoch => seen.last,
            _ => NONE,
        };
        Spans {
            occurrences: &self.occurrences,
            next,
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

pub(super) struct Spans<'a> {
    occurrences: &'a [Occurrence],
    next: u32,
}

impl Iterator for Spans<'_> {
    type Item = Span;

    #[inline]
    fn next(&mut self) -> Option<Span> {
        let occurrence = self.occurrences.get(self.next as usize)?;
        self.next = occurrence.next;
        Some(occurrence.span)
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
