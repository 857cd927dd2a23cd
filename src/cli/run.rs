//! `wirewatch run`: the daemon in the foreground.

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, bail};

use super::{EXIT_ERROR, Globals};
use crate::{
    config::{self, Environment},
    daemon::{self, RunError},
};

/// How long threads that cannot be interrupted may go on after the daemon has ended.
const THREADS_END_WITHIN: Duration = Duration::from_secs(1);

/// The daemon, in the foreground, until SIGTERM or SIGINT; SIGHUP reloads
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exits with 0 after a clean stop, 2 where the configuration has problems, 1 otherwise."
)]
pub struct Args {}

pub fn run(_: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let path = match globals.config_path() {
        Ok(path) => path,
        Err(error) => {
            super::complain(&format!("{error:#}"));
            return Ok(ExitCode::from(EXIT_ERROR));
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the daemon's threads")?;
    let ended = runtime.block_on(daemon::run(&path, &Environment::of_process()));
    runtime.shutdown_timeout(THREADS_END_WITHIN);
    match ended {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(RunError::Config(problems)) => {
            let mut stderr = io::stderr().lock();
            let in_colour = io::stderr().is_terminal()
                && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            for problem in &problems {
                write!(stderr, "{}", problem.show(in_colour))?;
            }
            let count = config::count(&problems).unwrap_or_default();
            writeln!(
                stderr,
                "wirewatch: not started: {count} in the configuration {}",
                path.display()
            )?;
            Ok(ExitCode::from(EXIT_ERROR))
        }
        Err(RunError::Store(error)) => bail!("not started: {error}"),
        Err(RunError::Other(text)) => bail!("not started: {text}"),
    }
}
