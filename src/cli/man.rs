//! Manual pages, written from the same definitions as `--help`.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::CommandFactory;

/// Print the manual page, or write one page a command
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: wirewatch man | man -l -")]
pub struct Args {
    /// Write wirewatch.1 and a page for each command into this folder
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    // Pages for `help scan` beside those for `scan` would only be noise.
    let mut command = super::Cli::command().disable_help_subcommand(true);
    command.build();
    match args.dir {
        Some(dir) => {
            std::fs::create_dir_all(&dir)
                .and_then(|()| clap_mangen::generate_to(command, &dir))
                .with_context(|| format!("cannot write manual pages into {}", dir.display()))?;
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(command)
                .render(&mut page)
                .context("cannot write the manual page")?;
            super::print(&page)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
