//! The house keeps its own order: layers, doors, sizes.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Source files as (path below `src`, text without its tests).
fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && path.file_name().is_some_and(|name| name != "tests.rs")
            {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]").next().unwrap().to_owned();
                found.push((path.strip_prefix(&root).unwrap().to_owned(), code));
            }
        }
    }
    found.sort();
    found
}

/// The layer of each module, from the table in `lib.rs`.
fn layers() -> BTreeMap<String, usize> {
    let lib = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let table = lib
        .split("```layers")
        .nth(1)
        .expect("lib.rs holds the layer table")
        .split("```")
        .next()
        .unwrap();
    let mut layers = BTreeMap::new();
    for line in table
        .lines()
        .map(|line| line.trim_start_matches("//!").trim())
        .filter(|line| !line.is_empty())
    {
        let mut words = line.split_whitespace();
        let layer: usize = words
            .next()
            .unwrap()
            .parse()
            .expect("a line begins with its layer");
        layers.extend(words.map(|module| (module.to_owned(), layer)));
    }
    layers
}

/// The module of the crate that a file belongs to.
fn module_of(path: &Path) -> String {
    path.components()
        .next()
        .unwrap()
        .as_os_str()
        .to_string_lossy()
        .trim_end_matches(".rs")
        .to_owned()
}

/// The crate's modules that a text names: in `crate::module` paths and in `use crate::{module, …}` groups.
fn imports(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for rest in code.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            None => found.push(
                rest.split(|c: char| !c.is_alphanumeric() && c != '_')
                    .next()
                    .unwrap()
                    .to_owned(),
            ),
            Some(group) => {
                let mut depth = 0;
                let mut word = String::new();
                for c in group.chars() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        _ if depth > 0 => {}
                        ',' => found.push(std::mem::take(&mut word)),
                        c => word.push(c),
                    }
                }
                found.push(word);
            }
        }
    }
    let first = |path: String| {
        path.trim()
            .split("::")
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    found
        .into_iter()
        .map(first)
        .filter(|module| !module.is_empty() && module != "self")
        .collect()
}

#[test]
fn every_module_stands_in_the_layer_table() {
    let layers = layers();
    for (path, _) in sources() {
        let module = module_of(&path);
        assert!(
            matches!(module.as_str(), "lib" | "main") || layers.contains_key(&module),
            "src/{} belongs to no layer; name its module in the table of lib.rs",
            path.display()
        );
    }
}

#[test]
fn imports_point_down() {
    let layers = layers();
    let mut upward = Vec::new();
    for (path, code) in sources() {
        let module = module_of(&path);
        let Some(layer) = layers.get(&module) else {
            continue;
        };
        for import in imports(&code) {
            if layers.get(&import).is_some_and(|imported| imported > layer) {
                upward.push(format!(
                    "src/{} (layer {layer}) imports {import}",
                    path.display()
                ));
            }
        }
    }
    assert_eq!(upward, [""; 0], "imports that point up");
}

#[test]
fn thought_has_no_clock_no_io_and_no_async() {
    let layers = layers();
    let forbidden = [
        "async fn",
        ".await",
        "SystemTime::now",
        "Instant::now",
        "Timestamp::now",
        "std::fs",
        "std::net",
        "tokio::",
        "rand::",
        "println!",
    ];
    let mut found = Vec::new();
    for (path, code) in sources() {
        let module = module_of(&path);
        // `time` is the clock's own door.
        if layers.get(&module).is_some_and(|layer| *layer <= 1) && module != "time" {
            let lines = code
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            for line in lines {
                found.extend(
                    forbidden
                        .iter()
                        .filter(|word| line.contains(**word))
                        .map(|word| format!("src/{}: {word}", path.display())),
                );
            }
        }
    }
    assert_eq!(found, [""; 0], "in layers 0 and 1");
}

#[test]
fn only_the_clock_reads_the_clock() {
    let mut stray = Vec::new();
    for (path, code) in sources() {
        let is_door = module_of(&path) == "time";
        let is_stray = |line: &&str| {
            line.contains("SystemTime::now")
                || line.contains("Timestamp::now")
                || line.contains("Zoned::now")
        };
        let lines = code.lines().filter(is_stray).filter(|_| !is_door);
        stray.extend(lines.map(|line| format!("src/{}: {}", path.display(), line.trim())));
    }
    assert_eq!(stray, [""; 0], "ask time::Clock");
}

#[test]
fn files_stay_small_enough_to_hold_in_mind() {
    let oversize: Vec<String> = sources()
        .into_iter()
        .map(|(path, code)| (path, code.lines().count()))
        .filter(|(_, lines)| *lines > LINES_MAX)
        .map(|(path, lines)| format!("src/{}: {lines} lines", path.display()))
        .collect();
    assert_eq!(oversize, [""; 0], "look for two things in them");
}

/// Without tests.
const LINES_MAX: usize = 600;
