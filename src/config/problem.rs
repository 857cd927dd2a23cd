//! What is wrong in a configuration, with its place, as a person and as a program read it.

use std::{ops::Range, path::PathBuf};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use anstyle::{AnsiColor, Effects, Style};
use serde::Serialize;

use super::{
    mask,
    source::{Source, Spot},
};

/// One thing wrong (or doubtful) in one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    pub severity: Gravity,
    pub path: PathBuf,
    /// From 1.
    pub line: usize,
    /// From 1, in Unicode scalar values.
    pub column: usize,
    /// One past the last character of the marked part, on the same line.
    pub column_end: usize,
    /// Lower case, no full stop.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The line as it stands in the file, secrets masked; empty where the problem is the file as a whole.
    pub source: String,
    /// Bytes of `source` under the caret.
    #[serde(skip)]
    pub marked: Range<usize>,
}

/// Whether a problem keeps the configuration from being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Gravity {
    Error,
    Warning,
}

/// A problem at a spot, before its line is looked up.
#[derive(Clone, Debug)]
pub struct Finding {
    pub gravity: Gravity,
    pub spot: Spot,
    pub message: String,
    pub help: Option<String>,
}

impl Finding {
    pub fn error(spot: Spot, message: impl Into<String>) -> Finding {
        Finding {
            gravity: Gravity::Error,
            spot,
            message: message.into(),
            help: None,
        }
    }

    pub fn warning(spot: Spot, message: impl Into<String>) -> Finding {
        Finding {
            gravity: Gravity::Warning,
            ..Finding::error(spot, message)
        }
    }

    pub fn help(self, help: impl Into<String>) -> Finding {
        Finding {
            help: Some(help.into()),
            ..self
        }
    }
}

/// The findings in the order of the files and of their lines, each said once.
pub fn locate(sources: &[Source], mut findings: Vec<Finding>) -> Vec<Problem> {
    findings.sort_by_key(|finding| (finding.spot, finding.gravity));
    findings.dedup_by(|a, b| a.spot == b.spot && a.message == b.message);
    let mut problems = Vec::with_capacity(findings.len());
    let mut secrets: Option<(usize, Vec<Range<usize>>)> = None;
    for finding in findings {
        let file = finding.spot.file();
        let Some(source) = sources.get(file) else {
            continue;
        };
        if secrets.as_ref().is_none_or(|(of, _)| *of != file) {
            let looks_secret = match source.is_broken {
                true => mask::find_in_broken(&source.text),
                false => mask::find(&source.text),
            };
            secrets = Some((file, [source.secrets.clone(), looks_secret].concat()));
        }
        if let Some((_, secrets)) = &secrets {
            problems.push(problem(source, secrets, finding));
        }
    }
    problems
}

fn problem(source: &Source, secrets: &[Range<usize>], finding: Finding) -> Problem {
    let text = &*source.text;
    let start = text.floor_char_boundary(finding.spot.range().start.min(text.len()));
    let (line, line_start) = source.line(start);
    let rest = text.get(line_start..).unwrap_or("");
    let written = rest.split('\n').next().unwrap_or("");
    let written = written.strip_suffix('\r').unwrap_or(written);
    let line_end = line_start + written.len();
    let start = start.min(line_end);
    let end = text.ceil_char_boundary(finding.spot.range().end.clamp(start, line_end));

    let column = |at: usize| text.get(line_start..at).unwrap_or("").chars().count() + 1;
    let written = if finding.spot.is_whole() { "" } else { written };
    let shown = mask::line(written, line_start, secrets, start..end);
    Problem {
        severity: finding.gravity,
        path: source.shown.clone(),
        line,
        column: column(start),
        column_end: column(end),
        message: mask::message(&finding.message),
        help: finding.help,
        source: shown.text,
        marked: shown.marked,
    }
}

impl Problem {
    pub fn is_error(&self) -> bool {
        self.severity == Gravity::Error
    }

    /// `path:line:column: error: message`, then the source line with a caret, then the help.
    pub fn show(&self, in_colour: bool) -> String {
        let (level, word, style) = match self.severity {
            Gravity::Error => (Level::ERROR, "error", AnsiColor::BrightRed),
            Gravity::Warning => (Level::WARNING, "warning", AnsiColor::Yellow),
        };
        let (bold, word_style) = match in_colour {
            true => (
                Style::new().effects(Effects::BOLD),
                style.on_default().effects(Effects::BOLD),
            ),
            false => (Style::new(), Style::new()),
        };
        let mut shown = format!(
            "{bold}{}:{}:{}:{bold:#} {word_style}{word}:{word_style:#} {bold}{}{bold:#}\n",
            clean(&self.path.display().to_string()),
            self.line,
            self.column,
            clean(&self.message),
        );
        let mut group = Group::with_level(level);
        if !self.source.is_empty() {
            let snippet = Snippet::source(self.source.as_str())
                .line_start(self.line)
                .fold(false)
                .annotation(AnnotationKind::Primary.span(self.marked.clone()));
            group = group.element(snippet);
        }
        let help = self.help.as_deref().map(clean);
        if let (Some(help), false) = (&help, self.source.is_empty()) {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        let renderer = match in_colour {
            true => Renderer::styled(),
            false => Renderer::plain(),
        };
        if !group.is_empty() {
            shown.push_str(&renderer.render(&[group]));
            shown.push('\n');
        } else if let Some(help) = &help {
            shown.push_str(&format!("  = help: {help}\n"));
        }
        shown
    }
}

/// Text from a file or a file's name, with nothing in it that steers a terminal.
fn clean(text: &str) -> String {
    annotate_snippets::normalize_untrusted_str(text)
}

/// `3 errors, 1 warning`, or nothing where there are none of either.
pub fn count(problems: &[Problem]) -> Option<String> {
    let errors = problems.iter().filter(|problem| problem.is_error()).count();
    let part = |count: usize, word: &str| match count {
        0 => None,
        1 => Some(format!("1 {word}")),
        _ => Some(format!("{count} {word}s")),
    };
    let parts: Vec<String> = [
        part(errors, "error"),
        part(problems.len() - errors, "warning"),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}
