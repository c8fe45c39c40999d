//! What a node said of itself before its build, and whether that will do. Text in, verdict out.

use crate::inventory::Node;
use crate::words::{Facts, Version};
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A release build of a crate without dependencies takes a tenth of this; the rest is for the linker's and cargo's own files.
const DISK_KIB: u64 = 200 * 1024;

#[derive(Clone, Debug, Default)]
pub struct Probe {
    pub facts: Facts,
    /// Targets whose standard library is there.
    std: BTreeSet<String>,
    disk_kib: Option<u64>,
    hash_tool: String,
    /// The node's clock minus ours, in seconds, when it was heard.
    clock_skew: Option<Duration>,
    /// The work directory on the node.
    pub work: String,
}

impl Probe {
    /// `now` is our own clock.
    pub fn take(&mut self, name: &str, value: &str, now: SystemTime) {
        let value = value.to_string();
        match name {
            "os" => self.facts.os = value,
            "release" => self.facts.os_release = value,
            "arch" => self.facts.arch = value,
            "triple" => self.facts.triple = value,
            "rustc" => self.facts.rustc = value,
            "cargo" => self.facts.cargo = value,
            "std" => {
                self.std.insert(value);
            }
            "disk" => self.disk_kib = value.parse().ok(),
            "hash" => self.hash_tool = value,
            "clock" => self.clock_skew = skew(&value, now),
            "work" => self.work = value,
            _ => {}
        }
    }

    /// How far its clock is off, to the minute, if that is more than one. Its answer has been on its way for a moment.
    pub fn clock_skew(&self) -> Option<Duration> {
        let minutes = (self.clock_skew?.as_secs() + 30) / 60;
        (minutes > 1).then(|| Duration::from_secs(minutes * 60))
    }

    /// Why this node cannot do its job, with the way out.
    pub fn obstacle(&self, nodes: &[&Node], rust_version: Option<&str>) -> Option<String> {
        let host = &nodes[0].host;
        if self.hash_tool == "none" {
            return Some(format!(
                "no SHA-256 tool on {host}; install one of sha256sum, shasum, openssl"
            ));
        }
        if let Some(kib) = self.disk_kib.filter(|kib| *kib < DISK_KIB) {
            return Some(format!("{} MiB are free under {} on {host}, {} are needed; make room, or name another place there with XTASK_CACHE", kib / 1024, self.work, DISK_KIB / 1024));
        }
        if nodes[0].build_command.is_some() {
            return None;
        }
        if self.facts.cargo.is_empty() || self.facts.rustc.is_empty() {
            return Some(format!("no cargo on {host}; install Rust there, or put it in the PATH of a non-interactive shell"));
        }
        self.old_toolchain(host, rust_version)
            .or_else(|| self.missing_std(nodes))
    }

    fn old_toolchain(
        &self,
        host: &crate::inventory::Address,
        rust_version: Option<&str>,
    ) -> Option<String> {
        let minimum = Version::parse_rust_version(rust_version?).ok()?;
        // `cargo 1.95.0 (f2d3ce0bd 2026-03-21)`
        let word = self.facts.cargo.split_whitespace().nth(1)?;
        let own = Version::parse(word).ok()?;
        (!own.at_least(&minimum)).then(|| {
            format!("cargo {own} on {host} is older than the package's rust-version {minimum}; update Rust there")
        })
    }

    fn missing_std(&self, nodes: &[&Node]) -> Option<String> {
        let missing = nodes
            .iter()
            .find(|node| !self.std.contains(node.target.as_str()))?;
        Some(format!(
            "{} has Rust for {}, and node `{}` is to build {}; correct `target`, or run `rustup target add {}` there",
            missing.host, self.facts.triple, missing.name, missing.target, missing.target
        ))
    }
}

/// How far a clock is off, one way or the other; `clock` is in seconds since 1970.
fn skew(clock: &str, now: SystemTime) -> Option<Duration> {
    let here = now.duration_since(UNIX_EPOCH).ok()?.as_secs();
    let there: u64 = clock.parse().ok()?;
    Some(Duration::from_secs(there.abs_diff(here)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::Inventory;

    const NODE: &str =
        "[project]\npackage = \"p\"\nbinary = \"b\"\nrepository = \"https://x.localnet/r\"\n\
        [[node]]\nname = \"n\"\nhost = \"a@b.localnet\"\ntarget = \"x86_64-unknown-netbsd\"\n";

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn obstacle(changes: &[(&str, &str)], extra: &str) -> Option<String> {
        let fleet = Inventory::parse("nodes.toml", &format!("{NODE}{extra}")).unwrap();
        let mut probe = Probe::default();
        let good = [
            ("cargo", "cargo 1.80.1 (x 2024)"),
            ("rustc", "rustc 1.80.1"),
            ("triple", "x86_64-unknown-netbsd"),
            ("std", "x86_64-unknown-netbsd"),
            ("disk", "999999999"),
            ("hash", "cksum"),
            ("work", "/w"),
        ];
        let kept = good
            .iter()
            .filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        for (name, value) in kept.chain(changes) {
            probe.take(name, value, at(1000));
        }
        probe.obstacle(&fleet.nodes.iter().collect::<Vec<_>>(), Some("1.63"))
    }

    #[test]
    fn a_node_that_will_do_has_no_obstacle() {
        assert_eq!(obstacle(&[], ""), None);
    }

    #[test]
    fn a_node_that_will_not_do_is_named_with_the_way_out() {
        for (name, value, expected) in [
            ("cargo", "", "no cargo on a@b.localnet; install Rust there"),
            (
                "cargo",
                "cargo 1.56.0",
                "cargo 1.56.0 on a@b.localnet is older than the package's rust-version 1.63.0",
            ),
            (
                "std",
                "x86_64-unknown-linux-gnu",
                "node `n` is to build x86_64-unknown-netbsd",
            ),
            (
                "disk",
                "1024",
                "1 MiB are free under /w on a@b.localnet, 200 are needed",
            ),
            ("hash", "none", "no SHA-256 tool"),
        ] {
            let said = obstacle(&[(name, value)], "").unwrap_or_default();
            assert!(said.contains(expected), "{name}={value}: {said}");
        }
    }

    #[test]
    fn a_clock_an_hour_off_is_noticed_either_way() {
        for (clock, skew) in [
            ("13600", Some(3600)),
            ("6400", Some(3600)),
            ("13599", Some(3600)),
            ("10070", None),
            ("x", None),
        ] {
            let mut probe = Probe::default();
            probe.take("clock", clock, at(10_000));
            assert_eq!(probe.clock_skew(), skew.map(Duration::from_secs), "{clock}");
        }
    }

    #[test]
    fn a_node_with_its_own_build_command_needs_no_cargo() {
        assert_eq!(
            obstacle(&[("cargo", ""), ("std", "")], "build_command = \"make\"\n"),
            None
        );
    }
}
