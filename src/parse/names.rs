//! Which element a tag is: its namespace and name to one of the few that we read.
//!
//! Namespaces are looked up kindly: dead and misspelt addresses of RSS and Atom count as RSS and Atom, an unknown
//! default namespace too (somebody's own idea of RSS), and a prefix that was never declared means what it usually means.

/// The elements that carry something we keep, or that tell where we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// `rss`, `rdf:RDF`, `feed`, `channel`.
    Feed,
    /// `item`, `entry`.
    Item,
    Title,
    /// A title of another vocabulary, for items without their own.
    OtherTitle,
    Link,
    /// The `A` of CDF.
    Anchor,
    /// RSS `guid`: a link as well unless it says no.
    Guid,
    /// Atom `id`.
    Id,
    Summary,
    /// A summary of another vocabulary, for items without their own.
    OtherSummary,
    Content,
    Published,
    /// Dublin Core's date: which event it tells is left open.
    Dated,
    Updated,
    Author,
    /// `dc:creator` and its like: never a container.
    Creator,
    Name,
    Category,
    Source,
    Language,
    Ttl,
    Hour,
    Day,
    UpdatePeriod,
    UpdateFrequency,
    /// `image`, `textInput`: has titles and links that are not the feed's or the item's.
    Aside,
    Unknown,
}

