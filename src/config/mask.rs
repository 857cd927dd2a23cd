//! Source lines without their secrets.
//!
//! The reader records the bytes of every secret that it meets. That is not enough where a file is not whole TOML, so the
//! text is searched as well for what looks like one: the value of a key that names a secret, a user's password in an
//! address. Rather too much is hidden than too little.

use std::{ops::Range, sync::LazyLock};

use regex::Regex;

/// What stands where a secret stood.
const HIDDEN: &str = "…";

/// Bytes of a line shown around the marked part when the line is very long.
const AROUND_BYTES_MAX: usize = 600;

/// Keys (as people might misspell them) whose values are secret, up to their equals sign; and `[receivers.….headers]`.
static NAMES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?im)(?:^|[^\w-])(?:[\w-]*(?:secret|passw|pasw|token|api[_-]?key|authori[sz]ation|headers)[\w-]*|pass[_-]?(?:word|phrase))["']?[ \t]*=[ \t]*|^[ \t]*\[[ \t]*receivers[ \t]*\.[^\n\]]*\.[ \t]*["']?headers["']?[ \t]*\][^\n]*\n"#,
    )
    .expect("a constant pattern")
});

/// `user@` behind `//` and `user:password@` anywhere, up to the at sign.
static USER_INFO: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"//([^\s/"'@]+)@|([^\s/"'@]+:[^\s/"'@]+)@"#).expect("a constant pattern")
});

/// `"${NAME}"` says where a secret is, not what it is.
static VARIABLE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"^["']\$\{\w*\}["']"#).expect("a constant pattern"));

/// What stands before the place of a secret: `file = `.
static PLACE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\b(?:file|credential)[ \t]*=[ \t]*$").expect("a constant pattern")
});

/// Tables in which no secret stands.
static PLAIN_TABLE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^[ \t]*\[+[ \t]*(?:feeds|rules|lists|poll|store)\b").expect("a constant pattern")
});

/// The bytes of `text` that look like secrets.
pub fn find(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for name in NAMES.find_iter(text) {
        let rest = text.get(name.end()..).unwrap_or("");
        match name.as_str().ends_with('\n') {
            // The lines of a table of headers.
            true => found.push(name.end()..name.end() + rest.find("\n[").unwrap_or(rest.len())),
            false => value(rest, name.end(), &mut found),
        }
    }
    for user in USER_INFO.captures_iter(text) {
        found.extend(user.get(1).or(user.get(2)).map(|user| user.range()));
    }
    found
}

/// The values of a file that is not whole TOML, but for those in tables where no secret stands: a slip can make any key of
/// a receiver, its address among them, look like something else.
pub fn find_in_broken(text: &str) -> Vec<Range<usize>> {
    let mut found = find(text);
    let mut is_plain = true;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let begins_table = line.trim_start().starts_with('[') || line.contains("receivers");
        if begins_table {
            is_plain = PLAIN_TABLE.is_match(line);
        }
        let value = line.find(['"', '\'', '=']).filter(|_| !is_plain);
        found.extend(value.map(|value| {
            let is_sign = line.get(value..).is_some_and(|rest| rest.starts_with('='));
            at + value + usize::from(is_sign)..at + line.len()
        }));
        at += line.len();
    }
    found
}

/// A message without the logins of the addresses that it repeats.
pub fn message(text: &str) -> String {
    USER_INFO
        .replace_all(text, |found: &regex::Captures<'_>| match found.get(1) {
            Some(_) => format!("//{HIDDEN}@"),
            None => format!("{HIDDEN}@"),
        })
        .into_owned()
}

/// The secret parts of the value that `rest`, at byte `at` of its file, begins with: whole TOML or not.
fn value(rest: &str, at: usize, found: &mut Vec<Range<usize>>) {
    let line = rest.find('\n').unwrap_or(rest.len());
    let until = |close: &str| {
        let body = rest.get(close.len()..).unwrap_or("");
        body.find(close)
            .map_or(rest.len(), |len| len + 2 * close.len())
    };
    match rest.chars().next() {
        _ if VARIABLE.is_match(rest) => {}
        Some('"') if rest.starts_with("\"\"\"") => found.push(at..at + until("\"\"\"")),
        Some('\'') if rest.starts_with("'''") => found.push(at..at + until("'''")),
        Some('{') => {
            // Every string inside but the places of secrets.
            let inside = rest.get(..line).unwrap_or("");
            let mut from = 0;
            while let Some(open) = inside
                .get(from..)
                .and_then(|rest| rest.find(['"', '\'']))
                .map(|open| from + open)
            {
                let quote = inside.get(open..open + 1).unwrap_or("");
                let body = inside.get(open + 1..).unwrap_or("");
                let end = body.find(quote).map_or(line, |len| open + 1 + len + 1);
                let is_key = inside
                    .get(end..)
                    .is_some_and(|after| after.trim_start().starts_with('='));
                if !is_key && !PLACE.is_match(inside.get(..open).unwrap_or("")) {
                    found.push(at + open..at + end);
                }
                from = end;
            }
        }
        Some('[') => found.push(at..at + rest.find(']').map_or(line, |close| close.max(line))),
        // To the end of the line: a quote inside the secret might be the very mistake.
        _ => found.push(at..at + line),
    }
}

/// A source line as it may be shown.
pub struct Shown {
    pub text: String,
    /// The bytes of `text` that were marked.
    pub marked: Range<usize>,
}

