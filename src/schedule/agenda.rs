//! Whose turn it is: feeds by due time, kept apart where they share a host.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque},
    hash::Hash,
    sync::Arc,
    time::Duration,
};

use crate::time::{self, Timestamp};

/// The time between the starts of two requests to one host that is asked one at a time; shorter where more are allowed at
/// once (see [`Agenda`]).
pub const SPACING: Duration = Duration::from_millis(500);
/// All feeds of a host together start within this share of their interval.
const SPACING_SHARE: u32 = 20;
/// Gaps shorter than this are kept on average: no timer and no server tells them apart.
const TICK: Duration = Duration::from_millis(10);

/// Whose turn it is: keys by due time, no more at once from one host than `per_host`, and their starts a gap apart. What
/// waits for its host does not hold up others.
///
/// The gap between two starts at one host with `n` feeds is the shorter of
///
/// - [`SPACING`] divided by `per_host`: 250 ms at the default of 2. Who allows a host many requests at once
///   knows that it bears them;
/// - a twentieth of the shortest interval of its feeds, divided by `n`: a host with thousands of feeds
///   takes its time, yet the gaps of all its feeds together never come near their interval, so that they delay each feed once,
///   when feeds that were due together are drawn apart, and not in every round.
///
/// A host with one feed has no gap.
#[derive(Debug)]
pub struct Agenda<K> {
    per_host: usize,
    entries: HashMap<K, Entry>,
    due: BinaryHeap<Reverse<(Timestamp, K)>>,
    hosts: Vec<Host<K>>,
}

/// What is to be planned.
#[derive(Clone, Debug)]
pub struct Planned<K> {
    pub key: K,
    pub host: Arc<str>,
    pub due: Timestamp,
    /// The shortest time between two polls of it.
    pub interval: Duration,
}

#[derive(Debug)]
struct Entry {
    /// In `hosts`.
    host: usize,
    /// When it stands in the heap; a different time there is an older plan.
    due: Timestamp,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// In the heap.
    Planned,
    /// Due, in its host's queue.
    Waiting,
    Running,
    /// No longer wanted; it only still runs.
    Leaving,
}

#[derive(Debug)]
struct Host<K> {
    name: Arc<str>,
    gap: Duration,
    running: usize,
    /// No start before this.
    next_start: Timestamp,
    /// Due, and waiting for this host, in order.
    waiting: VecDeque<K>,
    /// The one of those that stands in the heap again, for when the host is ready.
    called: Option<K>,
}

impl<K: Copy + Eq + Hash + Ord> Agenda<K> {
    /// `per_host` is 1 or more.
    pub fn new(per_host: usize) -> Self {
        Agenda {
            per_host: per_host.max(1),
            entries: HashMap::new(),
            due: BinaryHeap::new(),
            hosts: Vec::new(),
        }
    }

    /// Replaces what is planned. What runs goes on; of it, what is planned no longer is forgotten when it finishes.
    pub fn replace(&mut self, per_host: usize, planned: impl IntoIterator<Item = Planned<K>>) {
        self.per_host = per_host.max(1);
        let old = std::mem::take(&mut self.hosts);
        let mut by_name: HashMap<Arc<str>, usize> = HashMap::new();
        let mut hosts: Vec<Host<K>> = Vec::new();
        let mut intern = |hosts: &mut Vec<Host<K>>, name: Arc<str>| {
            *by_name.entry(name).or_insert_with_key(|name| {
                hosts.push(Host::new(name.clone()));
                hosts.len() - 1
            })
        };
        self.entries
            .retain(|_, entry| matches!(entry.stage, Stage::Running | Stage::Leaving));
        for entry in self.entries.values_mut() {
            entry.stage = Stage::Leaving;
            let before = &old[entry.host];
            entry.host = intern(&mut hosts, before.name.clone());
            let host = &mut hosts[entry.host];
            (host.running, host.next_start) = (before.running, before.next_start);
        }
        self.due.clear();
        // Feeds and shortest interval of each host.
        let mut shares: Vec<(u32, Duration)> = Vec::new();
        for Planned {
            key,
            host,
            due,
            interval,
        } in planned
        {
            let host = intern(&mut hosts, host);
            shares.resize(hosts.len().max(shares.len()), (0, Duration::MAX));
            shares[host].0 += 1;
            shares[host].1 = shares[host].1.min(interval);
            if let Some(running) = self.entries.get_mut(&key) {
                running.stage = Stage::Running;
                continue;
            }
            let entry = Entry {
                host,
                due,
                stage: Stage::Planned,
            };
            self.entries.insert(key, entry);
            self.due.push(Reverse((due, key)));
        }
        let at_once = u32::try_from(self.per_host).unwrap_or(u32::MAX);
        for (host, (feeds, interval)) in hosts.iter_mut().zip(shares) {
            if feeds > 1 {
                let share = interval / SPACING_SHARE / feeds;
                host.gap = (SPACING / at_once).min(share);
            }
        }
        self.hosts = hosts;
    }

