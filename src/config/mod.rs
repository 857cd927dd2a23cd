//! The configuration: TOML files as written, checked into values that the daemon trusts.
//!
//! Every problem of every file is found in one run and shown with its place; a configuration with an error is never taken.
//! `keys` says what may be written, `read` checks files against it, `feeds`, `receivers`, `rules` and `settings` make the
//! program's own types of it. No message, whatever is wrong, shows a secret.

mod checked;
mod environment;
mod feeds;
mod include;
mod keys;
mod mask;
mod other;
mod problem;
mod read;
mod receivers;
mod rules;
pub mod schema;
mod services;
mod settings;
mod shape;
mod source;
mod syntax;
mod value;
mod web;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use crate::{model::Feed, notify::Receiver, rule::RuleSet};

pub use environment::Environment;
pub use other::load_rules;
pub use problem::{Gravity, Problem, count};

/// Everything the daemon needs, checked.
#[derive(Debug)]
pub struct Config {
    /// The main file, as given.
    pub path: PathBuf,
    /// Every file that was read, the main one first.
    pub files: Vec<PathBuf>,
    pub store: StoreSettings,
    pub poll: PollSettings,
    /// Absent: no web server.
    pub web: Option<WebSettings>,
    /// In the order of the files.
    pub feeds: Vec<Arc<Feed>>,
    pub receivers: Vec<Arc<Receiver>>,
    /// The names of the receivers that are told about wirewatch itself.
    pub notices_to: Vec<String>,
    pub rules: Arc<RuleSet>,
    /// Whether a saved file is taken over without a signal.
    pub watch: bool,
    /// How many lists the rules draw on.
    pub lists: usize,
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

#[derive(Clone, Debug)]
pub struct WebSettings {
    pub listen: std::net::SocketAddr,
    /// What a visitor must show; absent only where `listen` is loopback.
    pub token: Option<crate::secret::Secret>,
    /// How hubs reach this server: http or https, no closing slash. Absent: feeds are polled alone.
    pub public_url: Option<String>,
}

/// What came of reading a configuration.
#[derive(Debug)]
pub struct Loaded {
    /// `None` exactly where a problem is an error.
    pub config: Option<Config>,
    /// Errors and warnings of all files, in the order of the files and their lines.
    pub problems: Vec<Problem>,
}

impl Loaded {
    /// The configuration, or its problems where one of them is an error.
    ///
    /// # Errors
    /// All problems, warnings included.
    pub fn into_result(self) -> Result<(Config, Vec<Problem>), Vec<Problem>> {
        match self.config {
            Some(config) => Ok((config, self.problems)),
            None => Err(self.problems),
        }
    }
}

/// Whether an address may be a feed's.
///
/// # Errors
/// What is wrong with it, to follow the address: `has a space in it`.
pub fn check_feed_url(url: &str) -> Result<(), String> {
    match value::feed_url(url) {
        Ok(_) => Ok(()),
        Err(complaint) => Err(complaint.message),
    }
}

/// Whether a feed, rule, list or receiver may be called so.
///
/// # Errors
/// What is wrong with it, to follow the name: `is not a name`.
pub fn check_name(name: &str) -> Result<(), String> {
    value::name(name).map_err(|complaint| complaint.message)
}

/// A language tag as the configuration writes it: `en` for `en-GB`; `None` where it is none.
pub fn lang_code(tag: &str) -> Option<String> {
    value::lang(tag).ok()
}

/// Text for a message, without the user names and passwords of the addresses in it.
pub fn without_login(text: &str) -> String {
    mask::message(text)
}

/// What commands need that only touch the store: where it is, and which files there are. Rules, feeds and receivers may be
/// broken; whoever is in the middle of mending a rule must still be able to acknowledge an alert.
///
/// # Errors
/// Where the store's own settings are wrong, or a file cannot be read.
pub fn load_store(
    path: &Path,
    environment: &Environment,
) -> Result<(StoreSettings, Vec<PathBuf>), Vec<Problem>> {
    let mut files = include::read_all(path, environment);
    let mut findings = std::mem::take(&mut files.findings);
    let tables: Vec<checked::Checked> = std::mem::take(&mut files.tables)
        .into_iter()
        .flatten()
        .collect();
    if !tables.is_empty() && files.sources.iter().all(|source| !source.is_broken) {
        // What is wrong with other sections is for `check` to say.
        findings.clear();
    }
    let store = settings::only(&tables, "store", &files, &mut findings);
    let store = settings::store(store, &files, environment, &mut findings);
    let problems = problem::locate(&files.sources, findings);
    match problems.iter().any(Problem::is_error) {
        true => Err(problems),
        false => {
            let shown = files.sources.iter().map(|source| source.shown.clone());
            Ok((store, shown.collect()))
        }
    }
}

/// Reads the main file and everything it includes, checks all of it, compiles the rules and runs their own tests.
/// Reads files only: no network, no clock, no process environment but what `environment` holds.
pub fn load(path: &Path, environment: &Environment) -> Loaded {
    let mut files = include::read_all(path, environment);
    let mut findings = std::mem::take(&mut files.findings);
    let tables: Vec<checked::Checked> = std::mem::take(&mut files.tables)
        .into_iter()
        .flatten()
        .collect();

    let store = settings::only(&tables, "store", &files, &mut findings);
    let store = settings::store(store, &files, environment, &mut findings);
    let poll = settings::only(&tables, "poll", &files, &mut findings);
    let (poll, limits) = settings::poll(poll, &files, &mut findings);
    let web = settings::only(&tables, "web", &files, &mut findings);
    let web = web::web(web, &files, &mut findings);
    let notices = settings::only(&tables, "notices", &files, &mut findings);
    let watch = settings::watch(&tables, &files, &mut findings);
    let mut named = |section, one| feeds::by_name(&tables, section, one, &files, &mut findings);
    let feed_tables = named("feeds", "feed");
    let receiver_tables = named("receivers", "receiver");
    let list_tables = named("lists", "list");
    let rule_tables = named("rules", "rule");

    let feeds = feeds::feeds(
        &feed_tables,
        &limits,
        poll.allow_private,
        &files,
        &mut findings,
    );
    let receivers = receivers::receivers(&receiver_tables, &files, environment, &mut findings);
    let notices_to = receivers::notices_to(notices, &receiver_tables, &files, &mut findings);
    let rules = rules::rules(&rule_tables, &list_tables, &files, &mut findings);
    let is_whole = files.sources.iter().all(|source| !source.is_broken);
    if is_whole {
        rules::warn_of_empty_choices(
            &rule_tables,
            &receiver_tables,
            &feeds,
            &notices_to,
            &mut findings,
        );
        let spot = source::Spot::whole(0);
        for (is_missing, message) in [
            (
                feed_tables.is_empty(),
                "no feeds are configured: nothing will be polled",
            ),
            (
                rule_tables.is_empty(),
                "no rules are configured: nothing will be alerted",
            ),
            (
                receiver_tables.is_empty(),
                "no receivers are configured: alerts will be stored and told to nobody",
            ),
        ] {
            if is_missing {
                findings.push(problem::Finding::warning(spot, message));
            }
        }
    }

    let problems = problem::locate(&files.sources, findings);
    let is_good = !problems.iter().any(Problem::is_error);
    let config = rules.filter(|_| is_good).map(|rules| Config {
        path: path.to_owned(),
        files: files
            .sources
            .iter()
            .map(|source| source.shown.clone())
            .collect(),
        store,
        poll,
        web,
        feeds,
        receivers,
        notices_to,
        rules,
        watch,
        lists: list_tables.len(),
    });
    Loaded { config, problems }
}
