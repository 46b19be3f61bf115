//! What is likely behind a difference, in the words that a learner reads: what was seen,
//! and what to try.

use crate::play::End;
use crate::response::{Answer, Framing, Response, shown};

/// How much of a body is shown around the place where it differs, in bytes.
const AROUND: usize = 16;

/// What is wrong, and what to try next.
pub type Words = (String, String);

/// Why a body is not the expected one.
pub fn of_body(expected: &[u8], body: &[u8]) -> Words {
    let (expected_text, text) = (
        String::from_utf8_lossy(expected).into_owned(),
        String::from_utf8_lossy(body).into_owned(),
    );
    let at = expected.iter().zip(body).take_while(|(a, b)| a == b);
    let at = at.count();
    // A character is shown whole.
    let is_inside = |at: &usize| {
        [expected, body].iter().any(|bytes| {
            matches!(bytes.get(*at), Some(0x80..=0xbf)) && str::from_utf8(bytes).is_ok()
        })
    };
    let at = (0..=at).rev().find(|at| !is_inside(at)).unwrap_or(at);
    let seen = format!(
        "from its byte {} on it is {}, expected {}",
        at + 1,
        excerpt(body, at),
        excerpt(expected, at)
    );
    let with = |cause: &str, advice: &str| (format!("{cause}: {seen}"), advice.to_owned());
    if expected_text != text && unescaped(&expected_text) == text {
        return with(
            "what the client sent stands unescaped in the body",
            "Write &, < and > as &amp;, &lt; and &gt; where a client's text goes into a page: \
             a browser would take it for markup, and run a script in it for whoever looks.",
        );
    }
    if expected_text == unescaped(&text) {
        return with(
            "what the client sent is escaped once too often",
            "Escape a text once, when it goes into the page, and & before < and >.",
        );
    }
    if latin_1(body) == expected_text {
        return with(
            "the body is in Latin-1, and not in UTF-8",
            "Encode the page in UTF-8, which Content-Type names, and count its bytes then.",
        );
    }
    if latin_1(expected) == text {
        return with(
            "the text was encoded in UTF-8, read as Latin-1, and encoded once more",
            "Decode what the client sends as UTF-8: percent-decoding gives bytes, and only all \
             of them together are text.",
        );
    }
    if text.replace('+', " ") == expected_text {
        return with(
            "a + stands where a space was sent",
            "In a form and in a query a + stands for a space: replace it before the percent \
             escapes are decoded, so that %2B stays a +.",
        );
    }
    if percent_decoded(&text) == expected_text {
        return with(
            "percent escapes stand there as they were sent",
            "Decode %XX, once: two hexadecimal digits are one byte, and the bytes are UTF-8 \
             (RFC 3986 section 2.1).",
        );
    }
    with(
        "the body is another than expected",
        "Compare the two bodies from the byte named above on.",
    )
}

/// The bytes from there on, in quotation marks.
fn excerpt(bytes: &[u8], at: usize) -> String {
    let rest = &bytes[at.min(bytes.len())..];
    match rest.len() > AROUND {
        true => format!("{}...", shown(&rest[..AROUND])),
        false => shown(rest),
    }
}

fn unescaped(text: &str) -> String {
    let escapes = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&amp;", "&"),
    ];
    let one = |text: String, (from, to): (&str, &str)| text.replace(from, to);
    escapes.into_iter().fold(text.to_owned(), one)
}

fn latin_1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

