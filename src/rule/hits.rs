//! The words that made a rule match, for people: where they stand and which part of the query asked for them.
//!
//! A hit's query is the part that found it, as written: the word, wildcard, phrase or expression itself, and for NEAR both
//! sides that met with the operator between them (`rebel NEAR/8 advance`), even where they came out of a list or group.

use super::{
    HITS_MAX,
    matcher::Matcher,
    near::Near,
    program::{Node, NodeId, Program},
    query::{self, NearKind, Pattern},
    signals::Span,
    tokens::Part,
    vocabulary::Atom,
};
use crate::model::{Field, Hit};

/// A place and what asked for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Labelled {
    pub span: Span,
    pub query: String,
}

/// Hits of a rule that matches: of every entry of `any` that holds, and of all of `all`.
pub(super) fn of_rule(matcher: &mut Matcher<'_>, rule: usize) -> Vec<Hit> {
    let program = matcher.program;
    let Some(entries) = program.rules.get(rule) else {
        return Vec::new();
    };
    let mut hits = Vec::new();
    for node in program
        .children(entries.any)
        .iter()
        .chain(program.children(entries.all))
    {
        if matcher.holds(*node) {
            add(matcher, *node, &mut hits);
        }
    }
    tidy(&mut hits);
    hits
}

/// Sorted by place, one hit for one place.
pub(super) fn tidy(hits: &mut Vec<Hit>) {
    hits.sort_by(|left, right| {
        (left.field, left.start, left.end).cmp(&(right.field, right.start, right.end))
    });
    hits.dedup_by(|left, right| {
        (left.field, left.start, left.end) == (right.field, right.start, right.end)
    });
    hits.truncate(HITS_MAX);
}

/// Adds the hits of a node that holds.
pub(super) fn add(matcher: &mut Matcher<'_>, node: NodeId, hits: &mut Vec<Hit>) {
    let program = matcher.program;
    match program.node(node) {
        Node::All(children) => {
            for child in program.children(children) {
                add(matcher, *child, hits);
            }
        }
        Node::Any(_) | Node::List(_) => {
            for child in program.alternatives(node) {
                if matcher.holds(*child) {
                    add(matcher, *child, hits);
                }
            }
        }
        Node::Not(_) => {}
        Node::Lang { lang } => {
            if let Some(code) = program.langs.get(lang as usize) {
                let text = matcher.scratch.page.reading.code.as_str().to_owned();
                hits.push(Hit {
                    field: Field::Lang,
                    start: 0,
                    end: text.chars().count(),
                    text,
                    query: format!("lang:{}", code.as_str()),
                });
            }
        }
        Node::Regex { regex, view } => {
            let query = label(program, node);
            matcher.regex_places(regex, view, &mut |passage, place| {
                if hits.len() < HITS_MAX {
                    hits.extend(bytes_hit(
                        passage.text,
                        place.start,
                        place.end,
                        passage.part,
                        &query,
                        matcher,
                    ));
                }
            });
        }
        Node::Atom { .. } | Node::Phrase { .. } | Node::Near { .. } => {
            for place in places(matcher, node) {
                hits.extend(span_hit(matcher, place));
            }
        }
    }
}

fn span_hit(matcher: &Matcher<'_>, place: Labelled) -> Option<Hit> {
    let page = &matcher.scratch.page;
    let first = page.words.get(place.span.start as usize)?;
    let last = page.words.get(place.span.end.checked_sub(1)? as usize)?;
    let text = first.part.text(matcher.feed, matcher.item);
    bytes_hit(
        text,
        first.start as usize,
        last.end as usize,
        first.part,
        &place.query,
        matcher,
    )
}

fn bytes_hit(
    text: &str,
    start: usize,
    end: usize,
    part: Part,
    query: &str,
    matcher: &Matcher<'_>,
) -> Option<Hit> {
    let slice = text.get(start..end)?;
    let mut before = text.get(..start)?.chars().count();
    if part.field() == Field::Category {
        // As shown: the categories with a comma and a space between.
        let others = matcher.item.categories.iter().take(part.category());
        before += others
            .map(|category| category.chars().count() + 2)
            .sum::<usize>();
    }
    Some(Hit {
        field: part.field(),
        start: before,
        end: before + slice.chars().count(),
        text: slice.to_owned(),
        query: query.to_owned(),
    })
}

