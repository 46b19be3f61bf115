//! Chapter 17: the same bytes in a sealed envelope.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use assert_cmd::Command;
#[cfg(unix)]
use harness::Signal::SIGTERM;
use harness::clients::read_some;
#[cfg(target_os = "linux")]
use harness::clients::wait_until;
#[cfg(unix)]
use harness::clients::{NO_HURRY, ask as ask_and_stay};
#[cfg(unix)]
use harness::stop;
#[cfg(unix)]
use harness::tls::rustls::Stream;
use harness::tls::rustls::pki_types::pem::PemObject;
use harness::tls::rustls::pki_types::{CertificateDer, ServerName};
use harness::tls::rustls::version::{TLS12, TLS13};
use harness::tls::rustls::{self, ClientConfig, ClientConnection, RootCertStore};
use harness::tls::{Sealed, config};
use harness::{PATIENCE, Server, files, hostile, limits, still_does_what_came_before, turns};
use insta::assert_snapshot;

const CHAPTER: &str = env!("CARGO_BIN_EXE_ch17-tls");

/// More clients than there are loops on most machines. Each shakes hands.
const SOME: usize = 16;

const GET: &str = "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n";
const LAST: &str = "GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// How often a client sends a byte that takes its time.
const NOW_AND_THEN: Duration = Duration::from_millis(5);

fn start() -> Server {
    Server::start(CHAPTER)
}

fn with_limits(limits: &str) -> Server {
    Server::start_with_limits(CHAPTER, limits)
}

fn connect_with(server: &Server, config: ClientConfig) -> Sealed {
    Sealed::over(server.connect(), Arc::new(config))
}

fn connect(server: &Server) -> Sealed {
    connect_with(server, config(rustls::ALL_VERSIONS))
}

/// What comes back for the last request of a connection, until the server closes.
fn ask(client: &mut Sealed) -> std::io::Result<String> {
    client.write_all(LAST.as_bytes())?;
    let mut received = String::new();
    client.read_to_string(&mut received)?;
    Ok(received)
}

fn the_page_is_served(server: &Server) {
    let received = ask(&mut connect(server)).expect("an answer, and close_notify behind it");
    assert!(received.ends_with("<h1>Hello, User!</h1>"), "{received}");
}

/// A client that begins with a handshake, and what it sends first.
fn beginning_client() -> (ClientConnection, Vec<u8>) {
    let name = ServerName::try_from("localhost").expect("a name");
    let config = Arc::new(config(rustls::ALL_VERSIONS));
    let mut client = ClientConnection::new(config, name).expect("a client");
    let mut hello = Vec::new();
    client.write_tls(&mut hello).expect("a vector takes all");
    (client, hello)
}

fn client_hello() -> Vec<u8> {
    beginning_client().1
}

/// All that comes until the server ends the connection, in whatever way.
fn rest(client: &mut impl Read) -> Vec<u8> {
    let mut received = Vec::new();
    match client.read_to_end(&mut received) {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            panic!("the server holds on to the connection")
        }
        _ => received,
    }
}

#[test]
fn what_earlier_chapters_do() {
    still_does_what_came_before("ch17-tls", CHAPTER);
}

#[test]
#[ignore = "a client rests for some seconds"]
fn a_client_may_still_rest() {
    harness::a_client_may_still_rest("ch17-tls", CHAPTER);
}

#[test]
fn over_tls() {
    assert_snapshot!(start().exchange("lesson: a page, in a sealed envelope", LAST));
}

