//! Builds a crate that was handed in.

use std::env::consts::EXE_SUFFIX;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use toml_edit::DocumentMut;

use crate::chapters::Course;
use crate::process::{Place, all};

/// How often is looked whether a build has come to its end.
const TICK: Duration = Duration::from_millis(20);

/// What does not compile, and why.
pub struct Refused {
    /// The first error, in a line.
    pub line: String,
    /// The same as the compiler shows it.
    pub text: String,
}

/// Builds the crate in a folder and gives the path of its program, which stays there
/// when another one of the same name is built in the same target folder.
pub fn build(
    course: &Course,
    folder: &Path,
    target: &Path,
    limit: Duration,
) -> Result<PathBuf, Refused> {
    let mut command = harness::cargo();
    command
        .args(["build", "--bins", "--message-format=json"])
        .arg("--manifest-path")
        .arg(folder.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
        // Where it is told how to find crates without a network.
        .current_dir(&course.root)
        // What is built once and runs for a moment needs neither.
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_PROFILE_DEV_DEBUG", "0");
    let in_a_line = |line: String| Refused {
        text: line.clone(),
        line,
    };
    if let Some(line) = what_leads_out(course, folder) {
        return Err(in_a_line(line));
    }
    let place = Place::new();
    let started = place.start(command);
    started.map_err(|error| in_a_line(error.to_string()))?;
    let deadline = Instant::now() + limit;
    let (is_built, output, errors) = loop {
        let mut process = place.process();
        let Some(process) = process.as_mut() else {
            return Err(in_a_line("the build was stopped".to_owned()));
        };
        if let Some(status) = process.status() {
            break (status.success(), all(&process.output), all(&process.errors));
        }
        if Instant::now() > deadline {
            return Err(in_a_line(format!(
                "it was not built within {} s",
                limit.as_secs()
            )));
        }
        thread::sleep(TICK);
    };
    let messages: Vec<Value> = output
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    if !is_built {
        return Err(first_error(&messages).unwrap_or_else(|| cargos_error(&errors)));
    }
    let Some(program) = program(&messages, &name_in(folder)) else {
        return Err(in_a_line("it has no program, only a library".to_owned()));
    };
    let own = folder.join(format!("the-server{EXE_SUFFIX}"));
    // A link, as a file that was just written cannot be started as long as any
    // process that was started meanwhile has it open.
    fs::hard_link(&program, &own)
        .or_else(|_| fs::copy(&program, &own).map(|_| ()))
        .map_err(|error| in_a_line(format!("its program cannot be kept: {error}")))?;
    Ok(own)
}

/// What is said of a crate that depends on another one by a path to where it lay once.
fn what_leads_out(course: &Course, folder: &Path) -> Option<String> {
    let manifest = |folder: &Path| -> Option<DocumentMut> {
        let text = fs::read_to_string(folder.join("Cargo.toml")).ok()?;
        text.parse().ok()
    };
    let own = manifest(folder)?;
    let is_ours = |name: &str| {
        let workspace = manifest(&course.root);
        workspace.is_some_and(|workspace| {
            let ours = &workspace["workspace"]["dependencies"];
            ours.get(name).is_some()
        })
    };
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    let tables = kinds
        .into_iter()
        .filter_map(|kind| own.get(kind)?.as_table_like());
    let (name, path, features) =
        tables
            .flat_map(|table| table.iter())
            .find_map(|(name, item)| {
                let path = item.get("path")?.as_str()?;
                let features = item.get("features").map(|features| features.to_string());
                let is_there = folder.join(path).join("Cargo.toml").is_file();
                (!is_there).then(|| (name.to_owned(), path.to_owned(), features))
            })?;
    let advice = match (is_ours(&name), features) {
        (true, None) => format!("write {name}.workspace = true in its place"),
        (true, Some(features)) => format!(
            "write {name} = {{ workspace = true, features = {} }} in its place",
            features.trim()
        ),
        (false, _) => "put that crate into the folder of this one".to_owned(),
    };
    Some(format!(
        "Cargo.toml: {name} is at path = \"{path}\", which was not handed in; {advice}"
    ))
}

/// The first error of the compiler.
fn first_error(messages: &[Value]) -> Option<Refused> {
    let error = messages.iter().find_map(|message| {
        let message = message.get("message")?;
        (message.get("level")? == "error").then_some(message)
    })?;
    let text = |value: &Value, key: &str| Some(value.get(key)?.as_str()?.to_owned());
    let message = text(error, "message")?;
    let place = || {
        let spans = error.get("spans")?.as_array()?;
        let span = spans.iter().find(|span| span["is_primary"] == true)?;
        let file = text(span, "file_name")?.replace('\\', "/");
        // From the folder of the crate, as its author knows it.
        let file = file.split_once('/').map_or(&*file, |(_, file)| file);
        Some(format!("{file}:{}: ", span.get("line_start")?))
    };
    Some(Refused {
        line: place().unwrap_or_default() + &message,
        text: text(error, "rendered")?,
    })
}

/// What cargo says where it does not come to compile.
fn cargos_error(errors: &str) -> Refused {
    let error = errors.find("error: ").map_or(errors, |at| &errors[at..]);
    let line = error.lines().next().unwrap_or_default();
    let cause = error
        .lines()
        .skip_while(|line| *line != "Caused by:")
        .nth(1);
    let line = line.trim_start_matches("error: ");
    // Where it is about a manifest: `--> PATH:LINE:COLUMN`.
    let place = || {
        let places = error
            .lines()
            .filter_map(|line| line.trim().strip_prefix("--> "));
        let (_, place) = places.into_iter().next()?.rsplit_once("Cargo.toml:")?;
        let (number, _) = place.split_once(':')?;
        Some(format!("Cargo.toml:{number}: "))
    };
    Refused {
        line: match cause {
            Some(cause) => format!("{line}: {}", cause.trim()),
            None => place().unwrap_or_default() + line,
        },
        text: error.to_owned(),
    }
}

/// The name of the crate in a folder.
fn name_in(folder: &Path) -> String {
    let name = || {
        let text = fs::read_to_string(folder.join("Cargo.toml")).ok()?;
        let manifest: DocumentMut = text.parse().ok()?;
        let name = manifest.get("package")?.get("name")?.as_str()?;
        Some(name.to_owned())
    };
    name().unwrap_or_default()
}

/// The program that was built: of several the one that is called like its crate.
fn program(messages: &[Value], name: &str) -> Option<PathBuf> {
    let programs = messages.iter().filter_map(|message| {
        let path = message.get("executable")?.as_str()?;
        let is_called_so = message["target"]["name"] == name;
        Some((!is_called_so, PathBuf::from(path)))
    });
    let (_, program) = programs.min_by_key(|(is_called_otherwise, _)| *is_called_otherwise)?;
    Some(program)
}
