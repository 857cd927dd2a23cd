//! What makes an item the same item tomorrow.
//!
//! The feed's own id; else the canonical link; else title and date. Never random, never a counter, never a place in the
//! document: the same bytes give the same ids for ever, and a new headline on an old item gives no new item.
//! Where a feed breaks its own rule (one id on many items, a session's token in every link, links that number the
//! places of a page) the next best mark is taken, because an item taken for another is an alert lost.

use std::collections::{HashMap, HashSet};

use xxhash_rust::xxh3::xxh3_128;

use crate::{
    model::{Item, ItemKey},
    text::html,
    time::Timestamp,
};

use super::{limits::ID_BYTES_MAX, link};

/// The id of an item, from what its feed says: its own id, else its link, else its title and date, else its text.
/// Empty only where all of them are.
pub fn identity(
    own: &str,
    url: &str,
    title: &str,
    published: Option<Timestamp>,
    text: &str,
) -> String {
    let own = own.trim();
    if !own.is_empty() {
        return bounded(link::without_session(own).into_owned());
    }
    if !url.is_empty() {
        return bounded(link::canonical(url));
    }
    by_words(title, published, text)
}

/// A second mark of an item, for feeds that give their items new ids (a new publishing system, ids made of headlines):
/// an item whose id is new and whose page and time of publication are known is not new.
///
/// `None` where page and time are no mark: without a link of its own, without a time of day. Whoever asks must also
/// know that no other item of the same document has it.
pub fn second_key(item: &Item) -> Option<ItemKey> {
    moment(item, &link::canonical(&item.url))
}

/// Whether a time of publication says more than the day.
pub fn has_time_of_day(published: Timestamp) -> bool {
    published.as_second().rem_euclid(86_400) != 0
}

fn moment(item: &Item, page: &str) -> Option<ItemKey> {
    let published = item.published?;
    let is_front_page = !page.contains('/') && !page.contains('?');
    let is_a_mark = has_time_of_day(published) && !is_front_page && !item.url.is_empty();
    is_a_mark.then(|| ItemKey::of(&format!("{page} {published}")))
}

/// What recognises an item whose id changed, and tells that its words did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    pub key: ItemKey,
    /// Of title and summary.
    pub words: ItemKey,
    /// Of page and time: [`second_key`].
    pub moment: Option<ItemKey>,
    /// Of the page alone.
    pub page: Option<ItemKey>,
    /// Of title and time.
    pub name: Option<ItemKey>,
}

/// An item with its marks, which take longer to find than to carry along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identified {
    pub marks: Marks,
    pub item: Item,
}

impl From<Item> for Identified {
    fn from(item: Item) -> Identified {
        Identified {
            marks: marks(&item),
            item,
        }
    }
}

/// The marks of an item.
pub fn marks(item: &Item) -> Marks {
    let page = link::canonical(&item.url);
    let has_page = !item.url.is_empty() && (page.contains('/') || page.contains('?'));
    let has_name = !item.title.is_empty() && item.published.is_some();
    Marks {
        key: item.key(),
        words: ItemKey::of(&format!("{}\0{}", item.title, item.summary)),
        moment: moment(item, &page),
        page: has_page.then(|| ItemKey::of(&page)),
        name: has_name.then(|| ItemKey::of(&by_words(&item.title, item.published, ""))),
    }
}

/// The item under an id that holds for its page alone, where its own id names one item after the other.
pub fn with_page_in_id(item: &Identified) -> Identified {
    with_id(item, &link::canonical(&item.item.url))
}

/// The item under an id that holds for its headline alone, where its own id numbers a place.
pub fn with_title_in_id(item: &Identified) -> Identified {
    with_id(item, &item.item.title)
}

fn with_id(Identified { item, .. }: &Identified, mark: &str) -> Identified {
    Identified::from(Item {
        id: bounded(format!("{} {mark}", item.id)),
        ..item.clone()
    })
}