fn asked(line: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

#[test]
fn absolute_form() {
    assert_snapshot!(start().exchange(
        "core: a target may be a whole address of https, and then its host counts",
        asked("GET https://example.org:8443/hello"),
    ));
}

#[test]
fn absolute_form_without_a_path() {
    assert_snapshot!(start().exchange(
        "core: an address without a path is that of /",
        asked("HEAD HTTPS://localhost"),
    ));
}

#[test]
fn absolute_form_without_a_host() {
    assert_snapshot!(start().exchange(
        "core: an address without a host is a bad request",
        asked("GET https:///hello"),
    ));
}

#[test]
fn absolute_form_with_a_name_and_a_password() {
    assert_snapshot!(start().exchange(
        "robust: an address with a name and a password is a bad request",
        asked("GET https://ada:secret@localhost/hello"),
    ));
}

#[test]
fn absolute_form_of_https() {
    assert_snapshot!(start().exchange(
        "robust: an address of http is not that of a sealed connection",
        asked("GET http://localhost/hello"),
    ));
}

#[test]
fn over_tls_pipelined() {
    let server = start();
    let exchange = server.begin("lesson: several requests in one record are answered in order");
    let head = GET.replace("GET", "HEAD");
    let requests = [GET, &*head, LAST].concat();
    assert_snapshot!(exchange.send(requests).finish());
}

#[test]
fn over_tls_byte_by_byte() {
    let server = start();
    let exchange = server.begin("lesson: where a record ends means nothing to HTTP");
    assert_snapshot!(exchange.send_one_by_one(LAST).finish());
}

#[test]
fn over_tls_idle() {
    let server = with_limits("idle=0.2");
    let exchange =
        server.begin("lesson: an idle connection ends, and the client is told so in TLS too");
    assert_snapshot!(exchange.send(GET).receive().finish());
}

#[test]
fn over_tcp_alone() {
    let server = start();
    let exchange = server.begin("lesson: who speaks plain HTTP is told that this is HTTPS");
    assert_snapshot!(exchange.plainly().send(GET).finish());
    the_page_is_served(&server);
}

#[test]
fn both_versions_and_the_protocol_in_them() {
    let server = start();
    for version in [&TLS12, &TLS13] {
        let mut client = connect_with(&server, config(&[version]));
        let received = ask(&mut client).expect("an answer");
        assert!(received.ends_with("<h1>Hello, User!</h1>"), "{received}");
        assert_eq!(client.tls().protocol_version(), Some(version.version));
        assert_eq!(client.tls().alpn_protocol(), Some(&b"http/1.1"[..]));
    }
}

#[test]
fn who_wants_no_other_protocol_is_refused() {
    let server = start();
    let mut config = config(rustls::ALL_VERSIONS);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let error = ask(&mut connect_with(&server, config)).expect_err("we speak no HTTP/2");
    assert!(
        error.to_string().contains("NoApplicationProtocol"),
        "{error}"
    );
    the_page_is_served(&server);
}

#[test]
fn the_protocol_is_the_best_that_both_speak() {
    let server = start();
    for (offered, chosen) in [
        (&["http/1.0"][..], "http/1.0"),
        (&["http/1.0", "http/1.1"], "http/1.1"),
        (&["h2", "http/1.0"], "http/1.0"),
    ] {
        let mut config = config(rustls::ALL_VERSIONS);
        config.alpn_protocols = offered.iter().map(|name| name.as_bytes().into()).collect();
        let mut client = connect_with(&server, config);
        let request = "GET /hello HTTP/1.0\r\n\r\n";
        client.write_all(request.as_bytes()).expect("a handshake");
        let mut received = String::new();
        client.read_to_string(&mut received).expect("an answer");
        assert!(received.starts_with("HTTP/1.1 200 OK\r\n"), "{received}");
        assert_eq!(client.tls().alpn_protocol(), Some(chosen.as_bytes()));
    }
}

/// Where a server keeps the certificate that it makes itself, and its key, that is told so.
fn own_pair(state: &Path) -> [PathBuf; 2] {
    ["localhost.pem", "localhost-key.pem"].map(|name| state.join("http-from-scratch").join(name))
}

fn with_state_in(state: &Path) -> Server {
    let state = state.to_str().expect("a path in UTF-8");
    Server::start_with(CHAPTER, &[("XDG_STATE_HOME", state)])
}

#[test]
fn a_certificate_is_made_once_and_named() {
    let state = tempfile::tempdir().expect("a folder");
    let server = with_state_in(state.path());
    let [certificate, key] = own_pair(state.path());
    let [made, made_key] = [&certificate, &key].map(|file| fs::read(file).expect("it is there"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path| {
            fs::metadata(path)
                .expect("it is there")
                .permissions()
                .mode()
        };
        assert_eq!(mode(&*key) & 0o777, 0o600);
        assert_eq!(mode(key.parent().expect("a folder")) & 0o777, 0o700);
    }
    let named = format!("The certificate is {}\n", certificate.display());
    server.wait_for_errors(|errors| errors.starts_with(&named));

    let again = with_state_in(state.path());
    the_page_is_served(&again);
    assert_eq!(fs::read(&certificate).expect("it is there"), made);
    assert_eq!(fs::read(&key).expect("it is there"), made_key);
}

/// As where a service has no home, or a home that it may not write to.
#[test]
fn a_certificate_that_can_be_kept_nowhere_is_in_memory_alone() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let file = file.path().to_str().expect("a path in UTF-8");
    for state in ["", file] {
        let nowhere = ["XDG_STATE_HOME", "HOME", "LOCALAPPDATA"].map(|name| (name, state));
        let server = Server::start_with(CHAPTER, &nowhere);
        server.wait_for_errors(|errors| {
            errors
                .starts_with("The certificate is in memory alone, and another one the next time: ")
        });
        the_page_is_served(&server);
    }
}

#[test]
fn who_trusts_the_certificate_knows_the_server() {
    let state = tempfile::tempdir().expect("a folder");
    let server = with_state_in(state.path());
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(&own_pair(state.path())[0]);
    let certificate = certificate.expect("a certificate");
    roots.add(certificate).expect("it may be trusted");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let with = |roots: RootCertStore| {
        ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("there are suites for them")
            .with_root_certificates(roots)
            .with_no_client_auth()
    };
    ask(&mut connect_with(&server, with(roots))).expect("it is who it says");
    let error = ask(&mut connect_with(&server, with(RootCertStore::empty())));
    let error = error.expect_err("nobody vouches for it").to_string();
    assert!(error.contains("UnknownIssuer"), "{error}");
}

#[test]
fn a_big_file_comes_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let pages = folder.path().join("pages");
    fs::create_dir(&pages).expect("a folder");
    let content: Vec<u8> = (0..20_000_000_u32)
        .flat_map(|n| [(n % 251) as u8])
        .collect();
    fs::write(pages.join("big.bin"), &content).expect("a file");
    let server = Server::start_in(CHAPTER, folder.path());
    let mut client = connect(&server);
    let request = LAST.replace("/hello", "/pages/big.bin");
    client.write_all(request.as_bytes()).expect("cannot ask");
    let mut received = Vec::new();
    client.read_to_end(&mut received).expect("all of it");
    assert!(received.ends_with(&content));
}

