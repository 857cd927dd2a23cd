//! What wirewatch has to tell about itself, as alert documents: they take the ordinary way through the outbox, under rule
//! names that no analyst can write.

use crate::{
    judge::{DOCUMENT_VERSION, stable_id},
    model::{About, Alert, AlertItem, AlertStatus, AlertStory, AlertTiming, Notice, Severity},
    time::Timestamp,
};

/// What the rule of every notice begins with; rules of the configuration may not.
pub const RULE_PREFIX: &str = "notice.";

/// Who speaks in a notice, where an item has its publisher.
const SPEAKER: &str = "wirewatch";

/// The first document of a condition that holds from `now` on. `number` keeps apart two that begin in the same millisecond.
pub fn opened(notice: &Notice, number: i64, now: Timestamp) -> Alert {
    let kind = notice.kind.name();
    let id = stable_id(now, &["notice", kind, &notice.subject, &number.to_string()]);
    let story = AlertStory {
        id: id.clone(),
        items: 1,
        publishers: vec![SPEAKER.to_owned()],
        origins: 1,
    };
    Alert {
        version: DOCUMENT_VERSION,
        id,
        revision: 1,
        status: AlertStatus::Firing,
        rule: format!("{RULE_PREFIX}{kind}"),
        title: notice.kind.title().to_owned(),
        severity: notice.severity,
        tags: Vec::new(),
        drill: false,
        item: item(notice, now),
        hits: Vec::new(),
        story,
        timing: timing(now),
    }
}

/// The next document of a condition that was told as `before`; `None` where there is nothing new to tell: it still holds,
/// no worse than before.
pub fn revised(notice: &Notice, before: &Alert, now: Timestamp) -> Option<Alert> {
    if !notice.is_over && notice.severity <= before.severity {
        return None;
    }
    Some(Alert {
        revision: before.revision + 1,
        status: match notice.is_over {
            true => AlertStatus::Resolved,
            false => AlertStatus::Firing,
        },
        severity: Severity::max(notice.severity, before.severity),
        item: item(notice, now),
        timing: timing(now),
        ..before.clone()
    })
}

fn item(notice: &Notice, now: Timestamp) -> AlertItem {
    let feed = match notice.kind.about() {
        About::Feed => notice.subject.clone(),
        About::Receiver | About::Wirewatch => String::new(),
    };
    AlertItem {
        id: format!("{}:{}", notice.kind.name(), notice.subject),
        feed,
        publisher: SPEAKER.to_owned(),
        title: notice.text.clone(),
        url: notice.url.clone(),
        summary: String::new(),
        lang: Some("en".to_owned()),
        published: None,
        seen: now,
    }
}

fn timing(now: Timestamp) -> AlertTiming {
    AlertTiming {
        published: None,
        seen: now,
        matched: now,
        queued: now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::NoticeKind, render};

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn gone(severity: Severity, is_over: bool) -> Notice {
        Notice {
            kind: NoticeKind::FeedGone,
            subject: "coast-news".to_owned(),
            text: "coast-news is not asked again: the server answered 410".to_owned(),
            url: "https://coast.example.org/rss".to_owned(),
            severity,
            is_over,
        }
    }

    #[test]
    fn a_notice_reads_as_an_alert() {
        let alert = opened(
            &gone(Severity::Medium, false),
            7,
            at("2026-03-02T08:00:00Z"),
        );
        assert_eq!(
            render::line(&alert),
            "2026-03-02 08:00:00Z MEDIUM Feed is gone: coast-news is not asked again: the server answered 410 (wirewatch) \
             https://coast.example.org/rss"
        );
        assert_eq!(
            (
                alert.rule.as_str(),
                alert.item.feed.as_str(),
                alert.revision
            ),
            ("notice.feed-gone", "coast-news", 1)
        );
    }

    #[test]
    fn only_what_is_new_is_told() {
        let first = opened(
            &gone(Severity::Medium, false),
            7,
            at("2026-03-02T08:00:00Z"),
        );
        let later = at("2026-03-02T09:00:00Z");
        for (notice, expected) in [
            (gone(Severity::Medium, false), None),
            (gone(Severity::Low, false), None),
            (
                gone(Severity::High, false),
                Some((AlertStatus::Firing, Severity::High)),
            ),
            (
                gone(Severity::Low, true),
                Some((AlertStatus::Resolved, Severity::Medium)),
            ),
        ] {
            let revised = revised(&notice, &first, later);
            let told = revised.as_ref().map(|alert| (alert.status, alert.severity));
            assert_eq!(told, expected);
            if let Some(alert) = revised {
                assert_eq!((alert.revision, alert.id == first.id), (2, true));
            }
        }
    }

    #[test]
    fn kinds_have_names_of_their_own() {
        for kind in NoticeKind::ALL {
            assert_eq!(NoticeKind::parse(kind.name()), Some(kind));
        }
    }
}
