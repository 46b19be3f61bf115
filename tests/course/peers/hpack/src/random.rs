//! Header lists and field blocks that look random and are the same for the same seed.

use common::{encode_integer, string::encode_plain};

pub struct Random(pub u64);

impl Random {
    /// SplitMix64.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// Below one of these limits: so some numbers are small, and some are large.
    pub fn below_one_of(&mut self, limits: &[usize]) -> usize {
        let limit = limits[self.below(limits.len())];
        self.below(limit)
    }

    fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }

    pub fn bytes(&mut self, most: usize) -> Vec<u8> {
        let length = self.below(most + 1);
        (0..length).map(|_| self.next() as u8).collect()
    }

    fn text(&mut self, most: usize) -> Vec<u8> {
        let length = self.below(most + 1);
        let letters = b"abcdefghijklmnopqrstuvwxyz0123456789-/.;= ABCXYZ\"%";
        (0..length)
            .map(|_| letters[self.below(letters.len())])
            .collect()
    }

    pub fn name(&mut self) -> Vec<u8> {
        match self.below(8) {
            0 => self.text(20),
            1 => self.bytes(6),
            2..=4 => {
                let row = self.below(61);
                common::static_table::STATIC_TABLE[row].0.into()
            }
            _ => self
                .pick(&["x-a", "server", "accept", "sec-fetch-mode", "dnt", "te"])
                .into(),
        }
    }

    pub fn value(&mut self) -> Vec<u8> {
        match self.below(12) {
            0 => self.bytes(40),
            1 => self.text(400),
            2 => self.text(3000),
            3..=5 => {
                let row = self.below(61);
                common::static_table::STATIC_TABLE[row].1.into()
            }
            6..=8 => self
                .pick(&["1", "no-cors", "navigate", "a", "text/html", "*/*", "GET"])
                .into(),
            _ => self.text(60),
        }
    }

    pub fn fields(&mut self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let count = self.below(9);
        (0..count).map(|_| (self.name(), self.value())).collect()
    }

    /// A field block as an encoder of any taste could make it: mostly right.
    pub fn block(&mut self) -> Vec<u8> {
        let mut block = Vec::new();
        for _ in 0..[0, 0, 0, 0, 0, 1, 2][self.below(7)] {
            let size = [0, 31, 34, 100, 200, 1000, 4095, 4096][self.below(8)];
            encode_integer(size, 5, 0x20, &mut block);
        }
        for _ in 0..self.below(12) {
            match self.below(10) {
                0..=3 => {
                    let most = [61, 65, 70, 100][self.below(4)];
                    let index = 1 + self.below(most);
                    encode_integer(index, 7, 0x80, &mut block);
                }
                4..=7 => self.literal(6, 0x40, &mut block),
                8 => self.literal(4, 0, &mut block),
                _ => self.literal(4, 0x10, &mut block),
            }
        }
        block
    }

    fn literal(&mut self, prefix: u32, pattern: u8, block: &mut Vec<u8>) {
        match self.below(3) {
            0 => {
                block.push(pattern);
                let name = self.name();
                self.string(&name, block);
            }
            _ => encode_integer(1 + self.below(66), prefix, pattern, block),
        }
        let value = self.value();
        self.string(&value, block);
    }

    fn string(&mut self, text: &[u8], block: &mut Vec<u8>) {
        if self.below(2) == 0 {
            return encode_plain(text, block);
        }
        encode_integer(common::huffman_length(text), 7, 0x80, block);
        common::encode_huffman(text, block);
    }

    /// Breaks a block, mostly a little.
    pub fn spoil(&mut self, block: &mut Vec<u8>) {
        for _ in 0..1 + self.below(3) {
            let at = self.below(block.len().max(1));
            match self.below(7) {
                _ if block.is_empty() => block.extend(self.bytes(20)),
                0 => block[at] ^= 1 << self.below(8),
                1 => block[at] = self.next() as u8,
                2 => block.truncate(at),
                3 => drop(block.remove(at)),
                4 => block.insert(at, *self.pick(&[&0xff, &0x80, &0x00, &0x7f, &0x20, &0x3f])),
                5 => {
                    let more = self.bytes(8);
                    block.splice(at..at, more);
                }
                _ => *block = self.bytes(60),
            }
        }
    }
}
