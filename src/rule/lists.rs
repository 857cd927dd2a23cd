//! Named lists: their queries read, their references to each other checked.

use std::{collections::HashMap, ops::Range};

use super::{
    ListSource, Place, RuleProblem,
    query::{self, Query, QueryKind},
};

#[derive(Debug, Default)]
pub(super) struct Lists {
    lists: Vec<List>,
    index: HashMap<String, usize>,
}

#[derive(Debug)]
struct List {
    name: String,
    entries: Vec<ListEntry>,
}

#[derive(Debug)]
pub(super) struct ListEntry {
    /// The tag of the entry's language key.
    pub lang: Option<String>,
    pub place: Place,
    /// `None` where it is not the language; the problem is noted.
    pub query: Option<Query>,
}

impl Lists {
    pub fn read(sources: &[ListSource], problems: &mut Vec<RuleProblem>) -> Lists {
        let mut lists = Lists::default();
        for source in sources {
            let name = source.name.clone();
            let entries = source
                .entries
                .iter()
                .map(|(lang, text)| {
                    let query = match query::parse(&text.text) {
                        Ok(query) => Some(query),
                        Err(error) => {
                            problems.push(RuleProblem::from_query(text.place, error));
                            None
                        }
                    };
                    ListEntry {
                        lang: lang.clone(),
                        place: text.place,
                        query,
                    }
                })
                .collect();
            if lists
                .index
                .insert(name.clone(), lists.lists.len())
                .is_some()
            {
                problems.push(RuleProblem {
                    place: source.place,
                    range: None,
                    is_warning: false,
                    message: format!("list `{name}` is defined twice"),
                    help: Some("rename one, or join them".to_owned()),
                });
            }
            lists.lists.push(List { name, entries });
        }
        lists.cycles(problems);
        lists
    }

    pub fn len(&self) -> usize {
        self.lists.len()
    }

    pub fn index(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.lists.iter().map(|list| list.name.as_str())
    }

    pub fn name(&self, list: usize) -> &str {
        self.lists.get(list).map_or("", |list| &list.name)
    }

    pub fn entries(&self, list: usize) -> &[ListEntry] {
        self.lists.get(list).map_or(&[], |list| &list.entries)
    }

    /// Reports each circle once, at a reference that closes it.
    fn cycles(&self, problems: &mut Vec<RuleProblem>) {
        let mut walk = Walk {
            lists: self,
            is_done: vec![false; self.lists.len()],
            path: Vec::new(),
            problems,
        };
        for list in 0..self.lists.len() {
            walk.visit(list);
        }
    }
}

struct Walk<'a> {
    lists: &'a Lists,
    is_done: Vec<bool>,
    path: Vec<usize>,
    problems: &'a mut Vec<RuleProblem>,
}

impl Walk<'_> {
    /// Depth-first, with an own stack: a chain of ten thousand lists is long, not wrong.
    fn visit(&mut self, list: usize) {
        let mut stack = vec![(list, self.references(list), 0)];
        if self.is_done[list] {
            return;
        }
        self.path.push(list);
        while let Some((list, references, next)) = stack.last_mut() {
            let Some((target, range, place)) = references.get(*next).cloned() else {
                self.is_done[*list] = true;
                self.path.pop();
                stack.pop();
                continue;
            };
            *next += 1;
            if let Some(start) = self.path.iter().position(|on_path| *on_path == target) {
                let mut names: Vec<String> = self.path[start..]
                    .iter()
                    .map(|list| format!("@{}", self.lists.name(*list)))
                    .collect();
                names.push(format!("@{}", self.lists.name(target)));
                self.problems.push(RuleProblem {
                    place,
                    range: Some(range),
                    is_warning: false,
                    message: format!("lists go in a circle: {}", names.join(" → ")),
                    help: Some("take one of these references out".to_owned()),
                });
            } else if !self.is_done[target] {
                self.path.push(target);
                let references = self.references(target);
                stack.push((target, references, 0));
            }
        }
    }

    fn references(&self, list: usize) -> Vec<(usize, Range<usize>, Place)> {
        let mut found = Vec::new();
        for entry in self.lists.entries(list) {
            if let Some(query) = &entry.query {
                each_list(query, &mut |name, range| {
                    found.extend(
                        self.lists
                            .index(name)
                            .map(|target| (target, range.clone(), entry.place)),
                    );
                });
            }
        }
        found
    }
}

/// Every `@name` in a query.
pub(super) fn each_list(query: &Query, found: &mut dyn FnMut(&str, &Range<usize>)) {
    match &query.kind {
        QueryKind::Words(_) | QueryKind::Regex(_) => {}
        QueryKind::List(name) => found(name, &query.range),
        QueryKind::Field(_, inner) | QueryKind::Not(inner) => each_list(inner, found),
        QueryKind::And(sides) | QueryKind::Or(sides) => {
            for side in sides {
                each_list(side, found);
            }
        }
        QueryKind::Near { left, right, .. } => {
            each_list(left, found);
            each_list(right, found);
        }
    }
}
