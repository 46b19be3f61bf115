//! The `curl` lines that do by hand what a check does.

mod frames;

use std::net::SocketAddr;

use harness::transcript::{Again, Step};
use harness::wire;

/// Shell commands that send what a transcript sends, one for each of its connections, to
/// a server that may speak TLS.
pub fn commands(steps: &[Step], address: SocketAddr, is_sealed: bool) -> Vec<String> {
    let mut commands = Vec::new();
    for connection in steps.split(|step| *step == Step::Another) {
        for step in connection {
            match step {
                Step::Again(Again::Stopped) => commands.push(STOP.to_owned()),
                Step::Again(Again::Killed) => commands.push(KILL.to_owned()),
                _ => {}
            }
        }
        let sent = harness::play::bytes_sent(connection);
        let sent = String::from_utf8_lossy(&sent);
        for name in REMEMBERED.iter().filter(|name| sent.contains(**name)) {
            commands.push(format!(
                "# {name} stands for what that field said in the answer before."
            ));
        }
        if connection.contains(&Step::ToldToStop) {
            commands.push(STOP_MEANWHILE.to_owned());
        }
        commands.push(command(connection, address, is_sealed));
    }
    commands
}

/// Whether something that is sent is known only from an answer before.
pub fn refers_back(steps: &[Step]) -> bool {
    let sent = harness::play::bytes_sent(steps);
    let sent = String::from_utf8_lossy(&sent);
    REMEMBERED.iter().any(|name| sent.contains(name))
}

/// What stands for the last value of a field.
const REMEMBERED: [&str; 2] = ["[ETag]", "[Last-Modified]"];

const STOP: &str = "# Stop the server with Ctrl-C, and start it again.";
const STOP_MEANWHILE: &str = "# While this waits for five seconds, stop the server with Ctrl-C.";
const KILL: &str = "# End the server with kill -9, and start it again.";

/// A shell command that sends what one connection of a transcript sends.
fn command(steps: &[Step], address: SocketAddr, is_sealed: bool) -> String {
    let is_sealed = is_sealed && !steps.contains(&Step::Plain);
    if steps.contains(&Step::Http2) {
        return frames::command(steps, address, is_sealed);
    }
    let older = steps.iter().find_map(|step| match step {
        Step::Older(count) => Some(*count),
        _ => None,
    });
    let before = older.map_or_else(String::new, |count| {
        format!(
            "for i in $(seq {count}); do sleep 9 | curl -sN telnet://{address} & done; sleep 1; "
        )
    });
    let half_closes = steps.contains(&Step::HalfClose);
    let command = match &*pieces(steps) {
        [Piece::Sent(sent)] if !half_closes => match Request::parse(sent) {
            Some(request) => request.curl(address, is_sealed),
            None => exactly(steps, address, is_sealed),
        },
        _ => exactly(steps, address, is_sealed),
    };
    before + &command
}

/// A shell command that sends the very bytes of one connection, to which curl, where it
/// writes the request itself, would add fields of its own, and rests where the check did.
pub fn exactly(steps: &[Step], address: SocketAddr, is_sealed: bool) -> String {
    if steps.contains(&Step::Http2) {
        return frames::exactly(steps, address, is_sealed);
    }
    let client = client(address, steps.contains(&Step::HalfClose), is_sealed);
    let parts: Vec<String> = pieces(steps)
        .iter()
        .flat_map(|piece| match piece {
            Piece::Sent(sent) => printed(sent),
            Piece::Rest(seconds) => vec![format!("sleep {seconds}")],
        })
        .collect();
    match &*parts {
        [] => format!("{client} </dev/null"),
        parts => piped(parts, &client),
    }
}

