//! How long servers and feeds ask to be left alone. What they say lengthens the time between polls and never shortens it,
//! and none of it silences a feed: each wish counts up to [`WISH_MAX`], and a wish never to be asked is none.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::{SPREAD_MAX, Why, http_date, jitter};
use crate::{
    envelope::Response,
    parse::Hints,
    time::{self, Timestamp},
};

/// The longest that a `max-age`, an `Expires`, a `ttl` or an `updatePeriod` keeps us from asking: a day. Longer ones stand
/// on static files and forgotten templates, and news that is a day old is none.
pub const WISH_MAX: Duration = Duration::from_secs(24 * 3600);

/// What a feed asked for when it last said something, kept from one answer to the next: a 304 has no document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// `Cache-Control: max-age`, in seconds. A 304 without one leaves it in force (RFC 9111, 4.3.4).
    pub max_age_s: u32,
    /// RSS `ttl`, in seconds.
    pub ttl_s: u32,
    /// `sy:updatePeriod` divided by `sy:updateFrequency`, in seconds.
    pub update_s: u32,
    /// RSS `skipHours`: bit n is the hour n of the day, in UTC.
    pub skip_hours: u32,
    /// RSS `skipDays`: bit 0 is Monday, in UTC.
    pub skip_days: u8,
}

const ALL_HOURS: u32 = (1 << 24) - 1;
const ALL_DAYS: u8 = (1 << 7) - 1;

impl Wishes {
    /// As this document says, which lists items published at these times; the rest stays.
    ///
    /// A `ttl` and an `updatePeriod` promise that nothing changes for so long. Many come from a template (WordPress writes "hourly" into every feed), and where the
    /// feed's own items stand closer together than that, the promise is not believed.
    pub fn with_document(self, hints: &Hints, published: Vec<Timestamp>) -> Wishes {
        let gap = usual_gap(published);
        let s = |wish: Option<Duration>| {
            let wish = wish.filter(|wish| gap.is_none_or(|gap| *wish <= gap));
            let wish = wish.unwrap_or_default().min(WISH_MAX);
            u32::try_from(wish.as_secs()).unwrap_or_default()
        };
        Wishes {
            ttl_s: s(hints.ttl),
            update_s: s(hints.update_interval()),
            skip_hours: hints.skip_hours,
            skip_days: hints.skip_days,
            ..self
        }
    }

    /// As this answer's headers say, and how long it stays fresh by them. `now` is when it came.
    pub fn with_headers(
        self,
        response: &Response,
        now: Timestamp,
    ) -> (Wishes, Option<(Duration, Why)>) {
        let freshness = Freshness::of(response, now);
        let max_age_s = match freshness {
            Freshness::Silent if response.status == 304 => self.max_age_s,
            Freshness::MaxAge(s) => s,
            Freshness::Silent | Freshness::Stale | Freshness::Expires(_) => 0,
        };
        let fresh = match freshness {
            Freshness::Expires(s) => Some((s, Why::Expires)),
            _ if max_age_s > 0 => Some((max_age_s, Why::MaxAge)),
            _ => None,
        };
        // What a shared cache has held for a while is fresh for so much less (RFC 9111, 4.2.3).
        let age = header_s(response, "age").unwrap_or(0);
        let fresh = fresh.map(|(s, why)| {
            let left = Duration::from_secs(u64::from(s.saturating_sub(age)));
            (left.min(WISH_MAX), why)
        });
        (Wishes { max_age_s, ..self }, fresh)
    }

    /// The wishes for a time between polls, as the document told them.
    pub(super) fn waits(&self) -> [(Duration, Why); 2] {
        let s = |s: u32| Duration::from_secs(u64::from(s)).min(WISH_MAX);
        [
            (s(self.ttl_s), Why::Ttl),
            (s(self.update_s), Why::UpdatePeriod),
        ]
    }

    /// The first moment from `at` on that lies in no hour and no day that the feed asks to skip.
    pub(super) fn allowed(&self, at: Timestamp, name: &str) -> (Timestamp, Option<Why>) {
        let hours = self.skip_hours & ALL_HOURS;
        let days = self.skip_days & ALL_DAYS;
        if (hours == 0 || hours == ALL_HOURS) && (days == 0 || days == ALL_DAYS) {
            return (at, None);
        }
        let is_skipped = |at: Timestamp| {
            let at = at.to_zoned(TimeZone::UTC);
            let day = 1_u8 << at.weekday().to_monday_zero_offset();
            let hour = 1_u32 << at.hour();
            if days != ALL_DAYS && days & day != 0 {
                Some(Why::SkipDays)
            } else if hours != ALL_HOURS && hours & hour != 0 {
                Some(Why::SkipHours)
            } else {
                None
            }
        };
        let Some(why) = is_skipped(at) else {
            return (at, None);
        };
        const HOUR_MS: i64 = 3_600_000;
        let mut hour = at.as_millisecond().div_euclid(HOUR_MS);
        // At most six days and 23 hours are skipped together.
        for _ in 0..8 * 24 {
            hour += 1;
            let next = time::from_ms(hour * HOUR_MS);
            if is_skipped(next).is_none() {
                let spread = SPREAD_MAX.mul_f64(jitter(name, 0));
                return (time::after(next, spread), Some(why));
            }
        }
        (at, None)
    }
}

