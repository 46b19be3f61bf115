//! Chapter 7: files below `pages/` are served, and nothing else is.

use std::fs;
use std::path::Path;

use harness::files::site;
use harness::{Server, check_command_line, files, hostile};
use insta::assert_snapshot;

const CHAPTER: &str = env!("CARGO_BIN_EXE_ch07-static");

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n")
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
fn d3_a_tls_hello() {
    let exchange = Server::start(CHAPTER).exchange(
        "D3: a client that speaks TLS is told at once that this is no request",
        hostile::TLS_HELLO,
    );
    assert_snapshot!(exchange);
}

#[test]
fn d3_nothing_sent() {
    let exchange = Server::start(CHAPTER)
        .begin("D3: a client that sends nothing is no error")
        .half_close()
        .finish();
    assert_snapshot!(exchange);
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
        "core, D6: what lies beside pages/ is not found",
        get("/Cargo.toml")
    ));
}

#[test]
fn d6_dot_segments() {
    assert_snapshot!(exchange(
        "core, D6: dot segments do not lead out of pages/",
        get("/pages/../Cargo.toml"),
    ));
}

#[test]
fn d6_encoded_dot_segments() {
    assert_snapshot!(exchange(
        "core, D6: nor do they when they are encoded",
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
    files::nothing_leads_out(CHAPTER, |target| {
        // What is no target at all is refused before anything is looked for.
        let is_target = target.starts_with('/') || target.contains("://") || target == "*";
        if is_target {
            "404 Not Found"
        } else {
            "400 Bad Request"
        }
    });
}

#[cfg(unix)]
#[test]
fn d6_what_may_not_be_read_is_not_found_and_in_the_log() {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    let site = site();
    let allow = |name: &str, mode| {
        let path = site.path().join("pages").join(name);
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("its owner may");
    };
    allow("a b.txt", 0);
    if fs::read(site.path().join("pages/a b.txt")).is_ok() {
        println!("skipped: this user may read everything");
        return;
    }
    allow("folder", 0);
    let server = Server::start_in(CHAPTER, site.path());
    for target in ["/pages/a%20b.txt", "/pages/folder/deep.css"] {
        let exchange = server.exchange("forbidden", get(target));
        assert!(exchange.contains("404 Not Found"), "{exchange}");
    }
    // Else the folder could not be removed.
    allow("folder", 0o755);
    let log = server.log();
    let lines: Vec<_> = log
        .lines()
        .filter(|line| line.contains("may not read"))
        .collect();
    assert_eq!(lines.len(), 2, "{log}");
    assert!(lines[0].contains("a b.txt") && lines[1].contains("deep.css"));
}

#[cfg(unix)]
#[test]
fn d6_links_that_lead_out_and_what_is_no_file() {
    files::links_and_what_is_no_file(CHAPTER);
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
    let agent = harness::agent();
    files::every_file_that_a_page_names_is_there("/", |target| {
        let mut response = agent.get(server.url(target)).call().unwrap();
        assert_eq!(
            response.headers()["content-type"],
            files::type_of(target),
            "{target}"
        );
        let status = response.status().as_u16();
        (status, response.body_mut().read_to_string().unwrap())
    });
}

#[test]
fn a_big_file_arrives_whole_for_clients_at_once_and_is_never_whole_in_memory() {
    files::a_big_file_arrives_whole_and_is_never_whole_in_memory(CHAPTER);
}

#[test]
fn d8_a_big_answer_survives_a_byte_that_comes_late() {
    files::a_big_answer_survives_a_byte_that_comes_late(CHAPTER);
}

#[test]
#[ignore = "reads slowly for 12 s"]
fn a_client_that_reads_slowly_gets_a_big_file_whole() {
    files::a_client_that_reads_slowly_gets_a_big_file_whole(CHAPTER);
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_that_cannot_open_a_file_says_whose_fault_it_is() {
    files::a_server_that_cannot_open_a_file_says_whose_fault_it_is(CHAPTER);
}

#[test]
fn a_client_that_never_reads_a_big_file_holds_nobody_else() {
    files::a_client_that_never_reads_a_big_file_holds_nobody_else(CHAPTER, the_page_is_served);
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

#[test]
fn exercise_twice() {
    let exchange = solution().exchange(
        "exercise: two dates are as good as none",
        conditional(
            "GET",
            "If-Modified-Since: Fri, 31 Dec 9999 23:59:59 GMT\r\n\
             If-Modified-Since: Fri, 31 Dec 9999 23:59:59 GMT",
        ),
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_no_such_day() {
    let exchange = solution().exchange(
        "exercise: a day that no month has is no date",
        conditional("GET", "If-Modified-Since: Fri, 99 Dec 9999 23:59:59 GMT"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_another_zone() {
    let exchange = solution().exchange(
        "exercise: a time of another zone is no date",
        conditional("GET", "If-Modified-Since: Fri, 31 Dec 9999 23:59:59 CET"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_not_found() {
    let exchange = solution().exchange(
        "exercise: the 404 page has no date, and has always changed",
        conditional("GET", "If-Modified-Since: Fri, 31 Dec 9999 23:59:59 GMT").replacen(
            FILE,
            "/pages/none.svg",
            1,
        ),
    );
    assert_snapshot!(exchange);
}

/// The date of a file is another than the time of the day, for which a second has to pass.
#[test]
fn exercise_a_second_later() {
    let server = solution();
    let mut exchange = server
        .begin("exercise: a file that has not changed has the same date a second later")
        .send(get(FILE))
        .another();
    for _ in 0..21 {
        exchange = exchange.waits();
    }
    let exchange = exchange
        .send(conditional("GET", "If-Modified-Since: [Last-Modified]"))
        .finish();
    assert_snapshot!(exchange);
}
