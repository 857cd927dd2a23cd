//! Whole documents: each feed of `tests/data/feeds` beside its golden reading, and what holds for every document.

mod wild;

use super::*;

/// A feed beside its golden reading. A new feed gets an empty golden file; the failing test shows what to judge and keep.
macro_rules! golden {
    ($($name:ident $file:literal)*) => {$(
        #[test]
        fn $name() {
            check_golden(
                include_bytes!(concat!("../../tests/data/feeds/", $file)),
                include_str!(concat!("../../tests/data/feeds/", $file, ".golden")),
            );
        }
    )*};
}

golden! {
    rss_2_with_its_modules "rss20.xml"
    atom_1_with_every_text_construct "atom10.xml"
    atom_0_3 "atom03.xml"
    rss_1_in_rdf "rss10.rdf"
    rss_0_90 "rss090.rdf"
    rss_1_1 "rss11.xml"
    cdf "cdf.xml"
    json_feed "json11.json"
    json_feed_cut "json_cut.json"
    windows_1251 "windows1251.xml"
    utf_16 "utf16.xml"
    all_that_breaks "broken.xml"
    cut_within_an_item "cut.xml"
    escapes_once_and_twice "escapes.xml"
    identity_of_every_kind "identity.xml"
}

fn check_golden(body: &[u8], want: &str) {
    let read = show(&read(body).expect("a golden feed can be read"));
    assert!(read == want, "read as:\n{read}\nnot as:\n{want}");
}

fn read(body: &[u8]) -> Result<Parsed, ParseError> {
    parse(Document {
        body,
        content_type: None,
        url: "https://example.org/feed",
    })
}

/// One line per thing that is there.
fn show(parsed: &Parsed) -> String {
    let mut out = String::new();
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            out.push_str(&format!("{name}: {value}\n"));
        }
    };
    let yes = |is: bool| if is { "yes" } else { "" };
    let hints = &parsed.hints;
    line("feed", &parsed.title);
    line("site", &parsed.site);
    line("lang", parsed.lang.as_deref().unwrap_or_default());
    line("partial", yes(parsed.is_partial));
    if *hints != Hints::default() {
        line("hints", &format!("{hints:?}"));
    }
    for item in &parsed.items {
        line("\nid", &item.id);
        line("title", &item.title);
        line("summary", &item.summary);
        line("content", &item.content);
        line("url", &item.url);
        line("author", &item.author);
        line("categories", &item.categories.join(" | "));
        line("source", &item.source);
        line("lang", item.lang.as_deref().unwrap_or_default());
        let published = item.published.map(|at| at.to_string());
        line("published", published.as_deref().unwrap_or_default());
    }
    out
}

const FEEDS: [&[u8]; 5] = [
    include_bytes!("../../tests/data/feeds/rss20.xml"),
    include_bytes!("../../tests/data/feeds/atom10.xml"),
    include_bytes!("../../tests/data/feeds/broken.xml"),
    include_bytes!("../../tests/data/feeds/identity.xml"),
    include_bytes!("../../tests/data/feeds/json11.json"),
];

#[test]
fn the_same_bytes_give_the_same_items() {
    for feed in FEEDS {
        let first = read(feed).unwrap();
        for _ in 0..100 {
            assert_eq!(read(feed).unwrap(), first);
        }
    }
}

#[test]
fn a_document_cut_anywhere_gives_the_items_before_the_cut() {
    for feed in FEEDS {
        let whole = read(feed).unwrap();
        for end in (0..feed.len()).step_by(2) {
            let Ok(cut) = read(&feed[..end]) else {
                continue;
            };
            // Whether an id is shared shows only when all items are read, so titles tell.
            let titles = |parsed: &Parsed| -> Vec<String> {
                parsed.items.iter().map(|item| item.title.clone()).collect()
            };
            let (cut_titles, whole_titles) = (titles(&cut), titles(&whole));
            assert!(
                whole_titles.starts_with(&cut_titles) || feed.starts_with(b"\n<br"),
                "cut at {end}: {cut_titles:?}"
            );
            let is_short = cut.items.len() < whole.items.len();
            assert!(!is_short || cut.is_partial, "cut at {end} unnoticed");
        }
    }
}

