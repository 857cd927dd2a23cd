//! Which recent texts share a key with a new one, and how many texts of the last days have a word.
//!
//! Every text has a dozen keys and dozens of words. As rows each would be a page to write somewhere in a large table, and that
//! grows with the table; here they are memory, made anew from the texts that the store keeps. What an item costs does not
//! depend on how many there were, and the memory has a bound: a key leads to its newest texts alone, what is a week old goes,
//! and when there is more than fits, the oldest postings go first.

use std::collections::{HashMap, VecDeque};

use super::{place::KEY_TEXTS_MAX, weigh::WINDOW_DAYS};

/// Postings kept, a power of two: 320 MB where there are as many. A million texts have fewer.
const POSTINGS_MAX: usize = 1 << 24;
const POSTINGS_MIN: usize = 1 << 10;
/// How long a text is found, in days: no story lives longer.
const DAYS: i64 = 8;
/// Words that are counted: beyond them a new one stays uncounted, and counts as rare.
const WORDS_MAX: usize = 900_000;
/// Postings looked at for one key. Each step may be a wait for memory; a key that shares its chain with a word of every other
/// text loses its older texts, and there are as many chains as postings.
const STEPS_MAX: usize = 64;

/// Recent texts by their keys, and recent words.
#[derive(Debug, Default)]
pub struct Index {
    newest: i64,
    postings: Postings,
    words: Words,
}

impl Index {
    /// The highest number of a text that was added; 0 where there is none.
    pub fn newest(&self) -> i64 {
        self.newest
    }

    /// Adds a new text, or further keys of a known one, which has no words to count then. `day` is since 1970.
    pub fn add(&mut self, text: i64, keys: &[u64], counted: &[u64], day: i64) {
        let is_new = text > self.newest;
        self.newest = self.newest.max(text);
        self.postings.begin(day);
        for key in keys {
            // A copy mostly has the keys of what it copies.
            if is_new || !self.texts_under(*key).contains(&text) {
                self.postings.add(*key, text);
            }
        }
        self.words.count(counted, day);
    }

    /// The newest texts with this key, at most [`KEY_TEXTS_MAX`], newest first.
    pub fn texts_under(&self, key: u64) -> Vec<i64> {
        self.postings.under(key, self.newest)
    }

    /// For each of these words, how many texts of this day and the days after it have it.
    pub fn texts_with(&self, words: &[u64], from_day: i64) -> Vec<u32> {
        words
            .iter()
            .map(|word| self.words.texts_with(*word, from_day))
            .collect()
    }
}

/// That a text has a key.
#[derive(Clone, Copy, Debug, Default)]
struct Posting {
    key: u64,
    /// The lower half of the text's number.
    text: u32,
    /// The number of the next older posting of its chain.
    older: u32,
}

/// A ring of postings in the order of time, and chains of those whose keys fall together. Numbers wrap around: what counts is
/// how long ago a posting was made.
#[derive(Debug, Default)]
struct Postings {
    /// The posting of number n stands at n modulo the length, a power of two.
    ring: Vec<Posting>,
    /// The number of the newest posting of each chain.
    heads: Vec<u32>,
    /// The number of the last one.
    last: u32,
    /// How many of the last ones are there.
    live: u32,
    /// Each day and the number that was the last before it.
    days: VecDeque<(i64, u32)>,
}

impl Postings {
    fn begin(&mut self, day: i64) {
        if self.days.back().is_some_and(|(known, _)| *known >= day) {
            return;
        }
        self.days.push_back((day, self.last));
        while self
            .days
            .front()
            .is_some_and(|(known, _)| *known <= day - DAYS)
        {
            self.days.pop_front();
        }
        if let Some((_, before)) = self.days.front() {
            self.live = self.live.min(self.last.wrapping_sub(*before));
        }
    }

    fn at(&self, number: u32) -> Option<&Posting> {
        self.ring.get(number as usize & (self.ring.len() - 1))
    }

    fn chain_of(&self, key: u64) -> usize {
        key as usize & (self.heads.len() - 1)
    }

