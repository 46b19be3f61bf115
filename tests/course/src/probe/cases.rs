//! Reads the cases, which stand in `probe/*.txt` as text.

use std::fmt;

use harness::http2;
use harness::transcript::{Step, Transcript};

use super::demand::Demand;
use super::flood::{Flood, Upload};
use super::frames::WantedFrames;

const CASES: &str = concat!(
    include_str!("../../probe/cases.txt"),
    "\n",
    include_str!("../../probe/frames.txt"),
    "\n",
    include_str!("../../probe/floods.txt")
);

/// What the names of the groups begin with whose cases are in HTTP/2.
const OF_FRAMES: &str = "h2-";

/// All cases, with the groups and the rules that they belong to.
pub struct Cases {
    pub groups: Vec<Group>,
    pub rules: Vec<Rule>,
    pub cases: Vec<Case>,
}

pub struct Group {
    pub name: String,
    pub title: String,
}

/// What a case is about, in the words of an RFC, or what servers do.
pub struct Rule {
    pub level: Level,
    /// Such as `MUST NOT, RFC 9112 §6.2`.
    pub place: String,
    pub words: String,
}

/// How binding a rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Level {
    /// MUST and MUST NOT
    Must,
    /// SHOULD, SHOULD NOT and RECOMMENDED
    Should,
    /// MAY: several reactions are right
    May,
    /// No rule: what servers do
    None,
}

pub const LEVELS: [Level; 4] = [Level::Must, Level::Should, Level::May, Level::None];

pub struct Case {
    pub name: String,
    pub title: String,
    /// The number of its group, and of its rule.
    pub group: usize,
    pub rule: usize,
    pub lines: Vec<Line>,
}

/// What happens in a case, one after the other.
pub enum Line {
    Step(Step),
    Answer(Wanted),
    /// What would be right in HTTP/2.
    Frames(WantedFrames),
    /// Frames that are sent many times.
    Flood(Flood),
    /// A body that is sent as the windows open.
    Upload(Upload),
}

/// An answer that would be right.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub statuses: Vec<Statuses>,
    /// Whether the end of the connection would be right too.
    pub or_closed: bool,
    pub demands: Vec<Demand>,
}

impl Group {
    /// Whether its cases are in HTTP/2.
    pub fn is_of_frames(&self) -> bool {
        self.name.starts_with(OF_FRAMES)
    }
}

/// One status, or a class of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statuses {
    One(u16),
    Class(u16),
}

impl Statuses {
    pub fn parse(word: &str) -> Option<Self> {
        match word.strip_suffix("xx") {
            Some(class) => class.parse().ok().map(Self::Class),
            None => word.parse().ok().map(Self::One),
        }
    }

    pub fn has(self, status: u16) -> bool {
        match self {
            Self::One(one) => one == status,
            Self::Class(class) => class == status / 100,
        }
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(status) => write!(formatter, "{status}"),
            Self::Class(class) => write!(formatter, "{class}xx"),
        }
    }
}

impl Wanted {
    pub fn has(&self, status: u16) -> bool {
        self.statuses.iter().any(|statuses| statuses.has(status))
    }

    /// Reads `400 5xx or closed`.
    fn parse(text: &str) -> Option<Self> {
        let (statuses, or_closed) = match text.strip_suffix(" or closed") {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let statuses = statuses.split(' ').map(Statuses::parse);
        Some(Self {
            statuses: statuses.collect::<Option<_>>()?,
            or_closed,
            demands: Vec::new(),
        })
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, statuses) in self.statuses.iter().enumerate() {
            let or = if number == 0 { "" } else { " or " };
            write!(formatter, "{or}{statuses}")?;
        }
        if self.or_closed {
            formatter.write_str(", or the end of the connection")?;
        }
        for demand in &self.demands {
            write!(formatter, "; {}", demand.text)?;
        }
        Ok(())
    }
}

impl Level {
    pub fn name(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::May => "MAY",
            Self::None => "no rule",
        }
    }
}

/// The words that begin a rule. The longer ones come first.
const LEVEL_WORDS: [(&str, Level); 7] = [
    ("MUST NOT, ", Level::Must),
    ("MUST, ", Level::Must),
    ("SHOULD NOT, ", Level::Should),
    ("SHOULD, ", Level::Should),
    ("RECOMMENDED, ", Level::Should),
    ("MAY, ", Level::May),
    ("NO RULE: ", Level::None),
];

