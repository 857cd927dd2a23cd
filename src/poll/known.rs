//! Which items of a document are new, which are known under another id, and which were edited.
//!
//! An id is a publisher's promise, and some break it. An item whose id is new is known where its page and time of
//! publication are, or where an item that is no longer listed had its title and time, or, undated, its page and words; and where
//! most ids of a feed change at once, where its page alone is. An id that is known may name another item: ids that number the places
//! of a page move from item to item, and some feeds have one id for whatever is latest.

use std::collections::{HashMap, HashSet};

use crate::{
    model::ItemKey,
    parse::{self, Identified, Marks},
    store::{FeedState, SeenItem, Store, StoreError},
    story::day_of,
    time::Timestamp,
};

/// So many new ids at once, and more than half of the document, may be old items renamed.
const STORM_ITEMS_MIN: usize = 8;
/// So many undated items with new ids, and more than half of those, whose words were listed a moment ago: they have moved.
const MOVED_ITEMS_MIN: usize = 3;
/// Titles that share fewer of their pairs of letters tell of different things.
const TITLES_ALIKE_MIN: f64 = 0.5;

/// A document's items by what is known of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sorted {
    /// The key of every item.
    pub listed: Vec<ItemKey>,
    pub new: Vec<Identified>,
    /// Known ones with another title or summary.
    pub edited: Vec<Identified>,
    /// Known ones with the key that they had.
    pub renamed: Vec<(ItemKey, Identified)>,
    /// Known ones whose marks are not kept yet.
    pub unmarked: Vec<Identified>,
    /// Most ids changed at once: how many items were recognised all the same.
    pub storm: Option<usize>,
}

/// Asks the store what is known of a document's items. What a hub pushes `is_excerpt`: that it leaves an item out says nothing.
///
/// # Errors
/// When the store cannot be read.
pub async fn sort_out(
    store: &Store,
    state: &FeedState,
    mut items: Vec<Identified>,
    is_excerpt: bool,
) -> Result<Sorted, StoreError> {
    let keys = |items: &[Identified]| items.iter().map(|item| item.marks.key).collect::<Vec<_>>();
    if state.last_poll.is_none() {
        return Ok(Sorted {
            listed: keys(&items),
            new: items,
            ..Sorted::default()
        });
    }
    let feed = state.id;
    let mut known = Known {
        seen: store.seen(feed, keys(&items)).await?,
        ..Known::default()
    };
    let unknown = || {
        items
            .iter()
            .map(|item| &item.marks)
            .filter(|marks| !known.seen.contains_key(&marks.key))
    };
    let moments: Vec<ItemKey> = unknown().filter_map(|marks| marks.moment).collect();
    let unknown = unknown().count();
    let has_changed = items.iter().any(|item| known.has_changed(&item.marks));
    if state.first_contact.is_some() && !moments.is_empty() {
        known.at = store.seen_at(feed, moments).await?;
    }
    if let Some(last) = state.last_success
        && state.first_contact.is_some()
        && !is_excerpt
        && (unknown > 0 || has_changed)
    {
        known.recent = store.listed_since(feed, day_of(last) - 1).await?;
        known.is_storm = is_like_a_storm(unknown, items.len());
    }
    let doubtful: Vec<ItemKey> = items
        .iter()
        .filter(|item| known.may_be_another(&item.marks))
        .map(|item| item.marks.key)
        .collect();
    if !doubtful.is_empty() {
        let archived = store.archived(feed, doubtful).await?;
        for item in &mut items {
            let of_before = archived.get(&item.marks.key);
            if of_before.is_some_and(|(title, published)| is_another(item, title, *published)) {
                *item = parse::with_page_in_id(item);
            }
        }
        known.seen.extend(store.seen(feed, keys(&items)).await?);
    }
    Ok(sort(items, &known))
}

fn is_like_a_storm(unknown: usize, listed: usize) -> bool {
    unknown >= STORM_ITEMS_MIN && unknown * 2 > listed
}

/// Whether an item is not the one that had its id before, though its page and its words are others: then its time is another
/// too, and its title no new wording of the old one.
fn is_another(now: &Identified, title: &str, published: Option<Timestamp>) -> bool {
    let is_of_another_time = match (now.item.published, published) {
        (Some(now), Some(before)) => now != before,
        (None, None) => true,
        _ => false,
    };
    is_of_another_time && likeness(&now.item.title, title) < TITLES_ALIKE_MIN
}

