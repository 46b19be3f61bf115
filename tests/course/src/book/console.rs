//! Runs the commands that the book shows, against the chapter's own server.

use std::env;
use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use harness::transcript::is_date;

use crate::chapters::{Chapter, Course};
use crate::target::{Kind, Target};

/// The port in the book.
const PORT: &str = "8080";
/// The client's port in the book; in truth it is another one each time.
const CLIENT_PORT: &str = "50514";
/// The date in the book, RFC 9110's own example.
const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
/// The tag of a file in the book, but for its length; it is made of the file's time.
const TAG: &str = "6740f1a2";
/// The version of curl in the book.
const CURL_VERSION: &str = "8.14.1";

/// How long a chapter may say nothing before it listens.
const START_TIMEOUT: Duration = Duration::from_secs(crate::START_TIMEOUT);

/// What runs the commands of one book.
pub struct Console<'a> {
    course: &'a Course,
    can_run: bool,
    log: Option<String>,
}

impl<'a> Console<'a> {
    pub fn new(course: &'a Course, no_run: bool) -> Self {
        let can_run = !no_run && cfg!(unix) && has_curl();
        Self {
            course,
            can_run,
            log: None,
        }
    }

    /// Runs the commands of a block and gives the block with what they print;
    /// `None` where they cannot be run here.
    pub fn run(
        &mut self,
        chapter: Option<&Chapter>,
        block: &[&str],
    ) -> Result<Option<String>, String> {
        self.log = None;
        let commands: Vec<&str> = block
            .iter()
            .filter_map(|line| line.strip_prefix("$ "))
            .collect();
        if commands.is_empty() {
            return Err("the block has no command behind `$ `".to_owned());
        }
        if !self.can_run {
            return Ok(None);
        }
        let mut target = match chapter {
            None => None,
            Some(chapter) => {
                let own = Kind::own(self.course, chapter).map_err(|error| error.to_string())?;
                let mut target = Target::new(own, START_TIMEOUT);
                target.ensure_running().map_err(|error| error.to_string())?;
                Some(target)
            }
        };
        let port = target
            .as_ref()
            .map(|target| target.address().port().to_string());
        let mut content = String::new();
        for command in commands {
            let printed = run_one(self.course, command, port.as_deref())?;
            content += &format!("$ {command}\n{}", tidy(&printed, port.as_deref()));
            if !content.ends_with('\n') {
                content.push('\n');
            }
        }
        if let Some(target) = &mut target {
            self.log = Some(tidy(&target.stop_and_log(), port.as_deref()));
        }
        Ok(Some(content))
    }

    /// What the server of the last block printed, or `None` where it was not run.
    pub fn log(&self) -> Result<Option<String>, String> {
        match (&self.log, self.can_run) {
            (None, true) => Err("no server ran in the block above".to_owned()),
            (log, _) => Ok(log.clone()),
        }
    }
}

fn has_curl() -> bool {
    let version = Command::new("curl")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    version.is_ok_and(|status| status.success())
}

/// Runs a command in a shell and gives what it prints, to standard output and
/// to standard error.
fn run_one(course: &Course, command: &str, port: Option<&str>) -> Result<String, String> {
    let own_program = env::current_exe().map_err(|error| error.to_string())?;
    let mut command = match command.strip_prefix("cargo course") {
        Some(rest) => format!("'{}'{rest}", own_program.display()),
        None => command.to_owned(),
    };
    if let Some(port) = port {
        command = command.replace(&format!(":{PORT}"), &format!(":{port}"));
    }
    // curl shows a progress meter where it does not write to a terminal; a
    // terminal is what the reader has.
    let home = env::temp_dir().join(format!("course-book-{}", std::process::id()));
    let write_settings = || {
        fs::create_dir_all(&home)?;
        fs::write(home.join(".curlrc"), "silent\nshow-error\n")
    };
    write_settings().map_err(|error| format!("cannot write {}: {error}", home.display()))?;
    let output = Command::new("sh")
        .args(["-c", &format!("{{ {command}\n}} 2>&1")])
        .current_dir(&course.root)
        .env("CURL_HOME", &home)
        .env("NO_COLOR", "1")
        .env("COLUMNS", "80")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let _ = fs::remove_dir_all(&home);
    let output = output.map_err(|error| format!("cannot run a shell: {error}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Replaces what differs from run to run.
fn tidy(printed: &str, port: Option<&str>) -> String {
    let mut tidied = String::new();
    for line in printed.replace('\r', "").split_inclusive('\n') {
        // A terminal shows what is waited for, and lets it go with the wait.
        if line.starts_with("Waiting for `") {
            continue;
        }
        let mut line = line.to_owned();
        if let Some(port) = port {
            line = line.replace(&format!(":{port}"), &format!(":{PORT}"));
            line = line.replace(&format!("port {port}..."), &format!("port {PORT}..."));
        }
        line = replace_number(&line, "Connection from 127.0.0.1:", CLIENT_PORT);
        // A line of the log of part two; an address of the server's has a scheme.
        if line.starts_with("127.0.0.1:") {
            line = replace_number(&line, "127.0.0.1:", CLIENT_PORT);
        }
        if let Some((name, value)) = line.split_once(": ")
            && is_date(value.trim_end().as_bytes())
        {
            line = format!("{name}: {DATE}\n");
        }
        if let Some(("ETag", tag)) = line.split_once(": ")
            && let Some((_, length)) = tag.split_once('-')
        {
            line = format!("ETag: \"{TAG}-{length}");
        }
        line = replace_number(&line, "curl/", CURL_VERSION);
        tidied += &line;
    }
    tidied
}

/// Replaces the digits and dots behind each `before`.
fn replace_number(line: &str, before: &str, shown: &str) -> String {
    let mut parts = line.split(before);
    let mut replaced = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let number = if rest.len() < part.len() { shown } else { "" };
        replaced += &format!("{before}{number}{rest}");
    }
    replaced
}
