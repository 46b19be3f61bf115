//! Excerpts of files: items by their names, parts of a long one, signatures.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::rust::{Cut, RustFile, Unit};

/// What an excerpt leaves out.
const LEFT_OUT: &str = "// …";

/// The files that excerpts are taken from, each read and parsed once.
pub struct Sources {
    root: PathBuf,
    parsed: RefCell<HashMap<String, Result<Rc<RustFile>, String>>>,
}

impl Sources {
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            parsed: RefCell::default(),
        }
    }

    pub fn text(&self, path: &str) -> Result<String, String> {
        fs::read_to_string(self.root.join(path)).map_err(|_| format!("there is no file {path}"))
    }

    /// What a Rust file is made of.
    pub fn rust(&self, path: &str) -> Result<Rc<RustFile>, String> {
        if let Some(parsed) = self.parsed.borrow().get(path) {
            return parsed.clone();
        }
        let parsed = self.text(path).and_then(|text| {
            let parsed = RustFile::parse(&text);
            let parsed = parsed.map_err(|error| format!("{path} cannot be parsed: {error}"));
            Ok(Rc::new(parsed?))
        });
        let mut all = self.parsed.borrow_mut();
        all.insert(path.to_owned(), parsed.clone());
        parsed
    }
}

/// Which part of a file a block shows, as its comment says.
pub struct Excerpt {
    pub path: String,
    part: Part,
}

enum Part {
    /// `file: PATH`, and where only some lines are wanted, `from: "TEXT"` and `to: "TEXT"`:
    /// each a text that one line of the file alone has.
    File {
        from: Option<String>,
        to: Option<String>,
    },
    /// `code: PATH`: up to its tests.
    Code,
    /// `tests: PATH`: the tests at its end.
    Tests,
    /// `item: PATH NAME…`, and where one item is cut, `from:` and `to:` with texts that one
    /// of its lines alone has.
    Items {
        names: Vec<String>,
        from: Option<String>,
        to: Option<String>,
    },
    /// `signature: PATH NAME…`
    Signature(Vec<String>),
}

/// What an excerpt holds.
pub struct Taken {
    pub text: String,
    /// The lines of the file that it shows, without those that only lead to them.
    pub lines: BTreeSet<usize>,
}

impl Excerpt {
    /// The excerpt that a comment names; `None` where it names another source.
    pub fn parse(kind: &str, rest: &str) -> Option<Result<Self, String>> {
        if !matches!(kind, "file" | "code" | "tests" | "item" | "signature") {
            return None;
        }
        Some(Self::parse_words(kind, rest))
    }

    fn parse_words(kind: &str, rest: &str) -> Result<Self, String> {
        let words = words(rest)?;
        let no_source = || format!("\"{kind}: {rest}\" names no source");
        let (path, rest) = words.split_first().ok_or_else(no_source)?;
        let (names, from, to) = names(rest).ok_or_else(no_source)?;
        let is_cut = from.is_some() || to.is_some();
        let part = match (kind, names.len()) {
            ("file", 0) => Part::File { from, to },
            ("code", 0) if !is_cut => Part::Code,
            ("tests", 0) if !is_cut => Part::Tests,
            ("item", 1) => Part::Items { names, from, to },
            ("item", 2..) if !is_cut => Part::Items { names, from, to },
            ("signature", 1..) if !is_cut => Part::Signature(names),
            _ => return Err(no_source()),
        };
        let path = path.to_owned();
        Ok(Self { path, part })
    }

    pub fn take(&self, sources: &Sources) -> Result<Taken, String> {
        let text = sources.text(&self.path)?;
        let start_of_tests = text.find("\n#[cfg(test)]").map(|end| end + 1);
        let lines_before = |at: usize| text[..at].lines().count();
        match &self.part {
            Part::File { from, to } => {
                let lines: Vec<&str> = text.lines().collect();
                let (from, to) = (from.as_deref(), to.as_deref());
                let range = cut(&lines, 1..=lines.len(), from, to)
                    .map_err(|error| format!("{} {error}", self.path))?;
                Ok(Taken {
                    text: lines[range.start() - 1..*range.end()].join("\n"),
                    lines: range.collect(),
                })
            }
            Part::Code => {
                let code = text[..start_of_tests.unwrap_or(text.len())].trim_end();
                Ok(Taken {
                    lines: (1..=code.lines().count()).collect(),
                    text: code.to_owned(),
                })
            }
            Part::Tests => {
                let at = start_of_tests.ok_or_else(|| format!("{} has no tests", self.path))?;
                Ok(Taken {
                    lines: (lines_before(at) + 1..=text.lines().count()).collect(),
                    text: text[at..].to_owned(),
                })
            }
            Part::Items { names, from, to } => {
                let file = sources.rust(&self.path)?;
                let mut selection = Selection::of(&file);
                for unit in self.units(&file, names)? {
                    let is_cut = from.is_some() || to.is_some();
                    match is_cut {
                        true => selection.add_part(unit, from.as_deref(), to.as_deref())?,
                        false => selection.add(unit),
                    }
                }
                Ok(selection.taken())
            }
            Part::Signature(names) => {
                let file = sources.rust(&self.path)?;
                let mut selection = Selection::of(&file);
                for unit in self.units(&file, names)? {
                    selection.add_signature(unit);
                }
                Ok(selection.taken())
            }
        }
    }

