//! Chapter 21: what one client of HTTP/2 may cost.

use std::fmt::Write as _;

#[cfg(unix)]
use harness::clients::NO_HURRY;
use harness::http2::{self, OPENING, data, get};
use harness::{Exchange, Server, hostile, still_does_what_came_before};
use insta::assert_snapshot;

const CHAPTER: &str = env!("CARGO_BIN_EXE_ch21-floods");

const FORM: &str = "content-type: application/x-www-form-urlencoded\n";

fn start() -> Server {
    Server::start(CHAPTER)
}

/// A request whose body is to come.
fn begun(stream: u32, method: &str, path: &str, fields: &str) -> String {
    http2::request(stream, method, path, fields, None).replacen(" END_STREAM", "", 1)
}

fn the_page_is_served(server: &Server) {
    let exchange = begin(server, "core")
        .frames(get(1, "/hello"))
        .receive()
        .stays_open();
    assert!(exchange.contains("<   <h1>Hello, User!</h1>"), "{exchange}");
}

/// A connection over which the settings have gone.
fn begin<'a>(server: &'a Server, heading: &str) -> Exchange<'a> {
    server.begin(heading).frames(OPENING).receive_frames(2)
}

#[test]
fn what_earlier_chapters_do() {
    still_does_what_came_before("ch21-floods", CHAPTER);
}

#[test]
#[ignore = "a client rests for some seconds"]
fn a_client_may_still_rest() {
    harness::a_client_may_still_rest("ch21-floods", CHAPTER);
}

/// What is sent for each of the first streams.
fn for_streams(count: u32, frames: impl Fn(u32) -> String) -> String {
    (0..count).map(|number| frames(2 * number + 1)).collect()
}

/// The client sends this flood, and another one is served before, meanwhile and after it.
fn is_ended(flood: &str, problem: &str) {
    let server = start();
    let other = begin(&server, "core").frames(get(1, "/hello")).receive();
    let exchange = begin(&server, "core").frames(flood).finish();
    let (_, end) = exchange.rsplit_once("< GOAWAY 0 ").expect(&exchange);
    assert!(end.contains(" ENHANCE_YOUR_CALM\n"), "{end}");
    assert!(end.contains(&format!("<   {problem}")), "{end}");
    let other = other.frames(get(3, "/hello")).receive().stays_open();
    assert_eq!(other.matches("<   <h1>Hello, User!</h1>").count(), 2);
    the_page_is_served(&server);
    server.wait_for_errors(|errors| errors.contains(&format!(": {problem}\n")));
}

// Floods

#[test]
fn continuations() {
    let exchange = begin(
        &start(),
        "robust: a field block comes to its end, or the connection does",
    )
    .frames("HEADERS 1 END_STREAM\n  :method: GET\n".to_owned() + &"CONTINUATION 1\n".repeat(17))
    .finish();
    assert_snapshot!(exchange);
}

