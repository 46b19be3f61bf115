//! The header section: one field a line, a name and a value (RFC 9112 §5).

use std::ops::Range;

use crate::ch02::error::RequestError;
use crate::ch04::request_line::is_token;

/// How many fields a header section may have; other servers set the same limit. The
/// positions of each field take memory too, so a head full of the shortest fields would
/// take many times its own length.
pub const MAX_FIELDS: usize = 100;

/// The fields of a header section, in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    head: String,
    /// Where in `head` each name and its value stand.
    lines: Vec<(Range<usize>, Range<usize>)>,
}

impl Fields {
    /// Makes fields of names and values, where they did not come as lines. The rules of
    /// [`parse_fields`] hold for them too.
    ///
    /// ```
    /// let fields = common::Fields::from_pairs([("accept", "*/*"), ("cookie", "a=b")])?;
    /// assert_eq!(fields.values("Accept").collect::<Vec<_>>(), ["*/*"]);
    /// # Ok::<(), common::RequestError>(())
    /// ```
    ///
    /// # Errors
    /// 400 for a name that is no token, and for control characters in a value; 431 for
    /// more than [`MAX_FIELDS`].
    pub fn from_pairs<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, RequestError> {
        let (mut head, mut lines) = (String::new(), Vec::new());
        for (name, value) in pairs {
            let start = head.len();
            head.extend([name, value]);
            let name = start..start + name.len();
            add(&mut lines, &head, name.clone(), name.end..head.len())?;
        }
        Ok(Self { head, lines })
    }

    /// The values of all fields of that name, in the order in which they came: a
    /// field may be repeated. Case does not matter in a name (RFC 9110 §5.1).
    pub fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.lines
            .iter()
            .filter(move |(line_name, _)| self.text(line_name).eq_ignore_ascii_case(name))
            .map(|(_, value)| self.text(value))
    }

    fn text(&self, place: &Range<usize>) -> &str {
        &self.head[place.clone()]
    }

    /// The elements of all fields of that name, where the value is a list, as that of
    /// `Expect` is (RFC 9110 §5.6.1). A comma inside a quoted string separates nothing
    /// (§5.6.4), and empty elements are left out.
    pub fn elements(&self, name: &str) -> impl Iterator<Item = &str> {
        self.values(name)
            .flat_map(|value| {
                let (mut is_quoted, mut is_escaped) = (false, false);
                value.split(move |character| {
                    match character {
                        _ if is_escaped => is_escaped = false,
                        '\\' if is_quoted => is_escaped = true,
                        '"' => is_quoted = !is_quoted,
                        _ => return character == ',' && !is_quoted,
                    }
                    false
                })
            })
            .map(trim)
            .filter(|element| !element.is_empty())
    }
}

/// Gives a text without the white space at both ends. In HTTP that is spaces and tabs
/// (RFC 9110 §5.6.3); `str::trim` would remove whatever Unicode calls white space.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Reads the lines between a head's request line and its blank line. White space
/// around a value is not part of the value, and bytes that are not UTF-8 become
/// `U+FFFD`.
///
/// ```
/// let head = b"GET / HTTP/1.1\r\nHost: localhost\r\naccept:*/*\r\n\r\n";
/// let fields = common::parse_fields(head)?;
/// assert_eq!(fields.values("Accept").collect::<Vec<_>>(), ["*/*"]);
/// assert_eq!(fields.values("Cookie").next(), None);
/// # Ok::<(), common::RequestError>(())
/// ```
///
/// # Errors
/// 400 for a line without a colon, for a name that is no token (so also where
/// white space stands before the colon, RFC 9112 §5.1), for a line that
/// continues the one before (§5.2), and for control characters in a value
/// (RFC 9110 §5.5): servers read such lines in different ways, and an attacker can use
/// the difference. 431 for more than [`MAX_FIELDS`].
pub fn parse_fields(head: &[u8]) -> Result<Fields, RequestError> {
    let bad = |problem| RequestError::new("400 Bad Request", problem);

    let head = match str::from_utf8(head) {
        Ok(head) => head.to_owned(),
        Err(_) => String::from_utf8_lossy(head).into_owned(),
    };
    let mut lines = Vec::new();
    let mut next = head.find('\n').map_or(head.len(), |end| end + 1);
    for line in head[next..].split_inclusive('\n') {
        let start = next;
        next += line.len();
        let line = line.strip_suffix('\n').unwrap_or(line);
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            break;
        }
        if line.starts_with([' ', '\t']) {
            return Err(bad("a field line continues the one before it"));
        }
        let colon = line
            .find(':')
            .ok_or_else(|| bad("a field line has no colon"))?;
        let value = start + colon + 1..start + line.len();
        add(&mut lines, &head, start..start + colon, value)?;
    }
    Ok(Fields { head, lines })
}

