//! How much a word tells: the rarer it was among recent matched texts and in the news at large, the more.

use std::{collections::HashMap, sync::LazyLock};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::{
    rule::common_words,
    text::{language::Lang, stem},
};

/// Words are counted over so many days, today included.
pub const WINDOW_DAYS: i64 = 4;
/// The news at large counts like so many texts, so that the first hundred items of a store are judged soberly.
const TEXTS_AT_LARGE: f32 = 1000.0;
/// The share of texts with a word that is in no table of common words.
const SHARE_RARE: f32 = 0.0007;
/// A word that more texts have says nothing, however the last days went: nobody counts it.
pub(super) const SHARE_SAYING: f32 = 0.22;
/// Words of a usual title and lead: a word's share of words times this is about its share of texts.
const WORDS_OF_A_TEXT: f32 = 35.0;

/// A word as it is kept with a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weighed {
    /// A hash of language and stem.
    pub word: u64,
    /// The logarithm of how many texts there are to each that has the word.
    pub rarity: f32,
    /// Rarity, more for a name and less outside the title.
    pub weight: f32,
    pub is_in_title: bool,
    /// A name in the title, or a word there that is in no table: what tells this event from its like.
    pub is_distinctive: bool,
    pub is_name: bool,
    /// Of a script without capitals, where names look like other words.
    pub is_caseless: bool,
}

const BYTES: usize = 17;

impl Weighed {
    pub fn to_bytes(words: &[Weighed]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(words.len() * BYTES);
        for word in words {
            bytes.extend(word.word.to_le_bytes());
            bytes.extend(word.rarity.to_le_bytes());
            bytes.extend(word.weight.to_le_bytes());
            let flags = [
                word.is_distinctive,
                word.is_name,
                word.is_in_title,
                word.is_caseless,
            ];
            bytes.push(
                flags
                    .into_iter()
                    .rev()
                    .fold(0, |byte, flag| byte << 1 | u8::from(flag)),
            );
        }
        bytes
    }

    pub fn from_bytes(bytes: &[u8]) -> Vec<Weighed> {
        let one = |bytes: &[u8; BYTES]| {
            let (word, rest) = bytes.split_first_chunk::<8>()?;
            let (rarity, rest) = rest.split_first_chunk::<4>()?;
            let (weight, flags) = rest.split_first_chunk::<4>()?;
            let flags = flags.first()?;
            Some(Weighed {
                word: u64::from_le_bytes(*word),
                rarity: f32::from_le_bytes(*rarity),
                weight: f32::from_le_bytes(*weight),
                is_distinctive: flags & 1 != 0,
                is_name: flags & 2 != 0,
                is_in_title: flags & 4 != 0,
                is_caseless: flags & 8 != 0,
            })
        };
        bytes
            .as_chunks::<BYTES>()
            .0
            .iter()
            .filter_map(one)
            .collect()
    }
}

/// A word of a text before it is weighed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Word {
    pub word: u64,
    /// The share of all news texts that have it.
    pub share: f32,
    pub is_in_title: bool,
    pub is_name: bool,
    pub is_distinctive: bool,
    pub is_caseless: bool,
}

/// How rare a word is: `texts_with` of the `texts` of the window have it.
pub fn rarity(share: f32, texts_with: u32, texts: u32) -> f32 {
    let with = TEXTS_AT_LARGE * share + texts_with as f32 + 0.3;
    ((TEXTS_AT_LARGE + texts as f32) / with).ln().max(0.0)
}

/// Names that a stemmer takes for inflections of others: `Hamas` is not several of the city of Hama.
const NO_INFLECTIONS: &[&str] = &["hamas"];

/// One spelling for all inflections of a word, in a language.
pub fn stem_of(lang: Lang, word: &str) -> String {
    let whole = stem::folded_word(lang, word);
    if NO_INFLECTIONS.contains(&whole.as_str()) {
        return whole;
    }
    let mut shortest: Option<String> = None;
    stem::text_forms(lang, word, &mut |form| {
        let is_shorter = |known: &String| (form.len(), form) < (known.len(), known.as_str());
        if !form.is_empty() && shortest.as_ref().is_none_or(is_shorter) {
            shortest = Some(form.to_owned());
        }
    });
    shortest.unwrap_or_default()
}

/// The same stem in two languages is two words.
pub fn hash_of(lang: Lang, stem: &str) -> u64 {
    xxh3_64_with_seed(stem.as_bytes(), 0x776F_7264 + lang as u64)
}

/// The share of texts that have a word, and whether a table of common words has it.
pub fn share_of(lang: Lang, stem: &str, hash: u64) -> (f32, bool) {
    if let Some(share) = SHARES.known.get(&hash) {
        return (*share, true);
    }
    // In a language without a table the short words are the common ones, more or less.
    let share = match (SHARES.langs.contains(&lang), stem.chars().count()) {
        (_, 0..=1) => 0.6,
        (true, _) => SHARE_RARE,
        (false, 2..=3) => 0.3,
        (false, 4) => 0.04,
        (false, 5) => 0.01,
        (false, _) => SHARE_RARE,
    };
    (share, false)
}

struct Shares {
    known: HashMap<u64, f32>,
    langs: Vec<Lang>,
}

static SHARES: LazyLock<Shares> = LazyLock::new(|| {
    let mut shares = Shares {
        known: HashMap::new(),
        langs: Vec::new(),
    };
    for (tag, word, per_million) in common_words() {
        let lang = Lang::from_tag(tag);
        if !shares.langs.contains(&lang) {
            shares.langs.push(lang);
        }
        let share = shares
            .known
            .entry(hash_of(lang, &stem_of(lang, word)))
            .or_insert(0.0);
        *share = (*share + per_million as f32 * WORDS_OF_A_TEXT / 1e6).min(0.6);
    }
    shares
});
