//! What an element tells about the feed or about the item it stands in.

use crate::text::html;

use super::{
    super::{
        date,
        entry::{Rank, add_author},
        hints::{self, Unit},
        lang,
        limits::*,
        link,
        names::Element,
        written::{Form, person},
        xml::{self, Tag},
    },
    Capture, Reader,
};

impl<'a> Reader<'a> {
    /// The language and the page that the feed's own tag names (Atom; CDF).
    pub(super) fn begin_feed(&mut self, tag: &Tag<'a>) {
        let parsed = &mut self.reading.parsed;
        if parsed.lang.is_none() {
            parsed.lang = self.langs.last().cloned().flatten();
        }
        let href = xml::attribute(tag.attributes, |name| name.eq_ignore_ascii_case("href"));
        if let Some(href) = href {
            parsed.site = link::absolute(href, self.bases.last());
        }
    }

    /// A link with its address in an attribute; false where the address is the text.
    pub(super) fn begin_link(&mut self, tag: &Tag<'a>) -> bool {
        let mut href = None;
        let (mut rel, mut kind) = ("", "");
        for (name, value) in xml::Attributes(tag.attributes).take(ATTRIBUTES_MAX) {
            let name = name.rsplit(':').next().unwrap_or(name);
            let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
            if is("href") || name == "resource" {
                href = Some(self.unescaped(value));
            } else if is("rel") {
                rel = value.trim();
            } else if is("type") {
                kind = value;
            }
        }
        let Some(href) = href else { return false };
        let url = link::absolute(&href, self.bases.last());
        let is_html = kind.is_empty() || kind.contains("html");
        // Atom's registered relations may be written as addresses.
        let rel = rel
            .strip_prefix("http://www.iana.org/assignments/relation/")
            .unwrap_or(rel)
            .to_ascii_lowercase();
        match (&*rel, &mut self.entry) {
            ("" | "alternate", Some(entry)) => entry.link(url, is_html),
            (_, Some(_)) => {}
            ("" | "alternate", None) if self.reading.parsed.site.is_empty() => {
                self.reading.parsed.site = url;
            }
            ("self", None) => self.reading.parsed.hints.self_url = url,
            ("hub", None) => {
                let hubs = &mut self.reading.parsed.hints.hubs;
                if hubs.len() < HUBS_MAX && !url.is_empty() && !hubs.contains(&url) {
                    hubs.push(url);
                }
            }
            _ => {}
        }
        true
    }

    /// Text where none belongs: the address behind `<link/>`, which is what an HTML serializer makes of a link.
    pub(super) fn stray_text(&mut self, text: &'a str) {
        if !std::mem::take(&mut self.is_behind_empty_link) {
            return;
        }
        let url = link::absolute(&self.unescaped(text), None);
        match &mut self.entry {
            Some(entry) if !entry.has_link() => entry.link(url, true),
            None if self.reading.parsed.site.is_empty() => self.reading.parsed.site = url,
            _ => {}
        }
    }

    /// Atom's `term` and `label`.
    pub(super) fn begin_category(&mut self, tag: &Tag<'a>) {
        let named = |wanted: &str| xml::attribute(tag.attributes, |name| name == wanted);
        let label = named("label").filter(|label| !label.is_empty());
        if let Some(text) = label.or_else(|| named("term")) {
            let text = html::plain_within(&self.unescaped(text), CATEGORY_BYTES_MAX);
            if let Some(entry) = &mut self.entry {
                entry.category(text);
            }
        }
    }

    /// Puts a whole text where it belongs. `written` has its references resolved, `raw` is as it stands in the document.
    pub(super) fn settle(&mut self, capture: &Capture<'a>, written: &str, raw: &str) {
        use Element::*;
        let base = self.bases.last().or_else(|| self.bases.first());
        let rich = |bytes_max: usize| {
            let text = match capture.form {
                Form::Inline => raw,
                _ => written,
            };
            let form = capture.form;
            form.read(capture.element, text, capture.has_markup, bytes_max)
        };
        let name = |bytes_max: usize| html::to_text_within(written, bytes_max);
        let Some(entry) = &mut self.entry else {
            let parsed = &mut self.reading.parsed;
            let hints = &mut parsed.hints;
            match capture.element {
                Title if parsed.title.is_empty() => parsed.title = rich(TITLE_BYTES_MAX),
                Link if parsed.site.is_empty() => parsed.site = link::absolute(written, base),
                Name => add_author(&mut parsed.author, &name(AUTHOR_BYTES_MAX)),
                Language => parsed.lang = lang::primary(written).or(parsed.lang.take()),
                Ttl => hints.ttl = hints::minutes(written),
                Hour => hints.skip_hours |= hints::hour(written),
                Day => hints.skip_days |= hints::day(written),
                UpdatePeriod => hints.period = Unit::parse(written),
                UpdateFrequency => hints.frequency = written.trim().parse().unwrap_or(1),
                _ => {}
            }
            return;
        };
        if matches!(capture.element, Title | Summary | Content)
            && let Some(own) = xml::attribute(capture.attributes, |name| name == "xml:lang")
        {
            entry.lang(lang::primary(own));
        }
        let parent = self.stack.iter().rev().nth(1).map(|frame| frame.element);
        match capture.element {
            Title if parent == Some(Source) => entry.source(rich(SOURCE_BYTES_MAX)),
            Title if parent == Some(Aside) => entry.picture_title(rich(TITLE_BYTES_MAX)),
            Title => entry.title(rich(TITLE_BYTES_MAX)),
            OtherTitle => entry.other_title(rich(TITLE_BYTES_MAX)),
            Summary => entry.summary(rich(SUMMARY_BYTES_MAX)),
            OtherSummary => entry.other_summary(rich(SUMMARY_BYTES_MAX)),
            Content => entry.content(rich(CONTENT_BYTES_MAX)),
            Link => entry.link(link::absolute(written, base), true),
            Guid => {
                let claim = xml::attribute(capture.attributes, |name| {
                    name.eq_ignore_ascii_case("ispermalink")
                });
                let claim = claim.map(|value| value.trim().eq_ignore_ascii_case("true"));
                match claim {
                    Some(true) => entry.permalink(link::absolute(written, base)),
                    Some(false) => {}
                    None => entry.permalink(link::of_id(written, base)),
                }
                entry.item.id.clear();
                entry.id(html::plain_within(written, usize::MAX));
            }
            Id => {
                entry.permalink(link::of_id(written, base));
                entry.id(html::plain_within(written, usize::MAX));
            }
            Published => entry.date(Rank::Published, date::parse(written)),
            Dated => entry.date(Rank::Dated, date::parse(written)),
            Updated => entry.date(Rank::Updated, date::parse(written)),
            Author | Creator => entry.author(person(&name(AUTHOR_BYTES_MAX))),
            Name => entry.author(name(AUTHOR_BYTES_MAX)),
            Category => entry.category(name(CATEGORY_BYTES_MAX)),
            Source => {
                entry.source(name(SOURCE_BYTES_MAX));
                if let Some(url) = xml::attribute(capture.attributes, |name| name == "url") {
                    entry.source_url(link::absolute(url, base));
                }
            }
            Language => entry.lang(lang::primary(written)),
            _ => {}
        }
    }
}
