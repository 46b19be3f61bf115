//! Compares HPACK of `common` with that of nghttp2.

mod connection;
mod nghttp2;
mod random;
mod rate;
#[allow(dead_code)]
#[path = "../../../../../chapters/ch19-hpack/examples/ch19-weigh.rs"]
mod weigh;

use common::{HpackDecoder, HpackEncoder, decode_huffman, encode_huffman};
use nghttp2::{Deflater, Inflater};
use random::Random;

/// More than any section has.
const NO_LIMIT: usize = 1 << 30;

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["differ", count] => differ(count.parse().expect("a number")),
        ["fuzz", count] => fuzz(count.parse().expect("a number")),
        ["connect", count] => connection::fuzz(count.parse().expect("a number")),
        ["blocks", count] => write_blocks(count.parse().expect("a number")),
        ["rate"] => rate::measure(),
        _ => {
            eprintln!("differ COUNT | fuzz COUNT | connect COUNT | blocks COUNT | rate");
            std::process::exit(2);
        }
    }
}

/// Decodes so many blocks with both, right ones and broken ones, and compares what they stand
/// for, what the tables hold then and which are refused. Then header lists are encoded by the
/// one and decoded by the other, both ways.
fn differ(count: usize) {
    let mut random = Random(1);
    let (mut refused, mut fields, mut evictions, mut third_updates) = (0, 0, 0, 0);
    let mut blocks = 0;
    while blocks < count {
        let mut ours = HpackDecoder::new(4096, NO_LIMIT);
        let mut limited = HpackDecoder::new(4096, 300);
        let mut theirs = Inflater::new();
        for _ in 0..1 + random.below(30) {
            let mut block = random.block();
            if random.below(5) == 0 {
                random.spoil(&mut block);
            }
            blocks += 1;
            let before = ours.table().len();
            let section = ours.decode(&block);
            // RFC 7541 §4.2 has two size updates at most, and nghttp2 takes more.
            if has_third_update(&section) {
                third_updates += 1;
                break;
            }
            let mut list = Fields::new();
            let is_block = theirs.decode(&block, |name, value| {
                list.push((name.to_vec(), value.to_vec()));
            });
            assert_eq!(section.is_ok(), is_block, "{block:x?} {section:?}");
            assert_eq!(
                limited.decode(&block).is_ok(),
                is_block,
                "with a limit: {block:x?}"
            );
            let Ok(section) = section else {
                refused += 1;
                break;
            };
            let lines: Fields = owned(section.lines());
            assert_eq!(lines, list, "{block:x?}");
            fields += lines.len();
            for decoder in [&ours, &limited] {
                let table = decoder.table();
                let held = owned((0..table.len()).filter_map(|number| table.get(number)));
                assert_eq!(
                    (held, table.size(), table.max_size()),
                    theirs.table(),
                    "{block:x?}"
                );
            }
            evictions += usize::from(ours.table().len() < before);
        }
    }
    println!(
        "{blocks} blocks decoded by both: {fields} fields, {refused} blocks refused, in \
         {evictions} the table shrank, {third_updates} had a third size update"
    );
    let mut encoded = 0;
    while encoded < count {
        let (mut encoder, mut inflater) = (HpackEncoder::default(), Inflater::new());
        let (mut deflater, mut decoder) = (Deflater::new(), HpackDecoder::new(4096, NO_LIMIT));
        for _ in 0..1 + random.below(30) {
            for _ in 0..[0, 0, 0, 0, 0, 0, 1, 3][random.below(8)] {
                let size = random.below(4097);
                encoder.allow_table_size(size);
                deflater.change_table_size(size);
            }
            let fields = random.fields();
            let lines: Vec<(&[u8], &[u8])> = fields
                .iter()
                .map(|(name, value)| (&**name, &**value))
                .collect();
            encoded += 1;
            let mut block = Vec::new();
            encoder.encode(lines.iter().copied(), &mut block);
            let mut list = Fields::new();
            assert!(inflater.decode(&block, |name, value| {
                list.push((name.to_vec(), value.to_vec()));
            }));
            assert_eq!(list, fields);
            let table = encoder.table();
            let held = owned((0..table.len()).filter_map(|number| table.get(number)));
            assert_eq!((held, table.size(), table.max_size()), inflater.table());
            let mut block = [0; 64 * 1024];
            let length = deflater.encode(&lines, &mut block);
            let section = decoder.decode(&block[..length]).expect("it is a block");
            assert_eq!(owned(section.lines()), fields);
        }
    }
    println!("{encoded} header lists encoded by each and decoded by the other");
}

fn has_third_update(section: &Result<common::FieldSection, common::CompressionError>) -> bool {
    let problem = "a size update is not at the beginning of its block";
    section
        .as_ref()
        .is_err_and(|error| error.problem == problem)
}

fn owned<'a>(lines: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Fields {
    lines
        .map(|(name, value)| (name.to_vec(), value.to_vec()))
        .collect()
}

/// Gives so many inputs to the decoder of strings, and to that of blocks. None may panic, and
/// what is kept has to be bounded.
fn fuzz(count: usize) {
    let mut random = Random(2);
    let (mut text, mut again) = (Vec::new(), Vec::new());
    let mut accepted = 0;
    for _ in 0..count {
        let mut coded = match random.below(3) {
            0 => random.bytes(40),
            _ => {
                let mut coded = Vec::new();
                encode_huffman(&random.value(), &mut coded);
                coded
            }
        };
        if random.below(2) == 0 {
            random.spoil(&mut coded);
        }
        text.clear();
        let decoded = decode_huffman(&coded, &mut text);
        assert!(text.len() <= coded.len() * 8 / 5);
        if decoded.is_ok() {
            accepted += 1;
            again.clear();
            encode_huffman(&text, &mut again);
            assert_eq!(again, coded, "each string has one code");
        }
    }
    println!("{count} strings decoded, {accepted} of them right");
    let (mut runs, mut refused, mut cut) = (0, 0, 0);
    while runs < count {
        let (limit, table_size) = (random.below(2000), [0, 100, 4096][random.below(3)]);
        let mut decoder = HpackDecoder::new(table_size, limit);
        for _ in 0..1 + random.below(20) {
            let mut block = match random.below(8) {
                0 => random.bytes(60),
                _ => random.block(),
            };
            if random.below(2) == 0 {
                random.spoil(&mut block);
            }
            runs += 1;
            let Ok(section) = decoder.decode(&block) else {
                refused += 1;
                break;
            };
            assert!(section.size() <= limit && decoder.table().size() <= table_size);
            cut += usize::from(section.is_cut());
        }
    }
    println!("{runs} blocks decoded, {refused} of them refused, {cut} sections cut");
}

/// Writes so many blocks, right ones and broken ones, and what they stand for here, a line
/// each, for another decoder to compare: a connection is as long as `-` says.
fn write_blocks(count: usize) {
    let mut random = Random(3);
    let mut blocks = 0;
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    while blocks < count {
        println!("-");
        let mut decoder = HpackDecoder::new(4096, NO_LIMIT);
        for _ in 0..1 + random.below(30) {
            let mut block = random.block();
            if random.below(5) == 0 {
                random.spoil(&mut block);
            }
            blocks += 1;
            let section = decoder.decode(&block);
            let lines = match &section {
                Ok(section) => section
                    .lines()
                    .map(|(name, value)| format!("{}:{}", hex(name), hex(value)))
                    .collect::<Vec<_>>()
                    .join(","),
                Err(error) => format!("! {error}"),
            };
            println!("{} {} {lines}", hex(&block), decoder.table().size());
            if section.is_err() {
                break;
            }
        }
    }
}
