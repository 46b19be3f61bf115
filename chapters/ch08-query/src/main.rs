//! Chapter 8: read the query of the target.
//!
//!     cargo run -p ch08-query

use std::io::Write;
use std::net::TcpStream;
use std::thread;

fn main() -> anyhow::Result<()> {
    let listener = common::listen()?;

    loop {
        let (stream, _) = common::accept(&listener);
        let thread = thread::Builder::new().spawn(move || {
            if let Err(error) = handle_request(&stream) {
                common::refuse(&stream, &error);
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
    let request_line = common::parse_request_line(&head)?;
    let fields = common::parse_fields(&head)?;
    common::read_body(&mut reader, stream, &request_line, &fields)?;

    let query_params = format!("{:?}", common::parse_query(request_line.target)?);
    let query_params = common::escape(&query_params);
    let response_body = format!("<h1>Query Parameters</h1><pre>{query_params}</pre>");
    let response = format!(
        "HTTP/1.1 200 OK\r\n\
         Content-Type: text/html\r\n\
         \r\n\
         {response_body}"
    );
    stream.write_all(response.as_bytes())?;
    common::close(stream, &head);
    Ok(())
}
