//! What was handed in: what there is of it, and how it is started.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use toml_edit::{Array, DocumentMut, value};

use crate::archive;
use crate::chapters::{Course, read};
use crate::start;

/// One learner's hand-in, as it lies in the folder of them all.
pub struct Received {
    /// Whose it is: its name, without what says of which kind it is.
    pub learner: String,
    /// The number that Moodle gives to a learner, where its name has that.
    pub number: Option<String>,
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
    /// A crate, which is built first, and the file that is to be its `src/main.rs`, where
    /// it has none.
    Crate { main: Option<String> },
    /// A command.
    Command(Vec<String>),
}

/// What one file may be, by the ending of its name, and what it is called then.
const SINGLES: [(&str, &str); 5] = [
    (".rs", "src/main.rs"),
    (".py", "server.py"),
    (".js", "server.js"),
    (".mjs", "server.mjs"),
    (".cjs", "server.cjs"),
];

/// Archives that cannot be taken apart here: their names tell a learner all the same.
const UNREAD: [&str; 2] = [".rar", ".7z"];

/// What a hand-in may be, for those who find none.
pub const KINDS: &str = "a crate, main.rs, server.py, server.js, one .py or .js file alone, a \
                         package.json with `start` or `main`, or a file `command`";

/// What stands between a learner and a file in the names that Moodle makes.
const MOODLE: &str = "_assignsubmission_";

/// How deep one archive may lie in another.
const DEEPEST: usize = 3;

/// The names in a folder, sorted, without those of files that systems leave there.
pub fn names_in(folder: &Path) -> anyhow::Result<Vec<String>> {
    let cannot_read = || format!("cannot read {}", folder.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).with_context(cannot_read)? {
        let name = entry.with_context(cannot_read)?.file_name();
        let name = name.to_string_lossy().into_owned();
        if archive::is_wanted(&name) {
            names.push(name);
        }
    }
    ensure!(!names.is_empty(), "{} holds nothing", folder.display());
    names.sort();
    Ok(names)
}

/// The hand-ins in a folder, sorted by their names.
pub fn find(folder: &Path) -> anyhow::Result<Vec<Received>> {
    let mut names = names_in(folder)?;
    // What was typed into Moodle beside a file is no program.
    let all = names.clone();
    names.retain(|name| {
        let typed = name.split_once(MOODLE);
        let typed = typed.filter(|(_, rest)| rest.starts_with("onlinetext"));
        !typed.is_some_and(|(learner, _)| {
            let file = format!("{learner}{MOODLE}file_");
            all.iter().any(|other| other.starts_with(&file))
        })
    });
    let mut received: Vec<Received> = names
        .iter()
        .map(|name| Received::new(&folder.join(name)))
        .collect();
    // Two of one name are told apart by all that they are called.
    let mut times: HashMap<String, usize> = HashMap::new();
    for hand_in in &received {
        *times.entry(hand_in.learner.clone()).or_default() += 1;
    }
    for (hand_in, name) in received.iter_mut().zip(names) {
        if times.get(&hand_in.learner) != Some(&1) {
            hand_in.learner = match &hand_in.number {
                Some(number) => format!("{} ({number})", hand_in.learner),
                None => super::one_line(&name),
            };
        }
    }
    Ok(received)
}

