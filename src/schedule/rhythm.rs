//! When a feed tends to have news: how many items each hour of the week brings. From it follow how often to ask, and when
//! silence is no longer usual.
//!
//! 168 counters, one an hour of the week (UTC), in which a week counts three quarters of the week after it: what a feed did
//! two months ago weighs a tenth. Nothing is concluded before a week has been watched.

use std::time::Duration;

use crate::time::{self, Timestamp};

const HOURS: usize = 168;
const HOUR_MS: i64 = 3_600_000;
const WEEK_MS: i64 = HOUR_MS * HOURS as i64;
/// The history before which nothing is concluded.
const HISTORY_MIN: Duration = Duration::from_secs(7 * 86_400);
/// What a week weighs beside the next.
const DECAY: f64 = 0.75;
/// A counter's steps to one item, so that decay is not lost in rounding.
const STEPS: f64 = 16.0;
/// A feed is asked again when so much of an item is expected to have come.
const ITEMS_AWAITED: f64 = 0.25;
/// A rhythm in bytes: two times and the counters.
const BYTES: usize = 16 + 2 * HOURS;

/// A feed's rhythm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rhythm {
    /// Since when it is watched.
    since: Timestamp,
    /// When items were last counted.
    until: Timestamp,
    /// From the hour in which 1970 began, a Thursday's first.
    counters: Box<[u16; HOURS]>,
}

impl Rhythm {
    /// Nothing is known yet.
    pub fn begun(at: Timestamp) -> Rhythm {
        Rhythm {
            since: at,
            until: at,
            counters: Box::new([0; HOURS]),
        }
    }

    /// Counts new items that came at these times, none of them after `now`.
    pub fn count(&mut self, came: impl IntoIterator<Item = Timestamp>, now: Timestamp) {
        let weeks = week(now) - week(self.until);
        if weeks > 0 {
            let decay = DECAY.powf(weeks as f64);
            for counter in self.counters.iter_mut() {
                *counter = (f64::from(*counter) * decay) as u16;
            }
        }
        self.until = now;
        for at in came {
            let counter = &mut self.counters[hour_of_week(at)];
            *counter = counter.saturating_add(STEPS as u16);
        }
    }

    /// How long to wait from `now` until a share of an item is expected, between `min` and `max`.
    /// `None` where too little is known.
    pub fn wait(&self, now: Timestamp, min: Duration, max: Duration) -> Option<Duration> {
        if time::until(self.since, now) < HISTORY_MIN {
            return None;
        }
        let weight = DECAY.powf((week(now) - week(self.until)).max(0) as f64) / self.weeks(now);
        let mean = self.items(0..HOURS) / HOURS as f64;
        let mut at_ms = now.as_millisecond();
        let end_ms = time::after(now, max).as_millisecond();
        let mut awaited = ITEMS_AWAITED;
        while at_ms < end_ms {
            let hour = hour_of_week(time::from_ms(at_ms));
            // News does not keep to the minute: the hours beside count too, and any hour half as much as the mean one.
            let around = self.items([(hour + HOURS - 1) % HOURS, hour, hour, (hour + 1) % HOURS]);
            let rate = (around / 4.0).max(mean / 2.0) * weight;
            let next_ms = (at_ms / HOUR_MS + 1) * HOUR_MS;
            let expected = rate * (next_ms - at_ms) as f64 / HOUR_MS as f64;
            if expected >= awaited {
                at_ms += (awaited / rate * HOUR_MS as f64) as i64;
                break;
            }
            awaited -= expected;
            at_ms = next_ms;
        }
        Some(time::until(now, time::from_ms(at_ms)).clamp(min, max.max(min)))
    }

    /// Whether no item between `from` and `to` is far out of rhythm: twelve hours, or four days, in each of which an item was to
    /// be expected. `None` where too little is known.
    pub fn is_silence(&self, from: Timestamp, to: Timestamp) -> Option<bool> {
        let (hours, days) = self.missed(from, to)?;
        Some(hours >= 12.0 || days >= 4.0)
    }

    /// Whether there should have been an item between `from` and `to`: three such hours, or a day in which one is as good as
    /// certain. `None` where too little is known.
    pub fn is_item_due(&self, from: Timestamp, to: Timestamp) -> Option<bool> {
        let (hours, days) = self.missed(from, to)?;
        Some(hours >= 3.0 || days >= 0.75)
    }

