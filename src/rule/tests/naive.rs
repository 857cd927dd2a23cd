//! The language as its definition says it, one question at a time: no index, no memo, no triggers.
//!
//! It shares with the engine what a word is and what forms it has (`text`), and the parser; nothing else.

use std::collections::{BTreeSet, HashMap};

use super::super::query::{FieldName, NearKind, Pattern, PatternKind, Query, QueryKind};
use crate::{
    model::{Feed, Item},
    text::{
        fold,
        language::{self, Code, Lang, Reading, script_of_word},
        stem, words,
    },
};

pub type NamedLists = HashMap<String, Vec<(Option<String>, Query)>>;

/// A place: which text, first word, past the last word.
type Place = (usize, usize, usize);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum View {
    Lead,
    Title,
    All,
    Field(FieldName),
}

pub struct Naive<'a> {
    lists: &'a NamedLists,
    reading: Reading,
    texts: Vec<Passage<'a>>,
}

struct Passage<'a> {
    kind: FieldName,
    text: &'a str,
    words: Vec<&'a str>,
    /// What stands before each word since the one before.
    between: Vec<&'a str>,
    /// How many words belong to the lead.
    lead: usize,
    reading: Reading,
}

#[derive(Clone, Copy)]
struct Context {
    view: View,
    lang: Option<Lang>,
}

impl<'a> Naive<'a> {
    pub fn new(lists: &'a NamedLists, feed: &'a Feed, item: &'a Item) -> Naive<'a> {
        let text = if item.summary.is_empty() {
            &item.content
        } else {
            &item.summary
        };
        let reading = language::decide(
            [feed.lang.as_deref(), item.lang.as_deref()],
            &item.title,
            text,
        );
        let plain = Reading {
            code: Code::default(),
            first: Lang::Other,
            second: None,
            is_declared: true,
        };
        let passage = |kind, text: &'a str, reading| {
            let ranges = words::words(text);
            let mut before = 0;
            let mut between = Vec::new();
            for range in &ranges {
                between.push(&text[before..range.start]);
                before = range.end;
            }
            let words = ranges.into_iter().map(|range| &text[range]).collect();
            Passage {
                kind,
                text,
                words,
                between,
                lead: 0,
                reading,
            }
        };
        let mut title = passage(FieldName::Title, &item.title, reading);
        title.lead = usize::MAX;
        let mut summary = passage(FieldName::Text, &item.summary, reading);
        let mut content = passage(FieldName::Text, &item.content, reading);
        match summary.words.is_empty() {
            false => summary.lead = 60,
            true => content.lead = 60,
        }
        let mut texts = vec![title, summary, content];
        texts.push(passage(FieldName::Url, &item.url, reading));
        texts.push(passage(FieldName::Author, &item.author, plain));
        texts.push(passage(FieldName::Source, &item.source, plain));
        texts.push(passage(FieldName::Publisher, &feed.publisher, plain));
        texts.extend(
            item.categories
                .iter()
                .map(|category| passage(FieldName::Category, category, reading)),
        );
        Naive {
            lists,
            reading,
            texts,
        }
    }

    pub fn holds(&self, query: &Query, view: View) -> bool {
        self.truth(&self.spread(query), Context { view, lang: None })
    }

    fn truth(&self, query: &Query, context: Context) -> bool {
        match &query.kind {
            QueryKind::And(sides) => sides.iter().all(|side| self.truth(side, context)),
            QueryKind::Or(sides) => sides.iter().any(|side| self.truth(side, context)),
            QueryKind::Not(inner) => !self.truth(inner, context),
            QueryKind::List(name) => self.lists[name]
                .iter()
                .any(|(lang, entry)| self.truth(&self.spread(entry), narrowed(context, lang))),
            QueryKind::Field(FieldName::Lang, inner) => self.is_lang(inner),
            QueryKind::Field(field, inner) => self.truth(
                inner,
                Context {
                    view: View::Field(*field),
                    ..context
                },
            ),
            _ => !self.places(query, context).is_empty(),
        }
    }

    fn is_lang(&self, query: &Query) -> bool {
        match &query.kind {
            QueryKind::Words(patterns) => self.reading.is(&patterns[0].text),
            QueryKind::Or(sides) => sides.iter().any(|side| self.is_lang(side)),
            _ => unreachable!("the compiler refuses others"),
        }
    }

