//! `alerts --latency`: how long each stage took, by feed and by receiver, as the median and the 95th percentile.

use std::{collections::BTreeMap, time::Duration};

use super::show;
use crate::{
    store::AlertRow,
    time::{Timestamp, show_duration, until},
};

/// The stages an alert passes, each with what it counts from.
const STAGES: [&str; 5] = ["seen", "matched", "queued", "delivered", "acknowledged"];

/// Times of one feed or receiver, a list for each stage.
#[derive(Default)]
struct Times([Vec<Duration>; STAGES.len()]);

impl Times {
    fn note(&mut self, stage: usize, from: Option<Timestamp>, to: Option<Timestamp>) {
        if let (Some(from), Some(to), Some(times)) = (from, to, self.0.get_mut(stage)) {
            times.push(until(from, to));
        }
    }
}

/// The lines to print: one object a line with `json`, else a table.
pub fn lines(rows: &[AlertRow], json: bool) -> Vec<String> {
    let mut by: BTreeMap<(&str, &str), Times> = BTreeMap::new();
    for row in rows.iter().filter(|row| !row.alert.drill) {
        let timing = &row.alert.timing;
        // A revision is counted from its own matching: the first one tells of the feed.
        if row.alert.revision == 1 {
            let times = by.entry(("feed", &row.alert.item.feed)).or_default();
            times.note(0, timing.published, Some(timing.seen));
            times.note(1, Some(timing.seen), Some(timing.matched));
            times.note(2, Some(timing.matched), Some(timing.queued));
        }
        for delivery in &row.deliveries {
            let is_latest = delivery.revision == row.alert.revision;
            if delivery.state == "done"
                && delivery.reason.as_deref() != Some("silenced")
                && is_latest
            {
                let times = by.entry(("receiver", &delivery.receiver)).or_default();
                times.note(3, Some(timing.queued), delivery.settled);
            }
        }
        // What is acknowledged has a revision that says so; the wait began with the first delivery.
        let told = row
            .deliveries
            .iter()
            .filter(|delivery| delivery.revision == 1 && delivery.state == "done");
        for delivery in told {
            let times = by.entry(("receiver", &delivery.receiver)).or_default();
            times.note(4, delivery.settled, row.acknowledged);
        }
    }
    let rows: Vec<_> = by
        .iter()
        .flat_map(|((kind, name), times)| {
            STAGES
                .iter()
                .zip(&times.0)
                .filter(|(_, times)| !times.is_empty())
                .map(move |(stage, times)| {
                    let mut sorted = times.clone();
                    sorted.sort();
                    (
                        *kind,
                        *name,
                        *stage,
                        sorted.len(),
                        percentile(&sorted, 50),
                        percentile(&sorted, 95),
                    )
                })
        })
        .collect();
    if json {
        let object = |(kind, name, stage, count, p50, p95): &(
            &str,
            &str,
            &str,
            usize,
            Duration,
            Duration,
        )| {
            let s = |time: &Duration| time.as_millis() as f64 / 1000.0;
            serde_json::json!({"by": kind, "name": name, "stage": stage, "count": count, "p50_s": s(p50), "p95_s": s(p95)}).to_string()
        };
        return rows.iter().map(object).collect();
    }
    let cells: Vec<[show::Cell; 6]> = rows
        .iter()
        .map(|(kind, name, stage, count, p50, p95)| {
            [
                show::Cell::plain(kind),
                show::Cell::plain(name),
                show::Cell::plain(stage),
                show::Cell::plain(&count.to_string()),
                show::Cell::plain(&show_duration(*p50)),
                show::Cell::plain(&show_duration(*p95)),
            ]
        })
        .collect();
    let lines = show::columns(&["BY", "NAME", "STAGE", "COUNT", "P50", "P95"], &cells);
    lines
        .iter()
        .map(|line| anstream::adapter::strip_str(line).to_string())
        .collect()
}

/// The nearest-rank percentile of sorted times, of which there is at least one.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles() {
        let times = |numbers: &[u64]| {
            numbers
                .iter()
                .copied()
                .map(Duration::from_secs)
                .collect::<Vec<_>>()
        };
        let hundred: Vec<u64> = (1..=100).collect();
        for (sorted, percent, expected) in [
            (&[7][..], 50, 7),
            (&[7], 95, 7),
            (&[1, 2], 50, 1),
            (&[1, 2, 3], 50, 2),
            (&[1, 2, 3], 95, 3),
            (&hundred, 50, 50),
            (&hundred, 95, 95),
        ] {
            assert_eq!(
                percentile(&times(sorted), percent).as_secs(),
                expected,
                "{sorted:?} {percent}"
            );
        }
    }
}
