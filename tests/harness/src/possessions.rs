//! What a server's process has, as Linux tells it.

use std::fs;

use crate::Server;

impl Server {
    /// How many threads it has.
    pub fn threads(&self) -> usize {
        self.count("task")
    }

    /// How many files and sockets it has open.
    pub fn open_files(&self) -> usize {
        self.count("fd")
    }

    fn count(&self, what: &str) -> usize {
        let entries = fs::read_dir(format!("/proc/{}/{what}", self.process()));
        entries.expect("the process runs").count()
    }

    /// How much memory it has, in KiB: `VmRSS` now, `VmHWM` at its peak.
    pub fn memory(&self, what: &str) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process()));
        let status = status.expect("the process runs");
        let line = status.lines().find_map(|line| line.strip_prefix(what));
        let kib = line.and_then(|line| line.strip_prefix(":")?.trim().strip_suffix(" kB"));
        kib.expect("Linux tells it").parse().expect("KiB")
    }
}