/// Items at different times that it takes to tell how far apart they usually are.
const ITEMS_MIN: usize = 10;

/// The median time between two items of a document that lists enough of them.
fn usual_gap(mut published: Vec<Timestamp>) -> Option<Duration> {
    published.sort_unstable();
    published.dedup();
    if published.len() < ITEMS_MIN {
        return None;
    }
    let pairs = published.iter().zip(published.iter().skip(1));
    let mut gaps: Vec<Duration> = pairs.map(|(one, next)| time::until(*one, *next)).collect();
    let middle = gaps.len() / 2;
    Some(*gaps.select_nth_unstable(middle).1)
}

/// What an answer's headers say of how long it is fresh (RFC 9111, 4.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Freshness {
    /// Nothing.
    Silent,
    /// Not at all: it is to be asked about each time.
    Stale,
    /// In seconds.
    MaxAge(u32),
    Expires(u32),
}

impl Freshness {
    fn of(response: &Response, now: Timestamp) -> Freshness {
        let mut max_age = None;
        let mut is_stale = false;
        let mut says_something = false;
        let lines = response
            .headers
            .iter()
            .filter(|(name, _)| name == "cache-control");
        for (_, line) in lines {
            let line = String::from_utf8_lossy(line);
            for directive in line.split(',') {
                says_something = true;
                let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
                match name.trim().to_ascii_lowercase().as_str() {
                    // Invalid freshness is none; of two, the first counts (RFC 9111, 4.2.1).
                    "max-age" if max_age.is_none() => max_age = Some(seconds(value).unwrap_or(0)),
                    "no-cache" | "no-store" => is_stale = true,
                    _ => {}
                }
            }
        }
        match max_age {
            _ if is_stale => return Freshness::Stale,
            Some(s) => return Freshness::MaxAge(s),
            None => {}
        }
        let Some(expires) = response.header_text("expires") else {
            return match says_something {
                true => Freshness::Stale,
                false => Freshness::Silent,
            };
        };
        // By the server's own clock where it shows it. What is no date, above all "0", is past (RFC 9111, 5.3).
        let from = response
            .header_text("date")
            .and_then(http_date)
            .unwrap_or(now);
        let left = http_date(expires).map_or(0, |expires| time::until(from, expires).as_secs());
        Freshness::Expires(u32::try_from(left).unwrap_or(u32::MAX))
    }
}

/// Delta-seconds (RFC 9111, 1.2.2), also in quotes (5.2); what does not fit is the most there is.
fn seconds(text: &str) -> Option<u32> {
    let text = text.trim().trim_matches('"');
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u32::MAX))
}

