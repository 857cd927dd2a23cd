//! A rule's explanation as a tree for eyes: what was looked for, what was found, what came closest.

use std::fmt::Write;

use super::show;
use crate::rule::{
    ABSENT_NAMED_MAX, EntryExplanation, QueryExplanation, RuleExplanation, RuleSource,
};

/// The lines of one rule: one where it does not match, unless everything is wanted.
pub fn rule(rule: &RuleSource, explanation: &RuleExplanation, is_full: bool) -> Vec<String> {
    let mut lines = vec![head(rule, explanation)];
    if explanation.matched || is_full {
        for (name, entries) in [
            ("any", &explanation.any),
            ("all", &explanation.all),
            ("none", &explanation.none),
        ] {
            section(name, entries, is_full, &mut lines);
        }
    }
    lines
}

fn head(rule: &RuleSource, explanation: &RuleExplanation) -> String {
    let dim = show::DIM;
    match &explanation.failed {
        None => {
            let style = show::severity_style(rule.severity);
            let severity = rule.severity.name();
            format!(
                "{} {} {style}{severity}{style:#} {dim}{}{dim:#}",
                mark(true),
                show::safe(&rule.id),
                show::safe(&rule.title)
            )
        }
        Some(failed) => format!(
            "{} {}  {dim}{}{dim:#}",
            mark(false),
            show::safe(&rule.id),
            show::safe(failed)
        ),
    }
}

/// The entries of `any`, `all` or `none`; those of no interest are counted.
fn section(name: &str, entries: &[EntryExplanation], is_full: bool, lines: &mut Vec<String>) {
    let mut silent = 0;
    for entry in entries {
        if !(entry.matched || is_full || name == "all") {
            silent += 1;
            continue;
        }
        let label = show::safe(&entry.query).into_owned();
        lines.push(format!("    {name:4} {}", part(&entry.tree, &label)));
        children(&entry.tree, "         ", lines);
    }
    if silent > 0 {
        let dim = show::DIM;
        let others = show::count(silent, "entry is", "entries are");
        lines.push(format!("    {name:4} {dim}{others} not there{dim:#}"));
    }
}

/// The parts below a part. Of alternatives only those that were found: a list may have hundreds.
fn children(tree: &QueryExplanation, indent: &str, lines: &mut Vec<String>) {
    let is_choice = tree.label == "OR" || tree.label.starts_with('@');
    let shown: Vec<_> = tree
        .children
        .iter()
        .filter(|child| child.matched || !is_choice)
        .collect();
    let hidden: Vec<_> = tree
        .children
        .iter()
        .filter(|child| is_choice && !child.matched)
        .collect();
    for (at, child) in shown.iter().enumerate() {
        let is_last = at + 1 == shown.len() && hidden.is_empty() && tree.others == 0;
        let (branch, below) = if is_last {
            ("└ ", "  ")
        } else {
            ("├ ", "│ ")
        };
        lines.push(format!(
            "{indent}{branch}{}",
            part(child, &show::safe(&child.label))
        ));
        children(child, &format!("{indent}{below}"), lines);
    }
    let hidden_count = hidden.len() + tree.others;
    if hidden_count == 0 {
        return;
    }
    let dim = show::DIM;
    let text = if shown.is_empty() {
        let names: Vec<_> = hidden
            .iter()
            .take(ABSENT_NAMED_MAX)
            .map(|child| show::safe(&child.label))
            .collect();
        let more = hidden_count - names.len();
        let more = if more > 0 {
            format!(" and {more} others")
        } else {
            String::new()
        };
        format!("none of {}{more}", names.join(", "))
    } else {
        format!(
            "{} not there",
            show::count(hidden_count as u64, "other is", "others are")
        )
    };
    lines.push(format!("{indent}└ {dim}{text}{dim:#}"));
}

/// One part: whether it holds, what it is, what it found and where, what it is reduced to, what came closest.
fn part(tree: &QueryExplanation, label: &str) -> String {
    let (matched, dim) = (show::MATCHED, show::DIM);
    let mut line = format!("{} {label}", mark(tree.matched));
    let mut seen = Vec::new();
    for hit in &tree.hits {
        let text = show::safe(&hit.text);
        let field = format!("{:?}", hit.field).to_lowercase();
        if seen
            .iter()
            .any(|other| other == &(text.clone(), field.clone()))
        {
            continue;
        }
        let _ = write!(line, "  {matched}{text}{matched:#} {dim}in {field}{dim:#}");
        seen.push((text, field));
    }
    if !tree.stems.is_empty() {
        let stems: Vec<_> = tree.stems.iter().map(|stem| show::safe(stem)).collect();
        let _ = write!(line, "  {dim}stem {}{dim:#}", stems.join(", "));
    }
    let is_choice = tree.label == "OR" || tree.label.starts_with('@');
    if let Some(miss) = tree
        .miss
        .as_ref()
        .filter(|_| !tree.children.is_empty() && !is_choice)
    {
        let _ = write!(line, "  {dim}{}{dim:#}", show::safe(miss));
    }
    line
}

