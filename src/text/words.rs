//! Where words begin and end: Unicode word boundaries (UAX #29), dictionaries for scripts written without spaces.
//!
//! Two steps, so that most text never meets the slow one: [`Runs`] cuts at bytes that always separate words, and
//! [`split_run`] divides what is left. Tailored where feeds need it (UAX #29 section 4 invites that): a hyphen, a colon,
//! an underscore (`#Syria_war`) and a full stop between longer words (`in Homs.The army`) separate; `U.S.` and `3.5` hold
//! together; an elided article (`l'armée`) is a word of its own.

use std::{ops::Range, sync::LazyLock};

use icu_segmenter::{WordSegmenter, WordSegmenterBorrowed};

use super::language::{Script, script_of};

const BREAK: u8 = 0;
const WORD: u8 = 1;
/// Holds two word bytes together.
const MID: u8 = 2;
/// Holds two digits together.
const COMMA: u8 = 3;

const CLASS: [u8; 256] = {
    let mut class = [BREAK; 256];
    let mut byte = 0;
    while byte < 256 {
        if byte >= 0x80 || (byte as u8).is_ascii_alphanumeric() {
            class[byte] = WORD;
        }
        byte += 1;
    }
    class[b'\'' as usize] = MID;
    class[b'.' as usize] = MID;
    class[b'"' as usize] = MID;
    class[b',' as usize] = COMMA;
    class
};

/// The stretches of a text that hold words: byte ranges, in order. No word reaches over their ends.
pub struct Runs<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the present block begins, and a bit for each of its bytes: whether it is of class `WORD`, and whether it may
    /// begin a separator of several bytes.
    block: usize,
    word_bits: u64,
    odd_bits: u64,
}

/// Bytes classified together.
const BLOCK: usize = 64;

impl<'a> Runs<'a> {
    pub fn new(text: &'a str) -> Runs<'a> {
        let mut runs = Runs {
            bytes: text.as_bytes(),
            at: 0,
            block: 0,
            word_bits: 0,
            odd_bits: 0,
        };
        runs.load(0);
        runs
    }

    fn load(&mut self, block: usize) {
        self.at = block;
        self.block = block;
        let rest = self.bytes.get(block..).unwrap_or_default();
        let mut padded = [b' '; BLOCK];
        let bytes = rest.first_chunk::<BLOCK>().unwrap_or_else(|| {
            for (target, byte) in padded.iter_mut().zip(rest) {
                *target = *byte;
            }
            &padded
        });
        self.word_bits = bits(bytes, |byte| {
            let is_letter = (byte | 0x20).wrapping_sub(b'a') < 26;
            is_letter | (byte.wrapping_sub(b'0') < 10) | (byte >= 0x80)
        });
        self.odd_bits = bits(bytes, |byte| (byte == 0xE2) | (byte == 0xC2));
    }

    fn class(&self, at: usize) -> u8 {
        self.bytes
            .get(at)
            .map_or(BREAK, |byte| CLASS[usize::from(*byte)])
    }

    /// Whether the multi-byte character at `at` separates words, and its length: the punctuation that feeds are full of.
    fn separator(&self, at: usize) -> Option<usize> {
        match self.bytes.get(at..)? {
            // U+2000..=U+203F, but not the joiners, the direction marks and the apostrophe.
            [0xE2, 0x80, last, ..] => {
                (!matches!(last, 0x8C..=0x8F | 0x99 | 0xAA..=0xAE | 0xBF)).then_some(3)
            }
            // No-break space, guillemets.
            [0xC2, 0xA0 | 0xAB | 0xBB, ..] => Some(2),
            _ => None,
        }
    }

    /// The next run, byte by byte: where bytes hold words together or several bytes separate them.
    #[inline(never)]
    fn next_slowly(&mut self) -> Option<Range<usize>> {
        let bytes = self.bytes;
        let mut at = self.at;
        loop {
            let byte = *bytes.get(at)?;
            if CLASS[usize::from(byte)] == WORD {
                match if byte >= 0xC2 {
                    self.separator(at)
                } else {
                    None
                } {
                    Some(length) => at += length,
                    None => break,
                }
            } else {
                at += 1;
            }
        }
        let start = at;
        while let Some(byte) = bytes.get(at) {
            match CLASS[usize::from(*byte)] {
                WORD if *byte >= 0xC2 && self.separator(at).is_some() => break,
                WORD => at += 1,
                MID if self.class(at + 1) == WORD && self.separator(at + 1).is_none() => at += 2,
                COMMA
                    if bytes.get(at - 1).is_some_and(u8::is_ascii_digit)
                        && bytes.get(at + 1).is_some_and(u8::is_ascii_digit) =>
                {
                    at += 2;
                }
                _ => break,
            }
        }
        self.at = at;
        Some(start..at)
    }
}

/// A bit for each byte that is so. Written for the compiler: flags side by side, then eight of them gathered by one product.
#[inline]
fn bits(bytes: &[u8; BLOCK], is_so: impl Fn(u8) -> bool) -> u64 {
    let flags = bytes.map(|byte| u8::from(is_so(byte)));
    let (eights, _) = flags.as_chunks::<8>();
    (0..)
        .step_by(8)
        .zip(eights)
        .fold(0, |bits, (shift, eight)| {
            let gathered = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
            bits | gathered << shift
        })
}

impl Iterator for Runs<'_> {
    type Item = Range<usize>;

