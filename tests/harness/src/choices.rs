//! Where a rule leaves a choice: what is as good as what was expected.

use std::time::{Duration, SystemTime};

use crate::response::{Asked, Field, Response};
use crate::transcript::{is_date, is_date_of_log};

/// How far the clock of a server may be from the one here.
const SKEW: Duration = Duration::from_secs(10 * 60);

/// Whether a status code says the same as the one that was expected.
pub fn is_status_as_good(wanted: u16, came: u16, asked: &Asked) -> bool {
    // What HTTP/1.0 knows no coding for may be answered, as long as the connection ends
    // (RFC 9112 section 6.1).
    if wanted == 400 && asked.is_of_http_1_0 && asked.is_coded {
        return came < 500;
    }
    let method = &*asked.method;
    let as_good: &[u16] = match (wanted, method) {
        // The methods of a target may stand in an answer with content too.
        (204, "OPTIONS") => &[200],
        // Whoever makes no tunnels, or sends nothing back, need not know the method.
        (405, "CONNECT" | "TRACE") => &[400, 403, 501],
        // What nobody has heard of is not allowed either, or no request at all.
        (501, _) => &[400, 405, 411],
        // Other limits are met before, or what is too long is no request.
        (414 | 431, _) => &[400, 414, 431],
        (505, _) => &[400],
        // A body that is longer than any number may be too long, or none.
        (413, _) => &[400],
        (400, "POST") => &[413],
        // What is no entry.
        (422, _) => &[400, 413],
        // What was to be sealed, or the other way round.
        (421, _) => &[400, 403, 404],
        _ => &[],
    };
    wanted == came || as_good.contains(&came)
}

/// Whether a field that was expected may be missing from this answer.
pub fn may_be_missing(name: &str, wanted: &Response, came: &Response, asked: &Asked) -> bool {
    let is_refusal = wanted.status >= 400;
    match &*name.to_ascii_lowercase() {
        // RFC 9110 section 8.6: for HEAD it may be left out, and in front of no content too.
        "content-length" => {
            let is_none = is_refusal || came.body.is_empty();
            // For HTTP/1.0 the end of the connection is the end of the content.
            is_none || asked.method == "HEAD" || asked.is_of_http_1_0
        }
        "transfer-encoding" => asked.method == "HEAD",
        // A refusal need not have content, nor content of that type.
        "content-type" => is_refusal,
        "allow" => !matches!(came.status, 200 | 204 | 405),
        "retry-after" | "cache-control" | "accept-ranges" => true,
        // RFC 9110 section 15.5.17: it should stand there.
        _ => false,
    }
}

/// Whether two values of a field mean the same, where what was asked counts; `None` where
/// it does not.
pub fn means_the_same(
    name: &str,
    wanted: &Response,
    field: (&[u8], &[u8]),
    asked: &Asked,
) -> Option<bool> {
    let (expected, came) = field;
    let text = String::from_utf8_lossy(came);
    let is_refusal = wanted.status >= 400;
    match &*name.to_ascii_lowercase() {
        "content-type" if is_refusal => Some(true),
        "content-length" if is_refusal => Some(true),
        "retry-after" => {
            let is_number = !came.is_empty() && came.iter().all(u8::is_ascii_digit);
            Some(is_number || is_date(came))
        }
        // Leave to keep a file may be given in other words.
        "cache-control" => Some(!text.to_ascii_lowercase().contains("no-store")),
        "location" => Some(is_same_place(
            &String::from_utf8_lossy(expected),
            &text,
            asked,
        )),
        "allow" => {
            // A server need not know how to answer these two.
            let methods = |list: &str| {
                let methods = list.split(',').map(|method| method.trim().to_owned());
                let mut methods: Vec<_> = methods
                    .filter(|method| !matches!(&**method, "" | "OPTIONS" | "TRACE"))
                    .collect();
                methods.sort();
                methods
            };
            Some(methods(&String::from_utf8_lossy(expected)) == methods(&text))
        }
        _ => None,
    }
}

