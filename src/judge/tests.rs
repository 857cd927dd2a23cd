use super::*;
use crate::{
    model::AlertStatus,
    rule::{Burst, Needs, Raise},
};

const HOUR: Duration = Duration::from_secs(3600);

/// A desk that reads items one after another, under some rules.
struct Desk {
    rules: Vec<RuleSource>,
    past: Memory,
    now: Timestamp,
    items: usize,
    alerts: Vec<Alert>,
}

fn start() -> Timestamp {
    "2024-12-06T00:00:00Z".parse().unwrap()
}

fn rule(id: &str) -> RuleSource {
    RuleSource {
        id: id.to_owned(),
        title: "Armed group gains ground".to_owned(),
        severity: Severity::Medium,
        tags: vec!["syria".to_owned()],
        ..RuleSource::default()
    }
}

fn needs(publishers: u32, hours: u32) -> Option<Needs> {
    Some(Needs {
        publishers,
        within: HOUR * hours,
    })
}

fn raise(to: Severity, publishers: u32, hours: u32) -> Raise {
    Raise {
        to,
        publishers,
        within: HOUR * hours,
    }
}

/// One text about the fall of Homs, and others that were written independently of it.
const FALL: (&str, &str) = (
    "Syrian rebels enter Homs after army withdraws",
    "Rebels entered the central Syrian city of Homs on Friday night after the army withdrew from its bases, residents said.",
);
const FALL_OWN: (&str, &str) = (
    "Army pulls out of Homs as rebels enter Syrian city",
    "Our correspondent saw trucks with soldiers leave Homs for the coast before the first rebels came in from the north.",
);
const FALL_THIRD: (&str, &str) = (
    "Homs falls to Syrian rebels without a fight, army gone",
    "Gunfire of joy and emptied barracks: the third city of Syria changed hands in Homs within hours, witnesses told us by phone.",
);
const OTHER: (&str, &str) = (
    "Ceasefire talks open in Cairo",
    "Envoys of both sides met mediators in the Egyptian capital on Friday to speak about a truce and the release of hostages.",
);

impl Desk {
    fn new(rules: Vec<RuleSource>) -> Desk {
        Desk {
            rules,
            past: Memory::default(),
            now: start(),
            items: 0,
            alerts: Vec::new(),
        }
    }

    fn at(&mut self, hours: u32) -> &mut Desk {
        self.now = time::after(start(), HOUR * hours);
        self
    }

    /// Reads an item that matches these rules; gives `rule reason` for each outcome.
    fn reads_for(&mut self, rules: &[&str], publisher: &str, text: (&str, &str)) -> Vec<String> {
        self.judges(rules, publisher, text, None)
    }

    /// Under all rules.
    fn reads(&mut self, publisher: &str, text: (&str, &str)) -> Vec<String> {
        let rules: Vec<String> = self.rules.iter().map(|rule| rule.id.clone()).collect();
        let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
        self.reads_for(&rules, publisher, text)
    }

    fn judges(
        &mut self,
        rules: &[&str],
        publisher: &str,
        (title, lead): (&str, &str),
        edited: Option<&Edited>,
    ) -> Vec<String> {
        self.items += 1;
        let mut feed = Feed::named(&format!("{publisher}-{}", self.items));
        publisher.clone_into(&mut feed.publisher);
        let item = Item {
            id: self.items.to_string(),
            title: title.to_owned(),
            summary: lead.to_owned(),
            lang: Some("en".to_owned()),
            // A bad date changes nothing.
            published: Some(if self.items.is_multiple_of(2) {
                Timestamp::MAX
            } else {
                Timestamp::MIN
            }),
            ..Item::default()
        };
        let hits = self
            .rules
            .iter()
            .filter(|rule| rules.contains(&rule.id.as_str()));
        let matched = Matched {
            feed: &feed,
            item: &item,
            hits: hits.map(|rule| (rule, Vec::new())).collect(),
            rules: &self.rules,
            is_first_contact: false,
            edited,
            seen: self.now,
            matched: self.now,
        };
        let decision = judge(&matched, &self.past, self.now).unwrap();
        self.past.record(self.now, &decision);
        self.alerts.extend(
            decision
                .judged
                .iter()
                .filter_map(|judged| judged.alert.clone()),
        );
        decision
            .judged
            .iter()
            .map(|judged| format!("{} {}", judged.rule, judged.reason.name()))
            .collect()
    }

