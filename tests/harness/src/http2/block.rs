//! Field blocks (RFC 7541): how what is sent is written, a field line at a time.

/// One thing that stands in a field block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldLine {
    /// A name and a value. Where nothing is said of the encoding, it is the plainest.
    Field {
        name: Vec<u8>,
        value: Vec<u8>,
        indexing: Indexing,
        huffman: bool,
    },
    /// An indexed field line.
    Index(usize),
    /// A dynamic table size update.
    Size(usize),
    /// Bytes of the block, whatever they mean.
    Bytes(Vec<u8>),
}

/// Which representation a field line gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Indexing {
    /// By its index, where it is in the static table, else as a literal without indexing.
    Plain,
    /// A literal without indexing.
    Without,
    With,
    Never,
}

impl FieldLine {
    /// A field line in the plainest encoding.
    pub fn new(name: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        Self::Field {
            name: name.into(),
            value: value.into(),
            indexing: Indexing::Plain,
            huffman: false,
        }
    }

    /// Adds what stands for it to a field block.
    pub fn write(&self, block: &mut Vec<u8>) {
        match self {
            Self::Field {
                name,
                value,
                indexing,
                huffman,
            } => {
                let whole = STATIC_TABLE
                    .iter()
                    .position(|(known, its)| known.as_bytes() == name && its.as_bytes() == value);
                if let (Some(position), Indexing::Plain) = (whole, indexing) {
                    return integer(block, 0x80, 7, position + 1);
                }
                let (pattern, prefix) = match indexing {
                    Indexing::With => (0x40, 6),
                    Indexing::Never => (0x10, 4),
                    Indexing::Plain | Indexing::Without => (0x00, 4),
                };
                let known = STATIC_TABLE
                    .iter()
                    .position(|(known, _)| known.as_bytes() == name);
                integer(block, pattern, prefix, known.map_or(0, |known| known + 1));
                if known.is_none() {
                    string(block, name, *huffman);
                }
                string(block, value, *huffman);
            }
            Self::Index(index) => integer(block, 0x80, 7, *index),
            Self::Size(size) => integer(block, 0x20, 5, *size),
            Self::Bytes(bytes) => block.extend(bytes),
        }
    }
}

/// RFC 7541 §5.1: what does not fit into so many bits follows in groups of seven.
fn integer(block: &mut Vec<u8>, pattern: u8, prefix: u32, value: usize) {
    let most = (1 << prefix) - 1;
    if value < most {
        block.push(pattern | value as u8);
        return;
    }
    block.push(pattern | most as u8);
    let mut rest = value - most;
    while rest >= 128 {
        block.push((rest % 128) as u8 | 128);
        rest /= 128;
    }
    block.push(rest as u8);
}

/// RFC 7541 §5.2.
fn string(block: &mut Vec<u8>, text: &[u8], huffman: bool) {
    if !huffman {
        integer(block, 0, 7, text.len());
        block.extend(text);
        return;
    }
    let mut coded = Vec::new();
    httlib_huffman::encode(text, &mut coded).expect("every byte has a code");
    integer(block, 0x80, 7, coded.len());
    block.extend(coded);
}

/// RFC 7541, Appendix A.
const STATIC_TABLE: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

#[cfg(test)]
mod tests {
    use super::*;
    use loona_hpack::Decoder;

    fn field(name: &str, value: &str, indexing: Indexing, huffman: bool) -> FieldLine {
        FieldLine::Field {
            name: name.into(),
            value: value.into(),
            indexing,
            huffman,
        }
    }

    fn written(line: &FieldLine) -> Vec<u8> {
        let mut block = Vec::new();
        line.write(&mut block);
        block
    }

    /// The static table is the one that the crate has, which others have read too.
    #[test]
    fn the_static_table() {
        for (position, (name, value)) in STATIC_TABLE.iter().enumerate() {
            let block = written(&FieldLine::Index(position + 1));
            let decoded = Decoder::new().decode(&block).unwrap();
            assert_eq!(
                decoded,
                [(name.as_bytes().to_vec(), value.as_bytes().to_vec())]
            );
        }
    }

    #[test]
    fn what_is_written_can_be_read() {
        let long = "ü".repeat(2000);
        for (name, value) in [
            (":method", "GET"),
            (":path", "/hello"),
            ("x-a", ""),
            ("", "x"),
            ("x-long", &long),
        ] {
            for indexing in [
                Indexing::Plain,
                Indexing::Without,
                Indexing::With,
                Indexing::Never,
            ] {
                for huffman in [false, true] {
                    let block = written(&field(name, value, indexing, huffman));
                    let decoded = Decoder::new().decode(&block).unwrap();
                    assert_eq!(decoded, [(name.into(), value.into())]);
                }
            }
        }
        let every_byte: Vec<u8> = (0..=255).collect();
        let mut block = vec![0x00, 0x01, b'a'];
        string(&mut block, &every_byte, true);
        let decoded = Decoder::new().decode(&block).unwrap();
        assert_eq!(decoded, [(b"a".to_vec(), every_byte)]);
    }

    /// RFC 7541, Appendix C.
    #[test]
    fn examples_of_the_rfc() {
        let without = |name, value| field(name, value, Indexing::Without, false);
        for (line, block) in [
            (
                field("custom-key", "custom-header", Indexing::With, false),
                &b"\x40\x0acustom-key\x0dcustom-header"[..],
            ),
            (without(":path", "/sample/path"), b"\x04\x0c/sample/path"),
            (
                field("password", "secret", Indexing::Never, false),
                b"\x10\x08password\x06secret",
            ),
            (FieldLine::new(":method", "GET"), b"\x82"),
            (
                field(":authority", "www.example.com", Indexing::With, true),
                b"\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff",
            ),
            (FieldLine::Size(4096), b"\x3f\xe1\x1f"),
        ] {
            assert_eq!(written(&line), block, "{line:?}");
        }
    }
}
