//! nginx and HAProxy in front of several instances, as `tests/course/beyond` says. Where
//! one of them is not installed, its tests say so and do nothing.
#![cfg(unix)]

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::programs::program;
use harness::{PATIENCE, Server, Signal};
use tempfile::TempDir;

const FRONTS: [(&str, &str); 2] = [("nginx", "nginx.conf"), ("haproxy", "haproxy.cfg")];

/// The address of the front in the configurations, and those of the instances.
const ADDRESSES: [&str; 4] = [
    "127.0.0.1:8080",
    "127.0.0.1:8081",
    "127.0.0.1:8082",
    "127.0.0.1:8083",
];

/// What asks for a page, and lets the front close.
const HELLO: &str = "GET /hello HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n";
const PAGE: &str = "<h1>Hello, User!</h1>";

/// Where a program is; `None`, with a word about it, where it is not installed.
fn installed(name: &str) -> Option<PathBuf> {
    // Debian has both where not every user looks.
    let folders = [
        "/usr/sbin",
        "/usr/local/sbin",
        "/usr/bin",
        "/opt/homebrew/bin",
    ];
    let mut files = folders
        .map(|folder| Path::new(folder).join(name))
        .into_iter();
    let found = files.find(|file| file.is_file());
    if found.is_none() {
        eprintln!("skipped: {name} is not installed");
    }
    found
}

/// One of the two, running. It is stopped when this is dropped.
struct Front {
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Front {
    /// Starts it before instances that listen there; `None` where it is not installed.
    fn start(name: &str, file: &str, instances: [SocketAddr; 3]) -> Option<Self> {
        let program = installed(name)?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let address = free_address();
        let source = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("beyond")
            .join(file);
        let mut text = fs::read_to_string(source).expect("a configuration");
        let [one, two, three] = instances;
        for (old, new) in ADDRESSES.into_iter().zip([address, one, two, three]) {
            assert!(text.contains(old), "{file} does not name {old}");
            // In two steps, as a free port may be one that stands there too.
            text = text.replace(old, &format!("<{new}>"));
        }
        let socket = folder.path().join("front.sock");
        let text = text
            .replace(['<', '>'], "")
            .replace("target/front.sock", &socket.to_string_lossy());
        let path = folder.path().join(file);
        fs::write(&path, text).expect("the configuration is written");
        let command = |checks: bool| {
            let mut command = Command::new(&program);
            match name {
                "nginx" => command
                    .arg("-p")
                    .arg(folder.path())
                    .args(checks.then_some("-t")),
                _ => command.args(checks.then_some("-c")),
            };
            command
                .arg(if name == "nginx" { "-c" } else { "-f" })
                .arg(&path);
            command.stdin(Stdio::null());
            command
        };
        let checked = command(true).output().expect("it runs");
        assert!(checked.status.success(), "{}", words(&checked));
        let child = command(false)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it runs");
        let front = Self {
            child,
            address,
            _folder: folder,
        };
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(began.elapsed() < PATIENCE, "{name} does not listen");
            thread::sleep(Duration::from_millis(10));
        }
        Some(front)
    }

    fn ask(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).expect("cannot connect");
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
        stream.write_all(request.as_bytes()).expect("cannot send");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("cannot read");
        answer
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        // What it has started goes with it only where it is asked to end.
        let asked = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address")
}

/// Three instances of chapter 16.
fn instances() -> [Server; 3] {
    [(); 3].map(|()| Server::start(&program("ch16-events")))
}

/// An instance that keeps the head of each request, and answers with it.
fn mirror() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || show_head(stream));
        }
    });
    address
}

fn show_head(mut stream: TcpStream) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        head.len()
    )?;
    stream.write_all(&head)
}

