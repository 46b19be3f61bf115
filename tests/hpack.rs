//! The examples of RFC 7541, Appendix C: what each field block stands for, what the dynamic
//! table holds after it, and that the encoder makes the same block.

use common::dynamic_table::DEFAULT_TABLE_SIZE;
use common::encoder::Keeping;
use common::string::encode_plain;
use common::{CompressionError, DynamicTable, HpackDecoder, HpackEncoder, encode_string};

/// More than any section here has.
const MAX_SECTION: usize = 16_384;

/// One field block, in hexadecimal digits.
struct Example {
    block: &'static str,
    /// The fields that it stands for.
    fields: &'static [(&'static str, &'static str)],
    /// What the dynamic table holds then, newest first, and its size.
    table: &'static [(&'static str, &'static str)],
    size: usize,
}

const REQUEST_1: &[(&str, &str)] = &[
    (":method", "GET"),
    (":scheme", "http"),
    (":path", "/"),
    (":authority", "www.example.com"),
];
const REQUEST_2: &[(&str, &str)] = &[
    (":method", "GET"),
    (":scheme", "http"),
    (":path", "/"),
    (":authority", "www.example.com"),
    ("cache-control", "no-cache"),
];
const REQUEST_3: &[(&str, &str)] = &[
    (":method", "GET"),
    (":scheme", "https"),
    (":path", "/index.html"),
    (":authority", "www.example.com"),
    ("custom-key", "custom-value"),
];
const REQUEST_TABLE: [(&str, &str); 3] = [
    ("custom-key", "custom-value"),
    ("cache-control", "no-cache"),
    (":authority", "www.example.com"),
];
const RESPONSE_1: &[(&str, &str)] = &[
    (":status", "302"),
    ("cache-control", "private"),
    ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
    ("location", "https://www.example.com"),
];
const RESPONSE_2: &[(&str, &str)] = &[
    (":status", "307"),
    ("cache-control", "private"),
    ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
    ("location", "https://www.example.com"),
];
const COOKIE: (&str, &str) = (
    "set-cookie",
    "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
);
const RESPONSE_3: &[(&str, &str)] = &[
    (":status", "200"),
    ("cache-control", "private"),
    ("date", "Mon, 21 Oct 2013 20:13:22 GMT"),
    ("location", "https://www.example.com"),
    ("content-encoding", "gzip"),
    COOKIE,
];
const RESPONSE_TABLE_1: &[(&str, &str)] = &[
    ("location", "https://www.example.com"),
    ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
    ("cache-control", "private"),
    (":status", "302"),
];
const RESPONSE_TABLE_2: &[(&str, &str)] = &[
    (":status", "307"),
    ("location", "https://www.example.com"),
    ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
    ("cache-control", "private"),
];
const RESPONSE_TABLE_3: &[(&str, &str)] = &[
    COOKIE,
    ("content-encoding", "gzip"),
    ("date", "Mon, 21 Oct 2013 20:13:22 GMT"),
];

