//! Chapter 7: files below `pages/` are served, and nothing else is.

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;

use harness::{Server, check_command_line, hostile};
use insta::assert_snapshot;
use tempfile::TempDir;

const CHAPTER: &str = env!("CARGO_BIN_EXE_ch07-static");
const CANARY: &str = "a secret beside pages/";

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

/// A folder with a small `pages/` of its own, and a canary beside it.
fn site() -> TempDir {
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

/// What a server over the workspace's own `pages/` says to one request.
fn exchange(title: &str, request: impl AsRef<[u8]>) -> String {
    Server::start(CHAPTER).exchange(title, request)
}

fn the_page_is_served(server: &Server) {
    let exchange = server.exchange("core", get("/pages/style.css"));
    assert!(
        exchange.contains("< Content-Type: text/css\\r\\n\n"),
        "{exchange}"
    );
}

#[test]
fn index() {
    assert_snapshot!(exchange("core: / is pages/index.html", get("/")));
}

#[test]
fn a_page_in_a_folder() {
    assert_snapshot!(exchange(
        "core: /pages/NAME is pages/NAME, also in a folder",
        get("/pages/lessons/bytes.html"),
    ));
}

#[test]
fn not_found() {
    assert_snapshot!(exchange(
        "core: what is not there is not found",
        get("/pages/missing.html")
    ));
}

#[test]
fn d1_lines_end_in_crlf() {
    assert_snapshot!(exchange(
        "D1: lines end in CRLF, also for a client that ends its own in LF",
        "GET /pages/missing.html HTTP/1.0\n\n",
    ));
}

#[test]
fn d3_a_broken_request() {
    assert_snapshot!(exchange(
        "D3: a request line of two words is a bad request",
        "GET /\r\n\r\n"
    ));
}

#[test]
fn d6_a_drawing() {
    assert_snapshot!(exchange(
        "D6: the content type follows the extension",
        get("/pages/favicon.svg"),
    ));
}

#[test]
fn d6_percent_encoding_and_a_query() {
    assert_snapshot!(exchange(
        "D6: percent-encoding is undone, and a query is cut off",
        get("/pages/%66avicon%2esvg?v=%2e%2e"),
    ));
}

#[test]
fn d6_percent_encoding_is_undone_once() {
    assert_snapshot!(exchange(
        "D6: percent-encoding is undone once and not twice",
        get("/pages/favicon%252esvg"),
    ));
}

#[test]
fn d6_a_folder() {
    assert_snapshot!(exchange("D6: a folder is not found", get("/pages/lessons")));
}

#[test]
fn d6_beside_pages() {
    assert_snapshot!(exchange(
        "D6: what lies beside pages/ is not found",
        get("/Cargo.toml")
    ));
}

#[test]
fn d6_dot_segments() {
    assert_snapshot!(exchange(
        "D6: dot segments do not lead out of pages/",
        get("/pages/../Cargo.toml"),
    ));
}

#[test]
fn d6_encoded_dot_segments() {
    assert_snapshot!(exchange(
        "D6: nor do they when they are encoded",
        get("/pages/%2e%2e/Cargo.toml"),
    ));
}

#[test]
fn d6_bytes_come_as_they_are() {
    let folder = site();
    let server = Server::start_in(CHAPTER, folder.path());
    for (target, content_type, body) in [
        ("/", "text/html", &b"<h1>Served</h1>\n"[..]),
        ("/pages/bytes.png", "image/png", b"\x89PNG\r\n\x1a\n\0\xff"),
        ("/pages/empty.js", "text/javascript", b""),
        ("/pages/a%20b.txt", "text/plain", "grüße\n".as_bytes()),
        (
            "/pages/folder/deep.css",
            "text/css",
            b"h1 { color: teal }\n",
        ),
    ] {
        let mut response = ureq::get(server.url(target)).call().unwrap();
        assert_eq!(response.status(), 200, "{target}");
        assert_eq!(response.headers()["content-type"], content_type, "{target}");
        assert_eq!(response.body_mut().read_to_vec().unwrap(), body, "{target}");
    }
}

/// Each way out of `pages/` that is known to have worked on some server.
#[test]
fn d6_no_traversal_reaches_the_canary() {
    let folder = site();
    let server = Server::start_in(CHAPTER, folder.path());
    let canary = folder.path().join("canary.txt");
    let canary = canary.to_str().unwrap();
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
        // What is no target at all is refused before anything is looked for.
        let is_path = target.starts_with('/') || target.contains("://") || target == "*";
        let status = if is_path {
            "404 Not Found"
        } else {
            "400 Bad Request"
        };
        assert!(
            exchange.contains(&format!("< HTTP/1.1 {status}")),
            "{exchange}"
        );
    }
    // The list would be worth nothing if the canary could not be found at all.
    fs::copy(canary, folder.path().join("pages/canary.txt")).unwrap();
    let exchange = server.exchange("the canary", get("/pages/folder/../canary.txt"));
    assert!(exchange.contains(CANARY), "{exchange}");
}

