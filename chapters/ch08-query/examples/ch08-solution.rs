//! Chapter 8, exercise: `/greet` greets as often as it is told to.
//!
//!     cargo run -p ch08-query --example ch08-solution

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

    let query_params = common::parse_query(request_line.target)?;
    let response_body = if request_line.target.split('?').next() == Some("/greet") {
        greeting(&query_params)?
    } else {
        let query_params = format!("{query_params:?}");
        let query_params = common::escape(&query_params);
        format!("<h1>Query Parameters</h1><pre>{query_params}</pre>")
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

fn greeting(query: &common::Query) -> Result<String, common::RequestError> {
    let name = query.values("name").first().map_or("World", String::as_str);
    let times = query.values("times").first().map_or("1", String::as_str);
    let greeting = format!("<h1>Hello, {}!</h1>", common::escape(name));
    match times.parse() {
        Ok(times @ 1..=10) => Ok(greeting.repeat(times)),
        _ => Err(common::RequestError::new(
            "400 Bad Request",
            "times is no number from 1 to 10",
        )),
    }
}
