//! What the checks need besides Rust and git: installed with apt-get by root on Debian's family, named for every other system.

use super::{Check, DEADLINE};
use crate::process::{is_installed, Timed};
use crate::ui::Ui;
use crate::words::refuse;
use anyhow::{bail, Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use std::collections::BTreeSet;
use std::env::consts::OS;

/// A program, and the package that brings it: `None` where a package manager has none.
struct Tool {
    program: &'static str,
    needed: Needed,
    apt: &'static str,
    dnf: Option<&'static str>,
    pacman: Option<&'static str>,
    brew: Option<&'static str>,
    pkg: Option<&'static str>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Needed {
    Everywhere,
    /// By the tests, which make other systems out of Linux's mount namespaces.
    OnLinux,
}

/// A tool whose package has one name wherever the tests run.
const fn on_linux(program: &'static str, package: &'static str) -> Tool {
    Tool {
        program,
        needed: Needed::OnLinux,
        apt: package,
        dnf: Some(package),
        pacman: Some(package),
        brew: None,
        pkg: None,
    }
}

const TOOLS: &[Tool] = &[
    Tool {
        needed: Needed::Everywhere,
        dnf: Some("ShellCheck"),
        brew: Some("shellcheck"),
        pkg: Some("hs-ShellCheck"),
        ..on_linux("shellcheck", "shellcheck")
    },
    on_linux("curl", "curl"),
    on_linux("wget", "wget"),
    on_linux("tnftp", "tnftp"),
    on_linux("bash", "bash"),
    on_linux("dash", "dash"),
    on_linux("busybox", "busybox"),
    on_linux("mksh", "mksh"),
    Tool {
        pacman: None,
        ..on_linux("yash", "yash")
    },
    on_linux("zsh", "zsh"),
    on_linux("tcsh", "tcsh"),
    on_linux("fish", "fish"),
    Tool {
        dnf: None,
        pacman: None,
        ..on_linux("posh", "posh")
    },
    on_linux("openssl", "openssl"),
    on_linux("socat", "socat"),
    on_linux("strace", "strace"),
    on_linux("setpriv", "util-linux"),
    on_linux("perl", "perl"),
    on_linux("python3", "python3"),
    on_linux("ruby", "ruby"),
    Tool {
        dnf: Some("ksh"),
        pacman: None,
        ..on_linux("ksh93", "ksh93u+m")
    },
    Tool {
        apt: "openssh-client",
        ..on_linux("ssh-keygen", "openssh")
    },
    Tool {
        apt: "openssh-server",
        dnf: Some("openssh-server"),
        ..on_linux("sshd", "openssh")
    },
    on_linux("unshare", "util-linux"),
    Tool {
        apt: "procps",
        ..on_linux("ps", "procps-ng")
    },
];

/// A package manager: what a person types, and what it calls a tool's package.
struct Manager {
    program: &'static str,
    command: &'static str,
    package: fn(&Tool) -> Option<&'static str>,
}

const MANAGERS: [Manager; 5] = [
    Manager {
        program: "apt-get",
        command: "apt-get install",
        package: |tool| Some(tool.apt),
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
    install_tools(check.console.ui)?;
    match OS {
        "linux" => {
            check_namespaces()?;
            prepare_neighbours(check)
        }
        _ => Ok(()),
    }
}

fn install_tools(ui: &Ui) -> Result<()> {
    let missing: Vec<&Tool> = tools_of(OS)
        .filter(|tool| !is_installed_anywhere(tool.program))
        .collect();
    if !missing.is_empty() {
        get(&missing, ui)?;
    }
    ui.say(&format!("all {} tools are there", tools_of(OS).count()));
    Ok(())
}

fn tools_of(os: &str) -> impl Iterator<Item = &'static Tool> + '_ {
    let needed = move |tool: &&Tool| os == "linux" || tool.needed == Needed::Everywhere;
    TOOLS.iter().filter(needed)
}

fn get(missing: &[&Tool], ui: &Ui) -> Result<()> {
    let mut managers = MANAGERS.iter();
    let manager = managers.find(|manager| is_installed(manager.program));
    if manager.is_none_or(|manager| manager.program != "apt-get") || !is_root()? {
        return Err(refuse(request(manager, missing)));
    }
    let packages = packages(missing, |tool| Some(tool.apt));
    ui.say(&format!("installing {}", packages.join(" ")));
    apt_get(&["update", "-qq"])?;
    let install = ["install", "-y", "-qq", "--no-install-recommends"];
    apt_get(&[&install[..], &packages[..]].concat())?;
    let mut missing = missing.iter();
    match missing.find(|tool| !is_installed_anywhere(tool.program)) {
        None => Ok(()),
        Some(tool) => bail!(
            "package {} was installed, and there is still no `{}`",
            tool.apt,
            tool.program
        ),
    }
}

/// What a person has to do who may not, or cannot, have it done.
fn request(manager: Option<&Manager>, missing: &[&Tool]) -> String {
    let package = |tool: &Tool| manager.and_then(|manager| (manager.package)(tool));
    let strangers: Vec<&str> = missing
        .iter()
        .filter(|tool| package(tool).is_none())
        .map(|tool| tool.program)
        .collect();
    let (packages, strangers) = (packages(missing, package), strangers.join(", "));
    let Some(manager) = manager else {
        return format!(
            "these tools are missing, and no known package manager is here: {strangers}"
        );
    };
    let run = format!("run `{} {}`", manager.command, packages.join(" "));
    let own = format!("{} has no package of these, so get them from their authors, or run the checks on Debian: {strangers}", manager.program);
    let way_out = match (packages.is_empty(), strangers.is_empty()) {
        (false, true) => run,
        (true, _) => own,
        (false, false) => format!("{run}; {own}"),
    };
    format!("the checks need more tools; {way_out}")
}

fn packages(tools: &[&Tool], package: impl Fn(&Tool) -> Option<&'static str>) -> Vec<&'static str> {
    let packages: BTreeSet<&str> = tools.iter().filter_map(|tool| package(tool)).collect();
    packages.into_iter().collect()
}

/// A container may forbid them; better said once than by every test.
fn check_namespaces() -> Result<()> {
    let output = Timed::new("unshare", DEADLINE)
        .args(["--map-root-user", "--mount", "true"])
        .run()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(refuse(format!(
            "the tests need mount namespaces, and this system forbids them ({}); run outside of a container, or in one that may make them (`--privileged`)",
            output.complaint()
        ))),
    }
}

/// What the tests talk to.
fn prepare_neighbours(check: &Check) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn manager(program: &str) -> &'static Manager {
        let mut managers = MANAGERS.iter();
        managers.find(|manager| manager.program == program).unwrap()
    }

    fn asked(program: &str, os: &str) -> String {
        let missing: Vec<&Tool> = tools_of(os).collect();
        request(Some(manager(program)), &missing)
    }

    #[test]
    fn only_packages_that_a_manager_has_are_named_and_only_what_is_needed() {
        assert_eq!(
            asked("brew", "macos"),
            "the checks need more tools; run `brew install shellcheck`"
        );
        assert_eq!(
            asked("pkg", "freebsd"),
            "the checks need more tools; run `pkg install hs-ShellCheck`"
        );
        let fedora = asked("dnf", "linux");
        assert!(
            fedora.contains(" procps-ng ") && !fedora.contains(" posh "),
            "{fedora}"
        );
        assert!(fedora.ends_with("; dnf has no package of these, so get them from their authors, or run the checks on Debian: posh"), "{fedora}");
        let debian = asked("apt-get", "linux");
        assert!(
            debian.contains("posh") && debian.ends_with(" zsh`"),
            "{debian}"
        );
    }

    #[test]
    fn without_a_package_manager_the_programs_are_named() {
        let missing: Vec<&Tool> = tools_of("openbsd").collect();
        assert_eq!(
            request(None, &missing),
            "these tools are missing, and no known package manager is here: shellcheck"
        );
    }
}
