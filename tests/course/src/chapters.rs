//! The chapters, as the workspace's folders and files tell them.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, bail, ensure};
use harness::checks::{Check, checks_of};
use toml_edit::{DocumentMut, Item, Table};

/// The workspace and its chapters, in their order.
pub struct Course {
    pub root: PathBuf,
    pub chapters: Vec<Chapter>,
}

/// One chapter.
pub struct Chapter {
    /// Its crate's name, such as `ch05a-status`.
    pub name: String,
    /// Its number as one says it, such as `5a`.
    pub number: String,
    /// What it teaches, in a few words: the first line of its `main.rs`.
    pub lesson: String,
}

impl Course {
    /// Finds the workspace that this command was built in.
    pub fn find() -> anyhow::Result<Self> {
        // cargo says at run time where the checkout is now; it may have moved
        // since this was compiled.
        let own_folder = env::var("CARGO_MANIFEST_DIR")
            .unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
        let root = Path::new(&own_folder)
            .ancestors()
            .nth(2)
            .context("the course has no workspace around it")?
            .to_owned();
        let mut names = Vec::new();
        for entry in read_folder(&root.join("chapters"))? {
            if entry.starts_with("ch") {
                names.push(entry);
            }
        }
        let chapters = names
            .into_iter()
            .map(|name| Chapter::read(&root, name))
            .collect::<anyhow::Result<_>>()?;
        Ok(Self { root, chapters })
    }

    /// Where cargo puts what it builds, and the course what it keeps.
    pub fn target_folder(&self) -> PathBuf {
        env::var_os("CARGO_TARGET_DIR").map_or_else(|| self.root.join("target"), PathBuf::from)
    }

    /// The chapter that is called so: `ch04-routing`, `ch04` or `4`.
    pub fn chapter(&self, called: &str) -> anyhow::Result<&Chapter> {
        let wanted = called.to_ascii_lowercase();
        let number = wanted
            .strip_prefix("ch")
            .unwrap_or(&wanted)
            .trim_start_matches('0');
        let found = |chapter: &&Chapter| chapter.name == wanted || chapter.number == number;
        if let Some(chapter) = self.chapters.iter().find(found) {
            return Ok(chapter);
        }
        if number == "5" {
            bail!("chapter 5 is two: 5a and 5b");
        }
        let numbers: Vec<&str> = self
            .chapters
            .iter()
            .map(|chapter| &*chapter.number)
            .collect();
        bail!(
            "there is no chapter {called:?}; the chapters are {}",
            numbers.join(", ")
        )
    }

    /// The chapter that another one builds on: the one before it, but chapter 3
    /// for 5b, which goes back to its page, and chapter 2 for 18, which begins anew
    /// in HTTP/2, and chapter 17 for 20, which puts both together. The first has none.
    pub fn base_of(&self, chapter: &Chapter) -> Option<&Chapter> {
        let elsewhere = match &*chapter.number {
            "5b" => Some("3"),
            "18" => Some("2"),
            "20" => Some("17"),
            _ => None,
        };
        if let Some(number) = elsewhere {
            return self.chapters.iter().find(|base| base.number == number);
        }
        let position = self
            .chapters
            .iter()
            .position(|other| other.name == chapter.name)?;
        self.chapters.get(position.checked_sub(1)?)
    }

    /// What is to be played against a chapter's server, those of `core` first.
    pub fn checks_of(&self, chapter: &Chapter) -> anyhow::Result<Vec<Check>> {
        let folder = self.root.join("tests/snapshots");
        checks_of(&chapter.name, &folder)
            .with_context(|| format!("cannot read {}", folder.display()))
    }

    /// The paths of the modules of `common` that a chapter brings, sorted.
    pub fn modules_of(&self, chapter: &Chapter) -> anyhow::Result<Vec<String>> {
        let folder = format!("common/src/{}", chapter.short_name());
        if !self.root.join(&folder).is_dir() {
            return Ok(Vec::new());
        }
        let mut names = read_folder(&self.root.join(&folder))?;
        names.retain(|name| name != "mod.rs");
        Ok(names
            .iter()
            .map(|name| format!("{folder}/{name}"))
            .collect())
    }

