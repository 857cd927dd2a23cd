//! When each item happened, and which of those with the same id came first.

use std::collections::HashMap;

use crate::{
    model::{Feed, Item},
    time::Timestamp,
};

/// The place of an item in time. An item without a time takes the last one known before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// `None` where no time was known yet: it is as early as the first that is.
    at: Option<Timestamp>,
    /// In the order of reading, from 0.
    pub number: u64,
    /// Of its feed and id.
    key: u64,
}

/// The order of events, known when everything was read.
#[derive(Debug)]
pub struct Timeline {
    now: Timestamp,
    since: Timestamp,
    /// Of the items so far, the first time that was given, and the last.
    first_known: Option<Timestamp>,
    last_known: Option<Timestamp>,
    began: Option<Timestamp>,
    next: u64,
    /// The earliest item of each key, by time and number.
    earliest: HashMap<u64, (Option<Timestamp>, u64)>,
}

impl Timeline {
    /// A timeline that leaves out what happened before `since`; `now` is the time where nothing tells any.
    pub fn new(since: Timestamp, now: Timestamp) -> Timeline {
        Timeline {
            now,
            since,
            first_known: None,
            last_known: None,
            began: None,
            next: 0,
            earliest: HashMap::new(),
        }
    }

    /// An item of the archive, each of which is there once. A publisher's date in the future does not count.
    pub fn archived(&mut self, seen: Timestamp, item: &Item) -> Option<Moment> {
        let at = item.published.map_or(seen, |published| published.min(seen));
        self.place(Some(at), 0)
    }

    /// The next item of a file; `None` where it happened too early.
    pub fn listed(&mut self, feed: &Feed, item: &Item) -> Option<Moment> {
        if let Some(published) = item.published {
            self.first_known.get_or_insert(published);
            self.last_known = Some(published);
        }
        let key = xxhash_rust::xxh3::xxh3_64_with_seed(feed.name.as_bytes(), item.key().0);
        let moment = self.place(self.last_known, key)?;
        let place = (moment.at, moment.number);
        let earliest = self.earliest.entry(key).or_insert(place);
        *earliest = place.min(*earliest);
        Some(moment)
    }

    fn place(&mut self, at: Option<Timestamp>, key: u64) -> Option<Moment> {
        if at.is_some_and(|at| at < self.since) {
            return None;
        }
        self.began = self.began.into_iter().chain(at).min();
        let number = self.next;
        self.next += 1;
        Some(Moment { at, number, key })
    }

    /// The earliest time that any item gave.
    pub fn began(&self) -> Option<Timestamp> {
        self.began
    }

    /// How many items take part, repeats included.
    pub fn items(&self) -> u64 {
        self.next
    }

    /// How many items of files were there before, by feed and id: only the earliest of them is new to a daemon.
    pub fn repeats(&self) -> u64 {
        match self.earliest.len() as u64 {
            0 => 0,
            distinct => self.next.saturating_sub(distinct),
        }
    }

    /// When the item happened; `None` where it repeats an earlier one.
    pub fn time_of(&self, moment: &Moment) -> Option<Timestamp> {
        let earliest = self.earliest.get(&moment.key);
        let is_repeat = earliest.is_some_and(|(_, number)| *number != moment.number);
        let at = moment.at.or(self.first_known).unwrap_or(self.now);
        (!is_repeat).then_some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: u8) -> Timestamp {
        format!("2024-12-06T{hour:02}:00:00Z").parse().unwrap()
    }

    fn item(id: &str, hour: Option<u8>) -> Item {
        Item {
            id: id.to_owned(),
            published: hour.map(at),
            ..Item::default()
        }
    }

    /// When each of these items of one file happened, as hours; `None` where it does not take part.
    fn hours(since: u8, items: &[(&str, Option<u8>)]) -> Vec<Option<u8>> {
        let mut timeline = Timeline::new(at(since), at(23));
        let feed = Feed::named("desk");
        let moments: Vec<_> = items
            .iter()
            .map(|(id, hour)| timeline.listed(&feed, &item(id, *hour)))
            .collect();
        let hour = |moment: Option<Moment>| {
            let at = timeline.time_of(&moment?)?;
            (0..24).find(|hour| self::at(*hour) == at)
        };
        moments.into_iter().map(hour).collect()
    }

    #[test]
    fn items_of_a_file_have_a_time_and_count_once() {
        for (since, items, expected) in [
            (
                0,
                &[("a", Some(5)), ("b", Some(3))][..],
                &[Some(5), Some(3)][..],
            ),
            (
                0,
                &[("a", Some(5)), ("b", None), ("c", Some(6))],
                &[Some(5), Some(5), Some(6)],
            ),
            // Before any time is known: as early as the first.
            (0, &[("a", None), ("b", Some(4))], &[Some(4), Some(4)]),
            (0, &[("a", None)], &[Some(23)]),
            // The same id again: the earlier in time counts, of two at the same time the first.
            (0, &[("a", Some(5)), ("a", Some(3))], &[None, Some(3)]),
            (0, &[("a", Some(5)), ("a", Some(5))], &[Some(5), None]),
            (4, &[("a", Some(3)), ("b", Some(4))], &[None, Some(4)]),
            // What is too early does not hide its repetition.
            (4, &[("a", Some(3)), ("a", Some(4))], &[None, Some(4)]),
        ] {
            assert_eq!(hours(since, items), expected, "{items:?}");
        }
    }

    #[test]
    fn the_same_id_in_two_feeds_is_two_items() {
        let mut timeline = Timeline::new(Timestamp::MIN, at(23));
        for (feed, id) in [("a", "1"), ("b", "1"), ("a", "1")] {
            timeline.listed(&Feed::named(feed), &item(id, None));
        }
        assert_eq!((timeline.items(), timeline.repeats()), (3, 1));
    }

    #[test]
    fn an_archived_item_is_never_from_the_future() {
        let mut timeline = Timeline::new(at(2), at(23));
        for (published, seen, expected) in [
            (Some(5), 6, Some(5)),
            (Some(9), 6, Some(6)),
            (None, 6, Some(6)),
            (Some(1), 6, None),
        ] {
            let moment = timeline.archived(at(seen), &item("a", published));
            let found = moment.and_then(|moment| timeline.time_of(&moment));
            assert_eq!(found, expected.map(at), "{published:?} {seen}");
        }
        assert_eq!((timeline.items(), timeline.repeats()), (3, 0));
    }
}
