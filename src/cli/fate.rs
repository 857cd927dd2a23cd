//! What became of an item, and of an alert, as `why` tells it: one line a stage, or a document.

use serde::Serialize;

use super::{alerts, show};
use crate::{
    judge::Reason,
    model::AlertStatus,
    store::{AlertRow, ArchivedItem, EditRow, JudgementRow},
    time::{Timestamp, rfc3339},
};

/// An alert and the items that it tells of.
#[derive(Serialize)]
pub struct AlertFate<'a> {
    alert: &'a AlertRow,
    items: Vec<Fate<'a>>,
}

impl<'a> AlertFate<'a> {
    pub fn of(row: &'a AlertRow, items: &'a [ArchivedItem]) -> AlertFate<'a> {
        AlertFate {
            alert: row,
            items: items.iter().map(|item| Fate::of(item, &[])).collect(),
        }
    }
}

/// One line a stage: the alert, each item with what was decided about it, each delivery.
pub fn alert_lines(row: &AlertRow, items: &[ArchivedItem], now: Timestamp) -> Vec<String> {
    let alert = &row.alert;
    let status = match alert.status {
        AlertStatus::Firing => "firing",
        AlertStatus::Acknowledged => "acknowledged",
        AlertStatus::Resolved => "resolved",
    };
    let mut lines = vec![
        stage("alert", &told_by(row)),
        stage("status", status),
        stage("title", &alert.item.title),
    ];
    for (name, at) in [("acked", row.acknowledged), ("wrong", row.wrong)] {
        lines.extend(at.map(|at| stage(name, &rfc3339(at))));
    }
    if items.is_empty() {
        lines.push(stage("items", "none of its items is in the archive"));
    }
    for archived in items {
        let is_its = |judgement: &&JudgementRow| judgement.alert.as_ref() == Some(&alert.id);
        for judgement in archived.judgements.iter().filter(is_its) {
            lines.push(stage(
                "item",
                &format!(
                    "{} in {}: {} {}",
                    rfc3339(archived.seen),
                    archived.feed,
                    shortened(&archived.item.title),
                    archived.item.url
                ),
            ));
            lines.push(stage("judged", &meaning(&judgement.reason)));
        }
    }
    lines.extend(delivery_lines(row, now));
    lines
}

fn delivery_lines(row: &AlertRow, now: Timestamp) -> Vec<String> {
    if row.deliveries.is_empty() {
        let nobody = format!("{}: no receiver wants it", row.alert.rule);
        return vec![stage("delivery", &nobody)];
    }
    let lines = row.deliveries.iter();
    lines
        .map(|delivery| stage("delivery", &alerts::standing(delivery, now)))
        .collect()
}

fn stage(name: &str, text: &str) -> String {
    format!("{}{name:9}{:#} {}", show::DIM, show::DIM, show::safe(text))
}

/// What became of one item.
#[derive(Serialize)]
pub struct Fate<'a> {
    item: SeenItem<'a>,
    /// What it said before, oldest first.
    edits: &'a [EditRow],
    judgements: &'a [JudgementRow],
    alerts: Vec<&'a AlertRow>,
}

#[derive(Serialize)]
struct SeenItem<'a> {
    id: &'a str,
    feed: &'a str,
    title: &'a str,
    summary: &'a str,
    url: &'a str,
    lang: Option<&'a str>,
    published: Option<String>,
    seen: String,
}

impl<'a> Fate<'a> {
    pub fn of(archived: &'a ArchivedItem, alerts: &'a [AlertRow]) -> Fate<'a> {
        let item = &archived.item;
        let belongs = |row: &&AlertRow| {
            archived
                .judgements
                .iter()
                .any(|judgement| judgement.alert.as_ref() == Some(&row.alert.id))
        };
        Fate {
            item: SeenItem {
                id: &item.id,
                feed: &archived.feed,
                title: &item.title,
                summary: &item.summary,
                url: &item.url,
                lang: item.lang.as_deref(),
                published: item.published.map(rfc3339),
                seen: rfc3339(archived.seen),
            },
            edits: &archived.edits,
            judgements: &archived.judgements,
            alerts: alerts.iter().filter(belongs).collect(),
        }
    }

    /// One line a stage.
    pub fn lines(&self, now: Timestamp) -> Vec<String> {
        let mut lines = vec![stage("title", self.item.title)];
        if let Some(published) = &self.item.published {
            lines.push(stage("published", published));
        }
        lines.push(stage(
            "seen",
            &format!("{} in {}", self.item.seen, self.item.feed),
        ));
        for (at, edit) in self.edits.iter().enumerate() {
            // What it said next: before the next edit, or now.
            let next = self.edits.get(at + 1);
            let now_title = next.map_or(self.item.title, |next| next.title.as_str());
            let now_summary = next.map_or(self.item.summary, |next| next.summary.as_str());
            lines.push(stage("edited", &rfc3339(edit.edited)));
            for (was, is) in [
                (edit.title.as_str(), now_title),
                (edit.summary.as_str(), now_summary),
            ] {
                if was != is {
                    lines.push(stage("", &format!("- {}", shortened(was))));
                    lines.push(stage("", &format!("+ {}", shortened(is))));
                }
            }
        }
        if self.judgements.is_empty() {
            lines.push(stage("judged", "no rule matched when it was seen"));
        }
        for judgement in self.judgements {
            let alert = match &judgement.alert {
                Some(alert) => format!(", alert {alert}"),
                None => ", no alert".to_owned(),
            };
            let reason = meaning(&judgement.reason);
            lines.push(stage(
                "judged",
                &format!("{}: {reason}{alert}", judgement.rule),
            ));
        }
        for row in &self.alerts {
            lines.push(stage("alert", &told_by(row)));
            lines.extend(delivery_lines(row, now));
        }
        lines
    }
}

/// `0197…, revision 2 of rebel-advance, high: 3 items of bbc, cnn, 2 independent texts`.
fn told_by(row: &AlertRow) -> String {
    let (alert, story) = (&row.alert, &row.alert.story);
    let items = show::count(u64::from(story.items), "item", "items");
    let texts = show::count(u64::from(story.origins), "text", "texts");
    format!(
        "{}, revision {} of {}, {}: {items} in {texts} from {}",
        alert.id,
        alert.revision,
        alert.rule,
        alert.severity.name(),
        story.publishers.join(", ")
    )
}

/// As much of a text as one line shows.
fn shortened(text: &str) -> String {
    const CHARACTERS_MAX: usize = 160;
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or("")),
        None => text.to_owned(),
    }
}

/// A reason's name, and what it means.
fn meaning(name: &str) -> String {
    match Reason::parse(name) {
        Some(reason) => format!("{name} ({})", reason.meaning()),
        None => name.to_owned(),
    }
}