/// Where a node stands, each place with what asked for it. Stretches that hold a shorter one are left out.
fn places(matcher: &mut Matcher<'_>, node: NodeId) -> Vec<Labelled> {
    let mut found = labelled(matcher, node);
    found.sort();
    found.dedup_by(|left, right| left.span == right.span);
    let spans: Vec<Span> = found.iter().map(|place| place.span).collect();
    if let Node::Near { .. } = matcher.program.node(node) {
        found.retain(|place| {
            !spans.iter().any(|other| {
                *other != place.span
                    && place.span.start <= other.start
                    && other.end <= place.span.end
            })
        });
    }
    found.truncate(HITS_MAX);
    found
}

/// Places that one node may label before the rest is left out.
const LABELS_MAX: usize = 512;

pub(super) fn labelled(matcher: &mut Matcher<'_>, node: NodeId) -> Vec<Labelled> {
    let program = matcher.program;
    match program.node(node) {
        Node::Any(_) | Node::List(_) => {
            let mut found = Vec::new();
            for child in program.alternatives(node) {
                found.extend(labelled(matcher, *child));
                found.truncate(LABELS_MAX);
            }
            found
        }
        Node::Near {
            left,
            right,
            kind,
            distance,
        } => {
            let lefts = labelled(matcher, left);
            let rights = match kind {
                NearKind::NotNear => {
                    let mut spans = Vec::new();
                    matcher.spans(right, &mut spans);
                    spans
                        .into_iter()
                        .map(|span| Labelled {
                            span,
                            query: String::new(),
                        })
                        .collect()
                }
                _ => labelled(matcher, right),
            };
            let mut found = Vec::new();
            let mut joined = Vec::new();
            if kind == NearKind::NotNear {
                let mut spans: Vec<Span> = rights.iter().map(|right| right.span).collect();
                spans.sort_unstable();
                let near = Near::new(&matcher.scratch.page, &spans, kind, distance);
                for left in lefts {
                    joined.clear();
                    near.join(left.span, &mut joined);
                    if !joined.is_empty() {
                        found.push(left);
                    }
                }
                return found;
            }
            for left in &lefts {
                for right in &rights {
                    let rights = [right.span];
                    joined.clear();
                    Near::new(&matcher.scratch.page, &rights, kind, distance)
                        .join(left.span, &mut joined);
                    for span in &joined {
                        let query = format!(
                            "{} {}/{distance} {}",
                            left.query,
                            query::near_name(kind),
                            right.query
                        );
                        found.push(Labelled { span: *span, query });
                    }
                }
            }
            found.sort_by_key(|place| place.span.end - place.span.start);
            found.truncate(LABELS_MAX);
            found
        }
        _ => {
            let query = label(program, node);
            let mut spans = Vec::new();
            matcher.spans(node, &mut spans);
            spans.truncate(LABELS_MAX);
            spans
                .into_iter()
                .map(|span| Labelled {
                    span,
                    query: query.clone(),
                })
                .collect()
        }
    }
}

/// A leaf as the analyst wrote it.
pub(super) fn label(program: &Program, node: NodeId) -> String {
    match program.node(node) {
        Node::Atom { atom, .. } => atom_label(program, atom),
        Node::Phrase { phrase, .. } => program
            .phrases
            .get(phrase as usize)
            .map_or_else(String::new, |phrase| phrase.written.to_string()),
        Node::Regex { regex, .. } => program
            .regexes
            .get(regex as usize)
            .map_or_else(String::new, |def| {
                format!("/{}/", def.pattern.replace('/', "\\/"))
            }),
        Node::Lang { lang } => program
            .langs
            .get(lang as usize)
            .map_or_else(String::new, |code| format!("lang:{}", code.as_str())),
        Node::List(list) => program
            .lists
            .get(list as usize)
            .map_or_else(String::new, |list| format!("@{}", list.name)),
        Node::All(_) => "AND".to_owned(),
        Node::Any(_) => "OR".to_owned(),
        Node::Not(_) => "NOT".to_owned(),
        Node::Near { kind, distance, .. } => format!("{}/{distance}", query::near_name(kind)),
    }
}

fn atom_label(program: &Program, atom: Atom) -> String {
    program
        .vocabulary
        .def(atom)
        .map_or_else(String::new, |def| {
            Pattern {
                text: def.text.to_string(),
                kind: def.kind,
            }
            .to_string()
        })
}
