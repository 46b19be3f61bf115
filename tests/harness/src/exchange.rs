//! One connection after another, written down as it goes.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Instant;

use crate::clients::read_some;
use crate::company::{Beside, Company};
use crate::http2::{self, Frame, OPAQUE, Payload, Piece, Progress, Reader, bytes_of, flags, kinds};
use crate::play::{Connection, End, REST, ask_once_more, bytes_received, bytes_sent};
use crate::response::{answers, methods};
use crate::transcript::{Again, Placeholders, Step, Transcript};
use crate::{PATIENCE, Server, hostile};

/// A connection to a server, and what has happened so far.
pub struct Exchange<'a> {
    server: &'a Server,
    stream: Box<dyn Connection>,
    older: Vec<TcpStream>,
    company: Company,
    placeholders: Placeholders,
    transcript: Transcript,
    /// What has come over this connection, where it speaks HTTP/2.
    reader: Option<Reader>,
}

impl<'a> Exchange<'a> {
    pub(crate) fn begin(server: &'a Server, heading: &str, older: usize) -> Self {
        let mut transcript = Transcript::new(heading);
        let limits = server
            .limits()
            .map(|limits| Step::Limits(limits.to_owned()));
        transcript.steps.extend(limits);
        if older > 0 {
            transcript.steps.push(Step::Older(older));
        }
        let company = Company::new(Some(&server), older, PATIENCE);
        let older = (0..older).map(|_| server.connect()).collect();
        let stream = server.open();
        let mut exchange = Self {
            server,
            stream,
            older,
            company,
            placeholders: Placeholders::default(),
            transcript,
            reader: None,
        };
        exchange.remember_address();
        exchange
    }

    fn remember_address(&mut self) {
        let address = self.stream.own_address();
        let address = address.expect("a connected socket has an address");
        self.placeholders.set_address(address);
    }

    pub(crate) fn anew(self) -> Self {
        self.note(Step::Anew)
    }

    /// Speaks plain HTTP over this connection, to a server that speaks TLS.
    pub fn plainly(mut self) -> Self {
        self.stream = Box::new(self.server.connect());
        self.remember_address();
        self.note(Step::Plain)
    }

    /// Sends bytes in one write. `[NAME]` in them stands for the value that the
    /// field of that name had in the last response.
    pub fn send(mut self, bytes: impl AsRef<[u8]>) -> Self {
        let filled_in = self.placeholders.fill_in(bytes.as_ref());
        self.stream.write_all(&filled_in).expect("cannot send");
        self.note(Step::Send(bytes.as_ref().to_vec()))
    }

    /// Sends bytes, each in a write of its own.
    pub fn send_one_by_one(mut self, bytes: impl AsRef<[u8]>) -> Self {
        for byte in bytes.as_ref() {
            self.stream.write_all(&[*byte]).expect("cannot send");
        }
        self.note(Step::SendOneByOne(bytes.as_ref().to_vec()))
    }

    /// Sends frames in one write, which are written as [`crate::http2`] says.
    pub fn frames(mut self, text: impl AsRef<str>) -> Self {
        let frames = self.note_frames(text.as_ref());
        let is_sealed = self.stream.is_sealed();
        let filled_in = self.placeholders.fill_in_frames(&frames, is_sealed);
        let sent = self.stream.write_all(&bytes_of(&filled_in));
        sent.expect("cannot send");
        self.note(Step::SendFrames(frames))
    }

    /// Sends frames, each of their bytes in a write of its own.
    pub fn frames_one_by_one(mut self, text: impl AsRef<str>) -> Self {
        let frames = self.note_frames(text.as_ref());
        let is_sealed = self.stream.is_sealed();
        for byte in bytes_of(&self.placeholders.fill_in_frames(&frames, is_sealed)) {
            self.stream.write_all(&[byte]).expect("cannot send");
        }
        self.note(Step::SendFramesOneByOne(frames))
    }

    /// Reads frames, and notes that they go over this connection.
    fn note_frames(&mut self, text: &str) -> Vec<Piece> {
        if self.reader.is_none() {
            self.reader = Some(Reader::default());
            self.stream.speak_http2();
            self.transcript.steps.push(Step::Http2);
        }
        http2::read(text).unwrap_or_else(|| panic!("these are no frames:\n{text}"))
    }

    /// Reads until so many more frames have come, where [`Self::receive`] would wait for
    /// others too.
    pub fn receive_frames(self, count: usize) -> Self {
        let reader = self.reader.as_ref().expect("a connection of HTTP/2");
        let wanted = reader.received().len() + count;
        self.receive_until(|reader| reader.received().len() >= wanted)
    }

