//! `cargo course bench`: what threads are worth, measured in one run.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::cargo;
use crate::chapters::{Chapter, Course};
use crate::process;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
/// How many clients ask at once.
const CLIENTS: usize = 8;
/// How often each server has its turn, so that what else the machine does falls
/// on both.
const ROUNDS: usize = 5;
/// How long a turn takes.
const TURN: Duration = Duration::from_millis(1000);
/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// What a server may have to do with besides the clients that ask.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Company {
    Nobody,
    OneSilentClient,
}

/// One server under one load: requests answered in each second, a round each.
struct Measured {
    chapter: String,
    company: Company,
    rounds: Vec<f64>,
}

impl Measured {
    /// The median of the rounds, which one bad round does not move.
    fn median(&self) -> f64 {
        let mut rounds = self.rounds.clone();
        rounds.sort_by(f64::total_cmp);
        rounds[rounds.len() / 2]
    }

    fn name(&self) -> String {
        match self.company {
            Company::Nobody => self.chapter.clone(),
            Company::OneSilentClient => format!("{}, one silent client", self.chapter),
        }
    }
}

/// Measures chapter 3 against chapter 5b and prints the figures; with `svg`
/// writes them as a drawing too.
pub fn bench(course: &Course, as_json: bool, svg: Option<&Path>) -> anyhow::Result<()> {
    let servers =
        [course.chapter("3")?, course.chapter("5b")?].map(|chapter| Server::start(course, chapter));
    let [one_thread, threads] = servers;
    let servers = [one_thread?, threads?];

    let mut measured = Vec::new();
    for company in [Company::Nobody, Company::OneSilentClient] {
        for server in &servers {
            let chapter = server.chapter.clone();
            measured.push(Measured {
                chapter,
                company,
                rounds: Vec::new(),
            });
        }
    }
    let progress = ProgressBar::new((ROUNDS * measured.len()) as u64).with_style(
        ProgressStyle::with_template("{bar:40} {pos} of {len}  {msg}")?,
    );
    for _ in 0..ROUNDS {
        for (number, one) in measured.iter_mut().enumerate() {
            progress.set_message(one.name());
            let server = &servers[number % servers.len()];
            one.rounds.push(turn(server.address, one.company)?);
            progress.inc(1);
        }
    }
    progress.finish_and_clear();
    process::stop_programs();

    let base = measured[0].median();
    ensure!(base > 0.0, "{} answered nobody", measured[0].chapter);
    if as_json {
        for one in &measured {
            say!(
                "{}",
                json!({
                    "chapter": one.chapter,
                    "silent_clients": usize::from(one.company == Company::OneSilentClient),
                    "clients": CLIENTS,
                    "requests_per_second": one.median().round(),
                    "ratio": (one.median() / base * 100.0).round() / 100.0,
                })
            );
        }
    } else {
        say!(
            "Release builds, {CLIENTS} clients at once, {ROUNDS} rounds of {} s each,",
            TURN.as_secs()
        );
        say!("medians; the ratio is to the first line.\n");
        say!("{:<36} {:>12} {:>7}", "", "requests/s", "ratio");
        for one in &measured {
            say!(
                "{:<36} {:>12.0} {:>7.2}",
                one.name(),
                one.median(),
                one.median() / base
            );
        }
    }
    if let Some(path) = svg {
        fs::write(path, drawing(&measured, base))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// A chapter's release build, running.
struct Server {
    chapter: String,
    address: SocketAddr,
}

impl Server {
    fn start(course: &Course, chapter: &Chapter) -> anyhow::Result<Self> {
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
        })
    }
}

/// How many requests a server answers in each second of one turn.
fn turn(address: SocketAddr, company: Company) -> anyhow::Result<f64> {
    let silent = match company {
        Company::Nobody => None,
        Company::OneSilentClient => Some(TcpStream::connect(address)?),
    };
    let answered = AtomicU64::new(0);
    let over = AtomicBool::new(false);
    let started = Instant::now();
    let mut took = TURN;
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    if ask(address).is_ok() && !over.load(Ordering::Relaxed) {
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        thread::sleep(TURN);
        over.store(true, Ordering::Relaxed);
        took = started.elapsed();
        // Who waits behind the silent client is let go with it.
        drop(silent);
    });
    Ok(answered.into_inner() as f64 / took.as_secs_f64())
}

fn ask(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(REQUEST)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    if answer.starts_with(b"HTTP/1.1 200 ") {
        Ok(())
    } else {
        Err(ErrorKind::InvalidData.into())
    }
}

/// The figures as bars.
fn drawing(measured: &[Measured], base: f64) -> String {
    const WIDTH: f64 = 420.0;
    const BAR: f64 = 260.0;
    let most = measured.iter().map(Measured::median).fold(base, f64::max);
    let mut bars = String::new();
    for (number, one) in measured.iter().enumerate() {
        let top = 74 + 62 * number;
        let length = (one.median() / most * BAR).max(1.0);
        let kind = if one.chapter.contains("threads") {
            "threads"
        } else {
            "one"
        };
        bars += &format!(
            "  <text class=\"name\" x=\"24\" y=\"{}\">{}</text>\n  \
             <rect class=\"{kind}\" x=\"24\" y=\"{}\" width=\"{length:.1}\" height=\"20\" rx=\"3\"/>\n  \
             <text class=\"value\" x=\"{:.1}\" y=\"{}\">{:.0} ({:.2})</text>\n",
            top - 8,
            one.name(),
            top,
            24.0 + length + 8.0,
            top + 15,
            one.median(),
            one.median() / base,
        );
    }
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} 310" width="{WIDTH}" height="310">
  <title>Requests answered per second, one thread against a thread for each connection</title>
  <style>
    text {{
      font: 15px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
      fill: #20262b;
    }}
    .title {{ font-weight: bold; }}
    .value {{ font-size: 14px; fill: #596168; }}
    .panel {{ fill: #f0f1ec; }}
    .one {{ fill: #1b5a9c; }}
    .threads {{ fill: #a03d0b; }}

    @media (prefers-color-scheme: dark) {{
      text {{ fill: #dee3e5; }}
      .value {{ fill: #9ba6ad; }}
      .panel {{ fill: #1c2226; }}
      .one {{ fill: #82b9f1; }}
      .threads {{ fill: #f09a62; }}
    }}
  </style>

  <rect class="panel" width="{WIDTH}" height="310" rx="8"/>
  <text class="title" x="24" y="34">Requests answered per second</text>
{bars}</svg>
"#
    )
}