    #[inline]
    fn next(&mut self) -> Option<Range<usize>> {
        loop {
            let past = self.at - self.block;
            let ahead = match past < BLOCK {
                true => self.word_bits >> past,
                false => 0,
            };
            if ahead == 0 {
                let next = self.at.max(self.block + BLOCK);
                if next >= self.bytes.len() {
                    self.at = next;
                    return None;
                }
                self.load(next);
                continue;
            }
            let skipped = ahead.trailing_zeros();
            let length = (ahead >> skipped).trailing_ones() as usize;
            let first = past + skipped as usize;
            let last = first + length;
            self.at = self.block + first;
            if last + 1 >= BLOCK {
                // What follows is in another block.
                match first {
                    0 => return self.next_slowly(),
                    _ => self.load(self.at),
                }
                continue;
            }
            let is_odd = self.odd_bits >> first & ((1 << length) - 1) != 0;
            let is_joined =
                self.word_bits >> (last + 1) & 1 == 1 && self.class(self.block + last) != BREAK;
            if is_odd || is_joined {
                return self.next_slowly();
            }
            let start = self.at;
            self.at = self.block + last;
            return Some(start..self.at);
        }
    }
}

static SEGMENTER: LazyLock<WordSegmenterBorrowed<'static>> =
    LazyLock::new(|| WordSegmenter::new_dictionary(Default::default()));

/// The words of one run, as byte ranges inside it, in order.
pub fn split_run(run: &str, mut word: impl FnMut(Range<usize>)) {
    if run.is_ascii() {
        let mut start = 0;
        for piece in run.split('"') {
            split_points(piece, start, &mut word);
            start += piece.len() + 1;
        }
        return;
    }
    let mut start = 0;
    for end in SEGMENTER.segment_str(run) {
        let piece = run.get(start..end).unwrap_or_default();
        if piece.chars().any(char::is_alphanumeric) {
            split_points(piece, start, &mut word);
        }
        start = end;
    }
}

/// All words of a text, as byte ranges.
pub fn words(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for run in Runs::new(text) {
        split_run(text.get(run.clone()).unwrap_or_default(), |word| {
            found.push(run.start + word.start..run.start + word.end);
        });
    }
    found
}

/// Divides at full stops, unless they belong to an abbreviation or a number.
fn split_points(piece: &str, offset: usize, word: &mut impl FnMut(Range<usize>)) {
    let is_whole = !piece.contains('.') || is_abbreviation(piece) || is_number(piece);
    if is_whole {
        return split_elision(piece, offset, word);
    }
    let mut start = offset;
    for part in piece.split('.') {
        if !part.is_empty() {
            split_elision(part, start, word);
        }
        start += part.len() + 1;
    }
}

fn is_abbreviation(piece: &str) -> bool {
    piece.split('.').all(|part| part.chars().count() <= 1)
}

fn is_number(piece: &str) -> bool {
    piece
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b',')
}

pub fn is_apostrophe(letter: char) -> bool {
    matches!(letter, '\'' | '’' | 'ʼ' | '‘' | '`' | '´' | '＇')
}

/// Articles and pronouns that French, Italian and Catalan write onto the next word.
const ELIDED: [&str; 22] = [
    "l", "d", "j", "m", "t", "s", "c", "n", "qu", "jusqu", "lorsqu", "puisqu", "quoiqu", "dell",
    "nell", "sull", "all", "dall", "un", "quell", "c", "gl",
];

fn split_elision(piece: &str, offset: usize, word: &mut impl FnMut(Range<usize>)) {
    if let Some((before, after)) = piece.split_once(is_apostrophe) {
        let rest_is_word = after.chars().count() >= 2
            && after.chars().next().and_then(script_of) == Some(Script::Latin);
        if rest_is_word
            && ELIDED
                .iter()
                .any(|elided| elided.eq_ignore_ascii_case(before))
        {
            let rest = offset + piece.len() - after.len();
            word(offset..offset + before.len());
            word(rest..offset + piece.len());
            return;
        }
    }
    word(offset..offset + piece.len());
}

#[cfg(test)]
mod tests {
    use super::words;

    fn check(text: &str, wanted: &[&str]) {
        let found: Vec<&str> = words(text).into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, wanted, "words of {text:?}");
    }

    #[test]
    fn words_end_where_readers_end_them() {
        check(
            "Rebels take Homs, army says.",
            &["Rebels", "take", "Homs", "army", "says"],
        );
        check(
            "air-strike (U.S.) 3.5 1,000",
            &["air", "strike", "U.S", "3.5", "1,000"],
        );
        check("in Homs.The army", &["in", "Homs", "The", "army"]);
        check("#Syria_war: “live”—now", &["Syria", "war", "live", "now"]);
        check(
            "Syria's l'armée L’ONU don't",
            &["Syria's", "l", "armée", "L", "ONU", "don't"],
        );
        check("צה\"ל תקף", &["צה\"ל", "תקף"]);
        check("he said \"no\".", &["he", "said", "no"]);
        check("об'єкти перемир’я", &["об'єкти", "перемир’я"]);
        check("می‌شود", &["می‌شود"]);
        check("叙利亚反对派", &["叙利亚", "反对", "派"]);
        check("", &[]);
        check("…—  ", &[]);
    }
}