#[test]
fn one_instance_after_another_may_stop() {
    for (name, file) in FRONTS {
        let servers = instances();
        let addresses = servers.each_ref().map(Server::address);
        let Some(front) = Front::start(name, file, addresses) else {
            continue;
        };
        let all_are_served = |left: usize| {
            for _ in 0..9 {
                let answer = front.ask(HELLO);
                assert!(answer.ends_with(PAGE), "{name}, {left} left: {answer}");
                let form = "POST /guestbook HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\
                            Content-Type: application/x-www-form-urlencoded\r\n\
                            Content-Length: 16\r\n\r\nname=A&message=B";
                let answer = front.ask(form);
                assert!(
                    answer.starts_with("HTTP/1.1 303 "),
                    "{name}, {left} left: {answer}"
                );
            }
        };
        all_are_served(3);
        let [one, two, three] = servers;
        for (server, left) in [(one, 2), (two, 1)] {
            server.signal(Signal::SIGTERM);
            assert_eq!(server.ended().code, Some(0));
            all_are_served(left);
        }
        drop(three);
        let answer = front.ask(HELLO);
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(
            ["502", "503"].contains(&status),
            "{name}, none left: {answer}"
        );
    }
}

#[test]
fn an_instance_is_told_whom_the_client_meant_and_who_it_is() {
    for (name, file) in FRONTS {
        let instance = mirror();
        let Some(front) = Front::start(name, file, [instance; 3]) else {
            continue;
        };
        for target in ["/hello", "/guestbook"] {
            let answer = front.ask(&format!(
                "GET {target} HTTP/1.1\r\nHost: example.org:8080\r\nConnection: close\r\n\
                 X-Forwarded-For: 192.0.2.1\r\nForwarded: for=192.0.2.1\r\nX-Forwarded-Proto: https\r\n\r\n"
            ));
            let (_, head) = answer.split_once("\r\n\r\n").expect("an answer");
            let head = head.to_ascii_lowercase();
            let values = |name: &str| -> Vec<&str> {
                let fields = head.lines().filter_map(|line| line.split_once(": "));
                fields
                    .filter(|field| field.0 == name)
                    .map(|field| field.1)
                    .collect()
            };
            assert_eq!(values("host"), ["example.org:8080"], "{name}: {head}");
            assert_eq!(values("x-forwarded-for"), ["127.0.0.1"], "{name}: {head}");
            assert_eq!(values("x-forwarded-proto"), ["http"], "{name}: {head}");
            // What a client says of itself comes no further.
            assert!(!head.contains("192.0.2.1"), "{name}: {head}");
        }
    }
}

/// The attacks of chapter 11's laboratory, with a real front.
#[test]
fn what_is_hidden_in_a_request_reaches_no_instance() {
    const FORM: &str = "POST /guestbook HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                        Content-Type: application/x-www-form-urlencoded\r\n";
    const HIDDEN: &str = "GET /query?hidden HTTP/1.1\r\nHost: localhost\r\n";
    let cl_te = format!(
        "{FORM}Content-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}\r\n",
        HIDDEN.len() + 7
    );
    let chunk = format!("{HIDDEN}Content-Length: 7\r\n\r\n");
    let te_cl = format!(
        "{FORM}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{chunk}\r\n0\r\n\r\n",
        chunk.len()
    );
    let chunk = format!("0\r\n\r\n{chunk}");
    let lf = format!(
        "{FORM}Transfer-Encoding: chunked\r\n\r\n2;\nxx\r\n{:x}\r\n{chunk}\r\n0\r\n\r\n",
        chunk.len()
    );
    let expect = format!(
        "{FORM}Content-Length: {}\r\nExpect: 100-continue\r\n\r\n{HIDDEN}\r\n",
        HIDDEN.len() + 2
    );
    for (name, file) in FRONTS {
        let servers = instances();
        let addresses = servers.each_ref().map(Server::address);
        let Some(front) = Front::start(name, file, addresses) else {
            continue;
        };
        for attack in [&cl_te, &te_cl, &lf, &expect] {
            let answer = front.ask(attack);
            assert!(
                answer.starts_with("HTTP/1.1 "),
                "{name}: {attack:?}: {answer}"
            );
            assert!(front.ask(HELLO).ends_with(PAGE), "{name}: {attack:?}");
        }
        drop(front);
        for server in servers {
            let log = server.log();
            assert!(!log.contains("hidden"), "{name}: {log}");
        }
    }
}
