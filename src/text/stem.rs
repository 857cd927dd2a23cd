//! Inflection: a word of a rule and a word of a text match when they share a form.
//!
//! Snowball gives the forms where it knows the language. Light suffix tables stand in for Hebrew and help where a
//! Snowball stemmer tears one word's inflections apart (Arabic, Persian, Ukrainian, Turkish). Latin words
//! are stemmed with and without their accents, so that `aereos` finds `aéreos`. One-letter prefixes of Arabic and
//! Hebrew (and, the, in, to …) come off words of texts only: in a rule such a letter belongs to the word.

use frostem::Stemmer;

use super::{
    fold,
    language::{Lang, Script, script_of_word},
};

/// The forms of a word that stands in a text.
pub fn text_forms(lang: Lang, word: &str, form: &mut dyn FnMut(&str)) {
    let lowered = lowered(lang, word);
    inflections(lang, &lowered, form);
    match lang {
        Lang::Arabic => arabic_bare(&lowered, form),
        Lang::Hebrew => hebrew_bare(&folded(&lowered), form),
        _ => {}
    }
}

/// The forms of a word that stands in a rule.
pub fn rule_forms(lang: Lang, word: &str, form: &mut dyn FnMut(&str)) {
    inflections(lang, &lowered(lang, word), form);
}

/// The words a wildcard's beginning is compared with: the folded word itself, and without its one-letter prefixes.
pub fn wildcard_forms(lang: Lang, word: &str, form: &mut dyn FnMut(&str)) {
    let folded = folded(&lowered(lang, word));
    form(&folded);
    match lang {
        Lang::Arabic => arabic_prefixes(&folded, &mut |bare| form(bare)),
        Lang::Hebrew => hebrew_prefixes(&folded, &mut |bare| form(bare)),
        _ => {}
    }
}

/// The word folded, without inflection taken off.
pub fn folded_word(lang: Lang, word: &str) -> String {
    folded(&lowered(lang, word))
}

fn lowered(lang: Lang, word: &str) -> String {
    let mut lowered = String::with_capacity(word.len() + 4);
    fold::lower(word, lang, &mut lowered);
    lowered
}

fn folded(lowered: &str) -> String {
    let mut folded = String::with_capacity(lowered.len());
    fold::fold(lowered, &mut folded);
    folded
}

fn inflections(lang: Lang, lowered: &str, form: &mut dyn FnMut(&str)) {
    match lang {
        Lang::Other => form(&folded(lowered)),
        Lang::Hebrew => form(hebrew(&folded(lowered))),
        Lang::Arabic => arabic_forms(lowered, form),
        Lang::Persian => {
            let word: String = lowered
                .chars()
                .map(|letter| match letter {
                    'ي' | 'ى' => 'ی',
                    'ك' => 'ک',
                    other => other,
                })
                .collect();
            snowball(lang, &word, form);
            form(persian(&folded(&word)));
        }
        Lang::Ukrainian => {
            snowball(lang, lowered, form);
            form(ukrainian(&folded(lowered)));
        }
        Lang::Turkish => {
            snowball(lang, lowered, form);
            form(turkish(&folded(lowered)));
            snowball_folded(lang, lowered, form);
        }
        _ => {
            snowball(lang, lowered, form);
            snowball_folded(lang, lowered, form);
        }
    }
}

/// The Snowball stem, folded.
fn snowball(lang: Lang, lowered: &str, form: &mut dyn FnMut(&str)) {
    match lang.snowball() {
        Some(algorithm) => form(&folded(&Stemmer::new(algorithm).stem(lowered))),
        None => form(&folded(lowered)),
    }
}

/// The stem of a Latin word written without its accents, where it has some.
fn snowball_folded(lang: Lang, lowered: &str, form: &mut dyn FnMut(&str)) {
    if !lowered.is_ascii() && script_of_word(lowered) == Some(Script::Latin) {
        snowball(lang, &folded(lowered), form);
    }
}

/// The word without the first of these endings that leaves at least `letters_min` letters.
fn without_ending<'a>(word: &'a str, endings: &[&str], letters_min: usize) -> &'a str {
    endings
        .iter()
        .find_map(|ending| {
            word.strip_suffix(ending)
                .filter(|rest| rest.chars().count() >= letters_min)
        })
        .unwrap_or(word)
}