/// Whether a reference leads to the expected path of this server (RFC 9110 section 10.2.2).
fn is_same_place(path: &str, reference: &str, asked: &Asked) -> bool {
    let after_scheme = ["http:", "https:"].iter().find_map(|scheme| {
        let is_it = reference
            .get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme));
        is_it.then(|| &reference[scheme.len()..])
    });
    let rest = after_scheme.unwrap_or(reference);
    let Some(rest) = rest.strip_prefix("//") else {
        // All targets here lie at the top, so that a relative path does too.
        let relative = rest.strip_prefix("./").unwrap_or(rest);
        return after_scheme.is_none()
            && (relative == path || path.strip_prefix('/') == Some(relative));
    };
    let (authority, rest) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = |authority: &str| {
        let end = authority.rfind(':').filter(|_| !authority.ends_with(']'));
        authority[..end.unwrap_or(authority.len())].to_ascii_lowercase()
    };
    rest == path
        && (host(authority) == host(&asked.host)
            || ["localhost", "127.0.0.1", "[::1]"].contains(&&*host(authority)))
}

/// Text as it is shown: with one notation for what HTML lets one write in several ways,
/// and without the spaces that one notation of a map has and another has not.
pub fn as_shown(body: &[u8]) -> Vec<u8> {
    const REFERENCES: [(&str, &str); 12] = [
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#x22;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&apos;", "'"),
        ("&#60;", "&lt;"),
        ("&#x3c;", "&lt;"),
        // After < and & it is a character like any other.
        ("&gt;", ">"),
        ("&#62;", ">"),
        ("&#x3e;", ">"),
        ("&#38;", "&amp;"),
    ];
    let Ok(text) = str::from_utf8(body) else {
        return body.to_vec();
    };
    let mut shown = text.to_owned();
    for (reference, character) in REFERENCES {
        shown = shown.replace(reference, character);
        shown = shown.replace(
            &reference.to_ascii_uppercase().replace("&#X", "&#x"),
            character,
        );
    }
    if shown.contains("<h1>Query Parameters</h1>") {
        shown = shown.replace("\": ", "\":").replace("\", ", "\",");
        shown = shown
            .replace("': ", "':")
            .replace("', ", "',")
            .replace("], ", "],");
    }
    // White space around an entry may be kept, or not.
    for tag in ["<dt>", "<dd>"] {
        let parts: Vec<&str> = shown.split(tag).collect();
        let (first, rest) = parts.split_first().unwrap_or((&"", &[]));
        let rest = rest.iter().map(|part| part.trim_ascii_start());
        shown = [*first]
            .into_iter()
            .chain(rest)
            .collect::<Vec<_>>()
            .join(tag);
    }
    for tag in ["</dt>", "</dd>"] {
        let parts: Vec<&str> = shown.split(tag).collect();
        let (last, rest) = parts.split_last().unwrap_or((&"", &[]));
        let rest = rest.iter().map(|part| part.trim_ascii_end());
        shown = rest.chain([*last]).collect::<Vec<_>>().join(tag);
    }
    shown.into_bytes()
}

/// What is wrong with a `Date` (RFC 9110 section 6.6.1), and where.
pub fn wrong_date<'a>(response: &'a Response) -> Option<(String, &'a Field<'a>)> {
    let date = response.values(b"Date").next()?;
    let text = str::from_utf8(date.value).unwrap_or_default();
    if !is_date(date.value) {
        return None;
    }
    let now = SystemTime::now();
    let problem = match httpdate::parse_http_date(text) {
        Err(_) => "is no day of the calendar",
        Ok(then) if then + SKEW < now => "has passed",
        Ok(then) if now + SKEW < then => "has not come yet",
        Ok(_) => return None,
    };
    Some((format!("Date is \"{text}\", which {problem}"), date))
}

/// Whether these are parts of a file that was expected whole, as a client may get them
/// that asked for several (RFC 9110 sections 14.2 and 15.3.7).
pub fn are_parts_of(whole: &[u8], response: &Response) -> bool {
    let value = |name: &[u8]| {
        let field = response.values(name).next();
        field.map(|field| String::from_utf8_lossy(field.value).into_owned())
    };
    if let Some(range) = value(b"Content-Range") {
        return is_part_of(whole, &range, &response.body);
    }
    let content_type = value(b"Content-Type").unwrap_or_default();
    let (kind, parameters) = content_type.split_once(';').unwrap_or_default();
    let boundary = parameters.trim().strip_prefix("boundary=");
    let Some(boundary) = boundary.filter(|_| kind.eq_ignore_ascii_case("multipart/byteranges"))
    else {
        return false;
    };
    let delimiter = [b"\r\n--", boundary.trim_matches('"').as_bytes()].concat();
    let body = [b"\r\n", &*response.body].concat();
    let mut parts = split(&body, &delimiter);
    // Before the first one stands nothing that counts, and behind the last one the end.
    let (first, last) = (parts.first().cloned(), parts.pop());
    if first.is_none() || !last.is_some_and(|last| last.starts_with(b"--")) || parts.len() < 2 {
        return false;
    }
    parts.drain(..1);
    parts.iter().all(|part| {
        let Some(end) = part.windows(4).position(|four| four == b"\r\n\r\n") else {
            return false;
        };
        let head = String::from_utf8_lossy(&part[..end]).into_owned();
        let range = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let is_it = name.eq_ignore_ascii_case("Content-Range");
            is_it.then(|| value.trim().to_owned())
        });
        range.is_some_and(|range| is_part_of(whole, &range, &part[end + 4..]))
    })
}

