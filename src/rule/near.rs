//! Which places are near each other: NEAR, ONEAR and NOT NEAR as arithmetic on the words between, and phrases, never over the end
//! of a field.

use super::{program::Signal, query::NearKind, signals::Span, tokens::Page};

/// Joins places by distance.
pub(super) struct Near<'a> {
    page: &'a Page,
    rights: &'a [Span],
    longest: u32,
    kind: NearKind,
    distance: u32,
}

impl<'a> Near<'a> {
    /// `rights` are sorted.
    pub fn new(page: &'a Page, rights: &'a [Span], kind: NearKind, distance: u8) -> Near<'a> {
        let longest = rights
            .iter()
            .map(|span| span.end - span.start)
            .max()
            .unwrap_or(0);
        Near {
            page,
            rights,
            longest,
            kind,
            distance: u32::from(distance),
        }
    }

    /// Adds what `left` makes with the places near it: the stretch from one to the other, or for NOT NEAR itself.
    pub fn join(&self, left: Span, found: &mut Vec<Span>) {
        match self.kind {
            NearKind::NotNear => {
                let is_near = self.candidates(left).any(|right| {
                    right != left
                        && gap(left, right).unwrap_or(0) <= self.distance
                        && self.is_one_part(left, right)
                });
                if !is_near {
                    found.push(left);
                }
            }
            NearKind::Near | NearKind::Ordered => {
                let is_ordered = self.kind == NearKind::Ordered;
                found.extend(
                    self.candidates(left)
                        .filter(|right| gap(left, *right).is_some_and(|gap| gap <= self.distance))
                        .filter(|right| !is_ordered || left.end <= right.start)
                        .filter(|right| self.is_one_part(left, *right))
                        .map(|right| Span {
                            start: left.start.min(right.start),
                            end: left.end.max(right.end),
                        }),
                );
            }
        }
    }

    /// The right places that may be within the distance.
    fn candidates(&self, left: Span) -> impl Iterator<Item = Span> {
        let from = left.start.saturating_sub(self.distance + self.longest);
        let to = left.end + self.distance;
        let start = self.rights.partition_point(|right| right.start < from);
        self.rights
            .iter()
            .skip(start)
            .copied()
            .take_while(move |right| right.start <= to)
    }

    fn is_one_part(&self, left: Span, right: Span) -> bool {
        self.page.part_at(left.start) == self.page.part_at(right.start)
    }
}

/// Words between two places; `None` where they overlap.
pub(super) fn gap(left: Span, right: Span) -> Option<u32> {
    if left.end <= right.start {
        Some(right.start - left.end)
    } else if right.end <= left.start {
        Some(left.start - right.end)
    } else {
        None
    }
}

/// The end of the phrase whose first word ends at `end`, if the rest follows. Never over the end of a field.
pub(super) fn follow(page: &Page, start: u32, end: u32, rest: &[Signal]) -> Option<u32> {
    let Some((atom, rest)) = rest.split_first() else {
        return Some(end);
    };
    if page.part_at(start) != page.part_at(end) {
        return None;
    }
    page.ends(*atom, end)
        .into_iter()
        .flatten()
        .find_map(|next| follow(page, start, next, rest))
}
