//! Responses as a client has to read them (RFC 9112): where each one ends, and
//! what of it is no HTTP. Positions are those of bytes, counted from 0.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use crate::wire;

/// One response, or its beginning.
#[derive(Debug)]
pub struct Response<'a> {
    pub status: u16,
    pub status_at: usize,
    pub fields: Vec<Field<'a>>,
    /// The body as it is meant, with a chunked one put together.
    pub body: Vec<u8>,
    /// The fields that came behind the last chunk.
    pub trailers: Vec<Field<'a>>,
    /// Where the body begins, as it came.
    pub body_at: usize,
    /// Where what came of the response ends.
    pub end: usize,
    pub framing: Framing,
    /// A field that may not stand there, although it is known where the answer ends.
    pub misplaced: Option<Malformed>,
    /// Whether all of it has come.
    pub is_whole: bool,
    pub has_line_feeds: bool,
    /// Whether a space stands behind the status code, as it has to, with or without words.
    pub has_second_space: bool,
    says_http_1_0: bool,
}

/// How long what is decoded may be, in bytes.
const MOST_DECODED: u64 = 16 * 1024 * 1024;

/// What says where a body ends (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is none, whatever the fields say.
    NoBody,
    Chunked,
    Length(usize),
    Close,
}

/// A field line.
#[derive(Debug)]
pub struct Field<'a> {
    pub name: &'a [u8],
    pub value: &'a [u8],
    pub value_at: usize,
}

/// What is no HTTP, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    pub problem: String,
    pub advice: &'static str,
    pub at: usize,
}

/// The answer to one request: interim responses, and the final one where its head
/// has come.
#[derive(Debug, Default)]
pub struct Answer<'a> {
    pub interim: Vec<Response<'a>>,
    pub last: Option<Response<'a>>,
}

impl Answer<'_> {
    pub fn is_whole(&self) -> bool {
        self.last.as_ref().is_some_and(|last| last.is_whole)
    }
}

/// Reads the answers to requests of these methods. `is_closed` says that nothing
/// more comes, which ends a body that nothing else ends. What follows the last
/// answer is left.
pub fn answers<'a>(
    received: &'a [u8],
    methods: &[String],
    is_closed: bool,
) -> Result<Vec<Answer<'a>>, Malformed> {
    let mut answers: Vec<Answer> = Vec::new();
    let mut at = 0;
    for (number, method) in methods.iter().enumerate() {
        let mut answer = Answer::default();
        while at < received.len() && answer.last.is_none() {
            let next = response(received, at, method, is_closed).map_err(|malformed| {
                let before = answers.last().and_then(|answer| answer.last.as_ref());
                match before {
                    Some(before) if malformed == no_status_line(at) => {
                        before.is_followed_by(&received[at..], &methods[number - 1])
                    }
                    _ => malformed,
                }
            });
            let Some(response) = next? else {
                break;
            };
            at = response.end;
            if response.status < 200 {
                answer.interim.push(response);
            } else {
                answer.last = Some(response);
            }
        }
        let is_whole = answer.is_whole();
        if answer.last.is_some() || !answer.interim.is_empty() {
            answers.push(answer);
        }
        if !is_whole {
            break;
        }
    }
    Ok(answers)
}

/// How long the body of the response is that stands here, where nobody asked for its
/// head alone; as it came, with all that is around chunks.
pub(crate) fn body_length(received: &[u8]) -> Option<usize> {
    let response = response(received, 0, "", true).ok()??;
    Some(response.end - response.body_at)
}

/// How far answers have got: each head that has come is a step, and each final
/// response that is whole.
pub fn progress(answers: &[Answer]) -> usize {
    let of_one = |answer: &Answer| {
        answer.interim.len() + usize::from(answer.last.is_some()) + usize::from(answer.is_whole())
    };
    answers.iter().map(of_one).sum()
}

