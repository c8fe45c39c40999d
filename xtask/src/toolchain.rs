//! This machine's cargo and rustc: which programs they are, and what they say of themselves.

use crate::process::Timed;
use crate::words::{refuse, Platform, Target};
use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use std::env;
use std::thread;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(60);

pub struct Toolchain {
    /// `cargo --version`.
    pub cargo: String,
    /// `rustc -vV`: who builds here, and for which host.
    pub rustc: String,
}

impl Toolchain {
    /// Both at once: each takes as long as it takes to load a compiler.
    pub fn ask() -> Result<Toolchain> {
        thread::scope(|scope| {
            let rustc = scope.spawn(|| answer(&rustc(), &["-vV"]));
            Ok(Toolchain {
                cargo: answer(&cargo(), &["--version"])?,
                rustc: rustc.join().expect("asking does not panic")?,
            })
        })
    }

    pub fn host(&self) -> Result<Target> {
        let mut lines = self.rustc.lines();
        let host = lines.find_map(|line| line.strip_prefix("host: "));
        Target::parse(host.context("rustc -vV names no host")?)
    }
}

/// `cargo xtask` says which cargo runs it. The one in the PATH may be rustup's, which looks for that one each time.
pub fn cargo() -> String {
    env::var("CARGO").unwrap_or_else(|_| "cargo".into())
}

/// The platform that this program was built for, without asking anybody.
pub fn here() -> Result<Platform> {
    Platform::parse(&format!("{}-{}", env::consts::OS, env::consts::ARCH))
}

/// The one that cargo would use.
fn rustc() -> String {
    let beside = Utf8PathBuf::from(cargo()).with_file_name("rustc");
    match env::var("RUSTC") {
        Ok(rustc) => rustc,
        Err(_) if beside.is_file() => beside.into_string(),
        Err(_) => "rustc".into(),
    }
}

fn answer(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Timed::new(program, DEADLINE)
        .args(arguments.iter().copied())
        .run();
    match output {
        Ok(output) if output.status.success() => Ok(output.text()),
        _ => Err(refuse(format!("`{program}` does not answer; install Rust"))),
    }
}

/// True when the standard library of this target is installed.
pub fn has_std(target: &Target) -> bool {
    let question = ["--print", "target-libdir", "--target", target.as_str()];
    let library = answer(&rustc(), &question);
    library.is_ok_and(|path| Utf8Path::new(&path).is_dir())
}