#[test]
fn any_byte_changed_never_panics() {
    for feed in FEEDS {
        let mut bytes = feed.to_vec();
        for at in (0..bytes.len()).step_by(11) {
            let kept = bytes[at];
            for byte in [b'<', b'>', b'"', b'&', 0xFF] {
                bytes[at] = byte;
                let _ = read(&bytes);
            }
            bytes[at] = kept;
        }
    }
}

#[test]
fn what_is_no_feed_says_what_it_is() {
    for (body, want) in [
        ("", "not a feed: the body is empty"),
        (
            "<!doctype html><html><head><title>Sign in</title></head>",
            "not a feed: it is an HTML page titled \"Sign in\"",
        ),
        (
            "{\"error\": \"gone\"}",
            "not a feed: it is JSON without items: \"{\"error\": \"gone\"}\"",
        ),
        ("<urlset><url/></urlset>", "not a feed: it is a sitemap"),
        ("<", "not a feed: it is plain text: \"<\""),
        (
            "<rss><channel><item></item></channel></rss>",
            "a broken feed: it holds an item without a title, a text, a link or an id",
        ),
        (
            "<rss><channel><item><title>Ha",
            "a broken feed: it holds an item and breaks off before its end",
        ),
        (
            "{\"version\":\"https://jsonfeed.org/version/1\",\"items\":[{\"id\" 1}]}",
            "a broken feed: expected `:` at line 1 column 60",
        ),
    ] {
        let error = read(body.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), want);
    }
}

#[test]
fn a_sound_feed_without_items_is_no_error() {
    for body in [
        "<rss version='2.0'><channel><title>t</title></channel></rss>",
        "<feed xmlns='http://www.w3.org/2005/Atom'><title>t</title></feed>",
        "{\"version\":\"https://jsonfeed.org/version/1.1\",\"title\":\"t\",\"items\":[]}",
    ] {
        let parsed = read(body.as_bytes()).unwrap();
        assert_eq!(
            (parsed.items.len(), parsed.is_partial, &*parsed.title),
            (0, false, "t")
        );
    }
}

