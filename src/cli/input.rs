//! What `scan` (and every command that reads items) can be given: a feed file or address, a folder of feed files, items as
//! JSON Lines, a text, headlines on standard input. Each becomes a stream of entries, one in memory at a time.
//!
//! One unreadable line or file never ends the rest: it is told, and the reading goes on.

use std::{
    collections::HashMap,
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use indicatif::ProgressBar;

use super::items::{ItemLine, clean, document_item};
use crate::{
    model::{Feed, Item},
    parse::{self, Document, ParseError},
};

/// The longest line of an item file or of standard input.
const LINE_BYTES_MAX: usize = 8 << 20;

/// The largest feed or text file.
const FILE_BYTES_MAX: usize = 64 << 20;

/// Folders below a folder that is read, so that a loop of links ends.
const FOLDERS_DEEP_MAX: usize = 16;

/// One item and where it stood.
#[derive(Debug)]
pub struct Entry {
    pub place: Place,
    pub item: Item,
    pub feed: Arc<Feed>,
    /// A text by itself: rules look at the whole of it, whatever their scope.
    pub is_document: bool,
}

/// `items.jsonl:17`: the input as it was named and the line (of a feed: the entry) in it.
#[derive(Clone, Debug)]
pub struct Place {
    pub input: Arc<str>,
    /// From 1; `None` for a whole document.
    pub number: Option<u64>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            Some(number) => write!(f, "{}:{number}", self.input),
            None => f.write_str(&self.input),
        }
    }
}

/// What reading an input brings up.
#[derive(Debug)]
pub enum Found {
    Entry(Box<Entry>),
    /// Something that cannot be read, with the reason: an error.
    Problem(String),
    /// A file of a folder that is no feed: worth a word, no error.
    Skipped(String),
}

/// A feed as it came over the network.
#[derive(Debug)]
pub struct Fetched {
    pub body: Vec<u8>,
    pub content_type: Option<String>,
    /// The address that answered.
    pub url: String,
}

/// Fetches a feed by its address.
pub type Fetch<'a> = dyn Fn(&str) -> anyhow::Result<Fetched> + 'a;

/// Reads inputs, one after the other.
pub struct Reader<'a> {
    known: HashMap<String, Arc<Feed>>,
    /// Of items that declare none.
    lang: Option<String>,
    fetch: &'a Fetch<'a>,
    bar: ProgressBar,
}

impl<'a> Reader<'a> {
    /// `feeds` lends its tags and publishers to items that name one of them, by name or by address.
    pub fn new(
        feeds: &[Arc<Feed>],
        lang: Option<String>,
        bar: ProgressBar,
        fetch: &'a Fetch<'a>,
    ) -> Self {
        let names = feeds.iter().map(|feed| (feed.name.clone(), feed.clone()));
        let addresses = feeds.iter().map(|feed| (feed.url.clone(), feed.clone()));
        Reader {
            known: addresses.chain(names).collect(),
            lang,
            fetch,
            bar,
        }
    }

    /// Hands every entry of the input to `each`.
    ///
    /// # Errors
    /// Those of `each` alone; what cannot be read is [`Found::Problem`].
    pub fn read(
        &self,
        input: &str,
        each: &mut dyn FnMut(Found) -> io::Result<()>,
    ) -> io::Result<()> {
        let path = Path::new(input.strip_prefix("file://").unwrap_or(input));
        if input == "-" {
            self.headlines(io::stdin().lock(), each)
        } else if input.starts_with("http://") || input.starts_with("https://") {
            self.address(input, each)
        } else if path.is_dir() {
            self.folder(path, each)
        } else {
            self.file(path, false, each)
        }
    }

