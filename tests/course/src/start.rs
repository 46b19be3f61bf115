//! Makes the learner's own crate.

use std::fs;

use anyhow::{Context, bail};

use crate::chapters::{Course, read};

/// The learner's own crate.
pub const MY_SERVER: &str = "my-server";

/// The manifest; `FEATURES` stands for all that `common` has.
const MANIFEST: &str = r#"[package]
name = "my-server"
description = "My own server"
version.workspace = true
edition.workspace = true
rust-version.workspace = true
license.workspace = true
publish.workspace = true

[dependencies]
anyhow.workspace = true
common = { workspace = true, features = [FEATURES] }

[lints]
workspace = true
"#;

const MAIN: &str = r#"//! My own server.
//!
//!     cargo run -p my-server

fn main() -> anyhow::Result<()> {
    // Begin here: type in chapters/ch01-socket/src/main.rs. To see whether it
    // does what that one does:
    //
    //     cargo course check 1 -- cargo run -p my-server
    anyhow::bail!("this server has yet to be written")
}
"#;

/// Makes `chapters/my-server`, with the `main.rs` of a chapter where one is
/// named. What is there already stays as it is, or, by `force`, gets another name.
pub fn start(course: &Course, from: Option<&str>, force: bool) -> anyhow::Result<()> {
    let main = match from {
        None => MAIN.to_owned(),
        Some(called) => {
            let chapter = course.chapter(called)?;
            let run = |name: &str| format!("cargo run -p {name}");
            course
                .main_of(&chapter.name)?
                .replacen(&run(&chapter.name), &run(MY_SERVER), 1)
        }
    };
    let folder = course.root.join("chapters").join(MY_SERVER);
    if folder.exists() {
        if !force {
            bail!(
                "chapters/{MY_SERVER} is there already and stays as it is; \
                 to begin anew, add --force, which keeps it under another name"
            );
        }
        let kept = set_aside(course)?;
        say!("What was there is chapters/{kept} now, and `cargo run -p {kept}` runs it.\n");
    }
    let cannot_write = || format!("cannot write {}", folder.display());
    fs::create_dir_all(folder.join("src")).with_context(cannot_write)?;
    fs::write(folder.join("Cargo.toml"), manifest(course)?).with_context(cannot_write)?;
    fs::write(folder.join("src/main.rs"), main).with_context(cannot_write)?;

    say!(
        "Made chapters/{MY_SERVER}. It is yours: git ignores it, and nothing overwrites it.\n\
         (Cargo.lock names it now, as it does every crate of the workspace.)\n"
    );
    say!("  write it:   chapters/{MY_SERVER}/src/main.rs");
    say!("  run it:     cargo run -p {MY_SERVER}");
    match from.map(|called| course.chapter(called)).transpose()? {
        Some(chapter) => {
            say!(
                "  check it:   cargo course check {} -- cargo run -p {MY_SERVER}",
                chapter.number
            );
            say!(
                "  compare it: cargo course diff {} {MY_SERVER}",
                chapter.number
            );
        }
        None => {
            say!("  check it:   cargo course check 1 -- cargo run -p {MY_SERVER}");
            say!("  compare it: cargo course diff 1 {MY_SERVER}");
        }
    }
    Ok(())
}

/// The manifest of a learner's crate, which has all of `common`.
pub fn manifest(course: &Course) -> anyhow::Result<String> {
    let features = course.newest_features()?;
    let features: Vec<String> = features.iter().map(|name| format!("{name:?}")).collect();
    Ok(MANIFEST.replace("FEATURES", &features.join(", ")))
}

/// Gives the crate that is there the first name that is free, in its manifest too:
/// it stays a crate of the workspace, and no two of these have the same name.
fn set_aside(course: &Course) -> anyhow::Result<String> {
    let chapters = course.root.join("chapters");
    let is_free = |name: &String| !chapters.join(name).exists();
    let kept = (1..)
        .map(|number| format!("{MY_SERVER}-{number}"))
        .find(is_free)
        .context("there is no name left")?;
    let manifest = chapters.join(MY_SERVER).join("Cargo.toml");
    let text = read(&manifest)?;
    let name = |name: &str| format!("name = \"{name}\"");
    fs::write(&manifest, text.replacen(&name(MY_SERVER), &name(&kept), 1))
        .and_then(|()| fs::rename(chapters.join(MY_SERVER), chapters.join(&kept)))
        .with_context(|| format!("cannot move chapters/{MY_SERVER} to chapters/{kept}"))?;
    Ok(kept)
}