    /// In how many hours and in how many days between these times an item was to be expected, each counted by how likely it
    /// was. By what was known when the last item came: silence itself teaches nothing.
    fn missed(&self, from: Timestamp, to: Timestamp) -> Option<(f64, f64)> {
        if time::until(self.since, from.max(self.until)) < HISTORY_MIN {
            return None;
        }
        let weeks = self.weeks(self.until);
        let first = from.as_millisecond().div_euclid(HOUR_MS) + 1;
        let last = to.as_millisecond().div_euclid(HOUR_MS);
        // Whole weeks are alike; what is left is less than one.
        let (mut hours, mut days) = (0.0, 0.0);
        let whole = ((last - first).max(0) / HOURS as i64) as f64;
        let parts = [
            (0..HOURS as i64, whole),
            (0..(last - first).max(0) % HOURS as i64, 1.0),
        ];
        for (part, times) in parts {
            let (mut in_hours, mut in_days, mut in_day) = (0.0, 0.0, 0.0);
            for offset in part {
                let likely = self.items([hour_index(first + offset)]) / weeks;
                in_hours += f64::min(likely, 1.0);
                in_day += likely;
                if offset % 24 == 23 {
                    in_days += f64::min(in_day, 1.0);
                    in_day = 0.0;
                }
            }
            hours += in_hours * times;
            days += (in_days + f64::min(in_day, 1.0)) * times;
        }
        Some((hours, days))
    }

    /// The weeks that the counters stand for: four in the long run.
    fn weeks(&self, at: Timestamp) -> f64 {
        let ms = time::until(self.since, at).as_millis() as f64;
        let weeks = (ms / WEEK_MS as f64).max(1.0);
        (1.0 - DECAY.powf(weeks)) / (1.0 - DECAY)
    }

    /// Counted items of these hours together.
    fn items(&self, hours: impl IntoIterator<Item = usize>) -> f64 {
        let steps: f64 = hours
            .into_iter()
            .filter_map(|hour| self.counters.get(hour).copied())
            .map(f64::from)
            .sum();
        steps / STEPS
    }

    /// As the store keeps it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(BYTES);
        for at in [self.since, self.until] {
            bytes.extend(at.as_millisecond().to_le_bytes());
        }
        bytes.extend(
            self.counters
                .iter()
                .flat_map(|counter| counter.to_le_bytes()),
        );
        bytes
    }

    /// `None` where these are not the bytes of a rhythm.
    pub fn from_bytes(bytes: &[u8]) -> Option<Rhythm> {
        if bytes.len() != BYTES {
            return None;
        }
        let (since, rest) = bytes.split_first_chunk::<8>()?;
        let (until, rest) = rest.split_first_chunk::<8>()?;
        let mut counters = Box::new([0; HOURS]);
        let (pairs, _) = rest.as_chunks::<2>();
        for (counter, pair) in counters.iter_mut().zip(pairs) {
            *counter = u16::from_le_bytes(*pair);
        }
        Some(Rhythm {
            since: time::from_ms(i64::from_le_bytes(*since)),
            until: time::from_ms(i64::from_le_bytes(*until)),
            counters,
        })
    }
}

fn week(at: Timestamp) -> i64 {
    at.as_millisecond().div_euclid(WEEK_MS)
}

fn hour_of_week(at: Timestamp) -> usize {
    hour_index(at.as_millisecond().div_euclid(HOUR_MS))
}