fn by_words(title: &str, published: Option<Timestamp>, text: &str) -> String {
    let words = if title.is_empty() { text } else { title };
    match published {
        Some(at) if !words.is_empty() => bounded(format!("{words} {at}")),
        _ => bounded(words.to_owned()),
    }
}

/// A longer id is replaced by its hash.
fn bounded(id: String) -> String {
    if id.len() <= ID_BYTES_MAX {
        return id;
    }
    hashed(&id)
}

/// The id of an item that says nothing of all that: its source itself.
pub(super) fn hashed(source: &str) -> String {
    format!("xxh3:{:032x}", xxh3_128(source.as_bytes()))
}

/// Decides the id of every item of one document, in the document's order, each id once: of items that are one item, the
/// first stays.
pub fn assign(items: &mut Vec<Item>) {
    let are_places = numbers_places(items);
    let mut owned = Vec::with_capacity(items.len());
    for item in items.iter_mut() {
        let text = beginning(item);
        owned.push(!item.id.is_empty() && !are_places);
        let own = without_edition(&item.id, &item.url);
        item.id = match are_places {
            true => by_words(&item.title, item.published, text),
            false => identity(own, &item.url, &item.title, item.published, text),
        };
    }
    let mut known = HashSet::with_capacity(items.len());
    let are_sound = items
        .iter()
        .all(|item| !item.id.is_empty() && known.insert(&item.id));
    if are_sound {
        return;
    }
    part(items, &owned);
    let mut known = HashSet::with_capacity(items.len());
    items.retain(|item| !item.id.is_empty() && known.insert(item.id.clone()));
}

/// The beginning of an item's text.
fn beginning(item: &Item) -> &str {
    let text = match item.summary.is_empty() {
        true => &item.content,
        false => &item.summary,
    };
    html::clean::head(text, 256)
}

/// `page#0` and then `page#1` are editions of one item whose link is that page: some publishers count them so.
fn without_edition<'a>(own: &'a str, url: &str) -> &'a str {
    let Some((page, edition)) = own.rsplit_once('#') else {
        return own;
    };
    let is_number = edition.len() == 1 && edition.bytes().all(|byte| byte.is_ascii_digit());
    match is_number && !url.is_empty() && link::canonical(page) == link::canonical(url) {
        true => page,
        false => own,
    }
}

/// Gives different items that share an id an id each. All of them change, not all but the first: which is first changes
/// from poll to poll.
fn part(items: &mut [Item], owned: &[bool]) {
    let mut groups: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, item) in items.iter().enumerate() {
        groups.entry(&item.id).or_default().push(at);
    }
    let mut groups: Vec<Vec<usize>> = groups
        .into_values()
        .filter(|group| group.len() > 1)
        .collect();
    groups.sort_unstable();
    for group in groups {
        let [first, ..] = group[..] else { continue };
        let has_own_id = owned.get(first).copied().unwrap_or_default();
        let first = items[first].clone();
        let differ = |wanted: &dyn Fn(&Item) -> bool| group.iter().any(|&at| wanted(&items[at]));
        let other_link = differ(&|item| link::canonical(&item.url) != link::canonical(&first.url));
        let other_title = differ(&|item| item.title != first.title);
        // Without a page, two texts under one headline are two items.
        let other_text = !has_own_id
            && first.url.is_empty()
            && differ(&|item| beginning(item) != beginning(&first));
        for &at in &group {
            let item = &mut items[at];
            if other_link && has_own_id {
                item.id = bounded(format!("{} {}", item.id, link::canonical(&item.url)));
            }
            // Two headlines under one id in one document are two items, copied by hand as a rule.
            if other_title && !(other_link && has_own_id) {
                item.id = bounded(format!("{} {}", item.id, item.title));
            }
            if other_text {
                item.id = bounded(format!("{} {}", item.id, beginning(item)));
            }
        }
    }
}