#[test]
#[ignore = "reads slowly for 12 and 25 s"]
fn a_client_that_reads_slowly() {
    files::a_client_that_reads_slowly_gets_a_big_file_whole(CHAPTER);
    files::a_client_that_reads_more_slowly_gets_a_big_file_whole(CHAPTER);
}

/// A cut is no end: what came before it may be half of what was said.
#[test]
fn a_request_that_is_cut_off_is_not_answered() {
    let server = start();
    for (sent, answers) in [("GET /hello HT", 0), (GET, 1)] {
        let mut client = connect(&server);
        client.write_all(sent.as_bytes()).expect("cannot send");
        client.tcp().shutdown(Shutdown::Write).expect("cannot cut");
        let received = String::from_utf8(rest(&mut client)).expect("text");
        assert_eq!(received.matches("HTTP/1.1 ").count(), answers, "{received}");
    }
    server.wait_for_errors(|errors| errors.contains("without sending TLS close_notify"));
}

#[test]
fn garbage_and_half_handshakes_end_nobody_elses_connection() {
    let server = start();
    let hello = client_hello();
    let mut beginnings: Vec<Vec<u8>> = (1..hello.len())
        .step_by(23)
        .map(|n| hello[..n].into())
        .collect();
    // A record of the longest length there is, one too long, and one of another version.
    beginnings.push([&[0x16, 3, 1, 0x40, 0][..], &[0; 16384]].concat());
    beginnings.push([&[0x16, 3, 1, 0xff, 0xff][..], &[0; 65535]].concat());
    beginnings.push([&[0x16, 9, 9][..], &hello[3..]].concat());
    // An alert and a record of HTTP where none may be, and a hello twice.
    beginnings.push([&hello[..], &[0x15, 3, 3, 0, 2, 1, 0]].concat());
    beginnings.push([&hello[..], &[0x17, 3, 3, 0, 4, 1, 2, 3, 4]].concat());
    beginnings.push([&hello[..], &hello].concat());
    beginnings.push(
        (0..=255)
            .map(|byte: u8| byte ^ 0x16)
            .cycle()
            .take(100_000)
            .collect(),
    );
    for beginning in beginnings {
        let mut client = server.connect();
        // The server may have heard enough before all is sent.
        let _ = client.write_all(&beginning);
        let _ = client.shutdown(Shutdown::Write);
        rest(&mut client);
    }
    the_page_is_served(&server);
    hostile::try_each(&server, the_page_is_served);
}

