//! Chapter 9: everything together: one small site.

use std::thread;

use harness::company::Beside;
use harness::{Server, check_command_line, files, hostile};
use insta::assert_snapshot;

const CHAPTER: &str = env!("CARGO_BIN_EXE_ch09-site");

/// A request with these field lines, each with its line end.
fn request(line: &str, fields: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n")
}

fn get(target: &str) -> String {
    request(&format!("GET {target}"), "")
}

/// A request with a body.
fn with_body(line: &str, fields: &str, body: &str) -> String {
    let length = body.len();
    request(line, &format!("{fields}Content-Length: {length}\r\n")) + body
}

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

/// A form for the guestbook.
fn sign(form: &str) -> String {
    with_body("POST /guestbook", FORM, form)
}

/// What a server says to one request.
fn exchange(heading: &str, request: impl AsRef<[u8]>) -> String {
    Server::start(CHAPTER).exchange(heading, request)
}

fn the_page_is_served(server: &Server) {
    let exchange = server.exchange("core", get("/hello"));
    assert!(exchange.contains("< <h1>Hello, User!</h1>"), "{exchange}");
}

// The site

#[test]
fn index() {
    assert_snapshot!(exchange("core: / is pages/index.html", get("/")));
}

#[test]
fn a_page_in_a_folder() {
    assert_snapshot!(exchange(
        "core: /pages/NAME is pages/NAME, also in a folder",
        get("/pages/lessons/bytes.html"),
    ));
}

#[test]
fn a_drawing() {
    assert_snapshot!(exchange(
        "core: the content type follows the extension, and only text has an encoding",
        get("/pages/favicon.svg"),
    ));
}

#[test]
fn not_found() {
    assert_snapshot!(exchange(
        "core: what is not there is not found",
        get("/pages/missing.html"),
    ));
}

#[test]
fn hello() {
    assert_snapshot!(exchange("core: /hello is chapter 4's page", get("/hello")));
}

#[test]
fn hello_with_a_query() {
    assert_snapshot!(exchange(
        "core: a query is no part of the path",
        get("/hello?name=Ada"),
    ));
}

#[test]
fn hello_in_another_notation() {
    assert_snapshot!(exchange(
        "robust: a letter and its percent-encoding are the same in a path",
        get("/%68el%6Co?name=Ada"),
    ));
}

