//! What the rules want to know about a stretch of text, remembered: most words of a day's news were seen before.
//!
//! A bounded table from (how it is read, the raw bytes) to the words in it and their atoms. Folding, segmenting and
//! stemming happen on a miss alone. Keys are compared in full: a hash alone would let a crafted word hide another.

use super::{
    program::Slice,
    vocabulary::{Atom, Beginning, Meaning, Vocabulary},
};
use crate::text::{
    language::{Lang, Reading},
    words,
};

/// Slots of the table at first, and how it grows: powers of two. Few words are matched where one headline is tested.
const SLOTS_FIRST: usize = 1 << 12;
const GROWTH: usize = 4;
/// Slots at most, 8 MiB a thread that matches. A month of 29 outlets holds some 130,000 stretches; half the slots would start
/// the memo anew again and again, at a third of the speed.
pub(super) const SLOTS_MAX: usize = 1 << 18;
/// Slots tried before a stretch displaces another.
const PROBES_MAX: usize = 12;
/// Longer stretches (unspaced scripts, garbage) are divided again each time; their words are remembered.
const RUN_BYTES_MAX: usize = 64;
const _: () = assert!(RUN_BYTES_MAX <= u8::MAX as usize);
/// Bytes of atoms, words and long keys before the memo starts anew.
const ATOMS_MAX: usize = 1 << 21;

/// A word of a remembered stretch.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Token {
    /// Bytes from the start of the stretch.
    pub start: u32,
    pub end: u32,
    pub known: Known,
}

/// What is known of a word wherever it stands.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known {
    pub atoms: Slice,
    pub heads: Heads,
    /// For a word before it that has heads.
    pub first: Beginning,
}

/// How the words begin that would make a closed compound with this one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Heads {
    /// The bits of those beginnings: most neighbours are told off by them.
    bits: u32,
    /// Where the beginnings lie, among the atoms: behind the word's own.
    start: u32,
    len: u8,
}

impl Heads {
    /// Whether a word that begins so is worth a closer look.
    #[inline]
    pub fn may_take(self, first: Beginning) -> bool {
        self.bits & first.bit() != 0
    }
}

/// Beginnings remembered of one word; a word with more takes any neighbour.
const HEADS_MAX: usize = u8::MAX as usize;

/// 32 bytes, so that a lookup touches one cache line; for the usual stretch, a single word, it is all that is touched.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    key: (u64, u64),
    /// Where its tokens begin; of a single word, its atoms.
    start: u32,
    /// Of a single word, as in [`Heads`].
    head_bits: u32,
    reading: u16,
    /// Of a single word.
    first: Beginning,
    /// Of the key's bytes; 0 in an empty slot.
    len: u8,
    /// Of the tokens, or atoms.
    count: u8,
    heads_len: u8,
    /// One word, the whole stretch.
    is_single: bool,
}

/// A stretch about to be looked up: its key is computed ahead, so that the processor can fetch many slots at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sought {
    /// Bytes of the field.
    pub start: u32,
    pub end: u32,
    home: u32,
    key: (u64, u64),
}

/// What a stretch turned out to be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Found {
    /// One word, the whole stretch.
    Single(Known),
    /// Words, by the numbers of their tokens.
    Tokens(Slice),
    /// Not in its usual place: look further, or learn it.
    Unknown,
}

#[derive(Debug)]
pub(super) struct Memo {
    slots: Vec<Slot>,
    /// How far the table may grow.
    slots_max: usize,
    used: usize,
    tokens: Vec<Token>,
    atoms: Vec<Atom>,
    /// Keys that do not fit into a slot.
    long_keys: Vec<u8>,
    meaning: Meaning,
}

impl Slot {
    #[inline]
    fn found(&self) -> Found {
        let slice = Slice {
            start: self.start,
            len: u32::from(self.count),
        };
        match self.is_single {
            true => Found::Single(Known {
                atoms: slice,
                heads: Heads {
                    bits: self.head_bits,
                    start: self.start + u32::from(self.count),
                    len: self.heads_len,
                },
                first: self.first,
            }),
            false => Found::Tokens(slice),
        }
    }
}

/// How a stretch is read, in 15 bits; the 16th marks a compound.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadingKey(u16);

impl ReadingKey {
    pub fn new(reading: &Reading, is_compound: bool) -> ReadingKey {
        let second = reading.second.map_or(0x7f, |lang| lang as u16);
        ReadingKey((reading.first as u16) << 8 | second | u16::from(is_compound) << 15)
    }

