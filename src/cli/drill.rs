//! `drill`: a marked item goes the whole way, from a rule's own example to the receivers, and each step says how long it
//! took. Where a daemon runs, its outbox carries the drill; otherwise this command does.

use std::{
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

use super::{Globals, show};
use crate::{
    config::Config,
    judge::{DOCUMENT_VERSION, stable_id},
    model::{Alert, AlertItem, AlertStatus, AlertStory, AlertTiming, Feed, Hit, Item, Severity},
    net::{Internet, InternetSettings, Net},
    notify::{Message, Receiver, Verdict},
    store::Store,
    time::{Clock, Timestamp, show_duration},
};

/// Send a marked item the whole way: matched, queued, delivered; report each step and its time
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The item is the first `fire` example of the rule. Every receiver that the rule's alerts go to gets it, marked as a drill.\n\n\
    Examples:\n  wirewatch drill\n  wirewatch drill --rule rebel-advance"
)]
pub struct Args {
    /// The rule to drill [default: the first that has a `fire` example]
    #[arg(long, value_name = "ID")]
    rule: Option<String>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// How long a running daemon may take.
const DAEMON_MAX: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

pub fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let config = super::load(globals)?;
    let mut report = Report::new(args.json);
    let rules = config.rules.rules();
    let chosen = match &args.rule {
        Some(id) => rules.iter().find(|rule| rule.id == *id),
        None => rules.iter().find(|rule| !rule.fire.is_empty()),
    };
    let Some(rule) = chosen else {
        match args.rule {
            Some(id) => bail!("there is no rule {id:?}"),
            None => bail!(
                "no rule has a `fire` example to drill with; name one that has words, or add `fire = [\"…\"]`"
            ),
        }
    };
    let Some(example) = rule.fire.first() else {
        bail!(
            "the rule {} has no `fire` example: add `fire = [\"…\"]`",
            rule.id
        );
    };
    let now = Clock::System.now();
    let item = Item {
        id: format!("drill-{}", now.as_millisecond()),
        title: example.text.clone(),
        lang: rule.langs.first().cloned(),
        ..Item::default()
    };
    // The rule may look at certain feeds alone.
    let feed = config
        .feeds
        .iter()
        .find(|feed| rule.feeds.takes(feed))
        .map_or_else(|| Feed::named("drill"), |feed| (**feed).clone());
    report.step("item", true, &item.title)?;
    let hits = config.rules.hits(&feed, &item);
    let found = hits.into_iter().find(|hits| {
        config
            .rules
            .rules()
            .get(hits.rule)
            .is_some_and(|matched| matched.id == rule.id)
    });
    let Some(found) = found else {
        report.step(
            "matched",
            false,
            &format!(
                "{} does not match its own example; `wirewatch why` says where it fails",
                rule.id
            ),
        )?;
        return Ok(ExitCode::FAILURE);
    };
    report.step(
        "matched",
        true,
        &format!("{}, severity {}", rule.id, rule.severity.name()),
    )?;
    let mut alert = alert(&rule.id, &rule.title, rule.severity, &item.title, now);
    alert.tags = rule.tags.clone();
    alert.hits = found.hits;
    alert.item.feed = feed.name.clone();
    alert.item.publisher = feed.publisher.clone();
    let receivers: Vec<Arc<Receiver>> = config
        .receivers
        .iter()
        .filter(|receiver| receiver.wants.takes(&rule.id, rule.severity, &rule.tags))
        .cloned()
        .collect();
    if receivers.is_empty() {
        report.step("routed", false, "no receiver takes this rule's alerts")?;
        return Ok(ExitCode::FAILURE);
    }
    let names: Vec<&str> = receivers
        .iter()
        .map(|receiver| receiver.name.as_str())
        .collect();
    report.step("routed", true, &names.join(", "))?;
    Ok(match send(&config, &receivers, alert, &mut report)? {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Tells each step as it is made.
pub struct Report {
    is_json: bool,
    last: Instant,
}

impl Report {
    pub fn new(is_json: bool) -> Report {
        Report {
            is_json,
            last: Instant::now(),
        }
    }

    fn step(&mut self, step: &str, is_good: bool, detail: &str) -> anyhow::Result<()> {
        let took = std::mem::replace(&mut self.last, Instant::now()).elapsed();
        let line = match self.is_json {
            true => serde_json::json!({"step": step, "ok": is_good, "ms": took.as_secs_f64() * 1000.0, "detail": detail}).to_string(),
            false => {
                let mark = if is_good { "ok  " } else { "FAIL" };
                let took = if took < Duration::from_millis(1) { "<1ms".to_owned() } else { show_duration(took) };
                format!("{mark} {step:<10} {took:>8}  {}", show::safe(detail))
            }
        };
        super::print(format!("{line}\n").as_bytes())
    }
}

/// An alert that asks whether one receiver can be reached.
pub fn test_alert(receiver: &str, now: Timestamp) -> Alert {
    let title = format!("Drill: wirewatch reaches {receiver}");
    alert("drill", "Drill", Severity::Info, &title, now)
}

fn alert(rule: &str, title: &str, severity: Severity, headline: &str, now: Timestamp) -> Alert {
    let id = stable_id(now, &["drill", rule, headline]);
    Alert {
        version: DOCUMENT_VERSION,
        id: id.clone(),
        revision: 1,
        status: AlertStatus::Firing,
        rule: rule.to_owned(),
        title: title.to_owned(),
        severity,
        tags: Vec::new(),
        drill: true,
        item: AlertItem {
            id: id.clone(),
            feed: "drill".to_owned(),
            publisher: "wirewatch".to_owned(),
            title: headline.to_owned(),
            url: String::new(),
            summary: "This is a drill: nothing has happened.".to_owned(),
            lang: None,
            published: None,
            seen: now,
        },
        hits: Vec::<Hit>::new(),
        story: AlertStory {
            id,
            items: 1,
            publishers: vec!["wirewatch".to_owned()],
            origins: 1,
        },
        timing: AlertTiming {
            published: None,
            seen: now,
            matched: now,
            queued: now,
        },
    }
}

/// Sends a drill to the receivers; whether all of them took it.
pub fn send(
    config: &Config,
    receivers: &[Arc<Receiver>],
    alert: Alert,
    report: &mut Report,
) -> anyhow::Result<bool> {
    match Store::owner(&config.store.path) {
        Some(by) => through_daemon(config, receivers, alert, &by, report),
        None => by_itself(config, receivers, &alert, report),
    }
}

/// Queued in the store; the daemon's own loop delivers.
fn through_daemon(
    config: &Config,
    receivers: &[Arc<Receiver>],
    alert: Alert,
    by: &str,
    report: &mut Report,
) -> anyhow::Result<bool> {
    let runtime = super::runtime()?;
    let store = Store::open_beside(&config.store.path).context("cannot queue the drill")?;
    let to: Vec<String> = receivers
        .iter()
        .map(|receiver| receiver.name.clone())
        .collect();
    let id = alert.id.clone();
    runtime
        .block_on(store.post_alert(alert, to.clone()))
        .context("cannot queue the drill")?;
    report.step("queued", true, &format!("in the outbox of {by}"))?;
    let mut waiting = to;
    let mut is_good = true;
    let end = Instant::now() + DAEMON_MAX;
    while !waiting.is_empty() {
        let rows = runtime
            .block_on(store.deliveries_of(id.clone()))
            .context("cannot read the outbox")?;
        for row in rows {
            let is_news = waiting.contains(&row.receiver);
            let tried = format!(
                "{}, {}",
                row.receiver,
                show::count(u64::from(row.attempts), "attempt", "attempts")
            );
            let problem = row.problem.clone().unwrap_or_default();
            let (done, good, detail) = match row.state.as_str() {
                "done" => (true, true, tried),
                "dead" => (true, false, format!("{tried}: {problem}")),
                _ if row.attempts > 0 => (
                    true,
                    false,
                    format!("{tried}: {problem}; it is tried again"),
                ),
                _ => (false, true, String::new()),
            };
            if is_news && done {
                report.step("delivered", good, &detail)?;
                is_good &= good;
                waiting.retain(|name| *name != row.receiver);
            }
        }
        if Instant::now() > end {
            let detail = format!(
                "{} not tried within {}: does the daemon know it? Reload it",
                waiting.join(", "),
                show_duration(DAEMON_MAX)
            );
            report.step("delivered", false, &detail)?;
            return Ok(false);
        }
        std::thread::sleep(LOOK_AGAIN);
    }
    Ok(is_good)
}

/// Composed, sent and judged here, as the daemon would.
fn by_itself(
    config: &Config,
    receivers: &[Arc<Receiver>],
    alert: &Alert,
    report: &mut Report,
) -> anyhow::Result<bool> {
    let runtime = super::runtime()?;
    let settings = InternetSettings::with_contact(config.poll.contact.as_deref());
    let net = Internet::new(settings).map_err(anyhow::Error::msg)?;
    report.step(
        "ready",
        true,
        "no daemon runs on this store; the drill goes out from here",
    )?;
    let mut is_good = true;
    for receiver in receivers {
        let now = Clock::System.now();
        let id = format!("{}-1-{}", alert.id, receiver.name);
        let name = &receiver.name;
        let past = match (
            receiver.notifier.past_max(),
            Store::open_to_read(&config.store.path),
        ) {
            (1.., Ok(store)) => {
                let had = store.had_by(name.clone(), receiver.notifier.past_max());
                runtime.block_on(had).context("cannot read what was sent")?
            }
            _ => Vec::new(),
        };
        let message = Message {
            past: &past,
            ..Message::new(&id, alert, now)
        };
        let envelope = match receiver.notifier.compose(&message) {
            Ok(envelope) => envelope,
            Err(problem) => {
                report.step("composed", false, &format!("{name}: {problem}"))?;
                is_good = false;
                continue;
            }
        };
        report.step("composed", true, &format!("{name}, {}", receiver.kind))?;
        let reply = match runtime.block_on(net.send(envelope)) {
            Ok(reply) => reply,
            Err(error) => {
                report.step("sent", false, &format!("{name}: {error}"))?;
                is_good = false;
                continue;
            }
        };
        report.step("sent", true, name)?;
        let (good, detail) = match receiver.notifier.verdict(&reply, Clock::System.now()) {
            Verdict::Accepted => (true, format!("{name} took it")),
            Verdict::TryAfter(_, text) => (
                false,
                format!("{name} answered {text}; the daemon would try again"),
            ),
            Verdict::Refused(text) | Verdict::Anew(text) => {
                (false, format!("{name} refused it: {text}"))
            }
            Verdict::Gone(text) => (false, format!("{name} wants nothing more: {text}")),
        };
        report.step("delivered", good, &detail)?;
        is_good &= good;
    }
    Ok(is_good)
}
