//! The best that the checks of each chapter gave, for the list.

use std::fs;
use std::path::PathBuf;

use harness::checks::{Check, Kind};
use serde_json::{Map, Value, json};

use crate::chapters::{Chapter, Course};
use crate::list;

/// How many of the checks of one kind passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    pub passed: usize,
    pub of: usize,
}

impl Count {
    pub fn is_full(self) -> bool {
        self.of > 0 && self.passed == self.of
    }
}

/// What one server's checks gave. Those of an exercise have one kind, and are core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Score {
    pub core: Count,
    pub lesson: Count,
    pub robust: Count,
    /// Whether no client has ended the server.
    pub survived: bool,
}

impl Score {
    /// What these checks gave, of which some have passed.
    pub fn of(checks: &[Check], survived: bool, has_passed: impl Fn(&Check) -> bool) -> Self {
        let count = |kinds: &[Kind]| {
            let of_these_kinds = || checks.iter().filter(|check| kinds.contains(&check.kind));
            Count {
                passed: of_these_kinds().filter(|check| has_passed(check)).count(),
                of: of_these_kinds().count(),
            }
        };
        Self {
            core: count(&[Kind::Core, Kind::Exercise]),
            lesson: count(&[Kind::Lesson]),
            robust: count(&[Kind::Robust]),
            survived,
        }
    }

    /// Whether the chapter, or its exercise, has passed. Not every chapter has checks of
    /// its own lesson.
    pub fn has_passed(&self) -> bool {
        self.core.is_full() && self.lesson.passed == self.lesson.of && self.survived
    }
}

/// Which server was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// `my-server`, the learner's crate.
    MyServer,
    /// Another one, which may be the learner's too.
    Another,
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
        let path = course.target_folder().join("course-results.json");
        let scores = fs::read_to_string(&path)
            .ok()
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default();
        Self { path, scores }
    }

    /// The score of `my-server`, or, where that was never checked, of another one.
    pub fn get(&self, chapter: &Chapter, exercise: bool) -> Option<(Score, Whose)> {
        [Whose::MyServer, Whose::Another]
            .into_iter()
            .find_map(|whose| Some((self.score_of(chapter, exercise, whose)?, whose)))
    }

    fn score_of(&self, chapter: &Chapter, exercise: bool, whose: Whose) -> Option<Score> {
        let score = self.scores.get(&key(chapter, exercise, whose))?;
        let count = |kind: &str| {
            let number = |name: &str| usize::try_from(score.get(kind)?.get(name)?.as_u64()?).ok();
            Some(Count {
                passed: number("passed")?,
                of: number("of")?,
            })
        };
        Some(Score {
            core: count("core")?,
            lesson: count("lesson")?,
            robust: count("robust")?,
            survived: score.get("survived")?.as_bool()?,
        })
    }

    /// Keeps a score, and of each kind the best that there was. A disk that is full
    /// or read-only is no reason to fail a check, so a failure to write is not
    /// reported.
    pub fn add(&mut self, chapter: &Chapter, exercise: bool, whose: Whose, score: Score) {
        let before = self.score_of(chapter, exercise, whose).unwrap_or(score);
        let best = |new: Count, old: Count| {
            // A best of other checks than there are now says nothing.
            let best = if old.of == new.of && old.passed > new.passed {
                old
            } else {
                new
            };
            json!({ "passed": best.passed, "of": best.of })
        };
        let value = json!({
            "core": best(score.core, before.core),
            "lesson": best(score.lesson, before.lesson),
            "robust": best(score.robust, before.robust),
            "survived": score.survived || before.survived,
        });
        self.scores.insert(key(chapter, exercise, whose), value);
        let text = Value::Object(self.scores.clone()).to_string();
        let _ = fs::write(&self.path, text);
    }

    /// What the site shows: for each chapter of which something is known what that is,
    /// and the chapter to go on with.
    pub fn to_show(&self, course: &Course) -> Value {
        let of_kind = |chapter: &Chapter, exercise: bool| {
            let (score, whose) = self.get(chapter, exercise)?;
            let words = list::show(Some((score, whose)));
            Some(json!({ "passed": score.has_passed(), "words": words }))
        };
        let mut chapters = Map::new();
        for chapter in &course.chapters {
            let (checks, exercise) = (of_kind(chapter, false), of_kind(chapter, true));
            if checks.is_some() || exercise.is_some() {
                let known = json!({ "checks": checks, "exercise": exercise });
                chapters.insert(chapter.number.clone(), known);
            }
        }
        if chapters.is_empty() {
            return Value::Null;
        }
        let next = list::next(course, self).map(|chapter| &chapter.number);
        json!({ "chapters": chapters, "next": next })
    }
}

fn key(chapter: &Chapter, exercise: bool, whose: Whose) -> String {
    let kind = if exercise { "exercise" } else { "checks" };
    let whose = match whose {
        Whose::MyServer => "my-server",
        Whose::Another => "another server",
    };
    format!("{} {kind} of {whose}", chapter.name)
}