    fn is_compound(self) -> bool {
        self.0 >> 15 == 1
    }
}

const _: () = assert!(Lang::ALL.len() < 0x7f);

/// Longer keys are kept elsewhere, and in the slot their hash.
const SHORT_KEY_MAX: usize = 16;

/// Up to 16 bytes of a text as two numbers, zeros behind: with the length they tell any two stretches apart. Without a
/// branch for the length, which nobody could foretell.
#[inline]
fn short_key(text: &[u8], start: usize, end: usize) -> (u64, u64) {
    let unused = 8 * (16 - (end - start).min(16)) as u32;
    let after = text.get(start..).and_then(|rest| rest.first_chunk::<16>());
    let number = match after {
        // The bytes behind the stretch are shifted out, and zeros in.
        Some(chunk) => u128::from_le_bytes(*chunk) << (unused & 127) >> (unused & 127),
        None => {
            // At the end of the text: with what stands before, which is shifted out.
            let before = text.get(..end).and_then(|rest| rest.last_chunk::<16>());
            match before {
                Some(chunk) => u128::from_le_bytes(*chunk) >> (unused & 127),
                None => {
                    let mut chunk = [0; 16];
                    let bytes = text.get(start..end).unwrap_or_default();
                    for (target, byte) in chunk.iter_mut().zip(bytes) {
                        *target = *byte;
                    }
                    u128::from_le_bytes(chunk)
                }
            }
        }
    };
    (number as u64, (number >> 64) as u64)
}

/// The first half of a long key: its hash. The second becomes the place where it is kept.
#[cold]
fn long_key(run: &[u8]) -> (u64, u64) {
    (xxhash_rust::xxh3::xxh3_64(run), 0)
}

#[inline]
fn mix(key: (u64, u64), len: u16, reading: u16) -> u32 {
    let salt = u64::from(len) << 16 | u64::from(reading);
    let product = u128::from(key.0 ^ 0x9E37_79B9_7F4A_7C15)
        * u128::from(key.1 ^ salt.wrapping_mul(0xD6E8_FEB8_6659_FD93) ^ 0xA076_1D64_78BD_642F);
    ((product >> 64) as u64 ^ product as u64) as u32
}

impl Memo {
    pub fn new(slots_max: usize) -> Memo {
        Memo {
            slots: Vec::new(),
            slots_max,
            used: 0,
            tokens: Vec::new(),
            atoms: Vec::new(),
            long_keys: Vec::new(),
            meaning: Meaning::default(),
        }
    }

    /// Forgets everything, where it is full, and grows. Call between items: tokens of the present one must stay.
    pub fn make_room(&mut self) {
        let slots = self.slots.len();
        if slots == 0 {
            self.slots.resize(SLOTS_FIRST, Slot::default());
            return;
        }
        let runs_max = slots / 4 * 3;
        if self.used > runs_max || self.atoms.len() > ATOMS_MAX || self.tokens.len() > runs_max * 4
        {
            self.slots
                .resize((slots * GROWTH).min(self.slots_max), Slot::default());
            self.forget();
        }
    }

    /// The slot where a search begins, and what keeps the next ones inside the table.
    #[inline]
    fn home(&self, sought: &Sought) -> (usize, usize) {
        let mask = self.slots.len().wrapping_sub(1);
        (sought.home as usize & mask, mask)
    }

    pub fn forget(&mut self) {
        self.slots.fill(Slot::default());
        self.used = 0;
        self.tokens.clear();
        self.atoms.clear();
        self.long_keys.clear();
    }

    #[inline]
    pub fn token(&self, token: u32) -> &Token {
        // Token numbers come from this memo's `find` and `compound`.
        &self.tokens[token as usize]
    }

    #[inline]
    pub fn atoms(&self, atoms: Slice) -> &[Atom] {
        atoms.of(&self.atoms)
    }

    /// Whether a word that begins so makes a compound with the one whose heads these are, as far as beginnings tell.
    pub fn takes(&self, heads: Heads, first: Beginning) -> bool {
        let heads = Slice {
            start: heads.start,
            len: u32::from(heads.len),
        };
        let beginnings = heads.of(&self.atoms);
        let has = |wanted: Beginning| beginnings.binary_search(&wanted.number().into()).is_ok();
        beginnings.len() >= HEADS_MAX || has(first) || has(first.by_two_letters())
    }

