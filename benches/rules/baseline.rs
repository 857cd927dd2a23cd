//! What one would write without an index of one's own: the words of all rules in one automaton, Boolean evaluation behind
//! it. Inflection is what it takes with literals: every form of a word that the items hold is a pattern, so that it finds
//! what the engine finds (but for compounds and accents). ASCII case ignored, whole words. Same triggers, same NEAR.

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
};

use aho_corasick::AhoCorasick;
use regex::{RegexSet, RegexSetBuilder};
use wirewatch::{
    model::Item,
    text::{language::Lang, stem},
};

use super::generate::Rule;

pub struct AhoCorasickRules {
    automaton: AhoCorasick,
    /// Words that match at their beginning alone.
    is_prefix: Vec<bool>,
    rules: Vec<Terms>,
    /// For each term, the rules that it wakes.
    wakes: Vec<Vec<u32>>,
    /// For each pattern of the automaton, the terms that it is a form of.
    terms: Vec<Vec<u32>>,
    state: RefCell<State>,
}

enum Terms {
    And(Vec<u32>),
    Single(u32),
    Near(u32, Vec<u32>),
    AndNot(Vec<u32>, u32, u32),
    Title(u32, Vec<u32>),
}

#[derive(Default)]
struct State {
    text: String,
    word_starts: Vec<u32>,
    epoch: u32,
    seen: Vec<u32>,
    /// Word numbers at which each term stands.
    places: Vec<Vec<u32>>,
    woken: Vec<u32>,
    found: Vec<u32>,
}

impl AhoCorasickRules {
    pub fn new(rules: &[Rule], inflections: &Inflections) -> AhoCorasickRules {
        let mut numbers: HashMap<(String, bool), u32> = HashMap::new();
        let mut words = Vec::new();
        let mut is_prefix = Vec::new();
        let mut number = |word: &str, prefix: bool| {
            *numbers.entry((word.to_owned(), prefix)).or_insert_with(|| {
                words.push(word.to_owned());
                is_prefix.push(prefix);
                words.len() as u32 - 1
            })
        };
        let mut wakes: Vec<Vec<u32>> = Vec::new();
        let mut compiled = Vec::new();
        for (index, rule) in (0u32..).zip(rules) {
            let mut all = |words: &[String]| -> Vec<u32> {
                words.iter().map(|word| number(word, false)).collect()
            };
            let (terms, triggers) = match rule {
                Rule::And(words) => {
                    let terms = all(words);
                    let longest = (0..words.len())
                        .max_by_key(|at| words[*at].len())
                        .unwrap_or(0);
                    let trigger = terms[longest];
                    (Terms::And(terms), vec![trigger])
                }
                Rule::Phrase(first, second) => {
                    let term = number(&format!("{first} {second}"), false);
                    (Terms::Single(term), vec![term])
                }
                Rule::Near(word, others) => {
                    let others = all(others);
                    let word = number(word, false);
                    (Terms::Near(word, others), vec![word])
                }
                Rule::AndNot(any, with, without) => {
                    let any = all(any);
                    let (with, without) = (number(with, false), number(without, false));
                    (Terms::AndNot(any, with, without), vec![with])
                }
                Rule::Title(word, others) => {
                    let others = all(others);
                    let word = number(word, false);
                    (Terms::Title(word, others), vec![word])
                }
                Rule::Prefix(start, word) => {
                    let start = number(start, true);
                    let word = number(word, false);
                    (Terms::And(vec![start, word]), vec![word])
                }
            };
            for trigger in triggers {
                if wakes.len() <= trigger as usize {
                    wakes.resize(trigger as usize + 1, Vec::new());
                }
                wakes[trigger as usize].push(index);
            }
            compiled.push(terms);
        }
        wakes.resize(words.len(), Vec::new());
        let mut patterns: Vec<String> = Vec::new();
        let mut terms: Vec<Vec<u32>> = Vec::new();
        let mut pattern_numbers: HashMap<(String, bool), usize> = HashMap::new();
        let mut pattern_is_prefix = Vec::new();
        for (term, (word, prefix)) in (0u32..).zip(words.iter().zip(&is_prefix)) {
            let forms = match (word.split_once(' '), prefix) {
                (_, true) => vec![word.clone()],
                (None, _) => inflections.of(word),
                (Some((first, second)), _) => {
                    let seconds = inflections.of(second);
                    let firsts = inflections.of(first);
                    firsts
                        .iter()
                        .flat_map(|first| {
                            seconds
                                .iter()
                                .map(move |second| format!("{first} {second}"))
                        })
                        .collect()
                }
            };
            for form in forms {
                let number = *pattern_numbers
                    .entry((form.clone(), *prefix))
                    .or_insert_with(|| {
                        patterns.push(form);
                        pattern_is_prefix.push(*prefix);
                        terms.push(Vec::new());
                        patterns.len() - 1
                    });
                terms[number].push(term);
            }
        }
        let state = State {
            seen: vec![0; words.len()],
            places: vec![Vec::new(); words.len()],
            woken: vec![0; rules.len()],
            ..State::default()
        };
        let automaton = AhoCorasick::new(&patterns).expect("words make an automaton");
        AhoCorasickRules {
            automaton,
            is_prefix: pattern_is_prefix,
            rules: compiled,
            wakes,
            terms,
            state: RefCell::new(state),
        }
    }

