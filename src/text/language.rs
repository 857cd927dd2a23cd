//! Languages and scripts: which grammar a text is read with.
//!
//! What the analyst or the feed declares wins as long as the script agrees: many feeds declare the template's language
//! over a text in another one. Sibling languages of one script are told apart by letters that only one of them has; Latin
//! text without a declaration is guessed by `whichlang`, with English as a second reading while the text is short.

/// A writing system, as far as matching needs to tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Script {
    Latin,
    Cyrillic,
    Greek,
    Arabic,
    Hebrew,
    Armenian,
    Devanagari,
    Tamil,
    /// Written without spaces: Han, kana, Thai, Lao, Khmer, Burmese.
    Unspaced,
    Other,
}

/// The script of a letter; `None` for digits, marks, punctuation.
pub fn script_of(letter: char) -> Option<Script> {
    if letter.is_ascii() {
        return letter.is_ascii_alphabetic().then_some(Script::Latin);
    }
    if !letter.is_alphabetic() {
        return None;
    }
    Some(match letter as u32 {
        0x00AA..=0x02AF | 0x1D00..=0x1EFF | 0x2C60..=0x2C7F | 0xA720..=0xA7FF => Script::Latin,
        0xFB00..=0xFB06 | 0xFF21..=0xFF5A => Script::Latin,
        0x0370..=0x03FF | 0x1F00..=0x1FFF => Script::Greek,
        0x0400..=0x052F | 0x1C80..=0x1C8F | 0x2DE0..=0x2DFF | 0xA640..=0xA69F => Script::Cyrillic,
        0x0530..=0x058F | 0xFB13..=0xFB17 => Script::Armenian,
        0x0590..=0x05FF | 0xFB1D..=0xFB4F => Script::Hebrew,
        0x0600..=0x06FF | 0x0750..=0x077F | 0x0870..=0x08FF | 0xFB50..=0xFDFF | 0xFE70..=0xFEFC => {
            Script::Arabic
        }
        0x0900..=0x097F => Script::Devanagari,
        0x0B80..=0x0BFF => Script::Tamil,
        0x0E00..=0x0EFF | 0x1000..=0x109F | 0x1780..=0x17FF => Script::Unspaced,
        0x3040..=0x30FF | 0x31F0..=0x31FF | 0x3400..=0x9FFF | 0xF900..=0xFAFF => Script::Unspaced,
        0xFF66..=0xFF9D | 0x20000..=0x3FFFF => Script::Unspaced,
        _ => Script::Other,
    })
}

/// The script of a word: that of its first letter, `None` for a word without letters.
pub fn script_of_word(word: &str) -> Option<Script> {
    word.chars().find_map(script_of)
}

macro_rules! languages {
    ($($name:ident $code:literal [$($script:ident)*] $stemmer:expr;)*) => {
        /// A language whose inflection is understood; `Other` is every language whose is not.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Lang { $($name,)* Other }

        impl Lang {
            pub const ALL: &'static [Lang] = &[$(Lang::$name,)* Lang::Other];

            /// The primary subtag of BCP 47; `und` where the language is none of these.
            pub fn code(self) -> &'static str {
                match self { $(Lang::$name => $code,)* Lang::Other => "und" }
            }

            /// From a language tag such as `en`, `en-GB` or `pt_BR`.
            pub fn from_tag(tag: &str) -> Lang {
                let code = Code::of(tag);
                match code.as_str() {
                    $($code => Lang::$name,)*
                    "iw" => Lang::Hebrew,
                    "nb" | "nn" => Lang::Norwegian,
                    "hr" | "bs" | "sh" => Lang::Serbian,
                    "in" => Lang::Indonesian,
                    _ => Lang::Other,
                }
            }

            /// Whether words of this script are words of this language.
            pub fn is_written_in(self, script: Script) -> bool {
                match self {
                    $(Lang::$name => [$(Script::$script),*].contains(&script),)*
                    Lang::Other => true,
                }
            }

            /// The language that a word is read in where it stands among words of this one: its script's own, where this one
            /// is not written so. `Patriot` in a Russian text.
            pub fn for_word(self, word: &str) -> Lang {
                match script_of_word(word) {
                    Some(script) if !self.is_written_in(script) => default_lang(script, word),
                    _ => self,
                }
            }

            pub(crate) fn snowball(self) -> Option<frostem::Algorithm> {
                match self { $(Lang::$name => $stemmer,)* Lang::Other => None }
            }
        }
    };
}

