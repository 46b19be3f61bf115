//! Parts of a file: `Range: bytes=0-99` (RFC 9110 §14).

use std::ops::Range;

use crate::ch09::request::Request;

/// Which part of a file a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it: the request has no `Range`, or one that the server ignores.
    Whole,
    /// These bytes; the end is not included.
    Bytes(Range<u64>),
    /// A part that the file does not have: 416.
    None,
}

/// Finds the part that a request asks for, of a file of `length` bytes.
///
/// A request for several parts is answered with all of the file, which the RFC allows (§14.2):
/// each part would have a head of its own, and a request for a thousand overlapping parts
/// would make a large answer from a small file. A `Range` in another unit, or one that is
/// malformed, is ignored too.
///
/// ```
/// use common::ranges::{Part, part};
///
/// let head = b"GET / HTTP/1.1\r\nHost: a\r\nRange: bytes=-5\r\n\r\n";
/// let request = common::Request::from_head(head)?;
/// assert_eq!(part(&request, 20), Part::Bytes(15..20));
/// # Ok::<(), common::RequestError>(())
/// ```
pub fn part(request: &Request, length: u64) -> Part {
    let mut values = request.fields.values("Range");
    let (Some(value), None, "GET") = (values.next(), values.next(), &*request.method) else {
        return Part::Whole;
    };
    let Some((unit, range)) = value.split_once('=') else {
        return Part::Whole;
    };
    let Some((first, last)) = range.trim_matches([' ', '\t']).split_once('-') else {
        return Part::Whole;
    };
    if !unit.eq_ignore_ascii_case("bytes") {
        return Part::Whole;
    }
    let range = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(length),
        (Some(first), None) if last.is_empty() => first..length,
        // An empty file has no last bytes, and `Content-Range` could not name them.
        (None, Some(1..)) if first.is_empty() && length == 0 => return Part::Whole,
        (None, Some(count)) if first.is_empty() => length.saturating_sub(count)..length,
        _ => return Part::Whole,
    };
    if range.is_empty() {
        Part::None
    } else {
        Part::Bytes(range)
    }
}

/// A number. One that is too large for `u64` is beyond the end of any file.
fn number(text: &str) -> Option<u64> {
    // `parse` alone would accept a sign too.
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part_of_20(method: &str, fields: &str) -> Part {
        let head = format!("{method} / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        part(&Request::from_head(head.as_bytes()).unwrap(), 20)
    }

    /// Every pair of positions, compared with the bytes between them.
    #[test]
    fn every_pair_of_positions() {
        let bytes: Vec<u64> = (0..20).collect();
        for first in 0..24 {
            for last in 0..24 {
                let asked: Vec<u64> = bytes
                    .iter()
                    .copied()
                    .filter(|byte| (first..=last).contains(byte))
                    .collect();
                let expected = match asked[..] {
                    _ if last < first => Part::Whole,
                    [] => Part::None,
                    [start, ..] => Part::Bytes(start..start + asked.len() as u64),
                };
                let found = part_of_20("GET", &format!("Range: bytes={first}-{last}\r\n"));
                assert_eq!(found, expected, "{first}-{last}");
            }
            let from = part_of_20("GET", &format!("Range: bytes={first}-\r\n"));
            let expected = if first < 20 {
                Part::Bytes(first..20)
            } else {
                Part::None
            };
            assert_eq!(from, expected, "{first}-");
            let last_ones = part_of_20("GET", &format!("Range: bytes=-{first}\r\n"));
            let expected = match first {
                0 => Part::None,
                count => Part::Bytes(20_u64.saturating_sub(count)..20),
            };
            assert_eq!(last_ones, expected, "-{first}");
        }
    }

    #[test]
    fn ranges_that_are_ignored() {
        for (method, fields) in [
            ("GET", ""),
            ("HEAD", "Range: bytes=0-1\r\n"),
            ("POST", "Range: bytes=0-1\r\n"),
            ("GET", "Range: bytes=0-1,3-4\r\n"),
            ("GET", "Range: bytes=0-1\r\nRange: bytes=3-4\r\n"),
            ("GET", "Range: lines=0-1\r\n"),
            ("GET", "Range: bytes 0-1\r\n"),
            ("GET", "Range: bytes=\r\n"),
            ("GET", "Range: bytes=-\r\n"),
            ("GET", "Range: bytes=5\r\n"),
            ("GET", "Range: bytes=+1-2\r\n"),
            ("GET", "Range: bytes=1--2\r\n"),
            ("GET", "Range: bytes=a-b\r\n"),
            ("GET", "Range: bytes=0x1-2\r\n"),
        ] {
            assert_eq!(part_of_20(method, fields), Part::Whole, "{method} {fields}");
        }
    }

    #[test]
    fn numbers_beyond_the_end_of_any_file() {
        let huge = "99999999999999999999999";
        let fields = |range: String| format!("Range: bytes={range}\r\n");
        assert_eq!(
            part_of_20("GET", &fields(format!("1-{huge}"))),
            Part::Bytes(1..20)
        );
        assert_eq!(
            part_of_20("GET", &fields(format!("-{huge}"))),
            Part::Bytes(0..20)
        );
        assert_eq!(part_of_20("GET", &fields(format!("{huge}-"))), Part::None);
        assert_eq!(
            part_of_20("GET", &fields("1-2".to_owned())),
            Part::Bytes(1..3)
        );
    }

    #[test]
    fn an_empty_file_has_no_part() {
        for (range, part_of_it) in [
            ("0-", Part::None),
            ("0-0", Part::None),
            ("-0", Part::None),
            ("-5", Part::Whole),
        ] {
            let head = format!("GET / HTTP/1.1\r\nHost: a\r\nRange: bytes={range}\r\n\r\n");
            let request = Request::from_head(head.as_bytes()).unwrap();
            assert_eq!(part(&request, 0), part_of_it, "{range}");
        }
    }
}