impl Received {
    /// What lies at that path.
    pub fn new(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let of_moodle = || {
            let (learner, _) = name.split_once(MOODLE)?;
            let (learner, number) = learner.rsplit_once('_')?;
            let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| (learner.to_owned(), Some(number.to_owned())))
        };
        let (learner, number) = of_moodle().unwrap_or_else(|| {
            let mut endings = archive::SUFFIXES
                .into_iter()
                .chain(UNREAD)
                .chain(SINGLES.map(|(ending, _)| ending));
            let short = endings.find_map(|ending| without_ending(&name, ending));
            (short.unwrap_or(&name).to_owned(), None)
        });
        Self {
            learner: super::one_line(&learner),
            number,
            path: path.to_owned(),
        }
    }

    /// Copies it into a folder of its own below `place`, which is the root of a
    /// workspace then. The number makes its folder's name unlike any other's:
    /// cargo takes two crates for one if they have the same name at the same place
    /// of their workspaces.
    pub fn prepare(&self, course: &Course, place: &Path, number: usize) -> anyhow::Result<Ready> {
        let received = receive(&self.path, &place.join("received"))?;
        let name = format!("hand-in-{number}");
        let folder = place.join(&name);
        let root = root_in(&received).with_context(|| why_none(&received))?;
        // Of a whole workspace only the learner's own crate is taken.
        archive::copy(&root, &folder)?;
        let program = program_in(&folder)?.context("there is nothing to start")?;
        if let Program::Crate { main } = &program {
            if let Some(main) = main {
                let text = fs::read(folder.join(main)).context("its main.rs cannot be read")?;
                archive::write(&folder.join("src/main.rs"), &text)?;
            }
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

/// A name without its ending, in capitals or not.
fn without_ending<'a>(name: &'a str, ending: &str) -> Option<&'a str> {
    let (start, end) = name.split_at_checked(name.len().checked_sub(ending.len())?)?;
    end.eq_ignore_ascii_case(ending).then_some(start)
}

fn is_archive(path: &Path) -> bool {
    let name = path.to_string_lossy();
    let mut endings = archive::SUFFIXES.into_iter();
    endings.any(|ending| without_ending(&name, ending).is_some())
}

/// Puts the files of a hand-in into a folder, and gives that. Moodle hands out a folder
/// with the archive in it.
fn receive(path: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
    let mut path = path.to_owned();
    for depth in 0..DEEPEST {
        let folder = folder.join(depth.to_string());
        if path.is_dir() {
            archive::copy(&path, &folder)?;
        } else if is_archive(&path) {
            archive::unpack(&path, &folder)?;
        } else {
            let name = path.to_string_lossy();
            let mut singles = SINGLES.into_iter();
            let single = singles.find(|(ending, _)| without_ending(&name, ending).is_some());
            let Some((_, called)) = single else {
                bail!("it is no folder, no .tar.gz, no .zip and no .rs, .py or .js");
            };
            let content = fs::read(&path).context("it cannot be read")?;
            archive::write(&folder.join(called), &content)?;
        }
        let files = match folder.exists() {
            true => archive::files_in(&folder)?,
            false => Vec::new(),
        };
        match &files[..] {
            [only] if is_archive(&only.path) => path = folder.join(&only.path),
            _ => return Ok(folder),
        }
    }
    bail!("it holds archives within archives")
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
    // Whether what is there can be read is for later.
    if program_in(folder).map_or(true, |program| program.is_some()) {
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

/// Why there is nothing to start in a folder.
fn why_none(folder: &Path) -> String {
    for (ending, name) in [
        (".py", "server.py"),
        (".js", "server.js"),
        (".rs", "main.rs"),
    ] {
        let files = files_with(folder, &[ending]);
        if let [first, second, ..] = &files[..] {
            return format!(
                "{first} or {second}, which of them is to be started? Call it {name}, or write a \
                 file `command`"
            );
        }
    }
    format!("it wants {KINDS}")
}

/// The names of the files in a folder, not below it, that end so.
fn files_with(folder: &Path, endings: &[&str]) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| entry.path().is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| archive::is_wanted(name))
        .filter(|name| {
            endings
                .iter()
                .any(|ending| without_ending(name, ending).is_some())
        })
        .collect();
    names.sort();
    names
}

