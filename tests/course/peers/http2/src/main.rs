//! Tries the connection of HTTP/2 of chapters 20 and 21: with frames that no client would
//! send, and with clients that are not ours.

mod client;
mod faults;
mod fuzz;
mod judge;
#[allow(dead_code)]
#[path = "../../hpack/src/random.rs"]
mod random;
mod reader;
mod script;
mod serve;
mod site;

use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u64>().expect("a number");
    match words[..] {
        ["fuzz", count] => fuzz::fuzz(0..number(count)),
        ["fuzz", first, end] => fuzz::fuzz(number(first)..number(end)),
        ["frames", count] => fuzz::frames(number(count)),
        ["judge", count] => judge::judge(0..number(count)),
        ["judge", first, end] => judge::judge(number(first)..number(end)),
        ["serve"] => serve::serve().expect("both pipes stay open"),
        _ => {
            eprintln!(
                "fuzz COUNT | fuzz FIRST END | frames COUNT | judge COUNT | judge FIRST END | serve"
            );
            std::process::exit(2);
        }
    }
}
