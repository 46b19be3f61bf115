//! How much of each type of frame one client may send. Each limit answers a fault that was
//! found in many servers of HTTP/2.

use crate::ch21::budget::FloodLimit;

/// How many CONTINUATION frames one field block may have, however short they are. With frames
/// of 4 KiB the longest block needs eight. (CVE-2024-27316: frames without end.)
pub const MAX_CONTINUATIONS: usize = 16;

/// Streams that end before their time, whichever side resets them: a client that resets what
/// it has asked for (CVE-2023-44487, Rapid Reset), or makes the server do it with a mistake
/// (CVE-2025-8671, MadeYouReset). A browser that leaves a page resets at most the hundred
/// streams that it has; up to half of all streams may end so for ever.
pub static RESETS: FloodLimit = FloodLimit {
    problem: "more streams are reset than are answered",
    at_once: 200,
    each_second: 20,
    for_hundred_answers: 50,
    for_kib: 0,
};

/// HEADERS: requests and trailers. Most requests are answered; those that no page can answer
/// are not counted by `requests` of [`Limits`](crate::Limits).
pub static HEADERS: FloodLimit = FloodLimit {
    problem: "there are more HEADERS than requests that can be answered",
    at_once: 500,
    each_second: 50,
    for_hundred_answers: 200,
    for_kib: 0,
};

/// HEADERS after the client was told that the connection ends: as many as may have been on
/// their way, twice.
pub static LAST_HEADERS: FloodLimit = FloodLimit {
    problem: "requests go on after GOAWAY",
    at_once: 200,
    each_second: 0,
    for_hundred_answers: 0,
    for_kib: 0,
};

/// PING: each is answered with a frame (CVE-2019-9512). Some clients measure the connection
/// with it while a response comes.
pub static PINGS: FloodLimit = FloodLimit {
    problem: "there are too many PING frames",
    at_once: 100,
    each_second: 10,
    for_hundred_answers: 100,
    for_kib: 0,
};

/// SETTINGS: each is acknowledged with a frame, and may change every window
/// (CVE-2019-9515). Most clients send one.
pub static SETTINGS: FloodLimit = FloodLimit {
    problem: "there are too many SETTINGS frames",
    at_once: 50,
    each_second: 1,
    for_hundred_answers: 0,
    for_kib: 0,
};

/// PRIORITY, which is ignored here, and cost other servers time (CVE-2019-9513); and frames of
/// types that nobody knows. Some browsers send a few at the beginning, or one with each request.
pub static IGNORED: FloodLimit = FloodLimit {
    problem: "there are too many frames that are ignored",
    at_once: 200,
    each_second: 10,
    for_hundred_answers: 200,
    for_kib: 0,
};

/// DATA that brings less than [`SMALL_DATA`] bytes, or has padding, and does not end its
/// stream (CVE-2019-9518).
pub static SMALL_DATAS: FloodLimit = FloodLimit {
    problem: "there are too many small DATA frames",
    at_once: 100,
    each_second: 20,
    for_hundred_answers: 400,
    for_kib: 0,
};

/// With less than so many bytes a DATA frame is small.
pub const SMALL_DATA: usize = 64;

/// WINDOW_UPDATE: a client that takes responses sends it, one for each KiB at the most. One
/// that opens windows by the byte makes the server send frames of one byte (CVE-2019-9511).
pub static WINDOW_UPDATES: FloodLimit = FloodLimit {
    problem: "windows are opened in too small steps",
    at_once: 400,
    each_second: 10,
    for_hundred_answers: 200,
    for_kib: 2,
};
