//! Feeds as they are met: legal ways that few use, and slips that many make.

use super::{read, rss};

fn item_of(item: &str) -> crate::model::Item {
    let body = rss(std::iter::once(format!("<item>{item}</item>")));
    let parsed = read(body.as_bytes()).unwrap();
    parsed.items.into_iter().next().unwrap()
}

#[test]
fn the_page_is_the_first_alternate_that_people_can_read() {
    for (links, want) in [
        (
            "<link rel='alternate' hreflang='en' href='/1'/><link rel='alternate' hreflang='de' href='/de/1'/>",
            "/1",
        ),
        (
            "<link rel='alternate' type='application/json' href='/j'/><link type='text/html' href='/1'/>\
             <link type='text/html' href='/2'/>",
            "/1",
        ),
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
fn a_redirector_gives_way_to_the_page_it_leads_to() {
    for (origin, want) in [
        (
            "<feedburner:origLink>https://a.example/1</feedburner:origLink>",
            "https://a.example/1",
        ),
        (
            "<f:origLink xmlns:f='http://rssnamespace.org/feedburner/ext/1.0'>https://a.example/1</f:origLink>",
            "https://a.example/1",
        ),
        (
            "<feedburner:origLink></feedburner:origLink>",
            "https://proxy.example/x",
        ),
        (
            "<feedburner:origLink>none</feedburner:origLink>",
            "https://proxy.example/x",
        ),
        (
            "<x:origLink xmlns:x='urn:x'>https://a.example/1</x:origLink>",
            "https://proxy.example/x",
        ),
    ] {
        let link = "<link>https://proxy.example/x</link>";
        for item in [format!("{link}{origin}"), format!("{origin}{link}")] {
            assert_eq!(item_of(&item).url, want, "{item}");
        }
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
