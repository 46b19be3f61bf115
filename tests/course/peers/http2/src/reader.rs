//! Reads what the connection sends, with code that is not `common`'s, and holds each frame
//! against the rules of RFC 9113 and against what the client has sent.

use std::collections::BTreeMap;

use httlib_hpack::Decoder;

use crate::client::{Client, FIRST_WINDOW, Head, MAX_FRAME, number};

/// What has come on one stream.
#[derive(Debug, Default)]
pub struct Answer {
    pub status: Option<u16>,
    /// What `content-length` says.
    announced: Option<usize>,
    pub content: Vec<u8>,
    pub is_whole: bool,
    pub reset: Option<u32>,
}

pub struct Reader {
    rest: Vec<u8>,
    decoder: Decoder<'static>,
    pub answers: BTreeMap<u32, Answer>,
    /// A field block that is not whole: its stream, whether it ends that, and its bytes.
    block: Option<(u32, bool, Vec<u8>)>,
    has_settings: bool,
    initial: i64,
    /// How much DATA has come in all.
    pub data: i64,
    /// The last stream and the code of the last GOAWAY.
    pub go_away: Option<(u32, u32)>,
    pub is_asked_to_confirm: bool,
}

impl Reader {
    pub fn new() -> Self {
        Self {
            rest: Vec::new(),
            decoder: Decoder::default(),
            answers: BTreeMap::new(),
            block: None,
            has_settings: false,
            initial: FIRST_WINDOW,
            data: 0,
            go_away: None,
            is_asked_to_confirm: false,
        }
    }

    /// How much of the window of the connection, or of a stream, is left.
    pub fn room(&self, client: &Client, stream: u32) -> i64 {
        if stream == 0 {
            return FIRST_WINDOW + client.raised - self.data;
        }
        let raised = client.raised_streams.get(&stream).copied().unwrap_or(0);
        let used = self.answers.get(&stream).map_or(0, |one| one.content.len());
        self.initial + raised - used as i64
    }

    /// Whether the connection was ended for a fault.
    pub fn has_failed(&self) -> bool {
        self.go_away.is_some_and(|(_, code)| code != 0)
    }

    /// Whether all frames that have begun are whole.
    pub fn is_between_frames(&self) -> bool {
        self.rest.is_empty() && self.block.is_none()
    }

    /// Takes what the connection has sent.
    pub fn take(&mut self, bytes: &[u8], client: &mut Client) {
        self.rest.extend_from_slice(bytes);
        let rest = std::mem::take(&mut self.rest);
        let mut behind = &*rest;
        while let Some((head, payload)) = Head::read(behind) {
            behind = &behind[9 + head.length..];
            self.take_frame(head, payload, client);
        }
        self.rest = behind.to_vec();
    }

