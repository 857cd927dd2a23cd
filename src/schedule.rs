//! When next: polls, retries, and whose turn it is. Pure: `now` is an argument and jitter is a hash, so that every run of
//! the same events gives the same times.

mod agenda;
mod rhythm;
mod wishes;

use std::time::Duration;

use crate::{
    model::PollLimits,
    time::{self, Timestamp},
};

pub use agenda::{Agenda, Planned, SPACING};
pub use rhythm::Rhythm;
pub use wishes::{WISH_MAX, Wishes};

/// The longest wait after failures in a row, of a feed.
const FEED_BACKOFF_MAX: Duration = Duration::from_secs(24 * 3600);
/// A server's `Retry-After` is honoured up to this.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// A feed that fails for so long is told of.
pub const FAILING_AFTER: Duration = Duration::from_secs(24 * 3600);
/// How far apart feeds are spread whose day or hour of rest ends at the same moment.
const SPREAD_MAX: Duration = Duration::from_secs(30);
/// How far apart feeds that began together are spread: a tenth of the interval, at most this. The time that their first polls
/// took keeps thousands apart; what an item waits for its feed's second poll is not worth more.
const FIRST_SPREAD_MAX: Duration = Duration::from_millis(200);

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
    /// A page that is not a feed, with a status as if it were: a login, a challenge, a site rebuilt. For so long now.
    NotAFeed {
        failing_for: Duration,
    },
    /// `failures` in a row, this one counted, the first of them so long ago; the server may have named a time to wait.
    Failed {
        failures: u32,
        failing_for: Duration,
        retry_after: Option<Duration>,
    },
}

/// Why the next poll comes when it comes. The names are those that servers and feeds use, where the wish is theirs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Why {
    #[default]
    Interval,
    Rhythm,
    /// A hub pushes the feed.
    Push,
    MaxAge,
    Expires,
    Ttl,
    UpdatePeriod,
    SkipHours,
    SkipDays,
    Backoff,
    RetryAfter,
}

impl Why {
    pub const ALL: [Why; 11] = [
        Why::Interval,
        Why::Rhythm,
        Why::Push,
        Why::MaxAge,
        Why::Expires,
        Why::Ttl,
        Why::UpdatePeriod,
        Why::SkipHours,
        Why::SkipDays,
        Why::Backoff,
        Why::RetryAfter,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Why::Interval => "interval",
            Why::Rhythm => "rhythm",
            Why::Push => "push",
            Why::MaxAge => "max-age",
            Why::Expires => "Expires",
            Why::Ttl => "ttl",
            Why::UpdatePeriod => "updatePeriod",
            Why::SkipHours => "skipHours",
            Why::SkipDays => "skipDays",
            Why::Backoff => "backoff",
            Why::RetryAfter => "Retry-After",
        }
    }

    pub fn parse(name: &str) -> Option<Why> {
        Why::ALL.into_iter().find(|why| why.name() == name)
    }
}

/// All that the time of a feed's next poll follows from.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    pub name: &'a str,
    pub limits: &'a PollLimits,
    /// When the last answer was here.
    pub answered: Timestamp,
    pub polled: Polled,
    /// How long that answer is fresh, and which header says so.
    pub fresh: Option<(Duration, Why)>,
    pub wishes: Wishes,
    /// The wait that the feed's rhythm suggests.
    pub rhythm: Option<Duration>,
    /// How long a hub will have pushed the feed: until then polling is only the net below.
    pub pushed: Duration,
}

/// When a feed is polled next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    pub next_poll: Timestamp,
    pub why: Why,
    /// Until then the server or the feed asked to be left alone, whatever interval the configuration comes to name.
    pub not_before: Option<Timestamp>,
}

impl Plan {
    /// A feed that is not asked again.
    pub const NEVER: Plan = Plan {
        next_poll: Timestamp::MAX,
        why: Why::Interval,
        not_before: None,
    };
}