/// The line `written`, which begins at byte `at` of its file, with the file's `secrets` hidden and `marked` (bytes of the
/// file) followed to where it stands now.
pub fn line(written: &str, at: usize, secrets: &[Range<usize>], marked: Range<usize>) -> Shown {
    let marked = marked.start.saturating_sub(at)..marked.end.saturating_sub(at);
    let window = window(written, &marked);
    let mut hidden: Vec<Range<usize>> = secrets
        .iter()
        .map(|secret| secret.start.saturating_sub(at)..secret.end.saturating_sub(at))
        .map(|secret| secret.start.max(window.start)..secret.end.min(window.end))
        .filter(|secret| secret.start < secret.end)
        .collect();
    hidden.sort_by_key(|secret| (secret.start, secret.end));

    let mut text = String::with_capacity(window.len() + 8);
    let mut moved = [None, None];
    let mut copy = |from: usize, to: usize, text: &mut String| {
        for (mark, place) in [marked.start, marked.end].into_iter().zip(&mut moved) {
            if place.is_none() && mark <= to {
                *place = Some(text.len() + mark.saturating_sub(from));
            }
        }
        text.push_str(written.get(from..to).unwrap_or(""));
    };
    if window.start > 0 {
        text.push_str(HIDDEN);
    }
    let mut from = window.start;
    for secret in hidden {
        if secret.start >= from {
            copy(from, written.floor_char_boundary(secret.start), &mut text);
            text.push_str(HIDDEN);
        }
        from = from.max(written.ceil_char_boundary(secret.end));
    }
    copy(from, window.end, &mut text);
    if window.end < written.len() {
        text.push_str(HIDDEN);
    }
    let len = text.len();
    let bound = |mark: Option<usize>| text.floor_char_boundary(mark.unwrap_or(len).min(len));
    let start = bound(moved[0]);
    let end = bound(moved[1]).max(start);
    Shown {
        marked: start..end,
        text,
    }
}

/// The part of a line that is shown: all of it, or what surrounds the marked part.
fn window(written: &str, marked: &Range<usize>) -> Range<usize> {
    if written.len() <= 2 * AROUND_BYTES_MAX {
        return 0..written.len();
    }
    let start = marked.start.saturating_sub(AROUND_BYTES_MAX);
    let end = (marked.start + AROUND_BYTES_MAX).min(written.len());
    written.floor_char_boundary(start.min(written.len()))..written.ceil_char_boundary(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        line(text, 0, &find(text), 0..0).text
    }

    #[test]
    fn what_looks_like_a_secret_is_hidden() {
        for text in [
            r#"secret = "hunter2""#,
            r#"secret = "hunter2"#,
            r#"secrte_secret = hunter2"#,
            r#"  "password"='hunter2' # x"#,
            r#"receivers.desk.secret = "hunter2""#,
            r#"headers = { Authorization = "Bearer hunter2", x = "hunter2" }"#,
            r#"{ type = "webhook", token = "hunter2" }"#,
            r#"url = "https://me:hunter2@example.org/""#,
            r#"url = "https://hunter2@example.org/"#,
            r#"api_key = "hunter2""#,
            r#"pasword = "hunter2""#,
            r#"headers = { "X Y" = 'hunter2 }"#,
            r#"secret = { fil = "hunter2" }"#,
        ] {
            assert!(
                !shown(text).contains("hunter2"),
                "{text} -> {}",
                shown(text)
            );
        }
        let broken = r#"receivers.x = { type = "webhook", url = "https://x.org/hunter2" }"#;
        assert!(
            !line(broken, 0, &find_in_broken(broken), 0..0)
                .text
                .contains("hunter2")
        );
        let lines = "[receivers.desk.headers]\nX-Key = \"hunter2\"\n[poll]\ninterval = \"5m\"\n";
        let found = find(lines);
        let at = lines.find("X-Key").unwrap();
        assert!(
            !line("X-Key = \"hunter2\"", at, &found, at..at)
                .text
                .contains("hunter2")
        );
        assert_eq!(found.len(), 1);
        assert!(found[0].end <= lines.find("[poll]").unwrap());
    }

    #[test]
    fn what_is_no_secret_is_shown() {
        for text in [
            r#"secret = { file = "token" }"#,
            r#"token = { credential = "desk" }"#,
            r#"secret = "${DESK}""#,
            r#"headers = { X = { file = "x" } }"#,
            "[rules.headers]",
            r#"any = ["secret talks", "password leak"]"#,
            r#"url = "https://example.org/@name""#,
        ] {
            assert_eq!(shown(text), text);
        }
    }

    #[test]
    fn the_mark_follows_the_text() {
        let text = r#"x = { secret = "hunter2", typ = "webhook" }"#;
        let at = text.find("typ").unwrap();
        let secret = text.find("\"hunter2\"").unwrap();
        let secret = secret..secret + 9;
        let shown = line(text, 0, std::slice::from_ref(&secret), at..at + 3);
        assert_eq!(&shown.text[shown.marked], "typ");
        assert_eq!(shown.text, r#"x = { secret = …, typ = "webhook" }"#);

        let long = format!("{}é{}", "x".repeat(5000), "y".repeat(5000));
        let shown = line(&long, 0, &[], 5000..5002);
        assert_eq!(&shown.text[shown.marked], "é");
        assert!(shown.text.len() < 1300);
    }
}
