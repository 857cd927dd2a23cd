//! News agencies as bylines name them: `LONDON (Reuters) -`, `AFP –`, `/ТАСС/`. What an agency wrote is one origin in every paper.

use crate::model::Item;

use super::publisher::family;

/// How a byline may call an agency, in lower case, and the agency.
const AGENCIES: &[(&str, &str)] = &[
    ("reuters", "reuters"),
    ("رويترز", "reuters"),
    ("рейтер", "reuters"),
    ("ap", "ap"),
    ("associated press", "ap"),
    ("the associated press", "ap"),
    ("أسوشيتد برس", "ap"),
    ("afp", "afp"),
    ("agence france-presse", "afp"),
    ("agence france presse", "afp"),
    ("أ ف ب", "afp"),
    ("ا ف ب", "afp"),
    ("أ.ف.ب", "afp"),
    ("فرانس برس", "afp"),
    ("dpa", "dpa"),
    ("efe", "efe"),
    ("europa press", "europa press"),
    ("ansa", "ansa"),
    ("upi", "upi"),
    ("bloomberg", "bloomberg"),
    ("xinhua", "xinhua"),
    ("kyodo", "kyodo"),
    ("kyodo news", "kyodo"),
    ("yonhap", "yonhap"),
    ("pti", "pti"),
    ("ani", "ani"),
    ("ians", "ians"),
    ("tass", "tass"),
    ("тасс", "tass"),
    ("интерфакс", "interfax"),
    ("interfax", "interfax"),
    ("риа новости", "ria"),
    ("ria novosti", "ria"),
    ("укринформ", "ukrinform"),
    ("укрінформ", "ukrinform"),
    ("ukrinform", "ukrinform"),
    ("уніан", "unian"),
    ("унian", "unian"),
    ("anadolu", "anadolu"),
    ("anadolu agency", "anadolu"),
    ("aa", "anadolu"),
    ("الأناضول", "anadolu"),
    ("iha", "iha"),
    ("dha", "dha"),
    ("sana", "sana"),
    ("سانا", "sana"),
    ("wam", "wam"),
    ("وام", "wam"),
    ("irna", "irna"),
    ("ایرنا", "irna"),
    ("isna", "isna"),
    ("ایسنا", "isna"),
    ("fars", "fars"),
    ("فارس", "fars"),
    ("tasnim", "tasnim"),
    ("تسنیم", "tasnim"),
    ("apa", "apa"),
    ("ats", "ats"),
    ("pap", "pap"),
    ("ctk", "ctk"),
    ("lusa", "lusa"),
    ("belga", "belga"),
];

/// A byline stands in the first so many characters of a text, or in the last few.
const HEAD_CHARS: usize = 90;
const TAIL_CHARS: usize = 40;

/// The agency that wrote an item, as its byline, its author, its source or its publisher says.
pub fn wire(item: &Item, publisher: &str) -> Option<&'static str> {
    let texts = [&item.summary, &item.content];
    let by_text = texts.into_iter().find_map(|text| in_text(text));
    by_text
        .or_else(|| item.author.split([',', '/', ';', '|']).find_map(in_name))
        .or_else(|| in_name(&item.source))
        .or_else(|| agency(&family(publisher)))
}

fn agency(name: &str) -> Option<&'static str> {
    let name = name.trim().to_lowercase();
    let known = AGENCIES.iter().find(|(alias, _)| *alias == name);
    known.map(|(_, agency)| *agency)
}

/// `Reuters`, `By Reuters`, `Reuters staff`.
fn in_name(name: &str) -> Option<&'static str> {
    let name = name.trim().to_lowercase();
    let name = name.strip_prefix("by ").unwrap_or(&name);
    agency(name).or_else(|| agency(name.strip_suffix(" staff").unwrap_or(name)))
}

fn in_text(text: &str) -> Option<&'static str> {
    let head_end = text
        .char_indices()
        .nth(HEAD_CHARS)
        .map_or(text.len(), |(at, _)| at);
    let head = text.get(..head_end).unwrap_or(text);
    let tail_start = text
        .char_indices()
        .rev()
        .nth(TAIL_CHARS - 1)
        .map_or(0, |(at, _)| at);
    let tail = text.get(tail_start..).unwrap_or("");
    in_brackets(head)
        .or_else(|| before_a_dash(head))
        .or_else(|| in_brackets(tail))
}

/// `(Reuters)`, `/TASS/`, `[AFP]`, and with more inside: `(Reuters/Ali Hashisho)` is a photographer, no byline.
fn in_brackets(text: &str) -> Option<&'static str> {
    [('(', ')'), ('[', ']'), ('/', '/')]
        .iter()
        .find_map(|(open, close)| {
            let mut rest = text;
            while let Some((_, after)) = rest.split_once(*open) {
                let Some((inside, _)) = after.split_once(*close) else {
                    break;
                };
                if let Some(found) = agency(inside) {
                    return Some(found);
                }
                rest = after;
            }
            None
        })
}

/// `AFP - …`, `KYIV, Dec 6, AP — …`, `رويترز: …`.
fn before_a_dash(head: &str) -> Option<&'static str> {
    let end = [" - ", " – ", " — ", "— ", ": ", ". - ", ".- "]
        .iter()
        .filter_map(|mark| head.find(mark))
        .min()?;
    let dateline = head.get(..end)?.trim().trim_end_matches('.');
    let last = dateline
        .rsplit([',', '،', '.', ';'])
        .next()
        .unwrap_or(dateline);
    agency(dateline).or_else(|| agency(last))
}
