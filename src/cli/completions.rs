//! Completion scripts for shells, for packagers and for the impatient.

use std::process::ExitCode;

use clap::CommandFactory;

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: wirewatch completions bash > /etc/bash_completion.d/wirewatch")]
pub struct Args {
    shell: clap_complete::Shell,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    // Into memory first: the generator panics on a closed pipe.
    let mut script = Vec::new();
    clap_complete::generate(
        args.shell,
        &mut super::Cli::command(),
        "wirewatch",
        &mut script,
    );
    super::print(&script)?;
    Ok(ExitCode::SUCCESS)
}