/// Reads the response that begins there; `None` where its head has not come whole.
fn response<'a>(
    received: &'a [u8],
    start: usize,
    method: &str,
    is_closed: bool,
) -> Result<Option<Response<'a>>, Malformed> {
    let malformed = |problem: &str, advice, at| Malformed {
        problem: problem.to_owned(),
        advice,
        at,
    };
    let rest = &received[start..];
    let begins_right = rest.starts_with(&b"HTTP/"[..rest.len().min(5)]);
    let Some(head_length) = head_length(rest) else {
        if !is_closed && begins_right {
            return Ok(None);
        }
        return Err(if rest.starts_with(b"HTTP/") {
            malformed(
                "no blank line after the fields",
                "The head of a response ends in an empty line: write \\r\\n twice after the \
                 last field, and the body behind it (RFC 9112 section 2.1).",
                received.len(),
            )
        } else {
            no_status_line(start)
        });
    };
    let head = &rest[..head_length];
    let (status, minor) = status(head, start)?;
    let mut fields = Vec::new();
    let mut line_at = start;
    for (number, line) in head.split_inclusive(|&byte| byte == b'\n').enumerate() {
        let at = line_at;
        line_at += line.len();
        let content = line.strip_suffix(b"\n").unwrap_or(line);
        let content = content.strip_suffix(b"\r").unwrap_or(content);
        if let Some(bare) = content.iter().position(|&byte| byte == b'\r') {
            return Err(malformed(
                "a carriage return stands alone within a line",
                "End each line with \\r\\n, and leave control characters out of it \
                 (RFC 9112 section 2.2).",
                at + bare,
            ));
        }
        if number > 0 && !content.is_empty() {
            fields.push(field(content, at)?);
        }
    }
    let mut response = Response {
        status,
        status_at: start + b"HTTP/1.1 ".len(),
        fields,
        body: Vec::new(),
        trailers: Vec::new(),
        body_at: start + head_length,
        end: start + head_length,
        framing: Framing::NoBody,
        misplaced: None,
        is_whole: true,
        has_line_feeds: head
            .split_inclusive(|&byte| byte == b'\n')
            .any(|line| !line.ends_with(b"\r\n")),
        has_second_space: head.get(b"HTTP/1.1 200".len()) == Some(&b' '),
        says_http_1_0: minor == b'0',
    };
    response.framing = response.find_framing(method)?;
    response.misplaced = response.find_misplaced();
    let body = &received[response.body_at..];
    match response.framing {
        Framing::NoBody => {}
        Framing::Close => {
            response.body = body.to_vec();
            response.end = received.len();
            response.is_whole = is_closed;
        }
        Framing::Length(length) => {
            response.body = body[..length.min(body.len())].to_vec();
            response.end += response.body.len();
            response.is_whole = body.len() >= length;
        }
        Framing::Chunked => {
            let mut chunks = Chunks::new(body);
            response.is_whole = chunks.decode().map_err(|problem| Malformed {
                problem: problem.to_owned(),
                advice: "A chunk is its size in hexadecimal digits, \\r\\n, as many bytes, and \
                         \\r\\n; the last one has size 0 (RFC 9112 section 7.1).",
                at: response.body_at + chunks.at,
            })?;
            response.end += chunks.at;
            response.body = chunks.decoded;
            response.trailers = chunks
                .trailers
                .iter()
                .map(|(at, line)| field(line, response.body_at + at))
                .collect::<Result<_, _>>()?;
        }
    }
    Ok(Some(response))
}

impl<'a> Response<'a> {
    /// A response that came in HTTP/2, where frames say where its body ends. A field is
    /// said to be where its frame is.
    pub fn of_frames(
        status: u16,
        fields: Vec<Field<'a>>,
        body: Vec<u8>,
        has_no_body: bool,
        at: usize,
    ) -> Self {
        Self {
            status,
            status_at: at,
            fields,
            framing: match has_no_body {
                true => Framing::NoBody,
                false => Framing::Length(body.len()),
            },
            body,
            trailers: Vec::new(),
            body_at: at,
            misplaced: None,
            end: at,
            is_whole: true,
            has_line_feeds: false,
            has_second_space: true,
            says_http_1_0: false,
        }
    }