#[test]
fn nobody_reads_what_went_wrong() {
    let server = Server::start_stalled(CHAPTER, "log_lines=1");
    hostile::nobody_reads_what_went_wrong(server, the_page_is_served);
}

#[test]
fn who_never_finishes_a_handshake_is_let_go() {
    let server = with_limits("idle=0.2");
    let hello = client_hello();
    let mut silent = server.connect();
    silent.write_all(&hello[..20]).expect("cannot send");
    let close_notify = [21, 3, 3, 0, 2, 1, 0];
    assert_eq!(rest(&mut silent), close_notify);
    // And one that goes on with it, byte by byte.
    let mut slow = server.connect();
    slow.set_read_timeout(Some(NOW_AND_THEN)).expect("a limit");
    let is_over = hello.iter().any(|byte| {
        let is_sent = slow.write_all(&[*byte]).is_ok();
        let came = read_some(&mut slow, &mut [0]);
        !is_sent
            || came.is_ok()
            || came.is_err_and(|error| {
                error.kind() != ErrorKind::WouldBlock && error.kind() != ErrorKind::TimedOut
            })
    });
    assert!(is_over, "a client may take as long as it likes");
    the_page_is_served(&server);
}

/// What keeps TLS busy and says nothing is no reason to stay.
#[test]
fn who_only_speaks_of_keys_is_let_go() {
    let server = with_limits("idle=0.2 head=0.2");
    for beginning in ["", "GET /"] {
        let mut client = connect(&server);
        client.write_all(GET.as_bytes()).expect("cannot ask");
        client.read_exact(&mut [0; 100]).expect("an answer");
        let _ = client.write_all(beginning.as_bytes());
        let until = Instant::now() + PATIENCE;
        while client.change_keys().is_ok() {
            assert!(Instant::now() < until, "it may stay for ever");
        }
    }
    the_page_is_served(&server);
}

/// How many handshakes may be under way.
#[cfg(target_os = "linux")]
const HANDSHAKES: usize = 384;

#[cfg(target_os = "linux")]
const ROOM_FOR_A_CROWD: &str = "idle=600 connections=1000 connections_of_one=1000";

#[test]
#[cfg(target_os = "linux")]
fn who_is_silent_takes_no_handshake_from_others() {
    let server = with_limits(ROOM_FOR_A_CROWD);
    let _silent: Vec<_> = (0..HANDSHAKES + 100).map(|_| server.connect()).collect();
    the_page_is_served(&server);
}

#[test]
#[cfg(target_os = "linux")]
fn too_many_handshakes_at_once() {
    let server = with_limits(ROOM_FOR_A_CROWD);
    let hello = client_hello();
    let mut crowd: Vec<_> = (0..HANDSHAKES)
        .map(|_| {
            let mut begun = server.connect();
            begun.write_all(&hello).expect("cannot begin");
            // The answer begins, so it is counted.
            begun.read_exact(&mut [0]).expect("an answer");
            begun
        })
        .collect();
    let mut refused = server.connect();
    refused.write_all(&hello).expect("cannot begin");
    let answer = String::from_utf8(rest(&mut refused)).expect("plain HTTP");
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    for field in ["Retry-After: 10", "Connection: close", "Content-Length: 0"] {
        assert!(answer.contains(&format!("\r\n{field}\r\n")), "{answer}");
    }
    server.wait_for_output(|printed| printed.contains("] \"-\" 503 -\n"));
    server.wait_for_errors(|errors| errors.contains("too many handshakes are under way\n"));
    // One that has gone makes room.
    drop(crowd.pop());
    wait_until("another one may begin", || {
        let mut client = connect(&server);
        ask(&mut client).is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 "))
    });
}

