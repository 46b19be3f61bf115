//! What was handed in: what there is of it, and how it is started.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use toml_edit::{Array, DocumentMut, value};

use crate::archive;
use crate::chapters::{Course, read};
use crate::start;

/// One learner's hand-in, as it lies in the folder of them all.
pub struct Received {
    /// Whose it is: its name, without what says of which kind it is.
    pub learner: String,
    path: PathBuf,
}

/// A copy of a hand-in, ready to be built or started.
pub struct Ready {
    /// Where it lies, and where it is to run.
    pub folder: PathBuf,
    pub program: Program,
}

/// What there is to start.
pub enum Program {
    /// A crate, which is built first.
    Crate,
    /// A command.
    Command(Vec<String>),
}

/// The endings of names that are no part of the learner's.
const ENDINGS: [&str; 5] = [archive::SUFFIX, ".tgz", ".rs", ".py", ".js"];

/// What a hand-in may be, for those who find none.
pub const KINDS: &str = "a crate, main.rs, server.py, server.js or a file `command`";

/// The hand-ins in a folder, sorted by their names.
pub fn find(folder: &Path) -> anyhow::Result<Vec<Received>> {
    let cannot_read = || format!("cannot read {}", folder.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).with_context(cannot_read)? {
        let name = entry.with_context(cannot_read)?.file_name();
        let name = name.to_string_lossy().into_owned();
        // Systems leave files of their own in folders, and hide them.
        if !name.starts_with('.') && name != "__MACOSX" && name != "Thumbs.db" {
            names.push(name);
        }
    }
    ensure!(!names.is_empty(), "{} holds nothing", folder.display());
    names.sort();
    let short = |name: &str| {
        let ending = ENDINGS.iter().find_map(|ending| name.strip_suffix(ending));
        ending.unwrap_or(name).to_owned()
    };
    let mut times: HashMap<String, usize> = HashMap::new();
    for name in &names {
        *times.entry(short(name)).or_default() += 1;
    }
    let received = names.into_iter().map(|name| {
        let is_alone = times.get(&short(&name)) == Some(&1);
        Received {
            path: folder.join(&name),
            learner: super::one_line(&if is_alone { short(&name) } else { name }),
        }
    });
    Ok(received.collect())
}

impl Received {
    /// Copies it into a folder of its own below `place`, which is the root of a
    /// workspace then. The number makes its folder's name unlike any other's:
    /// cargo takes two crates for one if they have the same name at the same place
    /// of their workspaces.
    pub fn prepare(&self, course: &Course, place: &Path, number: usize) -> anyhow::Result<Ready> {
        let received = place.join("received");
        let name = format!("hand-in-{number}");
        let folder = place.join(&name);
        let has_ending = |ending| self.path.to_string_lossy().ends_with(ending);
        if self.path.is_dir() {
            archive::copy(&self.path, &received)?;
        } else if has_ending(archive::SUFFIX) || has_ending(".tgz") {
            archive::unpack(&self.path, &received)?;
        } else {
            let single = [
                (".rs", "src/main.rs"),
                (".py", "server.py"),
                (".js", "server.js"),
            ];
            let Some((_, path)) = single.into_iter().find(|(ending, _)| has_ending(ending)) else {
                bail!("it is no folder, no {} and no .rs", archive::SUFFIX);
            };
            archive::write(
                &received.join(path),
                &fs::read(&self.path).context("it cannot be read")?,
            )?;
        }
        let root = root_in(&received).with_context(|| format!("it wants {KINDS}"))?;
        // Of a whole workspace only the learner's own crate is taken.
        archive::copy(&root, &folder)?;
        let program = program_in(&folder)?;
        if matches!(program, Program::Crate) {
            write_manifests(course, place, &name)?;
        }
        // What chapter 7 serves, and what it must not serve.
        let pages = folder.join("pages");
        if pages.exists() {
            fs::remove_dir_all(&pages).context("its pages cannot be replaced")?;
        }
        archive::copy(&course.root.join("pages"), &pages)?;
        if !folder.join("Cargo.toml").exists() {
            archive::write(
                &folder.join("Cargo.toml"),
                &fs::read(course.root.join("Cargo.toml")).context("there is no Cargo.toml")?,
            )?;
        }
        Ok(Ready { folder, program })
    }
}