// Case endings of nouns and adjectives and the commonest of verbs, longest first.
const UKRAINIAN_ENDINGS: [&str; 42] = [
    "ювати",
    "увати",
    "ували",
    "ював",
    "ував",
    "ями",
    "ами",
    "ові",
    "еві",
    "єві",
    "ого",
    "ому",
    "ими",
    "іми",
    "ють",
    "уть",
    "ять",
    "ать",
    "али",
    "яли",
    "ала",
    "ав",
    "яв",
    "ив",
    "ів",
    "їв",
    "ий",
    "ій",
    "ою",
    "ею",
    "єю",
    "ом",
    "ем",
    "єм",
    "ах",
    "ях",
    "ам",
    "ям",
    "их",
    "іх",
    "ок",
    "ть",
];
const UKRAINIAN_VOWELS: [&str; 10] = ["а", "я", "у", "ю", "и", "і", "ї", "е", "є", "о"];

fn ukrainian(folded: &str) -> &str {
    let shorter = without_ending(folded, &UKRAINIAN_ENDINGS, 4);
    let shorter = if shorter.len() < folded.len() {
        shorter
    } else {
        without_ending(folded, &UKRAINIAN_VOWELS, 3)
    };
    shorter.trim_end_matches('ь')
}

// Plural, possessive and case endings, as folding leaves their letters.
const TURKISH_ENDINGS: [&str; 60] = [
    "larindan", "lerinden", "larinda", "lerinde", "larinin", "lerinin", "larini", "lerini",
    "larina", "lerine", "lardan", "lerden", "larda", "lerde", "larin", "lerin", "lari", "leri",
    "lara", "lere", "lar", "ler", "sindan", "sinden", "sundan", "sunden", "sinda", "sinde",
    "sunda", "sunde", "sinin", "sunun", "sini", "sunu", "sina", "sine", "suna", "sune", "si", "su",
    "ndan", "nden", "nin", "nun", "nda", "nde", "dan", "den", "tan", "ten", "yi", "yu", "ya", "ye",
    "da", "de", "ta", "te", "in", "un",
];

fn turkish(folded: &str) -> &str {
    let shorter = without_ending(folded, &TURKISH_ENDINGS, 4);
    without_ending(shorter, &["i", "u", "a", "e"], 4)
}

// Plural, ezafe, possessive and indefinite endings; the letters as folding leaves them (Arabic yeh, heh).
const PERSIAN_ENDINGS: [&str; 16] = [
    "هايشان",
    "هايمان",
    "هايش",
    "هايي",
    "هاي",
    "ها",
    "يان",
    "گان",
    "ات",
    "ان",
    "تر",
    "ترين",
    "اي",
    "يي",
    "ي",
    "ه",
];

fn persian(folded: &str) -> &str {
    let shorter = without_ending(folded, &PERSIAN_ENDINGS, 3);
    without_ending(shorter, &["ي", "ه"], 3)
}

// After light10 (Larkey, Ballesteros, Connell 2002), with the dual, the attached pronouns and verbal endings.
const ARABIC_ENDINGS: [&str; 20] = [
    "تهما", "تهم", "تها", "ياه", "يات", "هما", "ها", "هم", "نا", "ات", "ان", "ين", "ون", "يه",
    "ته", "تي", "وا", "ه", "ت", "ي",
];

fn arabic_forms(lowered: &str, form: &mut dyn FnMut(&str)) {
    let folded = folded(lowered);
    let light = arabic(&folded);
    form(light);
    // Snowball also takes a first letter that may be a particle or the word's own (wazir, minister, becomes zir): not here.
    snowball(Lang::Arabic, lowered, &mut |stem| {
        if stem.chars().next() == light.chars().next() {
            form(stem);
        }
    });
}

fn arabic(folded: &str) -> &str {
    let bare = folded
        .strip_prefix("ال")
        .filter(|rest| rest.chars().count() >= 3)
        .unwrap_or(folded);
    without_ending(bare, &ARABIC_ENDINGS, 3)
}

/// Forms of an Arabic word with its leading particles taken off.
fn arabic_bare(lowered: &str, form: &mut dyn FnMut(&str)) {
    arabic_prefixes(lowered, &mut |bare| {
        arabic_forms(bare, form);
    });
}

fn arabic_prefixes(word: &str, bare: &mut dyn FnMut(&str)) {
    let mut offer = |rest: Option<&str>| {
        if let Some(rest) = rest.filter(|rest| rest.chars().count() >= 3) {
            bare(rest);
        }
    };
    // wa-, fa- stand first, then bi-, ka-, li-, sa-, then the article; li + al is written ll.
    for first in ["", "و", "ف"] {
        let Some(word) = word.strip_prefix(first) else {
            continue;
        };
        if !first.is_empty() {
            offer(Some(word));
        }
        for second in ["ال", "بال", "كال", "لل", "ب", "ك", "ل", "س"] {
            offer(word.strip_prefix(second));
        }
    }
}

// The letters as folding leaves them: no final forms.
const HEBREW_ENDINGS: [&str; 16] = [
    "ותיהמ",
    "ותיהנ",
    "יותיו",
    "ותיו",
    "יהמ",
    "יהנ",
    "ינו",
    "יות",
    "יימ",
    "ות",
    "ימ",
    "ית",
    "יה",
    "תו",
    "ה",
    "ת",
];

