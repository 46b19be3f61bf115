//! Chapter 11: bodies of unknown length, in both directions.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Command;

use harness::{Server, check_command_line, example, hostile, still_does_what_came_before};
use insta::assert_snapshot;

const CHAPTER: &str = env!("CARGO_BIN_EXE_ch11-chunked");

/// The last request of a connection.
const HELLO: &str = "GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// The same for who wants to see the guestbook.
const SHOW: &str = "GET /guestbook HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// A form in one chunk.
const FORM: &str = "19\r\nname=Ada&message=Hello%21\r\n0\r\n\r\n";

/// A POST request to the guestbook, with these field lines besides.
fn post(fields: &str, body: &str) -> String {
    format!(
        "POST /guestbook HTTP/1.1\r\n\
         Host: localhost\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\
         {fields}\r\n\
         {body}"
    )
}

fn chunked(body: &str) -> String {
    post("Transfer-Encoding: chunked\r\n", body)
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

fn the_page_is_served(server: &Server) {
    let exchange = server.exchange("core", HELLO);
    assert!(exchange.contains("< <h1>Hello, User!</h1>"), "{exchange}");
}

/// Sends a chunked form, and looks over the same connection what became of it.
fn taken(heading: &str, body: &str) -> String {
    Server::start(CHAPTER)
        .begin_anew(heading)
        .send(chunked(body))
        .receive()
        .send(SHOW)
        .finish()
}

/// Sends what is no chunked body, and behind it what must never be answered.
fn refused(heading: &str, body: &str) -> String {
    Server::start(CHAPTER).exchange(heading, chunked(body) + HELLO)
}

#[test]
fn what_came_before() {
    still_does_what_came_before("ch11-chunked", CHAPTER);
}

#[test]
#[ignore = "a client rests for some seconds"]
fn a_client_may_still_rest() {
    harness::a_client_may_still_rest("ch11-chunked", CHAPTER);
}

#[test]
fn a_chunked_body() {
    assert_snapshot!(taken("core: a body may come in a chunk", FORM));
}

#[test]
fn many_chunks() {
    assert_snapshot!(taken(
        "core: a body may come in many chunks, which part anywhere",
        "3\r\nnam\r\n7\r\ne=Ada&m\r\n1\r\ne\r\ne\r\nssage=Hello%21\r\n0\r\n\r\n",
    ));
}

#[test]
fn a_byte_at_a_time() {
    let exchange = Server::start(CHAPTER)
        .begin_anew("core: chunks may come in pieces, which part anywhere")
        .send(chunked(""))
        .send_one_by_one(FORM)
        .receive()
        .send(SHOW)
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn digits_of_a_size() {
    assert_snapshot!(taken(
        "core: a size has hexadecimal digits, small or big, with zeros before them or without",
        "A\r\nname=Ada&m\r\n00d\r\nessage=Hello%\r\n2\r\n21\r\n000\r\n\r\n",
    ));
}

#[test]
fn line_ends_within_a_chunk() {
    assert_snapshot!(taken(
        "core: within a chunk a line end is content",
        "20\r\nname=Ada&message=\r\n0\r\n\r\nHello%21\r\n0\r\n\r\n",
    ));
}

#[test]
fn extensions() {
    assert_snapshot!(taken(
        "core: an extension that nobody knows is passed over",
        "9;signature=\"0;1\"\r\nname=Ada&\r\n10;a;b=c\r\nmessage=Hello%21\r\n0;last\r\n\r\n",
    ));
}

#[test]
fn extensions_between_white_space() {
    assert_snapshot!(taken(
        "robust: white space around an extension is passed over too",
        "19;a ; b=c\r\nname=Ada&message=Hello%21\r\n0\r\n\r\n",
    ));
}

#[test]
fn trailers() {
    assert_snapshot!(taken(
        "core: trailers are dropped, and are no fields of the head",
        "19\r\nname=Ada&message=Hello%21\r\n0\r\n\
         Content-Type: text/plain\r\nSum: 25\r\n\r\n",
    ));
}

#[test]
fn trailers_that_would_frame() {
    assert_snapshot!(taken(
        "robust: neither a length nor close means anything among the trailers",
        "19\r\nname=Ada&message=Hello%21\r\n0\r\nContent-Length: 3\r\n\
         Connection: close\r\n\r\n",
    ));
}

#[test]
fn the_end_alone() {
    assert_snapshot!(taken("core: a body in chunks may be empty", "0\r\n\r\n"));
}

#[test]
fn a_coding_in_any_case() {
    let exchange = Server::start(CHAPTER).exchange(
        "core: case does not matter in the name of a coding",
        post("transfer-encoding: Chunked\r\n", FORM) + HELLO,
    );
    assert_snapshot!(exchange);
}

#[test]
fn a_list_of_codings_with_empty_elements() {
    let exchange = Server::start(CHAPTER).exchange(
        "robust: empty elements of a list of codings do not matter",
        post("Transfer-Encoding: , chunked,\r\n", FORM) + HELLO,
    );
    assert_snapshot!(exchange);
}

#[test]
fn pipelined_chunks() {
    let exchange = Server::start(CHAPTER).exchange(
        "core: what follows a chunked body is the next request",
        chunked(FORM) + &chunked(FORM) + HELLO,
    );
    assert_snapshot!(exchange);
}

#[test]
fn expect_continue_with_chunks() {
    let exchange = Server::start(CHAPTER)
        .begin("core: a client that waits with its chunks is told to continue")
        .send(post(
            "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n",
            "",
        ))
        .receive_head()
        .send(FORM)
        .receive()
        .send(HELLO)
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn a_chunk_that_is_longer_than_its_size() {
    assert_snapshot!(refused(
        "lesson: any two bytes are not the end of a chunk",
        "19\r\nname=Ada&message=Hello%21xx0\r\n\r\n",
    ));
}

#[test]
fn a_chunk_that_is_shorter_than_its_size() {
    assert_snapshot!(refused(
        "lesson: the end of a chunk is not content",
        "9\r\nname=Ada\r\n0\r\n\r\n",
    ));
}

#[test]
fn a_size_that_ends_in_lf() {
    assert_snapshot!(refused(
        "lesson: LF alone does not end the line of a size",
        "8\nname=Ada\r\n0\r\n\r\n",
    ));
}

#[test]
fn a_chunk_that_ends_in_lf() {
    assert_snapshot!(refused(
        "lesson: LF alone does not end a chunk",
        "8\r\nname=Ada\n0\r\n\r\n",
    ));
}

#[test]
fn an_extension_that_ends_in_lf() {
    assert_snapshot!(refused(
        "lesson: LF alone does not end an extension, nor is it part of one",
        "2;\nxx\r\n40\r\n0\r\n\r\n",
    ));
}

#[test]
fn an_extension_with_a_bare_cr() {
    assert_snapshot!(refused(
        "lesson: CR alone does not end an extension, nor is it part of one",
        "2;\rxx\r\n40\r\n0\r\n\r\n",
    ));
}

#[test]
fn an_extension_without_end() {
    assert_snapshot!(refused(
        "robust: an extension that goes on and on is refused before it ends",
        &format!("8;{}", "a".repeat(1000)),
    ));
}

#[test]
fn an_end_in_lf() {
    assert_snapshot!(refused(
        "lesson: LF alone does not end the body",
        "8\r\nname=Ada\r\n0\r\n\n",
    ));
}

#[test]
fn a_size_with_a_sign() {
    assert_snapshot!(refused(
        "lesson: a size has no sign",
        "+8\r\nname=Ada\r\n0\r\n\r\n",
    ));
}

#[test]
fn a_negative_size() {
    assert_snapshot!(refused("lesson: a size is not negative", "-1\r\n\r\n"));
}

#[test]
fn a_size_with_0x() {
    assert_snapshot!(refused(
        "lesson: a size has digits alone, and not 0x before them",
        "0x8\r\nname=Ada\r\n0\r\n\r\n",
    ));
}

#[test]
fn a_size_with_a_space_before_it() {
    assert_snapshot!(refused(
        "lesson: no space stands before a size",
        " 8\r\nname=Ada\r\n0\r\n\r\n",
    ));
}

#[test]
fn a_size_with_a_space_behind_it() {
    assert_snapshot!(refused(
        "robust: no space stands behind a size without an extension",
        "8 \r\nname=Ada\r\n0\r\n\r\n",
    ));
}

#[test]
fn no_size() {
    assert_snapshot!(refused("lesson: an empty line is no size", "\r\n0\r\n\r\n"));
}

#[test]
fn no_size_and_nothing_else() {
    assert_snapshot!(refused(
        "lesson: nor is an empty line the last chunk",
        "\r\n\r\n"
    ));
}

#[test]
fn a_size_beyond_all_numbers() {
    assert_snapshot!(refused(
        "lesson: a size too long for any number of the machine is no small one",
        "10000000000000008\r\nname=Ada\r\n0\r\n\r\n",
    ));
}

#[test]
fn the_highest_size() {
    assert_snapshot!(refused(
        "robust: the highest size there is, and a line end behind it, is no small one",
        "ffffffffffffffff\r\nname=Ada\r\n0\r\n\r\n",
    ));
}

#[test]
fn a_trailer_that_is_no_field() {
    assert_snapshot!(refused(
        "lesson: a request in the place of the trailers is no field",
        "8\r\nname=Ada\r\n0\r\nGET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ));
}

#[test]
fn a_trailer_with_a_bare_cr() {
    assert_snapshot!(refused(
        "lesson: CR alone is neither the end of the trailers nor a trailer",
        "8\r\nname=Ada\r\n0\r\n\r\r\n\r\n",
    ));
}

#[test]
fn trailers_without_end() {
    assert_snapshot!(refused(
        "robust: trailers may take as much as a head, and no more",
        &format!("8\r\nname=Ada\r\n0\r\nX: {}", "a".repeat(9000)),
    ));
}

#[test]
fn chunks_that_end_early() {
    let exchange = Server::start(CHAPTER)
        .begin("lesson: a body that ends without its last chunk is a bad request")
        .send(chunked("19\r\nname=Ada&message=Hello%21\r\n"))
        .half_close()
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn chunks_of_1_mib() {
    let half = format!("80000\r\n{}\r\n", "b".repeat(0x8_0000));
    let exchange = Server::start(CHAPTER).exchange(
        "robust: all chunks together may hold 1 MiB",
        chunked(&(half.repeat(2) + "0\r\n\r\n")) + HELLO,
    );
    assert_snapshot!(exchange);
}

#[test]
fn chunks_over_1_mib() {
    let half = format!("80000\r\n{}\r\n", "b".repeat(0x8_0000));
    let exchange = Server::start(CHAPTER).exchange(
        "robust: one byte more is too much, and is refused before it comes",
        chunked(&(half.repeat(2) + "1\r\n")),
    );
    assert_snapshot!(exchange);
}

#[test]
fn chunked_and_a_length() {
    let exchange = Server::start(CHAPTER).exchange(
        "robust: a length beside chunks is a bad request",
        post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", FORM) + HELLO,
    );
    assert_snapshot!(exchange);
}

#[test]
fn chunked_from_http_1_0() {
    let exchange = Server::start(CHAPTER).exchange(
        "core: HTTP/1.0 has no Transfer-Encoding, so nobody can tell where such a body ends",
        "POST /guestbook HTTP/1.0\r\n\
         Connection: keep-alive\r\n\
         Transfer-Encoding: chunked\r\n\r\n"
            .to_owned()
            + FORM
            + HELLO,
    );
    assert_snapshot!(exchange);
}

#[test]
fn chunked_twice() {
    let exchange = Server::start(CHAPTER).exchange(
        "lesson: a body is chunked once",
        post(
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            FORM,
        ) + HELLO,
    );
    assert_snapshot!(exchange);
}

#[test]
fn another_coding_before_chunked() {
    let exchange = Server::start(CHAPTER).exchange(
        "lesson: a coding that nobody here knows is not implemented, also where its end is found",
        post("Transfer-Encoding: gzip, chunked\r\n", FORM) + HELLO,
    );
    assert_snapshot!(exchange);
}

#[test]
fn another_coding_behind_chunked() {
    let exchange = Server::start(CHAPTER).exchange(
        "core: where chunked is not the last coding, nobody can tell where the body ends",
        post("Transfer-Encoding: chunked, gzip\r\n", FORM) + HELLO,
    );
    assert_snapshot!(exchange);
}

#[test]
fn numbers() {
    let exchange = Server::start(CHAPTER)
        .begin("core: numbers come in chunks, and the connection stays")
        .send("GET /numbers?to=3 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .receive()
        .send(HELLO)
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn numbers_for_http_1_0() {
    let exchange = Server::start(CHAPTER).exchange(
        "core: HTTP/1.0 knows no chunks, so the end of the connection is the end of the numbers",
        "GET /numbers?to=3 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    );
    assert_snapshot!(exchange);
}

#[test]
fn numbers_head() {
    let exchange = Server::start(CHAPTER)
        .begin("core: HEAD gets the head that GET would get, and no chunk")
        .send("HEAD /numbers?to=3 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .receive()
        .send(HELLO)
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn numbers_to_0() {
    let exchange = Server::start(CHAPTER).exchange(
        "core: where there is no number, there is the last chunk",
        get("/numbers?to=0"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn numbers_without_a_last_one() {
    let exchange = Server::start(CHAPTER)
        .begin("core: without a last number it is a bad request, and the connection stays")
        .send("GET /numbers HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .receive()
        .send(HELLO)
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn numbers_to_what_is_none() {
    let exchange = Server::start(CHAPTER).exchange(
        "core: a last number is made of digits",
        get("/numbers?to=-1"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn too_many_numbers() {
    let exchange = Server::start(CHAPTER).exchange(
        "robust: a thousand million numbers are enough",
        get("/numbers?to=1000000001"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn an_early_refusal() {
    let exchange = Server::start(CHAPTER)
        .begin("robust: who is refused whatever the body is hears it at once, and may ask on")
        .send(
            "PUT /hello HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n\
             8\r\nname=",
        )
        .receive()
        .send("Ada\r\n0\r\n\r\n")
        .send(HELLO)
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn an_early_refusal_of_a_type() {
    let exchange = Server::start(CHAPTER)
        .begin("robust: a body of the wrong type need not come for its refusal either")
        .send(
            "POST /guestbook HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n\
             Content-Length: 8\r\n\r\n",
        )
        .receive()
        .send("name=Ada")
        .send(HELLO)
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn an_early_refusal_and_a_broken_chunk() {
    let exchange = Server::start(CHAPTER)
        .begin("robust: a body that was refused and then breaks gets no second answer")
        .send("PUT /hello HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        .receive()
        .send(format!("8\r\nname=Adaxx\r\n0\r\n\r\n{HELLO}"))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn an_early_refusal_of_who_waits() {
    let exchange = Server::start(CHAPTER).exchange(
        "core: who waits to be told to continue is refused at once, and the connection ends",
        "POST /guestbook HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n\
         Content-Length: 8\r\nExpect: 100-continue\r\n\r\n",
    );
    assert_snapshot!(exchange);
}

#[test]
fn an_early_refusal_of_who_does_not_wait() {
    let exchange = Server::start(CHAPTER).exchange(
        "robust: who says to wait and does not is refused too, and what follows is no request",
        format!(
            "PUT /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\
             Expect: 100-continue\r\n\r\n{HELLO}",
            HELLO.len()
        ),
    );
    assert_snapshot!(exchange);
}

/// What becomes of an attack, first where both programs are careless, and then where
/// the back is the server of this chapter.
fn attack(pair: &str) -> String {
    let server = Server::start(CHAPTER);
    let address = server.address().to_string();
    let mut shown = String::new();
    for arguments in [&[pair][..], &[pair, &address]] {
        let careless = Command::new(example(CHAPTER, "ch11-careless"))
            .args(arguments)
            .output()
            .expect("the careless programs run");
        assert!(careless.status.success(), "{careless:?}");
        shown += &String::from_utf8_lossy(&careless.stdout);
    }
    shown
}

#[test]
fn attack_cl_te() {
    assert_snapshot!(attack("cl.te"));
}

#[test]
fn attack_te_cl() {
    assert_snapshot!(attack("te.cl"));
}

#[test]
fn attack_lf() {
    assert_snapshot!(attack("lf"));
}

#[test]
fn attack_expect() {
    assert_snapshot!(attack("expect"));
}

#[test]
fn log() {
    let server = Server::start(CHAPTER);
    for request in [
        chunked(FORM) + HELLO,
        get("/numbers?to=3"),
        chunked("+8\r\n"),
        format!(
            "PUT /hello HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{FORM}{HELLO}"
        ),
        "PUT /hello HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n+8\r\n".to_owned(),
    ] {
        server.exchange("logged", request);
    }
    assert_snapshot!(server.log());
}

#[test]
fn a_real_client() {
    let server = Server::start(CHAPTER);
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .max_redirects(0)
        .build()
        .into();
    let mut form: &[u8] = b"name=Ada&message=in+chunks";
    let response = agent
        .post(server.url("/guestbook"))
        .content_type("application/x-www-form-urlencoded")
        // Whose length ureq does not know, so it sends chunks.
        .send(ureq::SendBody::from_reader(&mut form))
        .unwrap();
    assert_eq!(response.status(), 303);
    let mut page = agent.get(server.url("/guestbook")).call().unwrap();
    let page = page.body_mut().read_to_string().unwrap();
    assert!(page.contains("<dd>in chunks</dd>"), "{page}");

    let mut response = agent.get(server.url("/numbers?to=1000000")).call().unwrap();
    assert_eq!(response.headers()["transfer-encoding"], "chunked");
    let expected: String = (1..=1_000_000)
        .map(|number| format!("{number}\n"))
        .collect();
    assert!(response.body_mut().read_to_string().unwrap() == expected);
}

#[test]
fn command_line() {
    check_command_line(CHAPTER);
}

#[test]
fn hostile_clients() {
    hostile::try_each(&Server::start(CHAPTER), the_page_is_served);
}

#[test]
fn a_log_that_nobody_reads_costs_no_answer() {
    hostile::nobody_reads_the_log(CHAPTER, the_page_is_served);
}

#[test]
fn a_silent_crowd() {
    hostile::a_silent_crowd(&Server::start(CHAPTER), the_page_is_served);
}

/// Sends a head, and then the same piece again and again until the server has enough
/// or so many have been sent, and gives all that came back.
fn send_on(server: &Server, head: &str, piece: &str, count: usize) -> String {
    let mut stream = server.connect();
    let mut sending = stream.try_clone().expect("a second handle");
    let thousand = piece.repeat(1000);
    let mut received = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let _ = sending.write_all(head.as_bytes());
            for _ in 0..count / 1000 {
                if sending.write_all(thousand.as_bytes()).is_err() {
                    return;
                }
            }
            let rest = piece.repeat(count % 1000) + "0\r\n\r\n";
            let _ = sending.write_all(rest.as_bytes());
            let _ = sending.shutdown(Shutdown::Write);
        });
        // A server that has had enough may reset what still comes, behind its answer.
        let _ = stream.read_to_end(&mut received);
    });
    String::from_utf8_lossy(&received).into_owned()
}

/// Each of these takes five bytes around its one, so 209,714 of them and the end take
/// less than 1 MiB, and two more do not.
#[test]
fn chunks_of_one_byte_each() {
    let server = Server::start(CHAPTER);
    for (count, status) in [
        (209_714, "422 Unprocessable Content"),
        (209_716, "413 Content Too Large"),
    ] {
        let answer = send_on(&server, &chunked(""), "1\r\nb\r\n", count);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
        the_page_is_served(&server);
    }
}

/// None of these ever ends, and each is answered once.
#[test]
fn what_goes_on_and_on() {
    const ENDLESS: usize = 10_000_000;
    let server = Server::start(CHAPTER);
    let put = "PUT /hello HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (head, piece, status) in [
        (chunked("8;"), "a", "400"),
        (chunked("8\r\nname=Ada\r\n0\r\n"), "A: b\r\n", "431"),
        (chunked("8\r\nname=Ada\r\n0\r\nA: "), "b", "431"),
        (chunked(""), "1;a=b\r\nb\r\n", "413"),
        (put.to_owned(), "1\r\nb\r\n", "405"),
    ] {
        let answer = send_on(&server, &head, piece, ENDLESS);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
        the_page_is_served(&server);
    }
}

/// Numbers for an hour: one client takes a few now and then, the others none at all.
#[test]
fn clients_that_ask_for_all_numbers_and_do_not_take_them() {
    const CLIENTS: usize = 50;
    let server = Server::start(CHAPTER);
    let mut clients: Vec<TcpStream> = (0..CLIENTS).map(|_| server.connect()).collect();
    for client in &mut clients {
        client
            .write_all(get("/numbers?to=1000000000").as_bytes())
            .unwrap();
    }
    for _ in 0..20 {
        clients[0].read_exact(&mut [0; 1000]).unwrap();
        the_page_is_served(&server);
    }
    #[cfg(target_os = "linux")]
    {
        let most = most_memory_of(server.process());
        assert!(most < 64 * 1024, "{most} KiB");
    }
}

/// The most memory that a process has had, in KiB.
#[cfg(target_os = "linux")]
fn most_memory_of(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"));
    let status = status.expect("Linux tells it");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    let number = number.and_then(|number| number.parse().ok());
    number.expect("VmHWM is a number")
}

#[test]
fn clients_that_are_gone_in_the_middle() {
    let server = Server::start(CHAPTER);
    for beginning in [
        chunked("19\r\nname="),
        chunked("19\r\nname=Ada&message=Hello%21\r\n0\r\n"),
        get("/numbers?to=1000000000"),
    ] {
        let mut client = server.connect();
        client.write_all(beginning.as_bytes()).unwrap();
        if beginning.starts_with("GET") {
            client.read_exact(&mut [0; 100_000]).unwrap();
        }
        // What is unread, or was not sent, makes the end a reset.
        drop(client);
        the_page_is_served(&server);
    }
}

fn solution() -> Server {
    Server::start_solution(CHAPTER, "ch11-solution")
}

/// Asks for numbers with these field lines besides.
fn numbers_with(heading: &str, target: &str, fields: &str) -> String {
    let fields = format!("Host: localhost\r\n{fields}Connection: close\r\n");
    solution().exchange(heading, format!("GET {target} HTTP/1.1\r\n{fields}\r\n"))
}

#[test]
fn exercise_sum() {
    let exchange = solution()
        .begin("exercise: a client that takes trailers gets the sum behind the numbers")
        .send(
            "GET /numbers?to=3 HTTP/1.1\r\nHost: localhost\r\n\
             TE: trailers\r\nConnection: TE\r\n\r\n",
        )
        .receive()
        .send(HELLO)
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_sum_of_more() {
    assert_snapshot!(numbers_with(
        "exercise: each number counts, and once",
        "/numbers?to=12",
        "TE: trailers\r\n",
    ));
}

#[test]
fn exercise_sum_of_none() {
    assert_snapshot!(numbers_with(
        "exercise: the sum of no number is 0",
        "/numbers?to=0",
        "TE: trailers\r\n",
    ));
}

#[test]
fn exercise_one_of_several_codings() {
    assert_snapshot!(numbers_with(
        "exercise: TE is a list, and case does not matter in it",
        "/numbers?to=3",
        "te: gzip;q=0.5,\r\nTE: Trailers\r\n",
    ));
}

#[test]
fn exercise_no_trailers() {
    assert_snapshot!(numbers_with(
        "exercise: a client that says nothing of trailers gets none",
        "/numbers?to=3",
        "",
    ));
}

#[test]
fn exercise_another_coding() {
    assert_snapshot!(numbers_with(
        "exercise: another coding is no word for trailers",
        "/numbers?to=3",
        "TE: deflate, x-trailers\r\n",
    ));
}

#[test]
fn exercise_http_1_0() {
    let exchange = solution().exchange(
        "exercise: HTTP/1.0 has neither chunks nor trailers, whatever the client says",
        "GET /numbers?to=3 HTTP/1.0\r\nTE: trailers\r\n\r\n",
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_no_number() {
    assert_snapshot!(numbers_with(
        "exercise: what is no number is a bad request as before",
        "/numbers?to=three",
        "TE: trailers\r\n",
    ));
}

/// So many numbers come in several chunks.
#[test]
fn exercise_all_numbers() {
    let server = solution();
    let mut client = server.connect();
    let request = get("/numbers?to=100000").replace("Host:", "TE: trailers\r\nHost:");
    client.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("\r\n0\r\nSum: 5000050000\r\n\r\n"));
}

/// More than fit into a chunk of most sizes.
#[test]
fn exercise_sum_of_many() {
    assert_snapshot!(numbers_with(
        "exercise: the numbers of all chunks are in the sum",
        "/numbers?to=2500",
        "TE: trailers\r\n",
    ));
}

#[test]
fn exercise_list() {
    assert_snapshot!(numbers_with(
        "exercise: trailers may stand behind another coding",
        "/numbers?to=3",
        "TE: gzip;q=0.5, Trailers\r\n",
    ));
}
