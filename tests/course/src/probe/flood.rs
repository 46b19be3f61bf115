//! What a case in HTTP/2 sends many times, and bodies that are sent as the windows open.

use std::time::{Duration, Instant};

use harness::http2::{Frame, Message, Payload, Piece, bytes_of, flags, kinds, setting};

use super::conversation::Departure;
use super::frames::Talk;

/// Frames that are sent many times.
#[derive(Clone, Debug)]
pub struct Flood {
    pub times: Times,
    /// Whether each time has the next stream that a client may open.
    pub is_next_stream: bool,
    pub frames: Vec<Piece>,
}

/// How many times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    Fixed(usize),
    /// Once more than the streams that the server takes at a time.
    PastTheStreams,
    /// As often as the page has to be sent to fill the window of the connection.
    FillTheWindow,
}

/// How much lies in the socket before the flood looks at what has come.
const PIECE: usize = 4096;

/// The most streams at a time that are opened to exceed them.
const MOST_STREAMS: usize = 1000;
/// The most answers that fill a window. RFC 9113 §6.5.2 advises against fewer streams at a time
/// than 100.
const MOST_ANSWERS: usize = 90;

/// The window of a connection at its beginning (RFC 9113 §6.9.2).
pub const WINDOW: usize = 65_535;

impl Flood {
    /// Reads `* 1000 times, each over the next stream`.
    pub fn parse_times(line: &str) -> Option<(Times, bool)> {
        let line = line.strip_prefix("* ")?;
        let (words, is_next_stream) = match line.strip_suffix(", each over the next stream") {
            Some(words) => (words, true),
            None => (line, false),
        };
        let times = match words {
            "once more than the streams that the server takes" => Times::PastTheStreams,
            "as often as fills the window" => Times::FillTheWindow,
            _ => Times::Fixed(words.strip_suffix(" times")?.parse().ok()?),
        };
        Some((times, is_next_stream))
    }

    /// The frames of one of the times, counted from 0.
    fn frames_of(&self, time: usize) -> Vec<Piece> {
        let mut frames = self.frames.clone();
        if self.is_next_stream {
            for piece in &mut frames {
                if let Piece::Frame(frame) = piece
                    && frame.stream > 0
                {
                    frame.stream += 2 * time as u32;
                }
            }
        }
        frames
    }

