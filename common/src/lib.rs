//! The code that the chapters share. What one chapter teaches, the next ones take from here.
//!
//! Each chapter that adds something has a module with its number, and a Cargo feature of
//! the same name that includes the chapters that it builds on. Nothing here uses what
//! another chapter brings. The parsers are pure: bytes or text in, a value or a `RequestError` out.

#[cfg(feature = "ch01")]
pub mod ch01;
#[cfg(feature = "ch01")]
pub use ch01::*;

#[cfg(feature = "ch02")]
pub mod ch02;
#[cfg(feature = "ch02")]
pub use ch02::*;

#[cfg(feature = "ch03")]
pub mod ch03;
#[cfg(feature = "ch03")]
pub use ch03::*;

#[cfg(feature = "ch04")]
pub mod ch04;
#[cfg(feature = "ch04")]
pub use ch04::*;

#[cfg(feature = "ch05a")]
pub mod ch05a;
#[cfg(feature = "ch05a")]
pub use ch05a::*;

#[cfg(feature = "ch06")]
pub mod ch06;
#[cfg(feature = "ch06")]
pub use ch06::*;

#[cfg(feature = "ch07")]
pub mod ch07;
#[cfg(feature = "ch07")]
pub use ch07::*;

#[cfg(feature = "ch08")]
pub mod ch08;
#[cfg(feature = "ch08")]
pub use ch08::*;

#[cfg(feature = "ch09")]
pub mod ch09;
#[cfg(feature = "ch09")]
pub use ch09::*;

#[cfg(feature = "ch10")]
pub mod ch10;
#[cfg(feature = "ch10")]
pub use ch10::*;

#[cfg(feature = "ch11")]
pub mod ch11;
#[cfg(feature = "ch11")]
pub use ch11::*;

#[cfg(feature = "ch12")]
pub mod ch12;
#[cfg(feature = "ch12")]
pub use ch12::*;

#[cfg(feature = "ch13")]
pub mod ch13;
#[cfg(feature = "ch13")]
pub use ch13::*;

#[cfg(feature = "ch14")]
pub mod ch14;
#[cfg(feature = "ch14")]
pub use ch14::*;

#[cfg(feature = "ch15")]
pub mod ch15;
#[cfg(feature = "ch15")]
pub use ch15::*;

#[cfg(feature = "ch16")]
pub mod ch16;
#[cfg(feature = "ch16")]
pub use ch16::*;

#[cfg(feature = "ch17")]
pub mod ch17;
#[cfg(feature = "ch17")]
pub use ch17::*;

#[cfg(feature = "ch18")]
pub mod ch18;
#[cfg(feature = "ch18")]
pub use ch18::*;

#[cfg(feature = "ch19")]
pub mod ch19;
#[cfg(feature = "ch19")]
pub use ch19::*;

#[cfg(feature = "ch20")]
pub mod ch20;
#[cfg(feature = "ch20")]
pub use ch20::*;

#[cfg(feature = "ch21")]
pub mod ch21;
#[cfg(feature = "ch21")]
pub use ch21::*;