    /// The alerts sent so far, as `rule.revision severity`.
    fn sent(&self) -> Vec<String> {
        let one = |alert: &Alert| {
            format!(
                "{}.{} {}",
                alert.rule,
                alert.revision,
                alert.severity.name()
            )
        };
        self.alerts.iter().map(one).collect()
    }

    fn ids(&self) -> usize {
        let ids: std::collections::BTreeSet<&String> =
            self.alerts.iter().map(|alert| &alert.id).collect();
        ids.len()
    }
}

#[test]
fn a_story_is_one_alert_and_a_rule_per_item_alerts_each_time() {
    let mut desk = Desk::new(vec![
        rule("story"),
        RuleSource {
            per: Per::Item,
            ..rule("item")
        },
    ]);
    assert_eq!(
        desk.reads("p1", FALL),
        ["story first-report", "item first-report"]
    );
    assert_eq!(
        desk.reads("p2", FALL),
        ["story same-origin", "item first-report"]
    );
    assert_eq!(
        desk.reads("p3", FALL_OWN),
        ["story same-story", "item first-report"]
    );
    assert_eq!(
        desk.reads("p3", OTHER),
        ["story first-report", "item first-report"]
    );
    let last = desk
        .alerts
        .iter()
        .rfind(|alert| alert.rule == "item" && alert.story.items == 3)
        .unwrap();
    assert_eq!(last.story.publishers, ["p1", "p2", "p3"]);
    assert_eq!((last.story.items, last.story.origins), (3, 2));
    assert_eq!(desk.sent().len(), 6);
}

#[test]
fn what_copies_confirm_nothing_and_one_own_report_does() {
    let mut desk = Desk::new(vec![RuleSource {
        needs: needs(2, 6),
        ..rule("r")
    }]);
    for reprint in 0..30 {
        assert_eq!(
            desk.reads(&format!("p{}", reprint % 12), FALL),
            ["r held-needs-publishers"]
        );
    }
    assert_eq!(desk.sent(), [""; 0]);
    // A second text of a paper that printed the first makes two: the other papers' text and its own.
    let mut alone = Desk::new(vec![RuleSource {
        needs: needs(2, 6),
        ..rule("r")
    }]);
    alone.reads("p1", FALL);
    assert_eq!(alone.reads("p1", FALL_OWN), ["r held-needs-publishers"]);
    assert_eq!(desk.reads("p12", FALL_OWN), ["r confirmed"]);
    assert_eq!(desk.sent(), ["r.1 medium"]);
    assert_eq!(
        (desk.alerts[0].story.items, desk.alerts[0].story.origins),
        (31, 2)
    );
    assert_eq!(desk.alerts[0].story.publishers.len(), 13);
    assert_eq!(desk.reads("p5", FALL), ["r same-origin"]);
}

#[test]
fn what_was_held_fires_when_another_kind_of_report_meets_it() {
    let (a, b) = (
        RuleSource {
            needs: needs(2, 6),
            ..rule("a")
        },
        rule("b"),
    );
    let mut desk = Desk::new(vec![a.clone(), b.clone()]);
    assert_eq!(
        desk.reads_for(&["a"], "p1", FALL),
        ["a held-needs-publishers"]
    );
    assert_eq!(
        desk.at(1).reads_for(&["b"], "p2", FALL_OWN),
        ["b first-report", "a confirmed"]
    );
    let held = desk.alerts.iter().find(|alert| alert.rule == "a").unwrap();
    assert_eq!(
        (held.item.title.as_str(), held.revision, held.story.items),
        (FALL.0, 1, 2)
    );
    assert_eq!(held.timing.queued, desk.now);
    // Too late: it waited six hours.
    let mut desk = Desk::new(vec![a.clone(), b]);
    desk.reads_for(&["a"], "p1", FALL);
    assert_eq!(
        desk.at(7).reads_for(&["b"], "p2", FALL_OWN),
        ["b first-report"]
    );
    assert_eq!(
        desk.at(8).reads_for(&["a"], "p3", FALL_THIRD),
        ["a first-report"],
        "two others within the time"
    );
    // Each item that waited is an alert where the rule wants each.
    let mut desk = Desk::new(vec![RuleSource {
        per: Per::Item,
        ..a
    }]);
    desk.reads("p1", FALL);
    desk.reads("p2", FALL);
    assert_eq!(
        desk.reads("p3", FALL_OWN),
        ["a confirmed", "a confirmed", "a confirmed"]
    );
    assert_eq!(desk.ids(), 3);
}

