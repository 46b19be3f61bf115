//! The dynamic table: fields that were sent on this connection, so that they can be named by
//! a number from then on (RFC 7541 §2.3.2, §4).

use std::collections::VecDeque;

use crate::ch19::static_table::Found;

/// How many bytes a field counts besides those of its name and its value (RFC 7541 §4.1).
pub const FIELD_OVERHEAD: usize = 32;

/// How large a table is if nothing else is agreed on (RFC 9113 §6.5.2).
pub const DEFAULT_TABLE_SIZE: usize = 4096;

/// How many fields there is room for at first.
const USUAL_FIELDS: usize = 8;

/// The size of a field, as tables and limits count it (RFC 7541 §4.1).
pub fn field_size(name: &[u8], value: &[u8]) -> usize {
    name.len() + value.len() + FIELD_OVERHEAD
}

/// A dynamic table. The encoder at one end and the decoder at the other have one each, and
/// both hold the same, because both do what the field blocks say.
pub struct DynamicTable {
    /// The names and values, oldest first, without anything between them. What was evicted
    /// stands before them for a while.
    bytes: Vec<u8>,
    /// Where they stand, oldest first.
    entries: VecDeque<Entry>,
    size: usize,
    max_size: usize,
}

#[derive(Clone, Copy)]
struct Entry {
    start: usize,
    name: usize,
    value: usize,
}

impl Entry {
    fn size(self) -> usize {
        self.name + self.value + FIELD_OVERHEAD
    }

    fn end(self) -> usize {
        self.start + self.name + self.value
    }
}

impl DynamicTable {
    /// An empty table that may grow to this size.
    pub fn new(max_size: usize) -> Self {
        Self {
            bytes: Vec::new(),
            entries: VecDeque::new(),
            size: 0,
            max_size,
        }
    }

    /// The size of all its fields together (RFC 7541 §4.1).
    pub fn size(&self) -> usize {
        self.size
    }

    /// How large it may be.
    pub fn max_size(&self) -> usize {
        self.max_size
    }

    /// How many fields it holds.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The name and the value of a field. The newest has the number 0.
    pub fn get(&self, number: usize) -> Option<(&[u8], &[u8])> {
        let position = self.entries.len().checked_sub(number + 1)?;
        Some(self.field(self.entries[position]))
    }

    fn field(&self, entry: Entry) -> (&[u8], &[u8]) {
        self.bytes[entry.start..entry.end()].split_at(entry.name)
    }

    /// Sets how large it may be. What does not fit any more is evicted, oldest first
    /// (RFC 7541 §4.3).
    pub fn resize(&mut self, max_size: usize) {
        self.max_size = max_size;
        self.evict(max_size);
    }

    /// Adds a field as the newest. The oldest ones make room for it; a field that is larger
    /// than the table empties it and is not added (RFC 7541 §4.4).
    pub fn insert(&mut self, name: &[u8], value: &[u8]) {
        let size = field_size(name, value);
        self.evict(self.max_size.saturating_sub(size));
        if size > self.max_size {
            return;
        }
        self.move_to_the_front(name.len() + value.len());
        self.entries.push_back(Entry {
            start: self.bytes.len(),
            name: name.len(),
            value: value.len(),
        });
        self.bytes.extend_from_slice(name);
        self.bytes.extend_from_slice(value);
        self.size += size;
    }

    /// Evicts the oldest fields until the others have this size at most.
    fn evict(&mut self, size: usize) {
        while self.size > size
            && let Some(oldest) = self.entries.pop_front()
        {
            self.size -= oldest.size();
        }
    }

    /// Makes room behind the bytes: moves them over those of evicted fields if there is not
    /// enough room for so many more within twice the size of the table.
    fn move_to_the_front(&mut self, length: usize) {
        let evicted = match self.entries.front() {
            Some(oldest) => oldest.start,
            None => self.bytes.len(),
        };
        // The first field finds room for many more.
        if self.bytes.capacity() == 0 {
            self.bytes.reserve(self.max_size / 8);
            self.entries.reserve(USUAL_FIELDS);
        }
        if self.bytes.len() + length > 2 * self.max_size {
            self.bytes.drain(..evicted);
            for entry in &mut self.entries {
                entry.start -= evicted;
            }
        }
    }

