//! Bursts: a rule that matches far more often than it usually does.

use std::time::Duration;

use crate::{
    rule::Burst,
    time::{self, Timestamp},
};

use super::{Rate, Reason, Spans};

/// The usual rate is known when the rule was observed for so many windows, a day at least; or for the whole baseline.
const WINDOWS_TO_LEARN: u32 = 10;
const TIME_TO_LEARN: Duration = Duration::from_secs(86_400);

/// The longest time that may tell what is usual.
pub const BASELINE_MAX: Duration = Duration::from_secs(90 * 86_400);

impl Burst {
    pub(super) fn spans(&self, at: Timestamp) -> Spans {
        Spans {
            at,
            window: self.window,
            baseline: self.baseline,
        }
    }
}

/// Why an item under a rule with a `burst` alerts nobody, if so; and whether it is part of a burst.
pub(super) fn verdict(burst: &Burst, rate: Rate, seen: Timestamp) -> (Option<Reason>, bool) {
    let window_began = time::before(seen, burst.window);
    let observed_from = rate
        .since
        .unwrap_or(seen)
        .max(time::before(window_began, burst.baseline));
    let observed = time::until(observed_from, window_began);
    let to_learn = (burst.window * WINDOWS_TO_LEARN)
        .max(TIME_TO_LEARN)
        .min(burst.baseline);
    if observed < to_learn {
        return (Some(Reason::BurstLearning), false);
    }
    let usual =
        f64::from(rate.before) * burst.window.as_secs_f64() / observed.as_secs_f64().max(1.0);
    // This item counts as well.
    let recent = rate.recent.saturating_add(1);
    if recent < burst.at_least || f64::from(recent) < f64::from(burst.times) * usual {
        return (Some(Reason::BurstNotReached), false);
    }
    let is_ongoing = rate.last_burst.is_some_and(|last| last > window_began);
    (is_ongoing.then_some(Reason::BurstOngoing), true)
}