#[test]
fn a_path_that_stays_encoded() {
    let exchange = Server::start(CHAPTER)
        .begin("robust: an encoded slash separates nothing, and nothing is decoded twice")
        .send(get("/%2Fhello"))
        .another()
        .send(get("/%2568ello"))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn query() {
    assert_snapshot!(exchange(
        "core: /query shows the query, as chapter 8 does",
        get("/query?name=Zo%C3%AB+%26+Ada&name=Bob&empty="),
    ));
}

#[test]
fn query_escaped() {
    assert_snapshot!(exchange(
        "core, D4: markup in a query is shown and does not run",
        get("/query?%3Cb%3E=<script>"),
    ));
}

#[test]
fn a_percent_sign_alone() {
    assert_snapshot!(exchange(
        "robust: a percent sign that begins no escape stands for itself",
        get("/query?rate=100%&more=%zz"),
    ));
}

#[test]
fn guestbook_empty() {
    let server = Server::start(CHAPTER);
    let exchange = server
        .begin_anew("core: at first nobody has signed the guestbook")
        .send(get("/guestbook"))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn guestbook_signed() {
    let server = Server::start(CHAPTER);
    let exchange = server
        .begin_anew("core: who signs is sent to the guestbook, which has the entry")
        .send(sign("name=Ada&message=Hello"))
        .another()
        .send(get("/guestbook"))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn guestbook_in_another_notation() {
    let server = Server::start(CHAPTER);
    let exchange = server
        .begin_anew("robust: the guestbook is signed however its path is written")
        .send(with_body(
            "POST /%67uestbook",
            FORM,
            "name=Ada&message=Hello",
        ))
        .another()
        .send(get("/guest%62ook"))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn guestbook_escaped() {
    let server = Server::start(CHAPTER);
    let exchange = server
        .begin_anew("core, D4: an entry is decoded, and its markup is shown and does not run")
        .send(sign(
            "name=Zo%C3%AB+%26+%3Cb%3EAda&message=%3Cscript%3Ealert(1)%3C/script%3E%0D%0A1%2B1=2",
        ))
        .another()
        .send(get("/guestbook"))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn guestbook_newest_first() {
    let server = Server::start(CHAPTER);
    let exchange = server
        .begin_anew("core: the newest entry comes first")
        .send(sign("name=Ada&message=first"))
        .another()
        .send(sign("message=second&name=Bob"))
        .another()
        .send(get("/guestbook"))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn guestbook_of_a_hundred_and_one() {
    let server = Server::start(CHAPTER);
    let exchange = server
        .begin_anew("core: the guestbook keeps the last hundred entries, and the oldest goes")
        .beside(Beside::Entries {
            count: 101,
            length: 0,
        })
        .send(get("/guestbook"))
        .finish();
    assert_snapshot!(exchange);
}

/// It rests for longer than the stream lets one write take.
#[test]
#[ignore = "a client rests for some seconds"]
fn a_client_that_rests() {
    let server = Server::start(CHAPTER);
    let exchange = server
        .begin_anew("lesson: a client that rests in the middle of a long page gets all of it")
        .beside(Beside::Entries {
            count: 100,
            length: 900,
        })
        .beside(Beside::Unread {
            count: 1,
            target: "/guestbook".to_owned(),
        })
        .beside(Beside::Pause)
        .beside(Beside::ReadOn)
        .send(get("/hello"))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn guestbook_media_type() {
    assert_snapshot!(exchange(
        "core: neither case nor parameters matter in a media type",
        with_body(
            "POST /guestbook",
            "Content-Type: Application/X-WWW-Form-Urlencoded; charset=UTF-8\r\n",
            "name=Ada&message=Hello",
        ),
    ));
}

#[test]
fn guestbook_another_type() {
    assert_snapshot!(exchange(
        "core: what is no form is no entry",
        with_body(
            "POST /guestbook",
            "Content-Type: text/plain\r\n",
            "name=Ada&message=Hello",
        ),
    ));
}

#[test]
fn guestbook_no_type() {
    assert_snapshot!(exchange(
        "core: what does not say that it is a form is no entry",
        with_body("POST /guestbook", "", "name=Ada&message=Hello"),
    ));
}

#[test]
fn guestbook_in_a_coding() {
    // Nobody knows this coding, so no server could decode the form instead.
    assert_snapshot!(exchange(
        "robust: a form in a content coding is no entry, and the answer says that none will do",
        with_body(
            "POST /guestbook",
            &format!("{FORM}Content-Encoding: rot13\r\n"),
            "anzr=Nqn&zrffntr=Uryyb",
        ),
    ));
}

#[test]
fn guestbook_without_a_name() {
    let server = Server::start(CHAPTER);
    let exchange = server
        .begin_anew("core: an entry has a name and a message")
        .send(sign("name=+&message=Hello"))
        .another()
        .send(sign("name=Ada"))
        .another()
        .send(get("/guestbook"))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn guestbook_a_thousand_characters() {
    let message = "a".repeat(999);
    assert_snapshot!(exchange(
        "core: an entry may have 1000 characters, however many bytes these are",
        sign(&format!("name=%C3%B6&message={message}")),
    ));
}

#[test]
fn guestbook_a_thousand_characters_and_one() {
    let message = "a".repeat(1000);
    assert_snapshot!(exchange(
        "core: an entry of 1001 characters is too long",
        sign(&format!("name=%C3%B6&message={message}")),
    ));
}

/// Too many requests to pin them as an exchange.
#[test]
fn guestbook_keeps_the_last_hundred() {
    let server = Server::start(CHAPTER);
    for number in 0..103 {
        let signed = server.exchange("signs", sign(&format!("name=Ada&message=number+{number}.")));
        assert!(signed.contains("< HTTP/1.1 303 See Other"), "{signed}");
    }
    let page = server.exchange("looks", get("/guestbook"));
    assert_eq!(page.matches("<dt>Ada</dt>").count(), 100);
    for (number, is_kept) in [(2, false), (3, true), (102, true)] {
        let entry = format!("<dd>number {number}.</dd>");
        assert_eq!(page.contains(&entry), is_kept, "{entry} {page}");
    }
}

#[test]
fn guestbook_is_signed_by_many_at_once() {
    const EACH: usize = 12;
    let server = Server::start(CHAPTER);
    // What one thread writes is long enough to be torn.
    let name = |thread: usize, number: usize| format!("{thread}-{number}");
    let message = |name: &str| format!("{name}.").repeat(100);
    thread::scope(|scope| {
        for thread in 0..8 {
            let server = &server;
            scope.spawn(move || {
                for number in 0..EACH {
                    let name = name(thread, number);
                    let form = format!("name={name}&message={}", message(&name));
                    let signed = server.exchange("signs", sign(&form));
                    assert!(signed.contains("< HTTP/1.1 303 See Other"), "{signed}");
                }
            });
        }
    });
    let page = server.exchange("looks", get("/guestbook"));
    assert_eq!(page.matches("<dt>").count(), 8 * EACH);
    for thread in 0..8 {
        let mut last = page.len();
        for number in 0..EACH {
            let name = name(thread, number);
            let entry = format!("< <dt>{name}</dt>\\n\n< <dd>{}</dd>\\n\n", message(&name));
            let place = page.find(&entry);
            let place = place.unwrap_or_else(|| panic!("no {entry} in {page}"));
            // What a thread wrote later stands earlier.
            assert!(place < last, "{name}");
            last = place;
        }
    }
}

// Methods

#[test]
fn head() {
    assert_snapshot!(exchange(
        "core: HEAD gets the fields that GET gets, and no content",
        request("HEAD /hello", ""),
    ));
}

#[test]
fn head_of_a_file() {
    assert_snapshot!(exchange(
        "core: HEAD of a file gets its length, and no content",
        request("HEAD /pages/favicon.svg", ""),
    ));
}

#[test]
fn head_not_found() {
    assert_snapshot!(exchange(
        "core: HEAD of what is not there gets no content either",
        request("HEAD /pages/missing.html", ""),
    ));
}

#[test]
fn head_of_a_refusal() {
    assert_snapshot!(exchange(
        "core: a HEAD that is refused gets no content either",
        "HEAD /hello HTTP/1.1\r\n\r\n",
    ));
}

#[test]
fn method_not_allowed() {
    assert_snapshot!(exchange(
        "core: a method that a target does not have gets 405 and the list of those it has",
        with_body("PUT /hello", "Content-Type: text/plain\r\n", "Ada"),
    ));
}

#[test]
fn method_not_allowed_in_the_guestbook() {
    assert_snapshot!(exchange(
        "core: the list that comes with 405 is that of the target",
        request("DELETE /guestbook", ""),
    ));
}

#[test]
fn method_not_allowed_in_another_notation() {
    assert_snapshot!(exchange(
        "robust: the list that comes with 405 is that of the target, however it is written",
        request("DELETE /%67uestbook", ""),
    ));
}

#[test]
fn method_trace() {
    assert_snapshot!(exchange(
        "core: no request is sent back as it came",
        request("TRACE /hello", "Cookie: secret=1\r\n"),
    ));
}

#[test]
fn method_connect() {
    assert_snapshot!(exchange(
        "core: nobody is connected through to another server",
        "CONNECT localhost:22 HTTP/1.1\r\nHost: localhost:22\r\n\r\n",
    ));
}

#[test]
fn method_unknown() {
    assert_snapshot!(exchange(
        "core: a method that nobody has heard of is not implemented",
        request("BREW /hello", ""),
    ));
}

#[test]
fn method_in_small_letters() {
    assert_snapshot!(exchange(
        "core: case matters in a method",
        request("get /hello", ""),
    ));
}

#[test]
fn options() {
    assert_snapshot!(exchange(
        "robust: OPTIONS asks which methods a target has",
        request("OPTIONS /hello", ""),
    ));
}

#[test]
fn options_of_the_guestbook() {
    assert_snapshot!(exchange(
        "robust: OPTIONS of the guestbook names POST too",
        request("OPTIONS /guestbook", ""),
    ));
}

#[test]
fn options_of_the_server() {
    assert_snapshot!(exchange(
        "robust: OPTIONS may ask about *, the server as a whole",
        request("OPTIONS *", ""),
    ));
}

// Targets and hosts

#[test]
fn host_missing() {
    assert_snapshot!(exchange(
        "core: a request of HTTP/1.1 that names no host is a bad request",
        "GET /hello HTTP/1.1\r\n\r\n",
    ));
}

#[test]
fn host_twice() {
    assert_snapshot!(exchange(
        "core: a request that names two hosts is a bad request",
        request("GET /hello", "Host: localhost\r\n"),
    ));
}

#[test]
fn host_invalid() {
    assert_snapshot!(exchange(
        "core: a host that is none is a bad request",
        "GET /hello HTTP/1.1\r\nHost: local host\r\n\r\n",
    ));
}

#[test]
fn host_empty() {
    assert_snapshot!(exchange(
        "robust: a host may be empty",
        "GET /hello HTTP/1.1\r\nHost:\r\n\r\n",
    ));
}

#[test]
fn host_of_http_1_0() {
    assert_snapshot!(exchange(
        "core: a client of HTTP/1.0 need not name a host",
        "GET /hello HTTP/1.0\r\n\r\n",
    ));
}

#[test]
fn absolute_form() {
    assert_snapshot!(exchange(
        "core: a target may be a whole address, and then its host counts",
        request("GET http://example.org:8080/hello", ""),
    ));
}

#[test]
fn absolute_form_without_a_path() {
    assert_snapshot!(exchange(
        "core: an address without a path is that of /",
        request("HEAD HTTP://localhost", ""),
    ));
}

#[test]
fn absolute_form_without_a_host() {
    assert_snapshot!(exchange(
        "core: an address without a host is a bad request",
        request("GET http:///hello", ""),
    ));
}

#[test]
fn absolute_form_with_a_name_and_a_password() {
    assert_snapshot!(exchange(
        "robust: an address with a name and a password is a bad request",
        request("GET http://ada:secret@localhost/hello", ""),
    ));
}

#[test]
fn absolute_form_of_https() {
    assert_snapshot!(exchange(
        "core: what was to be sealed is not answered in the open",
        request("GET https://localhost/hello", ""),
    ));
}

#[test]
fn a_target_with_a_fragment() {
    assert_snapshot!(exchange(
        "robust: what follows a # is for the client alone, and no part of a target",
        request("GET /hello#top", ""),
    ));
}

#[test]
fn a_target_that_is_none() {
    assert_snapshot!(exchange(
        "robust: a target begins with a slash, or is a whole address",
        request("GET hello", ""),
    ));
}

// Files, and nothing else

#[test]
fn percent_encoding_and_a_query() {
    assert_snapshot!(exchange(
        "core: percent-encoding is undone, and a query is cut off",
        get("/pages/%66avicon%2esvg?v=%2e%2e"),
    ));
}

#[test]
fn percent_encoding_is_undone_once() {
    assert_snapshot!(exchange(
        "core, D6: percent-encoding is undone once and not twice",
        get("/pages/favicon%252esvg"),
    ));
}

#[test]
fn a_folder() {
    assert_snapshot!(exchange(
        "robust: a folder is not found",
        get("/pages/lessons"),
    ));
}

#[test]
fn beside_pages() {
    assert_snapshot!(exchange(
        "core, D6: what lies beside pages/ is not found",
        get("/Cargo.toml"),
    ));
}

#[test]
fn dot_segments() {
    assert_snapshot!(exchange(
        "core, D6: dot segments do not lead out of pages/",
        get("/pages/../Cargo.toml"),
    ));
}

#[test]
fn encoded_dot_segments() {
    assert_snapshot!(exchange(
        "core, D6: encoded dot segments do not lead out of pages/ either",
        get("/pages/%2e%2e/Cargo.toml"),
    ));
}

#[test]
fn too_many_parameters() {
    assert_snapshot!(exchange(
        "robust: more than a thousand parameters are too many",
        get(&format!("/query?{}", "&".repeat(1000))),
    ));
}

// How a request is written

#[test]
fn a_head_in_pieces() {
    let exchange = Server::start(CHAPTER)
        .begin("core: a head may come in pieces")
        .send_one_by_one(get("/hello"))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn a_body_in_pieces() {
    let form = "name=Ada&message=Hello";
    let head = sign(form);
    let head = head.strip_suffix(form).unwrap();
    let exchange = Server::start(CHAPTER)
        .begin("core: a body may come later than its head, and in pieces")
        .send(head)
        .send_one_by_one(form)
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn field_names_in_another_case() {
    assert_snapshot!(exchange(
        "core: case does not matter in the name of a field",
        "POST /guestbook HTTP/1.1\r\nHOST: localhost\r\n\
         content-type: application/x-www-form-urlencoded\r\n\
         content-length: 22\r\n\r\nname=Ada&message=Hello",
    ));
}

#[test]
fn space_before_the_colon() {
    assert_snapshot!(exchange(
        "core: white space before the colon of a field is a bad request",
        request("GET /hello", "X : 1\r\n"),
    ));
}

#[test]
fn a_folded_field() {
    assert_snapshot!(exchange(
        "robust: a field that goes on in the next line is a bad request",
        request("GET /hello", "X: 1\r\n 2\r\n"),
    ));
}

#[test]
fn a_control_character() {
    assert_snapshot!(exchange(
        "robust: a control character in a value is a bad request",
        request("GET /hello", "X: 1\x002\r\n"),
    ));
}

#[test]
fn line_feeds_alone() {
    assert_snapshot!(exchange(
        "robust: a line may end in LF alone",
        "GET /hello HTTP/1.1\nHost: localhost\n\n",
    ));
}

#[test]
fn an_empty_line_first() {
    assert_snapshot!(exchange(
        "robust: an empty line before a request is skipped",
        format!("\r\n{}", get("/hello")),
    ));
}

#[test]
fn a_request_line_of_two_words() {
    assert_snapshot!(exchange(
        "robust: a request line of two words is a bad request",
        "GET /hello\r\nHost: localhost\r\n\r\n",
    ));
}

#[test]
fn another_version() {
    assert_snapshot!(exchange(
        "robust: another version is not supported",
        "GET /hello HTTP/2.0\r\nHost: localhost\r\n\r\n",
    ));
}

#[test]
fn a_later_minor_version() {
    assert_snapshot!(exchange(
        "robust: a later version of HTTP/1 is answered as 1.1 is",
        "GET /hello HTTP/1.9\r\nHost: localhost\r\n\r\n",
    ));
}

#[test]
fn a_target_too_long() {
    assert_snapshot!(exchange(
        "robust: a request line of more than 8 KiB is too long",
        get(&format!("/{}", "a".repeat(8192))),
    ));
}

#[test]
fn a_head_too_long() {
    assert_snapshot!(exchange(
        "robust: a head of more than 8 KiB is too long",
        request("GET /hello", &format!("X: {}\r\n", "a".repeat(8192))),
    ));
}

#[test]
fn a_hundred_fields_and_one() {
    assert_snapshot!(exchange(
        "robust: more than a hundred fields are too many",
        request("GET /hello", &"X: 1\r\n".repeat(100)),
    ));
}

#[test]
fn nothing_sent() {
    let exchange = Server::start(CHAPTER)
        .begin("robust: a client that sends nothing is no error")
        .half_close()
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn a_tls_hello() {
    assert_snapshot!(exchange(
        "robust: a client that speaks TLS is told at once that this is no request",
        hostile::TLS_HELLO,
    ));
}

#[test]
fn a_head_cut_off() {
    let exchange = Server::start(CHAPTER)
        .begin("robust: a head that ends early is a bad request, and may have been HEAD's")
        .send("GET /hello HTTP/1.1\r\nHost: loc")
        .half_close()
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn a_body_cut_off() {
    let exchange = Server::start(CHAPTER)
        .begin("core: a body that ends early is a bad request, and no entry")
        .send(request(
            "POST /guestbook",
            &format!("{FORM}Content-Length: 23\r\n"),
        ))
        .send("name=Ada&message=Hello")
        .half_close()
        .finish();
    assert_snapshot!(exchange);
}

// Where a body ends

#[test]
fn two_lengths() {
    assert_snapshot!(exchange(
        "core: two lengths are a bad request",
        with_body("POST /guestbook", "Content-Length: 4\r\n", "name=Ada"),
    ));
}

#[test]
fn a_length_with_a_sign() {
    assert_snapshot!(exchange(
        "core: a length with a sign is a bad request",
        request("POST /guestbook", "Content-Length: +8\r\n") + "name=Ada",
    ));
}

#[test]
fn a_transfer_coding_without_an_end() {
    assert_snapshot!(exchange(
        "core: a transfer coding that does not end in chunked is a bad request",
        request("POST /guestbook", "Transfer-Encoding: gzip\r\n") + "name=Ada",
    ));
}

#[test]
fn a_transfer_coding_and_a_length() {
    assert_snapshot!(exchange(
        "robust: a transfer coding beside a length is a bad request",
        request(
            "POST /guestbook",
            "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        ) + "8\r\nname=Ada\r\n0\r\n\r\n",
    ));
}

/// Not pinned as an exchange, as it is nothing to ask of another server.
#[test]
fn a_body_in_chunks_is_not_implemented() {
    let exchange = exchange(
        "in chunks",
        request(
            "POST /guestbook",
            &format!("{FORM}Transfer-Encoding: chunked\r\n"),
        ) + "16\r\nname=Ada&message=Hello\r\n0\r\n\r\n",
    );
    let status_line = "< HTTP/1.1 501 Not Implemented\\r\\n\n";
    assert!(exchange.contains(status_line), "{exchange}");
}

#[test]
fn a_body_of_1_mib() {
    assert_snapshot!(exchange(
        "robust: a body may be 1 MiB long",
        sign(&format!("message={}", "b".repeat(1_048_568))),
    ));
}

#[test]
fn a_body_over_1_mib() {
    assert_snapshot!(exchange(
        "robust: a body over 1 MiB is refused before it comes",
        request(
            "POST /guestbook",
            &format!("{FORM}Content-Length: 1048577\r\n"),
        ),
    ));
}

#[test]
fn a_length_beyond_all_numbers() {
    assert_snapshot!(exchange(
        "robust: a length too big for any number is too much too",
        request(
            "POST /guestbook",
            &format!("{FORM}Content-Length: 99999999999999999999\r\n"),
        ),
    ));
}

#[test]
fn a_refusal_reaches_a_client_that_is_still_sending() {
    let exchange = Server::start(CHAPTER)
        .begin("robust, D8: a refusal reaches a client that goes on sending")
        .send(request(
            "POST /guestbook",
            &format!("{FORM}Content-Length: 2000000\r\n"),
        ))
        .receive_head()
        .send("b".repeat(2_000_000))
        .half_close()
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn an_answer_survives_what_was_left_unread() {
    let exchange = Server::start(CHAPTER)
        .begin("robust, D8: what follows the last request does not destroy the answer")
        .send(request("GET /hello", "Connection: close\r\n") + &"x".repeat(20_000))
        .half_close()
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn expect_continue() {
    let form = "name=Ada&message=Hello";
    let head = with_body(
        "POST /guestbook",
        &format!("{FORM}Expect: 100-continue\r\n"),
        form,
    );
    let exchange = Server::start(CHAPTER)
        .begin("core: a client that waits is told to continue")
        .send(head.strip_suffix(form).unwrap())
        .receive_head()
        .send(form)
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn expect_continue_of_http_1_0() {
    assert_snapshot!(exchange(
        "core: a client of HTTP/1.0 is not told to continue, as it would take that for the answer",
        format!(
            "POST /guestbook HTTP/1.0\r\n{FORM}Expect: 100-continue\r\n\
             Content-Length: 22\r\n\r\nname=Ada&message=Hello"
        ),
    ));
}

#[test]
fn expect_continue_with_too_long_a_body() {
    assert_snapshot!(exchange(
        "robust: a client that waits is refused at once if its body is too long",
        request(
            "POST /guestbook",
            &format!("{FORM}Expect: 100-continue\r\nContent-Length: 1048577\r\n"),
        ),
    ));
}

// Clients at once, and clients that mean no good

#[test]
fn the_newest_of_several_connections_is_answered_first() {
    let exchange = Server::start(CHAPTER)
        .begin_behind(
            4,
            "core, D9: the newest of several connections is answered first",
        )
        .send(get("/hello"))
        .finish();
    assert_snapshot!(exchange);
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

#[test]
fn bodies_that_are_held_back() {
    let beginning = request("POST /guestbook", "Content-Length: 1048576\r\n") + "b";
    hostile::bodies_that_are_held_back(&Server::start(CHAPTER), &beginning, the_page_is_served);
}

#[test]
#[ignore = "sends slowly for 13 s"]
fn a_client_that_sends_slowly_is_served() {
    let head = request("POST /guestbook", "Content-Length: 1048576\r\n");
    let exchange = hostile::a_body_that_comes_slowly(&Server::start(CHAPTER), &head);
    // It was read to its end, and only then found to be no form.
    assert!(
        exchange.contains("< HTTP/1.1 415 Unsupported Media Type"),
        "{exchange}"
    );
}

#[test]
#[ignore = "waits twice for the 10 s that a client is given"]
fn a_silent_client_is_let_go() {
    let server = Server::start(CHAPTER);
    for (beginning, page) in [
        // It may be about to be the head of a HEAD request.
        ("GET /hello HTTP/1.1\r\n", ""),
        (
            &*request("POST /guestbook", "Content-Length: 8\r\n"),
            "< <h1>408 Request Timeout</h1>\n",
        ),
    ] {
        let exchange = hostile::a_silent_client(&server, beginning, the_page_is_served);
        assert!(
            exchange.contains("< HTTP/1.1 408 Request Timeout\\r\\n\n"),
            "{exchange}"
        );
        let end = format!("< \\r\\n\n{page}* the server closes\n");
        assert!(exchange.ends_with(&end), "{exchange}");
    }
}

#[test]
fn no_traversal_reaches_the_canary() {
    files::nothing_leads_out_of_the_site(CHAPTER);
}

#[cfg(unix)]
#[test]
fn links_that_lead_out_and_what_is_no_file() {
    files::links_and_what_is_no_file(CHAPTER);
}

#[test]
fn every_file_of_the_site_that_a_page_names_is_there_and_has_its_type() {
    let server = Server::start(CHAPTER);
    let agent = harness::agent();
    files::every_file_that_a_page_names_is_there("/pages/site.html", |target| {
        let mut response = agent.get(server.url(target)).call().unwrap();
        let charset = if target.ends_with(".svg") {
            ""
        } else {
            "; charset=utf-8"
        };
        assert_eq!(
            response.headers()["content-type"],
            format!("{}{charset}", files::type_of(target)),
            "{target}"
        );
        let status = response.status().as_u16();
        (status, response.body_mut().read_to_string().unwrap())
    });
}

#[test]
fn a_big_file_arrives_whole_for_clients_at_once_and_is_never_whole_in_memory() {
    files::a_big_file_arrives_whole_and_is_never_whole_in_memory(CHAPTER);
}

#[test]
fn a_big_answer_survives_a_byte_that_comes_late() {
    files::a_big_answer_survives_a_byte_that_comes_late(CHAPTER);
}

#[test]
#[ignore = "reads slowly for 12 s"]
fn a_client_that_reads_slowly_gets_a_big_file_whole() {
    files::a_client_that_reads_slowly_gets_a_big_file_whole(CHAPTER);
}

#[test]
fn a_client_that_never_reads_a_big_file_holds_nobody_else() {
    files::a_client_that_never_reads_a_big_file_holds_nobody_else(CHAPTER, the_page_is_served);
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_that_cannot_open_a_file_says_whose_fault_it_is() {
    files::a_server_that_cannot_open_a_file_says_whose_fault_it_is(CHAPTER);
}

#[test]
fn log() {
    let server = Server::start(CHAPTER);
    for request in [
        get("/query?name=Ada"),
        request("GET http://example.org/hello", ""),
        sign("name=Ada&message=Hello"),
        sign("name=Ada"),
        get("/pages/missing.html"),
        request("BREW /hello", ""),
        "GET /hello HTTP/1.1\r\n\r\n".to_owned(),
        "GET /\r\n\r\n".to_owned(),
        "GET /hello HT".to_owned(),
    ] {
        server.begin("logged").send(request).half_close().finish();
    }
    server.begin("closed without a byte").half_close().finish();
    assert_snapshot!(server.log());
}

#[test]
fn command_line() {
    check_command_line(CHAPTER);
}

// Real clients

#[test]
fn a_real_client() {
    let server = Server::start(CHAPTER);
    let mut response = ureq::get(server.url("/query?name=Ada")).call().unwrap();
    assert_eq!(
        response.headers()["content-type"],
        "text/html; charset=utf-8"
    );
    assert_eq!(
        response.body_mut().read_to_string().unwrap(),
        r#"<h1>Query Parameters</h1><pre>{"name": ["Ada"]}</pre>"#
    );
    let head = ureq::head(server.url("/hello")).call().unwrap();
    assert_eq!(head.headers()["content-length"], "21");
    let missing = ureq::get(server.url("/pages/missing.png")).call();
    assert!(
        matches!(missing, Err(ureq::Error::StatusCode(404))),
        "{missing:?}"
    );
}

/// After the 303 it asks for the page, and with GET.
#[test]
fn a_real_client_that_signs_the_guestbook() {
    let server = Server::start(CHAPTER);
    let mut page = ureq::post(server.url("/guestbook"))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .send("name=Ada&message=1+%3C+2")
        .unwrap();
    assert_eq!(page.status(), 200);
    let page = page.body_mut().read_to_string().unwrap();
    assert!(page.contains("<dt>Ada</dt>\n<dd>1 &lt; 2</dd>"), "{page}");
    assert_eq!(page.matches("<dt>").count(), 1, "{page}");
}

#[test]
fn a_real_client_that_waits_to_be_told_to_continue() {
    let server = Server::start(CHAPTER);
    let agent = harness::agent();
    for (length, status) in [(1_048_576, 415), (1_048_577, 413)] {
        let response = agent
            .post(server.url("/guestbook"))
            .header("Expect", "100-continue")
            .send("b".repeat(length))
            .unwrap();
        assert_eq!(response.status(), status);
    }
}

fn solution() -> Server {
    Server::start_solution(CHAPTER, "ch09-solution")
}

/// The guestbook, asked for with a cookie.
fn come_back(cookies: &str) -> String {
    request("GET /guestbook", &format!("Cookie: {cookies}\r\n"))
}

#[test]
fn exercise_cookie() {
    let exchange = solution().exchange(
        "exercise: who signs gets a cookie with the name",
        sign("name=Ada&message=Hello"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_encoded() {
    let exchange = solution().exchange(
        "exercise: a name cannot write the rest of the cookie",
        sign("name=Ada;+Domain%3Dexample.org;+Path%3D/hello&message=Hello"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_not_ascii() {
    let exchange = solution().exchange(
        "exercise: a name need not be ASCII, and may hold % and +",
        sign("name=Zo%C3%AB+100%25+%2B+x-._~1&message=Hello"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_welcome() {
    let exchange = solution()
        .begin_anew("exercise: who comes back with the cookie is welcomed")
        .send(come_back("name=Ada"))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_among_others() {
    let exchange = solution()
        .begin_anew("exercise: the cookie may stand among others, and is decoded")
        .send(come_back(
            "surname=Lovelace; name=Zo%C3%AB%20+%20Ada; theme=dark",
        ))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_escaped() {
    let exchange = solution()
        .begin_anew("exercise: markup in the cookie is shown and does not run")
        .send(come_back("name=%3Cscript%3Ealert(1)%3C%2Fscript%3E"))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_no_name() {
    let exchange = solution()
        .begin_anew("exercise: nobody is welcomed without a name")
        .send(get("/guestbook"))
        .another()
        .send(come_back("name=; surname=Lovelace"))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_head() {
    let exchange = solution()
        .begin_anew("exercise: HEAD tells the length of the page with the welcome")
        .send(request("HEAD /guestbook", "Cookie: name=Ada\r\n"))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_white_space() {
    let exchange = solution().exchange(
        "exercise: white space around the name does not get into the cookie",
        sign("name=+%09Ada%09Lovelace+&message=Hello"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_refused() {
    let exchange = solution()
        .begin("exercise: a form that is refused gets no cookie")
        .send(sign("name=Ada&message="))
        .another()
        .send(sign("name=Ada&message=Hello").replacen("x-www-form-urlencoded", "json", 1))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_first() {
    let exchange = solution()
        .begin_anew("exercise: the first cookie called name counts, and NAME is another one")
        .send(come_back("NAME=Cy; name=Ada; name=Bob"))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_decoded_once() {
    let exchange = solution()
        .begin_anew("exercise: the cookie is decoded once")
        .send(come_back("name=100%2525"))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_reading() {
    let exchange = solution()
        .begin_anew("exercise: who only reads gets no cookie")
        .send(request("HEAD /guestbook", "Cookie: name=Ada\r\n"))
        .finish();
    assert_snapshot!(exchange);
}
