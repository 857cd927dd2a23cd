//! The daemon: builds the parts, runs the loops, obeys signals.
//!
//! [`Node`] is the daemon without its process: scenarios start, reload, stop and kill it in virtual time. [`run`] adds what
//! only a process has: signals, the service manager, the wait for its end.

mod notices;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    sync::Notify,
    task::JoinSet,
    time::{Instant, timeout},
};

use crate::{
    config::{self, Config, Environment, Problem},
    deliver::{Deliveries, Postman},
    memory,
    net::{Internet, InternetSettings, Net},
    poll::{self, Poller, Polls, Watched},
    push::{self, Reach, Subscriber, Subscriptions},
    saved::SavedFiles,
    store::{Store, StoreError},
    sweep, systemd,
    time::Clock,
    web,
    work::{self, Loop, Pulse, Stop, Stopper},
};

/// How long what runs may take to finish after the signal to stop; systemd and people wait at most 10 s.
const STOP_WITHIN: Duration = Duration::from_secs(8);
/// How long the store may take to answer before it counts as stuck.
const STORE_ANSWERS_WITHIN: Duration = Duration::from_secs(10);
/// How long a loop may take to go round before it counts as stuck.
const LOOP_AGE_MAX: Duration = Duration::from_secs(60);
/// The first summary comes when every feed has been asked, at the latest after this.
const FIRST_SUMMARY: Duration = Duration::from_secs(40);
const SUMMARY_EVERY: Duration = Duration::from_secs(3600);
/// How often memory that is free is given back.
const TIDY_EVERY: Duration = Duration::from_secs(60);
/// How often the daemon looks whether another process has written to the store.
const LOOK_OUTSIDE: Duration = Duration::from_secs(1);
/// Failing feeds named in a summary.
const FAILING_NAMED_MAX: usize = 5;

/// The loops over one store, with the world behind doors.
pub struct Node {
    store: Store,
    clock: Clock,
    poller: Arc<Poller>,
    postman: Arc<Postman>,
    subscriber: Arc<Subscriber>,
    web: Arc<web::App>,
    /// Rung when feeds or deliveries may have fallen due for a reason other than time.
    feeds_changed: Arc<Notify>,
    owed: Arc<Notify>,
    /// Rung when hubs may have to be asked.
    hubs_changed: Arc<Notify>,
    poll_slots: Arc<AtomicUsize>,
    delivery_slots: Arc<AtomicUsize>,
    pulses: [Arc<Pulse>; 3],
    stopper: Stopper,
    stop: Stop,
    loops: JoinSet<()>,
}

impl Node {
    /// Starts the loops. When this returns, the first polls are scheduled.
    ///
    /// # Errors
    /// When the store refuses, or the system gives no thread.
    pub async fn start(
        store: Store,
        net: Arc<dyn Net>,
        clock: Clock,
        config: &Config,
    ) -> Result<Node, StoreError> {
        let owed = Arc::new(Notify::new());
        let (stopper, stop) = Stopper::new();
        let hubs_changed = Arc::new(Notify::new());
        let poller = Poller::new(
            store.clone(),
            net.clone(),
            clock,
            owed.clone(),
            hubs_changed.clone(),
        )
        .map_err(|error| {
            StoreError::Failed(format!("cannot start the threads that read feeds: {error}"))
        })?;
        let poller = Arc::new(poller);
        let subscriber = Arc::new(Subscriber::new(
            store.clone(),
            net.clone(),
            clock,
            poller.clone(),
        ));
        let mut node = Node {
            web: Arc::new(web::App::new(
                store.clone(),
                clock,
                poller.clone(),
                subscriber.clone(),
            )),
            subscriber,
            poller,
            postman: Arc::new(Postman::new(store.clone(), net, clock, owed.clone())),
            store,
            clock,
            feeds_changed: Arc::new(Notify::new()),
            hubs_changed,
            owed,
            poll_slots: Arc::new(AtomicUsize::new(1)),
            delivery_slots: Arc::new(AtomicUsize::new(1)),
            pulses: std::array::from_fn(|_| Arc::new(Pulse::default())),
            stopper,
            stop,
            loops: JoinSet::new(),
        };
        node.reload(config).await?;
        node.poller.remember_urgent().await?;
        let polls = node.new_loop("poll", 0, &node.poll_slots, &node.feeds_changed);
        let deliveries = node.new_loop("deliver", 1, &node.delivery_slots, &node.owed);
        node.loops
            .spawn(work::run(Arc::new(Polls(node.poller.clone())), polls));
        node.loops.spawn(work::run(
            Arc::new(Deliveries(node.postman.clone())),
            deliveries,
        ));
        let slots = Arc::new(AtomicUsize::new(push::SLOTS));
        let hubs = node.new_loop("push", 2, &slots, &node.hubs_changed);
        node.loops.spawn(work::run(
            Arc::new(Subscriptions(node.subscriber.clone())),
            hubs,
        ));
        // Nobody else can write to a store in memory.
        if !node.store.is_in_memory() {
            node.loops.spawn(watch_outside(
                node.store.clone(),
                node.owed.clone(),
                node.stop.clone(),
            ));
        }
        node.loops.spawn(sweep::run(
            node.store.clone(),
            clock,
            config.store.keep,
            node.stop.clone(),
        ));
        Ok(node)
    }