    /// Makes a stretch of a field ready to be found.
    #[inline]
    pub fn seek(text: &str, start: usize, end: usize, reading: ReadingKey) -> Sought {
        let bytes = text.as_bytes();
        let len = end - start;
        let key = match len <= SHORT_KEY_MAX {
            true => short_key(bytes, start, end),
            false => long_key(bytes.get(start..end).unwrap_or_default()),
        };
        Sought {
            start: start as u32,
            end: end as u32,
            home: mix(key, len as u16, reading.0),
            key,
        }
    }

    /// The words in a stretch, if they are in their usual place. Does so little that the processor has many of these under
    /// way at once.
    #[inline]
    pub fn peek(&self, sought: &Sought, key: ReadingKey) -> Found {
        let len = sought.end - sought.start;
        match self.slots.get(self.home(sought).0) {
            Some(slot)
                if slot.key == sought.key
                    && u32::from(slot.len) == len
                    && slot.reading == key.0
                    && len as usize <= SHORT_KEY_MAX =>
            {
                slot.found()
            }
            _ => Found::Unknown,
        }
    }

    /// The words in a stretch, learnt if need be; never unknown.
    pub fn find(
        &mut self,
        sought: &Sought,
        text: &str,
        reading: &Reading,
        key: ReadingKey,
        vocabulary: &Vocabulary,
    ) -> Found {
        let run = text
            .get(sought.start as usize..sought.end as usize)
            .unwrap_or_default();
        self.lookup(run, sought, reading, key, vocabulary)
    }

    /// The atoms of two words written as one; `joined` has a zero byte between them.
    pub fn compound(&mut self, joined: &str, reading: &Reading, vocabulary: &Vocabulary) -> Slice {
        let key = ReadingKey::new(reading, true);
        let sought = Memo::seek(joined, 0, joined.len(), key);
        match self.lookup(joined, &sought, reading, key, vocabulary) {
            Found::Single(known) => known.atoms,
            Found::Tokens(tokens) => tokens
                .of(&self.tokens)
                .first()
                .map_or_else(Slice::default, |token| token.known.atoms),
            Found::Unknown => Slice::default(),
        }
    }

    fn lookup(
        &mut self,
        run: &str,
        sought: &Sought,
        reading: &Reading,
        reading_key: ReadingKey,
        vocabulary: &Vocabulary,
    ) -> Found {
        if run.len() > RUN_BYTES_MAX {
            return Found::Tokens(self.learn_long(run, reading, reading_key, vocabulary));
        }
        let len = run.len() as u8;
        let (home, mask) = self.home(sought);
        let mut target = home;
        for probe in 0..PROBES_MAX {
            let at = (home + probe) & mask;
            let Some(slot) = self.slots.get(at) else {
                break;
            };
            if slot.len == 0 {
                target = at;
                break;
            }
            if slot.len == len && slot.reading == reading_key.0 && slot.key.0 == sought.key.0 {
                let is_same = match usize::from(len) <= SHORT_KEY_MAX {
                    true => slot.key.1 == sought.key.1,
                    false => self.long_key(slot) == run.as_bytes(),
                };
                if is_same {
                    return slot.found();
                }
            }
        }
        self.learn(run, reading, reading_key, vocabulary, sought.key, target)
    }

    fn long_key(&self, slot: &Slot) -> &[u8] {
        let start = slot.key.1 as usize;
        self.long_keys
            .get(start..start + usize::from(slot.len))
            .unwrap_or_default()
    }

    #[cold]
    fn learn(
        &mut self,
        run: &str,
        reading: &Reading,
        reading_key: ReadingKey,
        vocabulary: &Vocabulary,
        key: (u64, u64),
        target: usize,
    ) -> Found {
        let tokens = match reading_key.is_compound() {
            true => self.add_compound(run, reading, vocabulary),
            false => self.add_words(run, reading, vocabulary),
        };
        let mut slot = Slot {
            key,
            len: run.len() as u8,
            reading: reading_key.0,
            start: tokens.start,
            count: tokens.len as u8,
            ..Slot::default()
        };
        if let [token] = tokens.of(&self.tokens)
            && (token.start, token.end as usize) == (0, run.len())
            && let known = token.known
            && let Ok(count) = u8::try_from(known.atoms.len)
        {
            slot.is_single = true;
            slot.start = known.atoms.start;
            slot.count = count;
            slot.head_bits = known.heads.bits;
            slot.heads_len = known.heads.len;
            slot.first = known.first;
            self.tokens.pop();
        }
        if run.len() > SHORT_KEY_MAX {
            slot.key.1 = self.long_keys.len() as u64;
            self.long_keys.extend(run.as_bytes());
        }
        if let Some(target) = self.slots.get_mut(target) {
            self.used += usize::from(target.len == 0);
            *target = slot;
        }
        slot.found()
    }