fn percent_decoded(text: &str) -> String {
    let mut decoded = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let digits = after.get(..2).and_then(|pair| str::from_utf8(pair).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte.filter(|_| *first == b'%') {
            Some(byte) => {
                decoded.push(byte);
                rest = &after[2..];
            }
            None => {
                decoded.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// Why no answer came to a request behind others that were answered.
pub fn of_a_later_answer(number: usize, before: Option<&Answer>, end: End) -> Words {
    let last = before.and_then(|before| before.last.as_ref());
    let how = match end {
        End::TimedOut => "then nothing more came in time",
        End::Reset => "then the server reset the connection",
        _ => "then the server closed the connection",
    };
    let came = match number {
        1 => "the first request was answered",
        _ => "the requests before it were answered",
    };
    let request = format!("request {} got no answer: {came}", number + 1);
    let advice = "After an answer, read the next request from the same connection, beginning \
                  with what has already come of it (RFC 9112 section 9.3).";
    match last {
        Some(last) if last.announces_close() => (
            format!(
                "{request}, the answer said Connection: close, and {how}; the client had not \
                 asked for that"
            ),
            "Keep the connection: it is persistent where neither side says close (RFC 9112 \
             section 9.3). After an answer, read the next request from it."
                .to_owned(),
        ),
        _ => (format!("{request}, and {how}"), advice.to_owned()),
    }
}

/// What of a body that does not end where it should; `None` where its length says that.
pub fn of_an_unfinished_body(response: &Response, end: End, seconds: u64) -> Option<Words> {
    let is_open = matches!(
        end,
        End::TimedOut | End::HeldOpen | End::Open | End::Unanswered
    );
    match response.framing {
        Framing::Chunked => {
            let length = response.body.len();
            let then = match is_open {
                true => format!("nothing more came within {seconds} s"),
                false => "the server closed the connection".to_owned(),
            };
            Some((
                format!(
                    "the last chunk is missing: chunks with {length} bytes came, and then {then}"
                ),
                "End a body in chunks with one of size 0 and a blank line, `0\\r\\n\\r\\n`: \
                 without it a client must take the answer for cut off (RFC 9112 sections 7.1 \
                 and 8)."
                    .to_owned(),
            ))
        }
        _ => None,
    }
}

/// What to send for a field that was expected with this value, and how that is called.
pub fn of_field(name: &str, wanted: &[u8]) -> Words {
    let line = |example: &str| format!("Send a line like `{name}: {example}`");
    match wanted {
        b"[date]" => (
            "a date like `Sun, 06 Nov 1994 08:49:37 GMT`".to_owned(),
            line("Sun, 06 Nov 1994 08:49:37 GMT")
                + ", with the time in GMT (RFC 9110 section 5.6.7).",
        ),
        b"[tag]" => (
            "an entity tag in quotation marks, like `\"1a-2b\"`".to_owned(),
            line("\"1a-2b\"")
                + ": the quotation marks are a part of the tag, and W/ before them would make it \
                   a weak one (RFC 9110 section 8.8.3).",
        ),
        b"W/[tag]" => (
            "a weak entity tag, like `W/\"1a-2b\"`".to_owned(),
            line("W/\"1a-2b\"")
                + ": the same tag for other bytes has to be a weak one (RFC 9110 section 8.8.1).",
        ),
        value => (
            shown(value),
            format!(
                "Send the line `{name}: {}`.",
                String::from_utf8_lossy(value)
            ),
        ),
    }
}

/// What a status code is for.
pub fn of_status(wanted: u16) -> String {
    let (section, meaning) = match wanted {
        200 => ("15.3.1", "the request has succeeded"),
        204 => ("15.3.5", "it has succeeded, and there is no content"),
        206 => ("15.3.7", "the answer is the part that Range asks for"),
        301 => ("15.4.2", "the resource has another address for good"),
        303 => (
            "15.4.4",
            "the client finds what came of its POST with GET at Location",
        ),
        304 => (
            "15.4.5",
            "the client already has this, as If-None-Match or If-Modified-Since says",
        ),
        400 => (
            "15.5.1",
            "this cannot be understood as a request, or must not be",
        ),
        403 => ("15.5.4", "the server understands, and refuses"),
        404 => ("15.5.5", "there is nothing with that target"),
        405 => (
            "15.5.6",
            "the target exists and does not take the method; Allow lists those it takes",
        ),
        408 => ("15.5.9", "the request did not come whole in time"),
        411 => ("15.5.12", "the server wants a Content-Length"),
        412 => ("15.5.13", "a condition such as If-Match does not hold"),
        413 => ("15.5.14", "the content is larger than the server takes"),
        414 => ("15.5.15", "the target is longer than the server reads"),
        415 => (
            "15.5.16",
            "the content is not of a type that the target takes",
        ),
        416 => ("15.5.17", "no byte of the range exists"),
        417 => (
            "15.5.18",
            "what Expect asks for is not what the server does",
        ),
        421 => ("15.5.20", "the request is for another server"),
        422 => (
            "15.5.21",
            "the content is well formed, and what it says cannot be taken",
        ),
        429 => {
            return "429 is for a client that asks too often (RFC 6585 section 4).".to_owned();
        }
        431 => {
            return "431 is for fields that are larger than the server takes (RFC 6585 section \
                    5)."
            .to_owned();
        }
        500 => (
            "15.6.1",
            "the server failed, and the client is not to blame",
        ),
        501 => (
            "15.6.2",
            "the server does not know the method, or the transfer coding, at all",
        ),
        503 => ("15.6.4", "the server has no room just now"),
        505 => ("15.6.6", "the server does not speak that version of HTTP"),
        _ => ("15", "look there for what it means"),
    };
    format!("{wanted} stands for this: {meaning} (RFC 9110 section {section}).")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_behind_a_body() {
        for (expected, body, cause) in [
            ("<p>&lt;b&gt;</p>", &b"<p><b></p>"[..], "unescaped"),
            ("<p>a &amp; b</p>", b"<p>a & b</p>", "unescaped"),
            ("<p>&lt;b&gt;</p>", b"<p>&amp;lt;b&amp;gt;</p>", "too often"),
            ("<p>\u{e9}</p>", b"<p>\xe9</p>", "in Latin-1"),
            (
                "<p>\u{e9}</p>",
                "<p>\u{c3}\u{a9}</p>".as_bytes(),
                "read as Latin-1",
            ),
            ("<p>a b</p>", b"<p>a+b</p>", "a + stands"),
            ("<p>a/b</p>", b"<p>a%2Fb</p>", "percent escapes"),
            ("<p>a/b</p>", b"<p>a-b</p>", "another than expected"),
        ] {
            let (problem, _) = of_body(expected.as_bytes(), body);
            assert!(problem.contains(cause), "{problem}");
        }
        let (problem, _) = of_body(b"<p>abc</p>", b"<p>abd</p> and a good deal more");
        let seen = "from its byte 6 on it is \"d</p> and a good...\", expected \"c</p>\"";
        assert!(
            problem.ends_with(&seen.replace("...\"", "\"...")),
            "{problem}"
        );
    }
}
