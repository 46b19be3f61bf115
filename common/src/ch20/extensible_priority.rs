//! Which response a client wants first: the field `Priority` (RFC 9218). The priorities that
//! HTTP/2 had before are obsolete (RFC 9113 §5.3), and ignored.

use crate::ch06::fields::Fields;

/// What a client says of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtensiblePriority {
    /// From 0, which is wanted first, to 7 (RFC 9218 §4.1).
    pub urgency: u8,
    /// Whether a part of the response is of use by itself, so that responses of the same
    /// urgency may share the connection (§4.2).
    pub is_incremental: bool,
}

impl ExtensiblePriority {
    /// That of a response of which the client says nothing. The urgency is that of §4.1. The
    /// response shares the connection with others, although §4.2 has another default: a
    /// client that says nothing should not wait for the end of a long download.
    pub const USUAL: Self = Self {
        urgency: 3,
        is_incremental: true,
    };

    /// Reads the field. A part of it that is not understood is left out, as a parameter of a
    /// later document is. Without the field it is [`ExtensiblePriority::USUAL`].
    ///
    /// ```
    /// use common::{ExtensiblePriority, Fields};
    ///
    /// let fields = Fields::from_pairs([("priority", "u=1, i")])?;
    /// let priority = ExtensiblePriority::of(&fields);
    /// assert_eq!((priority.urgency, priority.is_incremental), (1, true));
    /// # Ok::<(), common::RequestError>(())
    /// ```
    pub fn of(fields: &Fields) -> Self {
        let mut priority = Self::USUAL;
        priority.is_incremental = fields.values("priority").next().is_none();
        for parameter in fields.elements("priority") {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, "?1"));
            match (name, value) {
                ("u", _) => match value.parse() {
                    Ok(urgency @ 0..=7) if value.len() == 1 => priority.urgency = urgency,
                    _ => {}
                },
                ("i", "?1") => priority.is_incremental = true,
                ("i", "?0") => priority.is_incremental = false,
                _ => {}
            }
        }
        priority
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_is_read_and_what_is_not_understood_is_left_out() {
        for (value, urgency, is_incremental) in [
            ("", 3, false),
            ("i", 3, true),
            ("u=0", 0, false),
            ("u=7, i=?1", 7, true),
            ("i, u=5, i=?0", 5, false),
            ("u=8, i=1", 3, false),
            ("u=+1, u=-1, u=01, u, x=2", 3, false),
            ("I, U=1", 3, false),
        ] {
            let fields = Fields::from_pairs([("priority", value)]).unwrap();
            let expected = ExtensiblePriority {
                urgency,
                is_incremental,
            };
            assert_eq!(ExtensiblePriority::of(&fields), expected, "{value:?}");
        }
        let none = ExtensiblePriority::of(&Fields::from_pairs([]).unwrap());
        assert_eq!((none.urgency, none.is_incremental), (3, true));
    }
}
