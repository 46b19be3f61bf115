//! A server to measure.

use std::fs;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::cargo;
use crate::chapters::{Chapter, Course};
use crate::process;

/// A chapter's release build, running.
pub struct Server {
    pub chapter: String,
    pub address: SocketAddr,
    process: u32,
}

impl Server {
    /// Builds and starts it.
    pub fn start(course: &Course, chapter: &Chapter) -> anyhow::Result<Self> {
        // Built first and started directly: what cargo starts would not stop
        // with it.
        let output = Command::new(cargo())
            .args(["build", "--quiet", "--release", "--package", &chapter.name])
            .arg("--message-format=json-render-diagnostics")
            .current_dir(&course.root)
            .stderr(Stdio::inherit())
            .output()?;
        ensure!(output.status.success(), "cannot build {}", chapter.name);
        let program = String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .filter_map(|message| Some(message.get("executable")?.as_str()?.to_owned()))
            .next_back()
            .with_context(|| format!("cargo built no program for {}", chapter.name))?;
        let mut child = Command::new(&program)
            .arg("127.0.0.1:0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        let output = child.stdout.take();
        let process = child.id();
        process::keep(child);
        let mut output = output.context("the output is piped")?;
        let mut first_line = Vec::new();
        let mut byte = [0];
        while byte != *b"\n" && output.read(&mut byte)? > 0 {
            first_line.extend(byte);
        }
        // The rest is read and dropped, or the server would wait for a reader.
        thread::spawn(move || io::copy(&mut output, &mut io::sink()));
        let port = String::from_utf8_lossy(&first_line)
            .chars()
            .filter(char::is_ascii_digit)
            .collect::<String>()
            .parse::<u16>()
            .with_context(|| format!("{} named no port", chapter.name))?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Ok(Self {
            chapter: chapter.name.clone(),
            address,
            process,
        })
    }

    /// How long all its threads together have had a processor; `None` where the system
    /// does not tell.
    pub fn processor_time(&self) -> Option<Duration> {
        // What Linux counts these times in, whatever the kernel itself counts in: a
        // hundredth of a second (the manual of `proc_pid_stat` calls it USER_HZ).
        const TICK: Duration = Duration::from_millis(10);
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process)).ok()?;
        // The second field is a name in brackets, and may hold anything.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |field: usize| fields.get(field - 3)?.parse::<u32>().ok();
        Some(TICK * (ticks(14)? + ticks(15)?))
    }
}
