//! Several alerts in one message: a digest, or the summary of what a rate limit held.
//!
//! A bundle is itself written as an alert document, so that whoever reads those reads it too; the alerts it holds stand
//! whole in its `alerts`.

use crate::{
    model::{Alert, AlertItem, AlertStatus, AlertStory, AlertTiming, Severity},
    render,
    time::Timestamp,
};

/// Why alerts travel together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BundleKind {
    Digest,
    /// What was over the receiver's `rate`.
    RateSummary,
}

impl BundleKind {
    /// The name that the store, `why` and the document's `rule` have.
    pub fn name(self) -> &'static str {
        match self {
            BundleKind::Digest => "digest",
            BundleKind::RateSummary => "rate-summary",
        }
    }

    pub fn parse(name: &str) -> Option<BundleKind> {
        [BundleKind::Digest, BundleKind::RateSummary]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// The document that stands for `alerts`, of which there is at least one. `id` is the bundle's own, the same on every attempt.
pub fn document(kind: BundleKind, id: &str, alerts: &[Alert], formed: Timestamp) -> Alert {
    let severity = alerts.iter().map(|alert| alert.severity).max();
    let severity = severity.unwrap_or(Severity::Info);
    let mut publishers: Vec<String> = alerts
        .iter()
        .flat_map(|alert| alert.story.publishers.iter().cloned())
        .collect();
    publishers.sort();
    publishers.dedup();
    let mut tags: Vec<String> = alerts
        .iter()
        .flat_map(|alert| alert.tags.iter().cloned())
        .collect();
    tags.sort();
    tags.dedup();
    let lines: Vec<String> = alerts.iter().map(render::subject).collect();
    let seen = alerts
        .iter()
        .map(|alert| alert.item.seen)
        .min()
        .unwrap_or(formed);
    let count = u32::try_from(alerts.len()).unwrap_or(u32::MAX);
    Alert {
        version: 1,
        id: id.to_owned(),
        revision: 1,
        status: AlertStatus::Firing,
        rule: kind.name().to_owned(),
        title: match kind {
            BundleKind::Digest => "Digest".to_owned(),
            BundleKind::RateSummary => "Summary of what is over the rate".to_owned(),
        },
        severity,
        tags,
        drill: alerts.iter().all(|alert| alert.drill),
        item: AlertItem {
            id: id.to_owned(),
            feed: "wirewatch".to_owned(),
            publisher: "wirewatch".to_owned(),
            title: counts(alerts),
            url: String::new(),
            summary: lines.join("\n"),
            lang: None,
            published: None,
            seen,
        },
        hits: Vec::new(),
        story: AlertStory {
            id: id.to_owned(),
            items: count,
            publishers,
            origins: count,
        },
        timing: AlertTiming {
            published: None,
            seen,
            matched: formed,
            queued: formed,
        },
    }
}

/// `12 alerts: 1 critical, 3 high, 8 medium`.
fn counts(alerts: &[Alert]) -> String {
    let total = match alerts.len() {
        1 => "1 alert".to_owned(),
        count => format!("{count} alerts"),
    };
    let of = |severity: &Severity| {
        let count = alerts
            .iter()
            .filter(|alert| alert.severity == *severity)
            .count();
        (count > 0).then(|| format!("{count} {}", severity.name()))
    };
    let parts: Vec<String> = Severity::ALL.iter().rev().filter_map(of).collect();
    format!("{total}: {}", parts.join(", "))
}