languages! {
    English "en" [Latin] Some(frostem::Algorithm::English);
    Arabic "ar" [Arabic] Some(frostem::Algorithm::Arabic);
    Persian "fa" [Arabic] Some(frostem::Algorithm::Persian);
    Russian "ru" [Cyrillic] Some(frostem::Algorithm::Russian);
    Ukrainian "uk" [Cyrillic] Some(frostem::Algorithm::Ukrainian);
    Hebrew "he" [Hebrew] None;
    Turkish "tr" [Latin] Some(frostem::Algorithm::Turkish);
    French "fr" [Latin] Some(frostem::Algorithm::French);
    Spanish "es" [Latin] Some(frostem::Algorithm::Spanish);
    German "de" [Latin] Some(frostem::Algorithm::German);
    Italian "it" [Latin] Some(frostem::Algorithm::Italian);
    Portuguese "pt" [Latin] Some(frostem::Algorithm::Portuguese);
    Dutch "nl" [Latin] Some(frostem::Algorithm::Dutch);
    Swedish "sv" [Latin] Some(frostem::Algorithm::Swedish);
    Danish "da" [Latin] Some(frostem::Algorithm::Danish);
    Norwegian "no" [Latin] Some(frostem::Algorithm::Norwegian);
    Finnish "fi" [Latin] Some(frostem::Algorithm::Finnish);
    Hungarian "hu" [Latin] Some(frostem::Algorithm::Hungarian);
    Romanian "ro" [Latin] Some(frostem::Algorithm::Romanian);
    Polish "pl" [Latin] Some(frostem::Algorithm::Polish);
    Czech "cs" [Latin] Some(frostem::Algorithm::Czech);
    Catalan "ca" [Latin] Some(frostem::Algorithm::Catalan);
    Basque "eu" [Latin] Some(frostem::Algorithm::Basque);
    Estonian "et" [Latin] Some(frostem::Algorithm::Estonian);
    Lithuanian "lt" [Latin] Some(frostem::Algorithm::Lithuanian);
    Irish "ga" [Latin] Some(frostem::Algorithm::Irish);
    Indonesian "id" [Latin] Some(frostem::Algorithm::Indonesian);
    Serbian "sr" [Latin Cyrillic] Some(frostem::Algorithm::Serbian);
    Greek "el" [Greek] Some(frostem::Algorithm::Greek);
    Hindi "hi" [Devanagari] Some(frostem::Algorithm::Hindi);
    Nepali "ne" [Devanagari] Some(frostem::Algorithm::Nepali);
    Tamil "ta" [Tamil] Some(frostem::Algorithm::Tamil);
    Armenian "hy" [Armenian] Some(frostem::Algorithm::Armenian);
}

/// A primary language subtag of two or three lower-case letters; empty where the tag is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Code {
    bytes: [u8; 3],
    len: u8,
}

impl Code {
    pub fn of(tag: &str) -> Code {
        let primary = tag
            .trim()
            .split(['-', '_', '.'])
            .next()
            .unwrap_or_default()
            .as_bytes();
        let mut code = Code::default();
        if (2..=3).contains(&primary.len()) && primary.iter().all(u8::is_ascii_alphabetic) {
            for (target, letter) in code.bytes.iter_mut().zip(primary) {
                *target = letter.to_ascii_lowercase();
            }
            code.len = primary.len() as u8;
        }
        code
    }

    pub fn as_str(&self) -> &str {
        self.bytes
            .get(..usize::from(self.len))
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .unwrap_or_default()
    }
}

/// What language an item is read in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// As declared, or as found: the language shown and filtered by. Empty where unknown.
    pub code: Code,
    pub first: Lang,
    /// A second reading where the text alone does not settle it.
    pub second: Option<Lang>,
    pub is_declared: bool,
}

impl Reading {
    fn declared(code: Code) -> Reading {
        let first = Lang::from_tag(code.as_str());
        Reading {
            code,
            first,
            second: None,
            is_declared: true,
        }
    }

    fn found(first: Lang, second: Option<Lang>) -> Reading {
        let code = match first {
            Lang::Other => Code::default(),
            known => Code::of(known.code()),
        };
        Reading {
            code,
            first,
            second,
            is_declared: false,
        }
    }

    /// Whether this item counts as being in the language of `tag`, in either reading.
    pub fn is(&self, tag: &str) -> bool {
        let wanted = Code::of(tag);
        wanted.len > 0
            && (wanted == self.code
                || self
                    .second
                    .is_some_and(|second| Code::of(second.code()) == wanted))
    }

    /// The grammars that a word of this script is read with: the item's where they write in that script, else the script's own.
    pub fn langs_for(&self, word: &str) -> (Lang, Option<Lang>) {
        let Some(script) = script_of_word(word) else {
            return (self.first, self.second);
        };
        let first = self.first.is_written_in(script).then_some(self.first);
        let second = self.second.filter(|lang| lang.is_written_in(script));
        match (first, second) {
            (Some(first), second) => (first, second),
            (None, Some(second)) => (second, None),
            (None, None) => (default_lang(script, word), None),
        }
    }
}