#[test]
fn settings() {
    let exchange = begin(&start(), "robust: SETTINGS are not sent without end")
        .frames("SETTINGS 0\n".repeat(50))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn streams_that_the_client_resets() {
    let flood = for_streams(900, |id| {
        get(id, "/hello") + &format!("RST_STREAM {id} CANCEL\n")
    });
    is_ended(&flood, "more streams are reset than are answered");
}

/// Each request is answered, and then its stream has to be reset for what follows it.
#[test]
fn streams_that_the_client_makes_the_server_reset() {
    let flood = for_streams(600, |id| {
        get(id, "/numbers?to=100000") + &data(id, &"x".repeat(64), false)
    });
    is_ended(&flood, "more streams are reset than are answered");
}

#[test]
fn streams_that_are_malformed() {
    let flood = for_streams(450, |id| {
        format!("HEADERS {id} END_STREAM END_HEADERS\n  :method: GET\n")
    });
    is_ended(&flood, "more streams are reset than are answered");
}

#[test]
fn resets_of_both_sides() {
    let flood = for_streams(450, |id| match id % 4 {
        1 => get(id, "/hello") + &format!("RST_STREAM {id} CANCEL\n"),
        _ => format!("HEADERS {id} END_STREAM END_HEADERS\n  :method: GET\n"),
    });
    is_ended(&flood, "more streams are reset than are answered");
}

#[test]
fn pings() {
    let flood = "PING 0 0011223344556677\n".repeat(200);
    is_ended(&flood, "there are too many PING frames");
}

#[test]
fn priorities() {
    let flood = "PRIORITY 3 on=1 weight=16\n".repeat(250);
    is_ended(&flood, "there are too many frames that are ignored");
}

#[test]
fn frames_of_unknown_types() {
    let flood = "0x2a 0\n".repeat(250);
    is_ended(&flood, "there are too many frames that are ignored");
}

#[test]
fn small_data() {
    for frame in ["DATA 1 0\n", "DATA 1 1\n  a\n", "DATA 1 0 pad=10\n"] {
        let flood = begun(1, "POST", "/guestbook", FORM) + &frame.repeat(150);
        is_ended(&flood, "there are too many small DATA frames");
    }
}

#[test]
fn small_steps_of_windows() {
    let mut flood = "SETTINGS 0 INITIAL_WINDOW_SIZE=0\n".to_owned() + &get(1, "/numbers?to=9999");
    for _ in 0..600 {
        writeln!(flood, "WINDOW_UPDATE 1 1").expect("memory");
    }
    is_ended(&flood, "windows are opened in too small steps");
}

#[test]
fn requests_after_goaway() {
    let server = Server::start_with_limits(CHAPTER, "requests=1 linger=60");
    let exchange = begin(&server, "core")
        .frames(get(1, "/hello"))
        .receive_frames(4)
        .frames(for_streams(300, |id| get(id + 2, "/hello")))
        .finish();
    assert!(exchange.contains("< GOAWAY 0 last=2147483647 NO_ERROR"));
    assert!(exchange.contains(" ENHANCE_YOUR_CALM\n<   requests go on after GOAWAY"));
    the_page_is_served(&server);
}

#[test]
fn requests_that_are_refused_count_too() {
    let server = Server::start_with_limits(CHAPTER, "requests=3 linger=60");
    let exchange = begin(&server, "core")
        .frames(for_streams(2, |id| begun(id, "GET", "/#", "")))
        .receive_frames(4)
        .frames(get(5, "/hello"))
        .receive_frames(3)
        .stays_open();
    assert_eq!(exchange.matches("<   :status: 400").count(), 2);
    let (before, after) = exchange.split_once("> HEADERS 5").expect(&exchange);
    assert!(!before.contains("GOAWAY"), "{exchange}");
    assert!(after.contains("< GOAWAY 0 last=2147483647 NO_ERROR"));
    the_page_is_served(&server);
}

/// A hundred clients reset all that they ask for, one after the other, and read nothing of
/// what comes back until the end.
#[cfg(target_os = "linux")]
#[test]
fn floods_leave_nothing_behind() {
    let server = start();
    let flood = for_streams(500, |id| {
        get(id, "/numbers?to=100000") + &format!("RST_STREAM {id} CANCEL\n")
    });
    let flood = |server| begin(server, "core").frames(&flood).finish();
    flood(&server);
    let before = server.memory("VmRSS");
    for _ in 0..20 {
        flood(&server);
    }
    let most = server.memory("VmHWM");
    assert!(
        most < before + 8 * 1024,
        "{before} KiB before, {most} at most"
    );
    the_page_is_served(&server);
}

// Responses that wait

/// With these limits each connection may have one response that waits for its client, and all of
/// them together two more.
const FEW: &str = "connections=2";

/// A client that takes nothing of a response before it opens a window for it.
fn begin_without_windows<'a>(server: &'a Server, frames: &str) -> Exchange<'a> {
    let opening = OPENING.replace("ENABLE_PUSH=0", "INITIAL_WINDOW_SIZE=0");
    server
        .begin("core")
        .frames(opening)
        .receive_frames(2)
        .frames(frames)
}

