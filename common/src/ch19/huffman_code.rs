//! The Huffman code of HPACK, as data (RFC 7541, Appendix B). A byte that is frequent in
//! header fields has a code of 5 bits, a rare one up to 30.
//!
//! The RFC lists 257 codes. The code is canonical: the codes of one length are consecutive
//! numbers, in the order of the bytes that they stand for, and the codes of the next length
//! go on behind them. So the lengths say all, and this list has the bytes of each length.

/// The symbol that ends a string. No string contains it; its first bits are the padding.
pub const END: u16 = 256;

/// The symbols in the order of their codes, each length with its symbols.
const LENGTHS: [(u32, &[u16]); 21] = [
    (5, &ascii(b"012aceiost")),
    (6, &ascii(b" %-./3456789=A_bdfghlmnpru")),
    (7, &ascii(b":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz")),
    (8, &ascii(b"&*,;XZ")),
    (10, &ascii(b"!\"()?")),
    (11, &ascii(b"'+|")),
    (12, &ascii(b"#>")),
    (13, &ascii(b"\0$@[]~")),
    (14, &ascii(b"^}")),
    (15, &ascii(b"<`{")),
    (19, &[92, 195, 208]),
    (20, &[128, 130, 131, 162, 184, 194, 224, 226]),
    (
        21,
        &[
            153, 161, 167, 172, 176, 177, 179, 209, 216, 217, 227, 229, 230,
        ],
    ),
    (
        22,
        &[
            129, 132, 133, 134, 136, 146, 154, 156, 160, 163, 164, 169, 170, 173, 178, 181, 185,
            186, 187, 189, 190, 196, 198, 228, 232, 233,
        ],
    ),
    (
        23,
        &[
            1, 135, 137, 138, 139, 140, 141, 143, 147, 149, 150, 151, 152, 155, 157, 158, 165, 166,
            168, 174, 175, 180, 182, 183, 188, 191, 197, 231, 239,
        ],
    ),
    (
        24,
        &[9, 142, 144, 145, 148, 159, 171, 206, 215, 225, 236, 237],
    ),
    (25, &[199, 207, 234, 235]),
    (
        26,
        &[
            192, 193, 200, 201, 202, 205, 210, 213, 218, 219, 238, 240, 242, 243, 255,
        ],
    ),
    (
        27,
        &[
            203, 204, 211, 212, 214, 221, 222, 223, 241, 244, 245, 246, 247, 248, 250, 251, 252,
            253, 254,
        ],
    ),
    (
        28,
        &[
            2, 3, 4, 5, 6, 7, 8, 11, 12, 14, 15, 16, 17, 18, 19, 20, 21, 23, 24, 25, 26, 27, 28,
            29, 30, 31, 127, 220, 249,
        ],
    ),
    (30, &[10, 13, 22, END]),
];

const fn ascii<const N: usize>(text: &[u8; N]) -> [u16; N] {
    let mut symbols = [0; N];
    let mut at = 0;
    while at < N {
        symbols[at] = text[at] as u16;
        at += 1;
    }
    symbols
}

/// The code of one symbol: its bits, behind zeros, and how many they are.
#[derive(Clone, Copy)]
pub struct Code {
    pub bits: u32,
    pub length: u32,
}

/// The codes of one length.
#[derive(Clone, Copy)]
pub struct Range {
    /// How many bits each has.
    pub length: u32,
    /// The first code, with zeros behind it up to 32 bits.
    pub first: u32,
    /// The last 32 bits that begin with one of these codes.
    pub last: u32,
    /// Where in [`SYMBOLS`] the symbol of the first code stands.
    pub position: usize,
}

/// The code of each symbol.
pub static CODES: [Code; 257] = codes();

/// The lengths, shortest first.
pub static RANGES: [Range; 21] = ranges();

/// All symbols in the order of their codes.
pub static SYMBOLS: [u16; 257] = symbols();

