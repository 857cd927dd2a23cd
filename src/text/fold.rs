//! Differences of writing that do not matter: compatibility forms, case, diacritics, marks nobody sees.
//!
//! Two depths. [`lower`] is what a stemmer is given: NFKC, lower case, unseen marks gone, accents kept. [`fold`] goes on to
//! letters alone: what `Saná`, `SANA` and `sana` share.

use std::iter;

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

use super::{language::Lang, words::is_apostrophe};

const NFKC: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfkc();
const NFC: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfc();
const NFD: DecomposingNormalizerBorrowed<'static> = DecomposingNormalizerBorrowed::new_nfd();

/// Appends the word in lower case after NFKC, without marks that readers do not write reliably: harakat, niqqud, tatweel,
/// stress accents on Cyrillic, zero-width characters, apostrophes. An English possessive goes, and whatever Turkish hangs
/// on a name with an apostrophe (`Suriye'de`).
pub fn lower(word: &str, lang: Lang, out: &mut String) {
    let word = before_suffix(word, lang);
    if word.is_ascii() {
        let kept = word
            .bytes()
            .filter(|byte| !matches!(byte, b'\'' | b'.' | b',' | b'"'));
        if lang == Lang::Turkish {
            kept.for_each(|byte| lower_char(char::from(byte), lang, out));
        } else {
            out.extend(kept.map(|byte| char::from(byte.to_ascii_lowercase())));
        }
        return;
    }
    for letter in NFKC.normalize_iter(word.chars()) {
        // NFKC keeps what has no composed form: a capital İ lowered elsewhere leaves a dot behind.
        if !is_unseen(letter) {
            lower_char(letter, lang, out);
        }
    }
}

fn lower_char(letter: char, lang: Lang, out: &mut String) {
    match letter {
        'I' if lang == Lang::Turkish => out.push('ı'),
        'İ' => out.push('i'),
        'ς' => out.push('σ'),
        'ё' | 'Ё' => out.push('е'),
        '٠'..='٩' => out.extend(char::from_digit(letter as u32 - '٠' as u32, 10)),
        '۰'..='۹' => out.extend(char::from_digit(letter as u32 - '۰' as u32, 10)),
        _ if letter.is_lowercase() => out.push(letter),
        _ => out.extend(letter.to_lowercase()),
    }
}

/// The word without an English possessive, or without the ending after a Turkish apostrophe.
fn before_suffix(word: &str, lang: Lang) -> &str {
    let Some((before, after)) = word.rsplit_once(is_apostrophe) else {
        return word;
    };
    let is_possessive = after.is_empty() || after.eq_ignore_ascii_case("s");
    let is_turkish = lang == Lang::Turkish && !before.is_empty();
    if is_possessive || is_turkish {
        before
    } else {
        word
    }
}

/// Marks and punctuation inside a word that do not distinguish it.
fn is_unseen(letter: char) -> bool {
    match letter as u32 {
        // Harakat and Koranic signs, superscript alef, tatweel.
        0x0610..=0x061A | 0x064B..=0x065F | 0x0670 | 0x06D6..=0x06ED | 0x0640 => true,
        // Niqqud and cantillation; geresh and gershayim.
        0x0591..=0x05C7 | 0x05F3 | 0x05F4 => true,
        // Soft hyphen, zero-width characters, direction marks, variation selectors, byte order mark.
        0x00AD | 0x034F | 0x061C | 0x180E | 0x200B..=0x200F | 0x202A..=0x202E => true,
        0x2060..=0x2069 | 0xFE00..=0xFE0F | 0xFEFF => true,
        // What NFKC could not compose: combining accents of Latin, Greek and Cyrillic.
        0x0300..=0x036F => true,
        _ => is_apostrophe(letter) || matches!(letter, '.' | ',' | '"'),
    }
}

/// Appends the letters under the accents of an already lowered word.
pub fn fold(lowered: &str, out: &mut String) {
    if lowered.is_ascii() {
        out.push_str(lowered);
        return;
    }
    for letter in lowered.chars() {
        match letter {
            '\0'..='\x7f' => out.push(letter),
            'ı' => out.push('i'),
            'ł' => out.push('l'),
            'ø' => out.push('o'),
            'đ' | 'ð' => out.push('d'),
            'ħ' => out.push('h'),
            'ß' => out.push_str("ss"),
            'æ' => out.push_str("ae"),
            'œ' => out.push_str("oe"),
            'þ' => out.push_str("th"),
            'ґ' => out.push('г'),
            'أ' | 'إ' | 'آ' | 'ٱ' => out.push('ا'),
            'ى' | 'ی' | 'ے' => out.push('ي'),
            'ة' | 'ۀ' | 'ھ' | 'ہ' | 'ە' => out.push('ه'),
            'ک' => out.push('ك'),
            'ך' => out.push('כ'),
            'ם' => out.push('מ'),
            'ן' => out.push('נ'),
            'ף' => out.push('פ'),
            'ץ' => out.push('צ'),
            '\u{C0}'..='\u{24F}' | '\u{370}'..='\u{3FF}' | '\u{1E00}'..='\u{1FFF}' => out.extend(
                NFD.normalize_iter(iter::once(letter))
                    .filter(|part| !matches!(*part as u32, 0x0300..=0x036F)),
            ),
            _ => out.push(letter),
        }
    }
}

/// Appends the word as `=exact` compares it: case and accents kept, only composed (NFC), apostrophes straight, unseen characters gone.
pub fn exact(word: &str, out: &mut String) {
    if word.is_ascii() {
        out.push_str(word);
        return;
    }
    for letter in NFC.normalize_iter(word.chars()) {
        match letter as u32 {
            0x00AD | 0x200B | 0x200E | 0x200F | 0x2060 | 0xFE00..=0xFE0F | 0xFEFF => {}
            _ if is_apostrophe(letter) => out.push('\''),
            _ => out.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(word: &str, lang: Lang, wanted: &str) {
        let (mut lowered, mut folded) = (String::new(), String::new());
        lower(word, lang, &mut lowered);
        fold(&lowered, &mut folded);
        assert_eq!(folded, wanted, "folding {word:?} in {lang:?}");
    }

    #[test]
    fn writing_differences_vanish() {
        check("Sana'a", Lang::English, "sanaa");
        check("Syria’s", Lang::English, "syria");
        check("ＡＬＥＰＰＯ", Lang::English, "aleppo");
        check("ﬁre", Lang::English, "fire");
        check("IRAK", Lang::Turkish, "irak");
        check("İstanbul", Lang::Turkish, "istanbul");
        check("I\u{307}stanbul", Lang::English, "istanbul");
        check("Suriye'de", Lang::Turkish, "suriye");
        check("Straße", Lang::German, "strasse");
        check("Łódź", Lang::Polish, "lodz");
        check("самолёт", Lang::Russian, "самолет");
        check("йод", Lang::Russian, "йод");
        check("перемир’я", Lang::Ukrainian, "перемиря");
        check("ـالهُجُومـ", Lang::Arabic, "الهجوم");
        check("إدلب", Lang::Arabic, "ادلب");
        check("می‌شود", Lang::Persian, "ميشود");
        check("שָׁלוֹם", Lang::Hebrew, "שלומ");
        check("צה\"ל", Lang::Hebrew, "צהל");
        check("٢٠٢٤", Lang::Arabic, "2024");
        check("Αθήνα", Lang::Greek, "αθηνα");
        check("1,000", Lang::English, "1000");
    }
}