    pub fn matching(&self, item: &Item) -> usize {
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        state.epoch += 1;
        let epoch = state.epoch;
        state.text.clear();
        state.text.push_str(&item.title);
        let title_end = state.text.len() as u32;
        state.text.push('\n');
        state.text.push_str(&item.summary);
        state.text.make_ascii_lowercase();
        let bytes = state.text.as_bytes();
        state.word_starts.clear();
        let is_word = |at: usize| {
            bytes
                .get(at)
                .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte >= 0x80)
        };
        let mut was_word = false;
        for at in 0..bytes.len() {
            let now = is_word(at);
            if now && !was_word {
                state.word_starts.push(at as u32);
            }
            was_word = now;
        }
        state.found.clear();
        for found in self.automaton.find_overlapping_iter(&state.text) {
            let pattern = found.pattern().as_usize();
            let starts = found.start() == 0 || !is_word(found.start() - 1);
            if !starts || !self.is_prefix[pattern] && is_word(found.end()) {
                continue;
            }
            for term in &self.terms[pattern] {
                let term = *term as usize;
                if state.seen[term] != epoch {
                    state.seen[term] = epoch;
                    state.places[term].clear();
                    state.found.push(term as u32);
                }
                state.places[term].push(found.start() as u32);
            }
        }
        let mut matched = 0;
        for term in &state.found {
            for rule in &self.wakes[*term as usize] {
                if state.woken[*rule as usize] != epoch {
                    state.woken[*rule as usize] = epoch;
                    matched +=
                        usize::from(holds(&self.rules[*rule as usize], state, epoch, title_end));
                }
            }
        }
        matched
    }
}

fn holds(terms: &Terms, state: &State, epoch: u32, title_end: u32) -> bool {
    let has = |term: &u32| state.seen[*term as usize] == epoch;
    match terms {
        Terms::And(all) => all.iter().all(has),
        Terms::Single(term) => has(term),
        Terms::AndNot(any, with, without) => has(with) && any.iter().any(has) && !has(without),
        Terms::Title(word, others) => {
            has(word)
                && state.places[*word as usize]
                    .iter()
                    .any(|at| *at < title_end)
                && others.iter().any(has)
        }
        Terms::Near(word, others) => {
            let number = |at: u32| state.word_starts.partition_point(|start| *start <= at);
            has(word)
                && others.iter().filter(|other| has(other)).any(|other| {
                    state.places[*word as usize].iter().any(|left| {
                        state.places[*other as usize].iter().any(|right| {
                            let apart = number(*left).abs_diff(number(*right));
                            (1..=9).contains(&apart) && (*left < title_end) == (*right < title_end)
                        })
                    })
                })
        }
    }
}

/// For each English stem, the words of the items that have it.
pub struct Inflections(HashMap<String, Vec<String>>);

impl Inflections {
    pub fn of_items(items: &[Item]) -> Inflections {
        let mut words: HashSet<String> = HashSet::new();
        for item in items {
            let text = format!("{} {}", item.title, item.summary).to_lowercase();
            words.extend(
                text.split(|letter: char| !letter.is_alphanumeric())
                    .filter(|word| !word.is_empty())
                    .map(str::to_owned),
            );
        }
        let mut sorted: Vec<String> = words.into_iter().collect();
        sorted.sort();
        let mut by_stem: HashMap<String, Vec<String>> = HashMap::new();
        for word in sorted {
            by_stem.entry(stem(&word)).or_default().push(word);
        }
        Inflections(by_stem)
    }

    fn of(&self, word: &str) -> Vec<String> {
        self.0
            .get(&stem(word))
            .cloned()
            .unwrap_or_else(|| vec![word.to_owned()])
    }
}

fn stem(word: &str) -> String {
    let mut stem = String::new();
    stem::rule_forms(Lang::English, word, &mut |form| {
        if stem.is_empty() {
            stem.push_str(form);
        }
    });
    stem
}

/// One expression for each rule, all of its words as alternatives: only the first step of matching.
pub struct RegexSetRules(RegexSet);

impl RegexSetRules {
    /// `None` above a thousand rules: it takes minutes to build, or does not fit.
    pub fn new(rules: &[Rule]) -> Option<RegexSetRules> {
        if rules.len() > 1_000 {
            return None;
        }
        let patterns = rules.iter().map(|rule| match rule {
            Rule::And(words) => format!(r"\b(?:{})\b", words.join("|")),
            Rule::Phrase(first, second) => format!(r"\b{first} {second}\b"),
            Rule::Near(word, others) => format!(r"\b(?:{word}|{})\b", others.join("|")),
            Rule::AndNot(any, with, _) => format!(r"\b(?:{}|{with})\b", any.join("|")),
            Rule::Title(word, others) => format!(r"\b(?:{word}|{})\b", others.join("|")),
            Rule::Prefix(start, word) => format!(r"\b(?:{start}|{word}\b)"),
        });
        let mut builder = RegexSetBuilder::new(patterns);
        let set = builder
            .case_insensitive(true)
            .size_limit(1 << 30)
            .dfa_size_limit(1 << 28)
            .build();
        set.ok().map(RegexSetRules)
    }

    pub fn matching(&self, item: &Item) -> usize {
        self.0.matches(&item.title).iter().count() + self.0.matches(&item.summary).iter().count()
    }
}
