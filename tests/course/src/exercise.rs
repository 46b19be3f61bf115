//! The exercises: their texts and hints.

use std::path::PathBuf;

use anyhow::{Context, bail};

use crate::chapters::{Chapter, Course, read};

/// One chapter's exercise, as its file in `tests/course/exercises/` has it.
pub struct Exercise {
    pub title: String,
    pub text: String,
    pub hints: Vec<String>,
}

impl Exercise {
    pub fn of(course: &Course, chapter: &Chapter) -> anyhow::Result<Self> {
        let path = Self::path(course, chapter);
        let text = read(&path)?;
        Self::parse(&text).with_context(|| format!("{} is no exercise", path.display()))
    }

    /// Whether a chapter has one.
    pub fn is_there(course: &Course, chapter: &Chapter) -> bool {
        Self::path(course, chapter).exists()
    }

    fn path(course: &Course, chapter: &Chapter) -> PathBuf {
        let file = format!("{}.md", chapter.short_name());
        course.root.join("tests/course/exercises").join(file)
    }

    fn parse(text: &str) -> Option<Self> {
        let (title, rest) = text.strip_prefix("# ")?.split_once('\n')?;
        let mut parts = rest.split("\n## Hint ");
        let text = parts.next()?.trim().to_owned();
        let hints: Vec<String> = parts
            .filter_map(|part| Some(part.split_once('\n')?.1.trim().to_owned()))
            .collect();
        Some(Self {
            title: title.to_owned(),
            text,
            hints,
        })
    }
}

/// Shows a chapter's exercise, and one of its hints.
pub fn hint(course: &Course, chapter: &Chapter, number: Option<u8>) -> anyhow::Result<()> {
    let exercise = Exercise::of(course, chapter)?;
    say!("{}, exercise: {}\n", chapter.name, exercise.title);
    let Some(number) = number else {
        say!("{}\n", exercise.text);
        say!("A hint:       cargo course hint {} 1", chapter.number);
        say!(
            "Check yours:  cargo course check {} --exercise -- COMMAND",
            chapter.number
        );
        return Ok(());
    };
    let Some(hint) = exercise.hints.get(usize::from(number) - 1) else {
        bail!("the exercise of {} has no hint {number}", chapter.name);
    };
    say!("Hint {number} of {}\n\n{hint}\n", exercise.hints.len());
    if usize::from(number) < exercise.hints.len() {
        say!(
            "A plainer one:  cargo course hint {} {}",
            chapter.number,
            number + 1
        );
        return Ok(());
    }
    // What a teacher hands out may have none.
    let solution = format!(
        "chapters/{}/examples/{}-solution.rs",
        chapter.name,
        chapter.short_name()
    );
    if course.root.join(&solution).exists() {
        say!("A solution:  {solution}");
    }
    Ok(())
}