#[test]
fn severity_rises_with_independent_publishers_and_never_falls() {
    let raised = RuleSource {
        raise: vec![raise(Severity::Critical, 3, 6), raise(Severity::High, 2, 6)],
        cooldown: Some(HOUR * 24),
        ..rule("r")
    };
    let mut desk = Desk::new(vec![raised, rule("plain")]);
    assert_eq!(desk.reads_for(&["r"], "p1", FALL), ["r first-report"]);
    assert_eq!(desk.reads_for(&["r"], "p2", FALL), ["r same-origin"]);
    // A report that does not match the rule counts as well.
    assert_eq!(
        desk.reads_for(&["plain"], "p3", FALL_OWN),
        ["plain first-report", "r raised"]
    );
    assert_eq!(desk.alerts.last().unwrap().item.title, FALL.0);
    assert_eq!(desk.reads_for(&["r"], "p4", FALL_THIRD), ["r raised"]);
    assert_eq!(desk.reads_for(&["r"], "p5", FALL_THIRD), ["r same-origin"]);
    desk.at(30).reads_for(&["r"], "p5", FALL_THIRD);
    assert_eq!(
        desk.sent(),
        ["r.1 medium", "plain.1 medium", "r.2 high", "r.3 critical"]
    );
    assert_eq!(desk.ids(), 2);
}

#[test]
fn a_cooldown_is_passed_by_a_higher_severity_alone() {
    let item = RuleSource {
        per: Per::Item,
        cooldown: Some(HOUR * 2),
        raise: vec![raise(Severity::Critical, 3, 6)],
        ..rule("item")
    };
    let mut desk = Desk::new(vec![item]);
    assert_eq!(desk.reads("p1", FALL), ["item first-report"]);
    assert_eq!(desk.at(1).reads("p2", FALL_OWN), ["item cooled-down"]);
    assert_eq!(
        desk.at(1).reads("p9", OTHER),
        ["item first-report"],
        "another story"
    );
    assert_eq!(
        desk.at(1).reads("p3", FALL_THIRD),
        ["item first-report"],
        "critical now"
    );
    assert_eq!(
        desk.at(4).reads("p1", FALL_OWN),
        ["item first-report"],
        "after the cooldown"
    );
    // A threshold that lifts nothing waits for the cooldown's end.
    let story = RuleSource {
        cooldown: Some(HOUR * 2),
        raise: vec![raise(Severity::Medium, 2, 6)],
        ..rule("story")
    };
    let mut desk = Desk::new(vec![story]);
    desk.reads("p1", FALL);
    assert_eq!(desk.at(1).reads("p2", FALL_OWN), ["story cooled-down"]);
    assert_eq!(desk.at(3).reads("p3", FALL), ["story confirmed"]);
    assert_eq!(desk.at(6).reads("p4", FALL), ["story same-origin"]);
}

#[test]
fn an_edit_alerts_for_rules_that_it_did_not_match_before() {
    let mut desk = Desk::new(vec![rule("a"), rule("b")]);
    desk.reads_for(&["a"], "p1", FALL);
    let edited = |judged: &[&str], hours: u32| Edited {
        first_seen: time::after(start(), HOUR * hours),
        judged: judged.iter().map(|rule| (*rule).to_owned()).collect(),
    };
    assert_eq!(
        desk.at(1)
            .judges(&["a"], "p1", FALL_OWN, Some(&edited(&["a"], 0))),
        [""; 0]
    );
    assert_eq!(
        desk.at(1)
            .judges(&["a", "b"], "p1", FALL_OWN, Some(&edited(&["a"], 0))),
        ["b edited"]
    );
    assert_eq!(
        desk.alerts[1].story.items, 1,
        "the story has the item already"
    );
    // Another item of the story, that matches only now.
    assert_eq!(
        desk.at(2)
            .judges(&["a"], "p2", FALL_THIRD, Some(&edited(&[], 0))),
        ["a edited"]
    );
    assert_eq!(desk.sent(), ["a.1 medium", "b.1 medium", "a.2 medium"]);
    assert_eq!(
        desk.at(80)
            .judges(&["b"], "p3", OTHER, Some(&edited(&[], 1))),
        ["b edited-late"]
    );
}

