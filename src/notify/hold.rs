//! When a receiver wants what it is owed: digests, quiet hours, a rate. Decided purely at the moment a delivery is due, from
//! the configuration of that moment, so that a restart or a reload needs no memory of earlier decisions. Held, never dropped.

use std::time::Duration;

use jiff::{civil, tz::TimeZone};

use crate::{
    model::Severity,
    time::{self, Timestamp},
};

/// A receiver's wishes about time; the default has none.
#[derive(Clone, Debug, Default)]
pub struct Hold {
    /// Alerts go out together at whole multiples of this since 1970.
    pub digest: Option<Duration>,
    pub quiet: Option<Quiet>,
    pub rate: Option<Rate>,
}

/// Hours of the day in which nothing is sent.
#[derive(Clone, Debug)]
pub struct Quiet {
    /// The first quiet moment, local time.
    pub from: civil::Time,
    /// The first moment after them; earlier than `from` where they go over midnight.
    pub to: civil::Time,
    pub zone: TimeZone,
    /// This severity and higher ones are sent all the same.
    pub pass: Option<Severity>,
}

/// At most so many messages in any span of so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// 1 or more.
    pub messages: u32,
    pub per: Duration,
}

/// Why something waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    Quiet,
    Digest,
    Rate,
}

impl Held {
    /// The name that the store, `why` and `alerts --json` show.
    pub fn name(self) -> &'static str {
        match self {
            Held::Quiet => "quiet-held",
            Held::Digest => "digest",
            Held::Rate => "rate-summary",
        }
    }
}

impl Hold {
    /// Until when an alert that is owed since `owed_since` waits, and why; `None` where it may go `now`. The rate is not
    /// looked at: it depends on what was sent.
    pub fn until(
        &self,
        severity: Severity,
        owed_since: Timestamp,
        now: Timestamp,
    ) -> Option<(Timestamp, Held)> {
        if let Some(period) = self.digest {
            let due = next_multiple(owed_since, period);
            if due > now {
                return Some((due, Held::Digest));
            }
        }
        let end = self.quiet.as_ref()?.until(severity, now)?;
        Some((end, Held::Quiet))
    }

    /// When the alert would go out, were nothing else sent, with each reason to wait and its end.
    pub fn route(&self, severity: Severity, now: Timestamp) -> (Timestamp, Vec<(Held, Timestamp)>) {
        let mut at = now;
        let mut waits = Vec::new();
        // A digest may end in quiet hours, and no end lies in either again.
        while let Some((until, held)) = self.until(severity, now, at)
            && waits.len() < 4
        {
            waits.push((held, until));
            at = until;
        }
        (at, waits)
    }

    pub fn is_any(&self) -> bool {
        self.digest.is_some() || self.quiet.is_some() || self.rate.is_some()
    }
}

impl Quiet {
    /// When the quiet hours that `now` lies in end; `None` outside of them, or where the severity passes.
    fn until(&self, severity: Severity, now: Timestamp) -> Option<Timestamp> {
        if self.pass.is_some_and(|pass| severity >= pass) {
            return None;
        }
        let local = now.to_zoned(self.zone.clone());
        let time = local.time();
        let is_quiet = match self.from < self.to {
            true => (self.from..self.to).contains(&time),
            false => time >= self.from || time < self.to,
        };
        if !is_quiet {
            return None;
        }
        // The next moment at which clocks show `to`. Where they show it twice (autumn) either may be next; where they
        // skip it (spring) it is the moment that they skip to.
        let today = local.date();
        let ends = [Some(today), today.tomorrow().ok()];
        let moments = ends.into_iter().flatten().flat_map(|date| {
            let ambiguous = self.zone.to_ambiguous_zoned(date.to_datetime(self.to));
            [ambiguous.clone().earlier(), ambiguous.later()]
        });
        moments
            .filter_map(Result::ok)
            .map(|zoned| zoned.timestamp())
            .filter(|end| *end > now)
            .min()
    }
}

