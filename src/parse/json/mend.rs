//! JSON as templates and careless programs write it, made into JSON that a strict reader accepts.
//!
//! Mended are what changes no meaning: half a surrogate pair, control characters and unknown escapes within texts, a
//! comma with nothing behind it, words and numbers that JSON does not have (`NaN`, `undefined`, `007`, bare keys). One
//! pass, no recursion; the result is at most three times as long. Whatever else is wrong stays so, and is told then.

/// The text with its slips mended.
pub fn mended(text: &str) -> String {
    let mut mend = Mend {
        rest: text,
        out: String::with_capacity(text.len() + text.len() / 16),
    };
    while let Some(first) = mend.rest.bytes().next() {
        match first {
            b'"' => mend.string(),
            b',' => mend.comma(),
            b'{' | b'}' | b'[' | b']' | b':' => mend.keep(1),
            // White space, and what has no business between values.
            b'\0'..=b' ' | 0x7F => mend.skip(1),
            _ => mend.word(),
        }
    }
    mend.out
}

struct Mend<'a> {
    rest: &'a str,
    out: String,
}

impl Mend<'_> {
    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    fn keep(&mut self, bytes: usize) {
        self.out
            .push_str(self.rest.get(..bytes).unwrap_or_default());
        self.skip(bytes);
    }

    /// A comma counts between two values only.
    fn comma(&mut self) {
        self.skip(1);
        let is_after_value = !self.out.ends_with(['{', '[', ',', ':']);
        let next = self.rest.trim_start().bytes().next();
        if is_after_value && !matches!(next, Some(b'}' | b']' | b',')) {
            self.out.push(',');
        }
    }

    /// A number, `true`, `null`, or a word that JSON does not have.
    fn word(&mut self) {
        let is_end = |c: char| {
            c.is_whitespace() || matches!(c, '"' | ',' | '{' | '}' | '[' | ']' | ':' | '\0')
        };
        let length = self.rest.find(is_end).unwrap_or(self.rest.len());
        if length == 0 {
            // White space that JSON does not know, a no-break space say.
            let first = self.rest.chars().next().map_or(1, char::len_utf8);
            return self.skip(first);
        }
        let word = self.rest.get(..length).unwrap_or_default();
        if self.out.ends_with(|c: char| c.is_ascii_alphanumeric()) {
            self.out.push(' ');
        }
        match word.trim_start_matches(['-', '+']) {
            "NaN" | "nan" | "Infinity" | "undefined" | "None" => self.out.push_str("null"),
            _ if serde_json::from_str::<serde_json::Value>(word).is_ok() => self.out.push_str(word),
            // As text it costs nobody anything.
            _ => {
                self.out.push('"');
                let letters = word.chars();
                self.out
                    .extend(letters.filter(|c| !c.is_control() && *c != '\\'));
                self.out.push('"');
            }
        }
        self.skip(length);
    }

    fn string(&mut self) {
        self.keep(1);
        loop {
            let bytes = self.rest.as_bytes();
            let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
            let length = bytes.iter().position(is_special).unwrap_or(bytes.len());
            self.keep(length);
            match self.rest.bytes().next() {
                None => return,
                Some(b'"') => return self.keep(1),
                Some(b'\\') => self.escape(),
                Some(b'\t' | b'\n' | b'\r') => {
                    self.out.push(' ');
                    self.skip(1);
                }
                Some(_) => self.skip(1),
            }
        }
    }

    fn escape(&mut self) {
        match self.rest.as_bytes().get(1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.keep(2),
            Some(b'\'') => {
                self.out.push('\'');
                self.skip(2);
            }
            Some(b'u') => match (unit(self.rest), self.rest.get(6..).and_then(unit)) {
                (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => self.keep(12),
                (Some(0xD800..=0xDFFF), _) => {
                    self.out.push('\u{FFFD}');
                    self.skip(6);
                }
                (Some(_), _) => self.keep(6),
                (None, _) => self.backslash(),
            },
            _ => self.backslash(),
        }
    }

    /// A backslash that escapes nothing is one that was not escaped itself.
    fn backslash(&mut self) {
        self.out.push_str("\\\\");
        self.skip(1);
    }
}

/// The value of a `\uXXXX` that `text` begins with.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let are_digits = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    are_digits
        .then(|| u16::from_str_radix(digits, 16).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_mended_and_nothing_else_changes() {
        for (text, want) in [
            (
                r#"{"a": [1, -2.5e3, true, null]}"#,
                r#"{"a":[1,-2.5e3,true,null]}"#,
            ),
            (r#""\ud83d\ude00 \ud83d""#, "\"\\ud83d\\ude00 \u{FFFD}\""),
            (r#""\ude00\u00e9 \u12""#, "\"\u{FFFD}\\u00e9 \\\\u12\""),
            ("\"a\tb\r\nc\u{1}\"", "\"a b  c\""),
            (
                r#""It\'s C:\docs\n \"q\" \\""#,
                r#""It's C:\\docs\n \"q\" \\""#,
            ),
            ("[1, 2, ]", "[1,2]"),
            ("[, 1,, 2]", "[1,2]"),
            ("{\"a\": 1,\n}", "{\"a\":1}"),
            ("[NaN, -Infinity, undefined]", "[null,null,null]"),
            (
                "{id: 007, b: +1, c: .5, d: 1e999}",
                r#"{"id":"007","b":"+1","c":".5","d":"1e999"}"#,
            ),
            ("[1 2]", "[1 2]"),
            ("[1,\u{a0}2\u{2003}]", "[1,2]"),
            ("\"cut", "\"cut"),
            ("\"cut\\", "\"cut\\\\"),
            ("[\u{FEFF}1]", "[\"\u{FEFF}1\"]"),
            ("", ""),
        ] {
            assert_eq!(mended(text), want, "{text}");
        }
    }
}
