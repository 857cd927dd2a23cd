//! Tables for eyes: columns below each other, within the width of the terminal where it has one.

use std::fmt::Write;

use anstyle::Style;

use super::show::{DIM, safe};

/// One place of a table.
#[derive(Clone, Debug)]
pub struct Cell {
    pub text: String,
    pub style: Style,
}

impl Cell {
    pub fn plain(text: &str) -> Cell {
        Cell {
            text: text.to_owned(),
            style: Style::new(),
        }
    }
}

/// A head and rows as lines, each column as wide as its widest cell, the last as long as it is.
pub fn columns<const N: usize>(head: &[&str; N], rows: &[[Cell; N]]) -> Vec<String> {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].text.chars().count());
        cells
            .chain([head[column].chars().count()])
            .max()
            .unwrap_or_default()
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |cells: [(&str, Style); N]| {
        let mut line = String::new();
        for ((text, style), width) in cells.into_iter().zip(widths) {
            let gap = width - text.chars().count();
            let text = safe(text);
            let _ = match text.is_empty() {
                // No style around nothing: the end of the line is found by its white space.
                true => write!(line, "{:gap$}  ", ""),
                false => write!(line, "{style}{text}{style:#}{:gap$}  ", ""),
            };
        }
        line.truncate(line.trim_end().len());
        line
    };
    let head = line(head.map(|text| (text, DIM)));
    let rows = rows.iter().map(|row| {
        line(std::array::from_fn(|column| {
            (row[column].text.as_str(), row[column].style)
        }))
    });
    std::iter::once(head).chain(rows).collect()
}

/// How many characters a line of the terminal holds; `None` where stdout is none.
pub fn terminal_width() -> Option<usize> {
    let (width, _) = terminal_size::terminal_size_of(std::io::stdout())?;
    Some(usize::from(width.0)).filter(|width| *width > 0)
}

/// As [`columns`], in lines of at most `width` where that can be: the last column, the longest, is broken into lines, below its row
/// where little is left beside it; the first, a name, is cut in its middle.
pub fn columns_within<const N: usize>(
    width: Option<usize>,
    head: &[&str; N],
    rows: &[[Cell; N]],
) -> Vec<String> {
    /// A name is not cut below this, and the last column is not narrower than this beside the others.
    const NAME_MIN: usize = 14;
    const LAST_MIN: usize = 28;
    let widest = |column: usize| {
        let cells = rows.iter().map(|row| row[column].text.chars().count());
        let cells = cells.chain([head[column].chars().count()]);
        cells.max().unwrap_or_default()
    };
    let (name, last) = (widest(0), widest(N - 1));
    let between: usize = (1..N - 1).map(|column| widest(column) + 2).sum();
    let Some(width) = width.filter(|width| name + 2 + between + last > *width) else {
        return columns(head, rows);
    };
    let room = width.saturating_sub(between + 2);
    let is_below = room < name.min(NAME_MIN) + LAST_MIN;
    let (name_max, last_max) = match is_below {
        true => (room.max(NAME_MIN), width.saturating_sub(4).max(LAST_MIN)),
        false => {
            let name = name.min((room / 2).max(NAME_MIN)).min(room - LAST_MIN);
            (name, room - name)
        }
    };
    let mut head = *head;
    if is_below {
        head[N - 1] = "";
    }
    let mut lines = Vec::new();
    let mut below = Vec::new();
    for row in rows {
        let mut row = row.clone();
        row[0].text = cut_middle(&row[0].text, name_max);
        let mut texts = wrapped(&row[N - 1].text, last_max).into_iter();
        row[N - 1].text = match is_below {
            true => String::new(),
            false => texts.next().unwrap_or_default(),
        };
        lines.push(row);
        below.push(texts.collect::<Vec<_>>());
    }
    let indent = match is_below {
        true => 4,
        false => width - last_max,
    };
    let mut printed = columns(&head, &lines).into_iter();
    let mut out: Vec<String> = printed.next().into_iter().collect();
    for (line, below) in printed.zip(below) {
        out.push(line);
        out.extend(
            below
                .iter()
                .map(|text| format!("{:indent$}{}", "", safe(text))),
        );
    }
    out
}