#[test]
fn a_burst_is_measured_against_the_rule_s_own_rate() {
    let burst = Burst {
        times: 3,
        window: HOUR,
        baseline: HOUR * 24 * 14,
        at_least: 4,
    };
    let reads = |desk: &mut Desk, hours: u32, number: usize| {
        let words = [
            "Ferry",
            "Glacier",
            "Orchestra",
            "Vaccine",
            "Turbine",
            "Lighthouse",
            "Cathedral",
            "Tortoise",
            "Marathon",
        ];
        let title = format!(
            "{} report of {hours} {number}",
            words[(hours as usize + number) % words.len()]
        );
        desk.at(hours).reads("p1", (&title, "")).join(" ")
    };
    let mut desk = Desk::new(vec![RuleSource {
        burst: Some(burst),
        ..rule("r")
    }]);
    // A flood at once says nothing: nobody knows yet what is usual.
    for number in 0..6 {
        assert_eq!(reads(&mut desk, 0, number), "r burst-learning");
    }
    // One item in six hours for three days.
    for hours in (2..72).step_by(6) {
        let want = if hours < 25 {
            "r burst-learning"
        } else {
            "r burst-not-reached"
        };
        assert_eq!(reads(&mut desk, hours, 0), want, "{hours}");
    }
    let want =
        ["not-reached", "not-reached", "not-reached"].map(|reason| format!("r burst-{reason}"));
    assert_eq!([0, 1, 2].map(|number| reads(&mut desk, 80, number)), want);
    assert_eq!(reads(&mut desk, 80, 3), "r first-report");
    assert_eq!(reads(&mut desk, 80, 4), "r burst-ongoing");
    assert_eq!(desk.sent(), ["r.1 medium"]);
}

#[test]
fn a_first_contact_records_what_is_old() {
    let rule = rule("advance");
    for (published, is_first_contact, reason) in [
        (Some("2024-12-06T10:00:00Z"), true, "first-report"),
        (Some("2024-12-04T10:00:00Z"), true, "backfill"),
        (Some("2024-12-04T10:00:00Z"), false, "first-report"),
        (None, true, "first-report"),
    ] {
        let item = Item {
            id: "1".to_owned(),
            title: "Rebels enter the city".to_owned(),
            published: published.map(|at| at.parse().unwrap()),
            ..Item::default()
        };
        let seen = "2024-12-06T14:03:11.204Z".parse().unwrap();
        let matched = Matched {
            feed: &Feed::named("bbc"),
            item: &item,
            hits: vec![(&rule, Vec::new())],
            rules: &[],
            is_first_contact,
            edited: None,
            seen,
            matched: seen,
        };
        let decision = judge(&matched, &Memory::default(), seen).unwrap();
        assert_eq!(decision.judged[0].reason.name(), reason, "{published:?}");
        let alert = decision.judged[0].alert.as_ref();
        assert!(
            alert.is_none_or(|alert| alert.status == AlertStatus::Firing && alert.revision == 1)
        );
    }
}

#[test]
fn reasons_have_one_name_each() {
    for reason in Reason::ALL {
        assert_eq!(Reason::parse(reason.name()), Some(reason));
    }
}

#[test]
fn ids_are_stable_distinct_and_in_order_of_time() {
    let at = |text: &str| -> Timestamp { text.parse().unwrap() };
    let early = stable_id(at("2024-12-06T14:03:11Z"), &["a", "b"]);
    assert_eq!(early, stable_id(at("2024-12-06T14:03:11Z"), &["a", "b"]));
    assert_ne!(early, stable_id(at("2024-12-06T14:03:11Z"), &["ab", ""]));
    assert!(early < stable_id(at("2024-12-06T14:03:12Z"), &["a", "b"]));
    assert_eq!(&early[14..15], "7");
}
