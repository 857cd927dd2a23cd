//! What a feed says about how often to ask it, and who would tell us instead.

use std::time::Duration;

/// A feed's wishes. The poller may ask later for them, never sooner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// RSS `ttl`.
    pub ttl: Option<Duration>,
    /// RSS `skipHours`: bit n is set for the hour n, 0 to 23, in UTC.
    pub skip_hours: u32,
    /// RSS `skipDays`: bit 0 is Monday, in UTC.
    pub skip_days: u8,
    /// `sy:updatePeriod`, the unit that `frequency` divides.
    pub period: Option<Unit>,
    /// `sy:updateFrequency`: updates in a period; 1 where it is not said.
    pub frequency: u32,
    /// The address that the feed calls its own: the WebSub topic.
    pub self_url: String,
    /// WebSub hubs.
    pub hubs: Vec<String>,
}

impl Hints {
    /// The time between updates that `sy:updatePeriod` and `sy:updateFrequency` promise.
    pub fn update_interval(&self) -> Option<Duration> {
        self.period
            .map(|period| period.duration() / self.frequency.max(1))
    }
}

/// The periods of the syndication module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Hourly,
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

impl Unit {
    pub(super) fn parse(text: &str) -> Option<Unit> {
        Some(match text.trim().to_ascii_lowercase().as_str() {
            "hourly" => Unit::Hourly,
            "daily" => Unit::Daily,
            "weekly" => Unit::Weekly,
            "monthly" => Unit::Monthly,
            "yearly" => Unit::Yearly,
            _ => return None,
        })
    }

    pub fn duration(self) -> Duration {
        let hours = match self {
            Unit::Hourly => 1,
            Unit::Daily => 24,
            Unit::Weekly => 7 * 24,
            Unit::Monthly => 30 * 24,
            Unit::Yearly => 365 * 24,
        };
        Duration::from_secs(hours * 3600)
    }
}

/// No longer `ttl` is a wish of anyone's: one week.
const TTL_MINUTES_MAX: u64 = 7 * 24 * 60;

pub(super) fn minutes(text: &str) -> Option<Duration> {
    let minutes: u64 = text.trim().parse().ok()?;
    (minutes > 0).then(|| Duration::from_secs(minutes.min(TTL_MINUTES_MAX) * 60))
}

/// The bit of an hour; RSS 0.91 counts 1 to 24, so 24 is midnight.
pub(super) fn hour(text: &str) -> u32 {
    match text.trim().parse::<u32>() {
        Ok(hour @ 0..=24) => 1 << (hour % 24),
        _ => 0,
    }
}

/// The bit of a day, by its English name as RSS wants it.
pub(super) fn day(text: &str) -> u8 {
    let lower = text.trim().to_ascii_lowercase();
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let at = days.iter().position(|day| lower.starts_with(day));
    at.map_or(0, |at| 1 << at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_read_and_nonsense_is_not() {
        assert_eq!(minutes(" 15 "), Some(Duration::from_secs(900)));
        let week = Some(Duration::from_secs(7 * 86_400));
        assert_eq!((minutes("10081"), minutes("43200")), (week, week));
        for text in ["", "0", "-5", "99999999999999999999", "soon"] {
            assert_eq!(minutes(text), None, "{text}");
        }
        assert_eq!((hour("0"), hour("23"), hour("24")), (1, 1 << 23, 1));
        assert_eq!((hour("-5"), hour("25")), (0, 0));
        assert_eq!((day("Monday"), day("sunday "), day("x")), (1, 1 << 6, 0));
        let hints = Hints {
            period: Unit::parse("Daily"),
            frequency: 4,
            ..Hints::default()
        };
        assert_eq!(hints.update_interval(), Some(Duration::from_secs(6 * 3600)));
    }
}
