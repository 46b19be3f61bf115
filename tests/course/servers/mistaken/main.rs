//! A server that is right, but for one mistake that one really makes. Without a mistake
//! it is right.
//!
//!     cargo run -p course --bin mistaken -- 10 body-of-get-unread 127.0.0.1:0

mod caching;
mod frames;
mod message;
mod part_one;
#[path = "../sealed.rs"]
mod sealed;
mod site;

use std::io;
use std::net::TcpListener;

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().unwrap_or_default();
    let (chapter, mistake, address) = (next(), next(), next());
    let listener = TcpListener::bind(address)?;
    match chapter.parse() {
        Ok(number @ 19) => frames::serve(&listener, number, mistake),
        Ok(number @ 9..) => site::serve(listener, number, mistake),
        _ => part_one::serve(&listener, &chapter, &mistake),
    }
}
