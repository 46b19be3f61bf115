//! A server to measure.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use harness::checks::is_sealed;
use tempfile::TempDir;

use super::cores;
use super::crowd::Version;
use crate::chapters::{Chapter, Course};
use crate::process;

/// How long a server may take until it lets somebody in, and how often is looked.
const START_TIMEOUT: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(5);

/// What our own servers are told: who asks as often as he can is no nuisance here, and
/// neither are ten thousand that come from one address.
const LIMITS: &str =
    "requests=1000000 connections=20000 connections_of_one=20000 idle=1000 life=100000";

/// What nginx is told, but for the port.
const NGINX: &str = include_str!("../../peers/nginx.conf");

/// A program that can be started as a server.
pub struct Program {
    pub name: String,
    kind: Kind,
    /// Whether it speaks TLS.
    pub is_sealed: bool,
}

enum Kind {
    /// A program and its arguments, behind which it is told its address.
    TakesAddress(Vec<String>),
    Nginx(PathBuf, Version),
    Nghttpd(PathBuf),
}

impl Program {
    /// Builds a chapter's release build.
    pub fn of(course: &Course, chapter: &Chapter) -> anyhow::Result<Self> {
        let program = chapter.build(course, &["--release"])?;
        Ok(Self {
            is_sealed: is_sealed(&chapter.name),
            ..Self::command(chapter.name.clone(), vec![program])
        })
    }

    /// A command that is told its address behind these words.
    pub fn command(name: String, words: Vec<String>) -> Self {
        Self {
            name,
            kind: Kind::TakesAddress(words),
            is_sealed: false,
        }
    }

    /// The same without TLS, where the program has a choice.
    pub fn plain(self) -> Self {
        const PLAIN: &str = "--plain";
        let kind = match self.kind {
            Kind::TakesAddress(words) => {
                Kind::TakesAddress([words, vec![PLAIN.to_owned()]].concat())
            }
            other => other,
        };
        Self {
            name: format!("{} {PLAIN}", self.name),
            kind,
            is_sealed: false,
        }
    }

    pub fn nginx(path: PathBuf, version: Version) -> Self {
        Self {
            name: "nginx".to_owned(),
            kind: Kind::Nginx(path, version),
            is_sealed: false,
        }
    }

    /// The server of nghttp2, which speaks HTTP/2 alone.
    pub fn nghttpd(path: PathBuf) -> Self {
        Self {
            name: "nghttpd".to_owned(),
            kind: Kind::Nghttpd(path),
            is_sealed: false,
        }
    }

    /// Starts it on a free port, and waits until it lets somebody in.
    pub fn start(&self) -> anyhow::Result<Server> {
        // Not every server says which port it took, so it is given one that is free.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        drop(listener);
        let folder = tempfile::tempdir()?;
        let words = match &self.kind {
            Kind::TakesAddress(words) => [&words[..], &[address.to_string()]].concat(),
            Kind::Nginx(path, version) => nginx(path, *version, folder.path(), address)?,
            Kind::Nghttpd(path) => nghttpd(path, folder.path(), address)?,
        };
        let words = cores::on_the_servers(words);
        let child = Command::new(&words[0])
            .args(&words[1..])
            .env("LIMITS", LIMITS)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", self.name))?;
        let process = child.id();
        process::keep(child);
        let server = Server {
            address,
            process,
            _folder: folder,
        };
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            let is_running = process::is_running(process);
            ensure!(is_running, "{} has ended before it listened", self.name);
            ensure!(
                began.elapsed() < START_TIMEOUT,
                "{} does not listen",
                self.name
            );
            thread::sleep(LOOK);
        }
        Ok(server)
    }
}

/// The command that starts nginx with all its files in a folder.
fn nginx(
    program: &Path,
    version: Version,
    folder: &Path,
    address: SocketAddr,
) -> anyhow::Result<Vec<String>> {
    let file = folder.join("nginx.conf");
    let options = match version {
        Version::Http1 => "",
        // Without TLS, so only a client that knows it beforehand can say anything.
        Version::Http2 => " http2",
    };
    let configuration = NGINX.replace("PORT", &format!("{}{options}", address.port()));
    fs::write(&file, configuration)?;
    let words = [
        program.as_os_str(),
        "-p".as_ref(),
        folder.as_os_str(),
        "-c".as_ref(),
        file.as_os_str(),
    ];
    Ok(words.map(|word| word.to_string_lossy().into_owned()).into())
}

/// The command that starts nghttpd with one file to serve.
fn nghttpd(program: &Path, folder: &Path, address: SocketAddr) -> anyhow::Result<Vec<String>> {
    fs::write(folder.join("hello"), "<h1>Hello, User!</h1>")?;
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let words = [
        program.as_os_str(),
        "--no-tls".as_ref(),
        "--address".as_ref(),
        host.as_ref(),
        "--htdocs".as_ref(),
        folder.as_os_str(),
        port.as_ref(),
    ];
    Ok(words.map(|word| word.to_string_lossy().into_owned()).into())
}

/// A server that runs.
pub struct Server {
    pub address: SocketAddr,
    process: u32,
    /// Where it has its files, as long as it runs.
    _folder: TempDir,
}

impl Server {
    /// How long all its threads together have had a processor; `None` where the system
    /// does not tell.
    pub fn processor_time(&self) -> Option<Duration> {
        processor_time(&self.process.to_string())
    }

    /// How much memory it has, in KiB, where the system tells.
    pub fn memory(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process)).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().trim_end_matches(" kB").parse().ok()
    }
}

/// How long all threads of a process together have had a processor; that of this one is
/// `self`.
pub fn processor_time(process: &str) -> Option<Duration> {
    // What Linux counts these times in, whatever the kernel itself counts in: a
    // hundredth of a second (the manual of `proc_pid_stat` calls it USER_HZ).
    const TICK: Duration = Duration::from_millis(10);
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is a name in brackets, and may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field - 3)?.parse::<u32>().ok();
    Some(TICK * (ticks(14)? + ticks(15)?))
}