/// As in the chapters before it: without a word to whom has not begun.
#[test]
fn who_is_silent_is_let_go_as_over_tcp_alone() {
    let server = with_limits("idle=0.2");
    let mut silent = server.connect();
    assert_eq!(rest(&mut silent), b"");
    the_page_is_served(&server);
    assert!(!server.log().contains(" 503 "), "nobody was refused");
}

/// A certificate and a key, written as files of these names.
fn make_pair(folder: &Path, name: &str) -> [String; 2] {
    let names = vec!["localhost".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    let files = [
        ("pem", made.cert.pem()),
        ("key", made.signing_key.serialize_pem()),
    ];
    files.map(|(end, text)| {
        let file = folder.join(name).with_extension(end);
        fs::write(&file, text).expect("a file");
        file.to_string_lossy().into_owned()
    })
}

#[cfg(unix)]
fn certificate_in(file: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(file).expect("a certificate")
}

/// The certificate that a new client is shown.
#[cfg(unix)]
fn shown(server: &Server) -> CertificateDer<'static> {
    let mut client = connect(server);
    ask(&mut client).expect("an answer");
    let chain = client.tls().peer_certificates().expect("it has one");
    chain[0].clone().into_owned()
}

#[test]
#[cfg(unix)]
fn a_new_pair_is_taken_whole_or_not_at_all() {
    use harness::Signal::SIGHUP;

    let folder = tempfile::tempdir().expect("a folder");
    let [certificate, key] = make_pair(folder.path(), "used");
    let [other, other_key] = make_pair(folder.path(), "other");
    let old = certificate_in(&certificate);
    let server = Server::start_told(CHAPTER, &["--cert", &certificate, "--key", &key]);
    assert_eq!(shown(&server), old);
    let mut before = connect(&server);
    before.write_all(GET.as_bytes()).expect("cannot ask");
    before.read_exact(&mut [0; 100]).expect("an answer");

    // Another certificate, and not yet its key.
    fs::copy(&other, &certificate).expect("a file");
    server.signal(SIGHUP);
    server.wait_for_errors(|errors| errors.contains("the old certificate stays: "));
    assert_eq!(shown(&server), old);

    // Half of a key.
    let text = fs::read_to_string(&other_key).expect("a file");
    fs::write(&key, &text[..text.len() / 2]).expect("a file");
    server.signal(SIGHUP);
    server.wait_for_errors(|errors| errors.matches("the old certificate stays: ").count() == 2);
    assert_eq!(shown(&server), old);

    fs::write(&key, &text).expect("a file");
    server.signal(SIGHUP);
    server.wait_for_errors(|errors| errors.contains(" is read again\n"));
    assert_eq!(shown(&server), certificate_in(&other));

    // Who came before that goes on.
    let received = ask(&mut before).expect("an answer");
    assert!(received.ends_with("<h1>Hello, User!</h1>"), "{received}");
}

/// Makes a named pipe, to which nobody writes.
#[cfg(unix)]
fn make_pipe(path: &str) {
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.expect("mkfifo runs").success());
}

/// Who opens a pipe waits for its other end, and a signal must not wait for that.
#[test]
#[cfg(unix)]
fn a_pipe_in_place_of_a_certificate_holds_up_no_signal() {
    use harness::Signal::SIGHUP;

    let folder = tempfile::tempdir().expect("a folder");
    let [certificate, key] = make_pair(folder.path(), "used");
    let server = Server::start_told(CHAPTER, &["--cert", &certificate, "--key", &key]);
    fs::remove_file(&certificate).expect("a file");
    make_pipe(&certificate);
    server.signal(SIGHUP);
    let said =
        format!("the old certificate stays: cannot read {certificate}: it is no regular file\n");
    server.wait_for_errors(|errors| errors.ends_with(&said));
    the_page_is_served(&server);
    server.signal(SIGTERM);
    assert_eq!(server.ended().code, Some(0));
    let said_at_the_start = said_of(&certificate, &key);
    assert!(said_at_the_start.contains("it is no regular file"));
}