    /// The values of all fields of that name, in which case does not matter.
    pub fn values(&self, name: &[u8]) -> impl Iterator<Item = &Field<'a>> {
        self.fields
            .iter()
            .filter(move |field| field.name.eq_ignore_ascii_case(name))
    }

    fn has_element(&self, name: &[u8], element: &[u8]) -> bool {
        self.values(name)
            .flat_map(|field| field.value.split(|&byte| byte == b','))
            .any(|one| one.trim_ascii().eq_ignore_ascii_case(element))
    }

    /// Whether the content is in the coding gzip (RFC 9110 §8.4.1.3).
    pub fn is_gzip(&self) -> bool {
        self.has_element(b"Content-Encoding", b"gzip")
    }

    /// What is coded in gzip, as two servers may do it in different bytes; `None` where
    /// that is no gzip, or more than [`MOST_DECODED`].
    pub fn decoded(&self) -> Option<Vec<u8>> {
        let mut decoded = Vec::new();
        let mut decoder = MultiGzDecoder::new(&*self.body).take(MOST_DECODED + 1);
        let length = decoder.read_to_end(&mut decoded).ok()?;
        (length as u64 <= MOST_DECODED).then_some(decoded)
    }

    /// What is wrong where this comes behind it, in place of another response.
    pub fn is_followed_by(&self, more: &[u8], method: &str) -> Malformed {
        const SHOWN: usize = 24;
        // What the next answer begins with is not among it.
        let next = (1..more.len()).find(|&at| more[at..].starts_with(b"HTTP/1."));
        let more = &more[..next.unwrap_or(more.len())];
        let came = shown(&more[..more.len().min(SHOWN)]);
        let dots = if more.len() > SHOWN { "..." } else { "" };
        let length = more.len();
        let (end, advice) = match self.framing {
            Framing::NoBody if method == "HEAD" => (
                "after the head, and the answer to HEAD has no body".to_owned(),
                "Send the head that GET would get, and nothing behind it (RFC 9110 section 9.3.2).",
            ),
            Framing::NoBody => (
                format!(
                    "behind the head of an answer with status {}, which has no content",
                    self.status
                ),
                "Write nothing behind that head: a client takes it for the next answer (RFC 9112 \
                 section 6.3).",
            ),
            Framing::Length(announced) => (
                format!("behind the {announced} bytes that Content-Length announces"),
                "Announce all of the body, and write nothing behind it: count its bytes for \
                 Content-Length (RFC 9110 section 8.6).",
            ),
            Framing::Chunked => (
                "behind the last chunk and its blank line".to_owned(),
                "The chunk of size 0 ends the body: write nothing behind it (RFC 9112 section 7.1).",
            ),
            Framing::Close => (
                "behind the answer".to_owned(),
                "Write nothing behind the answer.",
            ),
        };
        Malformed {
            problem: format!("{length} bytes more came {end}: {came}{dots}"),
            advice,
            at: self.end,
        }
    }

    /// Whether it says itself that the connection ends.
    pub fn says_close(&self) -> bool {
        self.has_element(b"Connection", b"close")
    }

    /// Whether the connection has to end with this response (RFC 9112 §9.3).
    pub fn announces_close(&self) -> bool {
        self.framing == Framing::Close
            || self.says_close()
            || self.says_http_1_0 && !self.has_element(b"Connection", b"keep-alive")
    }

    /// What tells of content in an answer whose status says that there is none.
    fn find_misplaced(&self) -> Option<Malformed> {
        let length = self.values(b"Content-Length").next();
        let coding = self.values(b"Transfer-Encoding").next();
        if let (Some(field), true) = (length.or(coding), self.status < 200 || self.status == 204) {
            return Some(Malformed {
                problem: format!(
                    "{} stands in an answer with status {}, which has no content",
                    String::from_utf8_lossy(field.name),
                    self.status
                ),
                advice: "Leave it out: nothing may follow that head, so there is nothing to \
                         count (RFC 9110 section 8.6, RFC 9112 section 6.1).",
                at: field.value_at,
            });
        }
        let length = length.filter(|length| self.status == 304 && length.value == b"0")?;
        Some(Malformed {
            problem: "Content-Length is \"0\" in an answer with status 304".to_owned(),
            advice: "It would be the length of the file that the client has already: leave \
                     it out (RFC 9110 section 8.6).",
            at: length.value_at,
        })
    }

    /// The rules of RFC 9112 §6.3 in their order.
    fn find_framing(&self, method: &str) -> Result<Framing, Malformed> {
        let mut lengths = self.values(b"Content-Length");
        let first = lengths.next();
        if let Some(first) = first
            && let Some(other) = lengths.find(|other| other.value != first.value)
        {
            return Err(Malformed {
                problem: format!(
                    "Content-Length stands there twice, as {} and as {}",
                    shown(first.value),
                    shown(other.value)
                ),
                advice: "Send it once (RFC 9110 section 8.6).",
                at: other.value_at,
            });
        }
        let coding = self.values(b"Transfer-Encoding").next();
        if let (Some(length), Some(_)) = (first, coding) {
            return Err(Malformed {
                problem: "Content-Length stands beside Transfer-Encoding".to_owned(),
                advice: "Say once where the body ends: a reader that believes the other one \
                         takes the rest for the next answer (RFC 9112 section 6.2).",
                at: length.value_at,
            });
        }
        if method == "HEAD" || self.status < 200 || matches!(self.status, 204 | 304) {
            return Ok(Framing::NoBody);
        }
        if coding.is_some() {
            return Ok(if self.has_element(b"Transfer-Encoding", b"chunked") {
                Framing::Chunked
            } else {
                Framing::Close
            });
        }
        let Some(length) = first else {
            return Ok(Framing::Close);
        };
        let number = str::from_utf8(length.value)
            .ok()
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|text| text.parse().ok());
        match number {
            Some(number) => Ok(Framing::Length(number)),
            None => Err(Malformed {
                problem: format!(
                    "Content-Length is {}, which is no number",
                    shown(length.value)
                ),
                advice: "Count the body's bytes, and send that number (RFC 9110 section 8.6).",
                at: length.value_at,
            }),
        }
    }
}

