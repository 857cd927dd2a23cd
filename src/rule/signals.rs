//! What occurred in the present item, and where: a bit for each signal, and the places of those that have some.
//!
//! There may be a hundred thousand signals and an item has a hundred of them. So what is asked most (did it occur?) lies
//! in a few kilobytes, what is written is written without reading, and clearing costs what was set.

use super::{
    program::Signal,
    waking::{Guards, NO_GUARD},
};

/// Where something stands: words `start..end` of the item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    pub start: u32,
    pub end: u32,
}

/// A set of small numbers.
#[derive(Debug, Default)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    /// Room for the numbers below `count`, none of them set.
    pub fn reset(&mut self, count: usize) {
        self.0.clear();
        self.0.resize(count.div_ceil(64), 0);
    }

    #[inline]
    pub fn has(&self, number: u32) -> bool {
        let word = self.0.get(number as usize / 64);
        word.is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    /// Whether the number is new; `false` as well for one beyond the room.
    #[inline]
    pub fn insert(&mut self, number: u32) -> bool {
        let Some(word) = self.0.get_mut(number as usize / 64) else {
            return false;
        };
        let is_new = *word >> (number % 64) & 1 == 0;
        *word |= 1 << (number % 64);
        is_new
    }

    /// Clears the number and its 63 neighbours: for clearing a set by all of its members.
    #[inline]
    pub fn clear_around(&mut self, number: u32) {
        if let Some(word) = self.0.get_mut(number as usize / 64) {
            *word = 0;
        }
    }
}

const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Occurrence {
    span: Span,
    /// The occurrence of the same signal before it.
    before: u32,
}

/// The signals of the present item.
#[derive(Debug, Default)]
pub(super) struct Signals {
    present: Bits,
    /// For each signal that is present, its number in the item.
    numbers: Vec<u32>,
    /// The signals that are present, in the order of their numbers, and the last occurrence of each.
    met: Vec<Signal>,
    last: Vec<u32>,
    occurrences: Vec<Occurrence>,
}

impl Signals {
    /// Makes ready for another set of rules.
    pub fn reset(&mut self, count: usize) {
        self.present.reset(count);
        self.numbers.clear();
        self.numbers.resize(count, 0);
        self.met.clear();
        self.last.clear();
        self.occurrences.clear();
    }

    /// Makes ready for another item.
    pub fn clear(&mut self) {
        for signal in &self.met {
            self.present.clear_around(*signal);
        }
        self.met.clear();
        self.last.clear();
        self.occurrences.clear();
    }

    #[inline]
    pub fn add(&mut self, signal: Signal, span: Span) {
        let occurrence = self.occurrences.len() as u32;
        let mut before = NONE;
        if self.present.insert(signal) {
            self.meet(signal, occurrence);
        } else if let Some(number) = self.numbers.get(signal as usize)
            && let Some(last) = self.last.get_mut(*number as usize)
        {
            before = std::mem::replace(last, occurrence);
        }
        self.occurrences.push(Occurrence { span, before });
    }

    /// Notes what is true of the item without standing anywhere.
    pub fn add_without_place(&mut self, signal: Signal) {
        if self.present.insert(signal) {
            self.meet(signal, NONE);
        }
    }

    #[inline]
    fn meet(&mut self, signal: Signal, occurrence: u32) {
        if let Some(number) = self.numbers.get_mut(signal as usize) {
            *number = self.met.len() as u32;
        }
        self.met.push(signal);
        self.last.push(occurrence);
    }

    /// The signals that occurred, each once, in the order they were met; grows while signals wake lists.
    #[inline]
    pub fn get(&self, number: usize) -> Option<Signal> {
        self.met.get(number).copied()
    }

    #[inline]
    pub fn has(&self, signal: Signal) -> bool {
        self.present.has(signal)
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
        let number = match self.has(signal) {
            true => self.numbers.get(signal as usize).copied(),
            false => None,
        };
        Spans {
            occurrences: &self.occurrences,
            next: number
                .and_then(|number| self.last.get(number as usize).copied())
                .unwrap_or(NONE),
        }
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
        self.next = occurrence.before;
        Some(occurrence.span)
    }
}
