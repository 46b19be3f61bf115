//! Event loops: one for each core. Each has its own sessions, which no other loop sees.
//!
//! One loop accepts for all. (Some systems let each loop listen for itself, with
//! `SO_REUSEPORT`, and deal the connections out by a number made of their addresses: of
//! sixteen connections one loop may get twelve. And where one such listener is closed, the
//! connections that wait there are lost.)

use std::panic::resume_unwind;
use std::thread;

use crate::ch09::request::Request;
use crate::ch09::response::Response;
use crate::ch15::acceptor::Acceptor;
use crate::ch16::accept_dispatcher::AcceptDispatcher;
use crate::ch16::event_loop::EventLoop;

/// Serves the connections that the acceptor accepts, in so many loops, until the server is
/// to stop, and then until the last of them has ended, for
/// [`Shutdown::time`](crate::Shutdown::time) at the most. Gives how many are cut off.
///
/// # Errors
/// The system gives no thread, or does not tell of events any more.
pub fn serve(
    acceptor: Acceptor,
    loops: usize,
    respond: impl Fn(&Request) -> Response + Sync,
) -> anyhow::Result<usize> {
    let shutdown_time = acceptor.shutdown().time();
    let (first_handle, first) = EventLoop::new(&respond, shutdown_time)?;
    let (mut handles, mut others) = (vec![first_handle], Vec::new());
    for _ in 1..loops {
        let (handle, event_loop) = EventLoop::new(&respond, shutdown_time)?;
        handles.push(handle);
        others.push(event_loop);
    }
    let acceptor = AcceptDispatcher::new(acceptor, handles);
    thread::scope(|scope| {
        // If anything fails from here on, the handles are dropped, and that ends all loops.
        let acceptor = acceptor;
        let mut threads = Vec::new();
        for event_loop in others {
            let thread = thread::Builder::new().spawn_scoped(scope, || event_loop.run(None));
            threads.push(thread?);
        }
        let cut_off = first.run(Some(acceptor));
        let mut in_all = 0;
        for thread in threads {
            // The error of the loop that failed says more than that the first one noticed it.
            in_all += thread.join().unwrap_or_else(|panic| resume_unwind(panic))?;
        }
        Ok(in_all + cut_off?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ch13::shutdown::Shutdown;
    use crate::ch16::event_loop::tests::{A_MINUTE, Respond, limiter, listen, name_the_thread};
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpStream};
    use std::time::Duration;

    /// Asks the server to stop, also where a test fails before it does.
    struct AtTheEnd<'a>(&'a Shutdown);

    impl Drop for AtTheEnd<'_> {
        fn drop(&mut self) {
            if !self.0.is_requested() {
                self.0.request();
            }
        }
    }

    /// Serves while this goes on, in three loops, and gives how many were cut off.
    fn serving(
        shutdown_time: Duration,
        respond: impl Fn(&Request) -> Response + Sync,
        goes_on: impl FnOnce(SocketAddr, &Shutdown),
    ) -> usize {
        let (limiter, shutdown) = (limiter(), Shutdown::new(shutdown_time));
        let (listener, address) = listen();
        thread::scope(|scope| {
            let at_the_end = AtTheEnd(&shutdown);
            let serving = scope.spawn(|| {
                let acceptor = Acceptor::new(listener, &limiter, &shutdown);
                serve(acceptor.unwrap(), 3, &respond).unwrap()
            });
            goes_on(address, &shutdown);
            drop(at_the_end);
            serving.join().unwrap()
        })
    }

    const HALF: &[u8] = b"GET / HTTP/1.1\r\n";

    fn ask(client: &mut TcpStream, target: &str) -> String {
        let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        client.write_all(request.as_bytes()).unwrap();
        answer(client)
    }

    /// A page that ends in an exclamation mark, or what there is until the end.
    fn answer(client: &mut TcpStream) -> String {
        let mut received = Vec::new();
        let mut byte = [0];
        while !received.ends_with(b"!") && client.read(&mut byte).unwrap() > 0 {
            received.extend(byte);
        }
        String::from_utf8(received).unwrap()
    }

    fn page(answer: &str) -> &str {
        answer.rsplit("\r\n").next().unwrap()
    }

    #[test]
    fn clients_are_handed_out_in_turn_and_stay_in_their_loop() {
        let cut_off = serving(A_MINUTE, name_the_thread, |address, _| {
            let mut clients: Vec<_> = (0..9)
                .map(|_| TcpStream::connect(address).unwrap())
                .collect();
            let mut answers = || -> Vec<String> {
                let answers = clients.iter_mut().map(|client| ask(client, "/"));
                answers.map(|answer| page(&answer).to_owned()).collect()
            };
            let first = answers();
            assert_eq!(first[..3], first[3..6]);
            assert_eq!(first[..3], first[6..]);
            let mut loops = first[..3].to_vec();
            loops.sort_unstable();
            loops.dedup();
            assert_eq!(loops.len(), 3, "{first:?}");
            assert_eq!(answers(), first);
        });
        assert_eq!(cut_off, 0);
    }

    #[test]
    fn an_answer_that_panics_costs_its_client_and_no_other() {
        let respond = |request: &Request| match &*request.target {
            "/panic" => panic!("an answer that is none"),
            _ => name_the_thread(request),
        };
        serving(A_MINUTE, respond, |address, _| {
            let connect = || TcpStream::connect(address).unwrap();
            let mut others = [connect(), connect(), connect()];
            let threads = others.each_mut().map(|other| ask(other, "/"));
            for _ in 0..6 {
                assert_eq!(ask(&mut connect(), "/panic"), "");
            }
            for (other, before) in others.iter_mut().zip(threads) {
                assert_eq!(page(&ask(other, "/")), page(&before));
            }
        });
    }

    #[test]
    fn at_the_stop_all_loops_finish_what_has_begun() {
        let cut_off = serving(A_MINUTE, name_the_thread, |address, shutdown| {
            let mut clients: Vec<_> = (0..9)
                .map(|_| TcpStream::connect(address).unwrap())
                .collect();
            for client in &mut clients {
                // It is in a loop, and has begun with another request.
                ask(client, "/");
                client.write_all(HALF).unwrap();
            }
            // Once these are closed, all loops know.
            let mut silent: Vec<_> = (0..3)
                .map(|_| TcpStream::connect(address).unwrap())
                .collect();
            silent.iter_mut().for_each(|silent| drop(ask(silent, "/")));
            shutdown.request();
            for silent in &mut silent {
                assert_eq!(answer(silent), "");
            }
            for client in &mut clients {
                client.write_all(b"Host: a\r\n\r\n").unwrap();
                let answer = answer(client);
                assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
            }
        });
        assert_eq!(cut_off, 0);
    }

    #[test]
    fn a_client_that_takes_too_long_at_the_stop_is_cut_off() {
        let cut_off = serving(Duration::ZERO, name_the_thread, |address, shutdown| {
            for _ in 0..9 {
                let mut client = TcpStream::connect(address).unwrap();
                ask(&mut client, "/");
                // It is there until the server has ended.
                std::mem::forget(client);
            }
            shutdown.request();
        });
        assert_eq!(cut_off, 9);
    }

    #[test]
    fn a_loop_that_has_ended_ends_the_server() {
        let (limiter, shutdown) = (limiter(), Shutdown::new(A_MINUTE));
        let (listener, address) = listen();
        let acceptor = Acceptor::new(listener, &limiter, &shutdown).unwrap();
        let respond: Respond = name_the_thread;
        let (own, event_loop) = EventLoop::new(&respond, A_MINUTE).unwrap();
        let (other, ended) = EventLoop::new(&respond, A_MINUTE).unwrap();
        drop(ended);
        let _clients = [address, address].map(|address| TcpStream::connect(address).unwrap());
        let handles = vec![own, other];
        let error = event_loop
            .run(Some(AcceptDispatcher::new(acceptor, handles)))
            .unwrap_err();
        assert_eq!(error.to_string(), "a loop has ended");
    }
}