#[test]
#[cfg(target_os = "linux")]
fn a_signal_that_was_ignored_stays_ignored() {
    stop::a_signal_that_was_ignored_stays_ignored(CHAPTER);
}

/// What chapter 13 promises: each connection ends with close_notify, or else these fail.
#[test]
#[cfg(unix)]
fn a_stop_cuts_nobody_off() {
    stop::a_server_that_nobody_uses(CHAPTER);
    stop::what_has_begun_is_answered_and_is_the_last(CHAPTER, SOME, ask_and_stay);
    stop::long_answers_come_whole(CHAPTER, 2, |_| {});
}

/// A client that is far away takes longer for it than an idle one is looked at.
#[test]
#[cfg(unix)]
fn a_handshake_under_way_at_the_stop_goes_on() {
    let server = with_limits(NO_HURRY);
    let length = client_hello().len();
    let mut begun: Vec<_> = [1, length / 2, length]
        .into_iter()
        .map(|cut| {
            let (tls, mut hello) = beginning_client();
            let mut tcp = server.connect();
            tcp.write_all(&hello[..cut]).expect("cannot begin");
            hello.drain(..cut);
            (tls, hello, tcp)
        })
        .collect();
    stop::ask_to_stop(&server, SOME);
    for (tls, hello, tcp) in &mut begun {
        tcp.write_all(hello).expect("cannot go on");
        let mut client = Stream::new(tls, tcp);
        client.write_all(GET.as_bytes()).expect("cannot ask");
        let mut answer = String::new();
        let whole = client.read_to_string(&mut answer);
        whole.expect("close_notify behind the answer");
        assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
        assert!(answer.ends_with("<h1>Hello, User!</h1>"), "{answer}");
    }
    let ended = SOME + begun.len();
    drop(begun);
    stop::has_stopped(server, ended, 0);
}

#[test]
#[cfg(unix)]
fn a_handshake_under_way_does_not_hold_up_a_stop() {
    let server = with_limits("idle=0.2 stop=600");
    let mut silent = server.connect();
    let hello = client_hello();
    silent.write_all(&hello[..20]).expect("cannot begin");
    server.signal(SIGTERM);
    rest(&mut silent);
    drop(silent);
    let end = server.ended();
    assert_eq!(end.code, Some(0), "{}", end.errors);
    assert!(end.errors.contains(", 0 are cut off;"), "{}", end.errors);
}

#[test]
#[cfg(unix)]
fn a_stop_waits_for_nobody_for_ever() {
    stop::who_takes_too_long_is_cut_off(CHAPTER, SOME);
    stop::who_asks_twice_is_obeyed_at_once(CHAPTER, SOME);
}

#[test]
fn nobody_waits_for_the_slow_ones() {
    turns::slow_senders(CHAPTER, SOME);
    turns::slow_readers(CHAPTER, SOME);
}

#[test]
fn those_for_whom_there_is_no_place_and_those_who_take_nothing() {
    limits::no_place_left(CHAPTER, SOME);
    limits::a_client_that_takes_nothing_is_given_up(CHAPTER);
}

#[test]
fn clients_that_change_their_mind_at_every_byte() {
    hostile::clients_that_change_their_mind_at_every_byte(CHAPTER);
}

#[test]
fn the_log() {
    let server = start();
    the_page_is_served(&server);
    let plain = server.begin("plain").plainly().send(GET).finish();
    assert!(plain.contains(" 400 Bad Request"), "{plain}");
    let printed = server.wait_for_output(|printed| printed.lines().count() == 3);
    let answers: Vec<&str> = printed
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once("] "))
        .map(|(_, answer)| answer)
        .collect();
    assert_eq!(answers[0], "\"GET /hello HTTP/1.1\" 200 21");
    assert!(
        answers[1].starts_with("\"GET /hello HTTP/1.1\" 400 "),
        "{printed}"
    );
}

/// What the chapter says when it is started with these arguments and does not listen.
fn said(arguments: &[&str], code: i32) -> String {
    let mut command = Command::new(CHAPTER);
    command.args(arguments).env_remove("RUST_BACKTRACE");
    command.timeout(PATIENCE);
    let failed = command.assert().code(code).stdout("");
    let said = String::from_utf8_lossy(&failed.get_output().stderr).into_owned();
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.starts_with("Error: "), "{said}");
    said
}