    fn new_loop(
        &self,
        name: &'static str,
        index: usize,
        slots: &Arc<AtomicUsize>,
        wake: &Arc<Notify>,
    ) -> Loop {
        Loop {
            name,
            slots: slots.clone(),
            clock: self.clock,
            wake: wake.clone(),
            pulse: self.pulses[index].clone(),
            stop: self.stop.clone(),
        }
    }

    /// Watches what this configuration says, from here on. Polls and deliveries that run go on.
    ///
    /// # Errors
    /// When the store refuses; then all stays as it was.
    pub async fn reload(&self, config: &Config) -> Result<(), StoreError> {
        let mut states = self
            .store
            .sync_feeds(config.feeds.clone(), self.clock.now())
            .await?;
        let bursts = config
            .rules
            .rules()
            .iter()
            .filter(|rule| rule.burst.is_some());
        let bursts = bursts.map(|rule| rule.id.clone()).collect();
        self.store.watch_rates(bursts, self.clock.now()).await?;
        self.store.enable_receivers().await?;
        let feeds = states
            .iter()
            .zip(&config.feeds)
            .map(|(state, feed)| (state.id, feed.clone()));
        let watched = Watched {
            feeds: feeds.collect::<HashMap<_, _>>(),
            rules: config.rules.clone(),
            receivers: config.receivers.clone(),
            notices_to: config.notices_to.clone(),
            per_host: config.poll.per_host,
            allow_private: config.poll.allow_private,
        };
        let web = config.web.as_ref();
        let public_url = web.and_then(|web| web.public_url.as_deref());
        let reach = Reach {
            callbacks: public_url.map(|public_url| format!("{public_url}{}", push::PATH)),
            allow_private: config.poll.allow_private,
        };
        if reach.callbacks.is_none() {
            // No hub reaches us from here on.
            states.iter_mut().for_each(|state| state.pushed = None);
        }
        let feeds = watched.feeds.keys().copied().collect();
        self.subscriber.follow(feeds, reach).await?;
        self.web.show(config);
        self.poller.watch(watched, &states);
        self.store.look_at_held_again(self.clock.now()).await?;
        self.postman.serve(&config.receivers, &config.notices_to);
        self.poll_slots
            .store(config.poll.concurrency.max(1), Ordering::Relaxed);
        self.delivery_slots
            .store(Postman::slots(&config.receivers), Ordering::Relaxed);
        self.feeds_changed.notify_one();
        self.hubs_changed.notify_one();
        self.owed.notify_one();
        self.end_notices(config).await
    }

    /// Serves the web from here on, until the node stops.
    pub fn listen(&mut self, listener: TcpListener) {
        let (app, stop) = (self.web.clone(), self.stop.clone());
        self.loops.spawn(web::serve(listener, app, stop));
    }

    /// The subscriber's side of WebSub.
    pub fn subscriber(&self) -> &Subscriber {
        &self.subscriber
    }

    /// Whether all loops and the store still move.
    pub async fn moves(&self) -> bool {
        let stuck = self.pulses.iter().any(|pulse| pulse.age() > LOOP_AGE_MAX);
        !stuck
            && matches!(
                timeout(STORE_ANSWERS_WITHIN, self.store.ping()).await,
                Ok(Ok(()))
            )
    }

    /// One sentence about what was found since the start.
    pub async fn summary(&self) -> String {
        let tally = self.poller.tally();
        let (answering, failing) = tally.contacts();
        let mut text = format!(
            "{} so far in {} from {}",
            count(tally.alerts.load(Ordering::Relaxed), "hit"),
            count(tally.new_items.load(Ordering::Relaxed), "new item"),
            count(answering, "feed"),
        );
        let waiting = self
            .poller
            .feeds_planned()
            .saturating_sub(answering + failing);
        if waiting > 0 {
            text += &format!(", {waiting} not asked yet");
        }
        if failing > 0 {
            text += &format!(", {failing} failing: ");
            match poll::failing(&self.store, &self.poller).await {
                Ok(failing) => {
                    let named: Vec<String> = failing
                        .iter()
                        .take(FAILING_NAMED_MAX)
                        .map(|(feed, reason)| format!("{feed} ({reason})"))
                        .collect();
                    text += &named.join(", ");
                    if failing.len() > FAILING_NAMED_MAX {
                        text += &format!(
                            " and {} more, see `wirewatch feeds`",
                            failing.len() - FAILING_NAMED_MAX
                        );
                    }
                }
                Err(error) => text += &error.to_string(),
            }
        }
        text
    }

