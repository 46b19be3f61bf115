//! What every chapter that serves files does with them, and what it does not.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::Server;
use crate::clients::{Client, read_some, send};

const CANARY: &str = "a secret beside pages/";

/// A request for the one file, and the end of the connection behind the answer.
fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

/// A folder with a small `pages/` of its own, and a canary beside it.
pub fn site() -> TempDir {
    make_site().expect("cannot make a site")
}

fn make_site() -> io::Result<TempDir> {
    let folder = tempfile::tempdir()?;
    let pages = folder.path().join("pages");
    fs::create_dir_all(pages.join("folder"))?;
    fs::write(folder.path().join("canary.txt"), CANARY)?;
    fs::write(pages.join("index.html"), "<h1>Served</h1>\n")?;
    fs::write(pages.join("a b.txt"), "grüße\n")?;
    fs::write(pages.join("folder/deep.css"), "h1 { color: teal }\n")?;
    fs::write(pages.join("bytes.png"), b"\x89PNG\r\n\x1a\n\0\xff")?;
    fs::write(pages.join("empty.js"), "")?;
    Ok(folder)
}

/// The same, with a file of that many bytes.
fn site_with_a_big_file(size: u64) -> TempDir {
    let folder = site();
    let big = fs::File::create(folder.path().join("pages/big.bin"));
    big.and_then(|file| file.set_len(size))
        .expect("cannot make a big file");
    folder
}

fn ask_for_the_big_file(server: &Server) -> Client {
    let mut client = server.open();
    send(&mut client, &get("/pages/big.bin"));
    client
}

/// What the site of part two answers there.
pub fn nothing_leads_out_of_the_site(program: &str) {
    nothing_leads_out(program, |target| match target {
        _ if target.starts_with("file://") => "421 Misdirected Request",
        _ if target.contains('#') => "400 Bad Request",
        _ if target.starts_with('/') || target.starts_with("http://") => "404 Not Found",
        _ => "400 Bad Request",
    });
}

/// Asks for a file beside `pages/` in every notation, and checks that it never comes
/// and that the status is as `status_of` says of the target.
pub fn nothing_leads_out(program: &str, status_of: impl Fn(&str) -> &'static str) {
    let folder = site();
    let server = Server::start_in(program, folder.path());
    let canary = folder.path().join("canary.txt");
    let canary = canary.to_str().expect("a path in UTF-8");
    let mut targets: Vec<String> = [
        "/canary.txt",
        "canary.txt",
        "/./canary.txt",
        "/../canary.txt",
        "/pages/../canary.txt",
        "/pages/./../canary.txt",
        "/pages/folder/../../canary.txt",
        "/pages//../canary.txt",
        "/pages/..//canary.txt",
        "/pages/%2e%2e/canary.txt",
        "/pages/%2E./canary.txt",
        "/pages/..%2fcanary.txt",
        "/pages/%2e%2e%2fcanary.txt",
        "/pages/%2e%2e%5ccanary.txt",
        "/pages/..\\canary.txt",
        "/pages\\..\\canary.txt",
        "/pages/..%5ccanary.txt",
        "/pages/..%255ccanary.txt",
        "/pages/%252e%252e/canary.txt",
        "/pages/%252e%252e%252fcanary.txt",
        "/pages/....//canary.txt",
        "/pages/..;/canary.txt",
        "/pages/.../canary.txt",
        "/pages/..%00/canary.txt",
        "/pages/../canary.txt%00.html",
        "/pages/index.html/../../canary.txt",
        "/pages/missing/../../canary.txt",
        "/pages/%c0%ae%c0%ae/canary.txt",
        "/pages/%c0%ae%c0%ae%c0%afcanary.txt",
        "/pages/%ef%bc%8e%ef%bc%8e/canary.txt",
        "/pages/../canary.txt?x=/pages/index.html",
        "/pages/../canary.txt#",
        "http://localhost/canary.txt",
        "file:///canary.txt",
        "*",
    ]
    .map(str::to_owned)
    .into();
    for prefix in [
        "",
        "/",
        "/pages",
        "/pages/",
        "/pages//",
        "/pages/%2f",
        "file://",
    ] {
        targets.push(format!("{prefix}{canary}"));
    }
    for target in targets {
        let exchange = server.exchange(&target, get(&target));
        assert!(!exchange.contains(CANARY), "{exchange}");
        let status_line = format!("< HTTP/1.1 {}\\r\\n\n", status_of(&target));
        assert!(exchange.contains(&status_line), "{exchange}");
    }
    // The list would be worth nothing if the canary could not be found at all.
    fs::copy(canary, folder.path().join("pages/canary.txt")).expect("a copy");
    let exchange = server.exchange("the canary", get("/pages/folder/../canary.txt"));
    assert!(exchange.contains(CANARY), "{exchange}");
}

