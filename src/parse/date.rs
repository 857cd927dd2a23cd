//! Dates in every form that feeds write: RFC 3339 and ISO 8601 whole and in part, RFC 822 and 2822 with their
//! misspellings, `asctime`, numbers with slashes or dots, month names of the languages that news is read in.
//!
//! One lenient reader instead of a list of formats: it takes the text apart into numbers, words and signs, finds the
//! time by its colons and the month by its name or place, and gives up rather than guess a date that cannot be.

mod pieces;
mod words;

use jiff::{SignedDuration, Span, civil, fmt::rfc2822::DateTimeParser, tz::Offset};

use crate::time::Timestamp;
use pieces::{Piece, pieces, time_at};
use words::{month_of, offset_of};

/// Years that a news item can claim: archives list what is centuries old. The year 1 is how .NET writes that there is no date.
const YEARS: std::ops::RangeInclusive<i16> = 2..=2200;
/// The first days of other calendars, Windows' and OLE's: no date either.
const NO_DATES: [civil::Date; 2] = [civil::date(1601, 1, 1), civil::date(1899, 12, 30)];
/// No date is longer; more is a text in the wrong place.
const TEXT_BYTES_MAX: usize = 128;

/// Reads a date; `None` where the text is none, or none that can be. Without a zone it is taken as UTC.
pub fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if text.is_empty() || text.len() > TEXT_BYTES_MAX || text.contains('=') {
        return None;
    }
    if let Some(at) = standard(text).or_else(|| epoch(text)) {
        return Some(at);
    }
    Reading::of(&pieces(text)).timestamp()
}

/// The two standard forms, which nearly all dates have: RFC 3339 and RFC 2822; far faster than the lenient reading.
fn standard(text: &str) -> Option<Timestamp> {
    const RFC_2822: DateTimeParser = DateTimeParser::new().relaxed_weekday(true);
    let at: Timestamp = match text.as_bytes().get(4) {
        Some(b'-') => text.parse().ok()?,
        // It takes every other name for UTC.
        _ if has_other_zone(text) => return None,
        _ => RFC_2822.parse_timestamp(text).ok()?,
    };
    can_be(Offset::UTC.to_datetime(at).date()).then_some(at)
}

/// Whether the text ends with a zone's name that RFC 822 does not have.
fn has_other_zone(text: &str) -> bool {
    let name = text
        .rsplit(|c: char| !c.is_ascii_alphabetic())
        .next()
        .unwrap_or_default();
    let is_standard = [
        "GMT", "UTC", "UT", "Z", "EST", "EDT", "CST", "CDT", "MST", "MDT", "PST", "PDT",
    ]
    .iter()
    .any(|zone| name.eq_ignore_ascii_case(zone));
    !name.is_empty() && !is_standard
}

fn can_be(date: civil::Date) -> bool {
    YEARS.contains(&date.year()) && !NO_DATES.contains(&date)
}

/// Seconds or milliseconds since 1970 as one number.
fn epoch(text: &str) -> Option<Timestamp> {
    let is_epoch = matches!(text.len(), 10 | 13) && text.bytes().all(|byte| byte.is_ascii_digit());
    let number: i64 = is_epoch.then(|| text.parse().ok())??;
    let ms = if text.len() == 10 {
        number * 1000
    } else {
        number
    };
    Timestamp::from_millisecond(ms).ok()
}

/// What was recognised of a date.
#[derive(Debug, Default)]
struct Reading {
    year: Option<(u32, usize)>,
    month: Option<u32>,
    day: Option<u32>,
    ordinal: Option<u32>,
    hour: u32,
    minute: u32,
    second: u32,
    nanosecond: u32,
    is_afternoon: Option<bool>,
    offset_s: Option<i32>,
}