/// `a-very-lo…h-east`: the ends tell names apart.
fn cut_middle(text: &str, max: usize) -> String {
    let characters: Vec<char> = text.chars().collect();
    let Some(kept) = max.checked_sub(1).filter(|_| characters.len() > max) else {
        return text.to_owned();
    };
    let (head, tail) = (kept.div_ceil(2), kept / 2);
    let head = characters.iter().take(head);
    let tail = characters.iter().skip(characters.len() - tail);
    head.chain(['…'].iter()).chain(tail).collect()
}

/// Lines of at most `max` characters, broken at spaces; a word that is longer, such as an address, wherever the line ends.
fn wrapped(text: &str, max: usize) -> Vec<String> {
    let max = max.max(1);
    let mut lines: Vec<String> = Vec::new();
    let mut room = 0;
    for word in text.split_whitespace() {
        let mut rest: Vec<char> = word.chars().collect();
        if let Some(line) = lines.last_mut()
            && rest.len() < room
        {
            line.push(' ');
            line.extend(&rest);
            room -= rest.len() + 1;
            continue;
        }
        while !rest.is_empty() {
            let tail = rest.split_off(rest.len().min(max));
            room = max - rest.len();
            lines.push(rest.into_iter().collect());
            rest = tail;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::show::GOOD;

    #[test]
    fn columns_stand_below_each_other() {
        let row = |a: &str, b: &str, c: &str| {
            [
                Cell::plain(a),
                Cell {
                    text: b.to_owned(),
                    style: GOOD,
                },
                Cell::plain(c),
            ]
        };
        let lines = columns(
            &["FEED", "STATE", "REASON"],
            &[row("bbc", "ok", ""), row("قناة", "failing", "no\tanswer")],
        );
        let lines: Vec<_> = lines
            .iter()
            .map(|line| anstream::adapter::strip_str(line).to_string())
            .collect();
        assert_eq!(
            lines,
            [
                "FEED  STATE    REASON",
                "bbc   ok",
                "قناة  failing  no answer"
            ]
        );
    }

    #[test]
    fn columns_keep_to_the_terminal() {
        let row =
            |name: &str, why: &str| [Cell::plain(name), Cell::plain("failing"), Cell::plain(why)];
        let long = "no answer from http://example.org/a/very/long/path/to/a/feed.xml in time";
        let rows = [row("bbc", ""), row("a-broadcaster-of-the-south-east", long)];
        for (width, shown) in [
            (
                60,
                &[
                    "FEED                   STATE    REASON",
                    "bbc                    failing",
                    "a-broadcas…south-east  failing  no answer from",
                    "                                http://example.org/a/very/lo",
                    "                                ng/path/to/a/feed.xml in",
                    "                                time",
                ][..],
            ),
            (
                40,
                &[
                    "FEED                           STATE",
                    "bbc                            failing",
                    "a-broadcaster-…the-south-east  failing",
                    "    no answer from",
                    "    http://example.org/a/very/long/path/",
                    "    to/a/feed.xml in time",
                ],
            ),
        ] {
            let lines = columns_within(Some(width), &["FEED", "STATE", "REASON"], &rows);
            let plain = lines
                .iter()
                .map(|line| anstream::adapter::strip_str(line).to_string());
            assert_eq!(plain.collect::<Vec<_>>(), shown, "{width}");
        }
        let whole = columns(&["FEED", "STATE", "REASON"], &rows);
        for width in [None, Some(200)] {
            assert_eq!(
                columns_within(width, &["FEED", "STATE", "REASON"], &rows),
                whole
            );
        }
    }
}