/// What there is to start in a folder.
fn program_in(folder: &Path) -> anyhow::Result<Option<Program>> {
    let is_there = |name: &str| folder.join(name).is_file();
    let words = |words: [&str; 2]| Ok(Some(Program::Command(words.map(str::to_owned).into())));
    if is_there("command") {
        let text = text_of(&folder.join("command"))?;
        let line = text.lines().find(|line| !line.trim().is_empty());
        let line = line.context("its file `command` is empty")?;
        let words = line.split_whitespace().map(str::to_owned).collect();
        return Ok(Some(Program::Command(words)));
    }
    let python = if cfg!(windows) { "python" } else { "python3" };
    let scripts = files_with(folder, &[".py"]);
    let javascript = files_with(folder, &[".js", ".mjs", ".cjs"]);
    let rust = files_with(folder, &[".rs"]);
    // What is named as agreed goes before what is there alone.
    let main = match (is_there("main.rs"), &rust[..]) {
        (true, _) => Some("main.rs"),
        (false, [only]) if scripts.is_empty() && javascript.is_empty() => Some(&**only),
        _ => None,
    };
    if is_there("Cargo.toml") || is_there("src/main.rs") {
        return Ok(Some(Program::Crate { main: None }));
    }
    if let Some(main) = main {
        let main = Some(main.to_owned());
        return Ok(Some(Program::Crate { main }));
    }
    if is_there("server.py") {
        return words([python, "server.py"]);
    }
    if is_there("package.json")
        && let Some(started) = node_package(folder)?
    {
        return Ok(Some(Program::Command(started)));
    }
    match (&scripts[..], &javascript[..]) {
        _ if is_there("server.js") => words(["node", "server.js"]),
        ([only], []) => words([python, only]),
        ([], [only]) => words(["node", only]),
        _ => Ok(None),
    }
}

/// What starts a package of Node: its script `start`, or its `main`.
fn node_package(folder: &Path) -> anyhow::Result<Option<Vec<String>>> {
    let text = text_of(&folder.join("package.json"))?;
    let package: Value = serde_json::from_str(&text).context("its package.json is not JSON")?;
    if let Some(script) = package["scripts"]["start"].as_str() {
        let is_plain = |character: char| {
            character.is_alphanumeric() || matches!(character, ' ' | '.' | '/' | '-' | '_' | ':')
        };
        let words = script.split_whitespace().map(str::to_owned);
        // npm itself would keep a log in the home of the caller.
        return Ok(Some(if script.chars().all(is_plain) {
            words.collect()
        } else if cfg!(windows) {
            ["cmd", "/C"]
                .map(str::to_owned)
                .into_iter()
                .chain(words)
                .collect()
        } else {
            // What is told behind a script goes to its last command.
            let script = format!("{script} \"$@\"");
            vec!["sh".to_owned(), "-c".to_owned(), script, "sh".to_owned()]
        }));
    }
    let main = package["main"].as_str().map(str::to_owned);
    // What node takes where there is none.
    let main = main.or_else(|| {
        folder
            .join("index.js")
            .is_file()
            .then(|| "index.js".to_owned())
    });
    Ok(main.map(|main| vec!["node".to_owned(), main]))
}

/// The text of a file, in one of the ways in which editors and shells write it on
/// Windows, too.
fn text_of(path: &Path) -> anyhow::Result<String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let bytes = fs::read(path).with_context(|| format!("its {name} cannot be read"))?;
    let wide = |number: fn([u8; 2]) -> u16| {
        let (pairs, _) = bytes[2..].as_chunks();
        let units: Vec<u16> = pairs.iter().copied().map(number).collect();
        String::from_utf16(&units).ok()
    };
    let text = match &bytes[..] {
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8(rest.to_vec()).ok(),
        [0xFF, 0xFE, ..] => wide(u16::from_le_bytes),
        [0xFE, 0xFF, ..] => wide(u16::from_be_bytes),
        all => String::from_utf8(all.to_vec()).ok(),
    };
    text.with_context(|| format!("its {name} is no text in UTF-8"))
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
    let Ok(mut manifest) = text.parse::<DocumentMut>() else {
        return Ok(());
    };
    if manifest.remove("workspace").is_some() {
        archive::write(&own, manifest.to_string().as_bytes())?;
    }
    Ok(())
}
