//! Rule sets and items for measuring, the same for the same seed.

use std::collections::HashMap;

use wirewatch::{
    model::Item,
    rule::{Place, RuleSource, Text},
};

/// A generated rule, in a shape that every contender understands.
#[derive(Clone, Debug)]
pub enum Rule {
    And(Vec<String>),
    Phrase(String, String),
    /// The first within 8 words of any of the others.
    Near(String, Vec<String>),
    /// Any of the first, with the second, without the third.
    AndNot(Vec<String>, String, String),
    /// In the title, with any of the others anywhere.
    Title(String, Vec<String>),
    /// A word's beginning, with another word.
    Prefix(String, String),
}

impl Rule {
    pub fn query(&self) -> String {
        match self {
            Rule::And(words) => words.join(" AND "),
            Rule::Phrase(first, second) => format!("\"{first} {second}\""),
            Rule::Near(word, others) => format!("{word} NEAR/8 ({})", others.join(" OR ")),
            Rule::AndNot(any, with, without) => {
                format!("({}) AND {with} AND NOT {without}", any.join(" OR "))
            }
            Rule::Title(word, others) => format!("title:{word} AND ({})", others.join(" OR ")),
            Rule::Prefix(start, word) => format!("{start}* AND {word}"),
        }
    }

    pub fn source(&self, index: usize) -> RuleSource {
        RuleSource {
            id: format!("rule-{index}"),
            any: vec![Text {
                text: self.query(),
                place: Place::default(),
            }],
            ..RuleSource::default()
        }
    }
}

/// SplitMix64.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((bits ^ (bits >> 31)) % limit.max(1) as u64) as usize
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// Rules of two to five terms out of the items' own words: half of the terms among words that stand in 0.05 to 2 % of
/// the items, half among rarer ones. 30 % AND, 20 % phrases that occur, 20 % NEAR/8, 15 % with NOT, 10 % fields, 5 % wildcards.
pub fn rules(items: &[Item], count: usize, seed: u64) -> Vec<Rule> {
    let mut random = Random::new(seed);
    let words = Words::of(items);
    (0..count).map(|_| rule(&words, &mut random)).collect()
}

fn rule(words: &Words, random: &mut Random) -> Rule {
    let kind = random.below(100);
    let mut word = || match random.below(2) {
        0 => random.pick(&words.usual).clone(),
        _ => random.pick(&words.rare).clone(),
    };
    match kind {
        0..30 => {
            let mut all = vec![word(), word()];
            if kind.is_multiple_of(2) {
                all.push(word());
            }
            Rule::And(all)
        }
        30..50 => {
            let (first, second) = random.pick(&words.pairs).clone();
            Rule::Phrase(first, second)
        }
        50..70 => {
            let mut others = vec![word()];
            if kind.is_multiple_of(2) {
                others.extend([word(), word()]);
            }
            Rule::Near(word(), others)
        }
        70..85 => Rule::AndNot(vec![word(), word(), word()], word(), word()),
        85..95 => Rule::Title(word(), vec![word(), word()]),
        _ => {
            let start: String = loop {
                let start = word();
                if start.chars().count() >= 5 {
                    break start.chars().take(5).collect();
                }
            };
            Rule::Prefix(start, word())
        }
    }
}

/// The words that rules are made of.
struct Words {
    usual: Vec<String>,
    rare: Vec<String>,
    pairs: Vec<(String, String)>,
}

impl Words {
    fn of(items: &[Item]) -> Words {
        let mut counts: HashMap<String, (usize, usize)> = HashMap::new();
        let mut pairs = Vec::new();
        for (number, item) in items.iter().enumerate() {
            let text = format!("{} . {}", item.title, item.summary).to_lowercase();
            let mut before = String::new();
            for word in text.split(' ') {
                let is_word = word.chars().count() >= 3 && word.chars().all(char::is_alphabetic);
                let word = if is_word { word } else { "" };
                if is_word {
                    let count = counts.entry(word.to_owned()).or_insert((0, usize::MAX));
                    if count.1 != number {
                        *count = (count.0 + 1, number);
                    }
                    if before.len() >= 4 && word.len() >= 4 && number.is_multiple_of(3) {
                        pairs.push((before.clone(), word.to_owned()));
                    }
                }
                word.clone_into(&mut before);
            }
        }
        let mut sorted: Vec<(String, usize)> = counts
            .into_iter()
            .map(|(word, (count, _))| (word, count))
            .collect();
        sorted.sort();
        let among = |from: f64, to: f64| -> Vec<String> {
            let range = from * items.len() as f64..to * items.len() as f64;
            sorted
                .iter()
                .filter(|(_, count)| range.contains(&(*count as f64)))
                .map(|(word, _)| word.clone())
                .collect()
        };
        let (usual, rare) = (among(0.0005, 0.02), among(0.0, 0.0005));
        let all: Vec<String> = sorted.iter().map(|(word, _)| word.clone()).collect();
        Words {
            usual: if usual.is_empty() { all.clone() } else { usual },
            rare: if rare.is_empty() { all } else { rare },
            pairs,
        }
    }
}

/// Items of made-up words, as common as words are (Zipf), for machines without a corpus.
pub fn items(count: usize, seed: u64) -> Vec<Item> {
    const SYLLABLES: [&str; 24] = [
        "ba", "re", "lo", "ti", "sen", "mar", "do", "ka", "vi", "nel", "pro", "sti", "ga", "tor",
        "li", "une", "fa", "ri", "con", "ple", "da", "mo", "ster", "in",
    ];
    let mut random = Random::new(seed);
    let vocabulary: Vec<String> = (0..60_000)
        .map(|_| {
            (0..2 + random.below(3))
                .map(|_| *random.pick(&SYLLABLES))
                .collect()
        })
        .collect();
    let mut text = |words: usize| -> String {
        let words: Vec<&str> = (0..words)
            .map(|_| {
                // A rank with density 1/rank: e to a uniform power.
                let power =
                    random.below(1_000_000) as f64 / 1_000_000.0 * (vocabulary.len() as f64).ln();
                vocabulary[(power.exp() as usize - 1).min(vocabulary.len() - 1)].as_str()
            })
            .collect();
        words.join(" ")
    };
    (0..count)
        .map(|_| Item {
            title: text(10),
            summary: text(40),
            lang: Some("en".to_owned()),
            ..Item::default()
        })
        .collect()
}
