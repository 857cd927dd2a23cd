//! What Prometheus scrapes: OpenMetrics 1.0 text, names and units by its conventions.

use std::{fmt::Write as _, sync::atomic::Ordering};

use super::App;
use crate::{
    health::{Health, State},
    store::StoreError,
    time,
};

/// One scrape.
///
/// # Errors
/// When the store cannot be read.
pub async fn text(app: &App) -> Result<String, StoreError> {
    let states = app.store.feed_states().await?;
    let outboxes = app.store.outboxes().await?;
    let notices = app.store.open_notices().await?;
    let now = app.clock.now();
    let live = app.live();
    let tally = app.poller.tally();
    let feeds: Vec<_> = live
        .feeds
        .iter()
        .map(|feed| Health::of(feed, states.get(&feed.name), None))
        .collect();

    let mut page = Exposition::default();
    page.family("wirewatch_build", "info", "What runs.");
    page.sample(
        "wirewatch_build_info",
        &[("version", env!("CARGO_PKG_VERSION"))],
        1.0,
    );

    page.family("wirewatch_feeds", "gauge", "Configured feeds by state.");
    for state in [State::Ok, State::Failing, State::Gone, State::New] {
        let number = feeds.iter().filter(|feed| feed.state == state).count();
        page.sample("wirewatch_feeds", &[("state", state.name())], number as f64);
    }
    let is_pushed = |feed: &&Health<'_>| {
        feed.push
            .as_ref()
            .is_some_and(|push| push.until.is_some_and(|until| until > now))
    };
    page.family(
        "wirewatch_feeds_pushed",
        "gauge",
        "Feeds that a WebSub hub pushes.",
    );
    page.sample(
        "wirewatch_feeds_pushed",
        &[],
        feeds.iter().filter(is_pushed).count() as f64,
    );
    let late = feeds
        .iter()
        .filter_map(|feed| feed.next_poll)
        .map(|due| time::until(due, now).as_secs_f64())
        .fold(0.0, f64::max);
    page.family(
        "wirewatch_poll_lag_seconds",
        "gauge",
        "How long the most overdue feed has been due.",
    );
    page.sample("wirewatch_poll_lag_seconds", &[], late);

    page.family(
        "wirewatch_polls",
        "counter",
        "Polls since the start, by outcome.",
    );
    for (outcome, counter) in [
        ("answered", &tally.polls_answered),
        ("failed", &tally.polls_failed),
    ] {
        page.sample(
            "wirewatch_polls_total",
            &[("outcome", outcome)],
            counter.load(Ordering::Relaxed) as f64,
        );
    }
    for (name, help, counter) in [
        (
            "wirewatch_pushes",
            "Documents that hubs brought since the start.",
            &tally.pushes,
        ),
        (
            "wirewatch_items",
            "New items since the start.",
            &tally.new_items,
        ),
        ("wirewatch_alerts", "Alerts since the start.", &tally.alerts),
    ] {
        page.family(name, "counter", help);
        page.sample(
            &format!("{name}_total"),
            &[],
            counter.load(Ordering::Relaxed) as f64,
        );
    }

    page.family("wirewatch_deliveries_owed", "gauge", "Deliveries owed now.");
    for outbox in &outboxes {
        page.sample(
            "wirewatch_deliveries_owed",
            &[("receiver", &outbox.receiver)],
            outbox.owed as f64,
        );
    }
    page.family(
        "wirewatch_deliveries_dead",
        "gauge",
        "Deliveries that were given up and are kept.",
    );
    for outbox in &outboxes {
        page.sample(
            "wirewatch_deliveries_dead",
            &[("receiver", &outbox.receiver)],
            outbox.dead as f64,
        );
    }
    page.family(
        "wirewatch_delivery_lag_seconds",
        "gauge",
        "How long the oldest owed delivery has waited.",
    );
    for outbox in &outboxes {
        let waited = outbox
            .owed_since
            .map_or(0.0, |since| time::until(since, now).as_secs_f64());
        page.sample(
            "wirewatch_delivery_lag_seconds",
            &[("receiver", &outbox.receiver)],
            waited,
        );
    }

    page.family(
        "wirewatch_notices_open",
        "gauge",
        "Conditions that the operator was told of and that still hold.",
    );
    let mut kinds: Vec<&str> = notices.iter().map(|(kind, _)| kind.name()).collect();
    kinds.sort_unstable();
    for kind in kinds.chunk_by(|a, b| a == b) {
        if let Some(name) = kind.first() {
            page.sample(
                "wirewatch_notices_open",
                &[("kind", name)],
                kind.len() as f64,
            );
        }
    }
    Ok(page.finish())
}

#[derive(Default)]
struct Exposition(String);

impl Exposition {
    /// Begins a metric family; a unit at the end of its name is told as its unit.
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# TYPE {name} {kind}");
        if name.ends_with("_seconds") {
            let _ = writeln!(self.0, "# UNIT {name} seconds");
        }
        let _ = writeln!(self.0, "# HELP {name} {help}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.0.push_str(name);
        let labels: Vec<String> = labels
            .iter()
            .map(|(label, value)| format!("{label}=\"{}\"", escaped(value)))
            .collect();
        if !labels.is_empty() {
            let _ = write!(self.0, "{{{}}}", labels.join(","));
        }
        let _ = writeln!(self.0, " {value}");
    }

    fn finish(mut self) -> String {
        self.0.push_str("# EOF\n");
        self.0
    }
}

/// A label's value (OpenMetrics 1.0, escaping).
fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_written_as_the_format_says() {
        let mut page = Exposition::default();
        page.family("wirewatch_delivery_lag_seconds", "gauge", "How long.");
        page.sample(
            "wirewatch_delivery_lag_seconds",
            &[("receiver", "a\"b\\c\nd")],
            1.5,
        );
        page.sample("wirewatch_feeds", &[], 10_000.0);
        assert_eq!(
            page.finish(),
            "# TYPE wirewatch_delivery_lag_seconds gauge\n# UNIT wirewatch_delivery_lag_seconds seconds\n\
             # HELP wirewatch_delivery_lag_seconds How long.\n\
             wirewatch_delivery_lag_seconds{receiver=\"a\\\"b\\\\c\\nd\"} 1.5\nwirewatch_feeds 10000\n# EOF\n"
        );
    }
}
