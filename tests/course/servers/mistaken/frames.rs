//! The site in HTTP/2, on the harness's frames.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use harness::http2::{
    FieldLine, Frame, Indexing, Payload, Piece, Reader, Received, bytes_of, field, flags, kinds,
    setting,
};

use crate::message::{Request, Response};
use crate::site::Site;

const PROTOCOL_ERROR: u32 = 0x1;
const FLOW_CONTROL_ERROR: u32 = 0x3;
const STREAM_CLOSED: u32 = 0x5;
const FRAME_SIZE_ERROR: u32 = 0x6;
const REFUSED_STREAM: u32 = 0x7;
const COMPRESSION_ERROR: u32 = 0x9;
const ENHANCE_YOUR_CALM: u32 = 0xb;

const MAX_FRAME_SIZE: usize = 16_384;
const MAX_STREAMS: usize = 100;
/// How many frames that bring nothing one client may send.
const MOST_IDLE_FRAMES: usize = 500;
/// How long a field section may be, and a field block.
const MOST_FIELDS: usize = 64 * 1024;
const WINDOW: i64 = 65_535;
const MOST_OF_A_WINDOW: i64 = i32::MAX as i64;

pub fn serve(listener: &TcpListener, chapter: u32, mistake: String) -> io::Result<()> {
    let site = Arc::new(Site::new(chapter, mistake)?);
    let floods = Arc::new(Mutex::new(()));
    println!("Listening on port {}...", listener.local_addr()?.port());
    for stream in listener.incoming() {
        let Ok(stream) = stream else { continue };
        let (site, floods) = (Arc::clone(&site), Arc::clone(&floods));
        thread::spawn(move || {
            let mut connection = Connection::new(&site, stream);
            // Nobody is served while a flood holds it.
            drop(floods.lock().unwrap_or_else(PoisonError::into_inner));
            if connection
                .serve()
                .is_err_and(|error| error.kind() == io::ErrorKind::QuotaExceeded)
            {
                let _held = floods.lock().unwrap_or_else(PoisonError::into_inner);
                let _ = connection.stream.read_to_end(&mut Vec::new());
            }
        });
    }
    Ok(())
}

/// Why a connection or a stream is given up.
enum No {
    Connection(u32, &'static str),
    Stream(u32, u32),
    Over(io::Error),
}

impl From<io::Error> for No {
    fn from(error: io::Error) -> Self {
        Self::Over(error)
    }
}

#[derive(Default)]
struct Stream {
    fields: Vec<(String, String)>,
    body: Vec<u8>,
    /// Whether the client has sent all.
    has_ended: bool,
    /// Whether it has its whole answer, or was reset.
    is_closed: bool,
    window: i64,
    unsent: Vec<u8>,
}

impl Stream {
    /// Whether nothing more comes on it, and nothing more goes.
    fn is_over(&self) -> bool {
        self.is_closed || self.has_ended && self.unsent.is_empty()
    }
}

struct Connection<'a> {
    site: &'a Site,
    stream: TcpStream,
    reader: Reader,
    looked_at: usize,
    streams: BTreeMap<u32, Stream>,
    window: i64,
    initial_window: i64,
    /// The stream whose field block has not ended, and whether it ends the stream.
    in_block: Option<(u32, bool)>,
    /// How many answers were sent.
    answers: usize,
    /// How many frames have come that bring nothing.
    idle_frames: usize,
    /// How long the field block is that has not ended.
    block_length: usize,
}

impl<'a> Connection<'a> {
    fn new(site: &'a Site, stream: TcpStream) -> Self {
        Self {
            site,
            stream,
            reader: Reader::default(),
            looked_at: 0,
            streams: BTreeMap::new(),
            window: WINDOW,
            initial_window: WINDOW,
            in_block: None,
            answers: 0,
            idle_frames: 0,
            block_length: 0,
        }
    }

    fn has(&self, mistake: &str) -> bool {
        self.site.has(mistake)
    }

