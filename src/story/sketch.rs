//! MinHash: how much of their wording two texts share, from a few numbers each.

use xxhash_rust::xxh3::xxh3_64;

/// Words side by side that are compared as one.
const SHINGLE_WORDS: usize = 3;
const MINIMA: usize = 32;
/// Minima that one key is made of: texts that share half their shingles share a key of eight nine times in ten.
const ROWS: usize = 2;
const BANDS: usize = 8;

/// The minima of a text's shingles under 32 hash functions; nothing for a text of fewer than three words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sketch(Vec<u32>);

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
        Sketch(minima)
    }

    /// The share of shingles that two texts have in common, as estimated; 0 where one has no sketch.
    pub fn likeness(&self, other: &Sketch) -> f32 {
        if self.0.is_empty() || self.0.len() != other.0.len() {
            return 0.0;
        }
        let equal = self.0.iter().zip(&other.0).filter(|(a, b)| a == b).count();
        equal as f32 / self.0.len() as f32
    }

    /// What texts with a like sketch are found by.
    pub fn keys(&self) -> impl Iterator<Item = u64> {
        self.0
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
        self.0
            .iter()
            .flat_map(|minimum| minimum.to_le_bytes())
            .collect()
    }

    pub fn from_bytes(bytes: &[u8]) -> Sketch {
        let minima = bytes.as_chunks::<4>().0.iter();
        Sketch(minima.map(|bytes| u32::from_le_bytes(*bytes)).collect())
    }
}

/// The finish of splitmix64.
fn mixed(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    hash ^ (hash >> 31)
}