/// When a feed is polled again: never sooner than its interval, nor than its server and its document wish; later by its
/// rhythm and after failures.
///
/// The second poll is put off by a moment that depends on the feed's name, so that feeds that began together do not march in
/// step; from then on they stay apart.
pub fn plan(case: Case<'_>) -> Plan {
    let Case {
        name,
        limits: PollLimits { interval, .. },
        answered,
        polled,
        ..
    } = case;
    let (mut wait, mut why) = (*interval, Why::Interval);
    let mut asked = Duration::ZERO;
    let mut retry_wish = None;
    match polled {
        Polled::First => {
            wait += (*interval / 10)
                .min(FIRST_SPREAD_MAX)
                .mul_f64(jitter(name, 0))
        }
        Polled::Answered => {
            if let Some(longer) = case.rhythm.filter(|longer| longer > interval) {
                (wait, why) = (longer, Why::Rhythm);
            }
            let backstop = case.pushed.min(case.limits.interval_max);
            if backstop > wait {
                (wait, why) = (backstop, Why::Push);
            }
        }
        Polled::NotAFeed { failing_for } => {
            // The server is well and may have the feed again at any time: it is noticed within a tenth of the time that it was
            // away, and within the longest interval.
            let longer = (failing_for / 10).min(case.limits.interval_max);
            if longer > *interval {
                (wait, why) = (longer, Why::Backoff);
            }
        }
        Polled::Failed {
            failures,
            failing_for,
            retry_after,
        } => {
            let mut longer = backoff(*interval, FEED_BACKOFF_MAX, failures, name);
            // The operator is told of a feed that fails for a day: then it is asked once more, and not half a day later.
            let until_told = FAILING_AFTER.saturating_sub(failing_for);
            if !until_told.is_zero() && longer > until_told {
                longer = until_told;
            }
            if longer > *interval {
                (wait, why) = (longer, Why::Backoff);
            }
            retry_wish = retry_after.map(|wish| (wish.min(RETRY_AFTER_MAX), Why::RetryAfter));
        }
    }
    let wishes = case.wishes.waits().into_iter();
    for (wish, whose) in wishes.chain(case.fresh).chain(retry_wish) {
        asked = asked.max(wish);
        if wish > wait {
            (wait, why) = (wish, whose);
        }
    }
    // Times are kept in whole milliseconds, cut off: the next one makes up for what was lost.
    let at = |wait: Duration| time::after(answered, wait + Duration::from_millis(1));
    let (next_poll, skips) = case.wishes.allowed(at(wait), name);
    Plan {
        next_poll,
        why: skips.unwrap_or(why),
        not_before: match skips {
            Some(_) => Some(next_poll),
            None => Some(at(asked)).filter(|_| asked > *interval),
        },
    }
}

/// When a feed is due that a new configuration, or a new start, finds planned for `next_poll`.
///
/// An interval that became shorter counts from the last poll, one that became longer too; a restart changes nothing. What the server asked for,
/// and the backoff after failures, stay. A feed that no hub pushes any longer is asked at its interval again.
pub fn replan(
    limits: &PollLimits,
    planned: Plan,
    last_poll: Option<Timestamp>,
    failures: u32,
    is_pushed: bool,
) -> Timestamp {
    let Some(last_poll) = last_poll else {
        return planned.next_poll;
    };
    let PollLimits { interval, .. } = *limits;
    let floor = time::after(last_poll, interval).max(planned.not_before.unwrap_or(Timestamp::MIN));
    let longest = match planned.why {
        Why::Rhythm if limits.adaptive => limits.interval_max,
        Why::Push if is_pushed => limits.interval_max,
        // The second poll of a feed is put off by up to a tenth.
        _ => interval + interval / 10,
    };
    let ceiling = match failures {
        0 => time::after(last_poll, longest).max(floor),
        _ => Timestamp::MAX,
    };
    planned.next_poll.min(ceiling).max(floor)
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
    let date = http_date(header)?;
    Some(time::until(now, date).min(RETRY_AFTER_MAX))
}

/// A date as HTTP headers write it (RFC 9110, 5.6.7).
pub fn http_date(text: &str) -> Option<Timestamp> {
    let date = httpdate::parse_http_date(text).ok()?;
    Timestamp::try_from(date).ok()
}

/// Whether a feed that gave its last new item then has gone silent: by its own rhythm, else after [`SILENT_AFTER`].
pub fn is_silent(
    rhythm: Option<&Rhythm>,
    last_new_item: Option<Timestamp>,
    now: Timestamp,
) -> bool {
    // The most of all polls, decided without looking further.
    let Some(last) = last_new_item.filter(|last| time::until(*last, now) >= SILENT_MIN) else {
        return false;
    };
    let by_rhythm = rhythm.and_then(|rhythm| rhythm.is_silence(last, now));
    by_rhythm.unwrap_or_else(|| time::until(last, now) >= SILENT_AFTER)
}

/// A feed whose rhythm is not known is called silent after so long.
pub const SILENT_AFTER: Duration = Duration::from_secs(14 * 86_400);
/// No feed is called silent sooner.
const SILENT_MIN: Duration = Duration::from_secs(6 * 3600);

#[cfg(test)]
mod tests;