/// The language of a word that stands in a text of another script.
fn default_lang(script: Script, word: &str) -> Lang {
    match script {
        Script::Latin => Lang::English,
        Script::Cyrillic if word.chars().any(|c| "іїєґІЇЄҐ".contains(c)) => Lang::Ukrainian,
        Script::Cyrillic => Lang::Russian,
        Script::Arabic if word.chars().any(|c| "پچژگیک".contains(c)) => Lang::Persian,
        Script::Arabic => Lang::Arabic,
        Script::Hebrew => Lang::Hebrew,
        Script::Greek => Lang::Greek,
        Script::Armenian => Lang::Armenian,
        Script::Devanagari => Lang::Hindi,
        Script::Tamil => Lang::Tamil,
        Script::Unspaced | Script::Other => Lang::Other,
    }
}

/// Below so many letters a detected language is doubted, and English read beside it.
const LETTERS_TO_TRUST: usize = 120;
/// As much of a text as detection looks at, in bytes.
const DETECT_BYTES: usize = 400;

/// Decides an item's language from what is declared (the analyst's word for the feed first, then the item's own) and its text.
pub fn decide(declared: [Option<&str>; 2], title: &str, text: &str) -> Reading {
    for tag in declared.into_iter().flatten() {
        let code = Code::of(tag);
        if code.len == 0 || code.as_str() == "und" {
            continue;
        }
        let reading = Reading::declared(code);
        if is_plain_latin(title) && reading.first.is_written_in(Script::Latin) {
            return reading;
        }
        return settle(reading, title, text);
    }
    detect(title, text)
}

/// The declared reading where the text's script agrees, a sibling where its letters say so, else what detection finds.
fn settle(reading: Reading, title: &str, text: &str) -> Reading {
    let letters = Letters::count(title, text);
    let Some(script) = letters.script() else {
        return reading;
    };
    if !reading.first.is_written_in(script) {
        return detect(title, text);
    }
    match (reading.first, script) {
        (Lang::Russian, Script::Cyrillic) if letters.ukrainian > 1 && letters.russian == 0 => {
            Reading::found(Lang::Ukrainian, None)
        }
        (Lang::Ukrainian, Script::Cyrillic) if letters.russian > 1 && letters.ukrainian == 0 => {
            Reading::found(Lang::Russian, None)
        }
        (Lang::Arabic, Script::Arabic) if letters.persian > 2 * letters.arabic + 1 => {
            Reading::found(Lang::Persian, None)
        }
        (Lang::Persian, Script::Arabic) if letters.arabic > 2 * letters.persian + 1 => {
            Reading::found(Lang::Arabic, None)
        }
        _ => reading,
    }
}

/// The language of a text that nobody declared.
pub fn detect(title: &str, text: &str) -> Reading {
    let letters = Letters::count(title, text);
    let Some(script) = letters.script() else {
        return Reading::found(Lang::Other, None);
    };
    match script {
        Script::Latin => detect_latin(title, text, letters.latin),
        Script::Cyrillic if letters.ukrainian > letters.russian => {
            Reading::found(Lang::Ukrainian, None)
        }
        Script::Cyrillic if letters.russian > 0 => Reading::found(Lang::Russian, None),
        Script::Cyrillic => Reading::found(Lang::Russian, Some(Lang::Ukrainian)),
        Script::Arabic if letters.urdu > 0 => Reading {
            code: Code::of("ur"),
            ..Reading::found(Lang::Other, None)
        },
        Script::Arabic if letters.persian > letters.arabic => Reading::found(Lang::Persian, None),
        Script::Arabic if letters.arabic > 0 => Reading::found(Lang::Arabic, None),
        Script::Arabic => Reading::found(Lang::Arabic, Some(Lang::Persian)),
        Script::Unspaced => Reading {
            code: Code::of(unspaced_code(title, text)),
            ..Reading::found(Lang::Other, None)
        },
        other => Reading::found(default_lang(other, ""), None),
    }
}

