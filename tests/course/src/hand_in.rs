//! `cargo course hand-in`: makes one file of a learner's server.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail, ensure};

use crate::archive::{self, SUFFIX};
use crate::chapters::{Chapter, Course};
use crate::check::checks_of;
use crate::class;
use crate::process;
use crate::results::{Results, Whose};
use crate::start::MY_SERVER;

/// What the command line asks for.
pub struct Options {
    /// The chapter that it is for.
    pub chapter: Option<String>,
    pub exercise: bool,
    /// Whether it is neither built nor checked.
    pub unchecked: bool,
}

/// Packs a folder, or `chapters/my-server`, into a file of that name here, once what is
/// packed has been built, started and checked as the class will be.
pub fn hand_in(
    course: &Course,
    name: &str,
    folder: Option<&Path>,
    options: &Options,
) -> anyhow::Result<()> {
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
    let is_own = folder.is_none();
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
    // What is checked is what will be taken out of it, and it is there only then.
    let place = tempfile::tempdir().context("cannot make a folder")?;
    process::remove_at_the_end(place.path());
    let packed = place.path().join(&archive);
    let files = archive::pack(folder, name, &packed)?;
    if !options.unchecked {
        rehearse(course, &packed, is_own, options)?;
    }
    fs::copy(&packed, &archive).with_context(|| format!("cannot write {archive}"))?;
    say!("Made {archive}, which holds:");
    for file in &files {
        say!(
            "  {} ({} bytes)",
            archive::with_slashes(&file.path),
            file.length
        );
    }
    say!(
        "\nIt is all that there is to give away. What you have changed elsewhere, as in common, \
         is not in it."
    );
    Ok(())
}

/// Builds, starts and checks what was packed, and says what came of it.
fn rehearse(course: &Course, packed: &Path, is_own: bool, options: &Options) -> anyhow::Result<()> {
    let results = Results::load(course);
    let has_passed = |chapter: &&Chapter| {
        let score = results.get(chapter, false);
        is_own && score.is_some_and(|(score, whose)| whose == Whose::MyServer && score.has_passed())
    };
    let chapter = match &options.chapter {
        Some(called) => Some(course.chapter(called)?),
        None => course.chapters.iter().rfind(has_passed),
    };
    let checks = match chapter {
        Some(chapter) => checks_of(course, chapter, options.exercise)?,
        None => Vec::new(),
    };
    let whatever = course.chapters.first().context("there are no chapters")?;
    let said = class::rehearse(course, packed, chapter.unwrap_or(whatever), checks)?;
    match chapter {
        Some(chapter) => say!("Checked for {}: {said}", chapter.name),
        None => say!("{said}--chapter checks it for a chapter, too."),
    }
    Ok(())
}
