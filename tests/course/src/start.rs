//! Makes the learner's own crate.

use std::fs;

use anyhow::{Context, bail};

use crate::chapters::Course;

const NAME: &str = "my-server";

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
common = { workspace = true, features = ["ch08"] }

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
/// named. What is there already stays as it is.
pub fn start(course: &Course, from: Option<&str>) -> anyhow::Result<()> {
    let main = match from {
        None => MAIN.to_owned(),
        Some(called) => {
            let chapter = course.chapter(called)?;
            let run = |name: &str| format!("cargo run -p {name}");
            course
                .main_of(&chapter.name)?
                .replacen(&run(&chapter.name), &run(NAME), 1)
        }
    };
    let folder = course.root.join("chapters").join(NAME);
    if folder.exists() {
        bail!(
            "chapters/{NAME} is there already and stays as it is; \
             to begin anew, rename or remove that folder first"
        );
    }
    let cannot_write = || format!("cannot write {}", folder.display());
    fs::create_dir_all(folder.join("src")).with_context(cannot_write)?;
    fs::write(folder.join("Cargo.toml"), MANIFEST).with_context(cannot_write)?;
    fs::write(folder.join("src/main.rs"), main).with_context(cannot_write)?;

    say!(
        "Made chapters/{NAME}. It is yours: git ignores it, and nothing overwrites it.\n\
         (Cargo.lock names it now, as it does every crate of the workspace.)\n"
    );
    say!("  write it:   chapters/{NAME}/src/main.rs");
    say!("  run it:     cargo run -p {NAME}");
    match from.map(|called| course.chapter(called)).transpose()? {
        Some(chapter) => {
            say!(
                "  check it:   cargo course check {} -- cargo run -p {NAME}",
                chapter.number
            );
            say!("  compare it: cargo course diff {} {NAME}", chapter.number);
        }
        None => {
            say!("  check it:   cargo course check 1 -- cargo run -p {NAME}");
            say!("  compare it: cargo course diff 1 {NAME}");
        }
    }
    Ok(())
}
