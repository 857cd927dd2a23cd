//! What wakes when something occurs: rules, lists, and each entry of a long rule or list by itself.
//!
//! Of a list of three hundred towns an item names one or two. So the entries of such a group are not asked one by one: what
//! occurs says which of them are worth a look, and the rest sleep through the item.

use super::{
    program::{NodeId, Program, Signal, Slice},
    weight::Chooser,
};

/// A rule that a signal wakes, a list that it signals, or a member of a group that it makes worth a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Target {
    /// A rule, or [`LIST_TARGET`] and a list's signal, or [`MEMBER_TARGET`] and a member.
    pub wakes: u32,
    /// Of these one must have occurred as well; from the front, [`NO_GUARD`] behind the last. Most rules that wake
    /// would fall asleep at once: so they are not even looked at.
    pub guards: Guards,
}

pub(super) type Guards = [Signal; 3];
pub(super) const NO_GUARD: Signal = u32::MAX;
pub(super) const UNGUARDED: Guards = [NO_GUARD; 3];

/// Targets from here on are signals (lists) themselves.
pub(super) const LIST_TARGET: u32 = 1 << 31;
/// Targets from here on, below those, are members of groups.
pub(super) const MEMBER_TARGET: u32 = 1 << 30;

/// The number of a group: the entries of a long list, or of a rule's long `any` or `none`.
pub(super) type Group = u32;

/// The entries of smaller groups are all asked.
const GROUP_MIN: u32 = 8;

/// An entry of a group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    pub group: Group,
    pub entry: NodeId,
    /// The signal of the list whose entry it is.
    pub list: Option<Signal>,
}

/// For each signal what it wakes.
#[derive(Debug, Default)]
pub(super) struct Waking {
    /// Where each signal's targets start, one more than there are signals.
    starts: Vec<u32>,
    targets: Vec<Target>,
    pub members: Vec<Member>,
    pub groups: usize,
}

impl Waking {
    #[inline]
    pub fn targets(&self, signal: Signal) -> &[Target] {
        let at = signal as usize;
        match self.starts.get(at..at + 2) {
            Some(&[start, end]) => self
                .targets
                .get(start as usize..end as usize)
                .unwrap_or_default(),
            _ => &[],
        }
    }

    /// Numbers the groups of a program and lays out what wakes its rules, lists and members.
    pub fn lay_out(program: &mut Program) {
        let mut groups: Group = 0;
        let mut number = |entries: Slice| {
            let is_group = entries.len >= GROUP_MIN;
            groups += u32::from(is_group);
            is_group.then(|| groups - 1)
        };
        for list in &mut program.lists {
            list.group = number(list.entries);
        }
        for rule in &mut program.rules {
            rule.any_group = number(rule.any);
            rule.none_group = number(rule.none);
        }
        let mut layout = Layout {
            program,
            chooser: Chooser::new(program),
            members: Vec::new(),
            pairs: Vec::with_capacity(program.rules.len() * 2),
        };
        layout.lists();
        layout.rules();
        let Layout { members, pairs, .. } = layout;
        let mut waking = Waking {
            members,
            groups: groups as usize,
            ..Waking::default()
        };
        waking.sort(program.signals_and_lists(), pairs);
        program.waking = waking;
    }

    fn sort(&mut self, signals: usize, mut pairs: Vec<(Signal, Target)>) {
        pairs.sort_unstable();
        pairs.dedup();
        self.starts = vec![0; signals + 1];
        for (signal, _) in &pairs {
            self.starts[*signal as usize + 1] += 1;
        }
        for index in 1..self.starts.len() {
            self.starts[index] += self.starts[index - 1];
        }
        self.targets = pairs.into_iter().map(|(_, target)| target).collect();
    }
}

struct Layout<'a> {
    program: &'a Program,
    chooser: Chooser<'a>,
    members: Vec<Member>,
    pairs: Vec<(Signal, Target)>,
}

impl Layout<'_> {
    fn lists(&mut self) {
        let program = self.program;
        for (index, list) in (0..).zip(&program.lists) {
            let signal = program.list_signal(index);
            match list.group {
                Some(group) => self.group(group, list.entries, Some(signal)),
                None => self.add(LIST_TARGET | signal, self.chooser.any(list.entries)),
            }
        }
    }

    fn rules(&mut self) {
        let program = self.program;
        for (index, rule) in (0..).zip(&program.rules) {
            self.add(index, self.chooser.rule(rule));
            for (group, entries) in [(rule.any_group, rule.any), (rule.none_group, rule.none)] {
                if let Some(group) = group {
                    self.group(group, entries, None);
                }
            }
        }
    }

    fn group(&mut self, group: Group, entries: Slice, list: Option<Signal>) {
        for entry in self.program.children(entries) {
            let member = self.members.len() as u32;
            self.members.push(Member {
                group,
                entry: *entry,
                list,
            });
            self.add(MEMBER_TARGET | member, self.chooser.collect(*entry));
        }
    }

    fn add(&mut self, wakes: u32, triggers: Vec<(Signal, Guards)>) {
        let pairs = triggers.into_iter();
        self.pairs
            .extend(pairs.map(|(trigger, guards)| (trigger, Target { wakes, guards })));
    }
}