/// Checks one field and notes where it stands. The two ranges say where in the text the
/// name is, and the value with the white space around it.
fn add(
    lines: &mut Vec<(Range<usize>, Range<usize>)>,
    text: &str,
    name: Range<usize>,
    value: Range<usize>,
) -> Result<(), RequestError> {
    let bad = |problem| RequestError::new("400 Bad Request", problem);
    if !is_token(&text[name.clone()]) {
        return Err(bad("a field name is no token"));
    }
    let padded = &text[value.clone()];
    let trimmed = trim(padded);
    let is_forbidden = |byte: u8| byte.is_ascii_control() && byte != b'\t';
    if trimmed.bytes().any(is_forbidden) {
        return Err(bad("a field value holds a control character"));
    }
    if lines.len() == MAX_FIELDS {
        return Err(RequestError::new(
            "431 Request Header Fields Too Large",
            "there are more than 100 fields",
        ));
    }
    let start = value.end - padded.trim_start_matches([' ', '\t']).len();
    lines.push((name, start..start + trimmed.len()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(lines: &str) -> Result<Fields, RequestError> {
        parse_fields(format!("GET / HTTP/1.1\r\n{lines}\r\n").as_bytes())
    }

    #[test]
    fn good_fields() {
        for (lines, values) in [
            ("", &[][..]),
            ("Other: 1\r\n", &[]),
            ("A-Field: 1\r\n", &["1"]),
            ("a-fIELD:1\r\n", &["1"]),
            ("A-Field: \t 1 2 \t\r\n", &["1 2"]),
            ("A-Field:\r\n", &[""]),
            ("A-Field: a:b\r\n", &["a:b"]),
            ("A-Field: a\tb\r\n", &["a\tb"]),
            ("A-Field: 1\nOther: 2\n", &["1"]),
            ("A-Field: 1\r\nOther: 2\r\na-field: 3\r\n", &["1", "3"]),
            ("A-Field: grüße\r\n", &["grüße"]),
            ("\r\nA-Field: past the blank line\r\n", &[]),
        ] {
            let fields = parse(lines).unwrap();
            assert_eq!(
                fields.values("A-Field").collect::<Vec<_>>(),
                values,
                "{lines:?}"
            );
        }
    }

    #[test]
    fn a_value_that_is_not_utf8() {
        let fields = parse_fields(b"GET / HTTP/1.1\r\nA: \xff\r\n\r\n").unwrap();
        assert_eq!(fields.values("a").next(), Some("\u{fffd}"));
    }

    #[test]
    fn bad_fields() {
        for lines in [
            "no colon\r\n",
            ": no name\r\n",
            "A : space before the colon\r\n",
            "A\t: tab before the colon\r\n",
            "A B: two words\r\n",
            "A(B): no token\r\n",
            "grüße: no token\r\n",
            "A: 1\r\n continued\r\n",
            "A: 1\r\n\tcontinued\r\n",
            " starts with space: 1\r\n",
            "A: bare \r CR\r\n",
            "A: NUL \0\r\n",
            "A: DEL \x7f\r\n",
        ] {
            let error = parse(lines).unwrap_err();
            assert!(error.status.starts_with("400"), "{lines:?}: {error}");
        }
    }

    #[test]
    fn not_more_than_a_hundred() {
        assert!(parse(&"A: 1\r\n".repeat(MAX_FIELDS)).is_ok());
        let error = parse(&"A: 1\r\n".repeat(MAX_FIELDS + 1)).unwrap_err();
        assert_eq!(error.status, "431 Request Header Fields Too Large");
    }

    #[test]
    fn elements_of_lists() {
        for (lines, elements) in [
            ("Other: 1\r\n", &[][..]),
            ("A: \r\n", &[]),
            ("A: 1\r\n", &["1"]),
            ("A: 1,2 ,\t3\r\n", &["1", "2", "3"]),
            ("A: , 1,,2,\r\n", &["1", "2"]),
            ("A: 1, 2\r\nA: 3\r\n", &["1", "2", "3"]),
            ("A: x=\"1, 2\", 3\r\n", &["x=\"1, 2\"", "3"]),
            ("A: \"\\\", 1\", 2\r\n", &["\"\\\", 1\"", "2"]),
            ("A: \\\"1, 2\r\n", &["\\\"1, 2"]),
            ("A: \"1, 2\r\nA: 3\r\n", &["\"1, 2", "3"]),
            ("A: \u{85}1\r\n", &["\u{85}1"]),
        ] {
            let fields = parse(lines).unwrap();
            assert_eq!(
                fields.elements("a").collect::<Vec<_>>(),
                elements,
                "{lines:?}"
            );
        }
    }
}
