use super::*;

fn at(s: i64) -> Timestamp {
    time::from_ms(s * 1000)
}

const MINUTE: Duration = Duration::from_secs(60);

fn limits(interval: Duration) -> PollLimits {
    PollLimits {
        interval,
        ..PollLimits::default()
    }
}

fn case<'a>(name: &'a str, limits: &'a PollLimits, polled: Polled) -> Case<'a> {
    Case {
        name,
        limits,
        answered: at(0),
        polled,
        fresh: None,
        wishes: Wishes::default(),
        rhythm: None,
        pushed: Duration::ZERO,
    }
}

fn failed(failures: u32, retry_after_s: Option<u64>) -> Polled {
    Polled::Failed {
        failures,
        failing_for: FAILING_AFTER,
        retry_after: retry_after_s.map(Duration::from_secs),
    }
}

#[test]
fn a_feed_is_never_asked_sooner_than_its_interval() {
    let limits = limits(MINUTE);
    let next = |name, polled| plan(case(name, &limits, polled)).next_poll;
    for name in ["a", "b", "bbc-world"] {
        for polled in [
            Polled::First,
            Polled::Answered,
            failed(1, None),
            failed(1, Some(5)),
        ] {
            let next = next(name, polled);
            assert!((at(60)..at(80)).contains(&next), "{name} {polled:?} {next}");
        }
        assert_eq!(next(name, Polled::Answered), time::from_ms(60_001));
    }
    assert_ne!(next("a", Polled::First), next("b", Polled::First));
    assert!(next("a", Polled::First) <= at(60) + FIRST_SPREAD_MAX);
}

#[test]
fn failures_back_off_to_a_day_and_retry_after_is_honoured() {
    let limits = limits(MINUTE);
    let after = |failures, retry_after_s| {
        let plan = plan(case("a", &limits, failed(failures, retry_after_s)));
        time::until(at(0), plan.next_poll).as_secs()
    };
    assert!((60..=75).contains(&after(1, None)));
    assert!((90..=150).contains(&after(2, None)));
    assert!((64_800..=86_400).contains(&after(30, None)));
    assert!((64_800..=86_400).contains(&after(u32::MAX, None)));
    assert_eq!(after(1, Some(3600)), 3600);
}

#[test]
fn wishes_lengthen_and_never_shorten() {
    const DAY_S: u32 = 86_400;
    // An interval of five minutes; what lengthens it, in seconds; when the next poll is and why, and until when no interval counts.
    let limits = PollLimits::default();
    let ttl = |ttl_s| Wishes {
        ttl_s,
        ..Wishes::default()
    };
    let update = |update_s| Wishes {
        update_s,
        ..Wishes::default()
    };
    let none = Wishes::default();
    let answered = Polled::Answered;
    for (polled, max_age_s, wishes, rhythm_s, expected_s, why, not_before_s) in [
        (answered, 0, none, 0, 300, Why::Interval, None),
        (answered, 60, none, 0, 300, Why::Interval, None),
        (answered, 900, none, 0, 900, Why::MaxAge, Some(900)),
        (answered, 0, ttl(60), 0, 300, Why::Interval, None),
        (answered, 0, ttl(900), 0, 900, Why::Ttl, Some(900)),
        (
            answered,
            0,
            update(3600),
            0,
            3600,
            Why::UpdatePeriod,
            Some(3600),
        ),
        (answered, 1200, ttl(900), 0, 1200, Why::MaxAge, Some(1200)),
        // A year, wherever it is written, is a day.
        (
            answered,
            0,
            ttl(365 * DAY_S),
            0,
            DAY_S,
            Why::Ttl,
            Some(DAY_S),
        ),
        // Our own patience, and which of the two is longer.
        (answered, 0, none, 1800, 1800, Why::Rhythm, None),
        (answered, 0, none, 60, 300, Why::Interval, None),
        (answered, 900, none, 1800, 1800, Why::Rhythm, Some(900)),
        (answered, 2700, none, 1800, 2700, Why::MaxAge, Some(2700)),
        // A feed that fails is asked no oftener than a sound one.
        (
            failed(1, Some(7200)),
            0,
            none,
            0,
            7200,
            Why::RetryAfter,
            Some(7200),
        ),
        (failed(1, None), 0, ttl(3600), 0, 3600, Why::Ttl, Some(3600)),
        (
            failed(1, Some(7200)),
            0,
            ttl(3600),
            1800,
            7200,
            Why::RetryAfter,
            Some(7200),
        ),
    ] {
        let case = Case {
            fresh: Some((Duration::from_secs(max_age_s), Why::MaxAge)),
            wishes,
            rhythm: (rhythm_s > 0).then_some(Duration::from_secs(rhythm_s)),
            ..case("a", &limits, polled)
        };
        let at_s = |s: u32| time::from_ms(i64::from(s) * 1000 + 1);
        let expected = Plan {
            next_poll: at_s(expected_s),
            why,
            not_before: not_before_s.map(at_s),
        };
        assert_eq!(plan(case), expected, "{case:?}");
    }
}

