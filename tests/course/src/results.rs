//! What the last checks of each chapter gave, for the list.

use std::env;
use std::fs;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::chapters::{Chapter, Course};

/// How many of the checks that were run passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Score {
    pub passed: usize,
    pub of: usize,
    /// Whether all that counts passed.
    pub done: bool,
}

/// The scores of all chapters. They are kept in the target folder: they are the
/// learner's, not the workspace's.
pub struct Results {
    path: PathBuf,
    scores: Map<String, Value>,
}

impl Results {
    /// Reads the scores; what cannot be read counts as never run.
    pub fn load(course: &Course) -> Self {
        let target = env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| course.root.join("target"), PathBuf::from);
        let path = target.join("course-results.json");
        let scores = fs::read_to_string(&path)
            .ok()
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default();
        Self { path, scores }
    }

    pub fn get(&self, chapter: &Chapter, exercise: bool) -> Option<Score> {
        let score = self.scores.get(&key(chapter, exercise))?;
        let number = |name: &str| usize::try_from(score.get(name)?.as_u64()?).ok();
        let done = score.get("done")?.as_bool()?;
        Some(Score {
            passed: number("passed")?,
            of: number("of")?,
            done,
        })
    }

    /// Keeps a score. A disk that is full or read-only is no reason to fail a
    /// check, so a failure to write is not reported.
    pub fn set(&mut self, chapter: &Chapter, exercise: bool, score: Score) {
        let value = json!({ "passed": score.passed, "of": score.of, "done": score.done });
        self.scores.insert(key(chapter, exercise), value);
        let text = Value::Object(self.scores.clone()).to_string();
        let _ = fs::write(&self.path, text);
    }
}

fn key(chapter: &Chapter, exercise: bool) -> String {
    let kind = if exercise { "exercise" } else { "checks" };
    format!("{} {kind}", chapter.name)
}
