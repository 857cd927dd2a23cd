//! Alert documents.

use crate::{
    model::{Alert, AlertItem, AlertStatus, AlertStory, AlertTiming, Hit, Severity},
    rule::RuleSource,
    story::publisher_of_item,
    time::Timestamp,
};

use super::Matched;

/// The version of the alert document.
pub const DOCUMENT_VERSION: u32 = 1;

/// An alert's first revision.
pub(super) fn first(
    matched: &Matched<'_>,
    rule: &RuleSource,
    severity: Severity,
    hits: &[Hit],
    story: &AlertStory,
    now: Timestamp,
) -> Alert {
    let Matched { feed, item, .. } = matched;
    Alert {
        version: DOCUMENT_VERSION,
        id: stable_id(matched.seen, &["alert", &rule.id, &feed.name, &item.id]),
        revision: 1,
        status: AlertStatus::Firing,
        rule: rule.id.clone(),
        title: rule.title.clone(),
        severity,
        tags: rule.tags.clone(),
        drill: false,
        item: told(matched),
        hits: hits.to_vec(),
        story: story.clone(),
        timing: timing(matched, now),
    }
}

/// Its next revision: about this item where that matches the rule, else about the same one in a story that grew.
pub(super) fn next(
    matched: &Matched<'_>,
    rule: &RuleSource,
    last: &Alert,
    severity: Severity,
    hits: Option<&[Hit]>,
    story: &AlertStory,
    now: Timestamp,
) -> Alert {
    let about = match hits {
        Some(hits) => Alert {
            item: told(matched),
            hits: hits.to_vec(),
            timing: timing(matched, now),
            ..last.clone()
        },
        None => Alert {
            timing: AlertTiming {
                queued: now,
                ..last.timing
            },
            ..last.clone()
        },
    };
    Alert {
        revision: last.revision + 1,
        status: match severity > last.severity {
            true => AlertStatus::Firing,
            false => last.status,
        },
        title: rule.title.clone(),
        tags: rule.tags.clone(),
        severity,
        story: story.clone(),
        ..about
    }
}

/// What was held, as it is sent now.
pub(super) fn released(
    held: Alert,
    severity: Severity,
    story: &AlertStory,
    now: Timestamp,
) -> Alert {
    Alert {
        severity: held.severity.max(severity),
        story: story.clone(),
        timing: AlertTiming {
            queued: now,
            ..held.timing
        },
        ..held
    }
}

fn told(matched: &Matched<'_>) -> AlertItem {
    AlertItem {
        publisher: publisher_of_item(matched.feed, matched.item),
        ..AlertItem::of(matched.feed, matched.item, matched.seen)
    }
}

fn timing(matched: &Matched<'_>, now: Timestamp) -> AlertTiming {
    AlertTiming {
        published: matched.item.published,
        seen: matched.seen,
        matched: matched.matched,
        queued: now,
    }
}

/// A UUID version 7 (RFC 9562, 5.7) whose random part is a hash of what it names: no randomness, yet unique and in order of time.
pub fn stable_id(at: Timestamp, parts: &[&str]) -> String {
    let mut bytes = Vec::with_capacity(128);
    for part in parts {
        bytes.extend_from_slice(part.as_bytes());
        bytes.push(0);
    }
    let hash = xxhash_rust::xxh3::xxh3_128(&bytes).to_be_bytes();
    let mut tail = [0; 10];
    tail.copy_from_slice(&hash[..10]);
    let ms = u64::try_from(at.as_millisecond()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(ms, &tail)
        .into_uuid()
        .to_string()
}