    /// Takes AND out of NEAR: `(a AND b) NEAR c` is `a NEAR c AND b NEAR c`.
    fn spread(&self, query: &Query) -> Query {
        let again = |sides: &[Query]| sides.iter().map(|side| self.spread(side)).collect();
        let made = |kind| Query { kind, range: 0..0 };
        match &query.kind {
            QueryKind::And(sides) => made(QueryKind::And(again(sides))),
            QueryKind::Or(sides) => made(QueryKind::Or(again(sides))),
            QueryKind::Not(inner) => made(QueryKind::Not(Box::new(self.spread(inner)))),
            QueryKind::Field(field, inner) if *field != FieldName::Lang => {
                let inner = self.spread(inner);
                let wrap = |side: Query| made(QueryKind::Field(*field, Box::new(side)));
                match inner.kind {
                    QueryKind::And(sides) => {
                        made(QueryKind::And(sides.into_iter().map(wrap).collect()))
                    }
                    QueryKind::Or(sides) => {
                        made(QueryKind::Or(sides.into_iter().map(wrap).collect()))
                    }
                    QueryKind::Not(inner) => made(QueryKind::Not(Box::new(wrap(*inner)))),
                    _ => wrap(inner),
                }
            }
            QueryKind::Near {
                left,
                right,
                kind,
                distance,
            } => {
                let near = |left: Query, right: Query| {
                    self.spread(&made(QueryKind::Near {
                        left: Box::new(left),
                        right: Box::new(right),
                        kind: *kind,
                        distance: *distance,
                    }))
                };
                let (left, right) = (self.spread(left), self.spread(right));
                if !self.stands(&left) {
                    return self.spread_side(left, &|side| near(side, right.clone()));
                }
                if !self.stands(&right) {
                    return self.spread_side(right, &|side| near(left.clone(), side));
                }
                made(QueryKind::Near {
                    left: Box::new(left),
                    right: Box::new(right),
                    kind: *kind,
                    distance: *distance,
                })
            }
            _ => query.clone(),
        }
    }

    fn spread_side(&self, side: Query, near: &dyn Fn(Query) -> Query) -> Query {
        let is_condition = |side: &Query| {
            matches!(
                side.kind,
                QueryKind::Not(_) | QueryKind::Field(FieldName::Lang, _)
            )
        };
        let kind = match side.kind {
            QueryKind::And(sides) => QueryKind::And(
                sides
                    .into_iter()
                    .map(|side| {
                        if is_condition(&side) {
                            side
                        } else {
                            near(side)
                        }
                    })
                    .collect(),
            ),
            QueryKind::Or(sides) => QueryKind::Or(sides.into_iter().map(near).collect()),
            other => unreachable!("{other:?} stands somewhere, or is refused"),
        };
        Query { kind, range: 0..0 }
    }

    fn stands(&self, query: &Query) -> bool {
        match &query.kind {
            QueryKind::Words(_) | QueryKind::Regex(_) | QueryKind::Near { .. } => true,
            QueryKind::And(_) | QueryKind::Not(_) | QueryKind::Field(FieldName::Lang, _) => false,
            QueryKind::Or(sides) => sides.iter().all(|side| self.stands(side)),
            QueryKind::Field(_, inner) => self.stands(inner),
            QueryKind::List(name) => self.lists[name]
                .iter()
                .all(|(_, entry)| self.stands(&self.spread(entry))),
        }
    }

    fn places(&self, query: &Query, context: Context) -> BTreeSet<Place> {
        match &query.kind {
            QueryKind::Words(patterns) => self.phrase(patterns, context),
            QueryKind::Regex(pattern) => self.regex(pattern, context),
            QueryKind::Or(sides) => sides
                .iter()
                .flat_map(|side| self.places(side, context))
                .collect(),
            QueryKind::List(name) => self.lists[name]
                .iter()
                .flat_map(|(lang, entry)| self.places(&self.spread(entry), narrowed(context, lang)))
                .collect(),
            QueryKind::Field(field, inner) => self.places(
                inner,
                Context {
                    view: View::Field(*field),
                    ..context
                },
            ),
            QueryKind::Near {
                left,
                right,
                kind,
                distance,
            } => {
                let rights = self.places(right, context);
                let lefts = self.places(left, context);
                near(&lefts, &rights, *kind, usize::from(*distance))
            }
            QueryKind::And(_) | QueryKind::Not(_) => unreachable!("spread before"),
        }
    }