    fn serve(&mut self) -> io::Result<()> {
        self.stream.set_nodelay(true)?;
        self.stream
            .set_read_timeout(Some(Duration::from_secs(10)))?;
        if self.has("http-1.1") {
            let _ = self.stream.read(&mut [0; 4096])?;
            return self.stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
        if self.has("never-begins") {
            return self.stream.read_to_end(&mut Vec::new()).map(drop);
        }
        let mut settings = vec![(setting::MAX_CONCURRENT_STREAMS, MAX_STREAMS as u32)];
        match () {
            () if self.has("right-empty-settings") => settings.clear(),
            () if self.has("right-large-frames") => {
                settings.push((setting::MAX_FRAME_SIZE, 1 << 20));
            }
            () if self.has("says-push") => settings.push((setting::ENABLE_PUSH, 1)),
            () if self.has("small-frames-announced") => {
                settings.push((setting::MAX_FRAME_SIZE, 1024))
            }
            () => {}
        }
        if self.has("acknowledges-first") {
            self.settings(flags::ACK, Vec::new())?;
        }
        if !self.has("no-settings") {
            self.settings(0, settings)?;
        }
        if self.has("right-window-and-ping") {
            self.send(kinds::WINDOW_UPDATE, 0, 0, Payload::WindowUpdate(1 << 20))?;
            self.send(kinds::PING, 0, 0, Payload::Ping([7; 8]))?;
        }
        let mut buffer = [0; 65536];
        loop {
            let length = match self.stream.read(&mut buffer)? {
                0 => return Ok(()),
                _ if self.has("one-read") && self.looked_at > 0 => 0,
                length => length,
            };
            self.reader.receive(&buffer[..length]);
            match self.take_all() {
                Ok(()) => {}
                Err(No::Connection(error, why)) => return self.go_away(error, why),
                Err(No::Over(error)) => return Err(error),
                // Each is answered where it occurs.
                Err(No::Stream(..)) => {}
            }
            if self.has("closes-after-an-answer") && self.answers > 0 {
                return self.finish();
            }
        }
    }

    fn take_all(&mut self) -> Result<(), No> {
        if self.reader.received().is_empty() {
            return self.is_preface_so_far();
        }
        while let Some(received) = self.reader.received().get(self.looked_at).cloned() {
            self.looked_at += 1;
            match self.take(&received) {
                Err(No::Stream(stream, error)) => {
                    self.send(kinds::RST_STREAM, 0, stream, Payload::RstStream(error))?;
                    let stream = self.streams.entry(stream).or_default();
                    stream.is_closed = true;
                    stream.unsent.clear();
                    self.note_idle_frame()?;
                }
                other => other?,
            }
        }
        match self.reader.announced() {
            Some(length) if length > MAX_FRAME_SIZE && !self.takes_long_frames() => {
                Err(No::Connection(FRAME_SIZE_ERROR, "a frame is too long"))
            }
            _ => Ok(()),
        }
    }

    fn takes_long_frames(&self) -> bool {
        self.has("any-length") || self.has("right-large-frames")
    }

    /// Ends what does not begin as HTTP/2 does.
    fn is_preface_so_far(&self) -> Result<(), No> {
        let came = self.reader.rest();
        let length = came.len().min(harness::http2::PREFACE.len());
        match came[..length] == harness::http2::PREFACE[..length] {
            true => Ok(()),
            false => Err(No::Over(io::ErrorKind::InvalidData.into())),
        }
    }

    fn take(&mut self, received: &Received) -> Result<(), No> {
        let protocol = |why| Err(No::Connection(PROTOCOL_ERROR, why));
        let frame = match &received.piece {
            Piece::Preface if self.looked_at == 1 => return Ok(()),
            Piece::Frame(frame) if self.looked_at > 1 => frame,
            _ => return Err(No::Over(io::ErrorKind::InvalidData.into())),
        };
        if self.looked_at == 2 && (frame.kind != kinds::SETTINGS || frame.has(flags::ACK)) {
            return protocol("the first frame is no SETTINGS");
        }
        if received.length > MAX_FRAME_SIZE && !self.takes_long_frames() {
            return Err(No::Connection(FRAME_SIZE_ERROR, "a frame is too long"));
        }
        if let Some((stream, _)) = self.in_block
            && (frame.kind, frame.stream) != (kinds::CONTINUATION, stream)
            && !self.has("blocks-interleaved")
        {
            return protocol("another frame within a field block");
        }
        let brings_nothing = match &frame.payload {
            Payload::Headers { .. } | Payload::PushPromise { .. } => false,
            Payload::Data(data) => data.is_empty() && !frame.ends_stream(),
            _ => true,
        };
        if brings_nothing {
            self.note_idle_frame()?;
        }
        self.is_in_its_place(frame)?;
        if matches!(frame.kind, kinds::HEADERS | kinds::CONTINUATION) {
            if frame.kind == kinds::HEADERS {
                self.block_length = 0;
            }
            self.block_length += received.length;
            if self.block_length > MOST_FIELDS && !self.has("any-fields-taken") {
                return Err(No::Connection(
                    ENHANCE_YOUR_CALM,
                    "a field block is too long",
                ));
            }
        }
        if received.undecodable.is_some() {
            if self.has("broken-block-is-one-stream") {
                return Err(No::Stream(frame.stream, PROTOCOL_ERROR));
            }
            return Err(No::Connection(COMPRESSION_ERROR, "a field block is broken"));
        }
        match &frame.payload {
            Payload::Settings(_) if frame.has(flags::ACK) => Ok(()),
            Payload::Settings(settings) => self.apply(settings),
            Payload::Ping(_) if frame.has(flags::ACK) && !self.has("answers-acks") => Ok(()),
            Payload::Ping(opaque) => {
                let answer = match () {
                    () if self.has("ping-unanswered") => return Ok(()),
                    () if self.has("ping-answered-with-zeros") => [0; 8],
                    () => *opaque,
                };
                let flags = match self.has("ping-without-ack") {
                    true => 0,
                    false => flags::ACK,
                };
                Ok(self.send(kinds::PING, flags, 0, Payload::Ping(answer))?)
            }
            Payload::WindowUpdate(increment) => self.widen(frame.stream, *increment),
            Payload::RstStream(_) => {
                if self.has("sends-behind-a-reset") {
                    return Ok(());
                }
                let Some(stream) = self.streams.get_mut(&frame.stream) else {
                    return Ok(());
                };
                let was_closed = stream.is_over();
                stream.is_closed = true;
                stream.unsent.clear();
                match was_closed && self.has("resets-answered") {
                    true => Err(No::Stream(frame.stream, STREAM_CLOSED)),
                    false => Ok(()),
                }
            }
            Payload::Priority(priority) => {
                let is_over = self.streams.get(&frame.stream).is_some_and(Stream::is_over);
                match () {
                    () if is_over && self.has("priority-of-closed-refused") => {
                        protocol("PRIORITY of a stream that is closed")
                    }
                    () if priority.on == frame.stream && self.has("right-strict-priority") => {
                        Err(No::Stream(frame.stream, PROTOCOL_ERROR))
                    }
                    () => Ok(()),
                }
            }
            Payload::Headers { block, .. } => {
                self.open(frame)?;
                self.take_fields(frame, block)
            }
            Payload::Continuation(block) => self.take_fields(frame, block),
            Payload::Data(data) => {
                self.give_back(frame, data.len(), received.length)?;
                self.take_data(frame, data)
            }
            _ => Ok(()),
        }
    }

    /// Counts a frame that brings nothing, or that gives up what another has brought.
    fn note_idle_frame(&mut self) -> Result<(), No> {
        self.idle_frames += 1;
        match self.idle_frames > MOST_IDLE_FRAMES {
            true if self.has("floods-hold-all") => {
                Err(No::Over(io::ErrorKind::QuotaExceeded.into()))
            }
            true if !self.has("floods-taken") => Err(No::Connection(
                ENHANCE_YOUR_CALM,
                "too many frames that bring nothing",
            )),
            _ => Ok(()),
        }
    }

    fn is_in_its_place(&self, frame: &Frame) -> Result<(), No> {
        let protocol = |why| Err(No::Connection(PROTOCOL_ERROR, why));
        let of_connection = matches!(frame.kind, kinds::SETTINGS | kinds::PING | kinds::GOAWAY);
        let is_known = frame.kind <= kinds::CONTINUATION;
        let of_either = frame.kind == kinds::WINDOW_UPDATE;
        if self.has("unknown-types-refused") && !is_known {
            return protocol("an unknown type");
        }
        if is_known
            && !of_either
            && of_connection != (frame.stream == 0)
            && !self.has("streams-unchecked")
        {
            return protocol("a frame on the wrong stream");
        }
        if frame.kind == kinds::PUSH_PROMISE {
            return protocol("a client cannot push");
        }
        if frame.kind == kinds::SETTINGS
            && frame.has(flags::ACK)
            && frame.payload != Payload::Settings(Vec::new())
        {
            return Err(No::Connection(FRAME_SIZE_ERROR, "an ACK with settings"));
        }
        let is_padded = frame.has(flags::PADDED);
        if is_known && matches!(frame.payload, Payload::Bytes(_)) && !self.has("lengths-unchecked")
        {
            return match frame.kind {
                kinds::DATA | kinds::HEADERS if is_padded => protocol("too much padding"),
                kinds::PRIORITY => Err(No::Stream(frame.stream, FRAME_SIZE_ERROR)),
                _ => Err(No::Connection(FRAME_SIZE_ERROR, "the wrong length")),
            };
        }
        if frame.kind == kinds::CONTINUATION
            && self.in_block.is_none()
            && !self.has("continuation-anywhere")
        {
            return protocol("nothing to continue");
        }
        let is_idle = frame.stream > 0 && self.is_idle(frame.stream);
        let opens = matches!(frame.kind, kinds::HEADERS | kinds::PRIORITY)
            || frame.kind == kinds::CONTINUATION && self.has("continuation-anywhere");
        if is_known && is_idle && !opens && !self.has("idle-streams-ignored") {
            return protocol("the stream is idle");
        }
        Ok(())
    }

    /// The server opens no streams, so those with even numbers stay idle.
    fn is_idle(&self, stream: u32) -> bool {
        let last = self.streams.keys().next_back();
        last.is_none_or(|last| *last < stream)
            || stream.is_multiple_of(2) && !self.has("even-streams-taken")
    }

    fn apply(&mut self, settings: &[(u16, u32)]) -> Result<(), No> {
        let mut settings = settings.to_vec();
        if self.has("first-value-counts") {
            settings.reverse();
        }
        for &(identifier, value) in &settings {
            match identifier {
                setting::ENABLE_PUSH if value > 1 && !self.has("any-setting") => {
                    return Err(No::Connection(PROTOCOL_ERROR, "ENABLE_PUSH is 0 or 1"));
                }
                setting::MAX_FRAME_SIZE
                    if !(16_384..1 << 24).contains(&value) && !self.has("any-setting") =>
                {
                    return Err(No::Connection(PROTOCOL_ERROR, "no size for a frame"));
                }
                setting::INITIAL_WINDOW_SIZE => {
                    if i64::from(value) > MOST_OF_A_WINDOW && !self.has("any-setting") {
                        return Err(No::Connection(
                            FLOW_CONTROL_ERROR,
                            "the window is too large",
                        ));
                    }
                    let difference = i64::from(value) - self.initial_window;
                    self.initial_window = value.into();
                    if self.site.has("settings-open-the-connection") {
                        self.window += difference.max(0);
                    }
                    if self.site.has("settings-leave-windows") {
                        continue;
                    }
                    for stream in self.streams.values_mut() {
                        stream.window += difference;
                        if self.site.has("no-window-below-zero") {
                            stream.window = stream.window.max(0);
                        }
                        if stream.window > MOST_OF_A_WINDOW {
                            let why = "the window of a stream is too large";
                            return Err(No::Connection(FLOW_CONTROL_ERROR, why));
                        }
                    }
                }
                1..=6 => {}
                _ if self.has("unknown-settings-refused") => {
                    return Err(No::Connection(PROTOCOL_ERROR, "an unknown setting"));
                }
                _ => {}
            }
        }
        if !self.has("no-ack") {
            let copied = match self.has("ack-with-settings") {
                true => settings,
                false => Vec::new(),
            };
            self.settings(flags::ACK, copied)?;
        }
        self.send_bodies()
    }

    fn widen(&mut self, stream: u32, increment: u32) -> Result<(), No> {
        let no = |error| match stream {
            0 => Err(No::Connection(error, "no such increment")),
            _ => Err(No::Stream(stream, error)),
        };
        if increment == 0 && !self.has("increments-unchecked") {
            return no(PROTOCOL_ERROR);
        }
        let has_ended = self
            .streams
            .get(&stream)
            .is_some_and(|stream| stream.has_ended);
        if has_ended && self.has("window-behind-the-end-refused") {
            return no(STREAM_CLOSED);
        }
        let window = match stream {
            0 => &mut self.window,
            _ => &mut self.streams.entry(stream).or_default().window,
        };
        *window += i64::from(increment);
        let most = MOST_OF_A_WINDOW + i64::from(self.site.has("one-byte-too-much"));
        if *window > most && !self.site.has("increments-unchecked") {
            return no(FLOW_CONTROL_ERROR);
        }
        self.send_bodies()
    }

    fn open(&mut self, frame: &Frame) -> Result<(), No> {
        if frame.stream.is_multiple_of(2) && !self.has("even-streams-taken") {
            return Err(No::Connection(PROTOCOL_ERROR, "no stream of a client"));
        }
        let is_known = self.streams.get(&frame.stream);
        match is_known {
            Some(stream) if stream.is_over() && self.has("closed-streams-reopened") => {
                self.streams.remove(&frame.stream);
            }
            Some(stream) if stream.has_ended => {
                return Err(No::Connection(STREAM_CLOSED, "the stream has ended"));
            }
            None if !self.is_idle(frame.stream) && !self.has("old-streams-opened") => {
                return Err(No::Connection(PROTOCOL_ERROR, "the stream is over"));
            }
            None => {
                let open = self.streams.values().filter(|stream| !stream.is_over());
                if open.count() >= MAX_STREAMS && !self.has("any-number-of-streams") {
                    // Its fields count for the table all the same.
                    self.in_block =
                        (!frame.has(flags::END_HEADERS)).then_some((frame.stream, true));
                    return Err(No::Stream(frame.stream, REFUSED_STREAM));
                }
            }
            _ => {}
        }
        let window = self.initial_window;
        let stream = self.streams.entry(frame.stream).or_insert(Stream {
            window,
            ..Stream::default()
        });
        // A second section is trailers.
        if !stream.fields.is_empty() && !frame.has(flags::END_STREAM) {
            return Err(No::Stream(frame.stream, PROTOCOL_ERROR));
        }
        self.in_block = Some((frame.stream, frame.has(flags::END_STREAM)));
        Ok(())
    }

    fn take_fields(&mut self, frame: &Frame, block: &[FieldLine]) -> Result<(), No> {
        if !frame.has(flags::END_HEADERS) {
            return Ok(());
        }
        let (number, ends) = self.in_block.take().unwrap_or((frame.stream, true));
        let is_request = self
            .streams
            .get(&number)
            .is_none_or(|stream| stream.fields.is_empty());
        if is_request {
            let malformed = self.is_malformed(block);
            if malformed {
                return Err(No::Stream(number, PROTOCOL_ERROR));
            }
        } else if block.iter().any(is_pseudo) && !self.has("pseudo-fields-unchecked") {
            return Err(No::Stream(number, PROTOCOL_ERROR));
        }
        let Some(stream) = self.streams.get_mut(&number) else {
            return Ok(());
        };
        if is_request {
            for line in block {
                if let FieldLine::Field { name, value, .. } = line {
                    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                    stream.fields.push((text(name), text(value)));
                }
            }
        }
        stream.has_ended |= ends;
        match stream.has_ended && !stream.is_closed {
            true => self.answer(number),
            false => Ok(()),
        }
    }

    fn is_malformed(&self, block: &[FieldLine]) -> bool {
        let names: Vec<&[u8]> = block
            .iter()
            .filter_map(|line| match line {
                FieldLine::Field { name, .. } => Some(&**name),
                _ => None,
            })
            .collect();
        let count = |name: &[u8]| names.iter().filter(|one| **one == name).count();
        let pseudo: [&[u8]; 4] = [b":method", b":scheme", b":path", b":authority"];
        let first_regular = names.iter().position(|name| !name.starts_with(b":"));
        let last_pseudo = names.iter().rposition(|name| name.starts_with(b":"));
        let is_out_of_order = first_regular.is_some_and(|first| last_pseudo > Some(first));
        let is_unknown = names
            .iter()
            .any(|name| name.starts_with(b":") && !pseudo.contains(name));
        let is_missing =
            pseudo[..3].iter().any(|name| count(name) != 1) || count(b":authority") > 1;
        let is_connect = field(block, b":method") == Some(b"CONNECT");
        let is_pathless = field(block, b":path") == Some(b"");
        let of_connection: [&[u8]; 5] = [
            b"connection",
            b"keep-alive",
            b"proxy-connection",
            b"transfer-encoding",
            b"upgrade",
        ];
        let is_te = field(block, b"te").is_some_and(|value| value != b"trailers");
        let is_space = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
        let has_odd_value = block.iter().any(|line| {
            matches!(line, FieldLine::Field { value, .. }
                if is_space(value.first()) || is_space(value.last())
                    || value.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n')))
        });
        let is_odd = |name: &&&[u8]| {
            let token = name.strip_prefix(b":").unwrap_or(name);
            token
                .iter()
                .any(|byte| *byte <= b' ' || *byte >= 0x7f || *byte == b':')
        };
        let is_odd_name = names.iter().any(|name| is_odd(&name));
        let host = field(block, b"host");
        let differs =
            host.is_some_and(|host| field(block, b":authority").is_some_and(|one| one != host));
        let sizes = block.iter().map(|line| match line {
            FieldLine::Field { name, value, .. } => name.len() + value.len() + 32,
            _ => 0,
        });
        let is_long = sizes.sum::<usize>() > MOST_FIELDS && !self.has("any-fields-taken");
        is_long
            || (is_out_of_order && !self.has("pseudo-fields-anywhere"))
            || (is_unknown && !self.has("pseudo-fields-unchecked"))
            || (is_missing && !is_connect && !self.has("pseudo-fields-missing"))
            || is_pathless
            || (names
                .iter()
                .any(|name| name.iter().any(u8::is_ascii_uppercase))
                && !self.has("capital-letters-taken"))
            || (names.iter().any(|name| of_connection.contains(name))
                && !self.has("connection-fields-taken"))
            || (is_te && !self.has("any-te-taken"))
            || (has_odd_value && !self.has("any-value-taken"))
            || is_odd_name
            || (differs && !self.has("any-host-taken"))
    }

    /// Raises the windows by what a frame has taken of them, of which so much is data.
    fn give_back(&mut self, frame: &Frame, data: usize, length: usize) -> io::Result<()> {
        let length = match self.has("padding-kept") {
            true => data,
            false => length,
        };
        let stream = self.streams.get(&frame.stream);
        let is_over = stream.is_none_or(|stream| stream.is_over() || stream.has_ended);
        if length == 0 || self.has("windows-kept") || is_over && self.has("reset-bodies-kept") {
            return Ok(());
        }
        let increment = Payload::WindowUpdate(length as u32);
        if !is_over && !frame.ends_stream() {
            self.send(kinds::WINDOW_UPDATE, 0, frame.stream, increment.clone())?;
        }
        self.send(kinds::WINDOW_UPDATE, 0, 0, increment)
    }

    fn take_data(&mut self, frame: &Frame, data: &[u8]) -> Result<(), No> {
        let ignores_the_end = self.has("data-behind-the-end-taken");
        let Some(stream) = self.streams.get_mut(&frame.stream) else {
            return Ok(());
        };
        if stream.is_closed {
            return Ok(());
        }
        if stream.has_ended {
            return match ignores_the_end {
                true => Ok(()),
                false => Err(No::Stream(frame.stream, STREAM_CLOSED)),
            };
        }
        stream.body.extend(data);
        stream.has_ended = frame.has(flags::END_STREAM);
        if stream.has_ended && !stream.is_closed {
            return self.answer(frame.stream);
        }
        Ok(())
    }

    fn answer(&mut self, number: u32) -> Result<(), No> {
        let stream = &self.streams[&number];
        let value = |wanted: &str| {
            let found = stream.fields.iter().find(|(name, _)| name == wanted);
            found.map_or(String::new(), |(_, value)| value.clone())
        };
        let announced = value("content-length");
        let is_true = announced.is_empty() || announced == stream.body.len().to_string();
        if !is_true {
            return Err(No::Stream(number, PROTOCOL_ERROR));
        }
        let cookies: Vec<&str> = stream
            .fields
            .iter()
            .filter(|(name, _)| name == "cookie")
            .map(|(_, value)| &**value)
            .collect();
        let mut fields = stream.fields.clone();
        fields.retain(|(name, _)| !name.starts_with(':') && name != "cookie");
        fields.push(("cookie".to_owned(), cookies.join("; ")));
        let (method, target) = (value(":method"), value(":path"));
        let request = Request {
            line: format!("{method} {target} HTTP/2"),
            method: method.clone(),
            target,
            fields,
            body: stream.body.clone(),
            ..Request::default()
        };
        let response = self.site.respond(&request);
        self.answers += 1;
        self.send_answer(number, &method, response)
    }

    fn send_answer(&mut self, number: u32, method: &str, response: Response) -> Result<(), No> {
        let target = match () {
            () if self.has("answers-on-stream-1") => 1,
            () if self.has("answers-on-an-even-stream") => number + 1,
            () => number,
        };
        let waits = method == "HEAD" && self.has("head-waits-for-a-window");
        if waits && self.streams[&number].window <= 0 {
            return Ok(());
        }
        let has_content = !response.body.is_empty()
            && !matches!(response.status, 204 | 304)
            && (method != "HEAD" || self.has("body-of-head"));
        if self.has("pushes") {
            let promised = Payload::PushPromise {
                promised: 2 * number,
                block: vec![FieldLine::new(":method", "GET")],
            };
            self.send(kinds::PUSH_PROMISE, flags::END_HEADERS, target, promised)?;
        }
        if self.has("data-first") && has_content {
            self.send(kinds::DATA, 0, target, Payload::Data(response.body.clone()))?;
        }
        let block = self.fields_of(&response);
        let ends = match has_content || self.has("no-end") {
            true => 0,
            false => flags::END_STREAM,
        };
        match () {
            () if self.has("right-continuation") => {
                let (first, rest) = block.split_at(1);
                self.section(target, ends, first.to_vec())?;
                self.send(
                    kinds::CONTINUATION,
                    flags::END_HEADERS,
                    target,
                    Payload::Continuation(rest.to_vec()),
                )?;
            }
            () if self.has("block-torn-apart") => {
                let (first, rest) = block.split_at(1);
                self.section(target, ends, first.to_vec())?;
                self.send(kinds::PING, 0, 0, Payload::Ping([1; 8]))?;
                self.send(
                    kinds::CONTINUATION,
                    flags::END_HEADERS,
                    target,
                    Payload::Continuation(rest.to_vec()),
                )?;
            }
            () => self.section(target, ends | flags::END_HEADERS, block)?,
        }
        if !has_content {
            return Ok(());
        }
        if self.has("one-frame") || self.has("beyond-the-window") {
            let end = flags::END_STREAM;
            let body = match self.has("beyond-the-window") {
                true => vec![b'x'; MAX_FRAME_SIZE],
                false => vec![b'x'; 20_000],
            };
            for _ in 0..4 * usize::from(self.has("beyond-the-window")) {
                self.send(kinds::DATA, 0, target, Payload::Data(body.clone()))?;
            }
            return Ok(self.send(kinds::DATA, end, target, Payload::Data(body))?);
        }
        if let Some(stream) = self.streams.get_mut(&number) {
            stream.unsent = response.body;
        }
        self.send_bodies()
    }

    /// HEADERS with this block.
    fn section(&mut self, stream: u32, flags: u8, block: Vec<FieldLine>) -> io::Result<()> {
        let payload = Payload::Headers {
            priority: None,
            block,
        };
        self.send(kinds::HEADERS, flags, stream, payload)
    }

    fn fields_of(&mut self, response: &Response) -> Vec<FieldLine> {
        let mut lines = vec![("date".to_owned(), Response::date(self.site))];
        for (name, value) in &response.fields {
            lines.push((name.to_ascii_lowercase(), value.clone()));
        }
        let length = match self.has("length-one-short") {
            true => response.body.len().saturating_sub(1),
            false => response.body.len(),
        };
        if !matches!(response.status, 204 | 304) && !self.has("right-no-length") {
            lines.push(("content-length".to_owned(), length.to_string()));
        }
        let status = match self.has("reason-phrase") {
            true => format!("{} OK", response.status),
            false => response.status.to_string(),
        };
        match () {
            () if self.has("connection-close") => lines.push(("connection".into(), "close".into())),
            () if self.has("transfer-encoding") => {
                lines.push(("transfer-encoding".into(), "chunked".into()));
            }
            () if self.has("capital-letters") => lines[0].0 = "Date".into(),
            () if self.has("line-end-in-a-value") => lines[0].1 += "\r\n",
            () if self.has("status-last") => lines.push((":status".into(), status.clone())),
            () if self.has("path-in-an-answer") => lines.insert(0, (":path".into(), "/".into())),
            () if self.has("right-fields-reversed") => lines.reverse(),
            () => {}
        }
        if !self.has("status-last") && !self.has("no-status") {
            lines.insert(0, (":status".to_owned(), status));
        }
        let indexing = match () {
            () if self.has("right-dynamic-table") => Indexing::With,
            () if self.has("right-never-indexed") => Indexing::Never,
            () => Indexing::Plain,
        };
        let mut block: Vec<FieldLine> = lines
            .into_iter()
            .map(|(name, value)| FieldLine::Field {
                name: name.into_bytes(),
                value: value.into_bytes(),
                indexing,
                huffman: self.has("right-huffman"),
            })
            .collect();
        match () {
            // The second answer counts on an entry that the first did not add.
            () if self.has("table-out-of-step") && self.answers > 1 => {
                block.push(FieldLine::Index(62));
            }
            () if self.has("index-0") => block.push(FieldLine::Index(0)),
            () if self.has("table-too-large") => block.insert(0, FieldLine::Size(8192)),
            () if self.has("huffman-padded-with-zeros") => {
                // `a` is 00011, and the padding behind it ones.
                block.push(FieldLine::Bytes(vec![0x00, 0x01, b'x', 0x81, 0b0001_1000]));
            }
            () => {}
        }
        block
    }

    /// Sends what the windows have room for.
    fn send_bodies(&mut self) -> Result<(), No> {
        let numbers: Vec<u32> = self.streams.keys().copied().collect();
        for number in numbers {
            while let Some(stream) = self.streams.get_mut(&number) {
                let of_connection = match self.site.has("connection-window-uncounted") {
                    true => MOST_OF_A_WINDOW,
                    false => self.window,
                };
                let room = of_connection.min(stream.window).max(0) as usize;
                let most = match self.site.has("right-small-frames") {
                    true => 5,
                    false => MAX_FRAME_SIZE,
                };
                let length = stream.unsent.len().min(most).min(room);
                if length == 0 {
                    break;
                }
                let piece: Vec<u8> = stream.unsent.drain(..length).collect();
                stream.window -= length as i64;
                self.window -= length as i64;
                let is_last = stream.unsent.is_empty();
                let ends_later = self.site.has("right-empty-last-frame") || self.site.has("no-end");
                let end = match is_last && !ends_later {
                    true => flags::END_STREAM,
                    false => 0,
                };
                let target = match () {
                    () if self.site.has("answers-on-stream-1") => 1,
                    () if self.site.has("answers-on-an-even-stream") => number + 1,
                    () => number,
                };
                self.send(kinds::DATA, end, target, Payload::Data(piece))?;
                if is_last && self.site.has("right-empty-last-frame") {
                    self.send(
                        kinds::DATA,
                        flags::END_STREAM,
                        target,
                        Payload::Data(Vec::new()),
                    )?;
                }
                if is_last && self.site.has("data-behind-the-end") {
                    self.send(kinds::DATA, 0, target, Payload::Data(b"more".to_vec()))?;
                }
            }
        }
        Ok(())
    }

    fn settings(&mut self, flags: u8, settings: Vec<(u16, u32)>) -> io::Result<()> {
        self.send(kinds::SETTINGS, flags, 0, Payload::Settings(settings))
    }

    fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: Payload) -> io::Result<()> {
        let frame = Frame::new(kind, flags, stream, payload);
        self.stream.write_all(&bytes_of(&[Piece::Frame(frame)]))
    }

    fn go_away(&mut self, error: u32, why: &str) -> io::Result<()> {
        if self.has("right-no-goaway") {
            return self.finish();
        }
        let last = self.streams.keys().next_back().copied().unwrap_or(0);
        let error = match () {
            () if self.has("right-generic-error") => PROTOCOL_ERROR,
            () if self.has("goaway-without-error") => 0,
            () => error,
        };
        let payload = Payload::GoAway {
            last,
            error,
            debug: why.as_bytes().to_vec(),
        };
        self.send(kinds::GOAWAY, 0, 0, payload)?;
        if self.has("goaway-and-open") {
            return self.stream.read_to_end(&mut Vec::new()).map(drop);
        }
        self.finish()
    }

    /// Ends the connection, and reads what still comes, which would make the end a reset.
    fn finish(&mut self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)?;
        self.stream.read_to_end(&mut Vec::new()).map(drop)
    }
}

fn is_pseudo(line: &FieldLine) -> bool {
    matches!(line, FieldLine::Field { name, .. } if name.starts_with(b":"))
}