/// What it says of this pair, with which it does not listen.
fn said_of(certificate: &str, key: &str) -> String {
    said(&["127.0.0.1:0", "--cert", certificate, "--key", key], 1)
}

#[test]
fn command_line() {
    let help = Command::new(CHAPTER).arg("--help").assert().success();
    let help = String::from_utf8_lossy(&help.get_output().stdout).into_owned();
    assert_eq!(help.lines().count(), 3, "{help}");
    assert!(help.starts_with("Usage: ch17-tls [ADDRESS] [--cert FILE --key FILE]\n"));

    let taken = TcpListener::bind("127.0.0.1:0").expect("no free port");
    let taken = taken.local_addr().expect("a bound port").to_string();
    for (arguments, code, names) in [
        (&[&*taken][..], 1, &*taken),
        (&["8443"], 2, "\"8443\""),
        (&["127.0.0.1:0", "again"], 2, "\"again\""),
        (&["--cert", "a.pem"], 2, "--cert and --key go together"),
        (&["--port", "1"], 2, "--port"),
    ] {
        let said = said(arguments, code);
        assert!(said.contains(names), "{said}");
    }
}

#[test]
fn what_is_wrong_with_a_pair_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let [certificate, key] = make_pair(folder.path(), "one");
    let [_, other_key] = make_pair(folder.path(), "other");
    let empty = folder.path().join("empty.pem");
    fs::write(&empty, "").expect("a file");
    let empty = empty.to_string_lossy().into_owned();
    let missing = folder
        .path()
        .join("missing.pem")
        .to_string_lossy()
        .into_owned();
    for (certificate, key, problem) in [
        (&missing, &key, format!("cannot read {missing}")),
        (&certificate, &missing, format!("cannot read {missing}")),
        (&empty, &key, format!("there is no certificate in {empty}")),
        (&certificate, &empty, "there is no private key".to_owned()),
        (
            &certificate,
            &other_key,
            format!("{certificate} and {other_key} do not go together"),
        ),
    ] {
        let said = said_of(certificate, key);
        assert!(said.contains(&problem), "{said}");
    }
}

fn solution() -> Server {
    Server::start_solution(CHAPTER, "ch17-solution")
}

#[test]
fn exercise_a_page() {
    let heading = "exercise: a browser that came over TLS is told to do so for a day";
    assert_snapshot!(solution().exchange(heading, LAST));
}

#[test]
fn exercise_a_file() {
    let server = solution();
    let exchange = server.begin("exercise: a file comes with the promise, and so does 304");
    let file = "HEAD /pages/favicon.svg HTTP/1.1\r\nHost: localhost\r\n";
    let exchange = exchange
        .send(format!("{file}\r\n"))
        .receive()
        .send(format!("{file}If-None-Match: [ETag]\r\n\r\n"))
        .receive();
    assert_snapshot!(exchange.stays_open());
}

#[test]
fn exercise_over_plain_http() {
    let server = solution();
    let exchange = server.begin("exercise: over plain HTTP, nothing is promised");
    assert_snapshot!(exchange.plainly().send(GET).finish());
}

#[test]
fn exercise_no_password_over_plain_http() {
    let server = solution();
    let exchange = server.begin("exercise: over plain HTTP nobody is asked for a password");
    assert_snapshot!(exchange.plainly().send(private("GET", "")).finish());
}

#[test]
fn exercise_what_is_not_there() {
    let heading = "exercise: what is not there is not there over TLS";
    assert_snapshot!(solution().exchange(heading, LAST.replace("/hello", "/nothing")));
}

#[test]
fn exercise_refusals() {
    let server = solution();
    let exchange = server.begin("exercise: who is refused is told so too");
    let [other, unknown] = ["DELETE", "BREW"].map(|method| GET.replace("GET", method));
    let head = LAST.replace("GET", "HEAD");
    assert_snapshot!(exchange.send([other, unknown, head].concat()).finish());
}