const fn codes() -> [Code; 257] {
    let mut codes = [Code { bits: 0, length: 0 }; 257];
    let (ranges, mut row) = (ranges(), 0);
    while row < LENGTHS.len() {
        let (length, symbols) = LENGTHS[row];
        let mut at = 0;
        while at < symbols.len() {
            let bits = (ranges[row].first >> (32 - length)) + at as u32;
            codes[symbols[at] as usize] = Code { bits, length };
            at += 1;
        }
        row += 1;
    }
    codes
}

const fn ranges() -> [Range; 21] {
    let empty = Range {
        length: 0,
        first: 0,
        last: 0,
        position: 0,
    };
    let mut ranges = [empty; 21];
    let (mut next, mut position, mut row) = (0_u64, 0, 0);
    while row < LENGTHS.len() {
        let (length, symbols) = LENGTHS[row];
        let first = next;
        next += (symbols.len() as u64) << (32 - length);
        ranges[row] = Range {
            length,
            first: first as u32,
            last: (next - 1) as u32,
            position,
        };
        position += symbols.len();
        row += 1;
    }
    ranges
}

const fn symbols() -> [u16; 257] {
    let mut all = [0; 257];
    let (mut position, mut row) = (0, 0);
    while row < LENGTHS.len() {
        let symbols = LENGTHS[row].1;
        let mut at = 0;
        while at < symbols.len() {
            all[position] = symbols[at];
            position += 1;
            at += 1;
        }
        row += 1;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of RFC 7541, Appendix B: the first and the last code of each length.
    #[test]
    fn codes_as_the_rfc_lists_them() {
        for (symbol, bits, length) in [
            (48, 0x0, 5),
            (116, 0x9, 5),
            (32, 0x14, 6),
            (117, 0x2d, 6),
            (58, 0x5c, 7),
            (122, 0x7b, 7),
            (38, 0xf8, 8),
            (90, 0xfd, 8),
            (33, 0x3f8, 10),
            (63, 0x3fc, 10),
            (39, 0x7fa, 11),
            (124, 0x7fc, 11),
            (35, 0xffa, 12),
            (62, 0xffb, 12),
            (0, 0x1ff8, 13),
            (126, 0x1ffd, 13),
            (94, 0x3ffc, 14),
            (125, 0x3ffd, 14),
            (60, 0x7ffc, 15),
            (123, 0x7ffe, 15),
            (92, 0x7fff0, 19),
            (208, 0x7fff2, 19),
            (128, 0xfffe6, 20),
            (226, 0xfffed, 20),
            (153, 0x1fffdc, 21),
            (230, 0x1fffe8, 21),
            (129, 0x3fffd2, 22),
            (233, 0x3fffeb, 22),
            (1, 0x7fffd8, 23),
            (239, 0x7ffff4, 23),
            (9, 0xffffea, 24),
            (237, 0xfffff5, 24),
            (199, 0x1ffffec, 25),
            (235, 0x1ffffef, 25),
            (192, 0x3ffffe0, 26),
            (255, 0x3ffffee, 26),
            (203, 0x7ffffde, 27),
            (254, 0x7fffff0, 27),
            (2, 0xfffffe2, 28),
            (249, 0xffffffe, 28),
            (10, 0x3ffffffc, 30),
            (13, 0x3ffffffd, 30),
            (22, 0x3ffffffe, 30),
            (END, 0x3fffffff, 30),
        ] {
            let code = CODES[usize::from(symbol)];
            assert_eq!((code.bits, code.length), (bits, length), "{symbol}");
        }
    }

    #[test]
    fn each_symbol_has_one_code_and_no_bits_are_left_over() {
        let mut symbols = SYMBOLS.to_vec();
        symbols.sort_unstable();
        assert!(symbols.into_iter().eq(0..257));
        let mut next = 0;
        for range in &RANGES {
            assert_eq!(u64::from(range.first), next);
            next = u64::from(range.last) + 1;
        }
        assert_eq!(next, 1 << 32);
    }
}