    /// The postings of a chain with their numbers, newest first.
    fn chain(&self, chain: usize) -> impl Iterator<Item = (u32, Posting)> {
        let mut number = self.heads.get(chain).copied();
        // Ages start at one more than they are, so that what points to itself or to something newer ends the chain.
        let mut age = 0;
        let live = self.live;
        std::iter::from_fn(move || {
            let this = number?;
            let this_age = self.last.wrapping_sub(this).checked_add(1)?;
            if this_age <= age || this_age > live {
                return None;
            }
            let posting = *self.at(this)?;
            (age, number) = (this_age, Some(posting.older));
            Some((this, posting))
        })
        .take(STEPS_MAX)
    }

    fn under(&self, key: u64, newest: i64) -> Vec<i64> {
        if self.ring.is_empty() {
            return Vec::new();
        }
        self.chain(self.chain_of(key))
            .filter(|(_, posting)| posting.key == key)
            .map(|(_, posting)| whole(posting.text, newest))
            .take(KEY_TEXTS_MAX)
            .collect()
    }

    fn add(&mut self, key: u64, text: i64) {
        if self.live as usize == self.ring.len() {
            self.grow();
        }
        let (chain, text) = (self.chain_of(key), lower_half(text));
        self.last = self.last.wrapping_add(1);
        self.live = (self.live + 1).min(u32::try_from(self.ring.len()).unwrap_or(u32::MAX));
        self.hang(
            chain,
            self.last,
            Posting {
                key,
                text,
                older: 0,
            },
        );
    }

    /// Puts a posting in its place, at the head of its chain.
    fn hang(&mut self, chain: usize, number: u32, posting: Posting) {
        let Some(head) = self.heads.get_mut(chain) else {
            return;
        };
        let older = std::mem::replace(head, number);
        self.set(number, Posting { older, ..posting });
    }

    fn set(&mut self, number: u32, posting: Posting) {
        let place = number as usize & (self.ring.len() - 1);
        if let Some(place) = self.ring.get_mut(place) {
            *place = posting;
        }
    }

    /// Makes room for twice as many, up to the bound; there the next posting takes the place of the oldest.
    fn grow(&mut self) {
        if self.ring.len() >= POSTINGS_MAX {
            return;
        }
        let larger = Postings {
            ring: vec![Posting::default(); (self.ring.len() * 2).max(POSTINGS_MIN)],
            heads: Vec::new(),
            last: self.last,
            live: self.live,
            days: std::mem::take(&mut self.days),
        };
        let smaller = std::mem::replace(self, larger);
        // An empty chain leads to what is too old to be there.
        self.heads = vec![self.last.wrapping_sub(self.live); self.ring.len()];
        for age in (0..smaller.live).rev() {
            let number = self.last.wrapping_sub(age);
            let Some(posting) = smaller.at(number).copied() else {
                continue;
            };
            self.hang(self.chain_of(posting.key), number, posting);
        }
    }
}

/// Numbers of texts are kept by half: all that are found lie close below the newest.
fn lower_half(text: i64) -> u32 {
    text as u32
}

fn whole(text: u32, newest: i64) -> i64 {
    newest - i64::from(lower_half(newest).wrapping_sub(text))
}

/// How many texts of each of the last days have a word.
#[derive(Debug, Default)]
struct Words {
    /// The last day.
    day: i64,
    /// By day, each at its number modulo the length.
    counts: HashMap<u64, [u32; WINDOW_DAYS as usize]>,
}

fn column(day: i64) -> usize {
    usize::try_from(day.rem_euclid(WINDOW_DAYS)).unwrap_or(0)
}

impl Words {
    fn count(&mut self, words: &[u64], day: i64) {
        if day > self.day {
            let passed: Vec<usize> = (self.day + 1..=day)
                .rev()
                .take(WINDOW_DAYS as usize)
                .map(column)
                .collect();
            self.counts.retain(|_, counts| {
                for column in &passed {
                    counts[*column] = 0;
                }
                counts.iter().any(|count| *count > 0)
            });
            self.day = day;
        }
        if day <= self.day - WINDOW_DAYS {
            return;
        }
        for word in words {
            let has_room = self.counts.len() < WORDS_MAX || self.counts.contains_key(word);
            if has_room {
                self.counts.entry(*word).or_default()[column(day)] += 1;
            }
        }
    }