/// Whether ids, or links where there are none, only number the places of one page: `page#1`, `page#2`, `page#3`.
fn numbers_places<'a>(items: &'a [Item]) -> bool {
    let mark = |item: &'a Item| -> Option<(&'a str, usize)> {
        let mark = if item.id.is_empty() {
            &item.url
        } else {
            &item.id
        };
        let (_, fragment) = mark.split_once('#')?;
        let digits = fragment.trim_start_matches(|c: char| !c.is_ascii_digit());
        Some((mark.strip_suffix(digits)?, digits.parse().ok()?))
    };
    let marks: Option<Vec<_>> = items.iter().map(mark).collect();
    marks.is_some_and(|marks| {
        marks.len() >= 3
            && marks.windows(2).all(|pair| pair[0].0 == pair[1].0)
            && [0, 1].iter().any(|start| {
                marks
                    .iter()
                    .zip(*start..)
                    .all(|(mark, place)| mark.1 == place)
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(id: &str, url: &str, title: &str, published: &str) -> Item {
        Item {
            id: id.to_owned(),
            url: url.to_owned(),
            title: title.to_owned(),
            published: published.parse().ok(),
            ..Item::default()
        }
    }

    /// Rows of id, link, title, date; the ids they get.
    fn check(rows: &[(&str, &str, &str, &str)], want: &[&str]) {
        let mut items: Vec<Item> = rows
            .iter()
            .map(|(id, url, title, published)| item(id, url, title, published))
            .collect();
        assign(&mut items);
        let ids: Vec<&str> = items.iter().map(|item| item.id.as_str()).collect();
        assert_eq!(ids, want, "{rows:?}");
    }

    const DAY: &str = "2024-12-06T00:00:00Z";
    const NEXT_DAY: &str = "2024-12-07T00:00:00Z";

    #[test]
    fn own_id_then_link_then_title_and_date() {
        check(
            &[("tag:1", "https://example.org/1", "One", DAY)],
            &["tag:1"],
        );
        check(
            &[("", "https://example.org/1/?utm_source=x", "One", DAY)],
            &["example.org/1"],
        );
        check(&[("", "", "One", DAY)], &["One 2024-12-06T00:00:00Z"]);
        check(&[("", "", "One", "")], &["One"]);
        check(&[("", "", "", "")], &[]);
        assert_eq!(identity("", "", "", None, "Text alone"), "Text alone");
    }

    #[test]
    fn a_new_headline_makes_no_new_item() {
        for (id, url) in [("tag:1", ""), ("", "https://example.org/1")] {
            let old = identity(id, url, "Troops move", None, "");
            assert_eq!(
                identity(id, url, "Troops move on the capital", DAY.parse().ok(), ""),
                old
            );
        }
    }

    #[test]
    fn sessions_and_schemes_make_no_new_item() {
        let token = "0123456789abcdef0123";
        let old = identity(
            "",
            &format!("http://example.org/a?sid={token}&id=7"),
            "",
            None,
            "",
        );
        assert_eq!(
            identity(
                "",
                "https://example.org/a?id=7&utm_medium=rss",
                "",
                None,
                ""
            ),
            old
        );
        let old = identity(
            &format!("https://example.org/a;jsessionid={token}"),
            "",
            "",
            None,
            "",
        );
        assert_eq!(
            identity("https://example.org/a;jsessionid=AAAA", "", "", None, ""),
            old
        );
    }

    #[test]
    fn an_item_listed_twice_is_one() {
        check(
            &[
                ("a", "https://example.org/a", "A", DAY),
                ("a", "https://example.org/a", "A", DAY),
            ],
            &["a"],
        );
        check(
            &[
                ("", "https://example.org/a", "A", DAY),
                ("", "https://example.org/a", "A", DAY),
            ],
            &["example.org/a"],
        );
    }

    #[test]
    fn one_id_on_different_items_parts_them() {
        let rows = [
            ("0", "https://example.org/a", "A", DAY),
            ("0", "https://example.org/b", "B", DAY),
        ];
        check(&rows, &["0 example.org/a", "0 example.org/b"]);
        let [first, second] = rows;
        check(&[second, first], &["0 example.org/b", "0 example.org/a"]);
        check(
            &[
                ("live", "https://example.org/live", "A", DAY),
                ("live", "https://example.org/live", "B", NEXT_DAY),
            ],
            &["live A", "live B"],
        );
        check(
            &[
                ("", "https://example.org/", "A", DAY),
                ("", "https://example.org/", "B", DAY),
            ],
            &["example.org A", "example.org B"],
        );
    }

    #[test]
    fn editions_of_a_page_are_one_item() {
        let page = "https://example.org/a";
        for (id, want) in [
            ("https://example.org/a#0", page),
            ("https://example.org/a#3", page),
            ("https://example.org/a", page),
            ("https://example.org/a#12", "https://example.org/a#12"),
            ("https://example.org/b#1", "https://example.org/b#1"),
        ] {
            check(&[(id, page, "A", DAY)], &[want]);
        }
        check(
            &[
                ("https://example.org/a#8", page, "A", DAY),
                ("https://example.org/a#9", page, "B", DAY),
            ],
            &["https://example.org/a A", "https://example.org/a B"],
        );
    }

    #[test]
    fn one_headline_over_two_texts_is_two_items_where_nothing_else_tells_them_apart() {
        let alert = |text: &str| Item {
            summary: text.to_owned(),
            ..item("", "", "Air raid alert", "")
        };
        let mut items = vec![alert("Kyiv"), alert("Odesa"), alert("Kyiv")];
        assign(&mut items);
        let ids: Vec<&str> = items.iter().map(|item| item.id.as_str()).collect();
        assert_eq!(ids, ["Air raid alert Kyiv", "Air raid alert Odesa"]);
    }

    #[test]
    fn links_that_number_places_are_no_identity() {
        let rows = [
            ("", "https://example.org/#n1", "A", DAY),
            ("", "https://example.org/#n2", "B", DAY),
            ("", "https://example.org/#n3", "C", DAY),
        ];
        check(
            &rows,
            &[
                "A 2024-12-06T00:00:00Z",
                "B 2024-12-06T00:00:00Z",
                "C 2024-12-06T00:00:00Z",
            ],
        );
        check(
            &[
                ("", "https://example.org/#n7", "A", DAY),
                ("", "https://example.org/#n6", "B", DAY),
                ("", "https://example.org/#n5", "C", DAY),
            ],
            &["example.org#n7", "example.org#n6", "example.org#n5"],
        );
    }

    #[test]
    fn a_new_id_on_the_same_page_at_the_same_time_is_no_new_item() {
        let at = "2024-12-06T14:02:11Z";
        let key = |url, published| second_key(&item("any", url, "any", published));
        let known = key("https://example.org/a", at);
        assert!(known.is_some());
        assert_eq!(key("http://example.org/a/?utm_source=x", at), known);
        assert_ne!(key("https://example.org/b", at), known);
        assert_ne!(key("https://example.org/a", "2024-12-06T14:02:12Z"), known);
        for (url, published) in [
            ("https://example.org/", at),
            ("https://example.org/a", DAY),
            ("https://example.org/a", ""),
            ("", at),
        ] {
            assert_eq!(key(url, published), None, "{url} {published}");
        }
    }

    #[test]
    fn an_endless_id_is_hashed() {
        let id = identity(&"x".repeat(ID_BYTES_MAX + 1), "", "", None, "");
        assert_eq!(id.len(), "xxh3:".len() + 32);
        assert_ne!(
            id,
            identity(&"x".repeat(ID_BYTES_MAX + 2), "", "", None, "")
        );
        assert_eq!(
            identity(&"x".repeat(ID_BYTES_MAX), "", "", None, "").len(),
            ID_BYTES_MAX
        );
    }
}