/// How much two titles share, 0 to 1: Dice's coefficient of their pairs of letters.
fn likeness(one: &str, other: &str) -> f64 {
    let pairs = |title: &str| -> HashSet<(char, char)> {
        let letters = title.chars().flat_map(char::to_lowercase);
        let letters: Vec<char> = letters.filter(|c| c.is_alphanumeric()).collect();
        letters.windows(2).map(|pair| (pair[0], pair[1])).collect()
    };
    let (one, other) = (pairs(one), pairs(other));
    let shared = one.intersection(&other).count();
    2.0 * shared as f64 / (one.len() + other.len()).max(1) as f64
}

/// What the store knows that may be of use.
#[derive(Clone, Debug, Default)]
struct Known {
    /// By key.
    seen: HashMap<ItemKey, SeenItem>,
    /// By page and time.
    at: HashMap<ItemKey, SeenItem>,
    /// What the feed listed last, where there is doubt.
    recent: Vec<SeenItem>,
    /// Most keys are unknown.
    is_storm: bool,
}

impl Known {
    /// Whether what had this id had other words.
    fn has_changed(&self, marks: &Marks) -> bool {
        let words = self.seen.get(&marks.key).and_then(|seen| seen.words);
        words.is_some_and(|words| words != marks.words)
    }

    /// Whether what had this id had another page, another title or time, and other words.
    fn may_be_another(&self, marks: &Marks) -> bool {
        self.seen.get(&marks.key).is_some_and(|seen| {
            let other = |one: Option<ItemKey>, two: Option<ItemKey>| {
                one.is_some() && two.is_some() && one != two
            };
            self.has_changed(marks)
                && other(seen.page, marks.page)
                && (seen.name.is_none() || seen.name != marks.name)
        })
    }
}

/// What the feed listed last, by those marks that only one item has.
struct Recent {
    by_page: HashMap<ItemKey, SeenItem>,
    by_name: HashMap<ItemKey, SeenItem>,
    by_words: HashMap<ItemKey, SeenItem>,
}

impl Recent {
    fn of(recent: &[SeenItem]) -> Recent {
        let by = |mark: fn(&SeenItem) -> Option<ItemKey>| {
            once(recent.iter().filter_map(|seen| Some((mark(seen)?, *seen))))
        };
        Recent {
            by_page: by(|seen| seen.page),
            by_name: by(|seen| seen.name),
            by_words: by(|seen| seen.words),
        }
    }
}

/// A document's items and what is known, laid out for the question which is which.
struct Sorter<'a> {
    known: &'a Known,
    recent: Recent,
    listed: HashSet<ItemKey>,
    /// Marks that only one item of the document has.
    moments: HashSet<ItemKey>,
    pages: HashSet<ItemKey>,
    names: HashSet<ItemKey>,
    words: HashSet<ItemKey>,
    /// Words that were known under one id stand under another: ids are places.
    are_places: bool,
    /// Most of what has a new id was listed a moment ago.
    have_moved: bool,
    taken: HashSet<ItemKey>,
}