    /// How many times it is, for a server that takes so many streams, and a page of so many
    /// bytes.
    ///
    /// # Errors
    /// Why that is not tried.
    pub fn fixed(self, streams: Option<usize>, page: usize) -> Result<Self, &'static str> {
        let times = match self.times {
            Times::Fixed(times) => times,
            Times::PastTheStreams => match streams {
                None => return Err("the server announces no limit of streams"),
                Some(MOST_STREAMS..) => return Err("the server takes thousands of streams"),
                Some(most) => most + 1,
            },
            Times::FillTheWindow => match WINDOW.checked_div(page) {
                Some(times) if times < MOST_ANSWERS => times + 2,
                _ => return Err("the page is too short to fill a window"),
            },
        };
        Ok(Self {
            times: Times::Fixed(times),
            ..self
        })
    }

    /// What is said of it in a report.
    pub fn words(&self) -> String {
        let times = match self.times {
            Times::Fixed(times) => times.to_string(),
            Times::PastTheStreams | Times::FillTheWindow => "many".to_owned(),
        };
        let streams = match self.is_next_stream {
            true => ", each over the next stream",
            false => "",
        };
        format!("({times} times{streams})")
    }

    /// Sends it, and takes what comes meanwhile: a server that cannot send may stop to read.
    /// It ends where the connection does.
    pub fn send(&self, talk: &mut Talk) -> Result<(), Departure> {
        let Times::Fixed(times) = self.times else {
            return Ok(());
        };
        let mut bytes = Vec::new();
        for time in 0..times {
            let frames = self.frames_of(time);
            bytes.extend(bytes_of(&frames));
            talk.sent.extend(frames);
            if bytes.len() >= PIECE || time + 1 == times {
                talk.write(&bytes);
                bytes.clear();
                talk.receive_what_is_there()?;
                if talk.is_closed {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// A body that is sent as the windows open.
#[derive(Clone, Debug)]
pub struct Upload {
    stream: u32,
    length: usize,
    /// How many bytes of it each frame has, and how much padding.
    piece: usize,
    padding: Option<u8>,
}

impl Upload {
    /// Reads `* 1000 bytes over stream 1, 10 in a frame, padded with 5`.
    pub fn parse(line: &str) -> Option<Self> {
        let line = line.strip_prefix("* ")?;
        let (length, rest) = line.split_once(" bytes over stream ")?;
        let (stream, rest) = rest.split_once(", ")?;
        let (piece, rest) = rest.split_once(" in a frame")?;
        let padding = match rest {
            "" => None,
            rest => Some(rest.strip_prefix(", padded with ")?.parse().ok()?),
        };
        Some(Self {
            stream: stream.parse().ok()?,
            length: length.parse().ok()?,
            piece: piece.parse().ok()?,
            padding,
        })
    }

    /// What is said of it in a report.
    pub fn words(&self) -> String {
        let padding = match self.padding {
            Some(padding) => format!(" and {padding} of padding"),
            None => String::new(),
        };
        format!(
            "(a body of {} bytes over stream {}, {}{padding} in a frame, as the windows open)",
            self.length, self.stream, self.piece
        )
    }

    /// Sends it. It ends where the stream has its answer, and where the connection ends.
    ///
    /// # Errors
    /// The windows stay closed.
    pub fn send(&self, talk: &mut Talk, patience: Duration) -> Result<(), Departure> {
        let padding = self.padding.map_or(0, |padding| usize::from(padding) + 1);
        let mut left = self.length;
        while left > 0 && !self.is_over(talk) {
            let length = left.min(self.piece);
            let room = room(talk, 0).min(room(talk, self.stream));
            if room < (length + padding) as i64 {
                if !talk.receive(Instant::now() + patience)? {
                    let problem = format!(
                        "the windows stay closed when {} of {} bytes have been sent: the client \
                         may send {room}",
                        self.length - left,
                        self.length
                    );
                    return Err(Departure::new(problem));
                }
                continue;
            }
            left -= length;
            let end = if left == 0 { flags::END_STREAM } else { 0 };
            let padded = self.padding.map_or(0, |_| flags::PADDED);
            let data = Payload::Data(vec![b'a'; length]);
            let mut frame = Frame::new(kinds::DATA, end | padded, self.stream, data);
            frame.padding = self.padding;
            talk.send(&[Piece::Frame(frame)]);
            talk.receive_what_is_there()?;
        }
        Ok(())
    }

    /// Whether the rest of it is not wanted.
    fn is_over(&self, talk: &Talk) -> bool {
        let Message {
            is_whole, reset, ..
        } = talk.message(self.stream);
        talk.is_closed || is_whole || reset.is_some()
    }
}

/// How much the client may send over a stream, or for 0 over the connection.
fn room(talk: &Talk, stream: u32) -> i64 {
    let mut room = WINDOW as i64;
    for frame in talk.frames() {
        match &frame.payload {
            Payload::Settings(settings) if stream > 0 && !frame.has(flags::ACK) => {
                for (identifier, value) in settings {
                    if *identifier == setting::INITIAL_WINDOW_SIZE {
                        room = i64::from(*value);
                    }
                }
            }
            _ => {}
        }
    }
    for frame in talk.frames().filter(|frame| frame.stream == stream) {
        if let Payload::WindowUpdate(increment) = frame.payload {
            room += i64::from(increment);
        }
    }
    room - talk.sent_data(stream)
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness::http2;

    #[test]
    fn times_are_read() {
        let read = |line| Flood::parse_times(line);
        assert_eq!(read("* 10 times"), Some((Times::Fixed(10), false)));
        assert_eq!(
            read("* as often as fills the window, each over the next stream"),
            Some((Times::FillTheWindow, true))
        );
        assert_eq!(read("* ten times"), None);
        assert_eq!(read("* the client waits"), None);
    }

    #[test]
    fn streams_go_up() {
        let flood = Flood {
            times: Times::PastTheStreams,
            is_next_stream: true,
            frames: http2::read("PING 0 0011223344556677\nRST_STREAM 3 CANCEL\n").unwrap(),
        };
        let sent = http2::show(&flood.frames_of(2));
        assert_eq!(sent, ["PING 0 0011223344556677", "RST_STREAM 7 CANCEL"]);
        let flood = flood.fixed(Some(100), 0).unwrap();
        assert_eq!(flood.times, Times::Fixed(101));
        assert_eq!(flood.words(), "(101 times, each over the next stream)");
    }

    #[test]
    fn as_many_pages_as_fill_a_window() {
        let flood = |page| {
            let flood = Flood {
                times: Times::FillTheWindow,
                is_next_stream: true,
                frames: Vec::new(),
            };
            flood.fixed(None, page).map(|flood| flood.times)
        };
        assert_eq!(flood(6658), Ok(Times::Fixed(11)));
        assert!(flood(21).is_err());
        assert!(flood(0).is_err());
    }

    #[test]
    fn an_upload_is_read() {
        let upload = Upload::parse("* 300 bytes over stream 1, 1 in a frame, padded with 255");
        assert_eq!(
            upload.unwrap().words(),
            "(a body of 300 bytes over stream 1, 1 and 255 of padding in a frame, as the windows \
             open)"
        );
        assert!(Upload::parse("* 300 bytes over stream 1").is_none());
    }
}
