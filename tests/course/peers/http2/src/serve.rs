//! Serves one connection after another over standard input and output, for a client in
//! another language. Each message is answered before the next is read.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use crate::site;

/// Each message is its kind, a number, and how much the client takes now, in bytes: `c` begins
/// a connection, of chapter 21 if the number is 1; `b` brings so many bytes, none at the end
/// of what the client sends; `t` lets so many milliseconds pass. The answer is what the connection
/// waits for, and how many bytes follow.
pub fn serve() -> io::Result<()> {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut now = Instant::now();
    let mut connection = site::connection(false, now);
    let mut head = [0; 9];
    loop {
        match input.read_exact(&mut head) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            read => read?,
        }
        let [kind, a, b, c, d, most @ ..] = head;
        let number = u32::from_be_bytes([a, b, c, d]);
        match kind {
            b'c' => connection = site::connection(number == 1, now),
            b'b' => {
                let mut bytes = vec![0; number as usize];
                input.read_exact(&mut bytes)?;
                connection.receive(&bytes, now);
            }
            b't' => {
                now += Duration::from_millis(number.into());
                connection.time_passes(now);
            }
            other => panic!("{other}"),
        }
        while let Some((stream, request)) = connection.next_request() {
            connection.answer(stream, &request, site::respond(&request));
        }
        while let Some(refusal) = connection.take_refusal() {
            eprintln!("{refusal}");
        }
        let most = u32::from_be_bytes(most) as usize;
        let mut bytes = connection.to_send()?.to_vec();
        bytes.truncate(most);
        if !bytes.is_empty() {
            connection.sent(bytes.len(), now);
        }
        while let Some((stream, request)) = connection.next_request() {
            connection.answer(stream, &request, site::respond(&request));
        }
        let wait = connection.waits_for();
        let state = match (wait.until(), wait.wants_to_read()) {
            (None, _) => b'.',
            (_, true) => b'r',
            (_, false) => b'w',
        };
        output.write_all(&[state])?;
        output.write_all(&(bytes.len() as u32).to_be_bytes())?;
        output.write_all(&bytes)?;
        output.flush()?;
    }
}
