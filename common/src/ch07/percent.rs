//! Percent-encoding: `%41` for `A` (RFC 3986 §2.1).

/// Decodes every `%` with two hexadecimal digits behind it, once; any other `%` stays
/// as it is. The result is bytes, which need not be UTF-8.
///
/// ```
/// assert_eq!(common::percent::decode("a%20b"), b"a b");
/// assert_eq!(common::percent::decode("100%, %2541"), b"100%, %41");
/// ```
pub fn decode(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        match (byte, after) {
            (b'%', [high, low, after @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                decoded.push(hex_value(*high) << 4 | hex_value(*low));
                rest = after;
            }
            _ => {
                decoded.push(byte);
                rest = after;
            }
        }
    }
    decoded
}

fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => digit.to_ascii_lowercase() - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte() {
        for byte in 0..=255_u8 {
            assert_eq!(decode(&format!("%{byte:02x}")), [byte]);
            assert_eq!(decode(&format!("%{byte:02X}")), [byte]);
        }
    }

    #[test]
    fn what_is_no_escape_stays() {
        for text in [
            "", "plain", "%", "%4", "%%", "%g1", "%1g", "%+1", "100%", "%é1", "+",
        ] {
            assert_eq!(decode(text), text.as_bytes());
        }
        assert_eq!(decode("%%41"), b"%A");
        assert_eq!(decode("%2541"), b"%41");
    }
}
