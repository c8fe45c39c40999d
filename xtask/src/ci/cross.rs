//! A release whose local nodes are the two macOS targets, cross-built here: real Mach-O files from one call of cargo, joined by a real lipo.
//!
//! They cannot run here, so the nodes say `prove = false`. Then one target is made to fail, which must cost that one only.

use super::{packages, Check, DEADLINE};
use crate::process::{Output, Timed};
use anyhow::{bail, Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use std::fs;

const NODES: &str = r#"
[project]
package    = "ballistics-engine"
binary     = "ballistics"
repository = "https://github.com/ajokela/ballistics-engine"

[[node]]
name   = "macos-aarch64"
host   = "local"
target = "aarch64-apple-darwin"
prove  = false

[[node]]
name   = "macos-x86_64"
host   = "local"
target = "x86_64-apple-darwin"
prove  = false
"#;

/// Compiles everywhere but on Intel Macs.
const SABOTAGE: &str = "\n#[cfg(all(target_os = \"macos\", target_arch = \"x86_64\"))]\ncompile_error!(\"sabotaged\");\n";

pub fn run(check: &Check) -> Result<()> {
    let lipo = packages::install_lipo(check)?;
    let root = &check.workspace.root;
    let tools = root.join("target/cross");
    let prepared = Timed::new(root.join("xtask/scripts/cross-cargo.sh"), DEADLINE)
        .args(["prepare", tools.as_str()])
        .run()?;
    succeeded("preparing the cross tools", &prepared)?;

    let room = check.workspace.sh.create_temp_dir()?;
    let room =
        Utf8Path::from_path(room.path()).context("the temp directory's name is not UTF-8")?;
    let mac = StandInMac::make(room, root, &tools)?;
    std::os::unix::fs::symlink(lipo, room.join("bin/lipo"))?;
    let released = mac.xtask(&[
        "release",
        "--universal",
        "--fresh",
        "--to",
        mac.store().as_str(),
    ])?;
    succeeded("the release", &released)?;
    check.console.ui.say(&released.complaint());
    mac.check_store()?;

    mac.sabotage()?;
    let failed = mac.xtask(&["dist"])?;
    check.console.ui.say(&failed.complaint());
    mac.check_failure(&failed)
}

/// A clone of this repository whose PATH has the cross cargo, and LLVM's lipo under Apple's name.
struct StandInMac {
    room: Utf8PathBuf,
    clone: Utf8PathBuf,
    path: String,
}

impl StandInMac {
    fn make(room: &Utf8Path, root: &Utf8Path, tools: &Utf8Path) -> Result<StandInMac> {
        let mac = StandInMac {
            room: room.to_owned(),
            clone: room.join("clone"),
            path: format!(
                "{tools}/bin:{room}/bin:{}",
                std::env::var("PATH").unwrap_or_default()
            ),
        };
        fs::create_dir(room.join("bin"))?;
        fs::write(room.join("nodes.toml"), NODES)?;
        let clone = Timed::new("git", DEADLINE)
            .args(["clone", "--quiet", root.as_str(), mac.clone.as_str()])
            .run()?;
        succeeded("cloning", &clone)?;
        Ok(mac)
    }

    fn store(&self) -> Utf8PathBuf {
        self.room.join("store")
    }

    /// This very program, in the clone.
    fn xtask(&self, arguments: &[&str]) -> Result<Output> {
        let own = std::env::current_exe().context("this program has no path")?;
        Timed::new("env", DEADLINE)
            .args([
                "-C",
                self.clone.as_str(),
                // It names the cargo that runs us, and that one is not the Mac's.
                "--unset=CARGO",
                &format!("PATH={}", self.path),
                "XTASK_NODES=../nodes.toml",
            ])
            .arg(format!("XTASK_CACHE={}", self.room.join("cache")))
            .arg(own)
            .args(arguments.iter().copied())
            .run()
    }

    /// That the files are Mach-O for their machines was checked by the release itself; here, that all three were published.
    fn check_store(&self) -> Result<()> {
        let versions = fs::read_to_string(self.store().join("versions.txt"))?;
        for platform in ["macos-aarch64", "macos-x86_64", "macos-universal"] {
            if !versions.contains(&format!("{platform}:")) {
                bail!("{platform} is not in the store: {versions}");
            }
        }
        let log = fs::read_to_string(self.log("macos-aarch64")?)?;
        match log.matches("Finished `release`").count() {
            1 => Ok(()),
            other => bail!("both targets are one call of cargo, and the log has {other}:\n{log}"),
        }
    }

    fn log(&self, node: &str) -> Result<Utf8PathBuf> {
        let mut logs = Vec::new();
        for version in self.clone.join("dist").read_dir_utf8()? {
            logs.push(version?.path().join(format!("logs/{node}.log")));
        }
        logs.into_iter()
            .find(|log| log.exists())
            .with_context(|| format!("{node} left no log"))
    }

    fn sabotage(&self) -> Result<()> {
        let file = self.clone.join("ballistics-engine/src/lib.rs");
        let text = fs::read_to_string(&file)?;
        fs::write(&file, text + SABOTAGE)?;
        let identity = ["-c", "user.name=ci", "-c", "user.email=ci@localhost"];
        let commit = Timed::new("git", DEADLINE)
            .args(["-C", self.clone.as_str()])
            .args(identity);
        succeeded(
            "committing",
            &commit
                .args(["commit", "--quiet", "--all", "--message=Sabotage"])
                .run()?,
        )
    }

    fn check_failure(&self, failed: &Output) -> Result<()> {
        let table = failed.complaint();
        let row = |node: &str, outcome: &str| {
            let found = table
                .lines()
                .any(|line| line.trim_start().starts_with(node) && line.contains(outcome));
            if found {
                Ok(())
            } else {
                Err(anyhow::anyhow!("{node} should be {outcome}"))
            }
        };
        if failed.status.code() != Some(1) {
            bail!(
                "a release with a failing required node ended with {}",
                failed.status
            );
        }
        row("macos-aarch64 ", " built ")?;
        row("macos-x86_64 ", " failed ")
    }
}

fn succeeded(what: &str, output: &Output) -> Result<()> {
    if !output.status.success() {
        bail!(
            "{what} ended with {}: {}\n{}",
            output.status,
            output.text(),
            output.complaint()
        );
    }
    Ok(())
}