    fn texts_with(&self, word: u64, from_day: i64) -> u32 {
        let Some(counts) = self.counts.get(&word) else {
            return 0;
        };
        let days = from_day.max(self.day - WINDOW_DAYS + 1)..=self.day;
        days.map(|day| counts[column(day)]).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index_of(texts: i64, keys: impl Fn(i64) -> Vec<u64>) -> Index {
        let mut index = Index::default();
        for text in 1..=texts {
            index.add(text, &keys(text), &[text as u64 % 7], text / 1000);
        }
        index
    }

    #[test]
    fn a_key_leads_to_its_newest_texts() {
        // Each text has a key of its own, one of ten and one that all have.
        let index = index_of(5_000, |text| {
            vec![1_000_000 + text as u64, 100 + text as u64 % 10, 1]
        });
        for text in [1, 17, 999, 4_321, 5_000] {
            assert_eq!(index.texts_under(1_000_000 + text), [text as i64]);
        }
        let of_three: Vec<i64> = (0..KEY_TEXTS_MAX as i64)
            .map(|nth| 4_993 - 10 * nth)
            .collect();
        assert_eq!(index.texts_under(103), of_three);
        let all: Vec<i64> = (0..KEY_TEXTS_MAX as i64).map(|nth| 5_000 - nth).collect();
        assert_eq!(index.texts_under(1), all);
        assert_eq!(index.texts_under(2), [0_i64; 0]);
    }

    #[test]
    fn a_text_is_found_once_under_a_key_that_it_gets_again() {
        let mut index = Index::default();
        index.add(1, &[5], &[], 0);
        index.add(2, &[5], &[], 0);
        index.add(1, &[5, 6], &[], 0);
        assert_eq!(index.texts_under(5), [2, 1]);
        assert_eq!(index.texts_under(6), [1]);
    }

    #[test]
    fn keys_that_fall_together_stay_apart() {
        // The lower bits choose the chain.
        let index = index_of(3_000, |text| vec![(text as u64 % 3) << 40]);
        let newest = |last: i64| {
            (0..KEY_TEXTS_MAX as i64)
                .map(|nth| last - 3 * nth)
                .collect()
        };
        let expected: [Vec<i64>; 3] = [newest(3_000), newest(2_998), newest(2_999)];
        for (key, expected) in (0_u64..).zip(expected) {
            assert_eq!(index.texts_under(key << 40), expected);
        }
    }

    #[test]
    fn what_is_a_week_old_is_gone_and_makes_room() {
        let mut index = Index::default();
        for day in 0..100_i64 {
            for nth in 1..=100 {
                index.add(day * 100 + nth, &[day as u64, 1_000 + nth as u64], &[], day);
            }
        }
        assert_eq!(index.texts_under(99 - DAYS as u64), [0_i64; 0]);
        assert_eq!(index.texts_under(100 - DAYS as u64).len(), KEY_TEXTS_MAX);
        assert_eq!(index.texts_under(1_050).len(), DAYS as usize);
        assert_eq!(index.postings.ring.len(), 2048);
    }

    #[test]
    fn numbers_that_wrap_around_change_nothing() {
        let mut index = Index::default();
        index.postings.last = u32::MAX - 1_500;
        let first = i64::from(u32::MAX) - 1_500;
        for text in first..first + 3_000 {
            index.add(text, &[text as u64, 7], &[], 0);
        }
        let last = first + 2_999;
        let newest: Vec<i64> = (0..KEY_TEXTS_MAX as i64).map(|nth| last - nth).collect();
        assert_eq!(index.texts_under(7), newest);
        for text in [first, first + 1_600, last] {
            assert_eq!(index.texts_under(text as u64), [text]);
        }
    }

    #[test]
    fn words_are_counted_by_day_and_forgotten() {
        let mut index = Index::default();
        for day in 10..20 {
            index.add(day, &[], &[1, day as u64], day);
        }
        assert_eq!(index.texts_with(&[1, 19, 16, 15, 99], 16), [4, 1, 1, 0, 0]);
        assert_eq!(index.texts_with(&[1, 16], 18), [2, 0]);
        // From days that are to come nothing is known, and what is long gone changes nothing.
        assert_eq!(index.texts_with(&[1], 20), [0]);
        index.add(20, &[], &[1], 3);
        assert_eq!(index.texts_with(&[1], 0), [4]);
        index.add(21, &[], &[1], 500);
        assert_eq!(index.words.counts.len(), 1);
    }
}