    /// Whether every feed has been asked since the start.
    pub fn has_asked_all(&self) -> bool {
        let (answering, failing) = self.poller.tally().contacts();
        answering + failing >= self.poller.feeds_planned()
    }

    /// Lets what runs finish within the time, then ends it. Whatever is ended is due again at the next start.
    pub async fn stop(mut self, within: Duration) {
        self.stopper.stop();
        let end = Instant::now() + within;
        while let Ok(Some(_)) = tokio::time::timeout_at(end, self.loops.join_next()).await {}
        if !self.loops.is_empty() {
            tracing::info!("ending what still runs; it is due again at the next start");
        }
        self.loops.shutdown().await;
    }
}

/// Rings when another process has written to the store: `ack`, `silence`, `drill`, `deliveries retry`.
async fn watch_outside(store: Store, owed: Arc<Notify>, mut stop: Stop) {
    let mut known = None;
    loop {
        match store.outside_changes().await {
            Ok(version) => {
                if known
                    .replace(version)
                    .is_some_and(|before| before != version)
                {
                    owed.notify_one();
                }
            }
            Err(error) => tracing::debug!(%error, "cannot look for changes from outside"),
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_OUTSIDE) => {}
            () = stop.wait() => return,
        }
    }
}

fn count(number: usize, thing: &str) -> String {
    match number {
        1 => format!("1 {thing}"),
        _ => format!("{number} {thing}s"),
    }
}

/// Why the daemon ended or did not start.
#[derive(Debug)]
pub enum RunError {
    /// The configuration has problems; every one of them.
    Config(Vec<Problem>),
    Store(StoreError),
    Other(String),
}

/// Runs the daemon in the foreground until SIGTERM or SIGINT. SIGHUP reloads.
///
/// # Errors
/// When it could not start.
pub async fn run(path: &Path, environment: &Environment) -> Result<(), RunError> {
    // First of all: a SIGHUP that comes while the daemon starts must not end it.
    let mut signals = Signals::new()
        .map_err(|error| RunError::Other(format!("cannot listen for signals: {error}")))?;
    let (config, warnings) = load(path, environment).await.map_err(RunError::Config)?;
    log_problems(&warnings);
    // From here on: what is saved once the daemon is ready must not be missed.
    let mut saved = SavedFiles::default();
    saved.follow(&config, environment);
    let store_path = config.store.path.clone();
    let store = {
        let path = store_path.clone();
        let opened = tokio::task::spawn_blocking(move || Store::open(&path)).await;
        opened
            .map_err(|error| RunError::Other(error.to_string()))?
            .map_err(RunError::Store)?
    };
    let settings = InternetSettings::with_contact(config.poll.contact.as_deref());
    let net: Arc<dyn Net> = Arc::new(Internet::new(settings).map_err(RunError::Other)?);
    // Before anything is polled: an address that is taken is told at once.
    let listener = match &config.web {
        Some(web) => Some(web::bind(web.listen).await.map_err(RunError::Other)?),
        None => None,
    };
    let mut node = Node::start(store.clone(), net, Clock::System, &config)
        .await
        .map_err(RunError::Store)?;
    if let Some(listener) = listener {
        node.listen(listener);
    }
    announce(&config, &store).await;
    systemd::ready(&status(&config)).await;
    let damaged = serve(&node, config, path, environment, &mut signals, &mut saved).await;
    systemd::stopping().await;
    node.stop(STOP_WITHIN).await;
    match damaged {
        Some(error) => Err(RunError::Store(error)),
        None => {
            tracing::info!("stopped");
            Ok(())
        }
    }
}