/// Bytes as text in quotation marks.
pub fn shown(bytes: &[u8]) -> String {
    format!("\"{}\"", wire::show(bytes).concat())
}

fn no_status_line(at: usize) -> Malformed {
    Malformed {
        problem: "what came back does not begin with a status line".to_owned(),
        advice: "A response begins with a line like `HTTP/1.1 200 OK` (RFC 9112 section 4).",
        at,
    }
}

/// The status code and the last digit of the version.
fn status(head: &[u8], start: usize) -> Result<(u16, u8), Malformed> {
    let [
        b'H',
        b'T',
        b'T',
        b'P',
        b'/',
        b'1',
        b'.',
        minor,
        b' ',
        rest @ ..,
    ] = head
    else {
        return Err(no_status_line(start));
    };
    let (code, follows) = match rest {
        [a, b, c, follows, ..] if [a, b, c].iter().all(|digit| digit.is_ascii_digit()) => {
            let digit = |byte: &u8| u16::from(byte - b'0');
            (digit(a) * 100 + digit(b) * 10 + digit(c), follows)
        }
        _ => return Err(no_status_line(start)),
    };
    match follows {
        _ if !minor.is_ascii_digit() || code < 100 || follows.is_ascii_digit() => {
            Err(no_status_line(start))
        }
        b' ' | b'\r' | b'\n' => Ok((code, *minor)),
        _ => Err(Malformed {
            problem: "a space is missing behind the status code".to_owned(),
            advice: "The status line is version, space, code, space, reason phrase: \
                     `HTTP/1.1 200 OK` (RFC 9112 section 4).",
            at: start + b"HTTP/1.1 200".len(),
        }),
    }
}

