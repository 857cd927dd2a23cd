//! `[rules.NAME]` and `[lists.NAME]`: their values are checked here, their queries where they are compiled, and problems
//! inside a query come back to the bytes of its file.

use std::{ops::Range, sync::Arc};

use super::{
    checked::{Checked, Named, Written},
    include::Files,
    problem::{Finding, Gravity},
    receivers::{globs, has_no_rules},
    source::{Spot, inside_string},
};
use crate::{
    model::{Feed, Severity},
    rule::{
        Burst, FeedFilter, ListSource, Needs, Per, Place, Raise, RuleProblem, RuleSet, RuleSource,
        Scope, Text,
    },
};

/// The spots of all strings that rules are made of; a [`Place`] is an index into them.
#[derive(Default)]
struct Places(Vec<Spot>);

impl Places {
    /// The number of the place that comes next.
    fn next(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    fn add(&mut self, spot: Spot) -> Place {
        let place = Place(self.next());
        self.0.push(spot);
        place
    }

    fn text(&mut self, written: &Written) -> Text {
        Text {
            text: written.text.clone(),
            place: self.add(written.spot),
        }
    }

    fn texts(&mut self, table: &Checked, key: &str) -> Vec<Text> {
        table
            .texts(key)
            .iter()
            .map(|written| self.text(written))
            .collect()
    }
}

/// All rules and lists of all files, compiled together and tested by their own headlines. Where some cannot be compiled, the
/// others are tested all the same: a person sees every problem at once.
pub fn rules(
    rules: &[Named<'_>],
    lists: &[Named<'_>],
    files: &Files,
    findings: &mut Vec<Finding>,
) -> Option<Arc<RuleSet>> {
    // A rule whose queries could not be read would only be told that it has none.
    let is_readable = |table: &Checked| {
        let keys = ["any", "all"];
        keys.into_iter()
            .all(|key| !table.is_written(key) || table.has(key))
    };
    let readable: Vec<Named<'_>> = rules
        .iter()
        .filter(|(_, table)| is_readable(table))
        .copied()
        .collect();
    for (name, table) in lists {
        if table.has("entries") && table.entries("entries").is_empty() {
            findings.push(Finding::warning(
                table.spot,
                format!("list `{}` is empty", name.text),
            ));
        }
    }

    for (name, table) in &readable {
        contradictions(&rule(name, table, &mut Places::default()), table, findings);
    }

    let first = Attempt::of(&readable, lists);
    let mut tests = first.tests(files);
    if first.compiled.is_none() {
        let rules = readable.iter().enumerate();
        let sound: Vec<Named<'_>> = rules
            .filter(|(rule, _)| !first.has_error(*rule))
            .map(|(_, rule)| *rule)
            .collect();
        if sound.len() < readable.len() {
            tests = Attempt::of(&sound, lists).tests(files);
        }
    }
    findings.extend(first.findings(&first.problems, files));
    findings.append(&mut tests);
    first.compiled.map(Arc::new)
}

/// Some rules with all lists, compiled or not.
struct Attempt {
    places: Places,
    /// The places of each rule.
    of_rules: Vec<Range<u32>>,
    compiled: Option<RuleSet>,
    problems: Vec<RuleProblem>,
}

impl Attempt {
    fn of(rules: &[Named<'_>], lists: &[Named<'_>]) -> Attempt {
        let mut places = Places::default();
        let lists: Vec<ListSource> = lists
            .iter()
            .map(|(name, table)| list(name, table, &mut places))
            .collect();
        let mut of_rules = Vec::with_capacity(rules.len());
        let mut sources = Vec::with_capacity(rules.len());
        for (name, table) in rules {
            let from = places.next();
            sources.push(rule(name, table, &mut places));
            of_rules.push(from..places.next());
        }
        let (compiled, problems) = match RuleSet::compile(sources, lists) {
            Ok((compiled, warnings)) => (Some(compiled), warnings),
            Err(problems) => (None, problems),
        };
        Attempt {
            places,
            of_rules,
            compiled,
            problems,
        }
    }

    fn has_error(&self, rule: usize) -> bool {
        let places = self.of_rules.get(rule).cloned().unwrap_or_default();
        let mut errors = self.problems.iter().filter(|problem| !problem.is_warning);
        errors.any(|problem| places.contains(&problem.place.0))
    }

    /// What the rules' own headlines say of them; nothing where they are not compiled.
    fn tests(&self, files: &Files) -> Vec<Finding> {
        let problems = self.compiled.as_ref().map(RuleSet::run_tests);
        self.findings(&problems.unwrap_or_default(), files)
    }

    fn findings(&self, problems: &[RuleProblem], files: &Files) -> Vec<Finding> {
        let findings = problems
            .iter()
            .filter_map(|problem| finding(problem, &self.places, files));
        findings.collect()
    }
}

fn list(name: &Written, table: &Checked, places: &mut Places) -> ListSource {
    let entries = table.entries("entries");
    ListSource {
        name: name.text.clone(),
        place: places.add(table.spot),
        entries: entries
            .iter()
            .map(|(lang, written)| (lang.clone(), places.text(written)))
            .collect(),
    }
}

fn rule(name: &Written, table: &Checked, places: &mut Places) -> RuleSource {
    let (tags, names): (Vec<Written>, Vec<Written>) = table
        .texts("feeds")
        .iter()
        .cloned()
        .partition(|written| written.text.starts_with("tag:"));
    let tags: Vec<Written> = tags
        .into_iter()
        .map(|written| Written {
            text: written.text.trim_start_matches("tag:").to_owned(),
            ..written
        })
        .collect();
    RuleSource {
        id: name.text.clone(),
        place: places.add(table.spot),
        title: table.text("title").unwrap_or(&name.text).to_owned(),
        severity: table.severity("severity").unwrap_or(Severity::Medium),
        tags: table.words("tags"),
        any: places.texts(table, "any"),
        all: places.texts(table, "all"),
        none: places.texts(table, "none"),
        scope: match table.text("scope") {
            Some("title") => Scope::Title,
            Some("all") => Scope::All,
            _ => Scope::Lead,
        },
        langs: table.words("langs"),
        feeds: FeedFilter {
            names: globs(&names),
            tags: globs(&tags),
        },
        per: match table.text("per") {
            Some("item") => Per::Item,
            _ => Per::Story,
        },
        cooldown: table.time("cooldown"),
        needs: table.table("needs").and_then(needs),
        raise: table.tables("raise").iter().filter_map(raise).collect(),
        burst: table.table("burst").and_then(burst),
        fire: places.texts(table, "fire"),
        ignore: places.texts(table, "ignore"),
    }
}

fn needs(table: &Checked) -> Option<Needs> {
    Some(Needs {
        publishers: count(table, "publishers")?,
        within: table.time("within")?,
    })
}

fn raise(table: &Checked) -> Option<Raise> {
    Some(Raise {
        to: table.severity("to")?,
        publishers: count(table, "publishers")?,
        within: table.time("within")?,
    })
}

fn burst(table: &Checked) -> Option<Burst> {
    Some(Burst {
        times: count(table, "times")?,
        window: table.time("window")?,
        baseline: table.time("baseline")?,
        at_least: count(table, "at_least").unwrap_or(1),
    })
}

fn count(table: &Checked, key: &str) -> Option<u32> {
    table
        .integer(key)
        .and_then(|number| u32::try_from(number).ok())
}

/// What contradicts itself in how a rule alerts.
fn contradictions(rule: &RuleSource, table: &Checked, findings: &mut Vec<Finding>) {
    for (raise, step) in rule.raise.iter().zip(table.tables("raise")) {
        if raise.to < rule.severity {
            let message = format!(
                "`to` is below the rule's severity, which is {}",
                rule.severity.name()
            );
            let help = "a severity only rises: such a step says that the story was confirmed, and lifts nothing".to_owned();
            findings.push(Finding {
                help: Some(help),
                ..Finding::warning(step.spot_of("to"), message)
            });
        }
    }
    if let (Some(burst), Some(written)) = (rule.burst, table.table("burst"))
        && burst.baseline <= burst.window
    {
        findings.push(Finding {
            help: Some("it tells what is usual in the time before the window: write a longer one, such as 14d".to_owned()),
            ..Finding::error(written.spot_of("baseline"), "`baseline` is not longer than `window`")
        });
    }
}

/// A problem of the rule engine with its place in a file; `None` in a file that is not whole TOML, where strings may have been
/// mended into something nobody wrote.
fn finding(problem: &RuleProblem, places: &Places, files: &Files) -> Option<Finding> {
    let spot = *places.0.get(problem.place.0 as usize)?;
    if is_broken(files, spot) {
        return None;
    }
    let source = files.sources.get(spot.file())?;
    let range = match problem.range.clone() {
        Some(range) => inside_string(&source.text, spot.range(), range),
        None => spot.range(),
    };
    Some(Finding {
        gravity: match problem.is_warning {
            true => Gravity::Warning,
            false => Gravity::Error,
        },
        spot: Spot::new(spot.file(), range),
        message: problem.message.clone(),
        help: problem.help.clone(),
    })
}

fn is_broken(files: &Files, spot: Spot) -> bool {
    files
        .sources
        .get(spot.file())
        .is_some_and(|source| source.is_broken)
}

/// Warnings where a rule or receiver chooses among feeds, rules or tags and chooses none.
pub fn warn_of_empty_choices(
    rules: &[Named<'_>],
    receivers: &[Named<'_>],
    feeds: &[Arc<Feed>],
    notices_to: &[String],
    findings: &mut Vec<Finding>,
) {
    let takes = |written: &Written, feed: &Feed| {
        let (pattern, names): (&str, Vec<&str>) = match written.text.strip_prefix("tag:") {
            Some(pattern) => (pattern, feed.tags.iter().map(String::as_str).collect()),
            None => (&written.text, vec![&feed.name]),
        };
        is_any_match(pattern, names.into_iter())
    };
    for written in rules.iter().flat_map(|(_, table)| table.texts("feeds")) {
        if !feeds.is_empty() && !feeds.iter().any(|feed| takes(written, feed)) {
            findings.push(Finding::warning(
                written.spot,
                format!("{:?} matches no feed", written.text),
            ));
        }
    }
    for (name, table) in receivers {
        // What it gets of its own does not matter where others pass on what nobody acknowledged.
        let is_passed_on = receivers.iter().any(|(_, other)| {
            let ack = other.table("ack").and_then(|ack| ack.text("then"));
            ack == Some(name.text.as_str())
        });
        if is_passed_on {
            continue;
        }
        let hears = table.has("heartbeat") || notices_to.contains(&name.text);
        if has_no_rules(table) && !hears {
            let message = format!(
                "receiver `{}` gets nothing: its `rules` names no rule",
                name.text
            );
            let help = "leave `rules` out for every rule; or name it in another receiver's `ack`, or in [notices] to";
            findings.push(Finding::warning(name.spot, message).help(help));
        }
        for written in table.texts("rules") {
            let names = rules.iter().map(|(name, _)| name.text.as_str());
            if !rules.is_empty() && !is_any_match(&written.text, names) {
                findings.push(Finding::warning(
                    written.spot,
                    format!("{:?} matches no rule", written.text),
                ));
            }
        }
    }
}

fn is_any_match<'a>(pattern: &str, mut names: impl Iterator<Item = &'a str>) -> bool {
    match globset::Glob::new(pattern) {
        Ok(glob) => {
            let glob = glob.compile_matcher();
            names.any(|name| glob.is_match(name))
        }
        // Not a glob: that has its own message.
        Err(_) => true,
    }
}