fn detect_latin(title: &str, text: &str, letters: usize) -> Reading {
    // Under some 12 letters a guess is a coin toss.
    if letters < 12 {
        return Reading::found(Lang::English, None);
    }
    let sample = if title.len() >= 40 || text.is_empty() {
        title
    } else {
        text
    };
    let guess = match whichlang::detect_language(head(sample, DETECT_BYTES)) {
        whichlang::Lang::Deu => Lang::German,
        whichlang::Lang::Fra => Lang::French,
        whichlang::Lang::Ita => Lang::Italian,
        whichlang::Lang::Nld => Lang::Dutch,
        whichlang::Lang::Por => Lang::Portuguese,
        whichlang::Lang::Spa => Lang::Spanish,
        whichlang::Lang::Swe => Lang::Swedish,
        whichlang::Lang::Tur => Lang::Turkish,
        whichlang::Lang::Vie => Lang::Other,
        _ => Lang::English,
    };
    let doubted = guess != Lang::English && sample.len() < LETTERS_TO_TRUST;
    Reading::found(guess, doubted.then_some(Lang::English))
}

fn unspaced_code(title: &str, text: &str) -> &'static str {
    let mut code = "zh";
    for letter in title.chars().chain(head(text, DETECT_BYTES).chars()) {
        match letter as u32 {
            0x3040..=0x30FF => return "ja",
            0x0E00..=0x0E7F => code = "th",
            0x0E80..=0x0EFF => code = "lo",
            0x1000..=0x109F => code = "my",
            0x1780..=0x17FF => code = "km",
            _ => {}
        }
    }
    code
}

/// Whether a title is Latin letters for all that matters: the quick yes for most of the world's feeds.
fn is_plain_latin(title: &str) -> bool {
    let far = title
        .bytes()
        .filter(|byte| (0xCD..0xE2).contains(byte) || *byte >= 0xE3)
        .count();
    far * 4 <= title.len()
}

/// The beginning of a text, cut at a character.
pub fn head(text: &str, bytes_max: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes_max))
        .unwrap_or(text)
}

/// How many letters of which kind a text has.
#[derive(Default)]
struct Letters {
    latin: usize,
    cyrillic: usize,
    arabic_script: usize,
    hebrew: usize,
    unspaced: usize,
    /// The last of the other scripts, and the letters of all of them.
    other: Option<Script>,
    others: usize,
    ukrainian: usize,
    russian: usize,
    persian: usize,
    arabic: usize,
    urdu: usize,
}

impl Letters {
    /// Counts the title and, where that is short, the beginning of the text. Every item that is not plainly Latin passes
    /// here: ranges instead of property tables.
    fn count(title: &str, text: &str) -> Letters {
        let mut count = Letters::default();
        count.add(head(title, DETECT_BYTES));
        if title.len() < DETECT_BYTES / 4 {
            count.add(head(text, DETECT_BYTES / 2));
        }
        count
    }

    fn add(&mut self, text: &str) {
        for letter in text.chars() {
            match letter {
                'a'..='z' | 'A'..='Z' | '\u{C0}'..='\u{24F}' => self.latin += 1,
                '\0'..='\u{BF}' => {}
                '\u{400}'..='\u{52F}' => {
                    self.cyrillic += 1;
                    match letter {
                        'і' | 'ї' | 'є' | 'ґ' | 'І' | 'Ї' | 'Є' | 'Ґ' => {
                            self.ukrainian += 1
                        }
                        'ы' | 'э' | 'ъ' | 'ё' | 'Ы' | 'Э' | 'Ъ' | 'Ё' => self.russian += 1,
                        _ => {}
                    }
                }
                '\u{620}'..='\u{6FF}' => {
                    self.arabic_script += 1;
                    match letter {
                        'پ' | 'چ' | 'ژ' | 'گ' | 'ی' | 'ک' => self.persian += 1,
                        'ة' | 'ى' | 'ي' | 'ك' | 'أ' | 'إ' => self.arabic += 1,
                        'ٹ' | 'ڈ' | 'ڑ' | 'ں' | 'ے' | 'ھ' => self.urdu += 1,
                        _ => {}
                    }
                }
                '\u{5D0}'..='\u{5EA}' => self.hebrew += 1,
                _ => match script_of(letter) {
                    Some(Script::Latin) => self.latin += 1,
                    Some(Script::Unspaced) => self.unspaced += 1,
                    Some(script) => {
                        self.other = Some(script);
                        self.others += 1;
                    }
                    None => {}
                },
            }
        }
    }

    /// The script of most letters. A letter of an unspaced script counts thrice: it is about a syllable.
    fn script(&self) -> Option<Script> {
        [
            (Some(Script::Latin), self.latin),
            (Some(Script::Cyrillic), self.cyrillic),
            (Some(Script::Arabic), self.arabic_script),
            (Some(Script::Hebrew), self.hebrew),
            (Some(Script::Unspaced), self.unspaced * 3),
            (self.other, self.others),
        ]
        .into_iter()
        .rev()
        .max_by_key(|(_, count)| *count)
        .filter(|(_, count)| *count > 0)
        .and_then(|(script, _)| script)
    }
}
