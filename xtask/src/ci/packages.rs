//! What the checks need besides Rust and git: installed with apt-get by root on Debian's family, named for every other system.

use super::{Check, DEADLINE};
use crate::process::{is_installed, Timed};
use crate::words::refuse;
use anyhow::{bail, Context, Result};
use camino::{Utf8Path, Utf8PathBuf};

/// A program, and the package that brings it, per package manager.
struct Tool {
    program: &'static str,
    apt: &'static str,
    dnf: &'static str,
    pacman: &'static str,
    brew: &'static str,
    pkg: &'static str,
}

const fn same(program: &'static str, package: &'static str) -> Tool {
    Tool {
        program,
        apt: package,
        dnf: package,
        pacman: package,
        brew: package,
        pkg: package,
    }
}

const TOOLS: &[Tool] = &[
    same("shellcheck", "shellcheck"),
    same("curl", "curl"),
    same("wget", "wget"),
    same("tnftp", "tnftp"),
    same("bash", "bash"),
    same("dash", "dash"),
    same("busybox", "busybox"),
    same("mksh", "mksh"),
    same("yash", "yash"),
    same("zsh", "zsh"),
    same("tcsh", "tcsh"),
    same("fish", "fish"),
    same("posh", "posh"),
    same("openssl", "openssl"),
    same("socat", "socat"),
    same("setpriv", "util-linux"),
    same("perl", "perl"),
    same("python3", "python3"),
    same("ruby", "ruby"),
    Tool {
        apt: "ksh93u+m",
        ..same("ksh93", "ksh93")
    },
    Tool {
        apt: "openssh-client",
        pkg: "openssh-portable",
        ..same("ssh-keygen", "openssh")
    },
    Tool {
        apt: "openssh-server",
        dnf: "openssh-server",
        pkg: "openssh-portable",
        ..same("sshd", "openssh")
    },
    same("unshare", "util-linux"),
    same("ps", "procps"),
];

/// A package manager: what a person types, and what it calls a tool's package.
struct Manager {
    program: &'static str,
    command: &'static str,
    package: fn(&Tool) -> &'static str,
}

const MANAGERS: [Manager; 5] = [
    Manager {
        program: "apt-get",
        command: "apt-get install",
        package: |tool| tool.apt,
    },
    Manager {
        program: "dnf",
        command: "dnf install",
        package: |tool| tool.dnf,
    },
    Manager {
        program: "pacman",
        command: "pacman -S",
        package: |tool| tool.pacman,
    },
    Manager {
        program: "brew",
        command: "brew install",
        package: |tool| tool.brew,
    },
    Manager {
        program: "pkg",
        command: "pkg install",
        package: |tool| tool.pkg,
    },
];

pub fn install(check: &Check) -> Result<()> {
    check_components()?;
    install_tools(check)?;
    // A bucket on this machine, and Google's gsutil: for the tests that publish with and to what others have made.
    prepare(check, "gcs-tools.sh", &[], "target/gcs-tools")?;
    // A node with another processor.
    prepare(check, "arm64-node.sh", &["build"], "target/arm64-node")
}

/// What no package brings as it is needed; a script makes it below `target/`, once.
fn prepare(check: &Check, script: &str, verb: &[&str], folder: &str) -> Result<()> {
    let root = &check.workspace.root;
    let output = Timed::new(root.join("xtask/scripts").join(script), DEADLINE)
        .args(verb.iter().copied())
        .arg(root.join(folder).into_string())
        .run()?;
    if !output.status.success() {
        bail!("{script}: {}", output.complaint());
    }
    let said = output.text();
    if !said.is_empty() {
        check.console.ui.say(&said);
    }
    Ok(())
}

