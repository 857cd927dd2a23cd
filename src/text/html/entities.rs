//! Character references, as browsers read them: all of HTML's names, legacy names without a semicolon, numbers with
//! the Windows-1252 repair. A bare `&` is a bare `&`.

use std::{collections::HashMap, sync::LazyLock};

/// Every name of the HTML standard with its code points in hexadecimal.
static NAMES: LazyLock<HashMap<&'static str, String>> = LazyLock::new(|| {
    let row = |line: &'static str| {
        let (name, points) = line.split_once(' ')?;
        let text = points
            .split(' ')
            .map(|point| u32::from_str_radix(point, 16).ok().and_then(char::from_u32));
        Some((name, text.collect::<Option<String>>()?))
    };
    include_str!("entities.txt")
        .lines()
        .filter_map(row)
        .collect()
});

/// Longer than any name of the standard.
const NAME_BYTES_MAX: usize = 32;
const NUMBER_BYTES_MAX: usize = 10;

/// What a reference stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    Letter(char),
    Text(&'static str),
}

/// Reads the reference that `text`, beginning with `&`, begins with: what it means and how many bytes it takes.
pub fn reference(text: &str) -> Option<(Meaning, usize)> {
    let bytes = text.as_bytes();
    match bytes.get(1)? {
        b'#' => number(bytes),
        b'a'..=b'z' | b'A'..=b'Z' => name(text),
        _ => None,
    }
}

fn name(text: &str) -> Option<(Meaning, usize)> {
    let bytes = text.as_bytes();
    let length = bytes[1..]
        .iter()
        .take(NAME_BYTES_MAX + 1)
        .take_while(|byte| byte.is_ascii_alphanumeric())
        .count();
    let end = 1 + length;
    let name = text.get(1..end)?;
    let quick = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{A0}',
        _ => '\0',
    };
    let has_semicolon = bytes.get(end) == Some(&b';');
    if quick != '\0' && has_semicolon {
        return Some((Meaning::Letter(quick), end + 1));
    }
    if length > NAME_BYTES_MAX {
        return None;
    }
    let meaning = NAMES.get(name)?;
    if has_semicolon {
        return Some((Meaning::Text(meaning), end + 1));
    }
    // HTML's older names work without the semicolon: those of Latin-1 and of markup itself.
    let is_older = matches!(name, "amp" | "lt" | "gt" | "quot")
        || meaning
            .chars()
            .all(|letter| ('\u{A0}'..='\u{FF}').contains(&letter));
    (is_older && bytes.get(end) != Some(&b'=')).then_some((Meaning::Text(meaning), end))
}

fn number(bytes: &[u8]) -> Option<(Meaning, usize)> {
    let (radix, from) = match bytes.get(2)? {
        b'x' | b'X' => (16, 3),
        _ => (10, 2),
    };
    let mut value: u32 = 0;
    let mut end = from;
    while let Some(digit) = bytes
        .get(end)
        .and_then(|&byte| (byte as char).to_digit(radix))
    {
        value = value.saturating_mul(radix).saturating_add(digit);
        end += 1;
        if end - from > NUMBER_BYTES_MAX {
            value = u32::MAX;
        }
    }
    if end == from {
        return None;
    }
    if bytes.get(end) == Some(&b';') {
        end += 1;
    }
    Some((Meaning::Letter(numbered(value)), end))
}

/// The character of a number; U+FFFD for numbers that are none.
fn numbered(value: u32) -> char {
    const WINDOWS_1252: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž',
        '\u{8f}', '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}',
        'ž', 'Ÿ',
    ];
    match value {
        0 => '\u{FFFD}',
        0x80..=0x9F => WINDOWS_1252[value as usize - 0x80],
        _ => char::from_u32(value).unwrap_or('\u{FFFD}'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want: &str, length: usize) {
        let (meaning, taken) = reference(text).unwrap_or_else(|| panic!("{text} is a reference"));
        let meaning = match meaning {
            Meaning::Letter(letter) => letter.to_string(),
            Meaning::Text(text) => text.to_owned(),
        };
        assert_eq!((meaning.as_str(), taken), (want, length), "{text}");
    }

    #[test]
    fn references_read_as_in_browsers() {
        check("&amp;x", "&", 5);
        check("&rsquo;", "’", 7);
        check("&NotEqualTilde;", "≂̸", 15);
        check("&eacute caf", "é", 7);
        check("&lt b", "<", 3);
        check("&#8217;", "’", 7);
        check("&#x2019;", "’", 8);
        check("&#X2d;", "-", 6);
        check("&#39 x", "'", 4);
        check("&#146;", "’", 6);
        check("&#0;", "\u{FFFD}", 4);
        check("&#xD800;", "\u{FFFD}", 8);
        check("&#x110000;", "\u{FFFD}", 10);
        check("&#99999999999999999999;", "\u{FFFD}", 23);
    }

    #[test]
    fn what_is_no_reference_stays() {
        for text in [
            "&",
            "&&",
            "& b",
            "&T",
            "&rebels;",
            "&#;",
            "&#x;",
            "&#xg",
            "&copy=1",
            "&hellip b",
            "&日;",
        ] {
            assert_eq!(reference(text), None, "{text}");
        }
        assert_eq!(NAMES.len(), include_str!("entities.txt").lines().count());
    }
}
