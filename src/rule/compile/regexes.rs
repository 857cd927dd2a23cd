//! Regular expressions of queries: compiled once each, bounded in size, with the place of a mistake inside them.

use std::ops::Range;

use regex::RegexBuilder;

use super::{Compiler, Context, Leaf, Refused};
use crate::rule::{
    program::{Gate, Node, NodeId, RegexDef},
    query::Query,
    weight,
};

/// Compiled size of one regular expression, in bytes.
const REGEX_BYTES_MAX: usize = 1 << 20;

impl Compiler {
    pub(super) fn regex(
        &mut self,
        pattern: &str,
        query: &Query,
        context: Context,
    ) -> Result<NodeId, Refused> {
        let leaf = Leaf::Regex(pattern.into(), context.view);
        if let Some(node) = self.leaf_ids.get(&leaf) {
            return Ok(*node);
        }
        let built = RegexBuilder::new(pattern)
            .size_limit(REGEX_BYTES_MAX)
            .dfa_size_limit(REGEX_BYTES_MAX)
            .nest_limit(100)
            .build();
        match built {
            Ok(regex) => {
                let index = self.program.regexes.len() as u32;
                self.program.regexes.push(RegexDef {
                    regex,
                    pattern: pattern.into(),
                });
                let node = self.push(Node::Regex {
                    regex: index,
                    view: context.view,
                });
                self.leaf_ids.insert(leaf, node);
                Ok(node)
            }
            Err(error) => {
                let (range, message) = regex_problem(pattern, &query.range, &error);
                self.problem(
                    context.place,
                    Some(range),
                    message,
                    match error {
                        regex::Error::CompiledTooBig(_) => {
                            "repeat fewer times, or seek a part of it"
                        }
                        _ => "the syntax is that of Rust's regex crate: docs.rs/regex",
                    },
                );
                Err(Refused)
            }
        }
    }

    /// Expressions run only on items that hold one of their literals, where they have any.
    pub(super) fn gate(&mut self) {
        let mut literals = Vec::new();
        let mut gate = Gate::default();
        for (index, def) in (0..).zip(&self.program.regexes) {
            match weight::regex_literals(&def.pattern) {
                Some(found) => {
                    for literal in found {
                        literals.push(literal);
                        gate.owners.push(index);
                    }
                }
                None => gate.ungated.push(index),
            }
        }
        if !literals.is_empty() {
            gate.literals = aho_corasick::AhoCorasick::new(&literals).ok();
            if gate.literals.is_none() {
                gate.ungated = (0..self.program.regexes.len() as u32).collect();
            }
        }
        self.program.gate = gate;
    }
}

fn regex_problem(
    pattern: &str,
    range: &Range<usize>,
    error: &regex::Error,
) -> (Range<usize>, String) {
    if let regex::Error::CompiledTooBig(limit) = error {
        return (
            range.clone(),
            format!("regular expression needs more than {limit} bytes"),
        );
    }
    let parsed = regex_syntax::Parser::new().parse(pattern);
    let (span, what) = match &parsed {
        Err(regex_syntax::Error::Parse(error)) => (Some(error.span()), error.kind().to_string()),
        Err(regex_syntax::Error::Translate(error)) => {
            (Some(error.span()), error.kind().to_string())
        }
        _ => (None, error.to_string()),
    };
    // An escaped slash before the place shifts it; then the whole expression is marked.
    let place = span.filter(|_| !pattern.contains('/')).map(|span| {
        let start = range.start + 1 + span.start.offset;
        let end = range.start + 1 + span.end.offset;
        start..end.max(start + 1).min(range.end)
    });
    (
        place.unwrap_or_else(|| range.clone()),
        format!("bad regular expression: {what}"),
    )
}