fn install_tools(check: &Check) -> Result<()> {
    let ui = check.console.ui;
    let missing: Vec<&Tool> = TOOLS
        .iter()
        .filter(|tool| !is_installed_anywhere(tool.program))
        .collect();
    if missing.is_empty() {
        ui.say(&format!("all {} tools are there", TOOLS.len()));
        return Ok(());
    }
    let manager = MANAGERS
        .iter()
        .find(|manager| is_installed(manager.program));
    let Some(manager) = manager else {
        let names: Vec<&str> = missing.iter().map(|tool| tool.program).collect();
        return Err(refuse(format!(
            "these tools are missing, and no known package manager is here: {}",
            names.join(", ")
        )));
    };
    let mut packages: Vec<&str> = missing.iter().map(|tool| (manager.package)(tool)).collect();
    packages.sort();
    packages.dedup();
    if manager.program != "apt-get" || !is_root()? {
        return Err(refuse(format!(
            "the checks need more tools; run `{} {}`",
            manager.command,
            packages.join(" ")
        )));
    }
    ui.say(&format!("installing {}", packages.join(" ")));
    apt_get(&["update", "-qq"])?;
    apt_get(
        &[
            &["install", "-y", "-qq", "--no-install-recommends"],
            &packages[..],
        ]
        .concat(),
    )?;
    match missing
        .iter()
        .find(|tool| !is_installed_anywhere(tool.program))
    {
        None => Ok(()),
        Some(tool) => bail!(
            "package {} was installed, and there is still no `{}`",
            tool.apt,
            tool.program
        ),
    }
}

/// Only `--cross` needs LLVM's lipo, which takes the arguments of Apple's; and only Debian has what its script asks for.
pub fn install_lipo(check: &Check) -> Result<Utf8PathBuf> {
    if !is_installed("apt-get") {
        return Err(refuse(
            "--cross builds with packages of Debian; run it on Debian or a relative",
        ));
    }
    if let Some(lipo) = find_lipo()? {
        return Ok(lipo);
    }
    if !is_root()? {
        return Err(refuse(
            "--cross needs LLVM's lipo; run `apt-get install llvm`",
        ));
    }
    check.console.ui.say("installing llvm");
    apt_get(&["update", "-qq"])?;
    apt_get(&["install", "-y", "-qq", "--no-install-recommends", "llvm"])?;
    find_lipo()?.context("package llvm was installed, and there is still no llvm-lipo")
}

/// Debian puts its version behind the name.
fn find_lipo() -> Result<Option<Utf8PathBuf>> {
    for entry in Utf8Path::new("/usr/bin").read_dir_utf8()? {
        let entry = entry?;
        if entry.file_name() == "llvm-lipo" || entry.file_name().starts_with("llvm-lipo-") {
            return Ok(Some(entry.into_path()));
        }
    }
    Ok(None)
}

/// A fresh rustup of the minimal profile has neither.
fn check_components() -> Result<()> {
    for component in ["rustfmt", "clippy"] {
        let program = if component == "clippy" {
            "cargo-clippy"
        } else {
            component
        };
        let output = Timed::new(program, DEADLINE).arg("--version").run();
        if !output.is_ok_and(|output| output.status.success()) {
            return Err(refuse(format!(
                "`{component}` is missing; run `rustup component add {component}`"
            )));
        }
    }
    Ok(())
}

/// Servers live in directories that an ordinary PATH leaves out.
fn is_installed_anywhere(program: &str) -> bool {
    let system = ["/usr/sbin", "/sbin", "/usr/local/sbin"];
    is_installed(program)
        || system
            .iter()
            .any(|directory| std::path::Path::new(directory).join(program).is_file())
}

fn is_root() -> Result<bool> {
    Ok(Timed::new("id", DEADLINE).arg("-u").run()?.text() == "0")
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let command = Timed::new("apt-get", DEADLINE).args(arguments.iter().copied());
    let output = command.env("DEBIAN_FRONTEND", "noninteractive").run()?;
    if !output.status.success() {
        bail!("`apt-get {}`: {}", arguments.join(" "), output.complaint());
    }
    Ok(())
}