/// Checks that links that lead out of `pages/`, and what is no regular file, are not
/// found, and that a link that stays inside is.
#[cfg(unix)]
pub fn links_and_what_is_no_file(program: &str) {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use std::path::Path;
    use std::process::Command;

    let folder = site();
    let pages = folder.path().join("pages");
    let canary = folder.path().join("canary.txt");
    for (target, name) in [
        (Path::new("../canary.txt"), "link.txt"),
        (&canary, "absolute.txt"),
        (Path::new("link.txt"), "link-to-link.txt"),
        (Path::new(".."), "up"),
        (Path::new("/dev/zero"), "zero"),
        (Path::new("loop"), "loop"),
        (Path::new("index.html"), "inside.css"),
        (Path::new("folder"), "same"),
    ] {
        symlink(target, pages.join(name)).expect("a link");
    }
    let made = Command::new("mkfifo").arg(pages.join("pipe.txt")).status();
    assert!(made.expect("mkfifo runs").success());
    let _socket = UnixListener::bind(pages.join("socket.txt")).expect("a socket");

    let server = Server::start_in(program, folder.path());
    for name in [
        "link.txt",
        "absolute.txt",
        "link-to-link.txt",
        "up/canary.txt",
        "up",
        "zero",
        "loop",
        "pipe.txt",
        "socket.txt",
        "folder",
        "folder/",
        ".",
        "",
    ] {
        let exchange = server.exchange(name, get(&format!("/pages/{name}")));
        assert!(exchange.contains("< HTTP/1.1 404 Not Found"), "{exchange}");
    }
    let exchange = server.exchange("a link that stays inside", get("/pages/inside.css"));
    assert!(exchange.contains("< <h1>Served</h1>"), "{exchange}");
    // The client knows the name that it asked for, and not what it leads to.
    assert!(exchange.contains("< Content-Type: text/css"), "{exchange}");
    let deep = server.exchange("a link on the way", get("/pages/same/deep.css"));
    assert!(deep.contains("< h1 { color: teal }"), "{deep}");
}

/// Asks for a big file with several clients at once, and checks that each gets all of
/// it and that the server never holds it whole.
pub fn a_big_file_arrives_whole_and_is_never_whole_in_memory(program: &str) {
    const SIZE: u64 = 64 * 1024 * 1024;
    let folder = site_with_a_big_file(SIZE);
    let server = Server::start_in(program, folder.path());
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut answer = BufReader::new(ask_for_the_big_file(&server));
                let mut line = String::new();
                while line != "\r\n" {
                    line.clear();
                    answer.read_line(&mut line).expect("a line of the head");
                }
                let length = io::copy(&mut answer, &mut io::sink());
                assert_eq!(length.expect("cannot receive"), SIZE);
            });
        }
    });
    #[cfg(target_os = "linux")]
    {
        let kib = server.memory("VmHWM") as u64;
        assert!(kib < SIZE / 1024 / 4, "{kib} KiB at its peak");
    }
}

/// Asks for a big file and sends a byte more while it comes. A byte that arrives at a
/// closed connection comes back as a reset, and a reset would take with it what is
/// still on its way.
pub fn a_big_answer_survives_a_byte_that_comes_late(program: &str) {
    const SIZE: usize = 1024 * 1024;
    let folder = site_with_a_big_file(SIZE as u64);
    let server = Server::start_in(program, folder.path());
    for _ in 0..20 {
        let mut client = ask_for_the_big_file(&server);
        client.read_exact(&mut [0]).expect("a first byte");
        client.write_all(b"\r\n").expect("cannot send");
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).expect("the rest");
        assert!(rest.ends_with(&[0; SIZE]));
    }
}

