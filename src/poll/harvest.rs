//! What a document gives: the items that are new, and what they teach about the feed.

use std::time::Duration;

use super::{
    Poller, Visit,
    known::{self, Sorted},
};
use crate::{
    hub::Announced,
    model::Validators,
    parse::{Identified, Parsed},
    schedule::Rhythm,
    store::{Harvest, StoreError},
    time::{self, Timestamp},
};

/// How long a feed that lost items is asked at its interval, whatever its rhythm says.
const HURRY_FOR: Duration = Duration::from_secs(7 * 86_400);
/// A publication so long before the last poll may well have been listed late.
const LATE_MAX: Duration = Duration::from_secs(3600);

impl Poller {
    /// What is to be remembered of a document and its items. What a hub pushes `is_excerpt` of what the feed lists.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) async fn gather(
        &self,
        visit: &Visit<'_>,
        parsed: Parsed,
        items: Vec<Identified>,
        validators: Validators,
        is_excerpt: bool,
    ) -> Result<Harvest, StoreError> {
        let known = known::sort_out(&self.store, &visit.state, items, is_excerpt).await?;
        Ok(gathered(visit, &parsed, validators, known))
    }
}

/// The same of a document whose items were sorted out.
fn gathered(visit: &Visit<'_>, parsed: &Parsed, validators: Validators, known: Sorted) -> Harvest {
    let Parsed {
        is_partial,
        dropped,
        ..
    } = *parsed;
    if is_partial || dropped > 0 {
        tracing::debug!(feed = %visit.feed.name, partial = is_partial, dropped, "feed read in part");
    }
    let Sorted {
        listed,
        new,
        edited,
        renamed,
        unmarked,
        storm,
    } = known;
    let is_all_new = new.len() == listed.len() && !is_partial && dropped == 0;
    // What is listed at a new address has no listing before it.
    let was_listed = visit.state.first_contact.is_some() && visit.state.last_listing.is_some();
    let is_overrun = is_all_new && was_listed && overruns(&new, visit.state.newest);
    Harvest {
        // A document that broke off must be fetched again, whole.
        validators: if is_partial {
            Validators::default()
        } else {
            validators
        },
        rhythm: rhythm(visit, &new),
        hurry_until: is_overrun.then(|| time::after(visit.answered, HURRY_FOR)),
        listed,
        new,
        edited,
        renamed,
        unmarked,
        storm,
        announced: Announced::Unknown,
        in_part: None,
    }
}

/// Whether a document of which every item is new has lost some that stood in it since the last poll: its oldest is newer than
/// the newest that was known. Without dates, that none of the known ones is left tells it.
fn overruns(new: &[Identified], newest: Option<Timestamp>) -> bool {
    let oldest = new.iter().filter_map(|new| new.item.published).min();
    match (oldest, newest) {
        (Some(oldest), Some(newest)) => oldest > newest,
        (None, None) => !new.is_empty(),
        _ => false,
    }
}

/// The rhythm with the new items counted, where that changes it. What the first contact lists says nothing about rhythm: nobody
/// watched when it came.
fn rhythm(visit: &Visit<'_>, new: &[Identified]) -> Option<Rhythm> {
    let now = visit.answered;
    let Some(mut rhythm) = visit.rhythm.clone() else {
        return Some(Rhythm::begun(now));
    };
    if new.is_empty() {
        return None;
    }
    let since = time::before(visit.state.last_success.unwrap_or(now), LATE_MAX);
    let came = new.iter().map(|new| {
        let published = new.item.published.filter(|at| (since..now).contains(at));
        published.unwrap_or(now)
    });
    rhythm.count(came, now);
    Some(rhythm)
}
