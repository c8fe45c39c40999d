//! Targets (Rust's triples) and platforms (what users and `install.sh` say). A platform is derived from a target, never written.

use anyhow::{bail, Result};
use serde::{Deserialize, Serialize};
use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Os {
    Macos,
    Linux,
    Freebsd,
    Netbsd,
    Openbsd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Arch {
    X86_64,
    Aarch64,
    /// Both in one file; macOS only, made by `lipo`.
    Universal,
}

const OSES: [(Os, &str); 5] = [
    (Os::Macos, "macos"),
    (Os::Linux, "linux"),
    (Os::Freebsd, "freebsd"),
    (Os::Netbsd, "netbsd"),
    (Os::Openbsd, "openbsd"),
];
const ARCHES: [(Arch, &str); 3] = [
    (Arch::X86_64, "x86_64"),
    (Arch::Aarch64, "aarch64"),
    (Arch::Universal, "universal"),
];

impl fmt::Display for Os {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(OSES[*self as usize].1)
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ARCHES[*self as usize].1)
    }
}

/// One of `{macos,linux,freebsd,netbsd,openbsd}-{x86_64,aarch64}`, or `macos-universal`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Platform {
    os: Os,
    arch: Arch,
}

impl Platform {
    pub const MACOS_UNIVERSAL: Platform = Platform {
        os: Os::Macos,
        arch: Arch::Universal,
    };

    pub fn parse(text: &str) -> Result<Platform> {
        Platform::all()
            .chain([Platform::MACOS_UNIVERSAL])
            .find(|platform| platform.to_string() == text)
            .ok_or_else(|| {
                let names: Vec<String> = Platform::all().map(|p| p.to_string()).collect();
                anyhow::anyhow!(
                    "`{}` is no platform; the platforms are {}",
                    text.escape_debug(),
                    names.join(", ")
                )
            })
    }

    /// The ten platforms that a node can build.
    pub fn all() -> impl Iterator<Item = Platform> {
        OSES.into_iter()
            .flat_map(|(os, _)| [Arch::X86_64, Arch::Aarch64].map(|arch| Platform { os, arch }))
    }

    pub fn os(self) -> Os {
        self.os
    }

    pub fn arch(self) -> Arch {
        self.arch
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}-{}", self.os, self.arch))
    }
}

impl TryFrom<String> for Platform {
    type Error = anyhow::Error;
    fn try_from(text: String) -> Result<Platform> {
        Platform::parse(&text)
    }
}

impl From<Platform> for String {
    fn from(platform: Platform) -> String {
        platform.to_string()
    }
}

/// A Rust target triple that has a platform.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Target {
    triple: String,
    platform: Platform,
}

impl Target {
    pub fn parse(triple: &str) -> Result<Target> {
        let parts: Vec<&str> = triple.split('-').collect();
        let arch = match parts[0] {
            "x86_64" => Some(Arch::X86_64),
            "aarch64" => Some(Arch::Aarch64),
            _ => None,
        };
        let os = match parts[1..] {
            ["apple", "darwin"] => Some(Os::Macos),
            [_, "linux", "gnu" | "musl"] => Some(Os::Linux),
            ["unknown", "freebsd"] => Some(Os::Freebsd),
            ["unknown", "netbsd"] => Some(Os::Netbsd),
            ["unknown", "openbsd"] => Some(Os::Openbsd),
            _ => None,
        };
        let plain = triple
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        match (os, arch) {
            (Some(os), Some(arch)) if plain => {
                Ok(Target { triple: triple.to_string(), platform: Platform { os, arch } })
            }
            _ => bail!(
                "target `{}` has no platform; a platform is macos, linux, freebsd, netbsd or openbsd on x86_64 or aarch64, as in aarch64-unknown-openbsd",
                triple.escape_debug()
            ),
        }
    }

    pub fn platform(&self) -> Platform {
        self.platform
    }

    pub fn as_str(&self) -> &str {
        &self.triple
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.triple)
    }
}

impl TryFrom<String> for Target {
    type Error = anyhow::Error;
    fn try_from(text: String) -> Result<Target> {
        Target::parse(&text)
    }
}

impl From<Target> for String {
    fn from(target: Target) -> String {
        target.triple
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_has_one_platform() {
        for (triple, platform) in [
            ("aarch64-apple-darwin", "macos-aarch64"),
            ("x86_64-unknown-linux-gnu", "linux-x86_64"),
            ("x86_64-alpine-linux-musl", "linux-x86_64"),
            ("aarch64-unknown-linux-musl", "linux-aarch64"),
            ("aarch64-unknown-freebsd", "freebsd-aarch64"),
            ("x86_64-unknown-netbsd", "netbsd-x86_64"),
            ("aarch64-unknown-openbsd", "openbsd-aarch64"),
        ] {
            assert_eq!(
                Target::parse(triple).unwrap().platform().to_string(),
                platform
            );
        }
    }

    #[test]
    fn a_target_without_a_platform_is_refused() {
        for triple in [
            "",
            "x86_64",
            "i686-unknown-linux-gnu",
            "x86_64-pc-windows-msvc",
            "aarch64-apple-ios",
            "x86_64-$(id)-linux-gnu",
        ] {
            assert!(Target::parse(triple).is_err(), "{triple}");
        }
    }

    #[test]
    fn every_platform_reads_back() {
        for platform in Platform::all().chain([Platform::MACOS_UNIVERSAL]) {
            assert_eq!(Platform::parse(&platform.to_string()).unwrap(), platform);
        }
        assert_eq!(Platform::all().count(), 10);
        assert!(Platform::parse("linux-universal").is_err());
    }
}
