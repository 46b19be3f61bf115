//! Decodes field blocks (RFC 7541 §3, §6).

use crate::ch19::compression_error::CompressionError;
use crate::ch19::dynamic_table::DynamicTable;
use crate::ch19::field_section::FieldSection;
use crate::ch19::integer::decode_integer;
use crate::ch19::static_table::STATIC_TABLE;
use crate::ch19::string::decode_string;

/// How many size updates a block may begin with: the smallest size that was agreed on since
/// the last block, and the size that is agreed on now (RFC 7541 §4.2).
const MAX_SIZE_UPDATES: usize = 2;

/// Decodes the field blocks of one connection, in the order in which they come. What a block
/// means depends on all blocks before it, so none may be left out.
pub struct HpackDecoder {
    table: DynamicTable,
    /// The size of the table that was announced.
    announced: usize,
    max_section: usize,
}

impl HpackDecoder {
    /// A decoder with two limits, of which the client was told. They say how large the dynamic
    /// table may be (`SETTINGS_HEADER_TABLE_SIZE`), and how large a field section
    /// (`SETTINGS_MAX_HEADER_LIST_SIZE`).
    pub fn new(table_size: usize, max_section: usize) -> Self {
        Self {
            table: DynamicTable::new(table_size),
            announced: table_size,
            max_section,
        }
    }

    /// The dynamic table.
    pub fn table(&self) -> &DynamicTable {
        &self.table
    }

    /// Decodes a whole block. A block that is small on the wire may stand for a section
    /// without end: one octet can name a field of 4,096 bytes. So no more of a section is
    /// kept than the limit allows, and [`FieldSection::is_cut`] says that lines are missing.
    /// The block is decoded to its end all the same, because it may change the table.
    ///
    /// ```
    /// let mut decoder = common::HpackDecoder::new(4096, 16_384);
    /// let section = decoder.decode(&[0x82, 0x84, 0x41, 0x01, b'a'])?;
    /// let lines = section.lines().collect::<Vec<_>>();
    /// assert_eq!(lines[0], (&b":method"[..], &b"GET"[..]));
    /// assert_eq!(lines[2], (&b":authority"[..], &b"a"[..]));
    /// assert_eq!(decoder.decode(&[0xbe])?.lines().next(), Some(lines[2]));
    /// # Ok::<(), common::CompressionError>(())
    /// ```
    ///
    /// # Errors
    /// What is no field block, or says what the table does not hold. The connection cannot
    /// go on then.
    pub fn decode(&mut self, mut block: &[u8]) -> Result<FieldSection, CompressionError> {
        let mut section = FieldSection::of_block(block.len());
        let mut size_updates = 0;
        let mut has_lines = false;
        while let Some(&first) = block.first() {
            if first & 0b1110_0000 == 0b0010_0000 {
                size_updates += 1;
                if has_lines || size_updates > MAX_SIZE_UPDATES {
                    return Err(CompressionError::new(
                        "a size update is not at the beginning of its block",
                    ));
                }
                self.update_size(&mut block)?;
                continue;
            }
            has_lines = true;
            let name = match first {
                // Both are in a table.
                0b1000_0000.. => self.add_indexed(&mut block, &mut section)?,
                // A literal that joins the table.
                0b0100_0000.. => {
                    let (start, name) = (section.end(), self.literal(&mut block, 6, &mut section)?);
                    let (name_bytes, value) = section.bytes[start..].split_at(name - start);
                    self.table.insert(name_bytes, value);
                    name
                }
                // A literal that does not, or that never may.
                _ => self.literal(&mut block, 4, &mut section)?,
            };
            section.add_line(name, self.max_section);
        }
        Ok(section)
    }

    /// The client's encoder has changed the size of its table (RFC 7541 §6.3).
    fn update_size(&mut self, block: &mut &[u8]) -> Result<(), CompressionError> {
        let size = decode_integer(block, 5)?;
        if size > self.announced {
            return Err(CompressionError::new(
                "a size update exceeds the size announced",
            ));
        }
        self.table.resize(size);
        Ok(())
    }

    /// Adds the name and the value that an index stands for (RFC 7541 §6.1). Gives where the
    /// name ends.
    fn add_indexed(
        &self,
        block: &mut &[u8],
        section: &mut FieldSection,
    ) -> Result<usize, CompressionError> {
        let (name, value) = self.field(decode_integer(block, 7)?)?;
        section.bytes.extend_from_slice(name);
        let name_end = section.bytes.len();
        section.bytes.extend_from_slice(value);
        Ok(name_end)
    }

    /// Adds the name and the value of a literal (RFC 7541 §6.2). The name is a string, or
    /// has an index. Gives where it ends.
    fn literal(
        &self,
        block: &mut &[u8],
        prefix: u32,
        section: &mut FieldSection,
    ) -> Result<usize, CompressionError> {
        match decode_integer(block, prefix)? {
            0 => decode_string(block, &mut section.bytes)?,
            index => section.bytes.extend_from_slice(self.field(index)?.0),
        }
        let name_end = section.bytes.len();
        decode_string(block, &mut section.bytes)?;
        Ok(name_end)
    }

    /// The field with this index: the static table comes first, and the newest field of the
    /// dynamic table follows it (RFC 7541 §2.3.3).
    fn field(&self, index: usize) -> Result<(&[u8], &[u8]), CompressionError> {
        let position = index
            .checked_sub(1)
            .ok_or(CompressionError::new("there is no field with the index 0"))?;
        if let Some((name, value)) = STATIC_TABLE.get(position) {
            return Ok((name.as_bytes(), value.as_bytes()));
        }
        self.table
            .get(position - STATIC_TABLE.len())
            .ok_or(CompressionError::new("an index is beyond the tables"))
    }
}
