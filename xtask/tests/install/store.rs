//! A published store, in memory: ten platforms, three versions, signed from the second on. The programs are scripts, which
//! run on every machine; what they say about themselves is what the installer must check.

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::OnceLock;

pub const PLATFORMS: [&str; 10] = [
    "macos-aarch64",
    "macos-x86_64",
    "linux-aarch64",
    "linux-x86_64",
    "freebsd-aarch64",
    "freebsd-x86_64",
    "netbsd-aarch64",
    "netbsd-x86_64",
    "openbsd-aarch64",
    "openbsd-x86_64",
];

/// Newest first, as the catalog has them.
pub const VERSIONS: [&str; 3] = ["0.14.0", "0.13.3", "0.12.0"];
pub const NEWEST: &str = "0.14.0";
pub const OLDER: &str = "0.13.3";
pub const UNSIGNED: &str = "0.12.0";
pub const SIGNED_SINCE: &str = "0.13.0";

pub type Files = BTreeMap<String, Vec<u8>>;

pub struct Published {
    pub files: Files,
    pub release_key: String,
    pub other_key: String,
}

pub fn published() -> &'static Published {
    static PUBLISHED: OnceLock<Published> = OnceLock::new();
    PUBLISHED.get_or_init(publish)
}

pub fn object(version: &str, platform: &str) -> String {
    format!("{version}/ballistics-{version}-{platform}")
}

/// A program that runs anywhere, of a size that a downloader can be cut off in.
pub fn program(version: &str, platform: &str) -> Vec<u8> {
    let padding = "# padding that a flipped bit may fall into\n".repeat(400);
    format!(
        "#!/bin/sh\n# {platform}\n{padding}case $1,$2 in --version,*) echo 'ballistics {version}' ;; completions,*sh) ;; *) exit 1 ;; esac\n"
    )
    .into_bytes()
}

pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

pub fn floor(version: &str, platform: &str) -> &'static str {
    match platform.split('-').next() {
        _ if version == UNSIGNED => "-",
        Some("linux") => "glibc-2.17",
        Some("macos") => "macos-11.0",
        Some("freebsd") => "freebsd-14.1",
        Some("netbsd") => "netbsd-10.1",
        _ => "openbsd-7.7",
    }
}

fn publish() -> Published {
    let room = tempdir("keys");
    let release_key = make_key(&room, "release");
    let other_key = make_key(&room, "other");
    let mut files = Files::new();
    let mut catalog = String::new();
    for version in VERSIONS {
        for platform in PLATFORMS {
            let bytes = program(version, platform);
            let (name, hash) = (object(version, platform), sha256(&bytes));
            catalog += &format!(
                "{platform} {version} {hash} {} {}\n",
                bytes.len(),
                floor(version, platform)
            );
            if version != UNSIGNED {
                let line = signed_line(&hash, &name);
                files.insert(format!("{name}.sha256.sig"), sign(&room, "release", &line));
            }
            files.insert(format!("{name}.sha256"), format!("{hash}\n").into());
            files.insert(name, bytes);
        }
    }
    let lines: String = PLATFORMS
        .iter()
        .map(|platform| format!("{platform}:{NEWEST}\n"))
        .collect();
    files.insert("catalog.txt".into(), catalog.into());
    files.insert("versions.txt".into(), lines.into());
    files.insert("latest-version.txt".into(), format!("{NEWEST}\n").into());
    fs::remove_dir_all(&room).expect("the directory of the keys is ours");
    Published {
        files,
        release_key,
        other_key,
    }
}

fn signed_line(hash: &str, object: &str) -> String {
    let name = object
        .split('/')
        .nth(1)
        .expect("an object has a version and a name");
    format!("{hash}  {name}\n")
}

fn make_key(room: &Path, name: &str) -> String {
    let status = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", name])
        .current_dir(room)
        .status()
        .expect("ssh-keygen runs (package openssh-client)");
    assert!(status.success(), "ssh-keygen made no key");
    let public = fs::read_to_string(room.join(format!("{name}.pub"))).expect("the key was made");
    public.trim().to_string()
}

fn sign(room: &Path, key: &str, line: &str) -> Vec<u8> {
    let file = room.join("line");
    let signature = room.join("line.sig");
    fs::write(&file, line).expect("the directory of the keys is ours");
    let output = Command::new("ssh-keygen")
        .args(["-Y", "sign", "-n", "ballistics-release", "-f", key, "line"])
        .current_dir(room)
        .output()
        .expect("ssh-keygen runs (package openssh-client)");
    assert!(
        output.status.success(),
        "ssh-keygen -Y sign: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let bytes = fs::read(&signature).expect("ssh-keygen writes beside the file");
    fs::remove_file(&signature).expect("the signature is ours");
    bytes
}

/// A fresh directory under the system's own for temporary files, where other users may look too.
pub fn tempdir(name: &str) -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let place = std::env::temp_dir().join(format!("install-{}-{count}-{name}", std::process::id()));
    fs::create_dir_all(&place).expect("the system's temp directory is writable");
    place
}
