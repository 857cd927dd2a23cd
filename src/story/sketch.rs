//! MinHash: how much of their wording two texts share, from a few numbers each.

use xxhash_rust::xxh3::xxh3_64;

/// Words side by side that are compared as one.
const SHINGLE_WORDS: usize = 3;
const MINIMA: usize = 32;
/// Minima that one key is made of: texts that share half their shingles share a key of eight nine times in ten.
const ROWS: usize = 2;
const BANDS: usize = 4;

/// The minima of a text's shingles under 32 hash functions; nothing for a text of fewer than three words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sketch {
    minima: Vec<u32>,
    /// How many shingles the text has; 0 where that was not kept.
    shingles: u32,
}

impl Sketch {
    /// Of words in their order.
    pub fn of(words: &[u64]) -> Sketch {
        if words.len() < SHINGLE_WORDS {
            return Sketch::default();
        }
        let mut minima = vec![u32::MAX; MINIMA];
        for shingle in words.windows(SHINGLE_WORDS) {
            let hash = shingle
                .iter()
                .fold(0_u64, |hash, word| mixed(hash.rotate_left(23) ^ *word));
            for (function, minimum) in (0_u64..).zip(&mut minima) {
                // The upper half of a product with an odd number: one cheap function of a family.
                let number = hash
                    .wrapping_add(function)
                    .wrapping_mul(0x9E37_79B9_7F4A_7C15 ^ (function << 33 | function << 1));
                *minimum = (*minimum).min((mixed(number) >> 32) as u32);
            }
        }
        Sketch {
            minima,
            shingles: u32::try_from(words.len() + 1 - SHINGLE_WORDS).unwrap_or(u32::MAX),
        }
    }

    /// The share of shingles that two texts have in common, as estimated; 0 where one has no sketch.
    pub fn likeness(&self, other: &Sketch) -> f32 {
        if self.minima.is_empty() || self.minima.len() != other.minima.len() {
            return 0.0;
        }
        let pairs = self.minima.iter().zip(&other.minima);
        pairs.filter(|(a, b)| a == b).count() as f32 / self.minima.len() as f32
    }

    /// The share of its shingles that the shorter of two texts has in common with the other: all, where it is the other cut short.
    pub fn overlap(&self, other: &Sketch) -> f32 {
        let likeness = self.likeness(other);
        let least = self.shingles.min(other.shingles);
        if least == 0 {
            return likeness;
        }
        let shared = likeness / (1.0 + likeness) * (self.shingles + other.shingles) as f32;
        (shared / least as f32).min(1.0)
    }

    /// What texts with a like sketch are found by.
    pub fn keys(&self) -> impl Iterator<Item = u64> {
        self.minima
            .chunks_exact(ROWS)
            .take(BANDS)
            .enumerate()
            .map(|(band, rows)| {
                let mut bytes = vec![band as u8];
                bytes.extend(rows.iter().flat_map(|row| row.to_le_bytes()));
                xxh3_64(&bytes)
            })
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        self.minima
            .iter()
            .chain((!self.minima.is_empty()).then_some(&self.shingles))
            .flat_map(|number| number.to_le_bytes())
            .collect()
    }

    pub fn from_bytes(bytes: &[u8]) -> Sketch {
        let numbers = bytes.as_chunks::<4>().0.iter();
        let mut minima: Vec<u32> = numbers.map(|bytes| u32::from_le_bytes(*bytes)).collect();
        let shingles = minima.get(MINIMA).copied().unwrap_or(0);
        minima.truncate(MINIMA);
        Sketch { minima, shingles }
    }
}

/// The finish of splitmix64.
fn mixed(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    hash ^ (hash >> 31)
}