impl Reading {
    fn of(pieces: &[Piece<'_>]) -> Reading {
        let mut reading = Reading::default();
        let time = time_at(pieces);
        let (before, time_and_after) = match time {
            Some(at) => pieces.split_at(at),
            None => (pieces, &[][..]),
        };
        let after = reading.read_time(time_and_after);
        let after = reading.read_zone(after);
        reading.read_words(pieces);
        reading.read_date(before, after, time.is_some());
        reading
    }

    /// `hh:mm`, `hh:mm:ss`, `hh:mm:ss.fraction`, with dots or units instead of the colons; what follows it.
    fn read_time<'p, 'a>(&mut self, pieces: &'p [Piece<'a>]) -> &'p [Piece<'a>] {
        let [Piece::Number(hour, _), mark, rest @ ..] = pieces else {
            return pieces;
        };
        self.hour = *hour;
        let [Piece::Number(minute, 1..=2), rest @ ..] = behind(mark, rest) else {
            return rest;
        };
        self.minute = *minute;
        let [
            mark @ (Piece::Sign(':' | '.') | Piece::Word("m" | "min" | "分" | "분")),
            after @ ..,
        ] = rest
        else {
            return rest;
        };
        let [Piece::Number(second, 1..=2), rest @ ..] = behind(mark, after) else {
            return rest;
        };
        self.second = *second;
        let [
            Piece::Sign('.' | ','),
            Piece::Number(fraction, digits),
            rest @ ..,
        ] = rest
        else {
            return rest;
        };
        if *digits <= 9 {
            self.nanosecond = fraction.saturating_mul(10_u32.pow(9 - *digits as u32));
        }
        rest
    }

    /// `Z`, `+01:00`, `-0500`, `GMT+2`, a name; what follows it.
    fn read_zone<'p, 'a>(&mut self, pieces: &'p [Piece<'a>]) -> &'p [Piece<'a>] {
        let mut rest = pieces;
        loop {
            rest = match rest {
                [Piece::Space | Piece::Sign('.'), inner @ ..] => inner,
                [Piece::Word(word), inner @ ..] => match offset_of(word) {
                    Some(offset_s) => {
                        self.offset_s.get_or_insert(offset_s);
                        inner
                    }
                    None if month_of(word, next_word(inner)).is_some() => return rest,
                    None => inner,
                },
                [
                    Piece::Sign(sign @ ('+' | '-' | '\u{2212}' | '\u{2013}')),
                    Piece::Number(number, digits),
                    inner @ ..,
                ] => {
                    let (hours, minutes, inner) = match (digits, inner) {
                        (1..=2, [Piece::Sign(':'), Piece::Number(minutes, 1..=2), inner @ ..]) => {
                            (*number, *minutes, inner)
                        }
                        (1..=2, _) => (*number, 0, inner),
                        _ => (number / 100, number % 100, inner),
                    };
                    if hours <= 15 && minutes < 60 {
                        let offset_s = (hours * 3600 + minutes * 60) as i32;
                        self.offset_s = Some(if *sign == '+' { offset_s } else { -offset_s });
                    }
                    inner
                }
                _ => return rest,
            };
        }
    }

    fn read_words(&mut self, pieces: &[Piece<'_>]) {
        for (at, piece) in pieces.iter().enumerate() {
            let Piece::Word(word) = piece else { continue };
            let lower = word.to_lowercase();
            let has_dot = matches!(
                pieces.get(at + 1..),
                Some([Piece::Sign('.'), Piece::Word("m" | "M"), ..])
            );
            match &*lower {
                "a" if has_dot => self.is_afternoon = Some(false),
                "p" if has_dot => self.is_afternoon = Some(true),
                "am" | "오전" => self.is_afternoon = Some(false),
                "pm" | "오후" => self.is_afternoon = Some(true),
                _ if lower.ends_with("上午") => self.is_afternoon = Some(false),
                _ if lower.ends_with("下午") => self.is_afternoon = Some(true),
                _ => continue,
            }
            if lower.starts_with('오') {
                self.offset_s.get_or_insert(9 * 3600);
            }
        }
        // `2004년 05월 28일` is written in one country only.
        if pieces.contains(&Piece::Word("년")) {
            self.offset_s.get_or_insert(9 * 3600);
        }
    }

    fn read_date(&mut self, before: &[Piece<'_>], after: &[Piece<'_>], has_time: bool) {
        self.month = named_month(before).or_else(|| named_month(after));
        let mut numbers = before.iter().chain(after).filter_map(|piece| match piece {
            Piece::Number(value, digits) => Some((*value, *digits)),
            _ => None,
        });
        if self.month.is_some() {
            for (value, digits) in numbers {
                match (self.day, self.year) {
                    (None, _) if digits <= 2 => self.day = Some(value),
                    (_, None) => self.year = Some((value, digits)),
                    // `03 Apr 02 1500`: the time without its colon.
                    _ if digits == 4 && !has_time => {
                        (self.hour, self.minute) = (value / 100, value % 100)
                    }
                    _ => {}
                }
            }
            return;
        }
        let has_slash = before.contains(&Piece::Sign('/'));
        let (first, second, third) = (numbers.next(), numbers.next(), numbers.next());
        let fourth = numbers.next();
        match (first, second, third) {
            (Some((value, 8)), time, _) => {
                self.year = Some((value / 10_000, 4));
                (self.month, self.day) = (Some(value / 100 % 100), Some(value % 100));
                self.read_bare_time(time, has_time);
            }
            (Some(year @ (_, 4)), Some((ordinal, 3)), time) => {
                (self.year, self.ordinal) = (Some(year), Some(ordinal));
                self.read_bare_time(time, has_time);
            }
            (Some(year @ (_, 4)), month, day) => {
                let valid =
                    |part: Option<(u32, usize)>| part.filter(|part| part.1 <= 2).map(|part| part.0);
                (self.year, self.month, self.day) = (Some(year), valid(month), valid(day));
                self.read_bare_time(fourth, has_time);
            }
            // Two numbers above twelve are no date, not a month one over.
            (Some((left, 1..=2)), Some((right, 1..=2)), Some(year)) if left.min(right) <= 12 => {
                let is_american =
                    right > 12 || (left <= 12 && has_slash && self.is_afternoon.is_some());
                let (month, day) = if is_american {
                    (left, right)
                } else {
                    (right, left)
                };
                (self.year, self.month, self.day) = (Some(year), Some(month), Some(day));
            }
            _ => {}
        }
    }

    /// `192030` or `1920` after the date.
    fn read_bare_time(&mut self, time: Option<(u32, usize)>, has_time: bool) {
        match time {
            Some((value, 6)) if !has_time => {
                (self.hour, self.minute, self.second) =
                    (value / 10_000, value / 100 % 100, value % 100);
            }
            Some((value, 4)) if !has_time => (self.hour, self.minute) = (value / 100, value % 100),
            _ => {}
        }
    }

    fn timestamp(&self) -> Option<Timestamp> {
        let (value, digits) = self.year?;
        // RFC 2822 (4.3): two digits from 50 and three digits count from 1900. Feeds began in 1999.
        let year = match digits {
            1..=2 if value < 70 => 2000 + value,
            1..=3 => 1900 + value,
            _ => value,
        };
        let year = i16::try_from(year)
            .ok()
            .filter(|year| YEARS.contains(year))?;
        let date = match self.ordinal {
            Some(ordinal) => {
                let first = civil::Date::new(year, 1, 1).ok()?;
                first
                    .checked_add(jiff::Span::new().days(i64::from(ordinal.checked_sub(1)?)))
                    .ok()
                    .filter(|date| date.year() == year)?
            }
            None => {
                let month = i8::try_from(self.month.unwrap_or(1)).ok()?;
                let day = i8::try_from(self.day.unwrap_or(1)).ok()?;
                day_of(year, month, day)?
            }
        };
        if !can_be(date) {
            return None;
        }
        let hour = match (self.is_afternoon, self.hour) {
            (Some(true), 1..=11) => self.hour + 12,
            (Some(false), 12) => 0,
            (_, hour) => hour,
        };
        // One over, and no more: a sum that forgot to carry (`T25:10`, `10:60`), or a leap second.
        let second = if self.second == 60 { 59 } else { self.second };
        if hour >= 2 * 24 || self.minute >= 2 * 60 || second >= 2 * 60 {
            return None;
        }
        let time = SignedDuration::new(
            i64::from(hour * 3600 + self.minute * 60 + second),
            i32::try_from(self.nanosecond).ok()?,
        );
        let offset = Offset::from_seconds(self.offset_s.unwrap_or(0)).ok()?;
        let midnight = offset.to_timestamp(date.to_datetime(civil::Time::midnight()));
        midnight.ok()?.checked_add(time).ok()
    }
}

