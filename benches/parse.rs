//! How fast documents become items: `cargo bench --bench parse`. Give `WIREWATCH_BENCH_FEEDS=DIR` to measure your own feed
//! files; without it the feeds of `tests/data/feeds` are repeated to a realistic size. feed-rs is the yardstick.

use std::path::{Path, PathBuf};

use divan::{Bencher, counter::BytesCount};
use wirewatch::{
    parse::{Document, parse},
    text::html,
};

fn main() {
    divan::main();
}

/// The documents to read. Those of the repository hold a few items each; theirs are repeated as a large feed has them.
fn documents() -> Vec<Vec<u8>> {
    match std::env::var_os("WIREWATCH_BENCH_FEEDS") {
        Some(folder) => files(Path::new(&folder)),
        None => vec![
            repeated(
                include_str!("../tests/data/feeds/rss20.xml"),
                "<item>",
                "</item>",
            ),
            repeated(
                include_str!("../tests/data/feeds/atom10.xml"),
                "<entry>",
                "</entry>",
            ),
        ],
    }
}

fn files(folder: &Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(folder).expect("the folder of feeds can be listed");
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
        .iter()
        .filter_map(|path| std::fs::read(path).ok())
        .collect()
}

fn repeated(feed: &str, open: &str, close: &str) -> Vec<u8> {
    let from = feed.find(open).expect("the feed has items");
    let to = feed.find(close).expect("the feed has items") + close.len();
    let items = feed[from..to].repeat(50);
    format!("{}{items}{}", &feed[..from], &feed[to..]).into_bytes()
}

fn measure(bencher: Bencher<'_, '_>, read: impl Fn(&[u8]) + Sync) {
    let documents = documents();
    let bytes: usize = documents.iter().map(Vec::len).sum();
    bencher
        .counter(BytesCount::new(bytes))
        .bench(|| documents.iter().for_each(|document| read(document)));
}

#[divan::bench]
fn ours(bencher: Bencher<'_, '_>) {
    measure(bencher, |body| {
        let document = Document {
            body,
            content_type: None,
            url: "https://example.org/feed",
        };
        divan::black_box(parse(document).ok());
    });
}

#[divan::bench]
fn feed_rs(bencher: Bencher<'_, '_>) {
    measure(bencher, |body| {
        divan::black_box(feed_rs::parser::parse(body).ok());
    });
}

/// The markup of a description, as `content:encoded` has it.
const MARKUP: &str = "<p>The harbour master <i>closed</i> all berths on <a href=\"https://example.org/?a=1&amp;b=2\" \
    class=\"link\">Friday</a>, and ferries stop at&nbsp;noon.</p>\n<p>Buses &#8220;run as usual&#8221; until two.</p>";

#[divan::bench]
fn html_to_text(bencher: Bencher<'_, '_>) {
    let html = MARKUP.repeat(10);
    bencher
        .counter(BytesCount::of_str(&html))
        .bench(|| html::to_text(divan::black_box(&html)));
}
