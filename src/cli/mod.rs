//! The commands: one file each, a `run(args, globals)` that gives the exit code.
//!
//! Results go to stdout, everything else to stderr. An error says what was tried, on what, why it failed, and what to do;
//! it is shown here and nowhere else. A reader that closes our stdout (`| head`) ends a command quietly, with success.

mod ack;
mod alerts;
mod backtest;
mod backtested;
mod check;
mod completions;
mod deliveries;
mod drill;
mod eval;
mod explained;
mod fate;
mod feeds;
mod feeds_add;
mod feeds_opml;
mod finder;
mod hits;
mod input;
mod items;
mod labelled;
mod latency;
mod man;
mod receiver;
mod run;
mod scan;
mod scores;
mod show;
mod silence;
mod table;
mod terms;
mod why;
mod wire;
mod wrong;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anstream::{AutoStream, ColorChoice};
use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use tokio::runtime::Runtime;
use tracing_subscriber::filter::Targets;

use crate::{
    config::{self, Config, Environment},
    log,
};

/// What went wrong was said; `check`, `scan`, `why` and the lists end so.
pub const EXIT_ERROR: u8 = 2;

#[derive(Debug, Parser)]
#[command(
    name = "wirewatch",
    version,
    about,
    after_help = "Results go to stdout, logs to stderr. Start with: wirewatch run",
    arg_required_else_help = true,
    max_term_width = 100
)]
pub struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

/// The options that every command takes.
#[derive(Debug, clap::Args)]
pub struct Globals {
    /// The configuration; else $WIREWATCH_CONFIG, /etc/wirewatch/wirewatch.toml, config/wirewatch.toml
    #[arg(short, long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How logs are written [default: human on a terminal, journal under systemd, else logfmt]
    #[arg(long, global = true, value_name = "FORMAT", value_enum)]
    log_format: Option<log::Format>,
    /// error, warn, info, debug, trace, or directives such as wirewatch::poll=debug [default: $WIREWATCH_LOG, else info]
    #[arg(long, global = true, value_name = "LEVEL", value_parser = log::parse_filter)]
    log_level: Option<Targets>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Args),
    /// Validate the configuration, its feeds, lists, rules and receivers, and run every rule's own tests
    Check(check::Args),
    Scan(scan::Args),
    Why(why::Args),
    Backtest(backtest::Args),
    Eval(eval::Args),
    Terms(terms::Args),
    Alerts(alerts::Args),
    Ack(ack::Args),
    Silence(silence::Args),
    Wrong(wrong::Args),
    Deliveries(deliveries::Args),
    Receiver(receiver::Args),
    Drill(drill::Args),
    Feeds(feeds::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// Reads the arguments and runs the command.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help that nobody reads to its end is no failure either.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(EXIT_ERROR));
        }
    };
    let globals = &cli.globals;
    let format = globals.log_format.unwrap_or_else(log::Format::for_stderr);
    let filter = match globals.log_filter() {
        Ok(filter) => filter,
        Err(text) => {
            complain(&text);
            return ExitCode::from(EXIT_ERROR);
        }
    };
    log::init(format, filter).expect("logging is set up once, here");

    let (result, code_of_error) = match cli.command {
        Command::Run(args) => (run::run(args, globals), 1),
        Command::Check(args) => (check::run(&args, globals), EXIT_ERROR),
        Command::Alerts(args) => (alerts::run(args, globals), EXIT_ERROR),
        Command::Ack(args) => (ack::run(args, globals), EXIT_ERROR),
        Command::Silence(args) => (silence::run(args, globals), EXIT_ERROR),
        Command::Wrong(args) => (wrong::run(args, globals), EXIT_ERROR),
        Command::Deliveries(args) => (deliveries::run(args, globals), EXIT_ERROR),
        Command::Receiver(args) => (receiver::run(args, globals), 1),
        // As `receiver test`: a drill that could not be made is a drill that failed.
        Command::Drill(args) => (drill::run(args, globals), 1),
        Command::Feeds(args) => (feeds::run(args, globals), EXIT_ERROR),
        Command::Scan(args) => (scan::run(args, globals), EXIT_ERROR),
        Command::Why(args) => (why::run(args, globals), EXIT_ERROR),
        Command::Backtest(args) => (backtest::run(args, globals), EXIT_ERROR),
        Command::Eval(args) => (eval::run(&args, globals), EXIT_ERROR),
        Command::Terms(args) => (terms::run(&args, globals), EXIT_ERROR),
        Command::Completions(args) => (completions::run(args), EXIT_ERROR),
        Command::Man(args) => (man::run(args), EXIT_ERROR),
    };
    match result {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("{error:#}"));
            ExitCode::from(code_of_error)
        }
    }
}

impl Globals {
    fn log_filter(&self) -> Result<Targets, String> {
        match (&self.log_level, std::env::var("WIREWATCH_LOG")) {
            (Some(filter), _) => Ok(filter.clone()),
            (None, Ok(text)) if !text.trim().is_empty() => {
                log::parse_filter(&text).map_err(|reason| format!("$WIREWATCH_LOG: {reason}"))
            }
            _ => log::parse_filter("info"),
        }
    }