    fn file(
        &self,
        path: &Path,
        is_in_folder: bool,
        each: &mut dyn FnMut(Found) -> io::Result<()>,
    ) -> io::Result<()> {
        let name = path.display().to_string();
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) => return each(Found::Problem(format!("cannot open {name}: {error}"))),
        };
        let file = self.bar.wrap_read(file);
        let kind = path
            .extension()
            .and_then(|extension| extension.to_str())
            .unwrap_or_default();
        if matches!(kind, "jsonl" | "ndjson") {
            return self.items(&name, BufReader::with_capacity(1 << 18, file), each);
        }
        let body = match read_whole(file) {
            Ok(body) => body,
            Err(error) => return each(Found::Problem(format!("cannot read {name}: {error}"))),
        };
        if kind == "txt" && !is_in_folder {
            return self.document(&name, &body, each);
        }
        let source = Source {
            body: &body,
            content_type: None,
            url: "",
            feed: self.feed_of(&stem(path)),
        };
        self.feed(&name, source, is_in_folder, each)
    }

    /// Every file below a folder, in the order of the names; hidden ones are left alone.
    fn folder(
        &self,
        folder: &Path,
        each: &mut dyn FnMut(Found) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut waiting = vec![(folder.to_owned(), 0)];
        while let Some((path, depth)) = waiting.pop() {
            if !path.is_dir() {
                self.file(&path, true, each)?;
                continue;
            }
            if depth > FOLDERS_DEEP_MAX {
                each(Found::Problem(format!(
                    "{}: folders more than {FOLDERS_DEEP_MAX} deep are not read",
                    path.display()
                )))?;
                continue;
            }
            match names_in(&path) {
                // The last in is the next out: backwards, so that the names come in order.
                Ok(names) => waiting.extend(names.into_iter().rev().map(|name| (name, depth + 1))),
                Err(error) => each(Found::Problem(format!(
                    "cannot read the folder {}: {error}",
                    path.display()
                )))?,
            }
        }
        Ok(())
    }

    fn address(&self, url: &str, each: &mut dyn FnMut(Found) -> io::Result<()>) -> io::Result<()> {
        match (self.fetch)(url) {
            Ok(fetched) => {
                let source = Source {
                    body: &fetched.body,
                    content_type: fetched.content_type.as_deref(),
                    url: &fetched.url,
                    feed: self.feed_of(url),
                };
                self.feed(url, source, false, each)
            }
            Err(reason) => each(Found::Problem(format!("cannot fetch {url}: {reason:#}"))),
        }
    }

    fn feed(
        &self,
        name: &str,
        source: Source<'_>,
        is_in_folder: bool,
        each: &mut dyn FnMut(Found) -> io::Result<()>,
    ) -> io::Result<()> {
        let document = Document {
            body: source.body,
            content_type: source.content_type,
            url: source.url,
        };
        let parsed = match parse::parse(document) {
            Ok(parsed) => parsed,
            Err(ParseError::NotAFeed(_)) if is_in_folder => {
                return each(Found::Skipped(name.to_owned()));
            }
            Err(error) => return each(Found::Problem(format!("cannot read {name}: {error}"))),
        };
        let input: Arc<str> = name.into();
        for (item, number) in parsed.items.into_iter().zip(1..) {
            let place = Place {
                input: input.clone(),
                number: Some(number),
            };
            each(self.entry(place, item, parsed.lang.clone(), source.feed.clone()))?;
        }
        if parsed.is_partial {
            each(Found::Problem(format!(
                "{name} breaks off: what stood before the break was read"
            )))?;
        }
        Ok(())
    }

    /// One item a line.
    fn items(
        &self,
        name: &str,
        lines: impl BufRead,
        each: &mut dyn FnMut(Found) -> io::Result<()>,
    ) -> io::Result<()> {
        let unnamed = self.feed_of(&stem(Path::new(name)));
        let mut last = unnamed.clone();
        self.lines(name, lines, each, |place, line, each| {
            let item: ItemLine = match serde_json::from_slice(line) {
                Ok(item) => item,
                Err(error) => {
                    return each(Found::Problem(format!("{place}: not an item: {error}")));
                }
            };
            let feed = match item.feed.as_deref() {
                None | Some("") => unnamed.clone(),
                Some(name) => {
                    if last.name != name {
                        last = self.feed_of(name);
                    }
                    last.clone()
                }
            };
            each(self.entry(place, item.into_item(), None, feed))
        })
    }

    /// One headline a line.
    fn headlines(
        &self,
        lines: impl BufRead,
        each: &mut dyn FnMut(Found) -> io::Result<()>,
    ) -> io::Result<()> {
        let feed = self.feed_of("stdin");
        self.lines("-", lines, each, |place, line, each| {
            let title = clean(&String::from_utf8_lossy(line)).trim().to_owned();
            let item = Item {
                id: place.to_string(),
                title,
                ..Item::default()
            };
            each(self.entry(place, item, None, feed.clone()))
        })
    }

    /// A text: its first line is the title, the rest the content.
    fn document(
        &self,
        name: &str,
        body: &[u8],
        each: &mut dyn FnMut(Found) -> io::Result<()>,
    ) -> io::Result<()> {
        let feed = self.feed_of(&stem(Path::new(name)));
        let Found::Entry(mut entry) = self.entry(
            Place {
                input: name.into(),
                number: None,
            },
            document_item(name, &String::from_utf8_lossy(body)),
            None,
            feed,
        ) else {
            return Ok(());
        };
        entry.is_document = true;
        each(Found::Entry(entry))
    }

    fn lines(
        &self,
        name: &str,
        mut lines: impl BufRead,
        each: &mut dyn FnMut(Found) -> io::Result<()>,
        mut take: impl FnMut(Place, &[u8], &mut dyn FnMut(Found) -> io::Result<()>) -> io::Result<()>,
    ) -> io::Result<()> {
        let input: Arc<str> = name.into();
        let mut line = Vec::new();
        for number in 1.. {
            let place = Place {
                input: input.clone(),
                number: Some(number),
            };
            line.clear();
            match read_line(&mut lines, &mut line) {
                Ok(Line::End) => break,
                Ok(Line::Whole) if line.trim_ascii().is_empty() => {}
                Ok(Line::Whole) => take(place, &line, each)?,
                Ok(Line::TooLong) => each(Found::Problem(format!(
                    "{place}: the line is over {LINE_BYTES_MAX} bytes"
                )))?,
                Err(error) => {
                    each(Found::Problem(format!("{place}: cannot read on: {error}")))?;
                    break;
                }
            }
        }
        Ok(())
    }

    fn entry(
        &self,
        place: Place,
        mut item: Item,
        feed_lang: Option<String>,
        feed: Arc<Feed>,
    ) -> Found {
        item.lang = item
            .lang
            .or(feed_lang)
            .or_else(|| feed.lang.clone())
            .or_else(|| self.lang.clone());
        Found::Entry(Box::new(Entry {
            place,
            item,
            feed,
            is_document: false,
        }))
    }

    fn feed_of(&self, name: &str) -> Arc<Feed> {
        self.known
            .get(name)
            .cloned()
            .unwrap_or_else(|| Arc::new(Feed::named(name)))
    }
}

