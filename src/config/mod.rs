//! The configuration: TOML files as written (`raw`), checked into values that the daemon trusts.
//!
//! Every problem of every file is found in one run and shown with its place; a configuration with a problem is never taken.

use std::{path::PathBuf, sync::Arc, time::Duration};

use crate::{model::Feed, notify::Receiver, rule::RuleSet};

/// Everything the daemon needs, checked.
#[derive(Debug)]
pub struct Config {
    /// The main file, as given.
    pub path: PathBuf,
    pub store: StoreSettings,
    pub poll: PollSettings,
    /// In the order of the files.
    pub feeds: Vec<Arc<Feed>>,
    pub receivers: Vec<Arc<Receiver>>,
    pub rules: Arc<RuleSet>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// The SQLite file, already resolved against `$STATE_DIRECTORY` or the working directory; `:memory:` stands for no file.
    pub path: PathBuf,
    /// How long items, alerts and settled deliveries are kept.
    pub keep: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollSettings {
    /// Polls in flight at once.
    pub concurrency: usize,
    /// Polls in flight at once to one host.
    pub per_host: usize,
    /// Part of the User-Agent.
    pub contact: Option<String>,
    /// Whether feeds may stand on private, loopback and link-local addresses.
    pub allow_private: bool,
}