/// Whether there is anything to start in a folder.
pub fn can_be_started(folder: &Path) -> bool {
    root_in(folder).is_some()
}

/// The folder in which there is something to start: this one or, where it holds
/// nothing but a folder, that one; of a whole workspace, the learner's crate.
fn root_in(folder: &Path) -> Option<PathBuf> {
    let own = folder.join("chapters").join(start::MY_SERVER);
    if own.join("Cargo.toml").exists() {
        return Some(own);
    }
    if is_root(folder) {
        return Some(folder.to_owned());
    }
    let mut inner = fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir());
    match (inner.next(), inner.next()) {
        (Some(only), None) => root_in(&only),
        _ => None,
    }
}

const SIGNS: [&str; 6] = [
    "command",
    "Cargo.toml",
    "src/main.rs",
    "main.rs",
    "server.py",
    "server.js",
];

fn is_root(folder: &Path) -> bool {
    SIGNS.iter().any(|sign| folder.join(sign).is_file())
}

/// What there is to start in a folder.
fn program_in(folder: &Path) -> anyhow::Result<Program> {
    let is_there = |name: &str| folder.join(name).is_file();
    let words = |words: [&str; 2]| Program::Command(words.map(str::to_owned).into());
    if is_there("command") {
        let text = read(&folder.join("command"))?;
        let line = text.lines().find(|line| !line.trim().is_empty());
        let line = line.context("its file `command` is empty")?;
        let words = line.split_whitespace().map(str::to_owned).collect();
        return Ok(Program::Command(words));
    }
    if is_there("main.rs") && !is_there("Cargo.toml") {
        let main = fs::read(folder.join("main.rs")).context("its main.rs cannot be read")?;
        archive::write(&folder.join("src/main.rs"), &main)?;
    }
    if is_there("Cargo.toml") || is_there("src/main.rs") {
        return Ok(Program::Crate);
    }
    let python = if cfg!(windows) { "python" } else { "python3" };
    Ok(if is_there("server.py") {
        words([python, "server.py"])
    } else {
        words(["node", "server.js"])
    })
}

/// Makes a workspace of one crate, with the versions and the lints of ours.
fn write_manifests(course: &Course, place: &Path, name: &str) -> anyhow::Result<()> {
    let text = read(&course.root.join("Cargo.toml"))?;
    let mut manifest: DocumentMut = text.parse().context("Cargo.toml cannot be read")?;
    let workspace = &mut manifest["workspace"];
    workspace["members"] = value(Array::from_iter([name]));
    if let Some(dependencies) = workspace["dependencies"].as_table_mut() {
        for (_, dependency) in dependencies.iter_mut() {
            let path = dependency.get("path").and_then(|path| path.as_str());
            if let Some(path) = path.map(|path| course.root.join(path)) {
                dependency["path"] = value(path.to_string_lossy().into_owned());
            }
        }
    }
    archive::write(&place.join("Cargo.toml"), manifest.to_string().as_bytes())?;
    let lock = course.root.join("Cargo.lock");
    let lock = fs::read(lock).context("there is no Cargo.lock")?;
    archive::write(&place.join("Cargo.lock"), &lock)?;

    let own = place.join(name).join("Cargo.toml");
    let Ok(text) = fs::read_to_string(&own) else {
        return archive::write(&own, start::manifest(course)?.as_bytes());
    };
    // A crate that is a workspace of its own would not have ours around it. One
    // that cannot be read is for cargo to speak of.
    if let Ok(mut manifest) = text.parse::<DocumentMut>()
        && manifest.remove("workspace").is_some()
    {
        archive::write(&own, manifest.to_string().as_bytes())?;
    }
    Ok(())
}