impl Cases {
    /// The cases of this program.
    ///
    /// # Errors
    /// The block that cannot be read.
    pub fn load() -> anyhow::Result<Self> {
        Self::parse(CASES)
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let mut cases = Self {
            groups: Vec::new(),
            rules: Vec::new(),
            cases: Vec::new(),
        };
        let lines = text.lines().filter(|line| !line.starts_with(';'));
        let text = lines.collect::<Vec<_>>().join("\n");
        for block in text.split("\n\n").map(str::trim) {
            if !block.is_empty() && cases.add(block).is_none() {
                anyhow::bail!("this is neither a group nor a rule nor a case:\n{block}");
            }
        }
        Ok(cases)
    }

    fn add(&mut self, block: &str) -> Option<()> {
        if let Some(heading) = block.strip_prefix("# ") {
            let (name, title) = heading.split_once(": ")?;
            self.groups.push(Group {
                name: name.to_owned(),
                title: title.to_owned(),
            });
            return Some(());
        }
        for (word, level) in LEVEL_WORDS {
            if let Some(rest) = block.strip_prefix(word) {
                let rest = rest.split('\n').collect::<Vec<_>>().join(" ");
                let (place, words) = match level {
                    Level::None => ("no rule: what servers do", &*rest),
                    _ => rest.split_once(": ")?,
                };
                let place = match level {
                    Level::None => place.to_owned(),
                    _ => format!("{word}{place}"),
                };
                self.rules.push(Rule {
                    level,
                    place,
                    words: words.to_owned(),
                });
                return Some(());
            }
        }
        let (heading, script) = block.split_once('\n')?;
        let (name, title) = heading.split_once(": ")?;
        let group = self.groups.len().checked_sub(1)?;
        let lines = match self.groups[group].is_of_frames() {
            true => script_of_frames(script)?,
            false => script_lines(script)?,
        };
        self.cases.push(Case {
            name: name.to_owned(),
            title: title.to_owned(),
            group,
            rule: self.rules.len().checked_sub(1)?,
            lines,
        });
        Some(())
    }
}

/// A case as it stands in the file, with its rule above it.
pub fn text_of(name: &str) -> Option<String> {
    let mut rule = "";
    for block in CASES.split("\n\n").map(str::trim) {
        if LEVEL_WORDS.iter().any(|(word, _)| block.starts_with(word)) {
            rule = block;
        } else if block
            .split_once(": ")
            .is_some_and(|(known, _)| known == name)
        {
            return Some(format!("{rule}\n\n{block}"));
        }
    }
    None
}

/// Reads what stands below the name of a case: a transcript, in which what is wanted
/// stands in place of what came.
fn script_lines(script: &str) -> Option<Vec<Line>> {
    let mut lines: Vec<Line> = Vec::new();
    let mut steps = String::new();
    for line in script.lines() {
        if let Some(wanted) = line.strip_prefix("< ") {
            lines.extend(read_steps(&mut steps)?);
            let (wanted, times) = match wanted.split_once(", ") {
                Some((wanted, times)) => (wanted, times.strip_suffix(" times")?.parse().ok()?),
                None => (wanted, 1),
            };
            let wanted = Wanted::parse(wanted)?;
            lines.extend((0..times).map(|_| Line::Answer(wanted.clone())));
        } else if let Some(demand) = line.strip_prefix("= ") {
            let Some(Line::Answer(wanted)) = lines.last_mut() else {
                return None;
            };
            wanted.demands.push(Demand::parse(demand)?);
        } else {
            steps.push_str(line);
            steps.push('\n');
        }
    }
    lines.extend(read_steps(&mut steps)?);
    Some(lines)
}

/// The same for a case in HTTP/2.
fn script_of_frames(script: &str) -> Option<Vec<Line>> {
    let mut lines: Vec<Line> = Vec::new();
    let mut steps = String::new();
    let mut script = script.lines().peekable();
    while let Some(line) = script.next() {
        let other = if let Some(wanted) = line.strip_prefix("< ") {
            Line::Frames(WantedFrames::parse(wanted)?)
        } else if let Some((times, is_next_stream)) = Flood::parse_times(line) {
            let mut text = String::new();
            while let Some(frame) = script.next_if(|next| next.starts_with("> ")) {
                text += &frames_of(frame)?;
            }
            Line::Flood(Flood {
                times,
                is_next_stream,
                frames: http2::read(&text)?,
            })
        } else if let Some(upload) = Upload::parse(line) {
            Line::Upload(upload)
        } else if line.starts_with("> [") {
            for frame in frames_of(line)?.lines() {
                steps.push_str(&format!("> {frame}\n"));
            }
            continue;
        } else {
            steps.push_str(line);
            steps.push('\n');
            continue;
        };
        lines.extend(read_steps_of_frames(&mut steps)?);
        lines.push(other);
    }
    lines.extend(read_steps_of_frames(&mut steps)?);
    Some(lines)
}

