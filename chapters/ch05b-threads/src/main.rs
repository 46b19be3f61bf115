//! Chapter 5b: a thread for each connection.
//!
//!     cargo run -p ch05b-threads

use std::io::Write;
use std::net::TcpStream;
use std::thread;

fn main() -> anyhow::Result<()> {
    let listener = common::listen()?;

    loop {
        let (stream, _) = common::accept(&listener);
        let thread = thread::Builder::new().spawn(move || {
            if let Err(error) = handle_request(&stream) {
                common::log_error(&error);
            }
        });
        if let Err(error) = thread {
            common::log_error(format_args!("cannot start a thread: {error}"));
        }
    }
}

fn handle_request(mut stream: &TcpStream) -> anyhow::Result<()> {
    let mut reader = common::reader(stream);
    let Some(head) = common::read_head(&mut reader)? else {
        return Ok(());
    };
    common::log("Request received:\n", &head);

    let response = "HTTP/1.1 200 OK\r\n\
         Content-Type: text/html\r\n\
         \r\n\
         <html><body><h1>Hello, World!</h1></body></html>";
    stream.write_all(response.as_bytes())?;
    common::close(stream, &head);
    Ok(())
}