/// C.3 and C.4: the same requests without and with the Huffman code.
fn requests(blocks: [&'static str; 3]) -> [Example; 3] {
    let [first, second, third] = blocks;
    [
        Example {
            block: first,
            fields: REQUEST_1,
            table: &[REQUEST_TABLE[2]],
            size: 57,
        },
        Example {
            block: second,
            fields: REQUEST_2,
            table: &[REQUEST_TABLE[1], REQUEST_TABLE[2]],
            size: 110,
        },
        Example {
            block: third,
            fields: REQUEST_3,
            table: &REQUEST_TABLE,
            size: 164,
        },
    ]
}

/// C.5 and C.6: the same responses without and with the Huffman code.
fn responses(blocks: [&'static str; 3]) -> [Example; 3] {
    let [first, second, third] = blocks;
    [
        Example {
            block: first,
            fields: RESPONSE_1,
            table: RESPONSE_TABLE_1,
            size: 222,
        },
        Example {
            block: second,
            fields: RESPONSE_2,
            table: RESPONSE_TABLE_2,
            size: 222,
        },
        Example {
            block: third,
            fields: RESPONSE_3,
            table: RESPONSE_TABLE_3,
            size: 215,
        },
    ]
}

fn bytes_of(hexadecimal: &str) -> Vec<u8> {
    let digits: Vec<u32> = hexadecimal
        .chars()
        .filter_map(|digit| digit.to_digit(16))
        .collect();
    let octets = digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8);
    octets.collect()
}

fn lines(fields: &[(&'static str, &'static str)]) -> Vec<(&'static [u8], &'static [u8])> {
    let line = |&(name, value): &(&'static str, &'static str)| (name.as_bytes(), value.as_bytes());
    fields.iter().map(line).collect()
}

#[track_caller]
fn holds(table: &DynamicTable, example: &Example) {
    let held: Vec<_> = (0..table.len())
        .filter_map(|number| table.get(number))
        .collect();
    assert_eq!(held, lines(example.table));
    assert_eq!(table.size(), example.size);
}

/// Decodes the blocks one after the other, and encodes the fields again.
#[track_caller]
fn both_ways(
    examples: &[Example],
    table_size: usize,
    keeping: fn(&[u8]) -> Keeping,
    add_string: fn(&[u8], &mut Vec<u8>),
) {
    let mut decoder = HpackDecoder::new(table_size, MAX_SECTION);
    let mut encoder = HpackEncoder::new(keeping, add_string);
    encoder.allow_table_size(table_size);
    // It says its size if it is not the one that a connection begins with.
    let mut update = Vec::new();
    encoder.encode([], &mut update);
    assert_eq!(update.is_empty(), table_size == DEFAULT_TABLE_SIZE);
    for example in examples {
        let block = bytes_of(example.block);
        let section = decoder.decode(&block).expect("a field block");
        assert_eq!(
            section.lines().collect::<Vec<_>>(),
            lines(example.fields),
            "{}",
            example.block
        );
        assert!(!section.is_cut());
        holds(decoder.table(), example);
        let mut encoded = Vec::new();
        encoder.encode(lines(example.fields), &mut encoded);
        assert_eq!(encoded, block, "{:?}", example.fields);
        holds(encoder.table(), example);
    }
}

fn all_kept(_: &[u8]) -> Keeping {
    Keeping::Kept
}

#[test]
fn c_2_1_literal_that_is_kept() {
    let fields = &[("custom-key", "custom-header")];
    let example = Example {
        block: "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
        fields,
        table: fields,
        size: 55,
    };
    both_ways(&[example], DEFAULT_TABLE_SIZE, all_kept, encode_plain);
}

#[test]
fn c_2_2_literal_that_is_not_kept() {
    let example = Example {
        block: "040c 2f73 616d 706c 652f 7061 7468",
        fields: &[(":path", "/sample/path")],
        table: &[],
        size: 0,
    };
    let not_kept = |_: &[u8]| Keeping::NotKept;
    both_ways(&[example], DEFAULT_TABLE_SIZE, not_kept, encode_plain);
}

#[test]
fn c_2_3_literal_that_is_never_kept() {
    let example = Example {
        block: "1008 7061 7373 776f 7264 0673 6563 7265 74",
        fields: &[("password", "secret")],
        table: &[],
        size: 0,
    };
    let never_kept = |_: &[u8]| Keeping::NeverKept;
    both_ways(&[example], DEFAULT_TABLE_SIZE, never_kept, encode_plain);
}

#[test]
fn c_2_4_indexed_field() {
    let example = Example {
        block: "82",
        fields: &[(":method", "GET")],
        table: &[],
        size: 0,
    };
    both_ways(&[example], DEFAULT_TABLE_SIZE, all_kept, encode_plain);
}

#[test]
fn c_3_requests_without_huffman_code() {
    let examples = requests([
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    ]);
    both_ways(&examples, DEFAULT_TABLE_SIZE, all_kept, encode_plain);
}

#[test]
fn c_4_requests_with_huffman_code() {
    let examples = requests([
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ]);
    both_ways(&examples, DEFAULT_TABLE_SIZE, all_kept, encode_string);
}

#[test]
fn c_5_responses_without_huffman_code() {
    let examples = responses([
        "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 \
         2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 \
         6c65 2e63 6f6d",
        "4803 3330 37c1 c0bf",
        "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d \
         54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 \
         5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e \
         3d31",
    ]);
    both_ways(&examples, 256, all_kept, encode_plain);
}

#[test]
fn c_6_responses_with_huffman_code() {
    let examples = responses([
        "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 \
         2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
        "4883 640e ffc1 c0bf",
        "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab \
         77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f \
         9587 3160 65c0 03ed 4ee5 b106 3d50 07",
    ]);
    both_ways(&examples, 256, all_kept, encode_string);
}

#[track_caller]
fn is_refused(block: &[u8], problem: &str) {
    let mut decoder = HpackDecoder::new(DEFAULT_TABLE_SIZE, MAX_SECTION);
    let refused = decoder.decode(block).map(|_| ());
    assert_eq!(
        refused.map_err(|error: CompressionError| error.problem),
        Err(problem),
        "{block:x?}"
    );
}

#[test]
fn what_is_no_field_block() {
    is_refused(&[0x80], "there is no field with the index 0");
    is_refused(&[0xbe], "an index is beyond the tables");
    is_refused(&[0x7e, 0x01, b'a'], "an index is beyond the tables");
    is_refused(
        &[0x82, 0x20],
        "a size update is not at the beginning of its block",
    );
    is_refused(
        &[0x20, 0x3f, 0xe1, 0x1f, 0x20],
        "a size update is not at the beginning of its block",
    );
    is_refused(
        &[0x3f, 0xe2, 0x1f],
        "a size update exceeds the size announced",
    );
    for cut_off in [&[0x40][..], &[0x41, 0x02, b'a'], &[0xff], &[0x3f, 0x80]] {
        is_refused(cut_off, "the field block ends early");
    }
}

#[test]
fn two_size_updates_begin_a_block_and_the_smaller_one_evicts() {
    let mut decoder = HpackDecoder::new(DEFAULT_TABLE_SIZE, MAX_SECTION);
    decoder.decode(&[0x41, 0x01, b'a']).unwrap();
    assert_eq!(decoder.table().len(), 1);
    decoder.decode(&[0x20, 0x3f, 0xe1, 0x1f]).unwrap();
    assert_eq!(
        (decoder.table().len(), decoder.table().max_size()),
        (0, DEFAULT_TABLE_SIZE)
    );
}

#[test]
fn a_name_may_come_from_a_field_that_it_evicts() {
    // Room for one field of 34 bytes.
    let mut decoder = HpackDecoder::new(34, MAX_SECTION);
    decoder.decode(&[0x40, 1, b'a', 1, b'1']).unwrap();
    let section = decoder.decode(&[0x7e, 1, b'2']).unwrap();
    assert_eq!(section.lines().next(), Some((&b"a"[..], &b"2"[..])));
    assert_eq!(decoder.table().get(0), Some((&b"a"[..], &b"2"[..])));
    assert_eq!(decoder.table().len(), 1);
}

/// One field of 4,000 bytes, and then its index, again and again: 8 MiB out of 2 KiB.
#[test]
fn a_section_that_is_huge_is_cut_and_the_table_stays_in_step() {
    let mut decoder = HpackDecoder::new(DEFAULT_TABLE_SIZE, MAX_SECTION);
    let mut block = vec![0x40, 1, b'a'];
    common::encode_integer(4000, 7, 0, &mut block);
    block.extend([b'x'; 4000]);
    block.extend([0xbe; 2000]);
    // What comes behind the limit changes the table too.
    block.extend([0x40, 1, b'b', 1, b'1']);
    let section = decoder.decode(&block).unwrap();
    assert!(section.is_cut() && section.size() <= MAX_SECTION);
    assert_eq!(section.lines().count(), 4);
    assert_eq!(decoder.table().get(0), Some((&b"b"[..], &b"1"[..])));
    let next = decoder.decode(&[0xbe]).unwrap();
    assert_eq!(next.lines().next(), Some((&b"b"[..], &b"1"[..])));
}

#[test]
fn the_limit_of_a_section_is_exact() {
    let block = [0x40, 1, b'a', 1, b'1', 0xbe, 0xbe];
    for (limit, kept) in [(34, 1), (67, 1), (68, 2), (102, 3)] {
        let section = HpackDecoder::new(4096, limit).decode(&block).unwrap();
        assert_eq!(
            (section.len(), section.is_cut()),
            (kept, kept < 3),
            "{limit}"
        );
    }
}

#[test]
fn the_encoder_says_what_became_of_its_table() {
    for (allowed, updates) in [
        (&[4096][..], &[][..]),
        (&[8192], &[]),
        (&[100], &[0x3f, 69]),
        (&[0, 4096], &[0x20, 0x3f, 0xe1, 0x1f]),
        (&[100, 0, 50, 30], &[0x20, 0x3e]),
        (&[100, 30], &[0x3e]),
    ] {
        let mut encoder = HpackEncoder::default();
        for &size in allowed {
            encoder.allow_table_size(size);
        }
        let mut block = Vec::new();
        encoder.encode([], &mut block);
        encoder.encode([], &mut block);
        assert_eq!(block, updates, "{allowed:?}");
    }
}

#[test]
fn a_secret_joins_no_table_and_a_huge_field_evicts_none() {
    let mut encoder = HpackEncoder::default();
    let mut block = Vec::new();
    let huge = [b'x'; 3000];
    encoder.encode(
        [
            (&b"server"[..], &b"a"[..]),
            (b"set-cookie", b"a"),
            (b"content-length", b"3"),
            (b"x", &huge),
        ],
        &mut block,
    );
    assert_eq!(encoder.table().len(), 1);
    // A literal that is never kept, with the index 55 of the static table for its name.
    assert!(block[3..].starts_with(&[0x1f, 40, 0x81]), "{block:x?}");
}