/// The steps between what is wanted, if there are any.
fn read_steps_of_frames(steps: &mut String) -> Option<Vec<Line>> {
    if !steps.is_empty() {
        steps.insert_str(0, "* HTTP/2\n");
    }
    read_steps(steps).map(Iterator::collect)
}

/// The frames that a line of a case stands for, as lines without `> `.
fn frames_of(line: &str) -> Option<String> {
    let line = line.strip_prefix("> ")?;
    let short = line
        .strip_prefix('[')
        .and_then(|line| line.strip_suffix(']'));
    let frames = match short {
        None => return Some(format!("{line}\n")),
        Some("opening") => return Some(http2::OPENING.to_owned()),
        Some(words) => match words.split_once(' ')? {
            ("get", stream) => http2::get(stream.parse().ok()?, "[path]"),
            // Its body follows.
            ("post", stream) => {
                http2::request(stream.parse().ok()?, "POST", "[path]", "", Some(""))
                    .split_inclusive("DATA ")
                    .next()?
                    .trim_end_matches("DATA ")
                    .to_owned()
            }
            _ => return None,
        },
    };
    let frames = frames.replace(": http\n", ": [scheme]\n");
    Some(frames.replace("localhost", "[host]"))
}

fn read_steps(text: &mut String) -> Option<impl Iterator<Item = Line>> {
    let transcript = Transcript::parse(&format!("* probe: case\n{}", std::mem::take(text)))?;
    Some(transcript.steps.into_iter().map(Line::Step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_cases_are_read() {
        let cases = Cases::load().unwrap();
        assert!(cases.cases.len() >= 200, "{}", cases.cases.len());
        let mut names: Vec<&str> = cases.cases.iter().map(|case| &*case.name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count, "a name stands there twice");
        for level in LEVELS {
            let is_of_level = |case: &&Case| cases.rules[case.rule].level == level;
            assert!(cases.cases.iter().any(|case| is_of_level(&case)));
        }
        for (number, group) in cases.groups.iter().enumerate() {
            let is_used = cases.cases.iter().any(|case| case.group == number);
            assert!(is_used, "{} has no cases", group.name);
        }
        for rule in &cases.rules {
            let names_a_section = rule.place.contains("RFC ") && rule.place.contains('§');
            assert!(
                names_a_section || rule.level == Level::None,
                "{}",
                rule.place
            );
        }
    }

    #[test]
    fn what_is_no_case() {
        for text in [
            "nothing",
            "# group",
            "a: without a group\n> x\n< 2xx",
            "# g: group\n\nMUST, RFC 1 §1: a\n\na: b\n< 2xy",
            "# g: group\n\nMUST, RFC 1 §1: a\n\na: b\n? x",
            "# g: group\n\nMUST, RFC 1 §1: a\n\na: b\n> x\n< 200\n= nonsense",
            "# h2-g: group\n\nMUST, RFC 1 §1: a\n\na: b\n> [opening]\n< stream error",
            "# h2-g: group\n\nMUST, RFC 1 §1: a\n\na: b\n> [open]\n< open",
            "# h2-g: group\n\nMUST, RFC 1 §1: a\n\na: b\n> PONG 0\n< open",
            "# h2-g: group\n\nMUST, RFC 1 §1: a\n\na: b\n* many times\n> PING 0\n< open",
            "# h2-g: group\n\nMUST, RFC 1 §1: a\n\na: b\n* 10 times\n> PONG 0\n< open",
            "# h2-g: group\n\nMUST, RFC 1 §1: a\n\na: b\n* an upload over stream 1\n< open",
        ] {
            assert!(Cases::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_case_is_read() {
        let text = "# g: a group\n\nMUST NOT, RFC 1 §2: words\nin two lines\n\n\
                    a: title\n> x\\r\\n\n< 400 5xx or closed\n= has Date\n* the server closes\n";
        let cases = Cases::parse(text).unwrap();
        let rule = &cases.rules[0];
        assert_eq!(
            (rule.level, &*rule.place),
            (Level::Must, "MUST NOT, RFC 1 §2")
        );
        assert_eq!(rule.words, "words in two lines");
        let [Line::Step(send), Line::Answer(wanted), Line::Step(end)] = &cases.cases[0].lines[..]
        else {
            panic!("three lines");
        };
        assert_eq!(*send, Step::Send(b"x\r\n".to_vec()));
        assert_eq!(*end, Step::Closes);
        assert_eq!(
            [200, 400, 401, 503].map(|status| wanted.has(status)),
            [false, true, false, true]
        );
        assert_eq!(
            wanted.to_string(),
            "400 or 5xx, or the end of the connection; has Date"
        );
    }
}