    fn take_frame(&mut self, head: Head, payload: &[u8], client: &mut Client) {
        assert!(head.length <= MAX_FRAME, "{head:?}");
        assert!(!self.has_failed(), "{head:?} behind a GOAWAY that ends all");
        let is_settings = head.kind == 4 && head.flags & 1 == 0;
        assert_eq!(is_settings, !self.has_settings, "{head:?}");
        let is_continuation = head.kind == 9;
        assert_eq!(is_continuation, self.block.is_some(), "{head:?}");
        match head.kind {
            0 => self.take_data(head, payload, client),
            1 => {
                assert_eq!(head.flags & !0x05, 0, "{head:?}");
                let block = (head.stream, head.flags & 1 != 0, payload.to_vec());
                self.block = Some(block);
                self.end_block(head, client);
            }
            9 => {
                let (stream, _, block) = self.block.as_mut().expect("a block");
                assert_eq!(*stream, head.stream);
                block.extend_from_slice(payload);
                self.end_block(head, client);
            }
            3 => {
                assert_eq!((payload.len(), head.flags), (4, 0));
                let code = number(payload);
                assert!([0, 1, 3, 5, 6, 7, 8].contains(&code), "RST_STREAM {code}");
                assert!(head.stream % 2 == 1 && head.stream <= client.highest);
                let answer = self.answers.entry(head.stream).or_default();
                // What the client need not send is asked for only where the answer is whole.
                assert!(code != 0 || answer.is_whole, "{head:?}");
                assert_eq!(answer.reset.replace(code), None, "{head:?} again");
            }
            4 if is_settings => {
                assert!(head.stream == 0 && head.length % 6 == 0);
                self.has_settings = true;
            }
            4 => {
                assert_eq!((head.stream, head.length), (0, 0));
                let settings = client.settings.pop_front();
                let initial = settings.expect("nothing was to be acknowledged");
                self.initial = initial.unwrap_or(self.initial);
            }
            6 if head.flags & 1 != 0 => {
                assert_eq!(
                    client.pings.pop_front().as_ref().map(|ping| &ping[..]),
                    Some(payload)
                );
            }
            6 => {
                assert!(payload == b"last one" && !self.is_asked_to_confirm);
                self.is_asked_to_confirm = true;
            }
            7 => {
                let (last, code) = (number(payload), number(&payload[4..]));
                assert!([0, 1, 3, 5, 6, 9, 11].contains(&code), "GOAWAY {code}");
                let is_first_of_two = code == 0 && last == 0x7fff_ffff;
                assert!(is_first_of_two || last <= client.highest, "GOAWAY {last}");
                if let Some((before, _)) = self.go_away {
                    assert!(last <= before);
                }
                self.go_away = Some((last, code));
            }
            8 => {
                assert_eq!(payload.len(), 4);
                let by = number(payload);
                assert!((1..1 << 31).contains(&by));
                assert!(head.stream == 0 || head.stream <= client.highest);
            }
            _ => panic!("{head:?}"),
        }
    }

    fn take_data(&mut self, head: Head, payload: &[u8], client: &Client) {
        assert_eq!(head.flags & !0x01, 0, "{head:?}");
        let answer = self.answers.entry(head.stream).or_default();
        assert!(answer.status.is_some_and(|status| status >= 200));
        assert!(!answer.is_whole && answer.reset.is_none(), "{head:?}");
        answer.content.extend_from_slice(payload);
        answer.is_whole = head.flags & 1 != 0;
        answer.check_length();
        self.data += payload.len() as i64;
        if !payload.is_empty() {
            assert!(self.room(client, 0) >= 0, "{head:?}");
            assert!(self.room(client, head.stream) >= 0, "{head:?}");
        }
    }

    fn end_block(&mut self, head: Head, client: &Client) {
        if head.flags & 4 == 0 {
            return;
        }
        let (stream, is_last, mut block) = self.block.take().expect("a block");
        let mut fields = Vec::new();
        self.decoder
            .decode(&mut block, &mut fields)
            .expect("a field block");
        assert!(stream % 2 == 1 && stream <= client.highest, "{stream}");
        let value = |wanted: &[u8]| {
            let mut values = fields.iter().filter(|(name, ..)| name == wanted);
            let text = values
                .next()
                .map(|(_, value, _)| String::from_utf8_lossy(value));
            assert!(values.next().is_none());
            text.map(|text| text.parse().expect("a number"))
        };
        let status: u16 = value(b":status").expect("a status") as u16;
        assert_eq!(fields[0].0, b":status");
        for (name, ..) in &fields {
            assert!(!name.iter().any(u8::is_ascii_uppercase), "{fields:?}");
            assert!(name != b"connection" && name != b"transfer-encoding");
        }
        let announced = value(b"content-length");
        let answer = self.answers.entry(stream).or_default();
        assert!(!answer.is_whole && answer.reset.is_none(), "{head:?}");
        assert!(answer.status.is_none_or(|status| status < 200), "{head:?}");
        assert!(status >= 200 || !is_last);
        answer.status = Some(status);
        answer.is_whole = is_last;
        // A response to HEAD ends here, and says how long its content would be.
        answer.announced = announced.filter(|_| !is_last);
    }
}

impl Answer {
    fn check_length(&self) {
        if let Some(announced) = self.announced {
            let length = self.content.len();
            assert!(length <= announced && (!self.is_whole || length == announced));
        }
    }
}
