//! `cargo course hand-in`: makes one file of a learner's server.

use std::path::Path;

use anyhow::{bail, ensure};

use crate::archive::{self, SUFFIX};
use crate::chapters::Course;
use crate::class;
use crate::start::MY_SERVER;

/// Packs a folder, or `chapters/my-server`, into a file of that name here.
pub fn hand_in(course: &Course, name: &str, folder: Option<&Path>) -> anyhow::Result<()> {
    // It becomes the name of a file, here and where the teacher is.
    let is_unfit = |character: char| {
        character.is_control()
            || matches!(
                character,
                '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|'
            )
    };
    ensure!(
        !name.is_empty() && !name.starts_with(['.', '-']) && !name.contains(is_unfit),
        "{name:?} cannot be the name of a file; take letters"
    );
    let own = course.root.join("chapters").join(MY_SERVER);
    let folder = folder.unwrap_or(&own);
    if folder.is_file() {
        bail!(
            "{} is one file already: hand it in as it is, with your name before its ending",
            folder.display()
        );
    }
    ensure!(
        folder.is_dir(),
        "there is no {}; `cargo course start` makes a crate, and another folder is named behind \
         your name",
        folder.display()
    );
    ensure!(
        class::can_be_started(folder),
        "there is nothing to start in {}: it wants {}",
        folder.display(),
        class::KINDS
    );
    let archive = format!("{name}{SUFFIX}");
    let files = archive::pack(folder, name, Path::new(&archive))?;
    say!("Made {archive}, which holds:");
    for file in &files {
        say!("  {} ({} bytes)", file.path.display(), file.length);
    }
    say!(
        "\nIt is all that there is to give away. What you have changed elsewhere, as in common, \
         is not in it."
    );
    Ok(())
}
