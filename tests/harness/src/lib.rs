//! Starts a chapter, talks raw bytes to it, and shows the wire.
//!
//! Whatever goes wrong in here ends the test that asked for it, so functions
//! panic instead of returning errors.

mod agent;
mod cargo;
pub mod checks;
mod choices;
pub mod clients;
mod command_line;
pub mod company;
mod diagnosis;
mod exchange;
pub mod files;
pub mod hostile;
pub mod http2;
pub mod judge;
pub mod limits;
pub mod play;
#[cfg(target_os = "linux")]
mod possessions;
pub mod printed;
pub mod response;
mod server;
#[cfg(unix)]
pub mod stop;
#[cfg(feature = "tls")]
pub mod tls;
pub mod transcript;
pub mod turns;
mod unread;
pub mod wire;

pub use agent::agent;
pub use cargo::{cargo, without_own_package};
pub use checks::{a_client_may_still_rest, still_does_what_came_before};
pub use command_line::check_command_line;
pub use exchange::Exchange;
#[cfg(unix)]
pub use nix::sys::signal::Signal;
pub use server::{Ended, Server, example};
pub use transcript::Again;

use std::time::Duration;

/// How long a test waits for what should come at once. It is there to end a
/// test that has failed, not to be waited for.
pub const PATIENCE: Duration = Duration::from_secs(30);