    fn units<'a>(&self, file: &'a RustFile, names: &[String]) -> Result<Vec<&'a Unit>, String> {
        let mut units = Vec::new();
        for name in names {
            let before = units.len();
            units.extend(file.units.iter().filter(|unit| is_called(unit, name)));
            if units.len() == before {
                return Err(format!("{} has no item {name}", self.path));
            }
        }
        Ok(units)
    }

    /// What the caption says behind the file's name.
    pub fn caption(&self) -> String {
        match &self.part {
            Part::File {
                from: None,
                to: None,
            }
            | Part::Items {
                from: None,
                to: None,
                ..
            } => String::new(),
            Part::File { .. } => ", in part".to_owned(),
            Part::Code => ", without its tests".to_owned(),
            Part::Tests => ", its tests".to_owned(),
            Part::Items { names, .. } => format!(", in `{}`", names.concat()),
            Part::Signature(_) => ", in outline".to_owned(),
        }
    }
}

/// Whether a unit is meant. What a trait is made of may be left out where there is no other:
/// `Error as From` is `Error as From<io::Error>`.
fn is_called(unit: &Unit, name: &str) -> bool {
    if unit.name == name {
        return true;
    }
    let (unit, arguments) = unit.name.split_once('<').unwrap_or((&unit.name, ""));
    let method = arguments.rsplit('>').next().unwrap_or_default();
    unit.to_owned() + method == name
}

/// The words of a comment; what stands in quotation marks is one, with its first mark.
fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let end = quoted
                    .find("\" ")
                    .or_else(|| quoted.strip_suffix('"').map(str::len));
                let end = end.ok_or_else(|| format!("{rest} has no end"))?;
                (&rest[..=end], &quoted[end + 1..])
            }
            None => rest.split_once(' ').unwrap_or((rest, "")),
        };
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    Ok(words)
}

/// The names of items, `Type as Trait` being one, and where an item is cut.
fn names(words: &[String]) -> Option<(Vec<String>, Option<String>, Option<String>)> {
    let mut names: Vec<String> = Vec::new();
    let (mut from, mut to) = (None, None);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match &**word {
            "as" => {
                let name = names.last_mut()?;
                name.push_str(" as ");
                name.push_str(words.next()?);
            }
            "from:" => from = Some(words.next()?.strip_prefix('"')?.to_owned()),
            "to:" => to = Some(words.next()?.strip_prefix('"')?.to_owned()),
            word => names.push(word.to_owned()),
        }
    }
    Some((names, from, to))
}

/// The lines, of some that are counted from 1, from the one that holds a text to the one
/// that holds another.
fn cut<T: AsRef<str>>(
    all: &[T],
    lines: RangeInclusive<usize>,
    from: Option<&str>,
    to: Option<&str>,
) -> Result<RangeInclusive<usize>, String> {
    let line_with = |text: &str| {
        let mut found = lines
            .clone()
            .filter(|line| all[line - 1].as_ref().contains(text));
        match (found.next(), found.next()) {
            (Some(line), None) => Ok(line),
            (None, _) => Err(format!("has no line with {text:?}")),
            _ => Err(format!("has several lines with {text:?}")),
        }
    };
    let start = from.map_or(Ok(*lines.start()), line_with)?;
    let end = to.map_or(Ok(*lines.end()), line_with)?;
    match start <= end {
        true => Ok(start..=end),
        false => Err("has the last line before the first one".to_owned()),
    }
}