    /// At most `free` keys that are due and whose hosts are ready, earliest first; they count as running from here.
    pub fn take_due(&mut self, now: Timestamp, free: usize) -> Vec<K> {
        let mut taken = Vec::new();
        while taken.len() < free
            && let Some(&Reverse((due, key))) = self.due.peek()
            && due <= now
        {
            self.due.pop();
            let Some(entry) = self
                .entries
                .get_mut(&key)
                .filter(|entry| entry.stage == Stage::Planned && entry.due == due)
            else {
                continue;
            };
            let at = entry.host;
            let host = &mut self.hosts[at];
            let is_called = host.called == Some(key);
            if is_called {
                host.called = None;
            }
            let is_ready = host.running < self.per_host && host.next_start <= now;
            let is_first = is_called || (host.called.is_none() && host.waiting.is_empty());
            if is_ready && is_first {
                host.started(now);
                entry.stage = Stage::Running;
                taken.push(key);
            } else {
                entry.stage = Stage::Waiting;
                match is_called {
                    true => host.waiting.push_front(key),
                    false => host.waiting.push_back(key),
                }
            }
            self.call_next(at);
        }
        taken
    }

    /// Ends a running key and plans it again.
    pub fn finish(&mut self, key: K, due: Timestamp) {
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        let host = entry.host;
        match entry.stage {
            Stage::Planned | Stage::Waiting => return,
            Stage::Running => {
                (entry.stage, entry.due) = (Stage::Planned, due);
                self.due.push(Reverse((due, key)));
            }
            Stage::Leaving => {
                self.entries.remove(&key);
            }
        }
        self.hosts[host].running -= 1;
        self.call_next(host);
    }

    /// Brings a key forward that is planned for later than `due`.
    pub fn hasten(&mut self, key: K, due: Timestamp) {
        let entry = self.entries.get_mut(&key);
        if let Some(entry) = entry.filter(|entry| entry.stage == Stage::Planned && due < entry.due)
        {
            entry.due = due;
            self.due.push(Reverse((due, key)));
        }
    }

    /// Plans everything so much sooner, as after the clock was set back by it.
    pub fn set_back(&mut self, by: Duration) {
        for entry in self.entries.values_mut() {
            entry.due = time::before(entry.due, by);
        }
        for host in &mut self.hosts {
            host.next_start = time::before(host.next_start, by);
        }
        let due = std::mem::take(&mut self.due).into_iter();
        let sooner = |Reverse((due, key))| Reverse((time::before(due, by), key));
        self.due = due.map(sooner).collect();
    }

    /// Puts the first that waits for a host back into the heap, where the host has a place for it.
    fn call_next(&mut self, at: usize) {
        let host = &mut self.hosts[at];
        while host.running < self.per_host
            && host.called.is_none()
            && let Some(key) = host.waiting.pop_front()
        {
            if let Some(entry) = self.entries.get_mut(&key) {
                entry.stage = Stage::Planned;
                entry.due = entry.due.max(host.next_start);
                host.called = Some(key);
                self.due.push(Reverse((entry.due, key)));
            }
        }
    }