#[test]
fn a_restart_polls_nothing_early_and_a_reload_counts_from_the_last_poll() {
    // Planned for when, why and not before; the last poll was at 0.
    for (told, minutes, adaptive, (next_s, why, not_before_s), failures, expected_s) in [
        ("a restart", 5, true, (300, Why::Interval, None), 0, 300),
        (
            "and of one put off after its first",
            5,
            true,
            (325, Why::Interval, None),
            0,
            325,
        ),
        (
            "a shorter interval",
            1,
            true,
            (300, Why::Interval, None),
            0,
            66,
        ),
        (
            "a longer interval",
            60,
            true,
            (300, Why::Interval, None),
            0,
            3600,
        ),
        (
            "what the server asked stays",
            1,
            true,
            (900, Why::MaxAge, Some(900)),
            0,
            900,
        ),
        (
            "the rhythm stays",
            5,
            true,
            (2000, Why::Rhythm, None),
            0,
            2000,
        ),
        (
            "not beyond max_interval",
            5,
            true,
            (9000, Why::Rhythm, None),
            0,
            3600,
        ),
        (
            "unless it is turned off",
            5,
            false,
            (2000, Why::Rhythm, None),
            0,
            330,
        ),
        (
            "nor against the server",
            5,
            false,
            (2000, Why::Rhythm, Some(900)),
            0,
            900,
        ),
        (
            "backoff stays",
            1,
            true,
            (5000, Why::Backoff, None),
            3,
            5000,
        ),
        (
            "but not below a longer interval",
            60,
            true,
            (400, Why::Backoff, None),
            1,
            3600,
        ),
    ] {
        let limits = PollLimits {
            adaptive,
            ..limits(MINUTE * minutes)
        };
        let planned = Plan {
            next_poll: at(next_s),
            why,
            not_before: not_before_s.map(at),
        };
        let due = replan(&limits, planned, Some(at(0)), failures, true);
        assert_eq!(due, at(expected_s), "{told}");
        assert_eq!(replan(&limits, planned, None, failures, true), at(next_s));
    }
    let pushed = Plan {
        next_poll: at(3000),
        why: Why::Push,
        not_before: None,
    };
    for (is_pushed, expected) in [(true, 3000), (false, 330)] {
        let due = replan(&limits(MINUTE * 5), pushed, Some(at(0)), 0, is_pushed);
        assert_eq!(due, at(expected));
    }
}

#[test]
fn every_reason_is_known_by_its_name() {
    for why in Why::ALL {
        assert_eq!(Why::parse(why.name()), Some(why));
    }
    assert_eq!(Why::parse("whim"), None);
}

#[test]
fn a_fresh_delivery_is_retried_within_seconds_and_an_old_one_hourly() {
    let (min, max) = (Duration::from_secs(1), Duration::from_secs(3600));
    let mut age = Duration::ZERO;
    let mut attempts_by = Vec::new();
    for attempts in 1..300 {
        age += retry_wait(age, min, max, attempts, "id");
        attempts_by.push(age);
    }
    let within = |s: u64| attempts_by.iter().filter(|age| age.as_secs() < s).count();
    assert!((20..40).contains(&within(60)), "{} in a minute", within(60));
    assert!(
        (55..90).contains(&within(3600)),
        "{} in an hour",
        within(3600)
    );
    assert!(
        (130..200).contains(&within(3 * 86_400)),
        "{} in three days",
        within(3 * 86_400)
    );
}

#[test]
fn retry_after_reads_both_forms() {
    let now: Timestamp = "2015-10-21T07:28:00Z".parse().unwrap();
    for (header, expected) in [
        ("120", Some(120)),
        (" 0 ", Some(0)),
        ("Wed, 21 Oct 2015 07:30:00 GMT", Some(120)),
        ("Wed, 21 Oct 2015 07:00:00 GMT", Some(0)),
        ("99999999999999999999999", Some(RETRY_AFTER_MAX.as_secs())),
        ("soon", None),
        ("", None),
        ("-5", None),
    ] {
        assert_eq!(
            retry_after(header, now).map(|wait| wait.as_secs()),
            expected,
            "{header:?}"
        );
    }
}
