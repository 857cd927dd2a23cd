//! When next: polls, retries, and whose turn it is. Pure: `now` is an argument and jitter is a hash, so that every run of
//! the same events gives the same times.

mod agenda;

use std::time::Duration;

use crate::time::{self, Timestamp};

pub use agenda::{Agenda, Planned};

/// The longest wait after failures in a row, of a feed.
const FEED_BACKOFF_MAX: Duration = Duration::from_secs(24 * 3600);
/// A server's `Retry-After` is honoured up to this.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// How far apart feeds that began together are spread: a tenth of the interval, at most this.
const SPREAD_MAX: Duration = Duration::from_secs(30);

/// A number in `0.0..1.0` that depends on the id and the attempt alone.
pub fn jitter(id: &str, attempt: u32) -> f64 {
    let hash = xxhash_rust::xxh3::xxh3_64_with_seed(id.as_bytes(), u64::from(attempt));
    // The upper 53 bits: as many as a float holds exactly.
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

/// Exponential backoff with jitter: after `failures` in a row (1 and up), between 75 and 125 % of `base` doubled each time, at most `max`.
pub fn backoff(base: Duration, max: Duration, failures: u32, id: &str) -> Duration {
    let doubled = base.saturating_mul(
        1_u32
            .checked_shl(failures.saturating_sub(1))
            .unwrap_or(u32::MAX),
    );
    doubled
        .min(max)
        .mul_f64(0.75 + jitter(id, failures) / 2.0)
        .min(max)
}

/// How long a delivery that has been owed for `age` waits for its next attempt: a tenth of its age, between `min` and
/// `max`, with jitter. The waits grow exponentially, gently at first, so that a receiver that stumbles on every other message
/// still has each of them within seconds.
pub fn retry_wait(
    age: Duration,
    min: Duration,
    max: Duration,
    attempts: u32,
    id: &str,
) -> Duration {
    age.mul_f64(0.1)
        .clamp(min, max)
        .mul_f64(0.75 + jitter(id, attempts) / 2.0)
}

/// What a poll gave, as far as the next one depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polled {
    /// The first answer of a feed.
    First,
    Answered,
    /// `failures` in a row, this one counted; the server may have named a time to wait.
    Failed {
        failures: u32,
        retry_after: Option<Duration>,
    },
}

/// When a feed whose poll was answered at `answered` is polled again: never sooner than `interval`.
///
/// The second poll is put off by a share of the interval that depends on the
/// feed's name, so that feeds that began together do not march in step; from then on they stay apart.
pub fn next_poll(name: &str, interval: Duration, answered: Timestamp, polled: Polled) -> Timestamp {
    let wait = match polled {
        Polled::First => interval + (interval / 10).min(SPREAD_MAX).mul_f64(jitter(name, 0)),
        Polled::Answered => interval,
        Polled::Failed {
            failures,
            retry_after,
        } => {
            let asked = retry_after.unwrap_or_default().min(RETRY_AFTER_MAX);
            backoff(interval, FEED_BACKOFF_MAX, failures, name)
                .max(interval)
                .max(asked)
        }
    };
    // Times are kept in whole milliseconds, cut off: the next one makes up for what was lost.
    time::after(answered, wait + Duration::from_millis(1))
}

/// The time a `Retry-After` header asks to wait (RFC 9110, 10.2.3): seconds, or a date.
pub fn retry_after(header: &str, now: Timestamp) -> Option<Duration> {
    let header = header.trim();
    if !header.is_empty() && header.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(
            header
                .parse()
                .map_or(RETRY_AFTER_MAX, Duration::from_secs)
                .min(RETRY_AFTER_MAX),
        );
    }
    let date = httpdate::parse_http_date(header).ok()?;
    let date = Timestamp::try_from(date).ok()?;
    Some(time::until(now, date).min(RETRY_AFTER_MAX))
}

/// Whether a feed that gave its last new item then, and was polled now, has gone silent.
pub fn is_silent(last_new_item: Option<Timestamp>, now: Timestamp) -> bool {
    last_new_item.is_some_and(|last| time::until(last, now) >= SILENT_AFTER)
}

/// A feed without a new item for so long is called silent.
pub const SILENT_AFTER: Duration = Duration::from_secs(14 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Timestamp {
        time::from_ms(s * 1000)
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_feed_is_never_asked_sooner_than_its_interval() {
        for name in ["a", "b", "bbc-world"] {
            for polled in [
                Polled::First,
                Polled::Answered,
                Polled::Failed {
                    failures: 1,
                    retry_after: None,
                },
                Polled::Failed {
                    failures: 1,
                    retry_after: Some(Duration::from_secs(5)),
                },
            ] {
                let next = next_poll(name, MINUTE, at(0), polled);
                assert!((at(60)..at(80)).contains(&next), "{name} {polled:?} {next}");
            }
            assert_eq!(
                next_poll(name, MINUTE, at(0), Polled::Answered),
                time::from_ms(60_001)
            );
        }
        assert_ne!(
            next_poll("a", MINUTE, at(0), Polled::First),
            next_poll("b", MINUTE, at(0), Polled::First)
        );
    }

    #[test]
    fn failures_back_off_to_a_day_and_retry_after_is_honoured() {
        let after = |failures, retry_after| {
            time::until(
                at(0),
                next_poll(
                    "a",
                    MINUTE,
                    at(0),
                    Polled::Failed {
                        failures,
                        retry_after,
                    },
                ),
            )
            .as_secs()
        };
        assert!((60..=75).contains(&after(1, None)));
        assert!((90..=150).contains(&after(2, None)));
        assert!((64_800..=86_400).contains(&after(30, None)));
        assert!((64_800..=86_400).contains(&after(u32::MAX, None)));
        assert_eq!(after(1, Some(Duration::from_secs(3600))), 3600);
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
}
