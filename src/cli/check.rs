//! `wirewatch check`: is this configuration good, and if not, where and why.

use std::{io::Write, process::ExitCode};

use super::{EXIT_ERROR, Globals, environment_of_the_service};
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

/// Checks the configuration and says what is wrong with it: exit 0 where it is good (warnings allowed), else 2.
///
/// # Errors
/// When there is no configuration to check, or stdout cannot be written.
pub fn run(args: &Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let mut out = anstream::stdout().lock();
    if args.schema {
        write!(out, "{}", config::schema::text())?;
        return Ok(ExitCode::SUCCESS);
    }
    let path = globals.config_path()?;
    let environment = environment_of_the_service(Environment::of_process(), &path);
    let loaded = config::load(&path, &environment);
    for problem in &loaded.problems {
        match args.json {
            true => writeln!(out, "{}", serde_json::to_string(problem)?)?,
            // anstream takes the colours out again where stdout is no terminal, or NO_COLOR is set.
            false => writeln!(out, "{}", problem.show(true))?,
        }
    }
    if !args.json {
        writeln!(out, "{}", summary(loaded.config.as_ref(), &loaded.problems))?;
    }
    out.flush()?;
    Ok(match loaded.config {
        Some(_) => ExitCode::SUCCESS,
        None => ExitCode::from(EXIT_ERROR),
    })
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
