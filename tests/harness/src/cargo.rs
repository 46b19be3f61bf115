//! Cargo, started by what cargo has started.

use std::env;
use std::process::Command;

/// The cargo that runs this, or the one that a shell would find.
pub fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    without_own_package(&mut command);
    command
}

/// Takes from a command what cargo has told this process of the package that it belongs
/// to. To the next cargo it would be news, and ring, which looks at it, would be built
/// anew with all that stands on it; and once more for whoever comes from a shell.
pub fn without_own_package(command: &mut Command) {
    for (name, _) in env::vars_os() {
        let is_of_a_package =
            |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        if name.to_str().is_some_and(is_of_a_package) {
            command.env_remove(&name);
        }
    }
}