    /// When the next key that does not wait for its host falls due.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.due.peek().map(|Reverse((due, _))| *due)
    }

    /// How many keys are planned or run.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl<K> Host<K> {
    fn new(name: Arc<str>) -> Self {
        Host {
            name,
            gap: Duration::ZERO,
            running: 0,
            next_start: Timestamp::MIN,
            waiting: VecDeque::new(),
            called: None,
        }
    }

    fn started(&mut self, now: Timestamp) {
        self.running += 1;
        let from = match self.gap < TICK {
            // The clock shows whole milliseconds, and timers are late by more: what was missed is made up for.
            true => self.next_start.max(time::before(now, TICK)),
            false => now,
        };
        self.next_start = time::after(from, self.gap);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Timestamp {
        time::from_ms(s * 1000)
    }

    /// An interval so short that hosts have no gap to speak of.
    fn plan(keys: &[(i32, &str, i64)]) -> Vec<Planned<i32>> {
        plan_every(Duration::ZERO, keys)
    }

    fn plan_every(interval: Duration, keys: &[(i32, &str, i64)]) -> Vec<Planned<i32>> {
        keys.iter()
            .map(|(key, host, due)| Planned {
                key: *key,
                host: (*host).into(),
                due: at(*due),
                interval,
            })
            .collect()
    }

    const NONE: [i32; 0] = [];

    #[test]
    fn a_busy_host_holds_up_its_own_feeds_alone() {
        let mut agenda = Agenda::new(1);
        agenda.replace(
            1,
            plan(&[
                (1, "slow", 1),
                (2, "slow", 2),
                (3, "slow", 3),
                (4, "other", 4),
            ]),
        );
        assert_eq!(agenda.take_due(at(0), 9), NONE);
        assert_eq!(agenda.next_due(), Some(at(1)));
        assert_eq!(agenda.take_due(at(10), 9), [1, 4]);
        assert_eq!(agenda.next_due(), None);
        agenda.finish(1, at(100));
        assert_eq!(agenda.take_due(at(10), 9), [2]);
        agenda.finish(2, at(101));
        assert_eq!(agenda.take_due(at(10), 9), [3]);
        agenda.finish(4, at(102));
        agenda.finish(3, at(103));
        assert_eq!(agenda.take_due(at(200), 1), [1]);
        assert_eq!(
            agenda.take_due(at(200), 9),
            [4],
            "the others wait for the host"
        );
    }

    #[test]
    fn a_new_plan_forgets_what_is_gone_and_keeps_what_runs() {
        let mut agenda = Agenda::new(2);
        agenda.replace(2, plan(&[(1, "host", 0), (2, "host", 0), (3, "host", 0)]));
        assert_eq!(agenda.take_due(at(0), 9), [1, 2]);
        agenda.replace(2, plan(&[(4, "other", 5), (2, "host", 0), (5, "host", 0)]));
        assert_eq!(agenda.take_due(at(0), 9), NONE, "the host is full");
        agenda.finish(1, at(9));
        assert_eq!(agenda.take_due(at(1), 9), [5]);
        agenda.finish(2, at(9));
        assert_eq!(agenda.take_due(at(10), 9), [4, 2]);
        assert_eq!(agenda.len(), 3);
    }

    #[test]
    fn what_is_hastened_comes_sooner_and_never_later() {
        let mut agenda = Agenda::new(2);
        agenda.replace(2, plan(&[(1, "a", 100), (2, "b", 5), (3, "c", 100)]));
        for key in [1, 2] {
            agenda.hasten(key, at(10));
        }
        assert_eq!(agenda.take_due(at(10), 9), [2, 1]);
        agenda.hasten(1, at(0));
        agenda.finish(1, at(20));
        agenda.finish(2, at(30));
        assert_eq!(agenda.take_due(at(99), 9), [1, 2]);
        assert_eq!(
            agenda.take_due(at(100), 9),
            [3],
            "what was overtaken runs once"
        );
        assert_eq!(agenda.take_due(at(999), 9), NONE);
    }

    #[test]
    fn a_clock_that_is_set_back_makes_nobody_wait() {
        let mut agenda = Agenda::new(1);
        agenda.replace(1, plan(&[(1, "a", 3600), (2, "b", 3660)]));
        assert_eq!(agenda.take_due(at(3600), 9), [1]);
        agenda.set_back(Duration::from_secs(3600));
        assert_eq!(agenda.next_due(), Some(at(60)));
        agenda.finish(1, at(70));
        assert_eq!(agenda.take_due(at(65), 9), [2]);
        assert_eq!(agenda.take_due(at(70), 9), [1]);
    }

    /// When each of `feeds` of one host starts, in ms, asked every millisecond; each takes `ms`.
    fn starts(feeds: i32, per_host: usize, interval: Duration, ms: i64) -> Vec<i64> {
        let mut agenda = Agenda::new(per_host);
        let keys: Vec<(i32, &str, i64)> = (0..feeds).map(|key| (key, "host", 0)).collect();
        agenda.replace(per_host, plan_every(interval, &keys));
        let mut started = Vec::new();
        let mut running: VecDeque<(i64, i32)> = VecDeque::new();
        for now in 0.. {
            while running.front().is_some_and(|(end, _)| *end <= now) {
                let (_, key) = running.pop_front().unwrap();
                agenda.finish(key, Timestamp::MAX);
            }
            for key in agenda.take_due(time::from_ms(now), 1000) {
                started.push(now);
                running.push_back((now + ms, key));
            }
            if started.len() == keys.len() {
                break;
            }
        }
        started
    }

    #[test]
    fn starts_at_one_host_are_apart_and_take_a_small_part_of_the_interval() {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        for (feeds, per_host, interval, gap_ms, last_ms) in [
            // Few feeds: 500 ms over the requests at once.
            (10, 2, minutes(5), 250, 2_250),
            (10, 1, minutes(5), 500, 4_500),
            (10, 8, minutes(5), 62, 562),
            // Many: a twentieth of the interval for all.
            (200, 2, minutes(5), 75, 14_925),
            (200, 2, Duration::from_secs(2), 0, 100),
            (10_000, 64, minutes(5), 0, 15_000),
            (1, 1, minutes(5), 0, 0),
        ] {
            let started = starts(feeds, per_host, interval, 0);
            let told = format!("{feeds} feeds, {per_host} at once, every {interval:?}");
            let gaps = started.windows(2).map(|pair| pair[1] - pair[0]);
            assert!(gaps.min().unwrap_or(0) >= gap_ms, "{told}");
            let last = *started.last().unwrap();
            assert!(
                (last_ms * 9 / 10..=last_ms + 10).contains(&last),
                "{told}: {last}"
            );
        }
    }

    #[test]
    fn a_host_that_is_slow_is_not_asked_more_at_once() {
        let started = starts(6, 2, Duration::from_secs(300), 10_000);
        assert_eq!(started, [0, 250, 10_000, 10_250, 20_000, 20_250]);
    }
}
