//! What the checks of one hand-in gave, and how many points that makes.

use std::str::FromStr;

use anyhow::{Context, bail, ensure};
use harness::checks::{Check, Kind};

/// All groups of checks, in the order of their columns.
pub const KINDS: [Kind; 4] = [Kind::Core, Kind::Lesson, Kind::Exercise, Kind::Robust];

/// The groups that points are given for.
const WITH_POINTS: [Kind; 3] = [Kind::Core, Kind::Lesson, Kind::Robust];

/// What became of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Passed,
    /// What was wrong.
    Failed(String),
    /// The server did not answer, or the time was over, before its turn came.
    NotPlayed,
}

/// A check of one hand-in.
#[derive(Clone, Debug)]
pub struct Checked {
    pub name: String,
    pub title: String,
    pub kind: Kind,
    pub state: State,
}

impl Checked {
    /// A check that has yet to be played.
    pub fn new(check: &Check) -> Self {
        Self {
            name: check.name.clone(),
            title: check.transcript.title.clone(),
            kind: check.kind,
            state: State::NotPlayed,
        }
    }
}

/// How many checks of one group there are of each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub passed: usize,
    pub failed: usize,
    pub not_played: usize,
}

impl Count {
    pub fn of_kind(checks: &[Checked], kind: Kind) -> Self {
        let mut count = Self::default();
        for check in checks.iter().filter(|check| check.kind == kind) {
            match check.state {
                State::Passed => count.passed += 1,
                State::Failed(_) => count.failed += 1,
                State::NotPlayed => count.not_played += 1,
            }
        }
        count
    }

    pub fn of(self) -> usize {
        self.passed + self.failed + self.not_played
    }

    /// As a cell of a table shows it.
    pub fn words(self) -> String {
        let words = format!("{} of {}", self.passed, self.of());
        match self.not_played {
            0 => words,
            count => format!("{words}, {count} not played"),
        }
    }
}

/// How many points each group of checks is worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Points([f64; 3]);

impl Points {
    /// What all of them make together.
    pub fn most(self) -> f64 {
        self.0.iter().sum()
    }

    /// What one check of a group is worth. What a chapter has no checks for is worth
    /// more of core; an exercise has one group, which is worth all.
    pub fn of_one(self, checks: &[Checked], kind: Kind) -> f64 {
        let count = |kind| Count::of_kind(checks, kind).of();
        let mut points = 0.0;
        for (other, worth) in WITH_POINTS.into_iter().zip(self.0) {
            let is_left = count(other) == 0 && matches!(kind, Kind::Core | Kind::Exercise);
            if other == kind || is_left {
                points += worth;
            }
        }
        // A chapter has a handful of checks, so nothing is lost here.
        points / u32::try_from(count(kind).max(1)).map_or(1.0, f64::from)
    }

    /// The points of a hand-in: of each group as many as of its checks have passed.
    pub fn of(self, checks: &[Checked]) -> f64 {
        let passed = checks.iter().filter(|check| check.state == State::Passed);
        total(passed.map(|check| self.of_one(checks, check.kind)))
    }
}

impl FromStr for Points {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let mut points = [0.0; 3];
        for part in text.split(',') {
            let (name, number) = part
                .split_once('=')
                .with_context(|| format!("{part:?} is no group, `=` and number"))?;
            let mut kinds = WITH_POINTS.into_iter();
            let at = kinds.position(|kind| kind.name() == name.trim());
            let Some(at) = at else {
                bail!("there is no group {name:?}; the groups are core, lesson and robust");
            };
            let number: f64 = number
                .trim()
                .parse()
                .with_context(|| format!("{number:?} is no number"))?;
            ensure!(
                number.is_finite() && number >= 0.0,
                "{number} cannot be a number of points"
            );
            points[at] = number;
        }
        ensure!(
            points.iter().sum::<f64>() > 0.0,
            "there is nothing to earn with {text}"
        );
        Ok(Self(points))
    }
}

/// The sum of points, which is not less than nothing where there are none.
pub fn total(points: impl Iterator<Item = f64>) -> f64 {
    points.fold(0.0, |all, one| all + one)
}

/// Points for other programs, which add them up: four places are exact enough.
pub fn rounded(points: f64) -> f64 {
    (points * 10_000.0).round() / 10_000.0
}

/// Points with two places at the most.
pub fn number(points: f64) -> String {
    let text = format!("{points:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(kind: Kind, state: State) -> Checked {
        Checked {
            name: String::new(),
            title: String::new(),
            kind,
            state,
        }
    }

    #[test]
    fn points_of_each_group() {
        let points: Points = "core=60,lesson=20,robust=20".parse().unwrap();
        let failed = || State::Failed(String::new());
        let mut checks = vec![
            checked(Kind::Core, State::Passed),
            checked(Kind::Core, failed()),
            checked(Kind::Lesson, State::Passed),
            checked(Kind::Robust, State::NotPlayed),
            checked(Kind::Robust, State::Passed),
            checked(Kind::Robust, State::Passed),
        ];
        assert_eq!(number(points.of(&checks)), "63.33");
        checks.retain(|check| check.kind != Kind::Lesson);
        assert_eq!(number(points.of(&checks)), "53.33");
        checks.retain(|check| check.kind == Kind::Core);
        assert_eq!(number(points.of(&checks)), "50");
        checks[0].state = State::NotPlayed;
        assert_eq!(number(points.of(&checks)), "0");
    }

    #[test]
    fn points_that_are_none() {
        for text in [
            "", "60", "core=", "core=-1", "core=nan", "cores=60", "core=0",
        ] {
            assert!(text.parse::<Points>().is_err(), "{text}");
        }
    }
}
