//! How the modules of `common` build on each other: no chapter uses what another one
//! brings that its feature does not include, and no two modules use each other, not by way
//! of others either.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The modules, as `ch02::head`, each with those that its code up to the tests names.
fn modules() -> BTreeMap<String, BTreeSet<String>> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut texts = BTreeMap::new();
    for chapter in fs::read_dir(source)
        .expect("the sources are there")
        .flatten()
    {
        if !chapter.path().is_dir() {
            continue;
        }
        for file in fs::read_dir(chapter.path())
            .expect("a folder can be read")
            .flatten()
        {
            let module = file.path().file_stem().unwrap_or_default().to_owned();
            let name =
                [chapter.file_name(), module].map(|name| name.to_string_lossy().into_owned());
            if name[1] != "mod" {
                let text = fs::read_to_string(file.path()).expect("a module can be read");
                texts.insert(name.join("::"), text);
            }
        }
    }
    let uses = |text: &str| {
        let mut used = BTreeSet::new();
        for line in code_lines(text) {
            for place in line.split("crate::").skip(1) {
                let mut words = place.split(|character: char| !is_in_name(character));
                let chapter = words.next().unwrap_or_default();
                let module = words.nth(1).unwrap_or_default();
                used.insert(format!("{chapter}::{module}"));
            }
        }
        used.retain(|name| texts.contains_key(name));
        used
    };
    texts
        .iter()
        .map(|(name, text)| (name.clone(), uses(text)))
        .collect()
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).expect("a source")
}

fn is_in_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The lines of the code up to the tests. A link in a comment is no use: a chapter may say
/// what a later one does.
fn code_lines(text: &str) -> impl Iterator<Item = &str> {
    let code = text.split("\n#[cfg(test)]").next().unwrap_or_default();
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
}

/// The features of the chapters, each with those that it includes, itself among them.
fn chapters() -> BTreeMap<String, BTreeSet<String>> {
    let manifest = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"));
    let mut chapters: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    // Each stands behind those that it includes.
    for line in manifest.lines().filter(|line| line.starts_with("ch")) {
        let mut names = line.split(|character: char| !is_in_name(character));
        let name = names.next().unwrap_or_default();
        let mut included: BTreeSet<String> = names
            .filter_map(|name| chapters.get(name))
            .flatten()
            .cloned()
            .collect();
        included.insert(name.to_owned());
        chapters.insert(name.to_owned(), included);
    }
    chapters
}

#[test]
fn no_module_uses_a_chapter_that_its_own_does_not_include() {
    let (modules, chapters) = (modules(), chapters());
    assert!(modules["ch10::connection"].contains("ch09::response"));
    assert!(chapters["ch17"].contains("ch05a") && !chapters["ch18"].contains("ch04"));
    let chapter_of = |module: &str| module.split(':').next().unwrap_or_default().to_owned();
    for (module, uses) in &modules {
        let included = &chapters[&chapter_of(module)];
        for used in uses {
            assert!(included.contains(&chapter_of(used)), "{module} uses {used}");
        }
    }
}

/// Every use is a path that names its chapter, so that none escapes this test.
#[test]
fn each_use_names_its_chapter() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for name in modules().keys() {
        let path = source.join(format!("{}.rs", name.replace("::", "/")));
        for line in code_lines(&read(&path)) {
            let names_it = |rest: &str| {
                let mut parts = rest.split("::");
                let chapter = parts.next().unwrap_or_default();
                let module = parts.next().unwrap_or_default();
                chapter.starts_with("ch") && module.trim_end_matches(';').chars().all(is_in_name)
            };
            assert!(
                line.split("crate::").skip(1).all(names_it),
                "{name}: {line}"
            );
            assert!(!line.contains("super::"), "{name}: {line}");
        }
    }
}

#[test]
fn no_circle() {
    let mut left = modules();
    loop {
        let (free, bound): (BTreeMap<_, _>, _) =
            left.into_iter().partition(|(_, uses)| uses.is_empty());
        if free.is_empty() {
            assert!(bound.is_empty(), "these use each other: {bound:#?}");
            return;
        }
        left = bound;
        left.values_mut()
            .for_each(|uses| uses.retain(|used| !free.contains_key(used)));
    }
}
