//! What matching remembers of the present item and of the words before it.

use super::{
    memo::SLOTS_MAX,
    program::{NodeId, Program},
    signals::{Bits, Span},
    tokens::Page,
};

/// Working memory for matching, one for each thread, reused from item to item. It fits any rule set and remembers the words
/// of the last one it served.
#[derive(Debug)]
pub struct Scratch {
    /// Which rule set the memory is laid out for.
    set: u64,
    pub(super) page: Page,
    /// Rules awake for the present item, each once.
    pub(super) awake: Vec<u32>,
    pub(super) is_awake: Bits,
    /// Members of groups worth a look for the present item, each once, and for each group its entries among them; before
    /// `wake` nobody knows which those are.
    pub(super) stirred: Vec<u32>,
    pub(super) is_stirred: Bits,
    pub(super) worth: Vec<Vec<NodeId>>,
    pub(super) has_woken: bool,
    /// Lists asked for the present item, each once; and what came of it.
    pub(super) asked: Vec<u32>,
    pub(super) is_asked: Bits,
    pub(super) list_holds: Vec<bool>,
    /// Lists whose places were looked up for the present item, each once; and the places, sorted. Many entries draw on the
    /// same long list.
    pub(super) placed: Vec<u32>,
    pub(super) is_placed: Bits,
    pub(super) list_places: Vec<Vec<Span>>,
    pub(super) spare: Vec<Vec<Span>>,
    pub(super) matched: Vec<usize>,
}

impl Default for Scratch {
    fn default() -> Self {
        Scratch::new()
    }
}

impl Scratch {
    /// For matching as fast as can be.
    pub fn new() -> Scratch {
        Scratch::with_slots(SLOTS_MAX)
    }

    /// With a quarter of the memory, for matching beside other work: rare words are looked up anew now and then.
    pub fn small() -> Scratch {
        Scratch::with_slots(SLOTS_MAX / 4)
    }

    fn with_slots(slots_max: usize) -> Scratch {
        Scratch {
            set: 0,
            page: Page::new(slots_max),
            awake: Vec::new(),
            is_awake: Bits::default(),
            stirred: Vec::new(),
            is_stirred: Bits::default(),
            worth: Vec::new(),
            has_woken: false,
            asked: Vec::new(),
            is_asked: Bits::default(),
            list_holds: Vec::new(),
            placed: Vec::new(),
            is_placed: Bits::default(),
            list_places: Vec::new(),
            spare: Vec::new(),
            matched: Vec::new(),
        }
    }

    pub(super) fn matched(&self) -> &[usize] {
        &self.matched
    }

    /// Lays the memory out for this rule set, where it served another.
    pub(super) fn fit(&mut self, set: u64, program: &Program) {
        if self.set == set {
            return;
        }
        self.set = set;
        self.page.reset(program);
        self.awake.clear();
        self.is_awake.reset(program.rules.len());
        self.stirred.clear();
        self.is_stirred.reset(program.waking.members.len());
        self.worth.clear();
        self.worth.resize(program.waking.groups, Vec::new());
        self.asked.clear();
        self.is_asked.reset(program.lists.len());
        self.list_holds.clear();
        self.list_holds.resize(program.lists.len(), false);
        self.placed.clear();
        self.is_placed.reset(program.lists.len());
        self.list_places.clear();
        self.list_places.resize(program.lists.len(), Vec::new());
    }

    pub(super) fn forget_item(&mut self, program: &Program) {
        for rule in &self.awake {
            self.is_awake.clear_around(*rule);
        }
        self.awake.clear();
        for number in &self.stirred {
            self.is_stirred.clear_around(*number);
            let member = program.waking.members.get(*number as usize);
            if let Some(worth) = member.and_then(|member| self.worth.get_mut(member.group as usize))
            {
                worth.clear();
            }
        }
        self.stirred.clear();
        self.has_woken = false;
        for list in &self.asked {
            self.is_asked.clear_around(*list);
        }
        self.asked.clear();
        for list in &self.placed {
            self.is_placed.clear_around(*list);
        }
        self.placed.clear();
    }
}