fn split<'a>(bytes: &'a [u8], delimiter: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    let mut rest = bytes;
    let find = |rest: &[u8]| {
        rest.windows(delimiter.len())
            .position(|one| one == delimiter)
    };
    while let Some(at) = find(rest) {
        parts.push(&rest[..at]);
        rest = &rest[at + delimiter.len()..];
    }
    parts.push(rest);
    parts
}

/// Whether `bytes 0-4/606` of the whole are these.
fn is_part_of(whole: &[u8], range: &str, part: &[u8]) -> bool {
    let numbers = || {
        let (ends, length) = range.strip_prefix("bytes ")?.split_once('/')?;
        let (first, last) = ends.split_once('-')?;
        let number = |text: &str| text.parse::<usize>().ok();
        Some((number(first)?, number(last)?, length))
    };
    numbers().is_some_and(|(first, last, length)| {
        let is_length = length == "*" || length.parse() == Ok(whole.len());
        is_length && first <= last && last < usize::MAX && whole.get(first..=last) == Some(part)
    })
}

/// What is wrong with a line of an access log, as the end of a sentence; `None` where
/// nothing is. Behind the fields of the Common Log Format others may stand, as in the
/// combined one.
pub fn wrong_in_log(wanted: &str, came: &str) -> Option<String> {
    let Some(expected) = LogLine::read(wanted) else {
        return Some("is none of the Common Log Format".to_owned());
    };
    let Some(line) = LogLine::read(came) else {
        return Some(
            "is not of the form `ADDRESS - - [DATE] \"REQUEST LINE\" STATUS BYTES`".to_owned(),
        );
    };
    // What could not be read as a request has no request line, or the one that came.
    let is_request = expected.request != "-";
    let method = expected.request.split(' ').next().unwrap_or_default();
    let (status, wanted_status) = (
        line.status.parse().unwrap_or_default(),
        expected.status.parse().unwrap_or_default(),
    );
    let differs = |what, came: &str, wanted: &str| {
        Some(format!("has \"{came}\" for {what}, expected \"{wanted}\""))
    };
    if line.host != expected.host {
        return differs("the client's address", line.host, expected.host);
    }
    if !is_date_of_log(line.date) {
        return differs("the date", line.date, "06/Nov/1994:08:49:37 +0000");
    }
    if is_request && escaped(line.request) != escaped(expected.request) {
        return differs("the request line", line.request, expected.request);
    }
    let asked = Asked {
        method: method.to_owned(),
        ..Asked::default()
    };
    if !is_status_as_good(wanted_status, status, &asked) {
        return differs("the status", line.status, expected.status);
    }
    let is_number = line.size == "-" || line.size.parse::<u64>().is_ok();
    let size = |size: &str| size.replace('-', "0");
    let says_little = wanted_status >= 300;
    if !is_number || !says_little && size(line.size) != size(expected.size) {
        return differs("the length of the content", line.size, expected.size);
    }
    None
}

/// A line of the Common Log Format.
struct LogLine<'a> {
    host: &'a str,
    date: &'a str,
    request: &'a str,
    status: &'a str,
    size: &'a str,
}

impl<'a> LogLine<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let (host, rest) = line.split_once(' ')?;
        let (_, rest) = rest.split_once(" [")?;
        let (date, rest) = rest.split_once("] \"")?;
        let bytes = rest.as_bytes();
        let is_end = |&at: &usize| bytes[at] == b'"' && (at == 0 || bytes[at - 1] != b'\\');
        let end = (0..bytes.len()).find(is_end)?;
        let (request, rest) = (&rest[..end], rest[end + 1..].strip_prefix(' ')?);
        let mut words = rest.splitn(3, ' ');
        let (status, size) = (words.next()?, words.next()?);
        let is_more = |more: &str| more.starts_with('"') || more.is_empty();
        words.next().is_none_or(is_more).then_some(Self {
            host,
            date,
            request,
            status,
            size,
        })
    }
}