    fn receive_until(mut self, is_all: impl Fn(&Reader) -> bool) -> Self {
        let mut reader = self.reader.take().expect("a connection of HTTP/2");
        let before = reader.received().len();
        let mut buffer = [0; 65536];
        while !is_all(&reader) {
            match read_some(&mut *self.stream, &mut buffer) {
                Ok(length @ 1..) => reader.receive(&buffer[..length]),
                // The step that waits for the end says which one it was.
                Ok(0) => break,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
                Err(error) => {
                    let came: Vec<Piece> = reader.pieces().skip(before).cloned().collect();
                    let came = http2::show(&came).join("\n");
                    panic!(
                        "{}no whole answer: {error}; there came\n{came}",
                        self.transcript
                    )
                }
            }
        }
        self.note_received(&reader, before);
        self.reader = Some(reader);
        self
    }

    /// Notes the frames that have come behind the first so many.
    fn note_received(&mut self, reader: &Reader, before: usize) {
        let came: Vec<Piece> = reader.pieces().skip(before).cloned().collect();
        if came.is_empty() {
            return;
        }
        let came = self.placeholders.put_into_frames(&came);
        match self.transcript.steps.last_mut() {
            Some(Step::ReceiveFrames(before)) => before.extend(came),
            _ => self.transcript.steps.push(Step::ReceiveFrames(came)),
        }
    }

    /// The frames that were sent over this connection.
    fn frames_sent(&self) -> Vec<Piece> {
        let steps = self.transcript.steps.iter().rev();
        let mut sent: Vec<&Vec<Piece>> = steps
            .take_while(|step| **step != Step::Another)
            .filter_map(|step| match step {
                Step::SendFrames(frames) | Step::SendFramesOneByOne(frames) => Some(frames),
                _ => None,
            })
            .collect();
        sent.reverse();
        sent.into_iter().flatten().cloned().collect()
    }

