//! Chapter 14: send only what the client does not have.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use harness::response::answers;
use harness::{Server, check_command_line, files, hostile};
use insta::assert_snapshot;
use tempfile::TempDir;

const CHAPTER: &str = env!("CARGO_BIN_EXE_ch14-caching");

/// A small file of the site.
const FILE: &str = "/pages/favicon.svg";
const LATER: &str = "Fri, 31 Dec 9999 23:59:59 GMT";
const EARLIER: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

/// A request with more fields, which stays.
fn ask(line: &str, fields: &str) -> String {
    let end = if fields.is_empty() { "" } else { "\r\n" };
    format!("{line} HTTP/1.1\r\nHost: localhost\r\n{fields}{end}\r\n")
}

/// The last one of its connection.
fn ask_last(line: &str, fields: &str) -> String {
    let fields = match fields {
        "" => "Connection: close".to_owned(),
        _ => format!("{fields}\r\nConnection: close"),
    };
    ask(line, &fields)
}

fn get_file(fields: &str) -> String {
    ask_last(&format!("GET {FILE}"), fields)
}

fn head_of_file(fields: &str) -> String {
    ask_last(&format!("HEAD {FILE}"), fields)
}

/// What a server says to one request.
fn exchange(heading: &str, request: impl AsRef<[u8]>) -> String {
    Server::start(CHAPTER).exchange(heading, request)
}

/// What a server says to a client that asks for the head of the file, and then, over
/// the same connection, with what it has learnt.
fn knowing(heading: &str, request: impl AsRef<[u8]>) -> String {
    Server::start(CHAPTER)
        .begin(heading)
        .send(ask(&format!("HEAD {FILE}"), ""))
        .receive()
        .send(request)
        .finish()
}

fn the_page_is_served(server: &Server) {
    let exchange = server.exchange("core", ask_last("GET /hello", ""));
    assert!(exchange.contains("< <h1>Hello, User!</h1>"), "{exchange}");
}

#[test]
fn what_came_before() {
    harness::still_does_what_came_before("ch14-caching", CHAPTER);
}

#[test]
#[ignore = "a client rests for some seconds"]
fn a_client_may_still_rest() {
    harness::a_client_may_still_rest("ch14-caching", CHAPTER);
}

// What a client learns

#[test]
fn a_file_and_its_validators() {
    assert_snapshot!(exchange(
        "core: a file comes with its tag and its date, and with leave to keep it",
        get_file(""),
    ));
}

#[test]
fn head_tells_the_validators() {
    assert_snapshot!(exchange(
        "core: HEAD tells the same of a file",
        head_of_file(""),
    ));
}

// 304

#[test]
fn if_none_match() {
    assert_snapshot!(knowing(
        "core: who has the file with this tag does not get it again",
        get_file("If-None-Match: [ETag]"),
    ));
}

