//! The authority of a target: its host, and a port where one is given.

use std::net::Ipv6Addr;

/// Whether a text is a host with or without a port (RFC 3986 §3.2.2, §3.2.3), such as
/// `localhost` or `[::1]:8080`. It may be empty, since an address that is not HTTP's may
/// have no host. A name and a password before the host are no part of an HTTP address
/// (RFC 9110 §4.2.4).
pub(crate) fn is_authority(text: &str) -> bool {
    let (host, port) = match text.rfind(']') {
        Some(bracket) => text.split_at(bracket + 1),
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let is_port = match port.strip_prefix(':') {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_digit()),
        None => port.is_empty(),
    };
    let is_host = match host.strip_prefix('[') {
        Some(inside) => {
            let address = inside.strip_suffix(']').unwrap_or_default();
            address.parse::<Ipv6Addr>().is_ok()
        }
        None => {
            let mut parts = host.split('%');
            let is_plain = |text: &str| {
                text.bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte))
            };
            let is_escape = |text: &str| {
                let digits = text.as_bytes().get(..2).unwrap_or_default();
                digits.len() == 2 && digits.iter().all(u8::is_ascii_hexdigit)
            };
            parts.next().is_some_and(is_plain)
                && parts.all(|part| is_escape(part) && is_plain(part))
        }
    };
    is_port && is_host
}

/// Whether a text is an authority that an address of HTTP may have: one with a host, also
/// where there is a port (RFC 9110 §4.2.1).
pub(crate) fn names_a_host(text: &str) -> bool {
    is_authority(text) && !text.is_empty() && !text.starts_with(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for host in [
            "",
            "a",
            "a.b-c",
            "a:",
            "a:80",
            "127.0.0.1:8080",
            "[::1]",
            "[::1]:80",
            "a_b",
            "%41b",
            "a%2fb:80",
        ] {
            assert!(is_authority(host), "{host}");
        }
        for host in [
            "a b", "a:b", "a:80:80", "a/b", "a@b", "a?", "[::1", "::1", "[::1]80", "[a]", "[]",
            "%4", "%zz", "a,b:x", "grüße", "a\"b", "]", "a]", "[::1]]",
        ] {
            assert!(!is_authority(host), "{host}");
        }
    }

    #[test]
    fn a_port_alone_names_no_host() {
        for host in ["a", "a:", "a:80", "[::1]:80"] {
            assert!(names_a_host(host), "{host}");
        }
        for host in ["", ":", ":80", "a@b"] {
            assert!(!names_a_host(host), "{host}");
        }
    }
}