/// The month that the last of the words names.
fn named_month(pieces: &[Piece<'_>]) -> Option<u32> {
    let from = |at: usize| pieces.get(at..).unwrap_or_default();
    let (at, month) = (0..pieces.len())
        .rev()
        .find_map(|at| match pieces.get(at)? {
            Piece::Word(word) => Some((at, month_of(word, next_word(from(at + 1)))?)),
            _ => None,
        })?;
    // `mar., 14 brumaire`: a Tuesday, and a month that we do not know.
    let is_led_by_comma = matches!(
        from(at + 1),
        [Piece::Sign(','), ..] | [Piece::Sign('.'), Piece::Sign(','), ..]
    );
    let is_name = |piece: &Piece<'_>| matches!(piece, Piece::Word(word) if word.len() >= 3);
    let is_weekday = at == 0 && is_led_by_comma && from(1).iter().any(is_name);
    (!is_weekday).then_some(month)
}

/// What stands behind a mark between numbers: a unit may have a space behind it.
fn behind<'p, 'a>(mark: &Piece<'_>, rest: &'p [Piece<'a>]) -> &'p [Piece<'a>] {
    match (mark, rest) {
        (Piece::Word(_), [Piece::Space, inner @ ..]) => inner,
        _ => rest,
    }
}

/// The word that the pieces begin with.
fn next_word<'a>(pieces: &[Piece<'a>]) -> Option<&'a str> {
    match pieces {
        [Piece::Space, Piece::Word(word), ..] | [Piece::Word(word), ..] => Some(word),
        _ => None,
    }
}

/// The day of a month; a month or day one over its end is counted on, as C's `mktime` does: the month 13 is the January
/// after.
fn day_of(year: i16, month: i8, day: i8) -> Option<civil::Date> {
    // The longest month and a day.
    const DAY_MAX: i8 = 32;
    let (year, month) = match month {
        13 => (year + 1, 1),
        _ => (year, month),
    };
    if !(1..=DAY_MAX).contains(&day) {
        return None;
    }
    let first = civil::Date::new(year, month, 1).ok()?;
    first.checked_add(Span::new().days(i64::from(day) - 1)).ok()
}

#[cfg(test)]
mod tests;