/// The first multiple of `period` since 1970 after `at`.
fn next_multiple(at: Timestamp, period: Duration) -> Timestamp {
    let period = i64::try_from(period.as_millis()).unwrap_or(i64::MAX).max(1);
    let past = at.as_millisecond().div_euclid(period);
    time::from_ms(past.saturating_add(1).saturating_mul(period))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet(from: &str, to: &str, zone: &str, pass: Option<Severity>) -> Hold {
        Hold {
            quiet: Some(Quiet {
                from: from.parse().unwrap(),
                to: to.parse().unwrap(),
                zone: TimeZone::get(zone).unwrap(),
                pass,
            }),
            ..Hold::default()
        }
    }

    #[test]
    fn quiet_hours() {
        let madrid = quiet("22:00", "06:30", "Europe/Madrid", Some(Severity::Critical));
        let noon = quiet("12:00", "13:00", "UTC", None);
        let gap = quiet("01:00", "02:30", "Europe/Madrid", None);
        for (hold, now, severity, until) in [
            (&madrid, "2026-01-10T20:59:59Z", Severity::High, None),
            (
                &madrid,
                "2026-01-10T21:00:00Z",
                Severity::High,
                Some("2026-01-11T05:30:00Z"),
            ),
            (
                &madrid,
                "2026-01-11T05:29:59Z",
                Severity::High,
                Some("2026-01-11T05:30:00Z"),
            ),
            (&madrid, "2026-01-11T05:30:00Z", Severity::High, None),
            (&madrid, "2026-01-11T01:00:00Z", Severity::Critical, None),
            // In summer the same hours lie an hour earlier.
            (
                &madrid,
                "2026-07-10T20:00:00Z",
                Severity::High,
                Some("2026-07-11T04:30:00Z"),
            ),
            // The night of 29 March is an hour shorter, that of 25 October an hour longer.
            (
                &madrid,
                "2026-03-28T21:00:00Z",
                Severity::High,
                Some("2026-03-29T04:30:00Z"),
            ),
            (
                &madrid,
                "2026-10-24T20:00:00Z",
                Severity::High,
                Some("2026-10-25T05:30:00Z"),
            ),
            (
                &noon,
                "2026-01-10T12:30:00Z",
                Severity::Critical,
                Some("2026-01-10T13:00:00Z"),
            ),
            (&noon, "2026-01-10T13:00:00Z", Severity::Info, None),
            // 02:30 does not exist on 29 March: clocks jump from 02:00 to 03:00 (01:00 UTC).
            (
                &gap,
                "2026-03-29T00:30:00Z",
                Severity::Info,
                Some("2026-03-29T00:30:00Z"),
            ),
            // 02:30 exists twice on 25 October.
            (
                &gap,
                "2026-10-25T00:15:00Z",
                Severity::Info,
                Some("2026-10-25T00:30:00Z"),
            ),
            (
                &gap,
                "2026-10-25T01:15:00Z",
                Severity::Info,
                Some("2026-10-25T01:30:00Z"),
            ),
        ] {
            let now: Timestamp = now.parse().unwrap();
            let held = hold.until(severity, now, now);
            match until.map(|until| until.parse::<Timestamp>().unwrap()) {
                // In the gap any moment after now and at most an hour past the jump will do.
                Some(until) if until <= now => {
                    let (end, _) = held.unwrap();
                    assert!(
                        end > now && time::until(now, end) <= Duration::from_secs(3600),
                        "{now}: {end}"
                    );
                }
                until => assert_eq!(
                    held,
                    until.map(|until| (until, Held::Quiet)),
                    "{now} {severity:?}"
                ),
            }
        }
    }

    #[test]
    fn digests_go_out_at_the_same_times_of_every_day() {
        let mut hold = Hold {
            digest: Some(Duration::from_secs(4 * 3600)),
            ..Hold::default()
        };
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let owed = at("2026-01-10T08:00:01Z");
        assert_eq!(
            hold.until(Severity::Critical, owed, owed),
            Some((at("2026-01-10T12:00:00Z"), Held::Digest))
        );
        assert_eq!(
            hold.until(Severity::Critical, owed, at("2026-01-10T12:00:00Z")),
            None
        );
        hold.quiet = quiet("11:00", "13:00", "UTC", None).quiet;
        assert_eq!(
            hold.route(Severity::Low, owed),
            (
                at("2026-01-10T13:00:00Z"),
                vec![
                    (Held::Digest, at("2026-01-10T12:00:00Z")),
                    (Held::Quiet, at("2026-01-10T13:00:00Z"))
                ]
            )
        );
    }
}