#[test]
fn json_with_slips_gives_all_its_items() {
    for (first, title) in [
        (r#"{"id":"1","title":"Fire \ud83d"}"#, "Fire \u{FFFD}"),
        (r#"{"id":"1","title":"\ude00Fire"}"#, "\u{FFFD}Fire"),
        (
            "{\"id\":\"1\",\"title\":\"Fire\tin\nport\"}",
            "Fire in port",
        ),
        (r#"{"id":"1","title":"Fire",}"#, "Fire"),
        (r#"{"id":"1","title":"It\'s","_x":NaN}"#, "It's"),
    ] {
        for (before, after) in [("", ""), (r#"{"id":"0","title":"x"},"#, ","), ("", ",,")] {
            let body = format!(
                r#"{{"version":"https://jsonfeed.org/version/1.1","items":[{before}{first},{{"id":"3","title":"last"}}{after}]}}"#
            );
            let parsed = read(body.as_bytes()).unwrap();
            assert!(!parsed.is_partial, "{body}");
            let titles: Vec<&str> = parsed.items.iter().map(|item| &*item.title).collect();
            assert!(titles.ends_with(&[title, "last"]), "{body}: {titles:?}");
            assert_eq!(titles.len(), 2 + usize::from(!before.is_empty()), "{body}");
        }
        // Cut as well: what stands before the cut is read.
        let body = format!(
            r#"{{"version":"https://jsonfeed.org/version/1.1","items":[{first},{{"id":"3","ti"#
        );
        let parsed = read(body.as_bytes()).unwrap();
        assert!(parsed.is_partial, "{body}");
        assert_eq!((parsed.items.len(), &*parsed.items[0].title), (1, title));
    }
}

#[test]
fn items_without_an_author_have_the_feeds() {
    for (body, want) in [
        (
            "<feed xmlns='http://www.w3.org/2005/Atom'><title>t</title><author><name>Ann</name><uri>u</uri></author>\
             <author><name>Ben</name></author><entry><title>1</title></entry>\
             <entry><title>2</title><author><name>Cy</name></author></entry></feed>",
            ["Ann, Ben", "Cy"],
        ),
        // It may stand behind the entries.
        (
            "<feed xmlns='http://www.w3.org/2005/Atom'><entry><title>1</title></entry><entry><title>2</title></entry>\
             <author><name>Ann</name></author></feed>",
            ["Ann", "Ann"],
        ),
        (
            "{\"version\":\"https://jsonfeed.org/version/1\",\"author\":{\"name\":\"Ann\"},\"items\":[{\"id\":\"1\"},\
             {\"id\":\"2\",\"author\":{\"name\":\"Cy\"}}]}",
            ["Ann", "Cy"],
        ),
        (
            "{\"version\":\"https://jsonfeed.org/version/1.1\",\"items\":[{\"id\":\"1\"},{\"id\":\"2\"}],\
             \"authors\":[{\"name\":\"Ann\"},{\"name\":\"Ben\"}]}",
            ["Ann, Ben", "Ann, Ben"],
        ),
        // An RSS channel's editor wrote none of its items.
        (
            "<rss><channel><managingEditor>ed@a.example (Ed)</managingEditor><author>x</author>\
             <image><author><name>Pic</name></author></image>\
             <item><title>1</title></item><item><title>2</title></item></channel></rss>",
            ["", ""],
        ),
    ] {
        let parsed = read(body.as_bytes()).unwrap();
        let authors: Vec<&str> = parsed.items.iter().map(|item| &*item.author).collect();
        assert_eq!(authors, want, "{body}");
    }
}

fn rss(items: impl Iterator<Item = String>) -> String {
    format!(
        "<rss><channel>{}</channel></rss>",
        items.collect::<String>()
    )
}

#[test]
fn what_stands_before_a_feed_does_not_hide_it() {
    for before in [
        "",
        " \n",
        "\u{FEFF}",
        "[warning] slow query\n",
        "junk",
        "<!-- c -->",
    ] {
        let body = format!(
            "{before}<?xml version='1.0'?><rss><channel><item><title>t</title></item></channel></rss>"
        );
        assert_eq!(
            read(body.as_bytes()).unwrap().items[0].title,
            "t",
            "{before:?}"
        );
    }
    let json = "\u{FEFF}\u{FEFF}{\"version\":\"https://jsonfeed.org/version/1\",\"items\":[{\"id\":\"1\"}]}";
    assert_eq!(read(json.as_bytes()).unwrap().items.len(), 1);
}

#[test]
fn of_too_many_items_the_newest_stay() {
    let dated = |n: i64| {
        let at = crate::time::from_ms(1_700_000_000_000 + n * 1000);
        format!("<item><guid>{n}</guid><title>t</title><pubDate>{at}</pubDate></item>")
    };
    let count = limits::ITEMS_MAX as i64 * 3;
    let parsed = read(rss((0..count).map(dated)).as_bytes()).unwrap();
    assert_eq!(parsed.items.len(), limits::ITEMS_MAX);
    assert_eq!(parsed.dropped, limits::ITEMS_MAX * 2);
    assert_eq!(
        parsed.items[0].id,
        (count - limits::ITEMS_MAX as i64).to_string()
    );

    let undated = |n: i64| format!("<item><guid>{n}</guid><title>t</title></item>");
    let parsed = read(rss((0..count).map(undated)).as_bytes()).unwrap();
    assert_eq!(
        (parsed.items.len(), &*parsed.items[0].id),
        (limits::ITEMS_MAX, "0")
    );
}

#[test]
fn every_field_is_bounded() {
    let long = "x".repeat(1 << 20);
    let categories: String = (0..100)
        .map(|n| format!("<category>{n}{long}</category>"))
        .collect();
    let item = format!(
        "<item><title>{long}</title><description>{long}</description><content>{long}y</content><guid>{long}</guid>\
         <link>https://example.org/{long}</link><author>{long}</author>{categories}<source>{long}</source></item>"
    );
    let parsed = read(rss(std::iter::once(item)).as_bytes()).unwrap();
    let item = &parsed.items[0];
    assert_eq!(item.title.len(), limits::TITLE_BYTES_MAX);
    assert_eq!(item.summary.len(), limits::SUMMARY_BYTES_MAX);
    assert_eq!(item.content.len(), limits::CONTENT_BYTES_MAX);
    assert_eq!(item.url, "");
    assert!(item.author.len() <= limits::AUTHOR_BYTES_MAX);
    assert_eq!(item.categories.len(), limits::CATEGORIES_MAX);
    assert_eq!(item.source.len(), limits::SOURCE_BYTES_MAX);
    assert!(item.id.len() < 64);
}

#[test]
fn an_item_within_another_is_one_of_its_own() {
    for between in [
        "",
        "<x>",
        "<sx:sync xmlns:sx='http://feedsync.org/2007/feedsync'><sx:conflicts>",
    ] {
        let item = format!(
            "<item><title>outer</title><guid>1</guid>{between}<item><title>inner</title></item>"
        );
        let parsed = read(rss(std::iter::once(item)).as_bytes()).unwrap();
        let titles: Vec<&str> = parsed.items.iter().map(|item| &*item.title).collect();
        assert_eq!(titles, ["outer", "inner"], "{between}");
    }
    // What stands in a picture's description is not one.
    let quoting =
        "<item><title>outer</title><image><item><title>quoted</title></item></image></item>";
    let parsed = read(rss(std::iter::once(quoting.to_owned())).as_bytes()).unwrap();
    assert_eq!(parsed.items.len(), 1);
}

#[test]
fn a_picture_gives_its_title_where_there_are_no_other_words() {
    let picture = "<image><url>https://a.example/i.png</url><title>Harbour at dawn</title></image>";
    for (item, title, categories) in [
        (picture.to_owned(), "Harbour at dawn", &[][..]),
        (
            format!("<category>Sea{picture}</category>"),
            "Harbour at dawn",
            &["Sea"],
        ),
        (
            format!("{picture}<title>Ships leave</title>"),
            "Ships leave",
            &[],
        ),
        (
            format!("{picture}<description>Ships leave</description>"),
            "",
            &[],
        ),
        (
            format!("<description>Ships {picture} leave</description>"),
            "",
            &[],
        ),
    ] {
        let whole = format!("<item>{item}<guid>1</guid></item>");
        let parsed = read(rss(std::iter::once(whole)).as_bytes()).unwrap();
        let found = &parsed.items[0];
        assert_eq!((&*found.title, &*found.id), (title, "1"), "{item}");
        assert_eq!(found.categories, categories, "{item}");
    }
}

#[test]
fn an_id_is_a_page_where_it_is_one_or_says_so() {
    for (id, want) in [
        ("<guid>https://a.example/1</guid>", "https://a.example/1"),
        (
            "<guid>/2024/1.html</guid>",
            "https://example.org/2024/1.html",
        ),
        ("<id>/2024/1.html</id>", "https://example.org/2024/1.html"),
        (
            "<guid isPermaLink='true'>1.html</guid>",
            "https://example.org/1.html",
        ),
        ("<guid isPermaLink='false'>/1</guid>", ""),
        ("<guid>1234</guid>", ""),
        ("<guid>a.example</guid>", ""),
        ("<id>tag:a.example,2024:1</id>", ""),
        (
            "<link>/page</link><guid isPermaLink='true'>/1</guid>",
            "https://example.org/page",
        ),
    ] {
        let item = format!("<item><title>t</title>{id}</item>");
        let parsed = read(rss(std::iter::once(item)).as_bytes()).unwrap();
        assert_eq!(parsed.items[0].url, want, "{id}");
    }
}

#[test]
fn no_depth_is_too_deep() {
    for tag in [
        "a",
        "media:group",
        "item",
        "channel",
        "x xml:base='aaaaaaaa/'",
        "description",
    ] {
        let name = tag.split(' ').next().unwrap_or(tag);
        let open = format!("<{tag}>").repeat(20_000);
        let close = format!("</{name}>").repeat(20_000);
        let body = format!(
            "<rss><channel><item><title>t</title><link>https://example.org/1</link>{open}x{close}</item></channel></rss>"
        );
        let parsed = read(body.as_bytes()).unwrap();
        assert_eq!(parsed.items[0].title, "t", "{tag}");
    }
    let json = format!(
        "{{\"version\":\"https://jsonfeed.org/version/1\",\"items\":[{{\"id\":\"1\"}},{}",
        "[".repeat(20_000)
    );
    assert!(read(json.as_bytes()).unwrap().is_partial);
}

#[test]
fn our_reader_and_feed_rs_agree_on_sound_feeds() {
    for feed in [FEEDS[0], FEEDS[1]] {
        let text = std::str::from_utf8(feed).unwrap();
        let theirs = second::items(text, "https://example.org/feed");
        let ours = read(feed).unwrap().items;
        assert_eq!(ours.len(), theirs.len());
        for (our, their) in ours.iter().zip(&theirs) {
            assert_eq!(our.title, their.title);
            assert_eq!(our.published, their.published);
        }
    }
}
