//! Feeds as they are met: legal ways that few use, and slips that many make.

use super::{read, rss};

fn item_of(item: &str) -> crate::model::Item {
    let body = rss(std::iter::once(format!("<item>{item}</item>")));
    let parsed = read(body.as_bytes()).unwrap();
    parsed.items.into_iter().next().unwrap()
}

#[test]
fn relations_may_be_written_in_any_case() {
    for (links, want) in [
        (
            "<link rel='self' href='/s'/><link rel='ALTERNATE' href='/1'/>",
            "/1",
        ),
        (
            "<link REL='Self' HREF='/s'/><link Rel=' Alternate ' Href='/1'/>",
            "/1",
        ),
        (
            "<link rel='http://www.iana.org/assignments/relation/alternate' href='/1'/>",
            "/1",
        ),
        ("<link rel='Related' href='/r'/>", ""),
    ] {
        let body = format!(
            "<feed xmlns='http://www.w3.org/2005/Atom'><entry><title>t</title>{links}</entry></feed>"
        );
        let parsed = read(body.as_bytes()).unwrap();
        let url = &parsed.items[0].url;
        let path = url.strip_prefix("https://example.org").unwrap_or(url);
        assert_eq!(path, want, "{links}");
    }
}

#[test]
fn an_address_behind_an_empty_link_is_its_address() {
    for (item, want) in [
        (
            "<link/>https://a.example/1\n<description>d</description>",
            "https://a.example/1",
        ),
        (
            "<link />\n https://a.example/?a=1&amp;b=2 <description>d</description>",
            "https://a.example/?a=1&b=2",
        ),
        ("<link/>read on<description>d</description>", ""),
        ("<link/><description>d</description>https://a.example/1", ""),
        (
            "<link href='/2'/>https://a.example/1<description>d</description>",
            "https://example.org/2",
        ),
    ] {
        let found = item_of(item);
        assert_eq!((&*found.url, &*found.summary), (want, "d"), "{item}");
    }
}

#[test]
fn markup_in_an_attribute_hides_no_neighbour() {
    for item in [
        "<media:content url='x' title=\"<b>cap</b>\"/><link>https://a.example/1</link>",
        "<atom:link rel=\"alternate\" title=\"a < b\" href=\"https://a.example/1\"/>",
    ] {
        let found = item_of(&format!("{item}<description><![cdata[d]]></description>"));
        assert_eq!(
            (&*found.url, &*found.summary),
            ("https://a.example/1", "d"),
            "{item}"
        );
    }
}

#[test]
fn what_was_never_closed_ends_at_its_neighbour() {
    for (item, categories, author) in [
        (
            "<link>https://a.example/1<description>d</description>",
            &[][..],
            "",
        ),
        (
            "<description>d</description><category>x<link>https://a.example/1</link>",
            &["x"],
            "",
        ),
        (
            "<description>d</description><category>x<category>y<link>https://a.example/1</link><category>z</category>",
            &["x", "y", "z"],
            "",
        ),
        (
            "<dc:creator>Ann<link>https://a.example/1</link><description>d</description>",
            &[],
            "Ann",
        ),
        // A slip of the pen in the closing tag.
        (
            "<link>https://a.example/1</lnik><description>d</descripton>",
            &[],
            "",
        ),
        (
            "<link>https://a.example/1</llink><category>x</catagory><description>d</description>",
            &["x"],
            "",
        ),
        // What is closed holds what stands in it.
        (
            "<author>Ann <link>u</link></author><link>https://a.example/1</link><description>d</description>",
            &[],
            "Ann u",
        ),
        (
            "<category><b>x</b> <title>y</title></category><link>https://a.example/1</link><description>d</description>",
            &["x y"],
            "",
        ),
    ] {
        let found = item_of(&format!(
            "<title>One</titel>{item}<guid isPermaLink='false'>1</guid>"
        ));
        assert_eq!(
            (&*found.title, &*found.url, &*found.summary, &*found.id),
            ("One", "https://a.example/1", "d", "1"),
            "{item}"
        );
        assert_eq!(found.categories, categories, "{item}");
        assert_eq!(found.author, author, "{item}");
    }
    // Other closing tags do not end a text.
    let found = item_of("<title>a</tile-x>b</b> c</code></title>");
    assert_eq!(found.title, "ab c");
}

#[test]
fn an_item_in_which_nothing_stands_is_none() {
    for (items, count) in [
        ("<item><nothing/></item>", 0),
        ("<item>\n<a><b> </b></a><!-- x --></item>", 0),
        ("<item><author>Ann</author></item>", 1),
        ("<item><media:content url='x'/></item>", 1),
        ("<item>text</item>", 1),
    ] {
        let body = rss(["<item><title>t</title></item>".to_owned(), items.to_owned()].into_iter());
        assert_eq!(
            read(body.as_bytes()).unwrap().items.len(),
            1 + count,
            "{items}"
        );
    }
    for (body, want) in [
        (
            "<foo><item><nothing/></item></foo>",
            "not a feed: it is XML that begins with <foo>",
        ),
        (
            "<foo><item><title>Ha",
            "a broken feed: it holds an item and breaks off before its end",
        ),
    ] {
        assert_eq!(read(body.as_bytes()).unwrap_err().to_string(), want);
    }
}

#[test]
fn headlines_may_speak_of_elements() {
    assert_eq!(
        item_of("<title>How &lt;script&gt; works in Homs</title>").title,
        "How <script> works in Homs"
    );
    assert_eq!(
        item_of("<title>&lt;script&gt;x()&lt;/script&gt;Fire</title>").title,
        "Fire"
    );
    let json =
        r#"{"version":"https://jsonfeed.org/version/1","items":[{"title":"How <script> works"}]}"#;
    assert_eq!(
        read(json.as_bytes()).unwrap().items[0].title,
        "How <script> works"
    );
}