const PING: &str = "PING 0 6162636465666768\n";

/// More of them wait than may be under way, so the rest is not answered yet. Other clients are,
/// and so are the frames behind those requests.
#[test]
fn responses_that_wait_for_windows() {
    let server = Server::start_with_limits(CHAPTER, FEW);
    let pages = for_streams(5, |id| get(id, "/hello"));
    let first = begin_without_windows(&server, &(pages + PING)).receive_frames(4);
    let pages = for_streams(2, |id| get(id, "/hello"));
    let other = begin_without_windows(&server, &(pages + PING))
        .receive_frames(2)
        .frames("WINDOW_UPDATE 1 1000\n")
        .receive_frames(2)
        .frames("WINDOW_UPDATE 3 1000\n")
        .receive_frames(1)
        .stays_open();
    assert_eq!(other.matches("<   <h1>Hello, User!</h1>").count(), 2);
    let first = first
        .frames(for_streams(3, |id| format!("WINDOW_UPDATE {id} 1000\n")))
        .receive_frames(5)
        .frames("WINDOW_UPDATE 7 1000\nWINDOW_UPDATE 9 1000\n")
        .receive_frames(2)
        .stays_open();
    let (waiting, rest) = first.split_once("> WINDOW_UPDATE").expect(&first);
    assert_eq!(waiting.matches("<   :status: 200").count(), 3, "{first}");
    assert!(waiting.ends_with(&format!("< {PING}").replace('\n', " ACK\n")));
    assert_eq!(rest.matches("<   <h1>Hello, User!</h1>").count(), 5);
}

/// A client gives up all responses that hold up others, and asks for one more in the same breath.
#[test]
fn responses_that_were_given_up_hold_up_none() {
    let server = Server::start_with_limits(CHAPTER, &format!("{FEW} inactivity=600"));
    let pages = for_streams(5, |id| get(id, "/hello"));
    let resets = for_streams(5, |id| format!("RST_STREAM {id} CANCEL\n"));
    let exchange = begin_without_windows(&server, &(pages + PING))
        .receive_frames(4)
        .frames(resets + &get(11, "/hello"))
        .receive_frames(1)
        .stays_open();
    assert!(exchange.contains("< HEADERS 11 "), "{exchange}");
}

/// Each client asks a hundred times for the longest page there is.
#[cfg(target_os = "linux")]
#[test]
fn responses_that_wait_stay_within_the_memory() {
    let server = Server::start_with_limits(CHAPTER, FEW);
    let entry = format!("name=Ada&message={}", "%26".repeat(990));
    let entries = for_streams(20, |id| {
        begun(id, "POST", "/guestbook", FORM) + &data(id, &entry, true)
    });
    for _ in 0..5 {
        // That fits into the window with which a connection begins.
        let exchange = begin(&server, "core").frames(&entries);
        let exchange = exchange.receive_frames(20).stays_open();
        assert_eq!(exchange.matches("<   :status: 303").count(), 20);
    }
    let before = server.memory("VmRSS");
    let pages = for_streams(100, |id| get(id, "/guestbook")) + PING;
    let first = begin_without_windows(&server, &pages).receive_frames(3);
    let second = begin_without_windows(&server, &pages).receive_frames(2);
    let most = server.memory("VmHWM");
    for exchange in [second.stays_open(), first.stays_open()] {
        assert!(
            exchange.contains("< PING 0 6162636465666768 ACK"),
            "{exchange}"
        );
    }
    assert!(
        most < before + 8 * 1024,
        "{before} KiB before, {most} at most"
    );
}

// The stop

/// A server that is in no hurry at its stop, and whose client has begun with a form.
#[cfg(unix)]
fn at_the_stop<'a>(server: &'a Server, heading: &str) -> Exchange<'a> {
    begin(server, heading)
        .frames(begun(1, "POST", "/guestbook", FORM))
        .tell_to_stop()
        .receive_frames(2)
}