    /// Which configuration to read: the one named, else the first that exists where one is looked for.
    ///
    /// # Errors
    /// When there is none; says where was looked.
    pub fn config_path(&self) -> anyhow::Result<PathBuf> {
        if let Some(path) = &self.config {
            return Ok(path.clone());
        }
        if let Some(path) = std::env::var_os("WIREWATCH_CONFIG").filter(|path| !path.is_empty()) {
            return Ok(path.into());
        }
        const PLACES: [&str; 2] = ["/etc/wirewatch/wirewatch.toml", "config/wirewatch.toml"];
        match PLACES.into_iter().find(|path| Path::new(path).exists()) {
            Some(path) => Ok(path.into()),
            None => bail!(
                "there is no configuration: looked for {} and {}; name one with --config FILE or $WIREWATCH_CONFIG",
                PLACES[0],
                PLACES[1]
            ),
        }
    }
}

/// The configuration, for the commands that only look: `scan`, `why`, `alerts`, `feeds`.
///
/// # Errors
/// When there is none or it has an error; every problem was shown.
fn load(globals: &Globals) -> anyhow::Result<Config> {
    let path = globals.config_path()?;
    let environment = environment_of_the_service(Environment::of_process(), &path);
    config::load(&path, &environment)
        .into_result()
        .map(|(config, _)| config)
        .map_err(|problems| {
            show_errors(&problems);
            let count = config::count(&problems).unwrap_or_default();
            anyhow::anyhow!("cannot use the configuration {}: {count}", path.display())
        })
}

/// The store's settings and the files of the configuration, for the commands that touch the store alone: rules may be broken.
///
/// # Errors
/// When there is none or the store's settings are wrong; every problem was shown.
fn load_store(globals: &Globals) -> anyhow::Result<(config::StoreSettings, Vec<PathBuf>)> {
    let path = globals.config_path()?;
    let environment = environment_of_the_service(Environment::of_process(), &path);
    config::load_store(&path, &environment).map_err(|problems| {
        show_errors(&problems);
        let count = config::count(&problems).unwrap_or_default();
        anyhow::anyhow!("cannot use the configuration {}: {count}", path.display())
    })
}

/// The errors of a configuration on stderr, with their lines.
fn show_errors(problems: &[config::Problem]) {
    let in_colour = AutoStream::choice(&io::stderr()) != ColorChoice::Never;
    for problem in problems.iter().filter(|problem| problem.is_error()) {
        tell(&problem.show(in_colour));
    }
}

/// Whoever asks about the installed service from a shell means its store and its secrets, not files of the same name in
/// the folder they stand in.
fn environment_of_the_service(mut environment: Environment, path: &Path) -> Environment {
    let folder = |path: &str| Some(PathBuf::from(path)).filter(|path| path.is_dir());
    if path.starts_with("/etc/wirewatch") {
        environment.state_directory = environment
            .state_directory
            .or_else(|| folder("/var/lib/wirewatch"));
        environment.credentials_directory = environment
            .credentials_directory
            .or_else(|| folder("/run/credentials/wirewatch.service"));
    }
    environment
}

/// What drives the few waits of a command that is otherwise plain.
fn runtime() -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
}

/// A line on stderr for a person, beside the results.
fn tell(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// An error on stderr for a person, made safe: the words may come from a feed or a file.
fn complain(text: &str) {
    // Problems of a configuration come with their source lines: only their line breaks are kept.
    let safe: Vec<_> = text.lines().map(log::line::escape).collect();
    let _ = writeln!(io::stderr().lock(), "wirewatch: {}", safe.join("\n"));
}

/// Whether the error is that our reader went away.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}

/// Writes a whole text to stdout.
fn print(bytes: &[u8]) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(bytes)
        .and_then(|()| stdout.flush())
        .context("cannot write to stdout")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_contradict_nothing() {
        Cli::command().debug_assert();
    }

    #[test]
    fn only_the_installed_configuration_means_the_services_folders() {
        let given = Environment {
            state_directory: Some("/somewhere".into()),
            credentials_directory: Some("/elsewhere".into()),
            ..Environment::default()
        };
        for path in ["/etc/wirewatch/wirewatch.toml", "config/wirewatch.toml"] {
            let environment = environment_of_the_service(given.clone(), Path::new(path));
            assert_eq!(
                environment.state_directory, given.state_directory,
                "what is set stays"
            );
            assert_eq!(
                environment.credentials_directory,
                given.credentials_directory
            );
        }
        let elsewhere =
            environment_of_the_service(Environment::default(), Path::new("config/wirewatch.toml"));
        assert_eq!(elsewhere.state_directory, None);
    }

    #[test]
    fn a_reader_that_left_is_told_from_other_failures() {
        let broken: anyhow::Error = io::Error::from(io::ErrorKind::BrokenPipe).into();
        assert!(is_broken_pipe(&broken.context("cannot write to stdout")));
        assert!(!is_broken_pipe(&anyhow::anyhow!("something else")));
    }
}