/// What is sent at once, or a pause before more is sent.
#[derive(Debug, PartialEq)]
enum Piece {
    Sent(Vec<u8>),
    /// So many seconds, as `sleep` takes them.
    Rest(&'static str),
}

/// How long to rest where the check rests for a moment, or waits for an answer first.
const MOMENT: &str = "0.1";
const ANSWER: &str = "1";
/// How long to rest where the check is silent for as long as a client may be.
const SILENCE: &str = "0.5";
/// How long to rest while the server is stopped.
const STOPPING: &str = "5";

/// What one connection sends, with the pauses that the check makes.
fn pieces(steps: &[Step]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for step in steps {
        match step {
            Step::Send(bytes) => {
                // Two writes are two pieces, which could else arrive together.
                if let Some(Piece::Sent(_)) = pieces.last() {
                    pieces.push(Piece::Rest(MOMENT));
                }
                pieces.push(Piece::Sent(bytes.clone()));
            }
            Step::SendOneByOne(bytes) => {
                if let Some(Piece::Sent(_)) = pieces.last() {
                    pieces.push(Piece::Rest(MOMENT));
                }
                let mut rest = &bytes[..];
                for sent in 1..=bytes.len() {
                    if harness::play::rests_behind(sent, bytes.len()) {
                        let (piece, after) = rest.split_at(sent + rest.len() - bytes.len());
                        pieces.extend([Piece::Sent(piece.to_vec()), Piece::Rest(MOMENT)]);
                        rest = after;
                    }
                }
                pieces.push(Piece::Sent(rest.to_vec()));
            }
            Step::Waits => pieces.push(Piece::Rest(MOMENT)),
            Step::IsSilent => pieces.push(Piece::Rest(SILENCE)),
            Step::ToldToStop => pieces.push(Piece::Rest(STOPPING)),
            Step::Receive(_) if matches!(pieces.last(), Some(Piece::Sent(_))) => {
                pieces.push(Piece::Rest(ANSWER));
            }
            _ => {}
        }
    }
    // Behind the last bytes the check waits for the answer, and so does the client.
    if pieces.len() > 1 && pieces.last() == Some(&Piece::Rest(ANSWER)) {
        pieces.pop();
    }
    pieces
}

/// The version of a request that goes in frames.
const HTTP_2: &str = "HTTP/2";

/// A request that curl can be told to send.
struct Request {
    method: String,
    target: String,
    version: String,
    fields: Vec<(String, String)>,
    body: String,
}

impl Request {
    fn parse(sent: &[u8]) -> Option<Self> {
        let text = str::from_utf8(sent).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let words: Vec<&str> = lines.next()?.split(' ').collect();
        let [method, target, version] = words[..] else {
            return None;
        };
        let fields: Vec<(String, String)> = lines
            .map(|line| line.split_once(": "))
            .map(|field| field.map(|(name, value)| (name.to_owned(), value.to_owned())))
            .collect::<Option<_>>()?;
        // curl counts for itself, so what it would say otherwise goes raw.
        let lengths: Vec<&str> = values(&fields, "Content-Length").collect();
        let counted = match lengths[..] {
            [] => body.is_empty(),
            [length] => length == body.len().to_string(),
            _ => false,
        };
        let is_plain = target.starts_with('/')
            && matches!(version, "HTTP/1.1" | "HTTP/1.0")
            && !head.contains(|character: char| {
                character.is_control() && !matches!(character, '\r' | '\n')
            })
            && fields.iter().all(|(name, _)| !name.contains(' '))
            && counted
            && sent.len() < 4096;
        is_plain.then(|| Self {
            method: method.to_owned(),
            target: target.to_owned(),
            version: version.to_owned(),
            fields,
            body: body.to_owned(),
        })
    }

