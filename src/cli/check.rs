//! `wirewatch check`: is this configuration good, and if not, where and why.

use std::{
    io::{IsTerminal, Write},
    path::Path,
    process::ExitCode,
};

use crate::config::{self, Config, Environment, Problem};

/// The arguments of `wirewatch check`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Args {
    /// Print each problem as one JSON document a line
    #[arg(long)]
    pub json: bool,
    /// Print the JSON Schema of configuration files, for editors
    #[arg(long)]
    pub schema: bool,
}

/// Checks the configuration at `path` and says what is wrong with it: exit 0 where it is good (warnings allowed), else 2.
pub fn run(args: &Args, path: &Path, environment: &Environment) -> ExitCode {
    let is_terminal = std::io::stdout().is_terminal();
    let in_colour = is_terminal
        && anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never;
    let mut text = String::new();
    let is_good = check(args, path, environment, in_colour, &mut text);
    // A reader that has gone away (`check | head`) takes nothing from the answer.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    match is_good {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(2),
    }
}

/// What `check` prints, and whether the configuration is good.
pub fn check(
    args: &Args,
    path: &Path,
    environment: &Environment,
    in_colour: bool,
    text: &mut String,
) -> bool {
    if args.schema {
        text.push_str(&config::schema::text());
        return true;
    }
    let loaded = config::load(path, environment);
    for problem in &loaded.problems {
        text.push_str(&match args.json {
            true => json(problem),
            false => problem.show(in_colour),
        });
        text.push('\n');
    }
    if !args.json {
        text.push_str(&summary(loaded.config.as_ref(), &loaded.problems));
        text.push('\n');
    }
    loaded.config.is_some()
}

fn json(problem: &Problem) -> String {
    serde_json::to_string(problem).expect("a problem is text and numbers")
}

/// `good: 31 feeds, 14 rules, 9 lists, 2 receivers`, or how much is wrong.
fn summary(config: Option<&Config>, problems: &[Problem]) -> String {
    let wrong = config::count(problems);
    let Some(config) = config else {
        return wrong.unwrap_or_default();
    };
    let counts = [
        (config.feeds.len(), "feed"),
        (config.rules.rules().len(), "rule"),
        (config.lists, "list"),
        (config.receivers.len(), "receiver"),
    ];
    let counts = counts.map(|(count, word)| match count {
        1 => format!("1 {word}"),
        _ => format!("{count} {word}s"),
    });
    let counts = counts.join(", ");
    match wrong {
        None => format!("good: {counts}"),
        Some(wrong) => format!("good: {counts}; {wrong}"),
    }
}
