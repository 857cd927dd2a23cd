//! `deliveries`: the outbox as it is, and sending again what was given up.

use std::process::ExitCode;

use anyhow::{Context, bail};

use super::{Globals, show};
use crate::{
    store::{OutboxFilter, OutboxRow, Store, StoreError},
    time::{Clock, Timestamp},
};

/// List what is owed and what was given up
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  wirewatch deliveries --dead\n  wirewatch deliveries --receiver desk --json\n  wirewatch deliveries retry --receiver desk"
)]
pub struct Args {
    /// Only what was given up
    #[arg(long, conflicts_with = "all")]
    dead: bool,
    /// What was delivered as well
    #[arg(long)]
    all: bool,
    /// Only what is owed to this receiver
    #[arg(long, value_name = "NAME")]
    receiver: Option<String>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Retry(RetryArgs),
}

/// Send again what was given up, and at once what waits after a failure; without a choice, all of it
#[derive(Debug, clap::Args)]
struct RetryArgs {
    /// A delivery's number, as `deliveries` shows it
    #[arg(conflicts_with = "receiver")]
    id: Option<i64>,
    /// What is owed to this receiver
    #[arg(long, value_name = "NAME")]
    receiver: Option<String>,
}

pub fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let (settings, _) = super::load_store(globals)?;
    let runtime = super::runtime()?;
    if let Some(Command::Retry(args)) = args.command {
        let store = Store::open_beside(&settings.path).context("cannot send again")?;
        let retried = store.retry(args.id, args.receiver, Clock::System.now());
        let count = runtime.block_on(retried).context("cannot send again")?;
        if let (0, Some(id)) = (count, args.id) {
            bail!(
                "delivery {id} is not owed and was not given up: `wirewatch deliveries` lists those that are"
            );
        }
        let text = show::count(
            count as u64,
            "delivery is due now",
            "deliveries are due now",
        );
        super::print(format!("{text}\n").as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let store = match Store::open_to_read(&settings.path) {
        Ok(store) => store,
        Err(error @ StoreError::Missing(_)) => {
            super::complain(&error.to_string());
            return Ok(ExitCode::SUCCESS);
        }
        Err(error) => return Err(error).context("cannot list the deliveries"),
    };
    let filter = OutboxFilter {
        is_dead: args.dead,
        receiver: args.receiver,
        is_all: args.all,
    };
    let rows = runtime
        .block_on(store.outbox(filter))
        .context("cannot list the deliveries")?;
    let mut out = String::new();
    if args.json {
        for row in &rows {
            out += &serde_json::to_string(row)?;
            out.push('\n');
        }
    } else if rows.is_empty() {
        super::tell("nothing is owed");
    } else {
        let now = Clock::System.now();
        let rows: Vec<[show::Cell; 6]> = rows.iter().map(|row| cells(row, now)).collect();
        for line in show::columns(
            &["NUMBER", "RECEIVER", "STATE", "SINCE", "RULE", "WHAT"],
            &rows,
        ) {
            out += &format!("{line}\n");
        }
        out = anstream::adapter::strip_str(&out).to_string();
    }
    super::print(out.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn cells(row: &OutboxRow, now: Timestamp) -> [show::Cell; 6] {
    let mut state = row.state.clone();
    if let Some(reason) = &row.reason {
        state += &format!(" ({reason})");
    }
    if let Some(due) = row.due.filter(|due| *due > now) {
        state += &format!(", next {}", show::age(now, due));
    }
    let what = match &row.problem {
        Some(problem) => format!("{}: {problem}", row.title),
        None => row.title.clone(),
    };
    [
        show::Cell::plain(&row.id.to_string()),
        show::Cell::plain(&row.receiver),
        show::Cell::plain(&state),
        show::Cell::plain(&show::age(now, row.owed_since)),
        show::Cell::plain(&row.rule),
        show::Cell::plain(&what),
    ]
}