fn field(line: &[u8], at: usize) -> Result<Field<'_>, Malformed> {
    let malformed = |problem: &str, advice, at| Malformed {
        problem: problem.to_owned(),
        advice,
        at,
    };
    let Some(colon) = line.iter().position(|&byte| byte == b':') else {
        return Err(malformed(
            "a line of the head is no field",
            "Between the status line and the blank line each line is a name, a colon and a \
             value (RFC 9112 section 5).",
            at,
        ));
    };
    let name = &line[..colon];
    if name.iter().any(u8::is_ascii_whitespace) {
        return Err(malformed(
            "white space stands in the name of a field, or before its colon",
            "The colon follows the name at once (RFC 9112 section 5.1).",
            at,
        ));
    }
    let value = &line[colon + 1..];
    let value_at = at + colon + 1 + (value.len() - value.trim_ascii_start().len());
    Ok(Field {
        name,
        value: value.trim_ascii(),
        value_at,
    })
}

/// The length of a head with its blank line; its lines may end in LF alone.
pub(crate) fn head_length(bytes: &[u8]) -> Option<usize> {
    let mut length = 0;
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        length += line.len();
        if matches!(line, b"\n" | b"\r\n") {
            return Some(length);
        }
    }
    None
}

/// A chunked body on its way to being put together.
struct Chunks<'a> {
    bytes: &'a [u8],
    at: usize,
    decoded: Vec<u8>,
    /// The lines behind the last chunk, and where they are.
    trailers: Vec<(usize, &'a [u8])>,
}

impl<'a> Chunks<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            decoded: Vec::new(),
            trailers: Vec::new(),
        }
    }

    /// Whether the body has come whole.
    fn decode(&mut self) -> Result<bool, &'static str> {
        loop {
            let Some(line) = self.line() else {
                return Ok(false);
            };
            let size = line.split(|&byte| byte == b';').next().unwrap_or_default();
            let size = str::from_utf8(size.trim_ascii()).unwrap_or_default();
            if size.is_empty() || !size.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err("the size of a chunk is no hexadecimal number");
            }
            let size = usize::from_str_radix(size, 16).map_err(|_| "a chunk is too big")?;
            self.at += line.len() + 2;
            if size == 0 {
                break;
            }
            let rest = &self.bytes[self.at..];
            self.decoded.extend(&rest[..size.min(rest.len())]);
            if rest.len() < size.saturating_add(2) {
                self.at = self.bytes.len();
                return Ok(false);
            }
            self.at += size;
            if &rest[size..size + 2] != b"\r\n" {
                return Err("a chunk does not end where its size says");
            }
            self.at += 2;
        }
        // Up to a blank line.
        while let Some(line) = self.line() {
            let at = self.at;
            self.at += line.len() + 2;
            if line.is_empty() {
                return Ok(true);
            }
            self.trailers.push((at, line));
        }
        Ok(false)
    }

    /// The next line, where it has come with its end.
    fn line(&self) -> Option<&'a [u8]> {
        let rest = self.bytes.get(self.at..)?;
        let length = rest.windows(2).position(|pair| pair == b"\r\n")?;
        Some(&rest[..length])
    }
}

/// The methods of the requests in what a client sends, in their order. What is no
/// request counts as one that no response treats differently.
pub fn methods(sent: &[u8]) -> Vec<String> {
    let mut methods: Vec<String> = asked(sent).into_iter().map(|one| one.method).collect();
    if methods.is_empty() {
        methods.push(String::new());
    }
    methods
}

/// Whether the client wants the connection to end with the last of its answers (RFC
/// 9112 §9.3). A server that closes it then need not say so.
pub fn asks_to_close(sent: &[u8]) -> bool {
    asked(sent).last().is_some_and(|last| last.asks_to_close)
}

/// What of a request decides how it may be answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    pub method: String,
    pub host: String,
    pub asks_to_close: bool,
    pub is_of_http_1_0: bool,
    /// Whether the client waits to be told to continue, and may send no body.
    pub waits: bool,
    /// Whether its body comes in a transfer coding.
    pub is_coded: bool,
    /// Whether it asks for several parts of a file at once.
    pub wants_parts: bool,
}