/// A feed document on its way to the parser.
struct Source<'a> {
    body: &'a [u8],
    content_type: Option<&'a str>,
    url: &'a str,
    feed: Arc<Feed>,
}

enum Line {
    Whole,
    TooLong,
    End,
}

/// The next line without its end, never more of it in memory than is allowed.
fn read_line(lines: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Line> {
    let taken = lines
        .by_ref()
        .take(LINE_BYTES_MAX as u64 + 1)
        .read_until(b'\n', line)?;
    if taken == 0 {
        return Ok(Line::End);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        return Ok(Line::Whole);
    }
    if taken <= LINE_BYTES_MAX {
        return Ok(Line::Whole);
    }
    lines.skip_until(b'\n')?;
    Ok(Line::TooLong)
}

fn read_whole(file: impl Read) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    file.take(FILE_BYTES_MAX as u64 + 1)
        .read_to_end(&mut body)?;
    match body.len() > FILE_BYTES_MAX {
        true => Err(io::Error::other(format!(
            "it is over {FILE_BYTES_MAX} bytes"
        ))),
        false => Ok(body),
    }
}

fn names_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut names = Vec::new();
    for entry in folder.read_dir()? {
        let entry = entry?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            names.push(entry.path());
        }
    }
    names.sort();
    Ok(names)
}

fn stem(path: &Path) -> String {
    path.file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[u8]) -> Vec<String> {
        let fetch = |_: &str| -> anyhow::Result<Fetched> {
            Err(anyhow::anyhow!("nothing is fetched here"))
        };
        let reader = Reader::new(&[], None, ProgressBar::hidden(), &fetch);
        let mut found = Vec::new();
        reader
            .items("items.jsonl", lines, &mut |one| {
                found.push(match one {
                    Found::Entry(entry) => {
                        format!(
                            "{} {} {} {:?} {}",
                            entry.place,
                            entry.item.id,
                            entry.item.title,
                            entry.item.lang,
                            entry.feed.name
                        )
                    }
                    Found::Problem(text) | Found::Skipped(text) => text,
                });
                Ok(())
            })
            .unwrap();
        found
    }

    #[test]
    fn an_item_line_becomes_an_item_or_a_problem_with_its_place() {
        for (line, expected) in [
            (
                r#"{"title":"A","id":"x1","lang":"EN-gb","feed":"bbc"}"#,
                "items.jsonl:1 x1 A Some(\"en\") bbc",
            ),
            (r#"{"title":"A","id":17}"#, "items.jsonl:1 17 A None items"),
            (
                r#"{"title":"A","url":"https://e.org/1"}"#,
                "items.jsonl:1 https://e.org/1 A None items",
            ),
            (
                r#"{"title":"A","published":"2024-12-06"}"#,
                "items.jsonl:1 A 2024-12-06 A None items",
            ),
            (
                r#"{"title":"A\u001b[2J\nB","id":"x","other":{"a":[]}}"#,
                "items.jsonl:1 x A [2J B None items",
            ),
        ] {
            assert_eq!(read(line.as_bytes()), [expected], "{line}");
        }
        let found = read(b"{\"title\":\"A\",\"id\":\"1\"}\n\n{\"id\":\"2\"}\r\nnot json\n{\"title\":\"B\",\"id\":\"5\"}");
        assert_eq!(found.len(), 4);
        assert_eq!(found[0], "items.jsonl:1 1 A None items");
        assert!(
            found[1].starts_with("items.jsonl:3: not an item: missing field `title`"),
            "{}",
            found[1]
        );
        assert!(
            found[2].starts_with("items.jsonl:4: not an item: "),
            "{}",
            found[2]
        );
        assert_eq!(found[3], "items.jsonl:5 5 B None items");
    }

    #[test]
    fn a_line_without_an_end_is_skipped_and_the_next_one_read() {
        let mut lines = vec![b'x'; LINE_BYTES_MAX + 7];
        lines.extend_from_slice(b"\n{\"title\":\"A\",\"id\":\"1\"}\n");
        assert_eq!(
            read(&lines),
            [
                format!("items.jsonl:1: the line is over {LINE_BYTES_MAX} bytes"),
                "items.jsonl:2 1 A None items".to_owned()
            ]
        );
    }
}