    /// A stretch too long to remember. Its tokens are copied, so that words of unspaced scripts are learnt once.
    #[cold]
    fn learn_long(
        &mut self,
        run: &str,
        reading: &Reading,
        key: ReadingKey,
        vocabulary: &Vocabulary,
    ) -> Slice {
        if key.is_compound() {
            return Slice::default();
        }
        let mut ranges = Vec::new();
        words::split_run(run, |range| ranges.push(range));
        let mut found = Vec::with_capacity(ranges.len());
        for range in ranges {
            let word = run.get(range.clone()).unwrap_or_default();
            // A single word beyond all bounds is garbage (data in a text): it has no atoms.
            let known = match word.len() <= RUN_BYTES_MAX {
                true => self.word(word, reading, key, vocabulary),
                false => Known::default(),
            };
            found.push(Token {
                start: range.start as u32,
                end: range.end as u32,
                known,
            });
        }
        let start = self.tokens.len() as u32;
        let len = found.len() as u32;
        self.tokens.extend(found);
        Slice { start, len }
    }

    /// One word by itself, through the memo.
    fn word(
        &mut self,
        word: &str,
        reading: &Reading,
        key: ReadingKey,
        vocabulary: &Vocabulary,
    ) -> Known {
        let sought = Memo::seek(word, 0, word.len(), key);
        match self.lookup(word, &sought, reading, key, vocabulary) {
            Found::Single(known) => known,
            Found::Tokens(tokens) => match tokens.of(&self.tokens) {
                [token] => token.known,
                // Divided differently out of its context: ask directly.
                _ => self.understand(word, reading, vocabulary),
            },
            Found::Unknown => Known::default(),
        }
    }

    fn understand(&mut self, word: &str, reading: &Reading, vocabulary: &Vocabulary) -> Known {
        vocabulary.meaning(word, reading, &mut self.meaning);
        let Meaning {
            atoms,
            heads,
            first,
        } = &self.meaning;
        let start = self.atoms.len() as u32;
        self.atoms.extend(atoms);
        let heads_start = self.atoms.len() as u32;
        let beginnings = heads.iter().take(HEADS_MAX);
        self.atoms
            .extend(beginnings.map(|head| Atom::from(head.number())));
        Known {
            atoms: Slice {
                start,
                len: atoms.len() as u32,
            },
            heads: Heads {
                bits: heads.iter().fold(0, |bits, head| bits | head.bit()),
                start: heads_start,
                len: heads.len().min(HEADS_MAX) as u8,
            },
            first: *first,
        }
    }

    fn add_words(&mut self, run: &str, reading: &Reading, vocabulary: &Vocabulary) -> Slice {
        let mut ranges = Vec::new();
        words::split_run(run, |range| ranges.push(range));
        let start = self.tokens.len() as u32;
        let len = ranges.len() as u32;
        for range in ranges {
            let known = self.understand(
                run.get(range.clone()).unwrap_or_default(),
                reading,
                vocabulary,
            );
            self.tokens.push(Token {
                start: range.start as u32,
                end: range.end as u32,
                known,
            });
        }
        Slice { start, len }
    }

    fn add_compound(&mut self, joined: &str, reading: &Reading, vocabulary: &Vocabulary) -> Slice {
        let (first, second) = joined.split_once('\0').unwrap_or((joined, ""));
        vocabulary.compound(first, second, reading, &mut self.meaning.atoms);
        let atoms = Slice {
            start: self.atoms.len() as u32,
            len: self.meaning.atoms.len() as u32,
        };
        self.atoms.extend(&self.meaning.atoms);
        let start = self.tokens.len() as u32;
        self.tokens.push(Token {
            start: 0,
            end: joined.len() as u32,
            known: Known {
                atoms,
                ..Known::default()
            },
        });
        Slice { start, len: 1 }
    }
}
