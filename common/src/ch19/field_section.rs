//! A field section: the names and values that one field block stands for (RFC 9113 §4.3).

use crate::ch19::dynamic_table::FIELD_OVERHEAD;

/// The largest field section that is taken (`SETTINGS_MAX_HEADER_LIST_SIZE`). 100 fields
/// count 3,200 bytes of it before they have a name.
pub const MAX_SECTION: usize = 16 * 1024;

/// The field lines of a section, in the order in which they were sent. Names and values are
/// bytes here: what they may contain is a matter of the message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSection {
    /// The names and values, without anything between them.
    pub(crate) bytes: Vec<u8>,
    /// Where each name and each value ends.
    ends: Vec<(usize, usize)>,
    is_cut: bool,
}

/// How many field lines most sections have at most.
const USUAL_LINES: usize = 16;

impl FieldSection {
    /// An empty section, with room for what a block of this length usually stands for.
    pub(crate) fn of_block(length: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(4 * length),
            ends: Vec::with_capacity(USUAL_LINES),
            is_cut: false,
        }
    }

    /// The field lines, as names and values.
    pub fn lines(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut start = 0;
        self.ends.iter().map(move |&(name, value)| {
            let line = (&self.bytes[start..name], &self.bytes[name..value]);
            start = value;
            line
        })
    }

    /// How many field lines it has.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Its size, as `SETTINGS_MAX_HEADER_LIST_SIZE` counts it (RFC 9113 §6.5.2).
    pub fn size(&self) -> usize {
        self.bytes.len() + self.ends.len() * FIELD_OVERHEAD
    }

    /// Whether it was larger than the decoder takes, so that lines are missing here.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Where the last line ends.
    pub(crate) fn end(&self) -> usize {
        self.ends.last().map_or(0, |&(_, value)| value)
    }

    /// Makes a line of the bytes behind the last one; the name ends at that place. If the
    /// section is larger than `max_size` with it, this line and all later ones are dropped.
    pub(crate) fn add_line(&mut self, name: usize, max_size: usize) {
        self.ends.push((name, self.bytes.len()));
        if self.is_cut || self.size() > max_size {
            self.ends.pop();
            self.bytes.truncate(self.end());
            self.is_cut = true;
        }
    }
}

impl<'a> FromIterator<(&'a [u8], &'a [u8])> for FieldSection {
    fn from_iter<I: IntoIterator<Item = (&'a [u8], &'a [u8])>>(lines: I) -> Self {
        let mut section = Self::default();
        for (name, value) in lines {
            section.bytes.extend_from_slice(name);
            let name_end = section.bytes.len();
            section.bytes.extend_from_slice(value);
            section.add_line(name_end, usize::MAX);
        }
        section
    }
}
