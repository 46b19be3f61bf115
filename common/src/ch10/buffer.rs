//! Bytes that wait: added at one end, taken from the other.

/// How much room is kept for bytes that may come, in bytes. Ten thousand idle
/// connections may have two buffers each.
const KEPT: usize = 512;

/// Bytes that wait.
///
/// ```
/// let mut buffer = common::buffer::Buffer::default();
/// buffer.add(b"one two");
/// buffer.take(4);
/// assert_eq!(buffer.rest(), b"two");
/// ```
#[derive(Debug, Default)]
pub struct Buffer {
    bytes: Vec<u8>,
    taken: usize,
}

impl Buffer {
    /// What has been added and not taken.
    pub fn rest(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    /// Adds bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        self.close_up();
        self.bytes.extend_from_slice(bytes);
    }

    /// Adds as many bytes as `read` has written into room for `most` of them.
    ///
    /// # Errors
    /// What `read` reports; then nothing is added.
    pub fn add_from<E>(
        &mut self,
        most: usize,
        read: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<usize, E> {
        self.close_up();
        let end = self.bytes.len();
        self.bytes.resize(end + most, 0);
        let read = read(&mut self.bytes[end..]);
        self.bytes.truncate(end + *read.as_ref().unwrap_or(&0));
        read
    }

    /// Takes bytes from the front; what is left stays where it is, so that many small
    /// pieces cost no more than a big one.
    ///
    /// # Panics
    /// Where there are not so many.
    pub fn take(&mut self, length: usize) {
        assert!(
            length <= self.rest().len(),
            "only what is there can be taken"
        );
        self.taken += length;
        if self.taken == self.bytes.len() {
            self.taken = 0;
            self.bytes.clear();
            self.bytes.shrink_to(KEPT);
        }
    }

    /// Moves what is left to the front once more has been taken than that: else a
    /// buffer that is never quite empty would grow without end. A byte is moved only
    /// where another one has gone.
    fn close_up(&mut self) {
        if self.taken > self.rest().len() {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_in_first_out() {
        let mut buffer = Buffer::default();
        buffer.add(b"123");
        buffer.take(2);
        let read = |room: &mut [u8]| {
            room[..2].copy_from_slice(b"45");
            Ok::<_, ()>(2)
        };
        assert_eq!(buffer.add_from(9, read), Ok(2));
        assert_eq!(buffer.rest(), b"345");
        assert_eq!(buffer.add_from(9, |_| Err("broken")), Err("broken"));
        buffer.take(3);
        assert_eq!(buffer.rest(), b"");
    }

    #[test]
    fn an_empty_one_holds_no_more_than_a_little() {
        let mut buffer = Buffer::default();
        buffer.add(&[0; 100_000]);
        buffer.take(99_999);
        buffer.take(1);
        assert!(buffer.bytes.capacity() <= KEPT);
    }

    #[test]
    fn one_that_is_never_quite_empty_does_not_grow() {
        let mut buffer = Buffer::default();
        buffer.add(b"a");
        for _ in 0..10_000 {
            buffer.add(&[b'a'; 99]);
            buffer.take(50);
            buffer.add_from(9, |_| Ok::<_, ()>(1)).unwrap();
            buffer.take(50);
        }
        assert_eq!(buffer.rest().len(), 1);
        assert!(buffer.bytes.capacity() <= KEPT);
    }
}
