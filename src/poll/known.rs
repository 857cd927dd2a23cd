//! Which items of a document are new, which are known under another id, and which were edited.
//!
//! An id is a publisher's promise, and some break it: ids made of headlines change with them, a new publishing system
//! renames everything at once. An item whose id is new is known where its page and time of publication are; and where most
//! ids of a feed change at once, by its page alone, or by its title and time.

use std::collections::{HashMap, HashSet};

use crate::{
    model::ItemKey,
    parse::Identified,
    store::{FeedState, SeenItem, Store, StoreError},
    story::day_of,
};

/// So many new ids at once, and more than half of the document, may be old items renamed.
const STORM_ITEMS_MIN: usize = 8;

/// A document's items by what is known of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sorted {
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

/// Asks the store what is known of a document's items.
///
/// # Errors
/// When the store cannot be read.
pub async fn sort_out(
    store: &Store,
    state: &FeedState,
    items: Vec<Identified>,
) -> Result<Sorted, StoreError> {
    if state.last_poll.is_none() {
        return Ok(Sorted {
            new: items,
            ..Sorted::default()
        });
    }
    let feed = state.id;
    let seen = store
        .seen(feed, items.iter().map(|item| item.marks.key).collect())
        .await?;
    let mut known = Known {
        seen,
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
    if state.first_contact.is_some() && !moments.is_empty() {
        known.at = store.seen_at(feed, moments).await?;
    }
    if let Some(last) = state.last_success
        && state.first_contact.is_some()
        && is_like_a_storm(unknown, items.len())
    {
        known.recent = store.listed_since(feed, day_of(last) - 1).await?;
    }
    Ok(sort(items, &known))
}

fn is_like_a_storm(unknown: usize, listed: usize) -> bool {
    unknown >= STORM_ITEMS_MIN && unknown * 2 > listed
}

/// What the store knows that may be of use.
#[derive(Clone, Debug, Default)]
struct Known {
    /// By key.
    seen: HashMap<ItemKey, SeenItem>,
    /// By page and time.
    at: HashMap<ItemKey, SeenItem>,
    /// What the feed listed last, where most keys are unknown.
    recent: Vec<SeenItem>,
}

fn sort(items: Vec<Identified>, known: &Known) -> Sorted {
    let all_marks = || items.iter().map(|item| item.marks);
    let listed: HashSet<ItemKey> = all_marks().map(|marks| marks.key).collect();
    let moments = once(all_marks().filter_map(|marks| Some((marks.moment?, ()))));
    let pages = once(all_marks().filter_map(|marks| Some((marks.page?, ()))));
    let names = once(all_marks().filter_map(|marks| Some((marks.name?, ()))));
    let by_page = once(
        known
            .recent
            .iter()
            .filter_map(|seen| Some((seen.page?, *seen))),
    );
    let by_name = once(
        known
            .recent
            .iter()
            .filter_map(|seen| Some((seen.name?, *seen))),
    );
    let mut sorted = Sorted::default();
    let mut taken: HashSet<ItemKey> = HashSet::new();
    let unknown = all_marks()
        .filter(|marks| !known.seen.contains_key(&marks.key))
        .count();
    for item in items {
        let Identified { marks, .. } = item;
        let recognised = || {
            let moment = marks
                .moment
                .filter(|moment| moments.contains_key(moment))
                .and_then(|moment| known.at.get(&moment));
            let page = || {
                marks
                    .page
                    .filter(|page| pages.contains_key(page))
                    .and_then(|page| by_page.get(&page))
            };
            let name = || {
                marks
                    .name
                    .filter(|name| names.contains_key(name))
                    .and_then(|name| by_name.get(&name))
            };
            // What the document lists under its own key is another item, and no item can be two.
            moment
                .or_else(page)
                .or_else(name)
                .filter(|seen| !listed.contains(&seen.key) && !taken.contains(&seen.key))
        };
        let seen = match known.seen.get(&marks.key) {
            Some(seen) => *seen,
            None => match recognised() {
                Some(seen) => {
                    let seen = *seen;
                    taken.insert(seen.key);
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
        (!known.recent.is_empty() && renamed >= STORM_ITEMS_MIN && renamed * 2 > unknown)
            .then_some(renamed);
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
        if !is_like_a_storm(unknown, items.len()) {
            known.recent.clear();
        }
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