impl<'a> Sorter<'a> {
    fn new(items: &[Identified], known: &'a Known) -> Sorter<'a> {
        let marks = || items.iter().map(|item| item.marks);
        let unique = |mark: fn(Marks) -> Option<ItemKey>| {
            let pairs = marks().filter_map(|marks| Some((mark(marks)?, ())));
            once(pairs).into_keys().collect()
        };
        let mut sorter = Sorter {
            known,
            recent: Recent::of(&known.recent),
            listed: marks().map(|marks| marks.key).collect(),
            moments: unique(|marks| marks.moment),
            pages: unique(|marks| marks.page),
            names: unique(|marks| marks.name),
            words: unique(|marks| Some(marks.words)),
            are_places: false,
            have_moved: false,
            taken: HashSet::new(),
        };
        sorter.are_places = marks()
            .filter(|marks| known.has_changed(marks))
            .any(|marks| sorter.stands_under_another(&marks).is_some());
        let unknown: Vec<&Identified> = items
            .iter()
            .filter(|item| !known.seen.contains_key(&item.marks.key))
            .collect();
        let has_moved = |item: &&&Identified| {
            let of_before = sorter.same_words(&item.marks);
            item.item.published.is_none() && of_before.is_some_and(|seen| sorter.is_gone(seen))
        };
        let moved = unknown.iter().filter(has_moved).count();
        sorter.have_moved = moved >= MOVED_ITEMS_MIN && moved * 2 > unknown.len();
        sorter
    }

    fn same_words(&self, marks: &Marks) -> Option<&SeenItem> {
        let words = Some(&marks.words).filter(|words| self.words.contains(words));
        self.recent.by_words.get(words?)
    }

    /// What was listed a moment ago with the same words under another id.
    fn stands_under_another(&self, marks: &Marks) -> Option<&SeenItem> {
        self.same_words(marks).filter(|seen| seen.key != marks.key)
    }

    /// What the document lists under its own key is another item, and no item can be two.
    fn is_gone(&self, seen: &SeenItem) -> bool {
        !self.listed.contains(&seen.key) && !self.taken.contains(&seen.key)
    }

    /// The known item that this one, whose id is new, is.
    fn recognised(&self, item: &Identified) -> Option<SeenItem> {
        let marks = &item.marks;
        let moment = marks.moment.filter(|moment| self.moments.contains(moment));
        let moment = moment.and_then(|moment| self.known.at.get(&moment));
        let page = marks.page.filter(|page| self.pages.contains(page));
        let page = page.and_then(|page| self.recent.by_page.get(&page));
        let name = marks.name.filter(|name| self.names.contains(name));
        let name = name.and_then(|name| self.recent.by_name.get(&name));
        let has_same_words = |seen: &SeenItem| seen.words == Some(marks.words);
        let has_time = item.item.published.is_some_and(parse::has_time_of_day);
        // The same words at another time may be another event: an alarm that is raised again.
        let is_undated = item.item.published.is_none();
        let is_storm = self.known.is_storm;
        [
            moment,
            page.filter(|seen| is_storm || is_undated && has_same_words(seen)),
            name.filter(|seen| is_storm || has_time || has_same_words(seen)),
            self.same_words(marks)
                .filter(|_| is_undated && self.have_moved),
        ]
        .into_iter()
        .flatten()
        .find(|seen| self.is_gone(seen))
        .copied()
    }
}

fn sort(items: Vec<Identified>, known: &Known) -> Sorted {
    let mut sorter = Sorter::new(&items, known);
    let mut sorted = Sorted::default();
    let unknown = items
        .iter()
        .filter(|item| !known.seen.contains_key(&item.marks.key))
        .count();
    for mut item in items {
        let has_changed = known.has_changed(&item.marks);
        let is_known = known.seen.contains_key(&item.marks.key);
        if sorter.are_places && (has_changed || !is_known) {
            if let Some(seen) = sorter.stands_under_another(&item.marks) {
                sorted.listed.push(seen.key);
                continue;
            }
            if has_changed {
                item = parse::with_title_in_id(&item);
            }
        }
        let marks = item.marks;
        sorted.listed.push(marks.key);
        let seen = match known.seen.get(&marks.key) {
            Some(seen) => *seen,
            None => match sorter.recognised(&item) {
                Some(seen) => {
                    sorter.taken.insert(seen.key);
                    sorted.renamed.push((seen.key, item.clone()));
                    seen
                }
                None => {
                    sorted.new.push(item);
                    continue;
                }
            },
        };
        match seen.words {
            None => sorted.unmarked.push(item),
            Some(words) if words != marks.words => sorted.edited.push(item),
            Some(_) => {}
        }
    }
    let renamed = sorted.renamed.len();
    sorted.storm =
        (known.is_storm && renamed >= STORM_ITEMS_MIN && renamed * 2 > unknown).then_some(renamed);
    sorted
}

/// Those whose key no other has.
fn once<T>(pairs: impl Iterator<Item = (ItemKey, T)>) -> HashMap<ItemKey, T> {
    let mut found: HashMap<ItemKey, Option<T>> = HashMap::new();
    for (key, value) in pairs {
        found
            .entry(key)
            .and_modify(|known| *known = None)
            .or_insert(Some(value));
    }
    found
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::Item,
        parse::{Marks, marks},
    };