#[test]
fn if_none_match_of_another_file() {
    let exchange = Server::start(CHAPTER)
        .begin("lesson: the tag of one file is not that of another")
        .send(ask("HEAD /pages/style.css", ""))
        .receive()
        .send(get_file("If-None-Match: [ETag]"))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn if_none_match_in_a_list() {
    assert_snapshot!(knowing(
        "core: the tag may stand in a list, and a comma within a tag separates nothing",
        get_file("If-None-Match: \"a, b\", W/\"c\",, [ETag]"),
    ));
}

#[test]
fn if_none_match_of_a_tag_with_commas() {
    assert_snapshot!(exchange(
        "core: what stands between the commas of a tag is no tag",
        get_file("If-None-Match: \"a,*,b\""),
    ));
}

#[test]
fn if_none_match_in_two_lines() {
    assert_snapshot!(knowing(
        "core: a list may come in two lines",
        get_file("If-None-Match: \"a\"\r\nIf-None-Match: [ETag]"),
    ));
}

#[test]
fn if_none_match_weakly() {
    assert_snapshot!(knowing(
        "core: to this question a weak tag is as good as a strong one",
        get_file("If-None-Match: W/[ETag]"),
    ));
}

#[test]
fn if_none_match_any() {
    assert_snapshot!(exchange(
        "core: * stands for every tag",
        get_file("If-None-Match: *"),
    ));
}

#[test]
fn if_none_match_another() {
    assert_snapshot!(exchange(
        "core: who has another version gets this one",
        head_of_file("If-None-Match: \"another\", W/\"and another\""),
    ));
}

#[test]
fn if_none_match_with_a_backslash() {
    assert_snapshot!(knowing(
        "robust: a backslash in a tag escapes nothing",
        get_file("If-None-Match: \"a\\\", [ETag]"),
    ));
}

#[test]
fn head_not_modified() {
    assert_snapshot!(knowing(
        "core: HEAD may ask the same",
        head_of_file("If-None-Match: [ETag]"),
    ));
}

#[test]
fn if_modified_since() {
    assert_snapshot!(knowing(
        "core: who has the file of this date does not get it again",
        get_file("If-Modified-Since: [Last-Modified]"),
    ));
}

/// Each is played twice, with a date before the file's and with one after it.
#[test]
fn if_modified_since_in_the_old_forms() {
    let server = Server::start(CHAPTER);
    let line = format!("HEAD {FILE}");
    let asked = [
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Friday, 31-Dec-60 23:59:59 GMT",
        "Sun Nov  6 08:49:37 1994",
    ]
    .map(|date| ask(&line, &format!("If-Modified-Since: {date}")))
    .concat();
    let last = ask_last(&line, "If-Modified-Since: Fri Dec 31 23:59:59 9999");
    assert_snapshot!(
        server
            .begin("core: a date may come in two older forms, and their years are understood")
            .send(asked + &last)
            .finish()
    );
}

#[test]
fn if_modified_since_no_date() {
    let line = format!("HEAD {FILE}");
    let asked = [
        "If-Modified-Since: tomorrow".to_owned(),
        "If-Modified-Since: Thu, 31 Feb 9999 00:00:00 GMT".to_owned(),
        format!("If-Modified-Since: {LATER}\r\nIf-Modified-Since: {LATER}"),
    ]
    .map(|fields| ask(&line, &fields))
    .concat();
    assert_snapshot!(exchange(
        "core: what is no date, and two of them, are ignored",
        asked + &ask_last(&line, "If-Modified-Since:"),
    ));
}

// 412

#[test]
fn if_match() {
    assert_snapshot!(knowing(
        "core: who wants this version alone gets it",
        head_of_file("If-Match: \"a\", [ETag]"),
    ));
}

#[test]
fn if_match_any() {
    assert_snapshot!(exchange(
        "core: who wants any version gets this one",
        head_of_file("If-Match: *"),
    ));
}

#[test]
fn if_match_another() {
    assert_snapshot!(exchange(
        "core: who wants another version alone gets none",
        get_file("If-Match: \"another\""),
    ));
}

#[test]
fn if_match_weakly() {
    assert_snapshot!(knowing(
        "core: to that question a weak tag is not good enough",
        get_file("If-Match: W/[ETag]"),
    ));
}

#[test]
fn if_unmodified_since() {
    let line = format!("HEAD {FILE}");
    assert_snapshot!(knowing(
        "core: who wants the file as it was then gets it where it is still that",
        ask(&line, "If-Unmodified-Since: [Last-Modified]")
            + &ask(&line, &format!("If-Unmodified-Since: {LATER}"))
            + &ask(&line, "If-Unmodified-Since: the good old days")
            + &ask_last(&line, &format!("If-Unmodified-Since: {EARLIER}")),
    ));
}

#[test]
fn if_unmodified_since_before_1970() {
    assert_snapshot!(exchange(
        "robust: a date before 1970 is one",
        head_of_file("If-Unmodified-Since: Wed, 31 Dec 1969 23:59:59 GMT"),
    ));
}

// Which counts

#[test]
fn precedence_of_if_none_match() {
    let line = format!("HEAD {FILE}");
    assert_snapshot!(knowing(
        "core: where a tag is asked for, the date is not looked at",
        ask(
            &line,
            &format!("If-None-Match: \"a\"\r\nIf-Modified-Since: {LATER}")
        ) + &ask_last(
            &line,
            &format!("If-Modified-Since: {EARLIER}\r\nIf-None-Match: [ETag]")
        ),
    ));
}

#[test]
fn precedence_of_if_match() {
    let line = format!("HEAD {FILE}");
    assert_snapshot!(knowing(
        "core: nor is it where a tag is wanted",
        ask(
            &line,
            &format!("If-Match: \"a\"\r\nIf-Unmodified-Since: {LATER}")
        ) + &ask_last(
            &line,
            &format!("If-Unmodified-Since: {EARLIER}\r\nIf-Match: [ETag]")
        ),
    ));
}

#[test]
fn precedence_of_412() {
    assert_snapshot!(knowing(
        "core: what is wanted is looked at before what is there already",
        ask(
            &format!("HEAD {FILE}"),
            "If-None-Match: [ETag]\r\nIf-Match: \"a\""
        ) + &head_of_file("If-None-Match: [ETag]\r\nIf-Match: [ETag]"),
    ));
}

#[test]
fn precedence_of_304() {
    assert_snapshot!(knowing(
        "core: who has the file gets no part of it either, not even one that is not there",
        ask(
            &format!("GET {FILE}"),
            "Range: bytes=0-4\r\nIf-None-Match: [ETag]"
        ) + &get_file("Range: bytes=9999-\r\nIf-None-Match: [ETag]"),
    ));
}

#[test]
fn conditions_for_what_is_not_there() {
    let target = "GET /pages/missing.svg";
    assert_snapshot!(exchange(
        "core: where the answer is no file, no condition is looked at",
        ask(target, "If-None-Match: *")
            + &ask(target, "If-Match: \"a\"")
            + &ask_last(target, "Range: bytes=0-4"),
    ));
}

#[test]
fn conditions_of_another_method() {
    assert_snapshot!(exchange(
        "core: nor where the method is not allowed",
        ask_last(
            &format!("PUT {FILE}"),
            "If-Match: \"a\"\r\nContent-Length: 0"
        ),
    ));
}

// Ranges

#[test]
fn range() {
    assert_snapshot!(exchange(
        "core: a part of a file, both ends included",
        get_file("Range: bytes=1-3"),
    ));
}

#[test]
fn range_to_the_end() {
    assert_snapshot!(exchange(
        "core: a part up to the end",
        get_file("Range: bytes=600-"),
    ));
}

#[test]
fn range_of_the_last_ones() {
    assert_snapshot!(exchange(
        "core: so many of the last bytes",
        get_file("Range: bytes=-7"),
    ));
}

#[test]
fn range_beyond_the_end() {
    assert_snapshot!(exchange(
        "core: a part ends where the file ends",
        get_file("Range: bytes=599-99999999999999999999999"),
    ));
}

#[test]
fn range_of_more_than_all() {
    assert_snapshot!(exchange(
        "core: the last bytes are all of them where there are no more",
        ask(&format!("GET {FILE}"), "Range: bytes=-99999999999999999999")
            + &get_file("Range: bytes=0-0"),
    ));
}

#[test]
fn range_that_is_not_there() {
    assert_snapshot!(exchange(
        "core: a part that is not there, and how long the file is",
        ask(&format!("GET {FILE}"), "Range: bytes=606-") + &get_file("Range: bytes=-0"),
    ));
}

#[test]
fn ranges_at_once() {
    assert_snapshot!(exchange(
        "core: who asks for several parts at once gets all of it",
        get_file("Range: bytes=0-1, 3-4"),
    ));
}

#[test]
fn range_of_what_is_none() {
    let server = Server::start(CHAPTER);
    let line = format!("GET {FILE}");
    let asked = ["bytes=3-1", "lines=0-1", "bytes=a-b", "bytes=+1-3", "1-3"]
        .map(|range| ask(&line, &format!("Range: {range}")))
        .concat();
    let exchange = server
        .begin("core: what is no range that we know is ignored")
        .send(asked + &ask_last(&line, "Range: bytes=0-1\r\nRange: bytes=3-4"))
        .finish();
    assert_eq!(exchange.matches("< HTTP/1.1 200 OK").count(), 6);
    assert_snapshot!(exchange);
}

#[test]
fn range_for_head() {
    assert_snapshot!(exchange(
        "core: for HEAD there are no parts",
        head_of_file("Range: bytes=0-4"),
    ));
}

#[test]
fn if_range() {
    let line = format!("GET {FILE}");
    assert_snapshot!(knowing(
        "core: who has a part of this version gets another part of it",
        ask(&line, "Range: bytes=0-4\r\nIf-Range: [ETag]")
            + &ask_last(&line, "Range: bytes=5-9\r\nIf-Range: [Last-Modified]"),
    ));
}

#[test]
fn if_range_another() {
    assert_snapshot!(exchange(
        "core: who has a part of another version gets all of this one",
        get_file("Range: bytes=0-4\r\nIf-Range: \"another\""),
    ));
}

#[test]
fn if_range_weakly() {
    assert_snapshot!(knowing(
        "core: a part must fit byte for byte, and a weak tag does not promise that",
        get_file("Range: bytes=0-4\r\nIf-Range: W/[ETag]"),
    ));
}

#[test]
fn if_range_another_date() {
    assert_snapshot!(exchange(
        "core: a later date is another version's too",
        get_file(&format!("Range: bytes=0-4\r\nIf-Range: {LATER}")),
    ));
}

#[test]
fn if_range_of_several() {
    assert_snapshot!(knowing(
        "robust: If-Range has one value and no list",
        get_file("Range: bytes=0-4\r\nIf-Range: [ETag], [ETag]"),
    ));
}

#[test]
fn if_range_without_a_range() {
    assert_snapshot!(exchange(
        "core: without a range If-Range means nothing",
        head_of_file("If-Range: \"another\""),
    ));
}

#[test]
fn pipelined() {
    let line = format!("GET {FILE}");
    assert_snapshot!(exchange(
        "core: each answer over one connection ends where the next one begins",
        ask(&line, "If-None-Match: *")
            + &ask(&line, "Range: bytes=0-4")
            + &ask(&line, "If-Match: \"a\"")
            + &ask(&format!("HEAD {FILE}"), "")
            + &ask(&line, "Range: bytes=9999-")
            + &ask(&line, "If-None-Match: *")
            + &ask_last("GET /hello", "If-None-Match: *\r\nRange: bytes=0-4"),
    ));
}

#[test]
fn asked_once_more() {
    let line = format!("GET {FILE}");
    assert_snapshot!(
        Server::start(CHAPTER)
            .begin("core: who is told that nothing has changed may ask again with the same tag")
            .send(ask(&line, "If-None-Match: *"))
            .receive()
            .send(ask(&line, "If-None-Match: [ETag]"))
            .receive()
            .stays_open()
    );
}

// What depends on the file

/// A site with the file `a.txt`, which was written so long ago.
fn site_with(content: &[u8], age: Duration) -> TempDir {
    let folder = files::site();
    write_aged(&folder.path().join("pages/a.txt"), content, age);
    folder
}

fn write_aged(path: &Path, content: &[u8], age: Duration) {
    fs::write(path, content).expect("cannot write the file");
    set_time(path, SystemTime::now() - age);
}

fn set_time(path: &Path, time: SystemTime) {
    let file = File::options().write(true).open(path);
    let is_set = file.and_then(|file| file.set_modified(time));
    is_set.expect("cannot set the time of the file");
}

const HOUR: Duration = Duration::from_secs(60 * 60);
/// Within this time no test ends, and a file that is that old has just changed.
const JUST_NOW: Duration = Duration::ZERO;

/// Asks for `a.txt`.
fn a_txt(server: &Server, fields: &str) -> ureq::http::Response<ureq::Body> {
    let agent = harness::agent();
    let request = agent.get(server.url("/pages/a.txt"));
    let fields = fields.lines().filter_map(|line| line.split_once(": "));
    let request = fields.fold(request, |request, (name, value)| {
        request.header(name, value)
    });
    request.call().expect("an answer")
}

fn field(response: &ureq::http::Response<ureq::Body>, name: &str) -> String {
    let value = response.headers().get(name);
    value.map_or(String::new(), |value| {
        String::from_utf8_lossy(value.as_bytes()).into_owned()
    })
}

/// A time in the future is no better than one of this moment, and cannot grow old while
/// the test runs.
/// Builds that are to give the same files each time set their times to 0.
#[test]
fn a_file_whose_time_is_0_is_sent_once() {
    let site = site_with(b"text", HOUR);
    set_time(&site.path().join("pages/a.txt"), SystemTime::UNIX_EPOCH);
    let server = Server::start_in(CHAPTER, site.path());
    let tag = field(&a_txt(&server, ""), "etag");
    assert!(tag.starts_with('"'), "{tag}");
    let again = a_txt(&server, &format!("If-None-Match: {tag}"));
    assert_eq!(again.status(), 304);
    let again = a_txt(&server, "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT");
    assert_eq!(again.status(), 304);
}

#[test]
fn a_file_that_has_just_changed_has_a_weak_tag_and_no_date() {
    let folder = site_with(b"one\n", JUST_NOW);
    let path = folder.path().join("pages/a.txt");
    set_time(&path, SystemTime::now() + HOUR);
    let server = Server::start_in(CHAPTER, folder.path());
    let fresh = a_txt(&server, "");
    let tag = field(&fresh, "ETag");
    assert!(tag.starts_with("W/\""), "{tag}");
    assert_eq!(field(&fresh, "Last-Modified"), "");
    assert_eq!(field(&fresh, "Cache-Control"), "no-cache");
    // It is good for nothing that has to fit byte for byte.
    for (fields, status) in [
        (format!("If-Match: {tag}"), 412),
        (format!("Range: bytes=0-1\nIf-Range: {tag}"), 200),
        ("Range: bytes=0-1".to_owned(), 206),
        (format!("If-Modified-Since: {LATER}"), 200),
    ] {
        assert_eq!(a_txt(&server, &fields).status(), status, "{fields}");
    }
    set_time(&path, SystemTime::now() - HOUR);
    let settled = a_txt(&server, &format!("If-None-Match: {tag}"));
    assert_eq!(settled.status(), 200, "the weak tag is gone");
    assert!(field(&settled, "ETag").starts_with('"'));
    assert_ne!(field(&settled, "Last-Modified"), "");
}

#[test]
fn each_version_has_a_tag_of_its_own() {
    let folder = site_with(b"one\n", HOUR);
    let path = folder.path().join("pages/a.txt");
    let server = Server::start_in(CHAPTER, folder.path());
    let mut tags = Vec::new();
    let time = SystemTime::now() - HOUR;
    // As long as the one before, and changed within the same second; then longer, and
    // of the same time.
    for (content, time) in [
        ("two\n", time),
        ("six\n", time + Duration::from_millis(10)),
        ("three\n", time + Duration::from_millis(10)),
    ] {
        fs::write(&path, content).unwrap();
        set_time(&path, time);
        let known: Vec<String> = tags.clone();
        let mut response = a_txt(&server, &format!("If-None-Match: {}", known.join(", ")));
        assert_eq!(response.status(), 200, "{content}");
        assert_eq!(response.body_mut().read_to_string().unwrap(), content);
        tags.push(field(&response, "ETag"));
    }
    let known = format!("If-None-Match: {}", tags.join(", "));
    assert_eq!(a_txt(&server, &known).status(), 304);
}

/// Two of these of the same length would share a tag, were it made of 0 for each.
#[test]
fn a_file_from_before_1970_is_sent_again() {
    let folder = site_with(b"one\n", HOUR);
    let path = folder.path().join("pages/a.txt");
    set_time(&path, SystemTime::UNIX_EPOCH - Duration::from_secs(5));
    let server = Server::start_in(CHAPTER, folder.path());
    let tag = field(&a_txt(&server, ""), "ETag");
    assert!(tag.starts_with("W/\""), "{tag}");
    let again = a_txt(&server, &format!("If-None-Match: {tag}"));
    assert_eq!(again.status(), 200);
}

/// Every pair of positions of a file of twenty bytes, over connections that stay,
/// against what the words of RFC 9110 §14.1.2 give.
#[test]
fn every_range_of_twenty_bytes() {
    const CONTENT: &[u8] = b"abcdefghijklmnopqrst";
    let folder = site_with(CONTENT, HOUR);
    let server = Server::start_in(CHAPTER, folder.path());
    let whole = || (200, CONTENT.to_vec(), None);
    let of = |first: usize, end: usize| {
        let place = format!("bytes {first}-{}/20", end - 1);
        (206, CONTENT[first..end].to_vec(), Some(place))
    };
    let none = || {
        (
            416,
            b"<h1>416 Range Not Satisfiable</h1>".to_vec(),
            Some("bytes */20".into()),
        )
    };
    let mut asked = Vec::new();
    for first in 0..23 {
        for last in 0..23 {
            let expected = match (first, last) {
                _ if last < first => whole(),
                (20.., _) => none(),
                _ => of(first, (last + 1).min(20)),
            };
            asked.push((format!("{first}-{last}"), expected));
        }
        let expected = if first < 20 { of(first, 20) } else { none() };
        asked.push((format!("{first}-"), expected));
        let expected = match first {
            0 => none(),
            count => of(20_usize.saturating_sub(count), 20),
        };
        asked.push((format!("-{first}"), expected));
    }
    for asked in asked.chunks(50) {
        let requests: String = asked
            .iter()
            .map(|(range, _)| ask("GET /pages/a.txt", &format!("Range: bytes={range}")))
            .collect();
        let mut client = server.connect();
        let last = ask_last("GET /pages/a.txt", "");
        client.write_all((requests + &last).as_bytes()).unwrap();
        let mut received = Vec::new();
        client.read_to_end(&mut received).unwrap();
        let methods = vec!["GET".to_owned(); asked.len()];
        let answers = answers(&received, &methods, true).unwrap();
        assert_eq!(answers.len(), asked.len());
        for (answer, (range, expected)) in answers.iter().zip(asked) {
            let answer = answer.last.as_ref().unwrap();
            let place = answer.values(b"Content-Range").next();
            let place = place.map(|field| String::from_utf8_lossy(field.value).into_owned());
            let found = (answer.status, answer.body.clone(), place);
            assert_eq!(&found, expected, "{range}");
        }
    }
}

#[test]
fn parts_of_an_empty_file() {
    let folder = site_with(b"", HOUR);
    let server = Server::start_in(CHAPTER, folder.path());
    for (range, status) in [("0-", 416), ("0-0", 416), ("-0", 416), ("-1", 200)] {
        let response = a_txt(&server, &format!("Range: bytes={range}"));
        assert_eq!(response.status(), status, "{range}");
        let place = if status == 416 { "bytes */0" } else { "" };
        assert_eq!(field(&response, "Content-Range"), place, "{range}");
    }
}

/// Of a file that is longer than any number of 32 bits. It has no bytes on the disk.
#[test]
fn a_part_of_a_huge_file() {
    const LENGTH: u64 = 6 << 30;
    let folder = site_with(b"", HOUR);
    let path = folder.path().join("pages/a.txt");
    let file = File::options().write(true).open(&path).unwrap();
    file.set_len(LENGTH).unwrap();
    let server = Server::start_in(CHAPTER, folder.path());
    let first = LENGTH - 10;
    let mut response = a_txt(&server, &format!("Range: bytes={first}-"));
    assert_eq!(response.status(), 206);
    let place = format!("bytes {first}-{}/{LENGTH}", LENGTH - 1);
    assert_eq!(field(&response, "Content-Range"), place);
    assert_eq!(response.body_mut().read_to_vec().unwrap(), [0; 10]);
}

/// The length was announced, and cannot be kept; the end of the connection says so.
#[test]
fn a_file_that_is_cut_off_while_it_is_sent() {
    const LENGTH: u64 = 64 << 20;
    let folder = site_with(b"", HOUR);
    let path = folder.path().join("pages/a.txt");
    let file = File::options().write(true).open(&path).unwrap();
    file.set_len(LENGTH).unwrap();
    let server = Server::start_in(CHAPTER, folder.path());
    let mut client = server.connect();
    let asked = ask("GET /pages/a.txt", "") + &ask("GET /hello", "");
    client.write_all(asked.as_bytes()).unwrap();
    client.read_exact(&mut [0; 1000]).unwrap();
    file.set_len(1000).unwrap();
    let mut received = Vec::new();
    let _ = client.read_to_end(&mut received);
    assert!((received.len() as u64) < LENGTH - 1000);
    assert!(
        !received.ends_with(b"</h1>"),
        "no answer behind half of one"
    );
    the_page_is_served(&server);
}

#[test]
fn a_file_that_grows_while_it_is_sent() {
    const LENGTH: usize = 32 << 20;
    let folder = site_with(b"", HOUR);
    let path = folder.path().join("pages/a.txt");
    let file = File::options().append(true).open(&path).unwrap();
    file.set_len(LENGTH as u64).unwrap();
    let server = Server::start_in(CHAPTER, folder.path());
    let mut client = server.connect();
    let asked = ask("GET /pages/a.txt", "") + &ask_last("GET /hello", "");
    client.write_all(asked.as_bytes()).unwrap();
    let mut received = vec![0; 1000];
    client.read_exact(&mut received).unwrap();
    (&file).write_all(b"and more").unwrap();
    client.read_to_end(&mut received).unwrap();
    let methods = vec!["GET".to_owned(); 2];
    let answers = answers(&received, &methods, true).unwrap();
    let bodies: Vec<&[u8]> = answers
        .iter()
        .map(|answer| answer.last.as_ref().unwrap().body.as_slice())
        .collect();
    assert_eq!(bodies[0].len(), LENGTH);
    assert!(bodies[0].iter().all(|&byte| byte == 0));
    assert_eq!(bodies[1], b"<h1>Hello, User!</h1>");
}

/// Who replaces a file under its name leaves to those who are reading it what they read.
#[cfg(unix)]
#[test]
fn a_file_that_is_replaced_while_it_is_sent() {
    const LENGTH: usize = 32 << 20;
    let folder = site_with(&vec![b'1'; LENGTH], HOUR);
    let path = folder.path().join("pages/a.txt");
    let server = Server::start_in(CHAPTER, folder.path());
    let mut first = a_txt(&server, "");
    write_aged(&path.with_extension("new"), &vec![b'2'; LENGTH], HOUR / 2);
    fs::rename(path.with_extension("new"), &path).unwrap();
    let body = first.body_mut().with_config().limit(1 << 30).read_to_vec();
    assert!(body.unwrap() == vec![b'1'; LENGTH]);
    let tag = field(&first, "ETag");
    let rest = a_txt(&server, &format!("Range: bytes=9-\nIf-Range: {tag}"));
    assert_eq!(rest.status(), 200, "not the rest of another version");
}

#[test]
fn what_is_made_for_each_request_has_no_validators() {
    let server = Server::start(CHAPTER);
    for target in [
        "/guestbook",
        "/hello",
        "/query?a=b",
        "/numbers?to=3",
        "/pages/missing.html",
    ] {
        let line = format!("GET {target}");
        let exchange = server.exchange(
            "core",
            ask_last(&line, "If-None-Match: *\r\nRange: bytes=0-1"),
        );
        let status = if target.contains("missing") {
            "404 Not Found"
        } else {
            "200 OK"
        };
        assert!(
            exchange.contains(&format!("< HTTP/1.1 {status}")),
            "{exchange}"
        );
        for name in ["ETag", "Last-Modified", "Accept-Ranges", "Cache-Control"] {
            assert!(!exchange.contains(&format!("< {name}: ")), "{exchange}");
        }
    }
}

#[test]
fn a_refusal_has_no_validators() {
    let server = Server::start(CHAPTER);
    for (fields, status) in [
        ("If-Match: \"a\"", "412 Precondition Failed"),
        ("Range: bytes=606-", "416 Range Not Satisfiable"),
    ] {
        let exchange = server.exchange("core", get_file(fields));
        assert!(
            exchange.contains(&format!("< HTTP/1.1 {status}")),
            "{exchange}"
        );
        assert!(!exchange.contains("< ETag: "), "{exchange}");
        assert!(!exchange.contains("< Last-Modified: "), "{exchange}");
    }
}

/// Its lines are read one by one, as a thread of its own writes them.
#[test]
fn log() {
    let mut server = Command::new(CHAPTER)
        .arg("127.0.0.1:0")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let first_line = lines.next().unwrap().unwrap();
    let port = first_line.trim_matches(|character: char| !character.is_ascii_digit());
    let mut log = String::new();
    for request in [
        get_file(""),
        get_file("If-None-Match: *"),
        get_file("Range: bytes=0-4"),
        get_file("Range: bytes=606-"),
        get_file("If-Match: \"a\""),
        head_of_file(""),
    ] {
        let mut client = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
        client.write_all(request.as_bytes()).unwrap();
        client.read_to_end(&mut Vec::new()).unwrap();
        let line = lines.next().unwrap().unwrap();
        let (before, rest) = line.split_once('[').unwrap();
        let (_, after) = rest.split_once(']').unwrap();
        log += &format!("{before}[date]{after}\n");
    }
    server.kill().unwrap();
    server.wait().unwrap();
    assert_snapshot!(log);
}

#[test]
fn command_line() {
    check_command_line(CHAPTER);
}

#[test]
fn nobody_reads_what_went_wrong() {
    let server = Server::start_stalled(CHAPTER, "log_lines=1");
    hostile::nobody_reads_what_went_wrong(server, the_page_is_served);
}

#[test]
fn hostile_clients() {
    hostile::try_each(&Server::start(CHAPTER), the_page_is_served);
}

/// A thousand small parts of a file cost no more than the file.
#[test]
fn a_thousand_ranges_at_once() {
    let server = Server::start(CHAPTER);
    let ranges = "0-,".repeat(1500);
    let exchange = server.exchange("core", get_file(&format!("Range: bytes={ranges}0-")));
    assert!(exchange.contains("< HTTP/1.1 200 OK"), "{exchange}");
    assert!(
        exchange.contains("< Content-Length: 606\\r\\n"),
        "{exchange}"
    );
    let tags = "\"a\",".repeat(1800);
    let exchange = server.exchange("core", get_file(&format!("If-None-Match: {tags}*")));
    assert!(exchange.contains("< HTTP/1.1 200 OK"), "{exchange}");
}

#[test]
fn tags_that_are_none() {
    let server = Server::start(CHAPTER);
    for tags in [
        "\"", "W/", "\"a", "W/\"", "W/W/*", ",,,", "*, *", "\"\u{ff}", "\"a\"b\"",
    ] {
        for (name, status) in [("If-None-Match", 200), ("If-Match", 412), ("If-Range", 200)] {
            let exchange = server.exchange(tags, get_file(&format!("{name}: {tags}")));
            let status = format!("< HTTP/1.1 {status} ");
            assert!(exchange.contains(&status), "{name}: {exchange}");
        }
    }
}

#[test]
fn big_files() {
    files::a_big_file_arrives_whole_and_is_never_whole_in_memory(CHAPTER);
    files::a_client_that_never_reads_a_big_file_holds_nobody_else(CHAPTER, the_page_is_served);
}

#[test]
fn nothing_leads_out_of_pages() {
    files::nothing_leads_out_of_the_site(CHAPTER);
}

fn solution() -> Server {
    Server::start_solution(CHAPTER, "ch14-solution")
}

/// Asks for the file with each of these, over connections of their own.
fn solution_for(heading: &str, method: &str, fields: &[&str]) -> String {
    let server = solution();
    let mut requests = fields
        .iter()
        .map(|fields| ask_last(&format!("{method} {FILE}"), fields));
    let first = server
        .begin(heading)
        .send(requests.next().expect("one to ask with"));
    requests
        .fold(first, |exchange, request| exchange.another().send(request))
        .finish()
}

#[test]
fn exercise_gzip() {
    assert_snapshot!(solution_for(
        "exercise: who takes gzip gets the file in gzip",
        "GET",
        &["Accept-Encoding: gzip"],
    ));
}

#[test]
fn exercise_plain() {
    assert_snapshot!(solution_for(
        "exercise: who says nothing gets it plain, and caches are told that there is more",
        "GET",
        &[""],
    ));
}

#[test]
fn exercise_wanted() {
    assert_snapshot!(solution_for(
        "exercise: gzip is wanted in many words",
        "HEAD",
        &[
            "Accept-Encoding: deflate, GZip , br",
            "Accept-Encoding: *",
            "Accept-Encoding: gzip;q=0.1",
            "Accept-Encoding: identity ; q=0.5, gzip;Q=0.5",
            "Accept-Encoding: *;q=0, gzip;q=1.000",
            "Accept-Encoding: br\r\nAccept-Encoding: gzip",
        ],
    ));
}

#[test]
fn exercise_refused() {
    assert_snapshot!(solution_for(
        "exercise: gzip is refused with q=0",
        "HEAD",
        &[
            "Accept-Encoding: gzip;q=0",
            "Accept-Encoding: gzip;q=0.0",
            "Accept-Encoding: gzip; q=0.000, *",
            "Accept-Encoding: br, *;q=0",
        ],
    ));
}

#[test]
fn exercise_not_wanted() {
    assert_snapshot!(solution_for(
        "exercise: gzip is not sent to who wants something else, or the plain form more",
        "HEAD",
        &[
            "Accept-Encoding:",
            "Accept-Encoding: gzipped, x-gzip-2, br",
            "Accept-Encoding: gzip;q=0.5, identity",
            "Accept-Encoding: gzip;q=0.5, *;q=0.6",
        ],
    ));
}

#[test]
fn exercise_not_modified() {
    assert_snapshot!(solution_for(
        "exercise: who has it in gzip does not get it again, and caches are told the same",
        "GET",
        &[
            "Accept-Encoding: gzip",
            "Accept-Encoding: gzip\r\nIf-None-Match: [ETag]",
        ],
    ));
}

#[test]
fn exercise_not_modified_plain() {
    assert_snapshot!(solution_for(
        "exercise: nor who has it plain",
        "HEAD",
        &["", "If-None-Match: [ETag]"],
    ));
}

#[test]
fn exercise_two_tags() {
    assert_snapshot!(solution_for(
        "exercise: who has it plain and now takes gzip does not have it",
        "HEAD",
        &["", "Accept-Encoding: gzip\r\nIf-None-Match: [ETag]"],
    ));
}

#[test]
fn exercise_two_tags_the_other_way() {
    assert_snapshot!(solution_for(
        "exercise: nor does who has it in gzip and takes that no more",
        "HEAD",
        &["Accept-Encoding: gzip", "If-None-Match: [ETag]"],
    ));
}

#[test]
fn exercise_range() {
    assert_snapshot!(solution_for(
        "exercise: a part is one of the plain form",
        "GET",
        &["Accept-Encoding: gzip\r\nRange: bytes=0-4"],
    ));
}

#[test]
fn exercise_if_range() {
    assert_snapshot!(solution_for(
        "exercise: a part of the plain form does not fit what is in gzip",
        "GET",
        &[
            "Accept-Encoding: gzip",
            "Accept-Encoding: gzip\r\nRange: bytes=0-4\r\nIf-Range: [ETag]",
        ],
    ));
}

#[test]
fn exercise_made_pages() {
    assert_snapshot!(solution().exchange(
        "exercise: what is no file stays as it is",
        ask_last("GET /hello", "Accept-Encoding: gzip"),
    ));
}

#[test]
fn exercise_pictures() {
    assert_snapshot!(solution().exchange(
        "exercise: a picture is packed already, and stays as it is",
        ask_last("HEAD /pages/icon.png", "Accept-Encoding: gzip"),
    ));
}

#[test]
fn exercise_text() {
    assert_snapshot!(solution().exchange(
        "exercise: a text is sent in gzip, with its own type",
        ask_last("HEAD /pages/style.css", "Accept-Encoding: gzip"),
    ));
}
