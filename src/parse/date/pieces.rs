//! A date as it is written, taken apart into numbers, words and signs.

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

/// Where the time begins: two numbers with a colon, and no third one before them.
pub fn time_at(pieces: &[Piece<'_>]) -> Option<usize> {
    pieces.windows(3).position(|window| {
        matches!(
            window,
            [
                Piece::Number(_, 1..=2),
                Piece::Sign(':'),
                Piece::Number(_, 2)
            ]
        )
    })
}
