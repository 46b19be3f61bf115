//! Encodes field sections (RFC 7541 §6).

use crate::ch19::dynamic_table::{DEFAULT_TABLE_SIZE, DynamicTable, field_size};
use crate::ch19::integer::encode_integer;
use crate::ch19::static_table::{Found, STATIC_TABLE, find_static};
use crate::ch19::string::encode_string;

/// Fields whose value is another one in nearly every message. In the table they would only
/// take the room of those that come again.
const NOT_KEPT: [&[u8]; 8] = [
    b":path",
    b"age",
    b"content-length",
    b"content-range",
    b"etag",
    b"if-modified-since",
    b"if-none-match",
    b"location",
];

/// Fields that hold a secret. An attacker who can add fields of their own to a connection
/// could guess the secret by the length of the block, if the table held it (RFC 7541 §7.1).
const NEVER_KEPT: [&[u8]; 4] = [
    b"authorization",
    b"cookie",
    b"proxy-authorization",
    b"set-cookie",
];

/// What happens to a field besides that it is sent (RFC 7541 §6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// It joins the dynamic table.
    Kept,
    /// It does not.
    NotKept,
    /// It does not, and an intermediary that forwards it has to send it so, too.
    NeverKept,
}

/// What happens to the field of that name.
///
/// ```
/// use common::encoder::{Keeping, keeping};
///
/// assert_eq!(keeping(b"content-type"), Keeping::Kept);
/// assert_eq!(keeping(b"content-length"), Keeping::NotKept);
/// assert_eq!(keeping(b"set-cookie"), Keeping::NeverKept);
/// ```
pub fn keeping(name: &[u8]) -> Keeping {
    if NEVER_KEPT.contains(&name) {
        Keeping::NeverKept
    } else if NOT_KEPT.contains(&name) {
        Keeping::NotKept
    } else {
        Keeping::Kept
    }
}

/// Encodes the field sections of one connection, in the order in which they are sent.
pub struct HpackEncoder {
    table: DynamicTable,
    /// The smallest size that the client has set since the last block, if it has set one.
    smallest: Option<usize>,
    keeping: fn(&[u8]) -> Keeping,
    add_string: fn(&[u8], &mut Vec<u8>),
}

impl Default for HpackEncoder {
    /// An encoder that keeps what [`keeping`] says and uses the Huffman code where it pays.
    fn default() -> Self {
        Self::new(keeping, encode_string)
    }
}

impl HpackEncoder {
    /// An encoder with the table that both ends begin with. It is told what happens to the
    /// field of each name, and how a string is written.
    pub fn new(keeping: fn(&[u8]) -> Keeping, add_string: fn(&[u8], &mut Vec<u8>)) -> Self {
        Self {
            table: DynamicTable::new(DEFAULT_TABLE_SIZE),
            smallest: None,
            keeping,
            add_string,
        }
    }

    /// The dynamic table.
    pub fn table(&self) -> &DynamicTable {
        &self.table
    }

    /// Takes the size that the client allows the table (`SETTINGS_HEADER_TABLE_SIZE`). The
    /// table never becomes larger than it was at the beginning. The next block says what its
    /// size is (RFC 7541 §4.2).
    pub fn allow_table_size(&mut self, allowed: usize) {
        let size = allowed.min(DEFAULT_TABLE_SIZE);
        if size != self.table.max_size() || self.smallest.is_some() {
            self.smallest = Some(self.smallest.map_or(size, |smallest| smallest.min(size)));
            self.table.resize(size);
        }
    }

    /// Encodes a field section, and adds the block to `block`. Names have to be lower case.
    ///
    /// ```
    /// let mut encoder = common::HpackEncoder::default();
    /// let mut block = Vec::new();
    /// encoder.encode([(&b":status"[..], &b"200"[..]), (b"server", b"a")], &mut block);
    /// assert_eq!(block, [0x88, 0x76, 0x81, 0b0001_1111]);
    /// block.clear();
    /// encoder.encode([(&b":status"[..], &b"200"[..]), (b"server", b"a")], &mut block);
    /// assert_eq!(block, [0x88, 0xbe]);
    /// ```
    pub fn encode<'a>(
        &mut self,
        lines: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
        block: &mut Vec<u8>,
    ) {
        if let Some(smallest) = self.smallest.take() {
            if smallest < self.table.max_size() {
                encode_integer(smallest, 5, 0b0010_0000, block);
            }
            encode_integer(self.table.max_size(), 5, 0b0010_0000, block);
        }
        for (name, value) in lines {
            self.encode_line(name, value, block);
        }
    }

    fn encode_line(&mut self, name: &[u8], value: &[u8], block: &mut Vec<u8>) {
        let mut keeping = (self.keeping)(name);
        // A field that took most of the table would evict nearly all others.
        if keeping == Keeping::Kept && field_size(name, value) > self.table.max_size() / 2 {
            keeping = Keeping::NotKept;
        }
        let found = self.find(name, value, keeping);
        if let Some(found) = found
            && found.has_value
        {
            return encode_integer(found.index, 7, 0b1000_0000, block);
        }
        let (prefix, pattern) = match keeping {
            Keeping::Kept => (6, 0b0100_0000),
            Keeping::NotKept => (4, 0b0000_0000),
            Keeping::NeverKept => (4, 0b0001_0000),
        };
        encode_integer(found.map_or(0, |found| found.index), prefix, pattern, block);
        if found.is_none() {
            (self.add_string)(name, block);
        }
        (self.add_string)(value, block);
        if keeping == Keeping::Kept {
            self.table.insert(name, value);
        }
    }

    /// Searches both tables. If neither has the value too, the static table's index of the
    /// name is preferred: it is smaller.
    fn find(&self, name: &[u8], value: &[u8], keeping: Keeping) -> Option<Found> {
        let fixed = find_static(name, value);
        let has_all = fixed.is_some_and(|found| found.has_value);
        if has_all || (fixed.is_some() && keeping != Keeping::Kept) {
            return fixed;
        }
        let dynamic = self.table.find(name, value).map(|found| Found {
            index: STATIC_TABLE.len() + 1 + found.index,
            ..found
        });
        match (fixed, dynamic) {
            (Some(_), Some(Found { has_value, .. })) if !has_value => fixed,
            (fixed, dynamic) => dynamic.or(fixed),
        }
    }
}
