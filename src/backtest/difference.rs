//! What another set of rules would have changed: alerts gained, lost and unchanged.

use std::collections::HashMap;

use super::{Opened, Outcome, stories_of};
use crate::rule::Per;

/// Two outcomes over the same items, compared.
#[derive(Debug, Default)]
pub struct Difference<'a> {
    pub gained: Vec<&'a Opened>,
    pub lost: Vec<&'a Opened>,
    /// As it was and as it is now: another item may open it.
    pub unchanged: Vec<(&'a Opened, &'a Opened)>,
}

/// Compares two outcomes. An alert is the same where the same rule (by name) alerts on the same story; of rules that alert
/// on each item, where it is the same item. Each part is in the order of time.
pub fn difference<'a>(before: &'a Outcome, after: &'a Outcome) -> Difference<'a> {
    let story_of = stories_of(&[before, after]);
    let subject = |opened: &'a Opened| (opened.alert.rule.as_str(), story_of.get(&opened.number));
    let mut now: HashMap<_, Vec<&Opened>> = HashMap::new();
    for opened in &after.opened {
        now.entry(subject(opened)).or_default().push(opened);
    }
    let mut difference = Difference::default();
    let mut unpaired = Vec::new();
    // Those that the same item opens first, so that a story's second alert is not taken for its first.
    for was in &before.opened {
        let same_item = |is: &&Opened| is.number == was.number;
        match take(now.get_mut(&subject(was)), same_item) {
            Some(is) => difference.unchanged.push((was, is)),
            None => unpaired.push(was),
        }
    }
    for was in unpaired {
        let same_story = |is: &&Opened| was.per == Per::Story && is.per == Per::Story;
        match take(now.get_mut(&subject(was)), same_story) {
            Some(is) => difference.unchanged.push((was, is)),
            None => difference.lost.push(was),
        }
    }
    difference.gained = now.into_values().flatten().collect();
    let order = |opened: &&Opened| {
        (
            opened.alert.item.seen,
            opened.number,
            opened.alert.rule.clone(),
        )
    };
    difference.gained.sort_by_key(order);
    difference.unchanged.sort_by_key(|(was, _)| order(was));
    difference
}

fn take<'a>(
    from: Option<&mut Vec<&'a Opened>>,
    is_it: impl Fn(&&Opened) -> bool,
) -> Option<&'a Opened> {
    let from = from?;
    let at = from.iter().position(is_it)?;
    Some(from.remove(at))
}