    /// The words of a text that a view shows.
    fn shown(&self, passage: &Passage<'_>, view: View) -> usize {
        let all = passage.words.len();
        match view {
            View::Title if passage.kind == FieldName::Title => all,
            View::All if matches!(passage.kind, FieldName::Title | FieldName::Text) => all,
            View::Lead => all.min(passage.lead),
            View::Field(field) if field == passage.kind => all,
            _ => 0,
        }
    }

    fn phrase(&self, patterns: &[Pattern], context: Context) -> BTreeSet<Place> {
        let mut parts: Vec<(&str, PatternKind)> = Vec::new();
        for pattern in patterns {
            let ranges = words::words(&pattern.text);
            let last = ranges.len() - 1;
            for (index, range) in ranges.into_iter().enumerate() {
                let is_start = pattern.kind == PatternKind::Prefix && index < last;
                let kind = if is_start {
                    PatternKind::Inflected
                } else {
                    pattern.kind
                };
                parts.push((&pattern.text[range], kind));
            }
        }
        let letters_min = if patterns.len() == 1 { 1 } else { 3 };
        let is_part = |word: &str| {
            word.chars().all(char::is_alphabetic) && word.chars().count() >= letters_min
        };
        let closed = match parts.as_slice() {
            [
                (first, PatternKind::Inflected),
                (second, PatternKind::Inflected),
            ] if is_part(first) && is_part(second) => Some(format!("{first}{second}")),
            _ => None,
        };
        let mut found = BTreeSet::new();
        for (text, passage) in self.texts.iter().enumerate() {
            let shown = self.shown(passage, context.view);
            for start in 0..shown {
                let mut ends = BTreeSet::from([start]);
                for part in &parts {
                    ends = ends
                        .into_iter()
                        .flat_map(|at| self.word_ends(passage, at, *part, context.lang))
                        .collect();
                }
                if let Some(closed) = &closed {
                    ends.extend(self.word_ends(
                        passage,
                        start,
                        (closed, PatternKind::Inflected),
                        context.lang,
                    ));
                }
                found.extend(
                    ends.into_iter()
                        .filter(|end| *end <= shown)
                        .map(|end| (text, start, end)),
                );
            }
        }
        found
    }

    /// Where a word of a rule that begins at word `at` ends: one word on, two where it is written as two, nowhere.
    fn word_ends(
        &self,
        passage: &Passage<'_>,
        at: usize,
        part: (&str, PatternKind),
        lang: Option<Lang>,
    ) -> Vec<usize> {
        let Some(word) = passage.words.get(at) else {
            return Vec::new();
        };
        let reading = &passage.reading;
        let (rule, kind) = part;
        let mut ends = Vec::new();
        let is_met = match kind {
            PatternKind::Exact => {
                let (mut wanted, mut given) = (String::new(), String::new());
                fold::exact(rule, &mut wanted);
                fold::exact(word, &mut given);
                given == wanted
                    || given
                        .split_once('\'')
                        .is_some_and(|(name, _)| name == wanted)
            }
            PatternKind::Prefix => langs(reading, rule, word, lang)
                .into_iter()
                .any(|language| {
                    let start = stem::folded_word(lang.unwrap_or(Lang::Other), rule);
                    let mut is_met = false;
                    stem::wildcard_forms(language, word, &mut |form| {
                        is_met |= form.starts_with(&start)
                    });
                    is_met
                }),
            PatternKind::Inflected => meets(reading, rule, word, lang, &|_| true),
        };
        if is_met {
            ends.push(at + 1);
        }
        if kind == PatternKind::Inflected
            && let Some(next) = passage.words.get(at + 1)
            && super::super::tokens::is_compound(word, passage.between[at + 1], next)
        {
            let whole = stem::folded_word(lang.unwrap_or(Lang::Other), rule);
            let is_long = whole.chars().count() >= 4 && whole.chars().all(char::is_alphabetic);
            let is_divided = |language| {
                let first = stem::folded_word(language, word);
                let second = stem::folded_word(language, next);
                whole.strip_prefix(&first).is_some_and(|rest| {
                    let letters = if rest.chars().count() >= 4 { 3 } else { 2 };
                    !rest.is_empty() && rest.chars().take(letters).eq(second.chars().take(letters))
                })
            };
            if is_long && meets(reading, rule, &format!("{word}{next}"), lang, &is_divided) {
                ends.push(at + 2);
            }
        }
        ends
    }

