//! Numbers by which a poll tells one client from another.

use mio::Token;

/// The token of the socket that listens.
pub const LISTENER: Token = Token(0);

/// The token of the waker.
pub const WAKER: Token = Token(1);

/// The first number of a client.
pub const FIRST_CLIENT: usize = 2;

/// Gives numbers to clients. A number comes again only after all others have: so no sign
/// that comes late is taken for one of a client that came later.
pub struct ClientNumbers {
    next: usize,
}

impl ClientNumbers {
    /// Begins with this number.
    pub fn from(first: usize) -> Self {
        Self { next: first }
    }

    /// A number that no client has. Where numbers have 32 bits, they begin again after some
    /// weeks, and a client may still be there that has one of them.
    pub fn next(&mut self, is_taken: impl Fn(usize) -> bool) -> usize {
        loop {
            let number = self.next;
            self.next = number.wrapping_add(1).max(FIRST_CLIENT);
            if !is_taken(number) {
                return number;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_begin_again_with_those_that_are_free() {
        let mut numbers = ClientNumbers::from(usize::MAX);
        let given = [(); 3].map(|()| numbers.next(|number| number == FIRST_CLIENT));
        assert_eq!(given, [usize::MAX, FIRST_CLIENT + 1, FIRST_CLIENT + 2]);
    }
}