/// Reads a big file slowly. A limit for each write would cut this client off, since a
/// system wakes a writer only once there is much room.
pub fn a_client_that_reads_slowly_gets_a_big_file_whole(program: &str) {
    reads_slowly(program, Server::open, 120, 1000);
}

/// Reads a big file at 4 KB a second: in all the time for which a server has patience,
/// that is less than it reads of a file at once.
pub fn a_client_that_reads_more_slowly_gets_a_big_file_whole(program: &str) {
    reads_slowly(program, Server::open_with_little_room, 250, 400);
}

/// Reads so many pieces of a big file, ten a second, and then the rest of it.
fn reads_slowly(program: &str, open: fn(&Server) -> Client, pieces: usize, length: usize) {
    const SIZE: u64 = 20 * 1024 * 1024;
    let folder = site_with_a_big_file(SIZE);
    let server = Server::start_in(program, folder.path());
    let mut client = open(&server);
    send(&mut client, &get("/pages/big.bin"));
    let mut received = 0;
    for _ in 0..pieces {
        received += read_some(&mut client, &mut vec![0; length]).expect("a part") as u64;
        thread::sleep(Duration::from_millis(100));
    }
    received += io::copy(&mut client, &mut io::sink()).expect("the rest");
    assert!(received > SIZE, "{received} of {SIZE} bytes and a head");
}

/// Asks for a big file eight times and reads none, and checks that even so
/// `next_client_is_served`.
pub fn a_client_that_never_reads_a_big_file_holds_nobody_else(
    program: &str,
    next_client_is_served: impl Fn(&Server),
) {
    let folder = site_with_a_big_file(1024 * 1024 * 1024);
    fs::write(folder.path().join("pages/style.css"), "").expect("a write");
    let server = Server::start_in(program, folder.path());
    let unread: Vec<_> = (0..8).map(|_| ask_for_the_big_file(&server)).collect();
    next_client_is_served(&server);
    drop(unread);
    next_client_is_served(&server);
}

/// Leaves a program room for one connection and no file, and checks that a file that
/// is there is not "not found". How many files a process has open to begin with is
/// known on Linux.
#[cfg(target_os = "linux")]
pub fn a_server_that_cannot_open_a_file_says_whose_fault_it_is(program: &str) {
    let server = Server::start_with_open_files(program, 5);
    for (target, status) in [
        ("/pages/style.css", "500 Internal Server Error"),
        ("/pages/missing.css", "404 Not Found"),
    ] {
        let exchange = server.exchange(target, get(target));
        let status_line = format!("< HTTP/1.1 {status}\\r\\n\n");
        assert!(exchange.contains(&status_line), "{exchange}");
    }
}

/// The media type of what a target of the workspace's own site names.
pub fn type_of(target: &str) -> &'static str {
    match target.rsplit_once('.') {
        Some((_, "css")) => "text/css",
        Some((_, "js")) => "text/javascript",
        Some((_, "svg")) => "image/svg+xml",
        _ => "text/html",
    }
}

/// Goes from a page to all that it names, and on from there, and checks that it is
/// there, but for the one that is named because it is not. `get` gives the status and
/// the body of what a target names.
pub fn every_file_that_a_page_names_is_there(first: &str, get: impl Fn(&str) -> (u16, String)) {
    let mut seen = Vec::new();
    let mut to_see = vec![first.to_owned()];
    while let Some(target) = to_see.pop() {
        let (status, body) = get(&target);
        let expected = if target == "/no-such-page" { 404 } else { 200 };
        assert_eq!(status, expected, "{target}");
        if type_of(&target) == "text/html" {
            for attribute in ["href=\"", "src=\"", "action=\""] {
                for rest in body.split(attribute).skip(1) {
                    let link = rest.split('"').next().unwrap_or_default().to_owned();
                    assert!(link.starts_with('/'), "{target} links to {link}");
                    if !seen.contains(&link) && !to_see.contains(&link) {
                        to_see.push(link);
                    }
                }
            }
        }
        seen.push(target);
    }
    assert!(seen.len() >= 8, "{seen:?}");
}