/// The lines of a file that an excerpt is made of.
struct Selection<'a> {
    file: &'a RustFile,
    /// What is printed of each line.
    printed: BTreeMap<usize, String>,
    /// The lines that the excerpt is about.
    own: BTreeSet<usize>,
    /// What is left out without a word.
    silent: BTreeSet<usize>,
}

impl<'a> Selection<'a> {
    fn of(file: &'a RustFile) -> Self {
        Self {
            file,
            printed: BTreeMap::new(),
            own: BTreeSet::new(),
            silent: BTreeSet::new(),
        }
    }

    fn print(&mut self, lines: impl IntoIterator<Item = usize>) {
        for line in lines {
            let text = &self.file.lines[line - 1];
            self.printed.entry(line).or_insert_with(|| text.clone());
        }
    }

    fn add(&mut self, unit: &Unit) {
        self.add_around(unit);
        self.print(unit.lines.clone());
        self.own.extend(unit.lines.clone());
    }

    fn add_around(&mut self, unit: &Unit) {
        if let Some(around) = &unit.around {
            self.print(around.opening.clone());
            self.print([around.closing]);
        }
    }

    fn add_part(
        &mut self,
        unit: &Unit,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<(), String> {
        let (start, end) = cut(&self.file.lines, unit.lines.clone(), from, to)
            .map_err(|error| format!("{} {error}", unit.name))?
            .into_inner();
        self.add_around(unit);
        self.print(unit.head.clone());
        self.print(start..=end);
        self.print([*unit.lines.end()]);
        self.own.extend(start..=end);
        // They stand further up, in the part that begins with them.
        self.silent.extend(*unit.lines.start()..*unit.head.start());
        Ok(())
    }

    fn add_signature(&mut self, unit: &Unit) {
        self.add_around(unit);
        let mut left_out: BTreeSet<usize> = BTreeSet::new();
        for cut in &unit.cuts {
            match cut {
                Cut::Field(lines) => left_out.extend(lines.clone()),
                Cut::Body { from, to } => {
                    left_out.extend(from.line + 1..=*to);
                    self.silent.extend(from.line + 1..=*to);
                    let line = &self.file.lines[from.line - 1];
                    let head: String = line.chars().take(from.column).collect();
                    if head.trim().is_empty() {
                        left_out.insert(from.line);
                        self.silent.insert(from.line);
                        let last = &self.file.lines[from.line - 2];
                        let last = format!("{};", last.trim_end_matches(','));
                        self.printed.insert(from.line - 1, last);
                    } else {
                        self.printed
                            .insert(from.line, format!("{};", head.trim_end()));
                    }
                }
            }
        }
        let lines = unit.lines.clone().filter(|line| !left_out.contains(line));
        let lines: Vec<usize> = lines.collect();
        self.own.extend(&lines);
        self.print(lines);
    }

    fn taken(self) -> Taken {
        let mut text = String::new();
        let mut before: Option<usize> = None;
        for (&line, printed) in &self.printed {
            if let Some(before) = before {
                text += &self.gap(before, line);
            }
            text += self.dedented(line, printed);
            text.push('\n');
            before = Some(line);
        }
        let is_said = |line: &usize| !self.file.lines[line - 1].trim().is_empty();
        Taken {
            text,
            lines: self.own.iter().copied().filter(is_said).collect(),
        }
    }

    /// What stands for the lines between two that are printed: a comment with the blank
    /// lines that the file has there.
    fn gap(&self, before: usize, after: usize) -> String {
        let lines = (before + 1..after).filter(|line| !self.silent.contains(line));
        let lines: Vec<usize> = lines.collect();
        let is_blank = |line: &&usize| self.file.lines[**line - 1].trim().is_empty();
        let blank = |line: Option<&usize>| match line.filter(is_blank) {
            Some(_) => "\n",
            None => "",
        };
        let indent = |line: &usize| {
            let text = self.dedented(*line, &self.file.lines[line - 1]);
            text.len() - text.trim_start().len()
        };
        let left_out = lines.iter().filter(|line| !is_blank(line));
        match left_out.map(indent).min() {
            None => blank(lines.first()).to_owned(),
            Some(indent) => format!(
                "{}{}{LEFT_OUT}\n{}",
                blank(lines.first()),
                " ".repeat(indent),
                blank(lines.last())
            ),
        }
    }

    /// A line without the indent that the modules around it give it.
    fn dedented<'b>(&self, line: usize, text: &'b str) -> &'b str {
        let indent = " ".repeat(4 * self.file.depth(line));
        text.strip_prefix(&*indent).unwrap_or(text)
    }
}