/// The same escapes, however they are written.
fn escaped(text: &str) -> String {
    let text = text.replace("\\\\", "\\x5c").replace("\\\"", "\\x22");
    text.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let asked = Asked {
            host: "example.org:8080".to_owned(),
            ..Asked::default()
        };
        for (reference, is_same) in [
            ("/guestbook", true),
            ("guestbook", true),
            ("./guestbook", true),
            ("http://example.org:8080/guestbook", true),
            ("HTTPS://example.org/guestbook", true),
            ("//localhost:1/guestbook", true),
            ("http://[::1]:80/guestbook", true),
            ("http://example.com/guestbook", false),
            ("http:/guestbook", false),
            ("/guestbook/", false),
            ("/hello", false),
            ("", false),
        ] {
            assert_eq!(
                is_same_place("/guestbook", reference, &asked),
                is_same,
                "{reference}"
            );
        }
    }

    #[test]
    fn notations_of_one_text() {
        for (one, other, are_same) in [
            ("&lt;b&gt; &amp; \"c\"", "&#60;b> &#38; &quot;c&#x22;", true),
            ("&lt;", "&#x3C;", true),
            ("<dd>a\r\n b</dd>", "<dd>\r\n a\r\n b \n</dd>", true),
            ("<dd>a\r\n b</dd>", "<dd>a b</dd>", false),
            ("&lt;b&gt;", "<b>", false),
            ("&amp;lt;", "&lt;", false),
            ("&amp;quot;", "\"", false),
        ] {
            let same = as_shown(one.as_bytes()) == as_shown(other.as_bytes());
            assert_eq!(same, are_same, "{one} and {other}");
        }
    }

    #[test]
    fn lines_of_a_log() {
        const DATE: &str = "[06/Nov/1994:08:49:37 +0000]";
        let line = |rest: &str| format!("127.0.0.1 - - {rest}");
        for (wanted, came, problem) in [
            (
                "\"GET / HTTP/1.1\" 200 21",
                "[D] \"GET / HTTP/1.1\" 200 21",
                None,
            ),
            (
                "\"GET / HTTP/1.1\" 200 21",
                "[D] \"GET / HTTP/1.1\" 200 21 \"-\" \"curl\"",
                None,
            ),
            (
                "\"GET / HTTP/1.1\" 404 22",
                "[D] \"GET / HTTP/1.1\" 404 9",
                None,
            ),
            (
                "\"HEAD / HTTP/1.1\" 200 -",
                "[D] \"HEAD / HTTP/1.1\" 200 0",
                None,
            ),
            ("\"-\" 400 -", "[D] \"GET /\" 400 24", None),
            (
                "\"B /\\x22\\x5cx1b\" 501 -",
                "[D] \"B /\\\"\\\\x1b\" 501 -",
                None,
            ),
            (
                "\"GET / HTTP/1.1\" 200 21",
                "[D] \"GET / HTTP/1.1\" 404 21",
                Some("the status"),
            ),
            (
                "\"GET / HTTP/1.1\" 200 21",
                "[D] \"GET / HTTP/1.1\" 200 22",
                Some("the length"),
            ),
            (
                "\"GET / HTTP/1.1\" 200 21",
                "[D] \"GET /a HTTP/1.1\" 200 21",
                Some("the request line"),
            ),
            (
                "\"GET / HTTP/1.1\" 200 21",
                "[1994] \"GET / HTTP/1.1\" 200 21",
                Some("the date"),
            ),
            (
                "\"GET / HTTP/1.1\" 200 21",
                "GET / 200",
                Some("is not of the form"),
            ),
        ] {
            let wanted = line(&format!("[date] {wanted}"));
            let came = line(&came.replace("[D]", DATE));
            let found = wrong_in_log(&wanted, &came);
            match problem {
                None => assert_eq!(found, None, "{came}"),
                Some(problem) => assert!(found.is_some_and(|found| found.contains(problem))),
            }
        }
    }

    #[test]
    fn parts_of_a_file() {
        for (range, part, is_part) in [
            ("bytes 0-1/5", "ab", true),
            ("bytes 3-4/*", "de", true),
            ("bytes 3-5/5", "de", false),
            ("bytes 0-1/6", "ab", false),
            ("bytes 0-1/5", "bc", false),
            ("bytes 1-0/5", "", false),
        ] {
            assert_eq!(
                is_part_of(b"abcde", range, part.as_bytes()),
                is_part,
                "{range}: {part}"
            );
        }
    }
}