/// A request for the private page with more field lines.
fn private(method: &str, fields: &str) -> String {
    format!("{method} /private HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n")
}

/// The same with what a client says of itself.
fn as_whom(credentials: &str) -> String {
    private("GET", &format!("Authorization: {credentials}\r\n"))
}

/// Plays several requests over one connection.
fn one_by_one(heading: &str, requests: &[String]) -> String {
    let server = solution();
    let mut exchange = server.begin(heading);
    for request in requests {
        exchange = exchange.send(request).receive();
    }
    exchange.stays_open()
}

#[test]
fn exercise_nobody() {
    let requests = ["GET", "HEAD", "OPTIONS", "DELETE"].map(|method| private(method, ""));
    assert_snapshot!(one_by_one(
        "exercise: who does not say who it is gets no private page",
        &requests
    ));
}

#[test]
fn exercise_ada_and_bob() {
    let requests = [
        as_whom("Basic YWRhOlpvw6s6IDEwMCAl"),
        as_whom("Basic Ym9iOmNvcnJlY3QgaG9yc2U="),
        as_whom("Basic YWRhOlpvw6s6IDEwMCAl").replacen("GET", "HEAD", 1),
    ];
    assert_snapshot!(one_by_one(
        "exercise: two users know their passwords, and nobody keeps what they are shown",
        &requests
    ));
}

#[test]
fn exercise_the_scheme() {
    assert_snapshot!(one_by_one(
        "exercise: case does not matter in Basic, and another scheme is none",
        &[
            as_whom("bASIC Ym9iOmNvcnJlY3QgaG9yc2U="),
            as_whom("Bearer Ym9iOmNvcnJlY3QgaG9yc2U="),
            as_whom("Basically Ym9iOmNvcnJlY3QgaG9yc2U="),
            as_whom("Ym9iOmNvcnJlY3QgaG9yc2U="),
        ],
    ));
}

#[test]
fn exercise_wrong_passwords() {
    let credentials = [
        // ada:correct horse, bob:Zoë: 100 %, cy:correct horse
        "YWRhOmNvcnJlY3QgaG9yc2U=",
        "Ym9iOlpvw6s6IDEwMCAl",
        "Y3k6Y29ycmVjdCBob3JzZQ==",
        // bob:correct hors, bob:correct horses, bob:Correct horse, BOB:correct horse
        "Ym9iOmNvcnJlY3QgaG9ycw==",
        "Ym9iOmNvcnJlY3QgaG9yc2Vz",
        "Ym9iOkNvcnJlY3QgaG9yc2U=",
        "Qk9COmNvcnJlY3QgaG9yc2U=",
        // bob:, bob, :, and nothing
        "Ym9iOg==",
        "Ym9i",
        "Og==",
        "",
        // ada:Zo: 100 %, with the ë as the one byte of Latin-1
        "YWRhOlpv6zogMTAwICU=",
    ];
    let requests = credentials.map(|credentials| as_whom(&format!("Basic {credentials}")));
    assert_snapshot!(one_by_one(
        "exercise: whatever is wrong with a name or its password, the answer is the same",
        &requests
    ));
}

#[test]
fn exercise_no_base64() {
    assert_snapshot!(one_by_one(
        "exercise: what is no base64 is no password, and no reason to fail",
        &[
            // The last digit is missing, or one is too many, or some are none.
            as_whom("Basic Ym9iOmNvcnJlY3QgaG9yc2U"),
            as_whom("Basic Ym9iOmNvcnJlY3QgaG9yc2U=A"),
            as_whom("Basic Ym9i!!!!OmNvcnJlY3QgaG9yc2U="),
            as_whom("Basic bob:correct horse"),
            as_whom("Basic ="),
            as_whom("Basic ===="),
            as_whom("Basic \u{e4}\u{f6}"),
        ],
    ));
}

#[test]
fn exercise_twice() {
    let fields = "Authorization: Basic Ym9iOmNvcnJlY3QgaG9yc2U=\r\nAuthorization: Basic Ym9iOmNvcnJlY3QgaG9yc2U=\r\n";
    assert_snapshot!(one_by_one(
        "exercise: who says twice who it is has not said it",
        &[private("GET", fields)]
    ));
}