    /// What `common` has of a chapter and those that it builds on, by their short names. A
    /// chapter that brings nothing knows what the one before it does.
    pub fn known_after(&self, chapter: &Chapter) -> anyhow::Result<BTreeSet<String>> {
        let features = self.features_of_common()?;
        let names = self.chapters.iter().map(Chapter::short_name);
        let before: Vec<&str> = names
            .take_while(|name| *name != chapter.short_name())
            .collect();
        let mut names = [chapter.short_name()]
            .into_iter()
            .chain(before.into_iter().rev());
        let newest = names.find(|name| features.contains_key(name));
        self.included_in(newest.context("common has no features")?)
    }

    /// What a feature of `common` includes: the short names of the chapters, its own among
    /// them.
    pub fn included_in(&self, feature: &str) -> anyhow::Result<BTreeSet<String>> {
        let features = self.features_of_common()?;
        let mut included = BTreeSet::new();
        let mut left = vec![feature.to_owned()];
        while let Some(feature) = left.pop() {
            let needed = features.get(&feature).and_then(Item::as_array);
            let needed = needed.with_context(|| format!("common has no feature {feature}"))?;
            let needed = needed.iter().filter_map(|name| name.as_str());
            left.extend(needed.filter(|name| !name.contains(':')).map(str::to_owned));
            included.insert(feature);
        }
        Ok(included)
    }

    /// The features that together include all others.
    pub fn newest_features(&self) -> anyhow::Result<Vec<String>> {
        let features = self.features_of_common()?;
        let newest = features.get("default").and_then(Item::as_array);
        let newest = newest.context("common has no default feature")?;
        let newest = newest.iter().filter_map(|name| name.as_str());
        Ok(newest.map(str::to_owned).collect())
    }

    fn features_of_common(&self) -> anyhow::Result<Table> {
        let path = self.root.join("common/Cargo.toml");
        let mut manifest: DocumentMut = read(&path)?
            .parse()
            .with_context(|| format!("cannot read {}", path.display()))?;
        let features = manifest.remove("features");
        let features = features.and_then(|features| features.into_table().ok());
        features.with_context(|| format!("{} has no features", path.display()))
    }

    /// The text of a chapter's `main.rs`, or of that of `my-server`.
    pub fn main_of(&self, name: &str) -> anyhow::Result<String> {
        read(&self.root.join("chapters").join(name).join("src/main.rs"))
    }
}

impl Chapter {
    fn read(root: &Path, name: String) -> anyhow::Result<Self> {
        let main = read(&root.join("chapters").join(&name).join("src/main.rs"))?;
        let first_line = main.lines().next().unwrap_or_default();
        let lesson = first_line
            .split_once(": ")
            .map_or(first_line, |(_, lesson)| lesson.trim_end_matches('.'))
            .to_owned();
        let number = name
            .trim_start_matches("ch")
            .trim_start_matches('0')
            .split('-')
            .next()
            .unwrap_or_default()
            .to_owned();
        Ok(Self {
            name,
            number,
            lesson,
        })
    }

    /// Builds the chapter's program, with these options for cargo, and gives its path. It
    /// is started directly: what cargo starts would not stop with it.
    pub fn build(&self, course: &Course, options: &[&str]) -> anyhow::Result<String> {
        let output = harness::cargo()
            .args(["build", "--quiet", "--package", &self.name])
            .arg("--message-format=json-render-diagnostics")
            .args(options)
            .current_dir(&course.root)
            .stderr(Stdio::inherit())
            .output()?;
        ensure!(output.status.success(), "cannot build {}", self.name);
        let messages = String::from_utf8_lossy(&output.stdout);
        let mut programs = messages.lines().filter_map(|line| {
            let message: serde_json::Value = serde_json::from_str(line).ok()?;
            Some(message.get("executable")?.as_str()?.to_owned())
        });
        let program = programs.next_back();
        program.with_context(|| format!("cargo built no program for {}", self.name))
    }

    /// What the chapter's file and snapshot names begin with, such as `ch05a`.
    pub fn short_name(&self) -> &str {
        self.name.split('-').next().unwrap_or_default()
    }
}

/// The names in a folder, sorted.
fn read_folder(folder: &Path) -> anyhow::Result<Vec<String>> {
    let mut names = fs::read_dir(folder)
        .and_then(|entries| {
            entries
                .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
                .collect::<std::io::Result<Vec<_>>>()
        })
        .with_context(|| format!("cannot read {}", folder.display()))?;
    names.sort();
    Ok(names)
}

/// A source file up to its unit tests.
pub fn without_tests(source: &str) -> &str {
    let code = source.split("\n#[cfg(test)]").next();
    code.unwrap_or_default().trim_end()
}

/// The text of a file, or an error that names it.
pub fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