    fn regex(&self, pattern: &str, context: Context) -> BTreeSet<Place> {
        let regex = regex::Regex::new(pattern).expect("the compiler took it");
        let mut found = BTreeSet::new();
        for (text, passage) in self.texts.iter().enumerate() {
            let shown = self.shown(passage, context.view);
            let offset = |word: &str| word.as_ptr() as usize - passage.text.as_ptr() as usize;
            let is_cut =
                context.view == View::Lead && passage.kind != FieldName::Title && shown >= 60;
            let end = if is_cut {
                passage.words[..shown]
                    .last()
                    .map_or(0, |word| offset(word) + word.len())
            } else {
                passage.text.len()
            };
            for place in regex.find_iter(&passage.text[..end]) {
                let touched: Vec<usize> = (0..shown)
                    .filter(|index| {
                        let word = passage.words[*index];
                        offset(word) < place.end() && place.start() < offset(word) + word.len()
                    })
                    .collect();
                if let (Some(first), Some(last)) = (touched.first(), touched.last()) {
                    found.insert((text, *first, last + 1));
                }
            }
        }
        found
    }
}

fn narrowed(context: Context, lang: &Option<String>) -> Context {
    Context {
        lang: lang.as_deref().map(Lang::from_tag).or(context.lang),
        ..context
    }
}

/// The languages a word of a text is read in, of those that a rule's word stands for.
fn langs(reading: &Reading, rule: &str, word: &str, lang: Option<Lang>) -> Vec<Lang> {
    let (first, second) = reading.langs_for(word);
    [Some(first), second]
        .into_iter()
        .flatten()
        .filter(|known| {
            lang.is_none_or(|wanted| {
                let is_read = [Some(reading.first), reading.second].contains(&Some(wanted));
                wanted == *known || is_read && wanted.for_word(rule) == *known
            })
        })
        .collect()
}

fn meets(
    reading: &Reading,
    rule: &str,
    word: &str,
    lang: Option<Lang>,
    accepts: &dyn Fn(Lang) -> bool,
) -> bool {
    langs(reading, rule, word, lang)
        .into_iter()
        .any(|language| {
            let is_of = lang.is_some()
                || script_of_word(rule).is_none_or(|script| language.is_written_in(script));
            let mut wanted = Vec::new();
            stem::rule_forms(language, rule, &mut |form| wanted.push(form.to_owned()));
            let mut is_met = false;
            stem::text_forms(language, word, &mut |form| {
                is_met |= wanted.iter().any(|want| want == form)
            });
            is_of && is_met && accepts(language)
        })
}

fn near(
    lefts: &BTreeSet<Place>,
    rights: &BTreeSet<Place>,
    kind: NearKind,
    distance: usize,
) -> BTreeSet<Place> {
    let gap = |left: Place, right: Place| match (left, right) {
        ((text, ..), (other, ..)) if text != other => None,
        ((_, _, end), (_, start, _)) if end <= start => Some(start - end),
        ((_, start, _), (_, _, end)) if end <= start => Some(start - end),
        _ => None,
    };
    let mut found = BTreeSet::new();
    for left in lefts {
        let is_close = |right: &Place| gap(*left, *right).is_some_and(|gap| gap <= distance);
        match kind {
            NearKind::NotNear => {
                let is_crossed = |right: &Place| {
                    left.0 == right.0 && left != right && gap(*left, *right).is_none()
                };
                if !rights
                    .iter()
                    .any(|right| is_close(right) || is_crossed(right))
                {
                    found.insert(*left);
                }
            }
            NearKind::Near | NearKind::Ordered => {
                let joined = rights
                    .iter()
                    .filter(|right| {
                        is_close(right) && (kind == NearKind::Near || left.2 <= right.1)
                    })
                    .map(|right| (left.0, left.1.min(right.1), left.2.max(right.2)));
                found.extend(joined);
            }
        }
    }
    found
}
