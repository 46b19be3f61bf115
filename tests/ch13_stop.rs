//! Chapter 13: stop without cutting a response off.

#[cfg(unix)]
use harness::company::Beside;
use harness::{Server, check_command_line, hostile, still_does_what_came_before};

const CHAPTER: &str = env!("CARGO_BIN_EXE_ch13-stop");

/// A request for a page, after which the connection may stay.
const HELLO: &str = "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn the_page_is_served(server: &Server) {
    let exchange = server.begin("core").send(HELLO).receive().stays_open();
    assert!(exchange.contains("< <h1>Hello, User!</h1>"), "{exchange}");
}

#[test]
fn it_does_what_the_chapters_before_it_do() {
    still_does_what_came_before("ch13-stop", CHAPTER);
}

#[test]
#[ignore = "a client rests for some seconds"]
fn a_client_may_still_rest() {
    harness::a_client_may_still_rest("ch13-stop", CHAPTER);
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
fn nobody_reads_the_log() {
    hostile::nobody_reads_the_log(CHAPTER, the_page_is_served);
}

#[test]
fn nobody_reads_what_went_wrong() {
    let server = Server::start_stalled(CHAPTER, "log_lines=1");
    hostile::nobody_reads_what_went_wrong(server, the_page_is_served);
}

#[test]
fn a_silent_crowd() {
    let server = Server::start_with(CHAPTER, &[("LIMITS", "connections_of_one=512")]);
    hostile::a_silent_crowd(&server, the_page_is_served);
}

/// Where there are signals.
#[cfg(unix)]
mod stop {
    use super::*;
    use harness::PATIENCE;
    use harness::Signal::{self, SIGCONT, SIGHUP, SIGINT, SIGSTOP, SIGTERM};
    use harness::clients::wait_until;
    use harness::stop::has_stopped;
    use std::fs::{self, File};
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::thread;
    use std::time::Instant;

    const BIG: usize = 8 << 20;

    /// A connection that the server has, as it has answered a request over it.
    fn client(server: &Server) -> TcpStream {
        let stream = server.connect();
        ask(&stream, HELLO);
        let (head, _) = answer(&mut BufReader::new(&stream)).expect("an answer");
        assert!(!head.contains("Connection: close"), "{head}");
        stream
    }

    fn ask(mut stream: &TcpStream, request: &str) {
        stream.write_all(request.as_bytes()).expect("a write");
    }

    /// The next answer, its head and its content; none where the connection ends.
    fn answer(reader: &mut impl BufRead) -> Option<(String, Vec<u8>)> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).expect("no reset") == 0 {
                assert_eq!(head, "", "no head is cut off");
                return None;
            }
        }
        let (_, length) = head.split_once("Content-Length: ").expect("a length");
        let (length, _) = length.split_once("\r\n").expect("a line");
        let mut content = vec![0; length.parse().expect("a number")];
        reader.read_exact(&mut content).expect("all of it");
        Some((head, content))
    }

    /// Reads to the end that the server gives the connection, which is no reset.
    fn rest(mut stream: &TcpStream) -> String {
        let mut rest = String::new();
        stream.read_to_string(&mut rest).expect("no reset");
        rest
    }

    /// Asks the server to stop, and waits until it does.
    fn ask_to_stop(server: &Server, signals: &[Signal]) {
        let idle = client(server);
        for signal in signals {
            server.signal(*signal);
        }
        assert_eq!(rest(&idle), "");
    }

    /// Who else can listen on a port, once it is free.
    fn next_listener(address: SocketAddr) -> TcpListener {
        let begun = Instant::now();
        loop {
            match TcpListener::bind(address) {
                Ok(listener) => return listener,
                Err(error) if begun.elapsed() > PATIENCE => panic!("{error}"),
                Err(_) => thread::yield_now(),
            }
        }
    }

    /// A server with a file that takes several turns to send.
    fn with_a_big_file() -> (tempfile::TempDir, Server) {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("pages")).expect("a folder");
        let file = File::create(folder.path().join("pages/big.txt")).expect("a file");
        file.set_len(BIG as u64).expect("a length");
        let server = Server::start_in(CHAPTER, folder.path());
        (folder, server)
    }

    const GET_BIG: &str = "GET /pages/big.txt HTTP/1.1\r\nHost: localhost\r\n\r\n";

    #[test]
    #[cfg(target_os = "linux")]
    fn a_signal_that_was_ignored_stays_ignored() {
        harness::stop::a_signal_that_was_ignored_stays_ignored(CHAPTER);
    }

    #[test]
    fn each_signal_stops_a_server_that_nobody_uses() {
        for signal in [SIGTERM, SIGINT, SIGHUP] {
            // As soon as it has named its port.
            let server = Server::start(CHAPTER);
            server.signal(signal);
            let end = has_stopped(server, 0, 0);
            // What wakes the server from its wait for a client is none.
            assert_eq!(end.output, "", "{signal}");
        }
    }

    /// What wakes it has no place then either, and is not turned away like a client.
    #[test]
    fn a_server_whose_places_are_all_taken_stops() {
        let server = Server::start_with(CHAPTER, &[("LIMITS", "connections=1")]);
        let half = client(&server);
        ask(&half, "GET /hello HTTP/1.1\r\n");
        server.signal(SIGTERM);
        drop(next_listener(server.address()));
        ask(&half, "Host: localhost\r\n\r\n");
        assert!(rest(&half).ends_with("<h1>Hello, User!</h1>"));
        drop(half);
        let end = has_stopped(server, 1, 0);
        assert_eq!(end.output.lines().count(), 2, "{}", end.output);
    }

    #[test]
    fn who_has_knocked_before_the_signal_is_answered() {
        harness::stop::who_has_knocked_before_the_signal_is_answered(CHAPTER, 8);
    }

    #[test]
    fn who_is_idle_is_let_go_without_a_byte() {
        let server = Server::start(CHAPTER);
        let spare = server.connect();
        let used = client(&server);
        ask_to_stop(&server, &[SIGTERM]);
        assert_eq!((rest(&spare), rest(&used)), (String::new(), String::new()));
        drop((spare, used));
        let end = has_stopped(server, 3, 0);
        // Those of the two that have asked.
        assert_eq!(end.output.lines().count(), 2, "{}", end.output);
    }

    #[test]
    fn a_head_that_has_begun_is_answered() {
        for cut in [1, 20, HELLO.len() - 1] {
            let server = Server::start(CHAPTER);
            let stream = client(&server);
            ask(&stream, &HELLO[..cut]);
            ask_to_stop(&server, &[SIGTERM]);
            ask(&stream, &HELLO[cut..]);
            let answer = rest(&stream);
            assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
            assert!(answer.ends_with("<h1>Hello, User!</h1>"), "{answer}");
            drop(stream);
            let end = has_stopped(server, 2, 0);
            assert_eq!(end.output.lines().count(), 3, "{}", end.output);
        }
    }

    #[test]
    fn a_body_that_has_begun_is_answered() {
        let server = Server::start(CHAPTER);
        let stream = client(&server);
        let head = "POST /guestbook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 22\r\n\
                    Content-Type: application/x-www-form-urlencoded\r\n\r\n";
        ask(&stream, &format!("{head}name=Ada&me"));
        ask_to_stop(&server, &[SIGTERM]);
        ask(&stream, "ssage=Hello");
        let answer = rest(&stream);
        assert!(answer.starts_with("HTTP/1.1 303 See Other\r\n"), "{answer}");
        assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
        drop(stream);
        has_stopped(server, 2, 0);
    }

    #[test]
    fn a_big_file_comes_whole_while_the_port_is_free_for_another() {
        let (_folder, server) = with_a_big_file();
        let stream = server.connect();
        ask(&stream, GET_BIG);
        (&stream).read_exact(&mut [0]).expect("a first byte");
        server.signal(SIGTERM);

        let other = next_listener(server.address());
        let newcomer = server.connect();
        other.accept().expect("it comes to the other one");
        drop(newcomer);

        let mut all = Vec::new();
        (&stream).read_to_end(&mut all).expect("no reset");
        assert!(all.ends_with(&[0; BIG]), "{} bytes", all.len());
        drop(stream);
        has_stopped(server, 1, 0);
    }

    #[test]
    fn of_a_pipelined_batch_each_answer_is_whole_and_the_last_one_says_so() {
        let (_folder, server) = with_a_big_file();
        let stream = server.connect();
        ask(&stream, &GET_BIG.repeat(3));
        let mut reader = BufReader::new(&stream);
        reader.fill_buf().expect("a first byte");
        ask_to_stop(&server, &[SIGTERM]);
        let mut closes = Vec::new();
        while let Some((head, _)) = answer(&mut reader) {
            closes.push(head.contains("\r\nConnection: close\r\n"));
        }
        // What comes behind such an answer has none, and the client may ask another
        // server for it (RFC 9112 §9.6).
        assert_eq!(closes, [false, true]);
        drop(stream);
        has_stopped(server, 2, 0);
    }

    #[test]
    fn who_takes_too_long_is_cut_off() {
        let server = Server::start_with(CHAPTER, &[("LIMITS", "stop=0.3")]);
        let unread = client(&server);
        ask(
            &unread,
            "GET /numbers?to=100000000 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        );
        (&unread).read_exact(&mut [0]).expect("a first byte");
        let half = client(&server);
        ask(&half, "GET /hello HTTP/1.1\r\n");
        ask_to_stop(&server, &[SIGTERM]);
        has_stopped(server, 1, 2);
    }

    #[test]
    fn who_asks_twice_is_obeyed_at_once() {
        let server = Server::start_with(CHAPTER, &[("LIMITS", "stop=60")]);
        let half = client(&server);
        ask(&half, "GET /hello HTTP/1.1\r\n");
        ask_to_stop(&server, &[SIGINT]);
        // The first ones may still belong to the one before.
        wait_until("it has ended", || {
            server.signal(SIGINT);
            server.ends_soon()
        });
        let end = server.ended();
        assert_eq!((end.code, &*end.errors), (Some(130), ""));
    }

    /// The signals wait until the server goes on, and so come to it at once.
    #[test]
    fn who_sends_two_signals_in_one_go_asks_once() {
        let server = Server::start(CHAPTER);
        let stream = client(&server);
        ask(&stream, "GET /hello HTTP/1.1\r\n");
        ask_to_stop(&server, &[SIGSTOP, SIGTERM, SIGHUP, SIGINT, SIGCONT]);
        ask(&stream, "Host: localhost\r\n\r\n");
        let answer = rest(&stream);
        assert!(answer.ends_with("<h1>Hello, User!</h1>"), "{answer}");
        drop(stream);
        has_stopped(server, 2, 0);
    }

    #[test]
    fn the_log_has_its_last_lines() {
        const REQUESTS: usize = 500;
        let server = Server::start(CHAPTER);
        let stream = server.connect();
        ask(&stream, &HELLO.repeat(REQUESTS));
        let mut reader = BufReader::new(&stream);
        for _ in 0..REQUESTS {
            answer(&mut reader).expect("an answer");
        }
        server.signal(SIGTERM);
        assert_eq!(rest(&stream), "");
        drop(stream);
        let end = has_stopped(server, 1, 0);
        let lines = end.output.lines();
        let hello = lines.filter(|line| line.ends_with("\"GET /hello HTTP/1.1\" 200 21"));
        assert_eq!(hello.count(), REQUESTS);
    }

    #[test]
    fn lines_that_nobody_could_read_are_told_of() {
        let server = Server::start_unread(CHAPTER);
        let stream = client(&server);
        server.signal(SIGTERM);
        assert_eq!(rest(&stream), "");
        drop(stream);
        let errors = server.ended().errors;
        assert!(
            errors.ends_with("1 lines of the access log are lost\n"),
            "{errors}"
        );
    }

    /// A server that can accept nobody must still hear that it is to stop.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_server_without_a_file_descriptor_stops() {
        let server = Server::start_with_open_files(CHAPTER, 10);
        let half = client(&server);
        ask(&half, "GET /hello HTTP/1.1\r\n");
        let _crowd: Vec<TcpStream> = (0..20).map(|_| server.connect()).collect();
        server.signal(SIGTERM);
        drop(next_listener(server.address()));
        ask(&half, "Host: localhost\r\n\r\n");
        assert!(rest(&half).ends_with("<h1>Hello, User!</h1>"));
        drop(half);
        assert_eq!(server.ended().code, Some(0));
    }
}

