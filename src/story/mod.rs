//! Which items tell the same text, which tell the same event, and how many tell it independently.
//!
//! An *origin* is one text, however often it is reprinted: copies share a link, a title or most of their wording, and what a
//! news agency wrote has the agency for its origin. A *story* is one event: its texts share rare words and names within
//! days. Merging two events hides the second from people, so [`place`] links only what it can vouch for: names that
//! contradict each other, digests of the day and old stories do not link.
//!
//! Everything is looked up by key ([`Index`]) and nothing is scanned: what an item costs does not grow with how many there were.

mod byline;
mod independent;
mod index;
mod place;
mod publisher;
mod sketch;
mod telling;
mod weigh;

pub use byline::wire;
pub use independent::{Told, independent};
pub use index::Index;
pub use place::{
    ANY_WORD, KEY_TEXTS_MAX, Likeness, Origin, Placed, Recent, STORY_ALIVE, STORY_LIFE, day_of,
    place,
};
pub use publisher::{family, publisher_of, publisher_of_item};
pub use sketch::Sketch;
pub use telling::Telling;
pub use weigh::{WINDOW_DAYS, Weighed};

#[cfg(test)]
mod tests;