    /// Reads until an empty line has come, for an answer before the last one.
    pub fn receive_head(mut self) -> Self {
        let mut received = Vec::new();
        while !received.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.stream
                .read_exact(&mut byte)
                .expect("cannot receive a head");
            received.extend(byte);
        }
        let received = self.placeholders.put_in(&received);
        self.note(Step::Receive(received))
    }

    /// Reads until every request that was sent over this connection has its whole
    /// answer, or the server closes. The connection may stay open. In HTTP/2 the server's
    /// SETTINGS and each acknowledgement are waited for too.
    pub fn receive(mut self) -> Self {
        if self.reader.is_some() {
            let sent = self.frames_sent();
            return self.receive_until(|reader| Progress::of(reader.pieces()).answers(&sent));
        }
        let steps = self.transcript.steps.iter();
        let sent = steps.rev().take_while(|step| **step != Step::Another);
        let sent: Vec<Step> = sent
            .cloned()
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect();
        let methods = methods(&bytes_sent(&sent));
        let mut came = bytes_received(&sent);
        let before = came.len();
        let is_all = |came: &[u8]| {
            let answers = answers(came, &methods, false).unwrap_or_default();
            answers.len() == methods.len() && answers.iter().all(|answer| answer.is_whole())
        };
        let mut buffer = [0; 65536];
        while !is_all(&came) {
            match read_some(&mut *self.stream, &mut buffer).expect("no whole answer") {
                0 => break,
                length => came.extend_from_slice(&buffer[..length]),
            }
        }
        let received = self.placeholders.put_in(&came[before..]);
        self.note(Step::Receive(received))
    }

    /// Lets so many clients come that are gone before the server can answer.
    pub fn gone(self, count: usize) -> Self {
        for _ in 0..count {
            hostile::reset(self.server.connect());
        }
        self.note(Step::Gone(count))
    }

    /// Sends nothing for a moment.
    pub fn waits(self) -> Self {
        thread::sleep(REST);
        self.note(Step::Waits)
    }

    /// Lets other clients do that, or the process.
    pub fn beside(mut self, beside: Beside) -> Self {
        let acted = self.company.act(&beside, &mut self.server);
        acted.expect("a connection").expect("nothing is wrong");
        let steps = self.transcript.steps.iter().rev();
        let mut of_this_connection = steps.take_while(|step| **step != Step::Another);
        if !of_this_connection.any(|step| matches!(step, Step::Send(_) | Step::ToldToStop)) {
            // The server may have waited for the first byte as long as it does.
            self.stream = self.server.open();
            self.remember_address();
        }
        self.note(Step::Beside(beside))
    }

    /// Reads to the end of the connection, waits until the server has ended well that was
    /// told to stop, and gives the whole transcript.
    pub fn finish_with_the_end(mut self) -> String {
        self.read_to_end();
        drop((self.older, self.stream));
        let ended = self.company.act(&Beside::Ends, &mut self.server);
        ended.expect("an end").expect("a good end");
        self.transcript.steps.push(Step::Beside(Beside::Ends));
        self.transcript.to_string()
    }

    /// Says that the client will send nothing more.
    pub fn half_close(mut self) -> Self {
        self.stream.half_close().expect("cannot half-close");
        self.note(Step::HalfClose)
    }

    /// Tells the server to stop, and waits until it has noticed.
    pub fn tell_to_stop(self) -> Self {
        self.server.tell_to_stop();
        self.note(Step::ToldToStop)
    }

    /// Reads to the end of this connection and opens another.
    pub fn another(mut self) -> Self {
        self.read_to_end();
        self.stream = self.server.open();
        self.reader = None;
        self.remember_address();
        self.note(Step::Another)
    }

    /// Does the same, after so many other clients that say nothing.
    pub fn another_behind(mut self, older: usize) -> Self {
        self.read_to_end();
        self.company = Company::new(Some(&self.server), older, PATIENCE);
        self.older = (0..older).map(|_| self.server.connect()).collect();
        self.stream = self.server.open();
        self.remember_address();
        self.note(Step::Another).note(Step::Older(older))
    }

    /// Does the same as [`Self::another`], and asks over other connections until an answer ends in this.
    pub fn another_until(mut self, request: &str, end: &str) -> Self {
        self.read_to_end();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut asked = self.server.open();
            let mut answer = String::new();
            asked.write_all(request.as_bytes()).expect("cannot send");
            asked.read_to_string(&mut answer).expect("no answer");
            if answer.ends_with(end) {
                break;
            }
            assert!(Instant::now() < deadline, "{answer} never ends in {end}");
            thread::sleep(REST);
        }
        self.stream = self.server.open();
        self.remember_address();
        self.note(Step::Another).note(Step::Repeats).send(request)
    }

    /// Does the same as [`Self::another`], but ends the server in between and starts it again.
    pub fn another_after(mut self, how: Again) -> Self {
        self.read_to_end();
        self.server.start_again(how);
        self.stream = self.server.open();
        self.remember_address();
        self.note(Step::Another).note(Step::Again(how))
    }

    /// Reads to the end of the connection, and gives the whole transcript.
    pub fn finish(mut self) -> String {
        self.read_to_end();
        drop(self.older);
        self.transcript.to_string()
    }

    /// Looks whether the connection is still open and nothing more comes over it, by a
    /// further request, or a PING in HTTP/2, and gives the whole transcript.
    pub fn stays_open(mut self) -> String {
        if self.reader.is_some() {
            return self.answers_a_ping();
        }
        let mut more = Vec::new();
        let end = ask_once_more(&mut *self.stream, &mut more);
        assert_eq!(end.expect("a further answer"), End::Open);
        assert_eq!(
            String::from_utf8_lossy(&more),
            "",
            "the server has sent more"
        );
        self.transcript.steps.push(Step::StaysOpen);
        self.transcript.to_string()
    }

    fn answers_a_ping(mut self) -> String {
        let reader = self.reader.take().expect("a connection of HTTP/2");
        let before = reader.received().len();
        self.reader = Some(reader);
        let noted = self.transcript.steps.clone();
        let ping = Frame::new(kinds::PING, 0, 0, Payload::Ping(OPAQUE));
        let answer = Piece::Frame(Frame::new(
            kinds::PING,
            flags::ACK,
            0,
            Payload::Ping(OPAQUE),
        ));
        let sent = self.stream.write_all(&bytes_of(&[Piece::Frame(ping)]));
        sent.expect("cannot send");
        self = self.receive_until(|reader| reader.pieces().any(|piece| *piece == answer));
        self.transcript.steps = noted;
        let reader = self.reader.as_ref().expect("a connection of HTTP/2");
        let more: Vec<Piece> = reader.pieces().skip(before).cloned().collect();
        assert_eq!(
            http2::show(&more),
            http2::show(&[answer]),
            "the server has sent more, or closed"
        );
        self.transcript.steps.push(Step::StaysOpen);
        self.transcript.to_string()
    }

    fn read_to_end(&mut self) {
        let mut received = Vec::new();
        let end = match self.stream.read_to_end(&mut received) {
            Ok(_) => Step::Closes,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Step::Resets,
            Err(error) => panic!("{}no end of the answer: {error}", self.transcript),
        };
        if let Some(mut reader) = self.reader.take() {
            let before = reader.received().len();
            reader.receive(&received);
            reader.end();
            self.note_received(&reader, before);
            self.transcript.steps.push(end);
            return;
        }
        if !received.is_empty() {
            let received = self.placeholders.put_in(&received);
            match self.transcript.steps.last_mut() {
                Some(Step::Receive(before)) => before.extend(received),
                _ => self.transcript.steps.push(Step::Receive(received)),
            }
        }
        self.transcript.steps.push(end);
    }

    fn note(mut self, step: Step) -> Self {
        self.transcript.steps.push(step);
        self
    }
}
