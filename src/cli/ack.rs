//! `ack`: a person has taken an alert on; whoever was told of it learns that. Works beside a running daemon and without one.

use std::process::ExitCode;

use anyhow::{Context, bail};

use super::{Globals, show};
use crate::{
    store::{Acknowledged, Store},
    time::Clock,
};

/// Acknowledge an alert: it is not escalated any more, and everyone told of it learns that somebody is on it
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  wirewatch ack 0197a0c2\n  wirewatch alerts --json | jq -r .id"
)]
pub struct Args {
    /// The alert's id, or the beginning of it
    id: String,
}

pub fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let (settings, _) = super::load_store(globals)?;
    let doing = || format!("cannot acknowledge {}", args.id);
    let store = Store::open_beside(&settings.path).with_context(doing)?;
    let answer = super::runtime()?
        .block_on(store.acknowledge(args.id.clone(), Clock::System.now()))
        .with_context(doing)?;
    match answer {
        Acknowledged::Now(alert, told) => {
            let told = match told.is_empty() {
                true => "nobody was told of it".to_owned(),
                false => format!("{} will be told", told.join(", ")),
            };
            let line = format!("acknowledged {}: {}; {told}\n", alert.id, alert.item.title);
            super::print(show::safe(line.trim_end()).as_bytes())?;
            super::print(b"\n")?;
            Ok(ExitCode::SUCCESS)
        }
        Acknowledged::Before(at) => {
            super::print(format!("acknowledged already, {}\n", show::local_time(at)).as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
        Acknowledged::Unknown => bail!(
            "there is no alert {}: `wirewatch alerts --json` shows their ids",
            args.id
        ),
        Acknowledged::Ambiguous(ids) => bail!(
            "several alerts begin with {}: {}, …",
            args.id,
            ids.join(", ")
        ),
    }
}
