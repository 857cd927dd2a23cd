//! Time as a value. Only the loops ask a [`Clock`]; everything below them is handed `now`.
//!
//! Waiting goes through `tokio::time`, which tests pause; wall time goes through [`Clock`], whose virtual kind follows
//! tokio's paused clock, so that a scenario of three days runs in milliseconds and both agree.

use std::time::Duration;

pub use jiff::Timestamp;

/// Where wall time comes from.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// `epoch` plus what tokio's clock has advanced since `start`.
    Virtual {
        epoch: Timestamp,
        start: tokio::time::Instant,
    },
}

impl Clock {
    /// A clock that reads `epoch` now and follows tokio's (paused) clock from here.
    pub fn starting_at(epoch: Timestamp) -> Self {
        Clock::Virtual {
            epoch,
            start: tokio::time::Instant::now(),
        }
    }

    /// The time in whole milliseconds, the precision that the store keeps.
    pub fn now(self) -> Timestamp {
        let now = match self {
            Clock::System => Timestamp::now(),
            Clock::Virtual { epoch, start } => after(epoch, start.elapsed()),
        };
        from_ms(now.as_millisecond())
    }
}

/// Notices that the machine's clock was set back: what is planned by it would otherwise wait until it is that late again.
#[derive(Debug)]
pub struct Steps {
    clock: Clock,
    seen: (Timestamp, tokio::time::Instant),
}

impl Steps {
    /// A correction of less is no step: clocks are disciplined by small ones all the time.
    const MIN: Duration = Duration::from_secs(5);

    pub fn new(clock: Clock) -> Steps {
        Steps {
            clock,
            seen: (clock.now(), tokio::time::Instant::now()),
        }
    }

    /// By how much the clock was set back since the last call.
    pub fn back(&mut self) -> Option<Duration> {
        let now = (self.clock.now(), tokio::time::Instant::now());
        let (wall, running) = std::mem::replace(&mut self.seen, now);
        set_back(wall, now.0, now.1 - running)
    }
}

fn set_back(from: Timestamp, to: Timestamp, passed: Duration) -> Option<Duration> {
    let missing = until(to, after(from, passed));
    (missing >= Steps::MIN).then_some(missing)
}

/// `at` plus `wait`, held at the end of time where the sum does not fit.
pub fn after(at: Timestamp, wait: Duration) -> Timestamp {
    at.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// `at` minus `wait`, held at the beginning of time where the difference does not fit.
pub fn before(at: Timestamp, wait: Duration) -> Timestamp {
    at.checked_sub(wait).unwrap_or(Timestamp::MIN)
}

/// How long from `from` until `to`; zero when `to` is past.
pub fn until(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or(Duration::ZERO)
}

/// Reads `90s`, `5m`, `2h`, `14d`, `100ms`: one whole number and one unit, as the configuration and `--since` write it.
///
/// # Errors
/// A sentence that says what was expected.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let split = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let ms_per_unit: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "w" => 7 * 86_400_000,
        _ => {
            return Err(format!(
                "{text:?} is not a duration: write a number and a unit, such as 90s, 5m, 2h or 14d"
            ));
        }
    };
    let number: u64 = number.parse().map_err(|_| {
        format!("{text:?} is not a duration: write a number and a unit, such as 90s, 5m, 2h or 14d")
    })?;
    match number.checked_mul(ms_per_unit) {
        Some(ms) if ms <= DURATION_MS_MAX => Ok(Duration::from_millis(ms)),
        _ => Err(format!("{text:?} is too long: the most is 3650d")),
    }
}

const DURATION_MS_MAX: u64 = 3650 * 86_400_000;

/// Writes a duration as people say it, with the two largest units: `14d`, `2h 5m`, `1.5s`, `80ms`.
pub fn show_duration(duration: Duration) -> String {
    let s = duration.as_secs();
    let two = |large: u64, large_unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{large}{large_unit}"),
        _ => format!("{large}{large_unit} {small}{small_unit}"),
    };
    match s {
        0 => format!("{}ms", duration.as_millis()),
        1..60 if duration.subsec_millis() >= 100 => {
            format!("{s}.{}s", duration.subsec_millis() / 100)
        }
        1..60 => format!("{s}s"),
        60..3600 => two(s / 60, "m", s % 60, "s"),
        3600..86_400 => two(s / 3600, "h", s % 3600 / 60, "m"),
        _ => two(s / 86_400, "d", s % 86_400 / 3600, "h"),
    }
}

/// A time from milliseconds since 1970, held at either end of time where it does not fit.
pub fn from_ms(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(if ms < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

/// RFC 3339 in UTC with milliseconds, the form of every time in the alert document.
pub fn rfc3339(at: Timestamp) -> String {
    format!("{at:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_back_is_noticed() {
        let s = |s: i64| from_ms(s * 1000);
        for (from, to, passed, expected) in [
            (100, 110, 10, None),
            (100, 3700, 10, None),
            (100, 100, 4, None),
            (100, 104, 10, Some(6)),
            (7200, 3610, 10, Some(3600)),
        ] {
            let back = set_back(s(from), s(to), Duration::from_secs(passed));
            assert_eq!(back, expected.map(Duration::from_secs), "{from} to {to}");
        }
    }

    #[test]
    fn durations_read_and_show() {
        for (text, ms, shown) in [
            ("90s", 90_000, "1m 30s"),
            ("5m", 300_000, "5m"),
            ("2h", 7_200_000, "2h"),
            ("14d", 14 * 86_400_000, "14d"),
            ("100ms", 100, "100ms"),
            ("0s", 0, "0ms"),
        ] {
            let duration = parse_duration(text).unwrap();
            assert_eq!(duration.as_millis(), ms, "{text}");
            assert_eq!(show_duration(duration), shown);
        }
        for bad in [
            "",
            "5",
            "m",
            "5 m",
            "-5m",
            "1.5h",
            "5min",
            "99999999999999999999d",
            "9999d",
        ] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_are_rfc_3339_with_milliseconds() {
        let at: Timestamp = "2024-12-06T14:03:11.204Z".parse().unwrap();
        assert_eq!(rfc3339(at), "2024-12-06T14:03:11.204Z");
        assert_eq!(
            until(at, before(at, Duration::from_secs(1))),
            Duration::ZERO
        );
    }
}