    fn curl(&self, address: SocketAddr, is_sealed: bool) -> String {
        let mut words = vec!["curl".to_owned(), "-i".to_owned()];
        match &*self.version {
            "HTTP/1.0" => words.push("--http1.0".to_owned()),
            HTTP_2 if is_sealed => words.push("--http2".to_owned()),
            HTTP_2 => words.push("--http2-prior-knowledge".to_owned()),
            _ => {}
        }
        if self.target.contains("/.") {
            words.push("--path-as-is".to_owned());
        }
        match &*self.method {
            "GET" => {}
            "HEAD" => words.push("--head".to_owned()),
            "POST" if !self.body.is_empty() => {}
            method => words.extend(["-X".to_owned(), quoted(method)]),
        }
        for (name, value) in &self.fields {
            if !name.eq_ignore_ascii_case("Host") && !name.eq_ignore_ascii_case("Content-Length") {
                words.extend(["-H".to_owned(), quoted(&format!("{name}: {value}"))]);
            }
        }
        if !self.body.is_empty() {
            // With a body, curl would name the type of a form.
            if values(&self.fields, "Content-Type").next().is_none() {
                words.extend(["-H".to_owned(), "Content-Type:".to_owned()]);
            }
            words.extend(["--data-binary".to_owned(), quoted(&self.body)]);
        }
        let scheme = match is_sealed {
            true => "https",
            false => "http",
        };
        if is_sealed {
            words.push("--insecure".to_owned());
        }
        words.push(quoted(&format!("{scheme}://{address}{}", self.target)));
        words.join(" ")
    }
}

fn values<'a>(fields: &'a [(String, String)], name: &'a str) -> impl Iterator<Item = &'a str> {
    fields
        .iter()
        .filter(move |(field, _)| field.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

fn quoted(word: &str) -> String {
    let is_plain = |character: char| character.is_alphanumeric() || "-_./:=%+,".contains(character);
    if word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// What curl would not send as a request goes over its telnet side, which sends what it is
/// given; and where the client says that it is done, over nc, which passes that on. Where
/// TLS is spoken, openssl does it.
fn client(address: SocketAddr, half_closes: bool, is_sealed: bool) -> String {
    if is_sealed {
        format!("openssl s_client -quiet -connect {address}")
    } else if half_closes {
        format!("nc -N {} {}", address.ip(), address.port())
    } else {
        format!("curl -sN telnet://{address}")
    }
}

/// Shell commands that print these bytes.
fn printed(sent: &[u8]) -> Vec<String> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    for line in wire::show(sent) {
        let mut rest = line.as_str();
        while let Some((before, run)) = rest.split_once(r"\{") {
            let Some((run, after)) = run.split_once('}') else {
                break;
            };
            plain += &before.replace('%', "%%").replace('\'', r"'\''");
            if let Some((byte, count)) = run.split_once('*') {
                if !plain.is_empty() {
                    parts.push(format!("printf '{}'", std::mem::take(&mut plain)));
                }
                parts.push(format!("head -c {count} /dev/zero | tr '\\0' '{byte}'"));
            }
            rest = after;
        }
        plain += &rest.replace('%', "%%").replace('\'', r"'\''");
    }
    if !plain.is_empty() {
        parts.push(format!("printf '{plain}'"));
    }
    parts
}

fn piped(parts: &[String], client: &str) -> String {
    match parts {
        [single] => format!("{single} | {client}"),
        _ => format!("{{ {}; }} | {client}", parts.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_connection_sends() {
        let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(9000));
        for (sent, command) in [
            (
                "GET /a?b=c HTTP/1.1\r\nHost: localhost\r\n\r\n",
                "curl -i 'http://127.0.0.1:80/a?b=c'",
            ),
            (
                "GET /pages/../a HTTP/1.0\r\n\r\n",
                "curl -i --http1.0 --path-as-is http://127.0.0.1:80/pages/../a",
            ),
            (
                "HEAD / HTTP/1.1\r\nX: it's\r\n\r\n",
                r"curl -i --head -H 'X: it'\''s' http://127.0.0.1:80/",
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\na=b",
                "curl -i -H Content-Type: --data-binary a=b http://127.0.0.1:80/",
            ),
            (
                "POST / HTTP/1.1\r\nContent-Type: a/b\r\nContent-Length: 3\r\n\r\na=b",
                "curl -i -H 'Content-Type: a/b' --data-binary a=b http://127.0.0.1:80/",
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\na=b",
                r"printf 'POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\na=b' | curl -sN telnet://127.0.0.1:80",
            ),
            (
                "GET /%41\r\n\r\n",
                r"printf 'GET /%%41\r\n\r\n' | curl -sN telnet://127.0.0.1:80",
            ),
            ("", "curl -sN telnet://127.0.0.1:80 </dev/null"),
            (
                &long,
                r"{ printf 'GET /'; head -c 9000 /dev/zero | tr '\0' 'a'; printf ' HTTP/1.1\r\n\r\n'; } | curl -sN telnet://127.0.0.1:80",
            ),
        ] {
            let steps = [Step::Send(sent.into())];
            let address = SocketAddr::from(([127, 0, 0, 1], 80));
            assert_eq!(super::command(&steps, address, false), command);
        }
        let steps = [Step::Send(b"GET /\r\n".to_vec()), Step::HalfClose];
        assert_eq!(
            super::command(&steps, SocketAddr::from(([127, 0, 0, 1], 80)), false),
            r"printf 'GET /\r\n' | nc -N 127.0.0.1 80"
        );
    }

    #[test]
    fn a_command_for_each_connection() {
        let get = |path: &str| Step::Send(format!("GET {path} HTTP/1.1\r\n\r\n").into());
        let steps = [
            Step::Anew,
            get("/a"),
            Step::Another,
            Step::Again(Again::Killed),
            get("/b"),
            Step::Another,
            Step::Again(Again::Stopped),
            get("/c"),
        ];
        let address = SocketAddr::from(([127, 0, 0, 1], 80));
        assert_eq!(
            commands(&steps, address, false),
            [
                "curl -i http://127.0.0.1:80/a",
                KILL,
                "curl -i http://127.0.0.1:80/b",
                STOP,
                "curl -i http://127.0.0.1:80/c",
            ]
        );
    }

    #[test]
    fn a_server_is_stopped_while_a_request_is_under_way() {
        let steps = [
            Step::Send(b"GET / HTTP/1.1\r\n".to_vec()),
            Step::ToldToStop,
            Step::Send(b"\r\n".to_vec()),
        ];
        let address = SocketAddr::from(([127, 0, 0, 1], 80));
        let by_hand = r"{ printf 'GET / HTTP/1.1\r\n'; sleep 5; printf '\r\n'; } | curl -sN telnet://127.0.0.1:80";
        assert_eq!(commands(&steps, address, false), [STOP_MEANWHILE, by_hand]);
    }

    /// Without these a server that goes wrong in the check could be right by hand.
    #[test]
    fn the_pauses_of_the_check_are_made() {
        let address = SocketAddr::from(([127, 0, 0, 1], 80));
        let send = |bytes: &str| Step::Send(bytes.into());
        for (steps, parts) in [
            (
                vec![Step::SendOneByOne(b"GET / HTTP/1.1\r\n\r\n".to_vec())],
                r"printf 'G'; sleep 0.1; printf 'ET / HTTP'; sleep 0.1; printf '/1.1\r'; sleep 0.1; printf '\n'; sleep 0.1; printf '\r'; sleep 0.1; printf '\n'",
            ),
            (
                vec![send("GET"), Step::Waits, send(" /")],
                "printf 'GET'; sleep 0.1; printf ' /'",
            ),
            (
                vec![send("GET"), send(" /")],
                "printf 'GET'; sleep 0.1; printf ' /'",
            ),
            (
                vec![
                    send("a"),
                    Step::Receive(b"b".to_vec()),
                    send("c"),
                    Step::Receive(b"d".to_vec()),
                ],
                "printf 'a'; sleep 1; printf 'c'",
            ),
        ] {
            let expected = format!("{{ {parts}; }} | curl -sN telnet://127.0.0.1:80");
            assert_eq!(commands(&steps, address, false), [&*expected]);
            assert_eq!(exactly(&steps, address, false), expected);
        }
        // One request in one piece needs none.
        let steps = [
            send("GET / HTTP/1.1\r\n\r\n"),
            Step::Receive(b"HTTP/1.1".to_vec()),
        ];
        assert_eq!(
            commands(&steps, address, false),
            ["curl -i http://127.0.0.1:80/"]
        );
    }

    #[test]
    fn what_stands_for_an_earlier_value_is_explained() {
        let with = |field: &str| Step::Send(format!("GET / HTTP/1.1\r\n{field}\r\n").into());
        let address = SocketAddr::from(([127, 0, 0, 1], 80));
        let steps = [with(""), Step::Another, with("If-None-Match: [ETag]\r\n")];
        assert!(refers_back(&steps) && !refers_back(&steps[..2]));
        assert_eq!(
            commands(&steps, address, false),
            [
                "curl -i http://127.0.0.1:80/",
                "# [ETag] stands for what that field said in the answer before.",
                "curl -i -H 'If-None-Match: [ETag]' http://127.0.0.1:80/",
            ]
        );
    }
}
