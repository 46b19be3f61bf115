//! Chapter 6: read the body of a POST request.
//!
//!     cargo run -p ch06-post

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
    let body = common::read_body(&mut reader, stream, &request_line, &fields)?;

    let response_body = if request_line.method == "POST" {
        let body = common::escape(&String::from_utf8_lossy(&body));
        format!("<h1>POST Data Received:</h1><p>{body}</p>")
    } else {
        "<h1>Welcome to the Home Page</h1>".to_owned()
    };
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