/// Over a connection that has had an answer already, so that the server knows of it.
#[test]
#[cfg(unix)]
fn a_request_under_way() {
    let exchange = Server::start(CHAPTER)
        .begin_anew("lesson: a request under way at the stop has its answer, and it is the last")
        .send("GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .receive()
        .send("GET /hello HTTP/1.1\r\n")
        .tell_to_stop()
        .send("Host: localhost\r\n\r\n")
        .another_after(harness::Again::Stopped)
        .send("GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .finish();
    insta::assert_snapshot!(exchange);
}

#[test]
#[cfg(unix)]
fn a_newcomer_after_the_stop() {
    let exchange = Server::start(CHAPTER)
        .begin_anew("lesson: whoever comes after the signal is not served any more")
        .send("GET /hello HTTP/1.1\r\n")
        .tell_to_stop()
        .beside(Beside::Newcomer)
        .send("Host: localhost\r\n\r\n")
        .finish();
    insta::assert_snapshot!(exchange);
}

#[test]
#[cfg(unix)]
fn a_long_answer_under_way() {
    let exchange = Server::start(CHAPTER)
        .begin_anew("lesson: a long answer that has begun comes whole, and then the process ends")
        .beside(Beside::Unread {
            count: 1,
            target: "/numbers?to=100000".to_owned(),
        })
        .send("GET /hello HTTP/1.1\r\n")
        .tell_to_stop()
        .beside(Beside::ReadOn)
        .send("Host: localhost\r\n\r\n")
        .finish_with_the_end();
    insta::assert_snapshot!(exchange);
}

/// The chapter's solution, and the folder with its guestbook.
fn solution() -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().expect("a folder");
    let guestbook = folder.path().join("guestbook");
    let guestbook = guestbook.to_str().expect("a path in UTF-8");
    let server = Server::start_solution_with(CHAPTER, "ch13-solution", &[("GUESTBOOK", guestbook)]);
    (folder, server)
}

const LOOK: &str = "GET /guestbook HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// A form for the guestbook.
fn sign(form: &str) -> String {
    let length = form.len();
    format!(
        "POST /guestbook HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{form}"
    )
}

#[test]
fn exercise_nobody_yet() {
    let (_folder, server) = solution();
    let exchange = server
        .begin_anew("exercise: where there is no file yet, nobody has signed")
        .send(LOOK)
        .another_after(harness::Again::Stopped)
        .send(LOOK)
        .finish();
    insta::assert_snapshot!(exchange);
}

#[test]
fn exercise_stopped() {
    let (_folder, server) = solution();
    let exchange = server
        .begin_anew("exercise: an entry survives a stop")
        .send(sign("name=Ada&message=Hello"))
        .another_after(harness::Again::Stopped)
        .send(LOOK)
        .finish();
    insta::assert_snapshot!(exchange);
}

#[test]
fn exercise_killed() {
    let (_folder, server) = solution();
    let exchange = server
        .begin_anew("exercise: an entry that was answered survives a kill -9")
        .send(sign("name=Ada&message=Hello"))
        .another_after(harness::Again::Killed)
        .send(LOOK)
        .finish();
    insta::assert_snapshot!(exchange);
}

#[test]
fn exercise_order() {
    let (_folder, server) = solution();
    let exchange = server
        .begin_anew("exercise: old entries stay when new ones come, the newest first")
        .send(sign("name=Ada&message=first"))
        .another()
        .send(sign("name=Bob&message=second"))
        .another_after(harness::Again::Killed)
        .send(sign("name=Cy&message=third"))
        .another_after(harness::Again::Killed)
        .send(LOOK)
        .finish();
    insta::assert_snapshot!(exchange);
}

#[test]
fn exercise_any_character() {
    let (_folder, server) = solution();
    let exchange = server
        .begin_anew("exercise: line ends, tabs and signs come back as they were")
        .send(sign(
            "name=Zo%C3%AB%2C+%22Ada%22%09%26+Co%3D&message=1+%3C+2%0D%0A%0D%0AA%3A%5Cn+%26amp%3B+100%25%0Aend",
        ))
        .another_after(harness::Again::Killed)
        .send(LOOK)
        .finish();
    insta::assert_snapshot!(exchange);
}

#[test]
fn exercise_refused() {
    let (_folder, server) = solution();
    let exchange = server
        .begin_anew("exercise: what was refused is not there afterwards either")
        .send(sign("name=Ada&message="))
        .another_after(harness::Again::Stopped)
        .send(LOOK)
        .finish();
    insta::assert_snapshot!(exchange);
}

#[test]
fn exercise_no_variable() {
    let server = Server::start_solution(CHAPTER, "ch13-solution");
    let exchange = server
        .begin_anew("exercise: where the variable is not set, the guestbook is as before")
        .send(sign("name=Ada&message=Hello"))
        .another()
        .send(LOOK)
        .finish();
    insta::assert_snapshot!(exchange);
}

/// Each of them is brought to the disk, which takes its time on some, so not too many are
/// sent over one connection.
#[test]
fn exercise_a_hundred_entries() {
    let (_folder, server) = solution();
    let mut exchange =
        server.begin_anew("exercise: the last hundred entries stay, and not one more");
    for last in [20, 40, 60, 80, 101] {
        let entry = |number| format!("name=A&message={number}");
        let stays = |number| sign(&entry(number)).replace("Connection: close\r\n", "");
        let first = if last == 101 { 81 } else { last - 19 };
        let forms: String = (first..last).map(stays).collect();
        exchange = exchange.send(forms + &sign(&entry(last)));
        exchange = match last {
            101 => exchange.another_after(harness::Again::Killed),
            _ => exchange.another(),
        };
    }
    insta::assert_snapshot!(exchange.send(LOOK).finish());
}
