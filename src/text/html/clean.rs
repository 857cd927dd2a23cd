//! The last step of every text that enters the program: white space folded to single spaces, characters that would act
//! instead of being read left out, length bounded.
//!
//! Left out are control characters (so no escape sequence reaches a terminal, no line break a log or a mail header),
//! bidi overrides, embeddings and isolates (so no text shows in another order than it is matched), invisible
//! characters that would split words (soft hyphen, zero-width space, byte order mark, tags) and combining marks
//! stacked beyond what any script needs. Kept are the joiners and direction marks that Persian, Arabic, Hebrew,
//! Indic scripts and emoji need.

/// Collects plain text piece by piece.
#[derive(Debug, Default)]
pub struct Plain {
    out: String,
    bytes_max: usize,
    is_gap: bool,
    marks: u8,
    is_full: bool,
}

/// More combining marks on one letter than this are decoration meant to break a page.
const MARKS_MAX: u8 = 6;

/// What the copying loop does at a byte.
const COPY: u8 = 0;
const BLANK: u8 = 1;
/// The lead byte of a character that needs a look.
const LOOK: u8 = 2;
const DROP: u8 = 3;

static CLASS: [u8; 256] = {
    let mut class = [COPY; 256];
    let mut byte = 0;
    while byte < 0x20 {
        class[byte] = DROP;
        byte += 1;
    }
    class[0x7F] = DROP;
    class[b' ' as usize] = BLANK;
    class[b'\t' as usize] = BLANK;
    class[b'\n' as usize] = BLANK;
    class[b'\r' as usize] = BLANK;
    class[0x0C] = BLANK;
    // Leads of C1 controls and Latin-1 spaces, combining marks, other spaces and format characters, tags.
    let leads = [0xC2, 0xCC, 0xCD, 0xE1, 0xE2, 0xE3, 0xEF, 0xF3];
    let mut i = 0;
    while i < leads.len() {
        class[leads[i]] = LOOK;
        i += 1;
    }
    class
};

impl Plain {
    /// Text of at most `bytes_max` bytes, cut between characters.
    pub fn within(bytes_max: usize) -> Plain {
        Plain {
            bytes_max,
            ..Plain::default()
        }
    }

    /// The same with room for `bytes` from the start.
    pub fn sized(bytes: usize, bytes_max: usize) -> Plain {
        Plain {
            out: String::with_capacity(bytes.min(bytes_max)),
            ..Plain::within(bytes_max)
        }
    }

    /// Nothing more fits.
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    /// A break between words.
    pub fn gap(&mut self) {
        self.is_gap = true;
    }

    pub fn text(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() && !self.is_full {
            let run = run_length(&bytes[at..]);
            if run > 0 {
                self.run(&text[at..at + run]);
                at += run;
                continue;
            }
            match CLASS[bytes[at] as usize] {
                LOOK => {
                    let letter = text[at..].chars().next().unwrap_or(' ');
                    self.letter(letter);
                    at += letter.len_utf8();
                }
                BLANK => {
                    self.is_gap = true;
                    at += 1;
                }
                _ => at += 1,
            }
        }
    }

    pub fn letter(&mut self, letter: char) {
        match letter {
            // C0 white space and the wider world's spaces, lines and paragraphs.
            '\t'..='\r' | ' ' | '\u{85}' | '\u{A0}' | '\u{1680}' | '\u{2000}'..='\u{200A}' => {
                self.is_gap = true;
            }
            '\u{2028}' | '\u{2029}' | '\u{202F}' | '\u{205F}' | '\u{3000}' => self.is_gap = true,
            '\0'..='\u{1F}' | '\u{7F}'..='\u{9F}' => {}
            '\u{AD}' | '\u{200B}' | '\u{2060}'..='\u{2064}' | '\u{FEFF}' | '\u{180E}' => {}
            '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{206F}' => {}
            '\u{FFF0}'..='\u{FFFB}' | '\u{FFFE}' | '\u{FFFF}' | '\u{E0000}'..='\u{E0FFF}' => {}
            '\u{300}'..='\u{36F}'
            | '\u{1AB0}'..='\u{1AFF}'
            | '\u{1DC0}'..='\u{1DFF}'
            | '\u{20D0}'..='\u{20FF}'
            | '\u{FE20}'..='\u{FE2F}' => {
                if self.marks < MARKS_MAX {
                    let marks = self.marks + 1;
                    self.run(letter.encode_utf8(&mut [0; 4]));
                    self.marks = marks;
                }
            }
            letter => self.run(letter.encode_utf8(&mut [0; 4])),
        }
    }

    /// Appends text that needs no further look.
    fn run(&mut self, run: &str) {
        self.marks = 0;
        if self.is_gap {
            self.is_gap = false;
            if !self.out.is_empty() {
                self.append(" ");
            }
        }
        self.append(run);
    }

    fn append(&mut self, piece: &str) {
        let room = self.bytes_max.saturating_sub(self.out.len());
        if piece.len() <= room && !self.is_full {
            self.out.push_str(piece);
        } else if !self.is_full {
            self.is_full = true;
            self.out.push_str(head(piece, room));
        }
    }

    pub fn finish(mut self) -> String {
        while self.out.ends_with(' ') {
            self.out.pop();
        }
        self.out
    }
}

/// How many bytes from here on can be copied as they stand, single spaces between words included.
fn run_length(bytes: &[u8]) -> usize {
    let mut at = 0;
    loop {
        while at < bytes.len() && CLASS[bytes[at] as usize] == COPY {
            at += 1;
        }
        let next_is_copied = at > 0
            && bytes.get(at) == Some(&b' ')
            && bytes
                .get(at + 1)
                .is_some_and(|&next| CLASS[next as usize] == COPY);
        if !next_is_copied {
            return at;
        }
        at += 2;
    }
}

/// The longest beginning of `text` within `bytes_max` bytes.
pub fn head(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want: &str) {
        let mut plain = Plain::within(1000);
        plain.text(text);
        assert_eq!(plain.finish(), want, "{text:?}");
    }

    #[test]
    fn white_space_folds() {
        check(
            "  two \t\r\n words\u{A0}\u{2003}\u{3000}here ",
            "two words here",
        );
        check("one\u{2028}two\u{85}three", "one two three");
        check("", "");
    }

    #[test]
    fn what_would_act_is_left_out() {
        check("a\u{1b}[31mred\u{7}\u{9b}2J\0", "a[31mred2J");
        check("line\nBcc: x@example.org", "line Bcc: x@example.org");
        check("\u{202e}evil\u{202c} \u{2066}x\u{2069}", "evil x");
        check(
            "re\u{ad}bel \u{200b}for\u{feff}ces\u{e0041}",
            "rebel forces",
        );
    }

    #[test]
    fn what_scripts_need_is_kept() {
        for text in [
            "می\u{200c}خواهد",
            "👩\u{200d}🚒",
            "שלום\u{200f} abc",
            "e\u{301}te\u{301}",
            "नमस्ते",
            "日本語　".trim_end(),
        ] {
            check(text, text);
        }
    }

    #[test]
    fn marks_do_not_pile_up() {
        let text = format!("Z{}a", "\u{335}".repeat(100));
        check(&text, &format!("Z{}a", "\u{335}".repeat(MARKS_MAX.into())));
    }

    #[test]
    fn a_cut_falls_between_characters() {
        let mut plain = Plain::within(4);
        plain.text("abcéd");
        assert!(plain.is_full());
        assert_eq!(plain.finish(), "abc");
    }
}