/// Obeys signals and shows signs of life until it is time to stop; gives the finding when that is a damaged archive.
async fn serve(
    node: &Node,
    mut config: Config,
    path: &Path,
    environment: &Environment,
    signals: &mut Signals,
    saved: &mut SavedFiles,
) -> Option<StoreError> {
    let store_path = config.store.path.clone();
    let check_archive = node.store.check_archive(&store_path);
    tokio::pin!(check_archive);
    let mut is_checking = true;
    // A third of the limit: one late sign of life is no reason to be restarted.
    let watchdog = systemd::watchdog_limit().map(|limit| limit / 3);
    let mut next_watchdog = Instant::now();
    let started = Instant::now();
    let mut next_summary = started + Duration::from_secs(1);
    let mut next_tidying = next_summary;
    let mut has_summed_up = false;
    loop {
        tokio::select! {
            () = stop_signal(&mut signals.terminate, &mut signals.interrupt) => {
                tracing::info!("stopping");
                return None;
            }
            () = reload_wanted(&mut signals.hangup, saved) => {
                systemd::reloading().await;
                if let Some(new) = reload(node, &config, path, environment).await {
                    config = new;
                    saved.follow(&config, environment);
                }
                systemd::ready(&status(&config)).await;
            }
            checked = &mut check_archive, if is_checking => {
                is_checking = false;
                match checked {
                    Err(error @ StoreError::Damaged { .. }) => return Some(error),
                    Err(error) => tracing::warn!(%error, "the archive could not be checked"),
                    Ok(()) => {}
                }
            }
            () = tokio::time::sleep_until(next_watchdog), if watchdog.is_some() => {
                next_watchdog = Instant::now() + watchdog.unwrap_or(LOOP_AGE_MAX);
                if node.moves().await {
                    systemd::feed_watchdog().await;
                } else {
                    tracing::error!("a loop or the store is stuck; the watchdog is not fed and systemd will restart the daemon");
                }
            }
            () = tokio::time::sleep_until(next_tidying) => {
                next_tidying += TIDY_EVERY;
                memory::give_back();
            }
            () = tokio::time::sleep_until(next_summary) => {
                let is_due = has_summed_up || node.has_asked_all() || started.elapsed() >= FIRST_SUMMARY;
                if is_due {
                    let summary = node.summary().await;
                    systemd::status(&summary).await;
                    tracing::info!("{summary}");
                    has_summed_up = true;
                }
                next_summary = Instant::now() + if is_due { SUMMARY_EVERY } else { Duration::from_secs(1) };
            }
        }
    }
}

async fn reload(
    node: &Node,
    old: &Config,
    path: &Path,
    environment: &Environment,
) -> Option<Config> {
    tracing::info!("reloading");
    let (config, warnings) = match load(path, environment).await {
        Ok(loaded) => loaded,
        Err(problems) => {
            log_problems(&problems);
            tracing::error!("the new configuration is not taken; the old one stays live");
            node.refuse_reload(old, &notices::first_of(&problems)).await;
            return None;
        }
    };
    log_problems(&warnings);
    let listen = |config: &Config| config.web.as_ref().map(|web| web.listen);
    if config.store != old.store
        || config.poll.contact != old.poll.contact
        || listen(&config) != listen(old)
    {
        tracing::warn!("[store], [poll] contact and [web] listen take effect at the next start");
    }
    match node.reload(&config).await {
        Ok(()) => {
            announce(&config, &node.store).await;
            Some(config)
        }
        Err(error) => {
            tracing::error!(%error, "the new configuration is not taken; the old one stays live");
            node.refuse_reload(old, &error.to_string()).await;
            None
        }
    }
}

/// Reads and checks the configuration away from the loops: many rules take a while to compile.
async fn load(
    path: &Path,
    environment: &Environment,
) -> Result<(Config, Vec<Problem>), Vec<Problem>> {
    let (path, environment): (PathBuf, Environment) = (path.to_owned(), environment.clone());
    match tokio::task::spawn_blocking(move || config::load(&path, &environment).into_result()).await
    {
        Ok(loaded) => loaded,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// One line per problem, with its place.
fn log_problems(problems: &[Problem]) {
    for problem in problems {
        let at = format!(
            "{}:{}:{}",
            problem.path.display(),
            problem.line,
            problem.column
        );
        match problem.is_error() {
            true => tracing::error!(%at, help = problem.help.as_deref(), "{}", problem.message),
            false => tracing::warn!(%at, help = problem.help.as_deref(), "{}", problem.message),
        }
    }
}

async fn announce(config: &Config, store: &Store) {
    tracing::info!(
        feeds = config.feeds.len(), rules = config.rules.rules().len(), receivers = config.receivers.len(),
        store = %config.store.path.display(), config = %config.path.display(), "watching"
    );
    let Ok(owed) = store.owed_counts().await else {
        return;
    };
    for (receiver, deliveries) in owed {
        if config
            .receivers
            .iter()
            .all(|configured| configured.name != receiver)
        {
            tracing::warn!(%receiver, deliveries, "deliveries are owed to a receiver that is not configured; they wait for it");
        }
    }
}

fn status(config: &Config) -> String {
    format!(
        "watching {} with {} for {}",
        count(config.feeds.len(), "feed"),
        count(config.rules.rules().len(), "rule"),
        count(config.receivers.len(), "receiver")
    )
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }
}

/// SIGHUP, or a saved file where the configuration wants that.
async fn reload_wanted(hangup: &mut Signal, saved: &SavedFiles) {
    tokio::select! {
        _ = hangup.recv() => {}
        () = saved.changed() => tracing::info!("a file of the configuration was saved"),
    }
}

async fn stop_signal(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
