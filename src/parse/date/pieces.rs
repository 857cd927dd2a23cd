//! A date as it is written, taken apart into numbers, words and signs.

use super::words::{is_hour_mark, month_of};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Piece<'a> {
    /// Its value and its number of digits.
    Number(u32, usize),
    Word(&'a str),
    Sign(char),
    Space,
}

/// The pieces of a text; comments in parentheses, as RFC 822 allows them, are left out.
pub fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::with_capacity(24);
    let mut comment_depth = 0_u32;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let take = |wanted: fn(char) -> bool| rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        let mut length = first.len_utf8();
        let piece = match first {
            '\\' => {
                // A quoted parenthesis within a comment.
                length += rest[length..].chars().next().map_or(0, char::len_utf8);
                None
            }
            '(' => {
                comment_depth += 1;
                None
            }
            ')' => {
                comment_depth = comment_depth.saturating_sub(1);
                None
            }
            _ if comment_depth > 0 => None,
            '0'..='9' => {
                length = take(|c| c.is_ascii_digit());
                Some(Piece::Number(
                    rest[..length].parse().unwrap_or(u32::MAX),
                    length,
                ))
            }
            _ if first.is_whitespace() => Some(Piece::Space),
            _ if first.is_alphabetic() => {
                length = take(|c| c.is_alphabetic() || matches!(c, '\u{300}'..='\u{36F}'));
                Some(Piece::Word(&rest[..length]))
            }
            _ => Some(Piece::Sign(first)),
        };
        let is_second_space = piece == Some(Piece::Space) && pieces.last() == Some(&Piece::Space);
        pieces.extend(piece.filter(|_| !is_second_space));
        rest = &rest[length..];
    }
    pieces
}

/// Where the time begins: at two numbers with a colon, or else with a mark of the hour, or with a dot behind a date.
pub fn time_at(pieces: &[Piece<'_>]) -> Option<usize> {
    let first = |is_time: &dyn Fn(usize, &[Piece<'_>]) -> bool| {
        (0..pieces.len()).find(|&at| pieces.get(at..).is_some_and(|rest| is_time(at, rest)))
    };
    let colon = |minutes: std::ops::RangeInclusive<usize>| {
        first(&|_, rest| {
            matches!(rest, [Piece::Number(_, 1..=2), Piece::Sign(':'), Piece::Number(_, digits), ..]
                if minutes.contains(digits))
        })
    };
    colon(2..=2)
        .or_else(|| colon(1..=2))
        .or_else(|| {
            first(&|_, rest| {
                matches!(rest, [Piece::Number(_, 1..=2), Piece::Word(mark), ..] if is_hour_mark(mark))
            })
        })
        .or_else(|| first(&|at, rest| is_dotted(pieces.get(..at).unwrap_or_default(), rest)))
}

/// `10.05` where the day, the month and the year stand before it: else it is a part of the date.
fn is_dotted(before: &[Piece<'_>], rest: &[Piece<'_>]) -> bool {
    let is_time = matches!(
        rest,
        [
            Piece::Number(0..=23, 1..=2),
            Piece::Sign('.'),
            Piece::Number(0..=59, 2),
            ..
        ]
    );
    let parts = before.iter().filter(|piece| match piece {
        Piece::Number(..) => true,
        Piece::Word(word) => month_of(word, None).is_some(),
        _ => false,
    });
    is_time && before.last() == Some(&Piece::Space) && parts.count() >= 3
}
