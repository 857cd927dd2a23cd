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
        _ => RFC_2822.parse_timestamp(text).ok()?,
    };
    can_be(Offset::UTC.to_datetime(at).date()).then_some(at)
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

    /// `hh:mm`, `hh:mm:ss`, `hh:mm:ss.fraction`; what follows it.
    fn read_time<'p, 'a>(&mut self, pieces: &'p [Piece<'a>]) -> &'p [Piece<'a>] {
        let [
            Piece::Number(hour, _),
            _,
            Piece::Number(minute, _),
            rest @ ..,
        ] = pieces
        else {
            return pieces;
        };
        (self.hour, self.minute) = (*hour, *minute);
        let [
            Piece::Sign(':' | '.'),
            Piece::Number(second, 1..=2),
            rest @ ..,
        ] = rest
        else {
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
                [Piece::Space, inner @ ..] => inner,
                [Piece::Word(word), inner @ ..] => match offset_of(word) {
                    Some(offset_s) => {
                        self.offset_s.get_or_insert(offset_s);
                        inner
                    }
                    None if month_of(word).is_some() => return rest,
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
        for piece in pieces {
            let Piece::Word(word) = piece else { continue };
            let lower = word.to_lowercase();
            match &*lower {
                "am" | "오전" => self.is_afternoon = Some(false),
                "pm" | "오후" => self.is_afternoon = Some(true),
                _ => continue,
            }
            if !word.is_ascii() {
                self.offset_s.get_or_insert(9 * 3600);
            }
        }
        // `2004년 05월 28일` is written in one country only.
        if pieces.contains(&Piece::Word("년")) {
            self.offset_s.get_or_insert(9 * 3600);
        }
    }

    fn read_date(&mut self, before: &[Piece<'_>], after: &[Piece<'_>], has_time: bool) {
        let named = |pieces: &[Piece<'_>]| {
            pieces.iter().rev().find_map(|piece| match piece {
                Piece::Word(word) => month_of(word),
                _ => None,
            })
        };
        self.month = named(before).or_else(|| named(after));
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
mod tests {
    use super::*;

    fn check(text: &str, want: &str) {
        let found = parse(text).map_or("none".to_owned(), |at| at.to_string());
        assert_eq!(found, want, "{text:?}");
    }

    #[test]
    fn iso_whole_and_in_part() {
        check("2003-12-31T10:14:55Z", "2003-12-31T10:14:55Z");
        check("2003-12-31T10:14:55.250+01:00", "2003-12-31T09:14:55.25Z");
        check("2003-12-31T10:14:55-0800", "2003-12-31T18:14:55Z");
        check("2003-12-31 10:14:55", "2003-12-31T10:14:55Z");
        check("2003-12-31 T 10:14:55 -05:00", "2003-12-31T15:14:55Z");
        check("2003-12-31T10:14+00:0", "2003-12-31T10:14:00Z");
        check("2003-12-31", "2003-12-31T00:00:00Z");
        check("2003-12", "2003-12-01T00:00:00Z");
        check("2003", "2003-01-01T00:00:00Z");
        check("20031231", "2003-12-31T00:00:00Z");
        check("20031231T10:14:55Z", "2003-12-31T10:14:55Z");
        check("20031231T101455Z", "2003-12-31T10:14:55Z");
        check("2003-365", "2003-12-31T00:00:00Z");
        check("2003-12-31T24:00:00Z", "2004-01-01T00:00:00Z");
        check("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z");
        check(
            "2011-12-13T11:31:55.1234567+02:00",
            "2011-12-13T09:31:55.1234567Z",
        );
    }

    #[test]
    fn rfc_822_with_its_misspellings() {
        check("Thu, 01 Jan 2004 19:48:21 GMT", "2004-01-01T19:48:21Z");
        check("Thu, 5 Apr 2012 9:00:06 EST", "2012-04-05T14:00:06Z");
        check("01 Jan 04 19:48 +0200", "2004-01-01T17:48:00Z");
        check(
            "Thursday, 1 January 2004 19:48:21 -0330",
            "2004-01-01T23:18:21Z",
        );
        check("Sun, 31 Dec 2023 02:02:33 PM", "2023-12-31T14:02:33Z");
        check("Sat, Dec 16 2023 12:02:33 AM", "2023-12-16T00:02:33Z");
        check(
            "Thu(day), 9(th) Feb(ruary) 2006 23:59:45 +0000(GMT)",
            "2006-02-09T23:59:45Z",
        );
        check("03 Apr 02 1500 GMT", "2002-04-03T15:00:00Z");
        check("Mon, 12 Jun 2023 08:00:00 GMT+0300", "2023-06-12T05:00:00Z");
        check(
            "Tue Dec 12 2023 10:00:00 GMT+0100 (Central European Time)",
            "2023-12-12T09:00:00Z",
        );
        check("Thu, 01 Jan 104 00:00:00 GMT", "2004-01-01T00:00:00Z");
        check("Thu, 01 Jan 2004", "2004-01-01T00:00:00Z");
        check("Tue, 24 Sept 2024 10:00:00 CEST", "2024-09-24T08:00:00Z");
        check("24 Sep 2024 10:00:00 WHAT", "2024-09-24T10:00:00Z");
    }

    #[test]
    fn other_orders() {
        check("Sun Jan  4 16:29:06 PST 2004", "2004-01-05T00:29:06Z");
        check("Fri, 2006/09/15 08:19:53 EDT", "2006-09-15T12:19:53Z");
        check("December 16, 2023", "2023-12-16T00:00:00Z");
        check("16.12.2023 14:05", "2023-12-16T14:05:00Z");
        check("16/12/2023 14:05", "2023-12-16T14:05:00Z");
        check("3/4/2023 5:06:07 PM", "2023-03-04T17:06:07Z");
        check("03/04/2023 05:06", "2023-04-03T05:06:00Z");
        check("1575158400", "2019-12-01T00:00:00Z");
        check("1575158400123", "2019-12-01T00:00:00.123Z");
        check("14:05 16 Dec 2023", "2023-12-16T14:05:00Z");
    }

    #[test]
    fn months_in_many_languages() {
        check("Di, 12 Mär 2024 10:00:00 +0100", "2024-03-12T09:00:00Z");
        check("mar., 12 déc. 2023 10:00:00 +0000", "2023-12-12T10:00:00Z");
        check("12 août 2023", "2023-08-12T00:00:00Z");
        check("juil. 4 2023", "2023-07-04T00:00:00Z");
        check("12 ene 2023", "2023-01-12T00:00:00Z");
        check("Пт, 06 дек 2024 14:02:00 +0300", "2024-12-06T11:02:00Z");
        check("6 грудня 2024", "2024-12-06T00:00:00Z");
        check("06 Ara 2024 10:00", "2024-12-06T10:00:00Z");
        check("Κυρ, 11 Ιούλ 2004 12:00:00 EST", "2004-07-11T17:00:00Z");
        check("2004-július-13T9:15-05:00", "2004-07-13T14:15:00Z");
        check("2004년 05월 28일  01:31:15", "2004-05-27T16:31:15Z");
        check("2004-05-25 오후 11:23:17", "2004-05-25T14:23:17Z");
        check("2024年12月6日 10:00", "2024-12-06T10:00:00Z");
        check("6 ديسمبر 2024", "2024-12-06T00:00:00Z");
        check("6 בדצמבר 2024", "2024-12-06T00:00:00Z");
    }

    #[test]
    fn what_is_over_its_end_carries() {
        check("2003-07-32T15:51:30-05:00", "2003-08-01T20:51:30Z");
        check("2023-02-30", "2023-03-02T00:00:00Z");
        check("Wed, 31 Jun 2003 10:00:00 GMT", "2003-07-01T10:00:00Z");
        check("2003-13-01T15:51:30-05:00", "2004-01-01T20:51:30Z");
        check("20031331", "2004-01-31T00:00:00Z");
        check("2003-07-01T25:51:30Z", "2003-07-02T01:51:30Z");
        check("2003-12-31T23:60:00Z", "2004-01-01T00:00:00Z");
        check("2003-07-01T01:55:61-05:00", "2003-07-01T06:56:01Z");
    }

    #[test]
    fn what_is_old_is_old() {
        check("Thu, 04 Jul 1776 18:30:02 GMT", "1776-07-04T18:30:02Z");
        check("0103-12-13T18:30:02Z", "0103-12-13T18:30:02Z");
        check("1806-01-01", "1806-01-01T00:00:00Z");
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "yesterday",
            "insert updated date here",
            "0001-01-01T00:00:00Z",
            "20205-01-01",
            "start=2005-07-04",
            "2023-14-01",
            "13/13/2023",
            "12:00",
            "Thu, 33 Jan 2004",
            "2003-07-00",
            "1601-01-01T00:00:00Z",
            "1899-12-30",
            "99999999999999999999",
            "2004-01-01T48:00:00Z",
            "Jan",
        ] {
            check(text, "none");
        }
        check(&"1".repeat(1000), "none");
    }
}
