//! Lets the client of the crate h2 use the connection, over a pipe in memory. No time passes
//! but where both sides wait: so a connection that hangs shows at once, as its limits of time
//! do then.

use std::future::poll_fn;
use std::ops::Range;

use h2::client::{Builder, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{Duration, Instant, sleep, sleep_until};

use crate::random::Random;
use crate::site;

type Bytes = std::io::Cursor<Vec<u8>>;

/// Names the connection that fails.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("in: judge {} {}", self.0, self.0 + 1);
        }
    }
}

/// What became of a request.
#[derive(Default, Debug)]
struct Totals {
    whole: usize,
    /// The response came before the body was sent.
    early: usize,
    cancelled: usize,
    /// The server had said that it takes no more, and the client may ask elsewhere.
    again: usize,
    content: usize,
    bodies: usize,
}

impl Totals {
    fn add(&mut self, other: &Self) {
        self.whole += other.whole;
        self.early += other.early;
        self.cancelled += other.cancelled;
        self.again += other.again;
        self.content += other.content;
        self.bodies += other.bodies;
    }
}

/// A connection for each of these seeds. Each response has to be right and whole, and the
/// client must find no fault.
pub fn judge(seeds: Range<u64>) {
    let count = seeds.end - seeds.start;
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime");
    let mut totals = Totals::default();
    for seed in seeds {
        let _seed = Seed(seed);
        totals.add(&runtime.block_on(connect(seed)));
    }
    println!(
        "{count} connections of h2: {} responses whole, {} of them before the request was, with \
         {} bytes of content for {} bytes of bodies; {} requests cancelled, {} to be sent again",
        totals.whole, totals.early, totals.content, totals.bodies, totals.cancelled, totals.again
    );
}