/// Of an hour since 1970.
fn hour_index(hour: i64) -> usize {
    usize::try_from(hour.rem_euclid(HOURS as i64)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const HOUR: Duration = Duration::from_secs(3600);
    /// A Monday.
    const BEGIN: &str = "2026-03-02T00:00:00Z";

    fn after(hours: f64) -> Timestamp {
        time::after(BEGIN.parse().unwrap(), HOUR.mul_f64(hours))
    }

    /// A feed watched for so many days, with an item at each of these hours since the beginning.
    fn watched(came: impl Fn(u32) -> u32, days: u32) -> Rhythm {
        let mut rhythm = Rhythm::begun(after(0.0));
        for hour in 0..days * 24 {
            let items = came(hour);
            if items > 0 {
                let at = after(f64::from(hour) + 0.5);
                rhythm.count((0..items).map(|_| at), at);
            }
        }
        rhythm
    }

    fn wire(_: u32) -> u32 {
        12
    }
    fn hourly(_: u32) -> u32 {
        1
    }
    /// Ten items at six in the morning.
    fn daily(hour: u32) -> u32 {
        if hour % 24 == 6 { 10 } else { 0 }
    }
    /// Two an hour from 9 to 18 on working days.
    fn office(hour: u32) -> u32 {
        if (9..18).contains(&(hour % 24)) && hour / 24 % 7 < 5 {
            2
        } else {
            0
        }
    }
    fn weekly(hour: u32) -> u32 {
        if hour % 168 == 40 { 1 } else { 0 }
    }
    fn never(_: u32) -> u32 {
        0
    }

    #[test]
    fn a_wire_is_asked_often_and_a_weekly_rarely() {
        let minutes = |rhythm: &Rhythm, at: f64| {
            let wait = rhythm.wait(after(at), 5 * MINUTE, HOUR);
            wait.map(|wait| wait.as_secs() / 60)
        };
        let week = 168.0;
        for (told, came, days, at, expected) in [
            (
                "six days are no history",
                wire as fn(u32) -> u32,
                6,
                6.0 * 24.0,
                None,
            ),
            ("a silent one neither", never, 6, 6.0 * 24.0, None),
            ("a wire", wire, 7, week, Some(5..=5)),
            ("one an hour", hourly, 7, week, Some(12..=20)),
            (
                "one an hour, after a month",
                hourly,
                28,
                4.0 * week,
                Some(12..=20),
            ),
            (
                "a daily at noon",
                daily,
                14,
                2.0 * week + 12.0,
                Some(60..=60),
            ),
            ("a daily at six", daily, 14, 2.0 * week + 6.1, Some(5..=5)),
            (
                "a daily before six: when its hour nears",
                daily,
                14,
                2.0 * week + 4.5,
                Some(30..=40),
            ),
            (
                "an office in its hours",
                office,
                14,
                2.0 * week + 10.0,
                Some(5..=10),
            ),
            (
                "an office on Sunday",
                office,
                14,
                2.0 * week - 12.0,
                Some(60..=60),
            ),
            ("a weekly", weekly, 28, 4.0 * week + 100.0, Some(60..=60)),
            ("one that never spoke", never, 14, 2.0 * week, Some(60..=60)),
        ] {
            let wait = minutes(&watched(came, days), at);
            match expected {
                None => assert_eq!(wait, None, "{told}"),
                Some(range) => assert!(range.contains(&wait.unwrap()), "{told}: {wait:?}"),
            }
        }
    }

    #[test]
    fn what_changes_its_ways_is_learnt_anew() {
        let mut rhythm = watched(wire, 28);
        for week in 4..16 {
            let at = after(f64::from(week) * 168.0 + 40.0);
            rhythm.count([at], at);
        }
        let wait = rhythm.wait(after(16.0 * 168.0 + 100.0), MINUTE, HOUR);
        assert!(wait.unwrap() > 20 * MINUTE, "{wait:?}");
    }

    #[test]
    fn silence_is_measured_by_the_feed_s_own_rhythm() {
        let day = 24.0;
        for (told, came, days, silent_hours, expected) in [
            (
                "a wire, four hours",
                wire as fn(u32) -> u32,
                14,
                4.0,
                Some((false, true)),
            ),
            ("a wire, half a day", wire, 14, 14.0, Some((true, true))),
            (
                "a daily, a day and a half",
                daily,
                14,
                1.6 * day,
                Some((false, true)),
            ),
            (
                "a daily, five days",
                daily,
                14,
                5.0 * day,
                Some((true, true)),
            ),
            (
                "a weekly, ten days",
                weekly,
                63,
                10.0 * day,
                Some((false, true)),
            ),
            (
                "a weekly, six weeks",
                weekly,
                63,
                42.0 * day,
                Some((true, true)),
            ),
            ("six days are no history", wire, 6, 3.0 * day, None),
        ] {
            let rhythm = watched(came, days);
            let from = rhythm.until;
            let to = time::after(from, HOUR.mul_f64(silent_hours));
            let found = rhythm.is_silence(from, to);
            let found = found.zip(rhythm.is_item_due(from, to));
            assert_eq!(found, expected, "{told}");
        }
        // From Friday evening until Tuesday morning, with Monday off.
        let rhythm = watched(office, 19);
        assert_eq!(
            rhythm.is_silence(rhythm.until, after(22.0 * day + 10.0)),
            Some(false)
        );
        assert_eq!(
            rhythm.is_silence(rhythm.until, after(23.0 * day + 12.0)),
            Some(true)
        );
    }

    #[test]
    fn bytes_come_back_and_others_are_refused() {
        let rhythm = watched(office, 9);
        assert_eq!(Rhythm::from_bytes(&rhythm.to_bytes()), Some(rhythm));
        for bytes in [&[][..], &[0; 16], &[0; BYTES + 1]] {
            assert_eq!(Rhythm::from_bytes(bytes), None);
        }
    }
}