fn mark(matched: bool) -> String {
    let (style, mark) = if matched {
        (show::GOOD, '✓')
    } else {
        (show::DIM, '✗')
    };
    format!("{style}{mark}{style:#}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Field, Hit, Severity};

    fn tree(
        label: &str,
        found: &[&str],
        stems: &[&str],
        children: Vec<QueryExplanation>,
    ) -> QueryExplanation {
        let hits = found.iter().map(|text| Hit {
            field: Field::Title,
            start: 0,
            end: 1,
            text: (*text).to_owned(),
            query: label.to_owned(),
        });
        QueryExplanation {
            label: label.to_owned(),
            matched: !found.is_empty(),
            hits: hits.collect(),
            stems: stems.iter().map(|stem| (*stem).to_owned()).collect(),
            miss: found.is_empty().then(|| format!("no `{label}`")),
            children,
            others: 0,
        }
    }

    fn entry(query: &str, tree: QueryExplanation) -> EntryExplanation {
        EntryExplanation {
            query: query.to_owned(),
            matched: tree.matched,
            tree,
        }
    }

    fn explanation(failed: Option<&str>, any: Vec<EntryExplanation>) -> RuleExplanation {
        RuleExplanation {
            rule: "advance".to_owned(),
            matched: failed.is_none(),
            failed: failed.map(str::to_owned),
            lang: "en".to_owned(),
            lang_declared: false,
            any,
            all: Vec::new(),
            none: vec![entry("film", tree("film", &[], &["film"], Vec::new()))],
        }
    }

    fn shown(explanation: &RuleExplanation, is_full: bool) -> String {
        let source = RuleSource {
            id: "advance".to_owned(),
            title: "Gains".to_owned(),
            severity: Severity::High,
            ..RuleSource::default()
        };
        let lines = rule(&source, explanation, is_full).join("\n");
        anstream::adapter::strip_str(&lines).to_string()
    }

    #[test]
    fn a_rule_that_matches_shows_what_it_found_and_counts_the_rest() {
        let list = tree(
            "@armed-group",
            &["Rebels"],
            &[],
            vec![
                tree("militia", &[], &["militia"], Vec::new()),
                tree("rebel", &["Rebels"], &["rebel"], Vec::new()),
            ],
        );
        let near = tree(
            "NEAR/8",
            &["Rebels advance"],
            &[],
            vec![list, tree("advance", &["advance"], &["advanc"], Vec::new())],
        );
        let any = vec![
            entry("rebel advance", tree("rebel advance", &[], &[], Vec::new())),
            entry("@armed-group NEAR/8 advance", near),
        ];
        assert_eq!(
            shown(&explanation(None, any), false),
            "✓ advance high Gains\n\
             \x20   any  ✓ @armed-group NEAR/8 advance  Rebels advance in title\n\
             \x20        ├ ✓ @armed-group  Rebels in title\n\
             \x20        │ ├ ✓ rebel  Rebels in title  stem rebel\n\
             \x20        │ └ 1 other is not there\n\
             \x20        └ ✓ advance  advance in title  stem advanc\n\
             \x20   any  1 entry is not there\n\
             \x20   none 1 entry is not there"
        );
    }

    #[test]
    fn a_rule_that_does_not_match_says_why_and_in_full_shows_its_queries() {
        let alternatives =
            ["a", "b", "c", "d", "e", "f", "g", "h"].map(|name| tree(name, &[], &[], Vec::new()));
        let any = vec![entry("x", tree("OR", &[], &[], alternatives.into()))];
        let explanation = explanation(Some("any: none of \u{1b}[2J"), any);
        assert_eq!(shown(&explanation, false), "✗ advance  any: none of  [2J");
        assert_eq!(
            shown(&explanation, true),
            "✗ advance  any: none of  [2J\n\
             \x20   any  ✗ x\n\
             \x20        └ none of a, b, c, d, e, f and 2 others\n\
             \x20   none ✗ film  stem film"
        );
    }
}