#[cfg(unix)]
#[test]
fn d6_links_that_lead_out_and_what_is_no_file() {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use std::process::Command;

    let folder = site();
    let pages = folder.path().join("pages");
    symlink("../canary.txt", pages.join("link.txt")).unwrap();
    symlink(folder.path().join("canary.txt"), pages.join("absolute.txt")).unwrap();
    symlink("link.txt", pages.join("link-to-link.txt")).unwrap();
    symlink("..", pages.join("up")).unwrap();
    symlink("/dev/zero", pages.join("zero")).unwrap();
    symlink("loop", pages.join("loop")).unwrap();
    symlink("index.html", pages.join("inside.css")).unwrap();
    let made = Command::new("mkfifo").arg(pages.join("pipe.txt")).status();
    assert!(made.unwrap().success());
    let _socket = UnixListener::bind(pages.join("socket.txt")).unwrap();

    let server = Server::start_in(CHAPTER, folder.path());
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
    assert!(
        exchange.contains("< Content-Type: text/css\\r\\n"),
        "{exchange}"
    );
}

/// A folder that is itself reached over a link is a folder like any other.
#[cfg(unix)]
#[test]
fn pages_may_be_a_link() {
    let target = site();
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("pages");
    std::os::unix::fs::symlink(target.path().join("pages"), pages).unwrap();
    let server = Server::start_in(CHAPTER, folder.path());
    let exchange = server.exchange("linked", get("/"));
    assert!(exchange.contains("< <h1>Served</h1>"), "{exchange}");
}

#[test]
fn a_folder_without_pages_gets_the_pages_of_the_workspace() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_in(CHAPTER, folder.path());
    let mut response = ureq::get(server.url("/")).call().unwrap();
    let served = response.body_mut().read_to_string().unwrap();
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pages/index.html");
    assert_eq!(served, fs::read_to_string(own).unwrap());
}

