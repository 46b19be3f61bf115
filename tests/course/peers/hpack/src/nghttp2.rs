//! The inflater and the deflater of libnghttp2.

use std::ffi::{c_int, c_void};
use std::ptr;

/// One field, as nghttp2 has it.
#[repr(C)]
#[derive(Clone, Copy)]
struct Field {
    name: *const u8,
    value: *const u8,
    name_length: usize,
    value_length: usize,
    flags: u8,
}

impl Field {
    const EMPTY: Self = Self {
        name: ptr::null(),
        value: ptr::null(),
        name_length: 0,
        value_length: 0,
        flags: 0,
    };

    /// Its bytes, which live as long as what nghttp2 says.
    unsafe fn bytes<'a>(&self) -> (&'a [u8], &'a [u8]) {
        let slice = |start, length| match length {
            0 => &[][..],
            _ => unsafe { std::slice::from_raw_parts(start, length) },
        };
        (
            slice(self.name, self.name_length),
            slice(self.value, self.value_length),
        )
    }
}

unsafe extern "C" {
    fn nghttp2_hd_inflate_new(inflater: *mut *mut c_void) -> c_int;
    fn nghttp2_hd_inflate_del(inflater: *mut c_void);
    fn nghttp2_hd_inflate_hd2(
        inflater: *mut c_void,
        field: *mut Field,
        flags: *mut c_int,
        block: *const u8,
        length: usize,
        is_final: c_int,
    ) -> isize;
    fn nghttp2_hd_inflate_end_headers(inflater: *mut c_void) -> c_int;
    fn nghttp2_hd_inflate_get_num_table_entries(inflater: *mut c_void) -> usize;
    fn nghttp2_hd_inflate_get_table_entry(inflater: *mut c_void, index: usize) -> *const Field;
    fn nghttp2_hd_inflate_get_dynamic_table_size(inflater: *mut c_void) -> usize;
    fn nghttp2_hd_inflate_get_max_dynamic_table_size(inflater: *mut c_void) -> usize;
    fn nghttp2_hd_deflate_new(deflater: *mut *mut c_void, max_table_size: usize) -> c_int;
    fn nghttp2_hd_deflate_del(deflater: *mut c_void);
    fn nghttp2_hd_deflate_change_table_size(deflater: *mut c_void, size: usize) -> c_int;
    fn nghttp2_hd_deflate_hd(
        deflater: *mut c_void,
        block: *mut u8,
        room: usize,
        fields: *const Field,
        count: usize,
    ) -> isize;
}

/// Decodes.
pub struct Inflater(*mut c_void);

impl Inflater {
    pub fn new() -> Self {
        let mut inflater = ptr::null_mut();
        assert_eq!(unsafe { nghttp2_hd_inflate_new(&mut inflater) }, 0);
        Self(inflater)
    }

    /// Decodes a whole block. `false` where it is none.
    pub fn decode(&mut self, mut block: &[u8], mut take: impl FnMut(&[u8], &[u8])) -> bool {
        loop {
            let (mut field, mut flags) = (Field::EMPTY, 0);
            let read = unsafe {
                nghttp2_hd_inflate_hd2(
                    self.0,
                    &mut field,
                    &mut flags,
                    block.as_ptr(),
                    block.len(),
                    1,
                )
            };
            let Ok(read) = usize::try_from(read) else {
                return false;
            };
            block = &block[read..];
            if flags & 2 != 0 {
                let (name, value) = unsafe { field.bytes() };
                take(name, value);
            }
            if flags & 1 != 0 {
                unsafe { nghttp2_hd_inflate_end_headers(self.0) };
                return true;
            }
            if flags & 2 == 0 && block.is_empty() {
                return false;
            }
        }
    }

    /// What the dynamic table holds, newest first; its size; and how large it may be.
    pub fn table(&self) -> (Vec<(Vec<u8>, Vec<u8>)>, usize, usize) {
        unsafe {
            let count = nghttp2_hd_inflate_get_num_table_entries(self.0);
            let fields = (62..=count).map(|index| {
                let (name, value) = (*nghttp2_hd_inflate_get_table_entry(self.0, index)).bytes();
                (name.to_vec(), value.to_vec())
            });
            (
                fields.collect(),
                nghttp2_hd_inflate_get_dynamic_table_size(self.0),
                nghttp2_hd_inflate_get_max_dynamic_table_size(self.0),
            )
        }
    }
}

impl Drop for Inflater {
    fn drop(&mut self) {
        unsafe { nghttp2_hd_inflate_del(self.0) }
    }
}

/// Encodes.
pub struct Deflater(*mut c_void);

impl Deflater {
    pub fn new() -> Self {
        let mut deflater = ptr::null_mut();
        assert_eq!(unsafe { nghttp2_hd_deflate_new(&mut deflater, 4096) }, 0);
        Self(deflater)
    }

    pub fn change_table_size(&mut self, size: usize) {
        assert_eq!(
            unsafe { nghttp2_hd_deflate_change_table_size(self.0, size) },
            0
        );
    }

    /// Encodes into `block`, which has room for it, and gives how long it is.
    pub fn encode(&mut self, fields: &[(&[u8], &[u8])], block: &mut [u8]) -> usize {
        let fields: Vec<Field> = fields
            .iter()
            .map(|(name, value)| Field {
                name: name.as_ptr(),
                value: value.as_ptr(),
                name_length: name.len(),
                value_length: value.len(),
                flags: 0,
            })
            .collect();
        let length = unsafe {
            nghttp2_hd_deflate_hd(
                self.0,
                block.as_mut_ptr(),
                block.len(),
                fields.as_ptr(),
                fields.len(),
            )
        };
        usize::try_from(length).expect("there is room")
    }
}

impl Drop for Deflater {
    fn drop(&mut self) {
        unsafe { nghttp2_hd_deflate_del(self.0) }
    }
}