fn hebrew(folded: &str) -> &str {
    let shorter = without_ending(folded, &HEBREW_ENDINGS, 3);
    without_ending(shorter, &["י"], 3)
}

fn hebrew_bare(folded: &str, form: &mut dyn FnMut(&str)) {
    hebrew_prefixes(folded, &mut |bare| form(hebrew(bare)));
}

fn hebrew_prefixes(word: &str, bare: &mut dyn FnMut(&str)) {
    // ve-, then she- and its company, then be-, ke-, le-, mi-, then the article.
    for first in ["", "ו"] {
        let Some(word) = word.strip_prefix(first) else {
            continue;
        };
        for second in ["", "ש", "כש", "מש", "לכש"] {
            let Some(word) = word.strip_prefix(second) else {
                continue;
            };
            for third in ["", "ב", "כ", "ל", "מ", "ה", "בה", "כה", "לה", "מה"] {
                let taken = first.len() + second.len() + third.len();
                if let Some(rest) = word.strip_prefix(third)
                    && taken > 0
                    && rest.chars().count() >= 2
                {
                    bare(rest);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a rule that says `rule` finds `text`.
    fn check(lang: Lang, rule: &str, texts: &[&str], others: &[&str]) {
        let mut wanted = Vec::new();
        rule_forms(lang, rule, &mut |form| wanted.push(form.to_owned()));
        let meets = |text: &str| {
            let mut found = false;
            text_forms(lang, text, &mut |form| {
                found |= wanted.iter().any(|want| want == form)
            });
            found
        };
        for text in texts {
            assert!(meets(text), "{rule} should find {text} in {lang:?}");
        }
        for other in others {
            assert!(!meets(other), "{rule} should not find {other} in {lang:?}");
        }
    }

    #[test]
    fn one_word_finds_its_inflections() {
        check(
            Lang::English,
            "advance",
            &["advanced", "Advances", "ADVANCING", "advance's"],
            &["adverse"],
        );
        check(
            Lang::English,
            "airstrikes",
            &["airstrike", "airstrike’s"],
            &["airs"],
        );
        check(
            Lang::Arabic,
            "معارضة",
            &["المعارضة", "والمعارضة", "للمعارضة", "بالمعارضة"],
            &["عرض"],
        );
        check(
            Lang::Arabic,
            "غارة",
            &["غارات", "الغارات", "بغارة", "وغارات"],
            &["مغارة"],
        );
        check(
            Lang::Arabic,
            "وزير",
            &["الوزير", "والوزير", "وزير"],
            &["زير"],
        );
        check(
            Lang::Arabic,
            "المتمردون",
            &["المتمردين", "متمردون", "للمتمردين", "والمتمردون"],
            &["مرد"],
        );
        check(
            Lang::Persian,
            "حمله",
            &["حملات", "حمله‌ها", "حمله‌ای"],
            &["حامل"],
        );
        check(Lang::Persian, "شورشی", &["شورشیان"], &[]);
        check(Lang::Persian, "نیرو", &["نیروها", "نیروهای"], &[]);
        check(
            Lang::Ukrainian,
            "обстріл",
            &["обстріли", "обстрілу", "обстрілами", "обстрілів"],
            &["постріл"],
        );
        check(
            Lang::Ukrainian,
            "перемир'я",
            &["перемир’я", "перемир'ю", "перемирʼям"],
            &["мир"],
        );
        check(Lang::Russian, "повстанец", &["повстанец"], &["повстанье"]);
        check(Lang::Russian, "самолет", &["самолёты", "самолётов"], &[]);
        check(
            Lang::Hebrew,
            "תקיפה",
            &["תקיפות", "התקיפה", "בתקיפה", "ותקיפות", "תקיפת"],
            &["תקופה"],
        );
        check(
            Lang::Hebrew,
            "מורדים",
            &["המורדים", "והמורדים", "למורדים", "מורד"],
            &["מרד"],
        );
        check(
            Lang::Turkish,
            "saldırı",
            &["saldırılar", "SALDIRI", "saldırısı", "saldırıda"],
            &["salı"],
        );
        check(Lang::Turkish, "Irak", &["Irak'ta", "IRAK"], &[]);
        check(
            Lang::Spanish,
            "aéreo",
            &["aéreos", "aereos", "aérea", "aereo"],
            &[],
        );
        check(Lang::French, "aérienne", &["aériennes", "aeriennes"], &[]);
        check(
            Lang::German,
            "Angriff",
            &["Angriffe", "Angriffen"],
            &["Griff"],
        );
    }
}
