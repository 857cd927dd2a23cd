//! Matching one item: which rules are awake, and which of them hold.
//!
//! A rule wakes when one of its triggers occurs. Waking and evaluating touch only numbers; text is looked at again for
//! regular expressions alone. Nothing is allocated once the scratch is warm.

use std::ops::Range;

use super::{
    RuleSource,
    near::{Near, follow},
    program::{Node, NodeId, Program, Slice, View},
    query::NearKind,
    scratch::Scratch,
    signals::Span,
    tokens::{LEAD_WORDS, Part, Word},
    waking::{Group, LIST_TARGET, MEMBER_TARGET},
};
use crate::model::{Feed, Item};

/// One text of a view.
pub(super) struct Passage<'a, 'b> {
    pub part: Part,
    pub text: &'a str,
    pub words: &'b [Word],
    /// The number of the first of its words in the item.
    pub base: u32,
}

/// The present item under the rules.
pub(super) struct Matcher<'a> {
    pub program: &'a Program,
    pub feed: &'a Feed,
    pub item: &'a Item,
    pub scratch: &'a mut Scratch,
}

impl<'a> Matcher<'a> {
    /// Reads the item; afterwards any node can be asked.
    pub fn read(
        set: u64,
        program: &'a Program,
        feed: &'a Feed,
        item: &'a Item,
        scratch: &'a mut Scratch,
    ) -> Matcher<'a> {
        scratch.fit(set, program);
        scratch.page.read(program, feed, item);
        scratch.forget_item(program);
        let mut matcher = Matcher {
            program,
            feed,
            item,
            scratch,
        };
        matcher.gate();
        matcher
    }

    /// The rules that match, in rule order.
    pub fn matching(&mut self, rules: &[RuleSource]) -> &[usize] {
        self.wake();
        let mut matched = std::mem::take(&mut self.scratch.matched);
        matched.clear();
        let awake = std::mem::take(&mut self.scratch.awake);
        for index in &awake {
            let index = *index as usize;
            if rules.get(index).is_some_and(|rule| self.rule(index, rule)) {
                matched.push(index);
            }
        }
        self.scratch.awake = awake;
        matched.sort_unstable();
        self.scratch.matched = matched;
        &self.scratch.matched
    }

    /// Signals the regular expressions that may match.
    fn gate(&mut self) {
        let program = self.program;
        let gate = &program.gate;
        for regex in &gate.ungated {
            self.scratch
                .page
                .signals
                .add_without_place(program.regex_signal(*regex));
        }
        let Some(literals) = &gate.literals else {
            return;
        };
        let texts = [
            (true, self.item.title.as_str()),
            (program.reads_text(), self.item.summary.as_str()),
            (program.reads_text(), self.item.content.as_str()),
            (program.reads(View::Url), self.item.url.as_str()),
            (program.reads(View::Author), self.item.author.as_str()),
            (program.reads(View::Source), self.item.source.as_str()),
            (program.reads(View::Publisher), self.feed.publisher.as_str()),
        ];
        let fields = texts
            .into_iter()
            .filter_map(|(is_read, text)| is_read.then_some(text));
        let is_read = program.reads(View::Category);
        let categories = self
            .item
            .categories
            .iter()
            .filter(|_| is_read)
            .map(String::as_str);
        for text in fields.chain(categories) {
            for found in literals.find_overlapping_iter(text) {
                if let Some(regex) = gate.owners.get(found.pattern().as_usize()) {
                    self.scratch
                        .page
                        .signals
                        .add_without_place(program.regex_signal(*regex));
                }
            }
        }
    }

    /// Finds out which rules, and which entries of the long ones, are worth a look. Without it all entries are looked at.
    pub fn wake(&mut self) {
        let waking = &self.program.waking;
        let Scratch {
            page,
            awake,
            is_awake,
            stirred,
            is_stirred,
            worth,
            has_woken,
            ..
        } = &mut *self.scratch;
        *has_woken = true;
        let mut next = 0;
        // Lists add their signals behind those of what occurred.
        while let Some(signal) = page.signals.get(next) {
            next += 1;
            for target in waking.targets(signal) {
                if !page.signals.has_any(&target.guards) {
                    continue;
                }
                if target.wakes & LIST_TARGET != 0 {
                    let list = target.wakes & !LIST_TARGET;
                    page.signals.add_without_place(list);
                } else if target.wakes & MEMBER_TARGET != 0 {
                    let number = target.wakes & !MEMBER_TARGET;
                    if is_stirred.insert(number)
                        && let Some(member) = waking.members.get(number as usize)
                        && let Some(worth) = worth.get_mut(member.group as usize)
                    {
                        stirred.push(number);
                        worth.push(member.entry);
                        if let Some(list) = member.list {
                            page.signals.add_without_place(list);
                        }
                    }
                } else if is_awake.insert(target.wakes) {
                    awake.push(target.wakes);
                }
            }
        }
    }

    /// Whether a rule matches: its language, its entries, its feeds.
    fn rule(&mut self, index: usize, rule: &RuleSource) -> bool {
        if let Some(Some(root)) = self.program.roots.get(index) {
            return self.holds(root.get());
        }
        self.takes(index, rule) && rule.feeds.takes(self.feed)
    }

    /// Whether a rule matches the item, from whatever feed: its language, its entries.
    pub fn takes(&mut self, index: usize, rule: &RuleSource) -> bool {
        let program = self.program;
        let Some(entries) = program.rules.get(index) else {
            return false;
        };
        let mut all = program.children(entries.all).iter();
        (!entries.is_filtered || self.takes_lang(rule))
            && (entries.any.len == 0 || self.any_holds(entries.any, entries.any_group))
            && all.all(|node| self.holds(*node))
            && !self.any_holds(entries.none, entries.none_group)
    }

    /// Whether any of the entries holds; most of a group sleep through most items.
    fn any_holds(&mut self, entries: Slice, group: Option<Group>) -> bool {
        let program = self.program;
        let worth = self.take_worth(group);
        let entries = worth.as_deref().unwrap_or(program.children(entries));
        let holds = entries.iter().any(|entry| self.holds(*entry));
        self.give_back_worth(group, worth);
        holds
    }

    /// The entries of a group that are worth a look, where that is known. No group is inside itself, so nobody misses them.
    fn take_worth(&mut self, group: Option<Group>) -> Option<Vec<NodeId>> {
        let group = group.filter(|_| self.scratch.has_woken)?;
        self.scratch
            .worth
            .get_mut(group as usize)
            .map(std::mem::take)
    }

    fn give_back_worth(&mut self, group: Option<Group>, worth: Option<Vec<NodeId>>) {
        let slot = group.and_then(|group| self.scratch.worth.get_mut(group as usize));
        if let (Some(slot), Some(worth)) = (slot, worth) {
            *slot = worth;
        }
    }

    pub fn takes_lang(&self, rule: &RuleSource) -> bool {
        rule.langs.is_empty()
            || rule
                .langs
                .iter()
                .any(|lang| self.scratch.page.reading.is(lang))
    }

    /// Whether a node holds for the item.
    pub fn holds(&mut self, node: NodeId) -> bool {
        let program = self.program;
        match program.node(node) {
            Node::Atom { atom, view } => {
                let bounds = self.bounds(view);
                self.scratch
                    .page
                    .signals
                    .spans(atom)
                    .any(|span| is_inside(span, bounds))
            }
            Node::Phrase { phrase, view } => {
                let mut is_found = false;
                self.phrase(phrase, view, &mut |_| {
                    is_found = true;
                    false
                });
                is_found
            }
            Node::Regex { regex, view } => {
                let Some(def) = program.regexes.get(regex as usize) else {
                    return false;
                };
                let mut is_found = false;
                if self.scratch.page.signals.has(program.regex_signal(regex)) {
                    self.each_text(view, &mut |passage| {
                        is_found = def.regex.is_match(passage.text);
                        !is_found
                    });
                }
                is_found
            }
            Node::Lang { lang } => self.scratch.page.signals.has(program.lang_signal(lang)),
            Node::All(children) => program
                .children(children)
                .iter()
                .all(|child| self.holds(*child)),
            Node::Any(children) => program
                .children(children)
                .iter()
                .any(|child| self.holds(*child)),
            Node::List(list) => {
                if !self.scratch.is_asked.has(list) {
                    let def = program.lists.get(list as usize);
                    let holds = def.is_some_and(|def| self.any_holds(def.entries, def.group));
                    if let Some(slot) = self.scratch.list_holds.get_mut(list as usize) {
                        *slot = holds;
                    }
                    if self.scratch.is_asked.insert(list) {
                        self.scratch.asked.push(list);
                    }
                }
                let holds = self.scratch.list_holds.get(list as usize);
                holds.copied().unwrap_or(false)
            }
            Node::Not(inner) => !self.holds(inner),
            Node::Near { .. } => {
                let mut spans = self.scratch.spare.pop().unwrap_or_default();
                self.spans(node, &mut spans);
                let holds = !spans.is_empty();
                self.give_back(spans);
                holds
            }
        }
    }

    fn give_back(&mut self, mut spans: Vec<Span>) {
        spans.clear();
        self.scratch.spare.push(spans);
    }

    fn bounds(&self, view: View) -> (u32, u32) {
        self.scratch.page.bounds[view as usize]
    }

    /// Adds every place where the node stands, sorted, each once.
    pub fn spans(&mut self, node: NodeId, found: &mut Vec<Span>) {
        self.add_spans(node, found);
        found.sort_unstable();
        found.dedup();
    }

    fn add_spans(&mut self, node: NodeId, found: &mut Vec<Span>) {
        let program = self.program;
        match program.node(node) {
            Node::Atom { atom, view } => {
                let bounds = self.bounds(view);
                found.extend(
                    self.scratch
                        .page
                        .signals
                        .spans(atom)
                        .filter(|span| is_inside(*span, bounds)),
                );
            }
            Node::Phrase { phrase, view } => self.phrase(phrase, view, &mut |span| {
                found.push(span);
                true
            }),
            Node::Regex { regex, view } => self.regex_spans(regex, view, found),
            Node::Any(_) => {
                for child in program.alternatives(node) {
                    self.add_spans(*child, found);
                }
            }
            Node::List(list) => self.list_spans(list, found),
            Node::Near {
                left,
                right,
                kind,
                distance,
            } => self.near(left, right, kind, distance, found),
            // The compiler lets nothing else stand where a place is wanted.
            Node::All(_) | Node::Not(_) | Node::Lang { .. } => {}
        }
    }

    /// Adds the places of a list, looked up once for each item.
    fn list_spans(&mut self, list: u32, found: &mut Vec<Span>) {
        if !self.scratch.is_placed.has(list) {
            let program = self.program;
            let mut places = self.scratch.spare.pop().unwrap_or_default();
            let group = program.lists.get(list as usize).and_then(|def| def.group);
            let worth = self.take_worth(group);
            for entry in worth.as_deref().unwrap_or(program.entries(list)) {
                self.add_spans(*entry, &mut places);
            }
            self.give_back_worth(group, worth);
            places.sort_unstable();
            places.dedup();
            if let Some(slot) = self.scratch.list_places.get_mut(list as usize) {
                slot.clone_from(&places);
            }
            self.give_back(places);
            if self.scratch.is_placed.insert(list) {
                self.scratch.placed.push(list);
            }
        }
        if let Some(places) = self.scratch.list_places.get(list as usize) {
            found.extend_from_slice(places);
        }
    }

    fn near(
        &mut self,
        left: NodeId,
        right: NodeId,
        kind: NearKind,
        distance: u8,
        found: &mut Vec<Span>,
    ) {
        let mut lefts = self.scratch.spare.pop().unwrap_or_default();
        self.spans(left, &mut lefts);
        if !lefts.is_empty() {
            let mut rights = self.scratch.spare.pop().unwrap_or_default();
            self.spans(right, &mut rights);
            let near = Near::new(&self.scratch.page, &rights, kind, distance);
            for span in &lefts {
                near.join(*span, found);
            }
            self.give_back(rights);
        }
        self.give_back(lefts);
    }

    /// Calls with each place of a phrase until it answers no.
    fn phrase(&self, phrase: u32, view: View, found: &mut dyn FnMut(Span) -> bool) {
        let program = self.program;
        let page = &self.scratch.page;
        let Some(phrase) = program.phrases.get(phrase as usize) else {
            return;
        };
        let bounds = self.bounds(view);
        let atoms = phrase.atoms.of(&program.phrase_atoms);
        if let Some((first, rest)) = atoms.split_first()
            && rest.iter().all(|atom| page.signals.has(*atom))
        {
            for span in page.signals.spans(*first) {
                if let Some(end) = follow(page, span.start, span.end, rest) {
                    let span = Span {
                        start: span.start,
                        end,
                    };
                    if is_inside(span, bounds) && !found(span) {
                        return;
                    }
                }
            }
        }
        if let Some(closed) = phrase.closed {
            for span in page.signals.spans(closed) {
                if is_inside(span, bounds) && !found(span) {
                    return;
                }
            }
        }
    }

    /// Calls with each text of a view that is not empty, until it answers no.
    pub fn each_text(&self, view: View, found: &mut dyn FnMut(Passage<'a, '_>) -> bool) {
        let page = &self.scratch.page;
        let mut visit = |part: Part| {
            let passage = self.passage(part, view);
            passage.text.is_empty() || found(passage)
        };
        let parts: &[Part] = match view {
            View::Title => &[Part::TITLE],
            View::Lead => &[Part::TITLE, page.lead],
            View::All => &[Part::TITLE, Part::SUMMARY, Part::CONTENT],
            View::Text => &[Part::SUMMARY, Part::CONTENT],
            View::Url => &[Part::URL],
            View::Author => &[Part::AUTHOR],
            View::Source => &[Part::SOURCE],
            View::Publisher => &[Part::PUBLISHER],
            View::Category => {
                let _ = (0..self.item.categories.len())
                    .map(Part::of_category)
                    .all(visit);
                return;
            }
        };
        let _ = parts.iter().all(|part| visit(*part));
    }

    fn passage(&self, part: Part, view: View) -> Passage<'a, '_> {
        let page = &self.scratch.page;
        let (start, end) = self.bounds(view);
        let words = page.slice((start, end));
        let first = words.partition_point(|word| word.part < part);
        let past = words.partition_point(|word| word.part <= part);
        let words = words.get(first..past).unwrap_or_default();
        let text = part.text(self.feed, self.item);
        let is_cut = view == View::Lead && part != Part::TITLE && words.len() >= LEAD_WORDS;
        let text = match words.last() {
            Some(last) if is_cut => text.get(..last.end as usize).unwrap_or(text),
            _ => text,
        };
        Passage {
            part,
            text,
            words,
            base: start + first as u32,
        }
    }

    /// Places of a regular expression, as the words it touches.
    fn regex_spans(&self, regex: u32, view: View, found: &mut Vec<Span>) {
        self.regex_places(regex, view, &mut |passage, place| {
            let start = passage
                .words
                .partition_point(|word| word.end as usize <= place.start);
            let end = passage
                .words
                .partition_point(|word| (word.start as usize) < place.end);
            if start < end {
                found.push(Span {
                    start: passage.base + start as u32,
                    end: passage.base + end as u32,
                });
            }
        });
    }

    /// Places of a regular expression in the texts of a view, as bytes.
    pub fn regex_places(
        &self,
        regex: u32,
        view: View,
        found: &mut dyn FnMut(&Passage<'a, '_>, Range<usize>),
    ) {
        let Some(def) = self.program.regexes.get(regex as usize) else {
            return;
        };
        if !self
            .scratch
            .page
            .signals
            .has(self.program.regex_signal(regex))
        {
            return;
        }
        self.each_text(view, &mut |passage| {
            for place in def.regex.find_iter(passage.text) {
                found(&passage, place.range());
            }
            true
        });
    }
}

#[inline]
pub(super) fn is_inside(span: Span, bounds: (u32, u32)) -> bool {
    bounds.0 <= span.start && span.end <= bounds.1
}
