//! Rules that are not the configured ones, for comparing: those of a folder, over the lists of the configuration.

use std::{collections::HashSet, path::Path, sync::Arc};

use super::{
    Environment, Problem,
    checked::{Checked, Named},
    feeds, include, problem, rules,
};
use crate::rule::RuleSet;

/// Reads every `.toml` file of `folder` and below it, takes the rules and lists from there and the lists of other names from
/// the configuration at `path`, compiles and tests them. Feeds, receivers and settings of these files do not count.
///
/// # Errors
/// Every problem, where one is an error.
pub fn load_rules(
    folder: &Path,
    path: &Path,
    environment: &Environment,
) -> Result<Arc<RuleSet>, Vec<Problem>> {
    let (mut files, in_folder) = include::read_folder_first(folder, path, environment);
    let mut findings = std::mem::take(&mut files.findings);
    let mut tables = std::mem::take(&mut files.tables);
    let configured: Vec<Checked> = tables.split_off(in_folder).into_iter().flatten().collect();
    let tables: Vec<Checked> = tables.into_iter().flatten().collect();

    let rule_tables = feeds::by_name(&tables, "rules", "rule", &files, &mut findings);
    let mut lists = feeds::by_name(&tables, "lists", "list", &files, &mut findings);
    let own: HashSet<&str> = lists.iter().map(|(name, _)| name.text.as_str()).collect();
    let is_other = |(name, _): &Named<'_>| !own.contains(name.text.as_str());
    let others = feeds::by_name(&configured, "lists", "list", &files, &mut findings);
    let others: Vec<Named<'_>> = others.into_iter().filter(is_other).collect();
    lists.extend(others);
    let rules = rules::rules(&rule_tables, &lists, &files, &mut findings);

    let problems = problem::locate(&files.sources, findings);
    match rules.filter(|_| !problems.iter().any(Problem::is_error)) {
        Some(rules) => Ok(rules),
        None => Err(problems),
    }
}
