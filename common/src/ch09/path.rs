//! The path of a target, in the one notation in which paths are compared.

/// The path with every percent-encoded *unreserved* character decoded: a letter, a digit,
/// or one of `-._~`. Both notations name the same thing (RFC 3986 §2.3). Any other byte
/// stays encoded, as to decode it could change what the path says: `/a%2Fb` has one
/// segment, and `/a/b` has two. A file's name is decoded further, segment by segment.
///
/// Where a `%` has no two digits behind it, the whole path stays as it is. A character that
/// is decoded behind such a `%` could complete an escape, and that would then be decoded a
/// second time.
///
/// Gives `None` where the path is in this notation already.
///
/// ```
/// assert_eq!(common::path::normal("/%68ello"), Some("/hello".to_owned()));
/// assert_eq!(common::path::normal("/hello"), None);
/// assert_eq!(common::path::normal("/a%2Fb"), None);
/// ```
pub fn normal(path: &str) -> Option<String> {
    if !path.contains('%') {
        return None;
    }
    decode_unreserved(path).filter(|decoded| decoded != path)
}

/// As [`normal`]; `None` where a `%` has no two digits behind it.
fn decode_unreserved(path: &str) -> Option<String> {
    let mut parts = path.split('%');
    let mut decoded = parts.next()?.to_owned();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        // `from_str_radix` alone would accept a sign too.
        let is_number = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let byte = u8::from_str_radix(digits, 16).ok().filter(|_| is_number)?;
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            decoded.push(byte.into());
        } else {
            decoded.push('%');
            decoded += digits;
        }
        decoded += rest;
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The path in that notation.
    fn shown(path: &str) -> String {
        normal(path).unwrap_or_else(|| path.to_owned())
    }

    #[test]
    fn unreserved_characters_are_decoded_and_no_others() {
        for byte in 0..=255_u8 {
            let is_unreserved = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
            for encoded in [format!("%{byte:02x}"), format!("%{byte:02X}")] {
                let expected = match is_unreserved {
                    true => char::from(byte).to_string(),
                    false => encoded.clone(),
                };
                assert_eq!(shown(&format!("/a{encoded}b")), format!("/a{expected}b"));
            }
        }
    }

    #[test]
    fn nothing_is_decoded_twice() {
        for (path, expected) in [
            ("", ""),
            ("*", "*"),
            ("/hello", "/hello"),
            ("/%68%65llo", "/hello"),
            ("/%2568ello", "/%2568ello"),
            ("/%2E%2e/x", "/../x"),
            ("/%2525%32%65", "/%25252e"),
        ] {
            assert_eq!(shown(path), expected, "{path}");
        }
    }

    #[test]
    fn a_path_with_a_percent_sign_that_is_no_escape_stays() {
        for path in [
            "/%%36%38", "/%68%", "/%6", "/%zz%68", "/%é1", "/%+41", "/%4é",
        ] {
            assert_eq!(normal(path), None, "{path}");
        }
    }
}
