//! `deliveries`: the outbox as it is, and sending again what was given up.

use std::process::ExitCode;

use anyhow::{Context, bail};
use tokio::runtime::Runtime;

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
    /// At most so many, the oldest; 0 for all [default: 200, with --json all]
    #[arg(short = 'n', long, value_name = "COUNT")]
    limit: Option<usize>,
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
        ..OutboxFilter::default()
    };
    let rows_max = match args.limit {
        Some(0) => None,
        None => (!args.json).then_some(ROWS_SHOWN),
        some => some,
    };
    match args.json {
        true => print_json(&store, &runtime, filter, rows_max),
        false => print_table(&store, &runtime, filter, rows_max),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// Rows of a table that nobody asked to be longer.
const ROWS_SHOWN: usize = 200;
/// Rows read at once: after a long outage there may be a hundred thousand.
const PAGE_ROWS: usize = 1000;

fn print_json(
    store: &Store,
    runtime: &Runtime,
    mut filter: OutboxFilter,
    rows_max: Option<usize>,
) -> anyhow::Result<()> {
    let mut left = rows_max.unwrap_or(usize::MAX);
    while left > 0 {
        filter.rows_max = Some(PAGE_ROWS.min(left));
        let rows = list(store, runtime, filter.clone())?;
        let Some(last) = rows.last() else { break };
        filter.after = last.id;
        left -= rows.len();
        let mut out = String::new();
        for row in &rows {
            out += &serde_json::to_string(row)?;
            out.push('\n');
        }
        super::print(out.as_bytes())?;
    }
    Ok(())
}

fn print_table(
    store: &Store,
    runtime: &Runtime,
    mut filter: OutboxFilter,
    rows_max: Option<usize>,
) -> anyhow::Result<()> {
    // One more than is shown tells whether there is more.
    filter.rows_max = rows_max.map(|rows| rows + 1);
    let mut rows = list(store, runtime, filter)?;
    let shown = rows_max.unwrap_or(rows.len()).min(rows.len());
    let has_more = rows.len() > shown;
    rows.truncate(shown);
    if rows.is_empty() {
        super::tell("nothing is owed");
        return Ok(());
    }
    let now = Clock::System.now();
    let cells: Vec<[show::Cell; 6]> = rows.iter().map(|row| cells(row, now)).collect();
    let head = ["NUMBER", "RECEIVER", "STATE", "SINCE", "RULE", "WHAT"];
    let mut out = String::new();
    for line in show::columns(&head, &cells) {
        out += &format!("{line}\n");
    }
    super::print(anstream::adapter::strip_str(&out).to_string().as_bytes())?;
    if has_more {
        super::tell(&format!(
            "there are more: these are the {shown} oldest; --limit 0 lists all"
        ));
    }
    Ok(())
}

fn list(store: &Store, runtime: &Runtime, filter: OutboxFilter) -> anyhow::Result<Vec<OutboxRow>> {
    runtime
        .block_on(store.outbox(filter))
        .context("cannot list the deliveries")
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