    /// Searches the table. The number of the newest field is 0. If no field has both, the
    /// newest with the name is found.
    pub fn find(&self, name: &[u8], value: &[u8]) -> Option<Found> {
        let mut found = None;
        for (index, entry) in self.entries.iter().rev().enumerate() {
            if entry.name != name.len() {
                continue;
            }
            let has_value = entry.value == value.len() && self.field(*entry).1 == value;
            if (has_value || found.is_none()) && self.field(*entry).0 == name {
                found = Some(Found { index, has_value });
                if has_value {
                    break;
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(table: &DynamicTable) -> Vec<u8> {
        (0..table.len())
            .map(|number| table.get(number).unwrap().0[0])
            .collect()
    }

    #[test]
    fn the_oldest_make_room() {
        // Room for three fields of 34 bytes.
        let mut table = DynamicTable::new(102);
        for name in [b"a", b"b", b"c"] {
            table.insert(name, b"1");
        }
        assert_eq!((names(&table), table.size()), (b"cba".to_vec(), 102));
        table.insert(b"d", b"1");
        assert_eq!((names(&table), table.size()), (b"dcb".to_vec(), 102));
        // One byte more takes the place of two.
        table.insert(b"e", b"12");
        assert_eq!((names(&table), table.size()), (b"ed".to_vec(), 69));
        assert_eq!(table.get(2), None);
        assert_eq!(table.get(usize::MAX - 1), None);
    }

    #[test]
    fn a_field_larger_than_the_table_empties_it() {
        let mut table = DynamicTable::new(102);
        table.insert(b"a", b"1");
        table.insert(b"b", &[b'1'; 70]);
        assert!(table.is_empty() && table.size() == 0);
        table.insert(b"b", &[b'1'; 69]);
        assert_eq!((names(&table), table.size()), (b"b".to_vec(), 102));
    }

    #[test]
    fn a_smaller_table_keeps_the_newest() {
        let mut table = DynamicTable::new(102);
        for name in [b"a", b"b", b"c"] {
            table.insert(name, b"1");
        }
        table.resize(68);
        assert_eq!(names(&table), b"cb");
        table.resize(102);
        assert_eq!(names(&table), b"cb");
        table.resize(0);
        table.insert(b"d", b"");
        assert!(table.is_empty());
    }

    #[test]
    fn its_memory_is_twice_its_size_at_most() {
        let mut table = DynamicTable::new(4096);
        for number in 0..10_000_usize {
            let value = vec![b'x'; number % 200];
            table.insert(&number.to_be_bytes(), &value);
            assert_eq!(table.get(0).unwrap(), (&number.to_be_bytes()[..], &*value));
            assert!(table.size() <= 4096 && table.bytes.len() <= 8192);
        }
        for (before, number) in (0..table.len()).zip((0..10_000_usize).rev()) {
            assert_eq!(table.get(before).unwrap().0, number.to_be_bytes());
        }
    }

    #[test]
    fn the_newest_is_found_and_a_field_before_a_name() {
        let mut table = DynamicTable::new(4096);
        for (name, value) in [("a", "1"), ("b", "1"), ("a", "2"), ("a", "3")] {
            table.insert(name.as_bytes(), value.as_bytes());
        }
        for (name, value, index, has_value) in [
            ("a", "3", 0, true),
            ("a", "1", 3, true),
            ("a", "4", 0, false),
            ("b", "", 2, false),
        ] {
            let found = Some(Found { index, has_value });
            assert_eq!(table.find(name.as_bytes(), value.as_bytes()), found);
        }
        assert_eq!(table.find(b"c", b"1"), None);
    }
}