impl Element {
    /// Its text may be marked up; that of the others is a word, a name, an address.
    pub fn is_text(self) -> bool {
        use Element::*;
        matches!(self, Title | OtherTitle | Summary | OtherSummary | Content)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespace {
    /// RSS of every version and Atom of every version.
    Core,
    DublinCore,
    Content,
    Media,
    Itunes,
    Syndication,
    Rdf,
    Xhtml,
    Other,
}

/// The namespace of an address.
fn of_address(address: &str) -> Option<Namespace> {
    let address = address.trim().to_ascii_lowercase();
    let address = address.trim_end_matches(['/', '#']);
    let bare = address
        .strip_prefix("http://")
        .or_else(|| address.strip_prefix("https://"))
        .unwrap_or(address);
    Some(match bare {
        "purl.org/rss/1.0"
        | "purl.org/net/rss1.1"
        | "my.netscape.com/rdf/simple/0.9"
        | "channel.netscape.com/rdf/simple/0.9"
        | "purl.org/atom/ns"
        | "www.w3.org/2005/atom"
        | "blogs.law.harvard.edu/tech/rss"
        | "cyber.law.harvard.edu/rss" => Namespace::Core,
        "purl.org/dc/elements/1.1" | "purl.org/dc/elements/1.0" | "purl.org/dc/terms" => {
            Namespace::DublinCore
        }
        "purl.org/rss/1.0/modules/content" => Namespace::Content,
        "purl.org/rss/1.0/modules/syndication" => Namespace::Syndication,
        "www.w3.org/1999/02/22-rdf-syntax-ns" => Namespace::Rdf,
        "www.w3.org/1999/xhtml" => Namespace::Xhtml,
        _ if bare.starts_with("search.yahoo.com/mrss") => Namespace::Media,
        _ if bare.ends_with("itunes.com/dtds/podcast-1.0.dtd") => Namespace::Itunes,
        _ if bare.starts_with("backend.userland.com/rss") && !bare.contains("module") => {
            Namespace::Core
        }
        _ => return None,
    })
}

/// What a prefix means where nobody declared it.
fn of_prefix(prefix: &str) -> Namespace {
    match prefix {
        "" | "atom" | "atom10" | "atom03" | "a10" | "rss" => Namespace::Core,
        "dc" | "dcterms" => Namespace::DublinCore,
        "content" => Namespace::Content,
        "media" => Namespace::Media,
        "itunes" => Namespace::Itunes,
        "sy" => Namespace::Syndication,
        "rdf" => Namespace::Rdf,
        "xhtml" => Namespace::Xhtml,
        _ => Namespace::Other,
    }
}

/// The prefixes in force, innermost last.
#[derive(Debug, Default)]
pub struct Scopes<'a> {
    bindings: Vec<(&'a str, Namespace)>,
}

/// Declarations in force at once; more are passed over.
const BINDINGS_MAX: usize = 64;

impl<'a> Scopes<'a> {
    pub fn declare(&mut self, prefix: &'a str, address: &str) {
        if self.bindings.len() >= BINDINGS_MAX {
            return;
        }
        let unknown = match prefix {
            "" => Namespace::Core,
            _ => Namespace::Other,
        };
        self.bindings
            .push((prefix, of_address(address).unwrap_or(unknown)));
    }

    pub fn len(&self) -> usize {
        self.bindings.len()
    }

    /// Forgets what was declared since there were `len`.
    pub fn leave(&mut self, len: usize) {
        self.bindings.truncate(len);
    }

    fn namespace(&self, prefix: &str) -> Namespace {
        let bound = self
            .bindings
            .iter()
            .rev()
            .find(|(bound, _)| *bound == prefix);
        bound.map_or_else(|| of_prefix(prefix), |&(_, namespace)| namespace)
    }

    pub fn element(&self, name: &str) -> Element {
        let (prefix, local) = name.split_once(':').unwrap_or(("", name));
        let mut lower = [0; 16];
        let Some(lower) = lower.get_mut(..local.len()) else {
            return Element::Unknown;
        };
        lower.copy_from_slice(local.as_bytes());
        lower.make_ascii_lowercase();
        match self.namespace(prefix) {
            Namespace::Core => core(lower),
            Namespace::DublinCore => dublin_core(lower),
            Namespace::Rdf if lower == b"rdf" => Element::Feed,
            Namespace::Content if lower == b"encoded" => Element::Content,
            Namespace::Xhtml if lower == b"body" => Element::Content,
            Namespace::Syndication => match &*lower {
                b"updateperiod" => Element::UpdatePeriod,
                b"updatefrequency" => Element::UpdateFrequency,
                _ => Element::Unknown,
            },
            Namespace::Media => match &*lower {
                b"title" => Element::OtherTitle,
                b"description" => Element::OtherSummary,
                _ => Element::Unknown,
            },
            Namespace::Itunes => match &*lower {
                b"title" => Element::OtherTitle,
                b"summary" => Element::OtherSummary,
                b"author" => Element::Creator,
                _ => Element::Unknown,
            },
            _ => Element::Unknown,
        }
    }
}

fn core(lower: &[u8]) -> Element {
    match lower {
        b"rss" | b"rdf" | b"feed" | b"channel" => Element::Feed,
        b"item" | b"entry" => Element::Item,
        b"title" => Element::Title,
        b"link" => Element::Link,
        b"a" => Element::Anchor,
        b"guid" => Element::Guid,
        b"id" => Element::Id,
        b"description" | b"summary" | b"abstract" => Element::Summary,
        b"content" | b"body" | b"encoded" => Element::Content,
        b"pubdate" | b"published" | b"issued" => Element::Published,
        b"date" | b"created" => Element::Dated,
        b"updated" | b"modified" => Element::Updated,
        b"author" => Element::Author,
        b"creator" => Element::Creator,
        b"name" => Element::Name,
        b"category" => Element::Category,
        b"source" => Element::Source,
        b"language" => Element::Language,
        b"ttl" => Element::Ttl,
        b"hour" => Element::Hour,
        b"day" => Element::Day,
        b"image" | b"textinput" => Element::Aside,
        _ => Element::Unknown,
    }
}

fn dublin_core(lower: &[u8]) -> Element {
    match lower {
        b"title" => Element::OtherTitle,
        b"description" | b"abstract" => Element::OtherSummary,
        b"creator" | b"author" => Element::Creator,
        b"subject" => Element::Category,
        b"date" | b"created" => Element::Dated,
        b"issued" => Element::Published,
        b"modified" => Element::Updated,
        b"language" => Element::Language,
        _ => Element::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_versions_and_wild_prefixes_are_known() {
        for (prefix, address, name, want) in [
            ("", "http://purl.org/atom/ns#", "entry", Element::Item),
            (
                "",
                "http://my.netscape.com/rdf/simple/0.9/",
                "item",
                Element::Item,
            ),
            (
                "",
                "http://backend.userland.com/rss2",
                "guid",
                Element::Guid,
            ),
            ("", "urn:own-idea", "PubDate", Element::Published),
            ("x", "http://www.w3.org/2005/Atom", "x:link", Element::Link),
            ("x", "urn:other", "x:title", Element::Unknown),
            (
                "x",
                "http://purl.org/dc/elements/1.1/",
                "x:creator",
                Element::Creator,
            ),
            (
                "m",
                "http://search.yahoo.com/mrss",
                "m:title",
                Element::OtherTitle,
            ),
            ("a", "urn:other", "dc:date", Element::Dated),
            ("a", "urn:other", "content:encoded", Element::Content),
            (
                "",
                "http://www.w3.org/1999/xhtml",
                "title",
                Element::Unknown,
            ),
        ] {
            let mut scopes = Scopes::default();
            scopes.declare(prefix, address);
            assert_eq!(scopes.element(name), want, "{address} {name}");
        }
    }
}
