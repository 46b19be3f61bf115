//! The same for a connection that speaks HTTP/2.

use std::fmt::Write;
use std::net::SocketAddr;

use harness::http2::{FieldLine, Indexing, Message, Piece, bytes_of, flags, kinds, streams};
use harness::transcript::Step;

use super::{Request, client};

/// From how many repetitions on a byte is printed by another command.
const LONG_RUN: usize = 64;

/// A shell command that sends what one connection sends: as a request, where it is no more
/// than one that curl would send too, and else byte by byte.
pub fn command(steps: &[Step], address: SocketAddr, is_sealed: bool) -> String {
    let sent = sent(steps);
    match request(&sent) {
        Some(request) => request.curl(address, is_sealed),
        None => exactly(steps, address, is_sealed),
    }
}

/// A shell command that sends these very bytes, and shows those that come back.
pub fn exactly(steps: &[Step], address: SocketAddr, is_sealed: bool) -> String {
    let client = match is_sealed {
        true => format!("openssl s_client -quiet -alpn h2 -connect {address}"),
        false => client(address, false, false),
    };
    // The client goes on until the server ends the connection, or for a moment.
    let parts = printed(&bytes_of(&sent(steps)));
    format!("{{ {}; sleep 1; }} | {client} | od -c", parts.join("; "))
}

fn sent(steps: &[Step]) -> Vec<Piece> {
    let sent = steps.iter().filter_map(|step| match step {
        Step::SendFrames(frames) | Step::SendFramesOneByOne(frames) => Some(frames.as_slice()),
        _ => None,
    });
    sent.collect::<Vec<_>>().concat()
}

/// The one request that these frames are, where there is nothing odd about them.
fn request(sent: &[Piece]) -> Option<Request> {
    let is_usual = |piece: &Piece| match piece {
        Piece::Preface => true,
        Piece::Frame(frame) => {
            let is_plain =
                frame.length.is_none() && frame.padding.is_none() && !frame.is_reserved_bit_set;
            let flags = match frame.kind {
                kinds::SETTINGS => flags::ACK,
                kinds::HEADERS => flags::END_STREAM | flags::END_HEADERS,
                kinds::DATA => flags::END_STREAM,
                _ => return false,
            };
            is_plain && frame.flags & !flags == 0
        }
        Piece::Bytes(_) => false,
    };
    let [stream] = streams(sent)[..] else {
        return None;
    };
    let message = Message::of(sent, stream);
    let [section] = &message.sections[..] else {
        return None;
    };
    if !sent.iter().all(is_usual) || sent.first() != Some(&Piece::Preface) || !message.is_whole {
        return None;
    }
    let mut fields = Vec::new();
    for line in section {
        let FieldLine::Field {
            name,
            value,
            indexing: Indexing::Plain,
            huffman: false,
        } = line
        else {
            return None;
        };
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        fields.push((text(name)?, text(value)?));
    }
    let pseudo: Vec<(String, String)> = fields
        .extract_if(.., |(name, _)| name.starts_with(':'))
        .collect();
    let names: Vec<&str> = pseudo.iter().map(|(name, _)| &**name).collect();
    if names != [":method", ":scheme", ":path", ":authority"] {
        return None;
    }
    let is_plain = |text: &str| !text.is_empty() && !text.contains(char::is_control);
    let is_name = |name: &str| {
        name.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    };
    let is_usual = fields
        .iter()
        .all(|(name, value)| is_name(name) && is_plain(value));
    let target = pseudo[2].1.clone();
    if !is_usual || !target.starts_with('/') || !is_plain(&target) {
        return None;
    }
    Some(Request {
        method: pseudo[0].1.clone(),
        target,
        version: super::HTTP_2.to_owned(),
        fields,
        body: String::from_utf8(message.body).ok()?,
    })
}

/// Shell commands that print these bytes, which any shell can read.
fn printed(bytes: &[u8]) -> Vec<String> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let end = |plain: &mut String, parts: &mut Vec<String>| {
        if !plain.is_empty() {
            parts.push(format!("printf '{}'", std::mem::take(plain)));
        }
    };
    for run in bytes.chunk_by(|a, b| a == b) {
        if run.len() >= LONG_RUN {
            end(&mut plain, &mut parts);
            let count = run.len();
            parts.push(format!(
                "head -c {count} /dev/zero | tr '\\0' '\\{:03o}'",
                run[0]
            ));
            continue;
        }
        for byte in run {
            match byte {
                b'%' => plain += "%%",
                b'\'' | b'\\' => {
                    let _ = write!(plain, "\\{byte:03o}");
                }
                b' '..=b'~' => plain.push(char::from(*byte)),
                _ => {
                    let _ = write!(plain, "\\{byte:03o}");
                }
            }
        }
    }
    end(&mut plain, &mut parts);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness::http2;

    fn by_hand(frames: &str) -> String {
        let frames = http2::read(frames).expect("frames");
        let steps = [Step::Http2, Step::SendFrames(frames)];
        command(&steps, ([127, 0, 0, 1], 8080).into(), false)
    }

    #[test]
    fn a_request() {
        let opened = |more: &str| http2::OPENING.to_owned() + more;
        assert_eq!(
            by_hand(&opened(&http2::get(1, "/hello?a=b"))),
            "curl -i --http2-prior-knowledge 'http://127.0.0.1:8080/hello?a=b'"
        );
        let fields = "content-type: text/plain\n";
        assert_eq!(
            by_hand(&opened(&http2::request(1, "POST", "/a", fields, Some("b")))),
            "curl -i --http2-prior-knowledge -H 'content-type: text/plain' --data-binary b \
             http://127.0.0.1:8080/a"
        );
    }

    #[test]
    fn frames_that_curl_would_not_send() {
        let opening = "printf 'PRI * HTTP/2.0\\015\\012\\015\\012SM\\015\\012\\015\\012\
                       \\000\\000\\000\\004\\000\\000\\000\\000\\000";
        let opened = "PREFACE\nSETTINGS 0\n";
        let client = "; sleep 1; } | curl -sN telnet://127.0.0.1:8080 | od -c";
        assert_eq!(
            by_hand(&format!("{opened}PING 0 2725255c61626364\n")),
            format!(
                "{{ {opening}\\000\\000\\010\\006\\000\\000\\000\\000\\000\\047%%%%\\134abcd'{client}"
            )
        );
        assert_eq!(
            by_hand(&format!("{opened}0x2a 0\n  [payload 61*100]\n")),
            format!(
                "{{ {opening}\\000\\000d*\\000\\000\\000\\000\\000'; \
                 head -c 100 /dev/zero | tr '\\0' '\\141'{client}"
            )
        );
        let odd = http2::get(1, "/a").replace(":scheme: http\n", ":scheme: http\n  X: y\n");
        assert!(by_hand(&format!("{opened}{odd}")).contains("od -c"));
    }
}
