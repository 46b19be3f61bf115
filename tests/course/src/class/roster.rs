//! The people of a class, from a file that a spreadsheet, Moodle or Canvas has written.

use std::fs;
use std::path::Path;

use anyhow::{Context, ensure};

use super::received::Received;

/// One person.
pub struct Person {
    pub identifier: String,
    pub name: String,
    pub email: String,
    /// All that the file says of them, in its own columns.
    pub record: Vec<String>,
}

/// All of them, in the order of the file.
pub struct Roster {
    pub heading: Vec<String>,
    pub people: Vec<Person>,
}

/// How the columns are called: in a file of one's own, by Moodle and by Canvas.
const IDENTIFIER: [&str; 7] = [
    "identifier",
    "id number",
    "sis user id",
    "sis login id",
    "username",
    "id",
    "number",
];
const NAME: [&str; 3] = ["name", "full name", "student"];
const EMAIL: [&str; 3] = ["e-mail", "email", "email address"];
/// Moodle's list of participants has two columns in place of one.
const FIRST_NAME: [&str; 1] = ["first name"];
const LAST_NAME: [&str; 2] = ["last name", "surname"];

/// What Canvas writes in place of a name, above those of its people and below.
const NO_PEOPLE: [&str; 2] = ["Points Possible", "Student, Test"];

impl Roster {
    /// Reads the file: CSV whose first line names the columns.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path);
        let text = text.with_context(|| format!("cannot read {}", path.display()))?;
        let text = text.trim_start_matches('\u{feff}');
        let cannot_read = || format!("{} is no CSV", path.display());
        // In some countries a spreadsheet writes semicolons.
        let first = text.lines().next().unwrap_or_default();
        let delimiter = match first.contains(';') && !first.contains(',') {
            true => b';',
            false => b',',
        };
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .flexible(true)
            .from_reader(text.as_bytes());
        let heading = reader.headers().with_context(cannot_read)?;
        let heading: Vec<String> = heading.iter().map(str::to_owned).collect();
        let column = |names: &[&str]| {
            names.iter().find_map(|name| {
                let is_it = |cell: &String| cell.trim().eq_ignore_ascii_case(name);
                heading.iter().position(is_it)
            })
        };
        let [identifier, name, email] = [&IDENTIFIER[..], &NAME, &EMAIL].map(column);
        let [first_name, last_name] = [&FIRST_NAME[..], &LAST_NAME].map(column);
        ensure!(
            name.is_some() || first_name.is_some() && last_name.is_some(),
            "{} has no column `name`; its first line is to name its columns: identifier, name \
             and e-mail, or those of a file from Moodle or Canvas",
            path.display()
        );
        let mut people = Vec::new();
        for record in reader.records() {
            let record = record.with_context(cannot_read)?;
            let cell = |column: Option<usize>| {
                let cell = column.and_then(|column| record.get(column));
                cell.unwrap_or_default().trim().to_owned()
            };
            let name = match name {
                Some(_) => cell(name),
                None => format!("{} {}", cell(first_name), cell(last_name)),
            };
            if name.trim().is_empty() || NO_PEOPLE.contains(&&*name) {
                continue;
            }
            people.push(Person {
                identifier: cell(identifier),
                name: super::one_line(&name),
                email: cell(email),
                record: record.iter().map(str::to_owned).collect(),
            });
        }
        ensure!(!people.is_empty(), "{} names nobody", path.display());
        Ok(Self { heading, people })
    }

    /// The cell of a person below a heading, where there is such a column.
    pub fn cell(&self, person: &Person, heading: &str) -> Option<String> {
        let column = self.heading.iter().position(|name| name == heading)?;
        Some(person.record.get(column).cloned().unwrap_or_default())
    }

    /// Whose a hand-in is: that of the only person with the number that Moodle has given
    /// it, or else with that identifier, name or address.
    pub fn find(&self, received: &Received) -> Option<usize> {
        let has_number = |person: &Person| {
            let digits = person
                .identifier
                .trim_start_matches(|character: char| !character.is_ascii_digit());
            received.number.as_deref() == Some(digits)
        };
        let wanted = words(&received.learner);
        let is_called = |person: &Person| {
            let (local, _) = person.email.split_once('@').unwrap_or((&person.email, ""));
            let names = [&person.identifier, &person.name, &person.email, local];
            names
                .into_iter()
                .any(|name| !name.is_empty() && words(name) == wanted)
        };
        self.only(has_number).or_else(|| self.only(is_called))
    }

    fn only(&self, is_it: impl Fn(&Person) -> bool) -> Option<usize> {
        let people = self.people.iter().enumerate();
        let mut found = people.filter(|(_, person)| is_it(person));
        match (found.next(), found.next()) {
            (Some((number, _)), None) => Some(number),
            _ => None,
        }
    }
}

/// The words of a name, in whatever order and with whatever between them: `Lovelace, Ada`
/// is `ada-lovelace`.
fn words(name: &str) -> Vec<String> {
    let words = name.split(|character: char| !character.is_alphanumeric());
    let mut words: Vec<String> = words
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    words.sort();
    words
}
