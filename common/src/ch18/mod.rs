//! Chapter 18 brings the frames of HTTP/2: [`header`] has the nine bytes that each begins
//! with, [`frame`] reads them and [`mod@write`] writes them, [`settings`] has what each side
//! announces, [`priority`] what is obsolete, and [`show`] prints them. [`preface`] and
//! [`receive`] read from a connection, [`http2_error`] says what is wrong with a frame, and
//! [`go_away()`] tells the client.

pub mod frame;
pub mod go_away;
pub mod header;
pub mod http2_error;
pub mod preface;
pub mod priority;
pub mod receive;
pub mod settings;
pub mod show;
pub mod write;

pub use {
    frame::Frame,
    go_away::go_away,
    header::FrameHeader,
    http2_error::{ErrorCode, Http2Error},
    preface::{check_preface, read_preface},
    priority::Priority,
    receive::{read_frame, read_settings},
    settings::Setting,
};