fn header_s(response: &Response, name: &str) -> Option<u32> {
    response.header_text(name).and_then(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2015-10-21T07:28:00Z";

    fn answer(status: u16, headers: &[&str]) -> Response {
        let header = |line: &&str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_owned(), value.as_bytes().to_vec())
        };
        Response {
            status,
            headers: headers.iter().map(header).collect(),
            ..Response::default()
        }
    }

    #[test]
    fn how_long_an_answer_is_fresh() {
        const DATE: &str = "date: Wed, 21 Oct 2015 07:20:00 GMT";
        for (headers, expected) in [
            (&[][..], None),
            // RFC 9111, 5.2.2.1.
            (&["cache-control: max-age=600"], Some((600, Why::MaxAge))),
            (
                &["cache-control: public, MAX-AGE=\"600\""],
                Some((600, Why::MaxAge)),
            ),
            (
                &["cache-control: public", "cache-control: max-age=600"],
                Some((600, Why::MaxAge)),
            ),
            // 4.2.1: of two the first; what is invalid counts as stale.
            (
                &["cache-control: max-age=60, max-age=600"],
                Some((60, Why::MaxAge)),
            ),
            (&["cache-control: max-age=soon"], None),
            (&["cache-control: max-age=-5"], None),
            (&["cache-control: max-age=0"], None),
            // Ours is no shared cache (5.2.2.10).
            (&["cache-control: s-maxage=600"], None),
            // 5.2.2.4 and 5.2.2.5.
            (&["cache-control: max-age=600, no-cache"], None),
            (&["cache-control: no-store, max-age=600"], None),
            // 4.2.3.
            (
                &["cache-control: max-age=600", "age: 550"],
                Some((50, Why::MaxAge)),
            ),
            (
                &["cache-control: max-age=600", "age: 5500"],
                Some((0, Why::MaxAge)),
            ),
            // A year, and more than there is.
            (
                &["cache-control: max-age=31536000"],
                Some((86_400, Why::MaxAge)),
            ),
            (
                &["cache-control: max-age=99999999999999999999"],
                Some((86_400, Why::MaxAge)),
            ),
            // 5.3: by the server's clock; max-age outranks it; what is no date is past.
            (
                &["expires: Wed, 21 Oct 2015 07:30:00 GMT"],
                Some((120, Why::Expires)),
            ),
            (
                &["expires: Wed, 21 Oct 2015 07:30:00 GMT", DATE],
                Some((600, Why::Expires)),
            ),
            (
                &[
                    "expires: Wed, 21 Oct 2015 07:30:00 GMT",
                    "cache-control: max-age=60",
                ],
                Some((60, Why::MaxAge)),
            ),
            (
                &[
                    "expires: Wed, 21 Oct 2015 07:30:00 GMT",
                    "cache-control: no-cache",
                ],
                None,
            ),
            (&["expires: 0"], Some((0, Why::Expires))),
            (
                &["expires: Wed, 21 Oct 2015 07:00:00 GMT"],
                Some((0, Why::Expires)),
            ),
        ] {
            let (_, fresh) =
                Wishes::default().with_headers(&answer(200, headers), NOW.parse().unwrap());
            let fresh = fresh.map(|(left, why)| (left.as_secs(), why));
            assert_eq!(fresh, expected, "{headers:?}");
        }
    }

    #[test]
    fn a_304_that_says_nothing_leaves_max_age_in_force() {
        let now = NOW.parse().unwrap();
        let said = answer(200, &["cache-control: max-age=600"]);
        let (known, _) = Wishes::default().with_headers(&said, now);
        for (status, headers, expected) in [
            (304, &[][..], 600),
            (304, &["cache-control: max-age=60"], 60),
            (304, &["cache-control: no-cache"], 0),
            (200, &[], 0),
        ] {
            let (wishes, fresh) = known.with_headers(&answer(status, headers), now);
            assert_eq!(wishes.max_age_s, expected, "{status} {headers:?}");
            assert_eq!(
                fresh.map_or(0, |(left, _)| left.as_secs()),
                u64::from(expected)
            );
        }
    }

    #[test]
    fn a_promise_that_the_items_break_is_not_believed() {
        // RSS 2.0, `ttl`, in minutes; how many items the document lists, and how many minutes apart.
        for (ttl, items, apart, expected) in [
            (60, 0, 0, 60),
            (60, 20, 600, 60),
            (60, 20, 60, 60),
            (60, 20, 28, 0),
            (15, 20, 28, 15),
            // Too few to tell.
            (60, 9, 5, 60),
            // All dated alike: nothing is known.
            (60, 20, 0, 60),
            // Over a day, and over a week, which the reader takes for a mistake.
            (5 * 1440, 3, 5, 1440),
        ] {
            let minutes = |n: i64| time::from_ms(n * 60_000);
            let hints = Hints {
                ttl: Some(Duration::from_secs(60 * ttl)),
                ..Hints::default()
            };
            let published = (0..items).map(|item| minutes(item * apart)).collect();
            let wishes = Wishes::default().with_document(&hints, published);
            assert_eq!(
                wishes.ttl_s,
                60 * expected,
                "{ttl}: {items} items {apart} minutes apart"
            );
        }
    }

    #[test]
    fn hours_and_days_to_skip() {
        // 2024-12-06 is a Friday.
        let night: u32 = (0..6).map(|hour| 1 << hour).sum();
        const WEEKEND: u8 = 0b110_0000;
        for (skip_hours, skip_days, at, expected) in [
            (night, 0, "2024-12-06T23:30:00Z", "2024-12-06T23:30:00Z"),
            (night, 0, "2024-12-06T00:00:00Z", "2024-12-06T06:00:00Z"),
            (night, 0, "2024-12-06T05:59:59Z", "2024-12-06T06:00:00Z"),
            (0, WEEKEND, "2024-12-06T23:59:00Z", "2024-12-06T23:59:00Z"),
            (0, WEEKEND, "2024-12-07T00:00:00Z", "2024-12-09T00:00:00Z"),
            (
                night,
                WEEKEND,
                "2024-12-07T12:00:00Z",
                "2024-12-09T06:00:00Z",
            ),
            // A wish never to be asked is none.
            (ALL_HOURS, 0, "2024-12-06T12:00:00Z", "2024-12-06T12:00:00Z"),
            (0, ALL_DAYS, "2024-12-06T12:00:00Z", "2024-12-06T12:00:00Z"),
            (
                night,
                ALL_DAYS,
                "2024-12-06T01:00:00Z",
                "2024-12-06T06:00:00Z",
            ),
        ] {
            let wishes = Wishes {
                skip_hours,
                skip_days,
                ..Wishes::default()
            };
            let (at, expected) = (at.parse().unwrap(), expected.parse().unwrap());
            let (allowed, why) = wishes.allowed(at, "bbc");
            let late = time::until(expected, allowed);
            assert!(
                allowed >= expected && late <= SPREAD_MAX,
                "{at} {allowed} {expected}"
            );
            assert_eq!(why.is_some(), at != expected, "{at}");
        }
    }
}
