//! The guestbook: what visitors have written, and the page that shows it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::ch02::error::RequestError;
use crate::ch02::log::characters;
use crate::ch06::html::escape;

/// How many entries are kept. A new one takes the place of the oldest, so that no
/// client can fill the memory.
pub const MAX_ENTRIES: usize = 100;

/// How long an entry may be, in characters. The name counts too.
pub const MAX_ENTRY: usize = 1000;

/// The page, with [`NO_ENTRIES`] where the entries belong.
const PAGE: &str = include_str!("../../../pages/guestbook.html");
const NO_ENTRIES: &str = "<p>Nobody has written anything yet.</p>";

/// What one visitor has written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    name: String,
    message: String,
}

impl Entry {
    /// Makes an entry of what a client sent.
    ///
    /// # Errors
    /// 422 where one of the two is empty, or both together have more than
    /// [`MAX_ENTRY`] characters: the request is understood, but its content is not
    /// acceptable (RFC 9110 §15.5.21).
    pub fn new(name: &str, message: &str) -> Result<Self, RequestError> {
        let unprocessable = |problem| RequestError::new("422 Unprocessable Content", problem);
        let (name, message) = (shown(name), shown(message));
        let (name, message) = (name.trim(), message.trim());
        if name.is_empty() || message.is_empty() {
            return Err(unprocessable("an entry takes a name and a message"));
        }
        if name.chars().count() + message.chars().count() > MAX_ENTRY {
            return Err(unprocessable("the entry is longer than 1000 characters"));
        }
        Ok(Self {
            name: name.to_owned(),
            message: message.to_owned(),
        })
    }
}

/// A text without the characters that could change how the page around it looks, or the
/// terminal that prints it.
fn shown(text: &str) -> String {
    let harmless = characters(text).filter(|(_, is_harmless)| *is_harmless);
    harmless.map(|(character, _)| character).collect()
}

/// The entries, the newest first, and the page that shows them. All threads share it, and
/// a lock gives it to one at a time.
#[derive(Debug)]
pub struct Guestbook {
    book: Mutex<Book>,
}

#[derive(Debug)]
struct Book {
    entries: VecDeque<Entry>,
    /// Made once for each new entry, and not for each request.
    page: String,
}

impl Default for Guestbook {
    fn default() -> Self {
        Self {
            book: Mutex::new(Book {
                entries: VecDeque::new(),
                page: PAGE.to_owned(),
            }),
        }
    }
}

impl Guestbook {
    /// Adds an entry.
    ///
    /// ```
    /// let guestbook = common::Guestbook::default();
    /// guestbook.add(common::Entry::new("Ada", "1 < 2")?);
    /// assert!(guestbook.page().contains("1 &lt; 2"));
    /// # Ok::<(), common::RequestError>(())
    /// ```
    pub fn add(&self, entry: Entry) {
        let mut book = self.book();
        book.entries.push_front(entry);
        book.entries.truncate(MAX_ENTRIES);
        book.page = page_of(&book.entries);
    }

    /// The page that shows the entries, and has the form for one more.
    pub fn page(&self) -> String {
        self.book().page.clone()
    }

    /// Takes the lock. Where a thread panicked while it held it, the book is still whole.
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn page_of(entries: &VecDeque<Entry>) -> String {
    let mut shown = String::from("<dl>\n");
    for Entry { name, message } in entries {
        shown += &format!("<dt>{}</dt>\n<dd>{}</dd>\n", escape(name), escape(message));
    }
    shown += "</dl>";
    PAGE.replacen(NO_ENTRIES, &shown, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_a_place_for_the_entries() {
        assert_eq!(PAGE.matches(NO_ENTRIES).count(), 1);
    }

    #[test]
    fn entries_that_are_refused() {
        for (name, message) in [
            ("", "message"),
            ("name", ""),
            (" ", "message"),
            ("name", "\r\n"),
            ("ö", &"ö".repeat(MAX_ENTRY)),
        ] {
            let error = Entry::new(name, message).unwrap_err();
            assert_eq!(error.status, "422 Unprocessable Content", "{name}");
        }
        assert!(Entry::new("ö", &"ö".repeat(MAX_ENTRY - 1)).is_ok());
    }

    #[test]
    fn the_newest_comes_first_and_the_oldest_goes() {
        let guestbook = Guestbook::default();
        for number in 0..MAX_ENTRIES + 2 {
            guestbook.add(Entry::new("Ada", &format!("number {number}.")).unwrap());
        }
        let page = guestbook.page();
        assert_eq!(page.matches("<dt>Ada</dt>").count(), MAX_ENTRIES);
        assert!(page.contains("<dl>\n<dt>Ada</dt>\n<dd>number 101.</dd>\n"));
        assert!(page.contains("number 2.") && !page.contains("number 1."));
        assert!(!page.contains(NO_ENTRIES));
    }

    #[test]
    fn what_a_visitor_writes_is_shown_and_does_not_run() {
        let guestbook = Guestbook::default();
        guestbook.add(Entry::new("<b>", NO_ENTRIES).unwrap());
        let shown =
            "<dt>&lt;b&gt;</dt>\n<dd>&lt;p&gt;Nobody has written anything yet.&lt;/p&gt;</dd>";
        assert!(guestbook.page().contains(shown));
    }

    #[test]
    fn what_a_visitor_writes_changes_nothing_around_it() {
        let entry = Entry::new("a\u{1b}]0;b\u{7}", "\u{1b}[2Jc\0\u{202e}d\r\ne\t\rf").unwrap();
        assert_eq!((&*entry.name, &*entry.message), ("a]0;b", "[2Jcd\r\ne\tf"));
        assert!(Entry::new("\u{1b}", "message").is_err());
    }
}