#[test]
fn every_file_of_the_site_that_a_page_names_is_there_and_has_its_type() {
    let server = Server::start(CHAPTER);
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into();
    let mut seen = Vec::new();
    let mut to_see = vec!["/".to_owned()];
    while let Some(target) = to_see.pop() {
        let mut response = agent.get(server.url(&target)).call().unwrap();
        let content_type = match target.rsplit_once('.') {
            Some((_, "css")) => "text/css",
            Some((_, "js")) => "text/javascript",
            Some((_, "svg")) => "image/svg+xml",
            _ => "text/html",
        };
        let status = if target == "/no-such-page" { 404 } else { 200 };
        assert_eq!(response.status(), status, "{target}");
        assert_eq!(response.headers()["content-type"], content_type, "{target}");
        let body = response.body_mut().read_to_string().unwrap();
        if content_type == "text/html" {
            for attribute in ["href=\"", "src=\""] {
                for rest in body.split(attribute).skip(1) {
                    let link = rest.split('"').next().unwrap().to_owned();
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

#[test]
fn a_big_file_arrives_whole_for_clients_at_once_and_is_never_whole_in_memory() {
    const SIZE: u64 = 64 * 1024 * 1024;
    let folder = site();
    let big = fs::File::create(folder.path().join("pages/big.bin")).unwrap();
    big.set_len(SIZE).unwrap();
    let server = Server::start_in(CHAPTER, folder.path());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut response = ureq::get(server.url("/pages/big.bin")).call().unwrap();
                assert_eq!(
                    response.headers()["content-type"],
                    "application/octet-stream"
                );
                let mut body = response.body_mut().as_reader();
                assert_eq!(io::copy(&mut body, &mut io::sink()).unwrap(), SIZE);
            });
        }
    });
    if cfg!(target_os = "linux") {
        let status = fs::read_to_string(format!("/proc/{}/status", server.process())).unwrap();
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap();
        let kib: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(kib < SIZE / 1024 / 4, "{kib} KiB at its peak");
    }
}

/// A byte that arrives at a closed connection comes back as a reset, and a reset
/// would take with it what is still on its way.
#[test]
fn d8_a_big_answer_survives_a_byte_that_comes_late() {
    const SIZE: usize = 1024 * 1024;
    let folder = site();
    let big = fs::File::create(folder.path().join("pages/big.bin")).unwrap();
    big.set_len(SIZE as u64).unwrap();
    let server = Server::start_in(CHAPTER, folder.path());
    for _ in 0..20 {
        let mut client = server.connect();
        client.write_all(get("/pages/big.bin").as_bytes()).unwrap();
        client.read_exact(&mut [0]).unwrap();
        client.write_all(b"\r\n").unwrap();
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).unwrap();
        assert!(rest.ends_with(&[0; SIZE]));
    }
}

/// Here the client is slow and reads all the same; a limit for each write would
/// cut it off, since a system wakes a writer only once there is much room.
#[test]
#[ignore = "reads slowly for 12 s"]
fn a_client_that_reads_slowly_gets_a_big_file_whole() {
    const SIZE: u64 = 20 * 1024 * 1024;
    let folder = site();
    let big = fs::File::create(folder.path().join("pages/big.bin")).unwrap();
    big.set_len(SIZE).unwrap();
    let server = Server::start_in(CHAPTER, folder.path());
    let mut client = server.connect();
    client.write_all(get("/pages/big.bin").as_bytes()).unwrap();
    let mut received = 0;
    for _ in 0..120 {
        received += client.read(&mut [0; 1000]).unwrap() as u64;
        std::thread::sleep(Duration::from_millis(100));
    }
    received += io::copy(&mut client, &mut io::sink()).unwrap();
    assert!(received > SIZE, "{received} of {SIZE} bytes and a head");
}

/// With room for one connection and no file, the file that is there is not
/// "not found". How many files a process has open to begin with is known here.
#[cfg(target_os = "linux")]
#[test]
fn a_server_that_cannot_open_a_file_says_whose_fault_it_is() {
    let server = Server::start_with_open_files(CHAPTER, 5);
    let exchange = server.exchange("no file left", get("/pages/style.css"));
    assert!(
        exchange.contains("< HTTP/1.1 500 Internal Server Error"),
        "{exchange}"
    );
    let exchange = server.exchange("not there", get("/pages/missing.css"));
    assert!(exchange.contains("< HTTP/1.1 404 Not Found"), "{exchange}");
}

#[test]
fn a_client_that_never_reads_a_big_file_holds_nobody_else() {
    let folder = site();
    fs::write(folder.path().join("pages/style.css"), "").unwrap();
    let big = fs::File::create(folder.path().join("pages/big.bin")).unwrap();
    big.set_len(1024 * 1024 * 1024).unwrap();
    let server = Server::start_in(CHAPTER, folder.path());
    let unread: Vec<_> = (0..8)
        .map(|_| server.begin("never read").send(get("/pages/big.bin")))
        .collect();
    the_page_is_served(&server);
    drop(unread);
    the_page_is_served(&server);
}