#[cfg(unix)]
const CONFIRMS: &str = "PING 0 6c617374206f6e65 ACK\n";

#[cfg(unix)]
const ENTRY: &str = "name=Ada&message=Hello";

#[cfg(unix)]
#[test]
fn stop() {
    let server = Server::start_with_limits(CHAPTER, &format!("{NO_HURRY} linger=600"));
    let exchange = at_the_stop(
        &server,
        "robust: the stop loses no stream that GOAWAY names",
    )
    .frames(CONFIRMS)
    .receive_frames(1)
    .frames(data(1, ENTRY, true) + &get(3, "/hello"))
    .finish();
    assert_snapshot!(exchange);
    let end = server.ended();
    assert!(end.errors.contains(", 0 are cut off;"), "{}", end.errors);
}

#[cfg(unix)]
#[test]
fn what_was_on_its_way_at_the_stop_is_answered() {
    let server = Server::start_with_limits(CHAPTER, &format!("{NO_HURRY} linger=600"));
    let exchange = at_the_stop(&server, "core")
        .frames(data(1, ENTRY, true) + &get(3, "/hello"))
        .receive_frames(3)
        .frames(CONFIRMS.to_owned() + &get(5, "/hello"))
        .finish();
    assert!(exchange.contains("<   <h1>Hello, User!</h1>"), "{exchange}");
    let end = "< GOAWAY 0 last=3 NO_ERROR\n* the server closes\n";
    assert!(exchange.ends_with(end), "{exchange}");
    let printed = server.wait_for_output(|printed| printed.contains("/hello"));
    for line in [
        "\"POST /guestbook HTTP/2.0\" 303 -",
        "\"GET /hello HTTP/2.0\" 200 21",
    ] {
        assert!(printed.contains(line), "{printed}");
    }
    let end = server.ended();
    assert!(end.errors.contains(", 0 are cut off;"), "{}", end.errors);
}

// What clients may do

#[test]
fn hostile_clients() {
    hostile::try_each(&start(), the_page_is_served);
}

#[test]
fn a_log_that_nobody_reads_costs_no_answer() {
    hostile::nobody_reads_the_log(CHAPTER, the_page_is_served);
}

// The exercise

fn solution() -> Server {
    Server::start_solution(CHAPTER, "ch21-solution")
}

/// So many requests for pages that are not there, from this stream on.
fn guesses(first: u32, count: u32) -> String {
    for_streams(count, |id| get(first + id - 1, "/nothing"))
}

#[test]
fn exercise_sixth() {
    let exchange = begin(&solution(), "exercise: the sixth guess ends the connection")
        .frames(guesses(1, 5))
        .receive()
        .frames(get(11, "/nothing"))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_found() {
    let exchange = begin(
        &solution(),
        "exercise: a page that is found allows another guess",
    )
    .frames(guesses(1, 5))
    .receive()
    .frames(get(11, "/hello") + &get(13, "/nothing"))
    .receive()
    .stays_open();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_no_more() {
    let exchange = begin(
        &solution(),
        "exercise: nobody has more than five guesses in advance",
    )
    .frames(get(1, "/hello") + &get(3, "/hello"))
    .receive()
    .frames(guesses(5, 5))
    .receive()
    .frames(get(15, "/nothing"))
    .finish();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_methods() {
    let exchange = begin(&solution(), "exercise: another error is no guess")
        .frames(for_streams(6, |id| {
            http2::request(id, "DELETE", "/hello", "", None)
        }))
        .receive()
        .stays_open();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_each() {
    let exchange = begin(
        &solution(),
        "exercise: each connection has guesses of its own",
    )
    .frames(guesses(1, 6))
    .another()
    .frames(OPENING)
    .receive_frames(2)
    .frames(get(1, "/nothing"))
    .receive()
    .stays_open();
    assert_snapshot!(exchange);
}