/// The requests in what a client sends.
pub fn asked(sent: &[u8]) -> Vec<Asked> {
    let mut requests = Vec::new();
    let mut rest = sent;
    while let Some(head_length) = head_length(rest) {
        let head = String::from_utf8_lossy(&rest[..head_length]).into_owned();
        rest = &rest[head_length..];
        let mut lines = head.lines();
        let Some(request_line) = lines.next().filter(|line| !line.is_empty()) else {
            continue;
        };
        let fields: Vec<(String, &str)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim()))
            .collect();
        let value = |wanted: &str| fields.iter().find(|(name, _)| name == wanted);
        let says = |option: &str| {
            let list = value("connection").map_or("", |(_, value)| value);
            list.split(',')
                .any(|one| one.trim().eq_ignore_ascii_case(option))
        };
        let is_old = request_line.ends_with(" HTTP/1.0");
        requests.push(Asked {
            method: request_line
                .split(' ')
                .next()
                .unwrap_or_default()
                .to_owned(),
            host: value("host").map_or("", |(_, value)| value).to_owned(),
            asks_to_close: says("close") || is_old && !says("keep-alive"),
            is_of_http_1_0: is_old,
            waits: value("expect").is_some(),
            is_coded: value("transfer-encoding").is_some(),
            wants_parts: request_line.starts_with("GET ")
                && value("range").is_some_and(|(_, ranges)| ranges.contains(',')),
        });
        if value("transfer-encoding").is_some() {
            let mut chunks = Chunks::new(rest);
            let is_whole = chunks.decode().unwrap_or(false);
            rest = if is_whole { &rest[chunks.at..] } else { b"" };
        } else if let Some((_, length)) = value("content-length") {
            let length = length.parse().unwrap_or(usize::MAX);
            rest = &rest[rest.len().min(length)..];
        } else if !request_line.contains(" HTTP/1.") {
            // Nobody goes on reading behind what is no request.
            rest = b"";
        }
    }
    requests
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn read(received: &str, method: &str, is_closed: bool) -> Result<(Vec<u8>, bool), Malformed> {
        let methods = [method.to_owned()];
        let mut answers = answers(received.as_bytes(), &methods, is_closed)?;
        let last = answers.pop().and_then(|answer| answer.last);
        let last = last.expect("a head came");
        Ok((last.body, last.is_whole))
    }

    #[test]
    fn each_body_ends_where_the_rules_say() {
        let ok = "HTTP/1.1 200 OK\r\n";
        let length = format!("{ok}Content-Length: 3\r\n\r\n");
        let chunked = format!("{ok}Transfer-Encoding: chunked\r\n\r\n");
        for (received, method, is_closed, body, is_whole) in [
            (format!("{ok}\r\nabc"), "GET", false, "abc", false),
            (format!("{ok}\r\nabc"), "GET", true, "abc", true),
            (format!("{length}ab"), "GET", true, "ab", false),
            (format!("{length}abc"), "GET", false, "abc", true),
            (format!("{length}abcd"), "GET", false, "abc", true),
            (length.clone(), "HEAD", false, "", true),
            (length.replace("200", "304"), "GET", false, "", true),
            (
                "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
                "GET",
                false,
                "",
                true,
            ),
            (format!("{chunked}2\r\nab\r\n"), "GET", true, "ab", false),
            (
                format!("{chunked}2;x=y\r\nab\r\nA\r\n0123456789\r\n0\r\n\r\n"),
                "GET",
                false,
                "ab0123456789",
                true,
            ),
            (
                format!("{chunked}0\r\nTrailer: 1\r\n\r\nmore"),
                "GET",
                false,
                "",
                true,
            ),
            (format!("{chunked}5\r\nab"), "GET", false, "ab", false),
            (
                format!("{chunked}ffffffffffffffff\r\nab"),
                "GET",
                false,
                "ab",
                false,
            ),
            (
                "HTTP/1.1 100 Continue\r\n\r\n".to_owned() + &length + "abc",
                "POST",
                false,
                "abc",
                true,
            ),
        ] {
            let expected = (body.as_bytes().to_vec(), is_whole);
            assert_eq!(
                read(&received, method, is_closed).unwrap(),
                expected,
                "{received:?}"
            );
        }
    }

    /// What a client knows after each byte of three answers over one connection.
    #[test]
    fn answers_come_step_by_step() {
        let methods = ["POST", "HEAD", "GET"].map(str::to_owned);
        let parts = [
            "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
            "ab",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "1\r\nc\r\n0\r\n\r\n",
        ];
        // The head of an answer to HEAD is all of it.
        let steps = [1, 2, 3, 5, 6, 7];
        let all = parts.concat();
        let mut done = 0;
        let mut known = 0;
        for (part, step) in parts.iter().zip(steps) {
            for length in 0..part.len() {
                let answers = answers(&all.as_bytes()[..done + length], &methods, false).unwrap();
                assert_eq!(progress(&answers), known, "{}", &all[..done + length]);
            }
            (done, known) = (done + part.len(), step);
        }
        let received = format!("{all}more");
        let answers = answers(received.as_bytes(), &methods, false).unwrap();
        assert_eq!(progress(&answers), 7);
        assert!(answers.iter().all(Answer::is_whole));
        let bodies: Vec<&[u8]> = answers
            .iter()
            .filter_map(|answer| Some(answer.last.as_ref()?.body.as_slice()))
            .collect();
        assert_eq!(bodies, [&b"ab"[..], b"", b"c"]);
        assert_eq!(answers[2].last.as_ref().unwrap().end, all.len());
    }

    #[test]
    fn a_status_code_is_three_digits() {
        for code in [200, 304, 431, 599] {
            let head = format!("HTTP/1.1 {code} \r\n\r\n");
            assert_eq!(status(head.as_bytes(), 0), Ok((code, b'1')));
        }
        for line in [
            "HTTP/1.1 099 OK\r\n\r\n",
            "HTTP/1.x 200 OK\r\n\r\n",
            "HTTP/1.x 200OK\r\n\r\n",
        ] {
            let malformed = status(line.as_bytes(), 0).unwrap_err();
            assert!(
                malformed.problem.contains("a status line"),
                "{line}: {malformed:?}"
            );
        }
    }

    #[test]
    fn what_is_no_http_and_where() {
        let ok = "HTTP/1.1 200 OK\r\n";
        for (received, problem, at) in [
            ("<h1>".to_owned(), "does not begin with a status line", 0),
            (
                "HTTP/1.1 OK\r\n\r\n".to_owned(),
                "does not begin with a status line",
                0,
            ),
            (
                "HTTP/2.0 200 OK\r\n\r\n".to_owned(),
                "does not begin with a status line",
                0,
            ),
            (
                "HTTP/1.1 2000 OK\r\n\r\n".to_owned(),
                "does not begin with a status line",
                0,
            ),
            (
                "HTTP/1.1 200OK\r\n\r\n".to_owned(),
                "a space is missing",
                12,
            ),
            (format!("{ok}A: 1\r\n"), "no blank line", 23),
            (format!("{ok}A 1\r\n\r\n"), "no field", 17),
            (format!("{ok}ü: 1\r\nA : 1\r\n\r\n"), "before its colon", 24),
            (format!("{ok}A: 1\r2\r\n\r\n"), "carriage return", 21),
            (
                format!("{ok}Content-Length: 1\r\nContent-Length: 2\r\n\r\n"),
                "twice",
                52,
            ),
            (format!("{ok}Content-Length: +1\r\n\r\na"), "no number", 33),
            (
                format!("{ok}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
                "beside Transfer-Encoding",
                33,
            ),
            (
                format!("{ok}Transfer-Encoding: chunked\r\n\r\nx\r\n"),
                "hexadecimal",
                47,
            ),
            (
                format!("{ok}Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n"),
                "where its size says",
                51,
            ),
            (
                format!("{ok}Transfer-Encoding: chunked\r\n\r\n1\r\nab\r"),
                "where its size says",
                51,
            ),
            (
                format!("{ok}Transfer-Encoding: chunked\r\n\r\n0\r\nA: 1\r\nA 2\r\n\r\n"),
                "no field",
                56,
            ),
        ] {
            let malformed = read(&received, "GET", true).unwrap_err();
            assert!(
                malformed.problem.contains(problem),
                "{received:?}: {malformed:?}"
            );
            assert_eq!(malformed.at, at, "{received:?}");
        }
    }

    /// A few bytes of gzip may hold more than there is memory.
    /// Such an answer ends with its head all the same, and the next one follows it.
    #[test]
    fn a_field_that_tells_of_content_where_there_is_none() {
        let methods = ["GET".to_owned(), "GET".to_owned()];
        let next = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na";
        for (head, problem, at) in [
            (
                "HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n",
                "Content-Length stands in an answer with status 204",
                33,
            ),
            (
                "HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n",
                "Transfer-Encoding stands in an answer with status 204",
                36,
            ),
            (
                "HTTP/1.1 304 No\r\nContent-Length: 0\r\n\r\n",
                "in an answer with status 304",
                33,
            ),
        ] {
            let received = format!("{head}{next}");
            let answers = answers(received.as_bytes(), &methods, false).unwrap();
            let [first, second] = &answers[..] else {
                panic!("{received:?}: {answers:?}");
            };
            let (first, second) = (first.last.as_ref().unwrap(), second.last.as_ref().unwrap());
            let misplaced = first.misplaced.as_ref().unwrap();
            assert!(misplaced.problem.contains(problem), "{misplaced:?}");
            assert_eq!(misplaced.at, at);
            assert_eq!((first.end, first.framing), (head.len(), Framing::NoBody));
            assert_eq!((&*second.body, &second.misplaced), (&b"a"[..], &None));
        }
    }

    #[test]
    fn what_is_decoded_may_be_so_long() {
        const MIB: usize = 1024 * 1024;
        let coded = |length: usize| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(&vec![0; length]).unwrap();
            encoder.finish().unwrap()
        };
        let response = |body: Vec<u8>| Response {
            body,
            ..response(b"HTTP/1.1 200 OK\r\n\r\n", 0, "GET", true)
                .unwrap()
                .unwrap()
        };
        let most = coded(MIB).repeat(16);
        let more = [&most[..], &coded(1)].concat();
        assert_eq!(
            response(most).decoded().map(|all| all.len()),
            Some(16 * MIB)
        );
        assert_eq!(response(more).decoded(), None);
    }

    #[test]
    fn who_announces_the_end() {
        let announces = |head: &str| {
            let methods = ["GET".to_owned()];
            let answers = answers(head.as_bytes(), &methods, false).unwrap();
            answers[0].last.as_ref().unwrap().announces_close()
        };
        assert!(announces("HTTP/1.1 200 OK\r\n\r\n"));
        assert!(announces(
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: a, Close\r\n\r\n"
        ));
        assert!(announces("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"));
        assert!(!announces(
            "HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: Keep-Alive\r\n\r\n"
        ));
        assert!(!announces("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    }

    #[test]
    fn who_asks_to_close() {
        for (sent, asks) in [
            ("GET / HTTP/1.1\r\n\r\n", false),
            ("GET / HTTP/1.1\r\nconnection: Close\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nConnection: a, close\r\n\r\n", true),
            ("GET / HTTP/1.0\r\n\r\n", true),
            ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false),
            ("GET / HTTP/1.0\r\n\r\nGET / HTTP/1.1\r\n\r\n", false),
            ("", false),
        ] {
            assert_eq!(asks_to_close(sent.as_bytes()), asks, "{sent:?}");
        }
    }

    #[test]
    fn methods_of_what_is_sent() {
        for (sent, expected) in [
            ("", &[""][..]),
            ("HEAD / HTTP/1.1\r\n\r\n", &["HEAD"]),
            (
                "\r\nHEAD / HTTP/1.1\r\n\r\nGET / HTTP/1.1\n\n",
                &["HEAD", "GET"],
            ),
            (
                "POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\nA\r\n\r\nGET / HTTP/1.1\r\n\r\n",
                &["POST", "GET"],
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nabHEAD / HTTP/1.1\r\n\r\n",
                &["POST", "HEAD"],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\nHEAD / HTTP/1.1\r\n\r\n",
                &["POST", "HEAD"],
            ),
            ("GET /\r\n\r\nHEAD / HTTP/1.1\r\n\r\n", &["GET"]),
            ("GET / HTTP/1.1\r\n", &[""]),
        ] {
            assert_eq!(methods(sent.as_bytes()), expected, "{sent:?}");
        }
    }
}
