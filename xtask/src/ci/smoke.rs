//! The README's main command as a stranger runs it: a fresh clone, an empty HOME, nothing but Rust and git.

use super::{Check, DEADLINE};
use crate::process::{Output, Timed};
use anyhow::{bail, Context, Result};
use camino::{Utf8Path, Utf8PathBuf};

pub fn run(check: &Check) -> Result<()> {
    let workspace = check.workspace;
    let room = workspace.sh.create_temp_dir()?;
    let room =
        Utf8Path::from_path(room.path()).context("the temp directory's name is not UTF-8")?;
    let stranger = Stranger {
        clone: room.join("ballistics-engine"),
        home: room.join("home"),
        rust: RustHomes::find()?,
    };
    std::fs::create_dir(&stranger.home)?;
    clone(&workspace.root, &stranger.clone)?;

    let first = stranger.release()?;
    let line = first.text();
    let install = line.lines().last().unwrap_or_default();
    check.console.ui.say(&format!("$ {install}"));
    stranger.sh(install)?;
    let installed = stranger.sh("\"$HOME/.local/bin/ballistics\" --version")?;
    let version = installed.text();
    if !version.starts_with("ballistics ") {
        bail!("the installed program says `{}`", version.escape_debug());
    }

    let second = stranger.release()?;
    if !second.complaint().contains("reused") {
        bail!("the second run built again:\n{}", second.complaint());
    }
    check.console.ui.say(&format!(
        "installed {version}; a second release reused everything"
    ));
    Ok(())
}

fn clone(from: &Utf8Path, to: &Utf8Path) -> Result<()> {
    let output = Timed::new("git", DEADLINE)
        .args(["clone", "--quiet", from.as_str(), to.as_str()])
        .run()?;
    if !output.status.success() {
        bail!("cloning {from}: {}", output.complaint());
    }
    Ok(())
}

struct Stranger {
    clone: Utf8PathBuf,
    home: Utf8PathBuf,
    rust: RustHomes,
}

impl Stranger {
    fn release(&self) -> Result<Output> {
        self.sh("cargo xtask release --local")
    }

    fn sh(&self, line: &str) -> Result<Output> {
        let path = std::env::var("PATH").unwrap_or_default();
        let output = Timed::new("env", DEADLINE)
            .arg("-i")
            .arg(format!("HOME={}", self.home))
            .arg(format!("PATH={path}"))
            .arg(format!("CARGO_HOME={}", self.rust.cargo))
            .arg(format!("RUSTUP_HOME={}", self.rust.rustup))
            .args([
                "sh",
                "-c",
                &format!("cd \"$1\" && {line}"),
                "sh",
                self.clone.as_str(),
            ])
            .run()?;
        if !output.status.success() {
            bail!(
                "`{line}` in a fresh clone: {}\n{}",
                output.text(),
                output.complaint()
            );
        }
        Ok(output)
    }
}

/// Where Rust itself lives, which is not in the stranger's HOME.
struct RustHomes {
    cargo: Utf8PathBuf,
    rustup: Utf8PathBuf,
}

impl RustHomes {
    fn find() -> Result<RustHomes> {
        let home = std::env::var("HOME").context("HOME is not set")?;
        let find = |name: &str, folder: &str| {
            std::env::var(name)
                .map_or_else(|_| Utf8Path::new(&home).join(folder), Utf8PathBuf::from)
        };
        Ok(RustHomes {
            cargo: find("CARGO_HOME", ".cargo"),
            rustup: find("RUSTUP_HOME", ".rustup"),
        })
    }
}