async fn connect(seed: u64) -> Totals {
    let mut random = Random(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
    let (ours, theirs) = duplex([100, 4_000, 64 * 1024][random.below(3)]);
    let is_limited = random.below(2) == 0;
    let finishes = (random.below(5) == 0).then(|| random.below(20));
    let server = tokio::spawn(serve(ours, is_limited, finishes));
    let mut builder = Builder::new();
    builder
        .initial_window_size([1_000, 16_384, 65_535, 1 << 20][random.below(4)])
        .initial_connection_window_size([65_535, 100_000, 1 << 22][random.below(3)])
        .header_table_size([0, 100, 4_096, 65_536][random.below(4)])
        .max_frame_size([16_384, 100_000][random.below(2)])
        .initial_max_send_streams([1, 10, 100][random.below(3)])
        .enable_push(random.below(2) == 0);
    if random.below(2) == 0 {
        builder.max_header_list_size(1 << 16);
    }
    let (client, connection) = builder.handshake(theirs).await.expect("a handshake");
    let connection = tokio::spawn(connection);
    let mut requests = Vec::new();
    let mut totals = Totals::default();
    for _ in 0..1 + random.below(30) {
        if random.below(4) == 0 {
            sleep(Duration::from_millis(random.below(50) as u64)).await;
        }
        let mut client = match client.clone().ready().await {
            Ok(client) => client,
            Err(error) if finishes.is_some() && is_end(&error) => {
                totals.again += 1;
                break;
            }
            Err(error) => panic!("{error}"),
        };
        match Asked::send(Random(random.next()), &mut client) {
            Ok(asked) => requests.push(tokio::spawn(asked.finish(finishes.is_some()))),
            Err(error) if finishes.is_some() && is_end(&error) => totals.again += 1,
            Err(error) => panic!("{error}"),
        }
    }
    drop(client);
    for request in requests {
        totals.add(&request.await.expect("a request"));
    }
    connection
        .await
        .expect("it ends")
        .expect("no fault is found");
    server.await.expect("the server ends");
    totals
}

/// Whether this is the server's word that it takes no more requests.
fn is_end(error: &h2::Error) -> bool {
    error.is_go_away() && error.is_remote() && error.reason() == Some(Reason::NO_ERROR)
        || error.reason() == Some(Reason::REFUSED_STREAM)
}

/// Carries the connection, and lets it finish behind so many requests.
async fn serve(mut stream: DuplexStream, is_limited: bool, finishes: Option<usize>) {
    enum Event {
        Came(usize),
        Taken(usize),
        Late,
    }
    let now = || Instant::now().into_std();
    let mut connection = site::connection(is_limited, now());
    let (mut piece, mut requests) = (vec![0; 16 * 1024], 0);
    loop {
        while let Some((id, request)) = connection.next_request() {
            requests += 1;
            if finishes == Some(requests) {
                connection.finish_after_current();
            }
            connection.answer(id, &request, site::respond(&request));
        }
        if let Some(refusal) = connection.take_refusal() {
            panic!("{refusal}");
        }
        let wait = connection.waits_for();
        let Some(until) = wait.until() else {
            break;
        };
        let (mut reader, mut writer) = tokio::io::split(&mut stream);
        let event = tokio::select! {
            came = reader.read(&mut piece), if wait.wants_to_read() => {
                Event::Came(came.expect("the pipe is whole"))
            }
            taken = writer.write(connection.to_send().expect("no body fails")),
                if wait.wants_to_write() =>
            {
                // The client has gone.
                let Ok(taken) = taken else { return };
                Event::Taken(taken)
            }
            () = sleep_until(until.into()) => Event::Late,
        };
        match event {
            Event::Came(length) => connection.receive(&piece[..length], now()),
            Event::Taken(length) => connection.sent(length, now()),
            Event::Late => connection.time_passes(now()),
        }
    }
    let _ = stream.shutdown().await;
}

/// A request that is under way.
struct Asked {
    random: Random,
    path: String,
    is_head: bool,
    body: usize,
    response: h2::client::ResponseFuture,
    send: SendStream<Bytes>,
}

impl Asked {
    fn send(mut random: Random, client: &mut SendRequest<Bytes>) -> Result<Self, h2::Error> {
        let kind = ["known", "unknown", "body", "early"][random.below(4)];
        let length = random.below_one_of(&[10, 1_000, 100_000, 500_000]);
        let letter = char::from(b'a' + random.below(26) as u8);
        let path = format!("/{kind}/{length}/{letter}");
        let has_body = kind == "body" || kind == "early";
        let method = match (has_body, random.below(3)) {
            (true, _) => "POST",
            (_, 0) => "HEAD",
            _ => "GET",
        };
        let mut request = Request::builder()
            .method(method)
            .version(Version::HTTP_2)
            .uri(format!("http://localhost{path}"));
        let most = [0, 100, 9_000, 100_000, 1_000_000][random.below(5)];
        let body = if has_body { random.below(most + 1) } else { 0 };
        if has_body && random.below(2) == 0 {
            request = request.header("content-length", body);
        }
        match random.below(4) {
            0 => request = request.header("priority", format!("u={}", random.below(8))),
            1 => request = request.header("cookie", "a=b").header("te", "trailers"),
            2 if has_body => request = request.header("expect", "100-continue"),
            _ => {}
        }
        let request = request.body(()).expect("a request");
        let (response, send) = client.send_request(request, !has_body)?;
        Ok(Self {
            random,
            path,
            is_head: method == "HEAD",
            body,
            response,
            send,
        })
    }

    async fn finish(mut self, finishes: bool) -> Totals {
        let mut totals = Totals::default();
        let has_body = self.path.starts_with("/body") || self.path.starts_with("/early");
        let is_cancelled = self.random.below(8) == 0;
        let sends = Random(self.random.next());
        let most = match is_cancelled {
            true => self.random.below(self.body + 1),
            false => self.body,
        };
        let is_early = self.path.starts_with("/early");
        let sends_all = !is_early || self.random.below(2) == 0;
        let send = async {
            match has_body && (sends_all || is_cancelled) {
                true => send_body(sends, &mut self.send, most, is_cancelled, is_early).await,
                // The whole response comes while the body has not been sent.
                false => 0,
            }
        };
        if is_cancelled {
            let patience = Duration::from_millis(self.random.below(3_000) as u64);
            totals.bodies += tokio::time::timeout(patience, send).await.unwrap_or(0);
            if self.random.below(2) == 0 {
                self.send.send_reset(Reason::CANCEL);
            }
            totals.cancelled += 1;
            return totals;
        }
        let receive = async {
            match self.response.await {
                Ok(response) => {
                    let status = response.status();
                    Some((status, receive(&mut self.random, response).await))
                }
                Err(error) if finishes && is_end(&error) => None,
                Err(error) => panic!("{}: {error}", self.path),
            }
        };
        // A client that reads nothing before it has sent all may wait for ever.
        let (sent, received) = tokio::join!(send, receive);
        totals.bodies += sent;
        let Some((status, content)) = received else {
            totals.again += 1;
            return totals;
        };
        let expected = match self.is_head {
            true => Vec::new(),
            false => site::content(&self.path, self.body),
        };
        let is_forbidden = status == StatusCode::FORBIDDEN;
        assert!(is_forbidden == is_early && (is_early || status == StatusCode::OK));
        assert!(
            content == expected,
            "{}: {} bytes",
            self.path,
            content.len()
        );
        totals.content += content.len();
        totals.early += usize::from(is_early && sent < self.body);
        totals.whole += 1;
        totals
    }
}

/// Sends a body, in parts. Gives how much was sent: a response that needs no body ends it.
async fn send_body(
    mut random: Random,
    send: &mut SendStream<Bytes>,
    length: usize,
    is_cut: bool,
    may_end: bool,
) -> usize {
    let mut sent = 0;
    let has_trailers = random.below(4) == 0;
    while sent < length {
        let most = [1 + length / 50, 5_000, 100_000][random.below(3)];
        let part = (1 + random.below(most)).min(length - sent);
        send.reserve_capacity(part);
        let room = match poll_fn(|context| send.poll_capacity(context)).await {
            Some(Ok(room)) => room,
            ended if may_end => {
                let reason = ended.map(|error| error.expect_err("no room").reason());
                assert!(reason.is_none_or(|reason| reason == Some(Reason::NO_ERROR)));
                return sent;
            }
            ended => panic!("{ended:?}"),
        };
        let part = part.min(room);
        let is_last = sent + part == length && !has_trailers && !is_cut;
        let data = Bytes::new(vec![b'x'; part]);
        match send.send_data(data, is_last) {
            Ok(()) => sent += part,
            Err(_) if may_end => return sent,
            Err(error) => panic!("{error}"),
        }
        if random.below(10) == 0 {
            sleep(Duration::from_millis(random.below(30) as u64)).await;
        }
    }
    let ended = match (is_cut, has_trailers, length) {
        (true, ..) => Ok(()),
        (_, true, _) => {
            let mut trailers = HeaderMap::new();
            trailers.insert("checksum", HeaderValue::from_static("1"));
            send.send_trailers(trailers)
        }
        (_, _, 0) => send.send_data(Bytes::new(Vec::new()), true),
        _ => Ok(()),
    };
    assert!(ended.is_ok() || may_end, "{ended:?}");
    sent
}

/// Receives the content, and opens the windows as it pleases.
async fn receive(random: &mut Random, response: Response<RecvStream>) -> Vec<u8> {
    let mut body = response.into_body();
    let (mut content, mut held) = (Vec::new(), 0);
    while let Some(data) = body.data().await {
        let data = data.expect("the content comes whole");
        held += data.len();
        content.extend_from_slice(&data);
        if random.below(6) == 0 {
            sleep(Duration::from_millis(random.below(40) as u64)).await;
        }
        if held > 200 || random.below(2) == 0 {
            body.flow_control()
                .release_capacity(held)
                .expect("it was held");
            held = 0;
        }
    }
    content
}