#[test]
fn d8_an_answer_survives_what_was_left_unread() {
    let exchange = Server::start(CHAPTER)
        .begin("D8: what follows the request does not destroy the answer")
        .send([get("/pages/missing.html").into_bytes(), vec![b'x'; 20_000]].concat())
        .half_close()
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn d9_the_newest_of_several_connections_is_answered_first() {
    let exchange = Server::start(CHAPTER)
        .begin_behind(4, "D9: the newest of several connections is answered first")
        .send(get("/pages/missing.html"))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn log() {
    let folder = site();
    let server = Server::start_in(CHAPTER, folder.path());
    for request in [
        get("/"),
        get("/pages/missing.html"),
        "GET /\r\n\r\n".to_owned(),
    ] {
        server.begin("logged").send(request).half_close().finish();
    }
    server.begin("closed without a byte").half_close().finish();
    assert_snapshot!(server.log());
}

#[test]
fn a_real_client() {
    let missing = ureq::get(Server::start(CHAPTER).url("/pages/missing.png")).call();
    assert!(
        matches!(missing, Err(ureq::Error::StatusCode(404))),
        "{missing:?}"
    );
}

#[test]
fn command_line() {
    check_command_line(CHAPTER);
}

#[test]
fn hostile_clients() {
    hostile::try_each(&Server::start(CHAPTER), the_page_is_served);
}

#[test]
fn a_log_that_nobody_reads_costs_no_answer() {
    hostile::nobody_reads_the_log(CHAPTER, the_page_is_served);
}

#[test]
fn a_silent_crowd() {
    hostile::a_silent_crowd(&Server::start(CHAPTER), the_page_is_served);
}

fn solution() -> Server {
    Server::start_solution(CHAPTER, "ch07-solution")
}

const FILE: &str = "/pages/favicon.svg";

/// A request for a file with more field lines.
fn conditional(method: &str, fields: &str) -> String {
    format!("{method} {FILE} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n\r\n")
}

#[test]
fn exercise_last_modified() {
    let exchange = solution().exchange("exercise: a file comes with its date", get(FILE));
    assert_snapshot!(exchange);
}

#[test]
fn exercise_not_modified() {
    let exchange = solution()
        .begin("exercise: a file that has not changed is not sent again")
        .send(get(FILE))
        .another()
        .send(conditional("GET", "If-Modified-Since: [Last-Modified]"))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_head() {
    let exchange = solution()
        .begin("exercise: HEAD may ask whether a file has changed")
        .send(get(FILE))
        .another()
        .send(conditional("HEAD", "If-Modified-Since: [Last-Modified]"))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_later() {
    let exchange = solution().exchange(
        "exercise: a file has not changed since a later date",
        conditional("GET", "If-Modified-Since: Fri, 31 Dec 9999 23:59:59 GMT"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_earlier() {
    let exchange = solution().exchange(
        "exercise: a file that has changed is sent",
        conditional("GET", "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_no_date() {
    let exchange = solution().exchange(
        "exercise: what is no date is ignored",
        conditional("GET", "If-Modified-Since: the day before yesterday"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_other_methods() {
    let exchange = solution().exchange(
        "exercise: for other methods If-Modified-Since means nothing",
        conditional("POST", "If-Modified-Since: Fri, 31 Dec 9999 23:59:59 GMT"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_if_none_match() {
    let exchange = solution().exchange(
        "exercise: If-None-Match makes If-Modified-Since mean nothing",
        conditional(
            "GET",
            "If-Modified-Since: Fri, 31 Dec 9999 23:59:59 GMT\r\nIf-None-Match: \"1\"",
        ),
    );
    assert_snapshot!(exchange);
}