    /// An item as (id, link, title, minute of publication).
    type Row<'a> = (&'a str, &'a str, &'a str, Option<u8>);

    fn item((id, link, title, minute): Row<'_>) -> Item {
        Item {
            id: id.to_owned(),
            url: match link.is_empty() {
                true => String::new(),
                false => format!("https://example.org/{link}"),
            },
            title: title.to_owned(),
            published: minute
                .map(|minute| format!("2024-12-06T14:{minute:02}:07Z").parse().unwrap()),
            ..Item::default()
        }
    }

    fn seen(row: Row<'_>) -> (Marks, SeenItem) {
        let marks = marks(&item(row));
        let seen = SeenItem {
            key: marks.key,
            words: Some(marks.words),
            page: marks.page,
            name: marks.name,
        };
        (marks, seen)
    }

    /// What becomes of each of `now`, in a feed that listed `before`: ids as `new`, `edited`, `renamed`.
    fn check(
        before: &[Row<'_>],
        now: &[Row<'_>],
        new: &[&str],
        edited: &[&str],
        renamed: &[&str],
        is_storm: bool,
    ) {
        let mut known = Known::default();
        let keys: HashSet<ItemKey> = now.iter().map(|row| marks(&item(*row)).key).collect();
        for row in before {
            let (marks, seen) = seen(*row);
            if keys.contains(&marks.key) {
                known.seen.insert(marks.key, seen);
            }
            known.at.extend(marks.moment.map(|moment| (moment, seen)));
            known.recent.push(seen);
        }
        let items: Vec<_> = now.iter().map(|row| Identified::from(item(*row))).collect();
        let unknown = items
            .iter()
            .filter(|item| !known.seen.contains_key(&item.marks.key))
            .count();
        known.is_storm = is_like_a_storm(unknown, items.len());
        let sorted = sort(items, &known);
        let ids = |items: &[Identified]| {
            items
                .iter()
                .map(|item| item.item.id.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(ids(&sorted.new), new, "new of {now:?}");
        assert_eq!(ids(&sorted.edited), edited, "edited of {now:?}");
        let items: Vec<Identified> = sorted
            .renamed
            .iter()
            .map(|(_, item)| item.clone())
            .collect();
        assert_eq!(ids(&items), renamed, "renamed of {now:?}");
        assert_eq!(sorted.storm.is_some(), is_storm, "{now:?}");
    }

    #[test]
    fn a_new_id_on_a_known_page_at_its_time_is_no_news() {
        let before = [
            ("1", "a", "Troops move", Some(1)),
            ("2", "b", "Talks begin", Some(2)),
        ];
        check(&before, &before, &[], &[], &[], false);
        check(
            &before,
            &[("1", "a", "Troops move on", Some(1))],
            &[],
            &["1"],
            &[],
            false,
        );
        check(
            &before,
            &[("9", "a", "Troops move", Some(1))],
            &[],
            &[],
            &["9"],
            false,
        );
        check(
            &before,
            &[("9", "a", "Troops move on", Some(1))],
            &[],
            &["9"],
            &["9"],
            false,
        );
        // The same page at another time: it may be another report.
        check(
            &before,
            &[("9", "a", "Troops move", Some(3))],
            &["9"],
            &[],
            &[],
            false,
        );
        // The old one is still listed.
        check(
            &before,
            &[
                ("1", "a", "Troops move", Some(1)),
                ("9", "a", "Troops move", Some(1)),
            ],
            &["9"],
            &[],
            &[],
            false,
        );
    }

    #[test]
    fn ids_that_change_all_at_once_are_recognised_by_page_or_by_title_and_time() {
        let pages: Vec<String> = (0..10).map(|number| format!("page-{number}")).collect();
        let ids: Vec<String> = (0..20).map(|number| format!("id-{number}")).collect();
        let titles: Vec<String> = (0..10).map(|number| format!("Report {number}")).collect();
        let row = |id: usize, page: Option<usize>, title: usize, minute: u8| -> Row<'_> {
            (
                &ids[id],
                page.map_or("", |page| &pages[page]),
                &titles[title],
                Some(minute),
            )
        };
        let before: Vec<Row<'_>> = (0..10).map(|n| row(n, Some(n), n, 1)).collect();
        let new_ids: Vec<&str> = ids[10..].iter().map(String::as_str).collect();
        // Another id and another date for each.
        let renamed: Vec<Row<'_>> = (0..10).map(|n| row(n + 10, Some(n), n, 2)).collect();
        check(&before, &renamed, &[], &[], &new_ids, true);
        // Another id and no link; the second of two equal marks is not recognised, and so is the first.
        let unlinked: Vec<Row<'_>> = (0..10).map(|n| row(n + 10, None, n, 1)).collect();
        check(&before, &unlinked, &[], &[], &new_ids, true);
        let same: Vec<Row<'_>> = (0..10).map(|n| row(n + 10, None, n.max(1), 1)).collect();
        check(
            &before,
            &same,
            &["id-10", "id-11"],
            &[],
            &new_ids[2..],
            true,
        );
        // Ten new reports are ten new reports.
        let others: Vec<Row<'_>> = (0..10).map(|n| row(n + 10, None, n, 9)).collect();
        check(&before, &others, &new_ids, &[], &[], false);
    }
}
