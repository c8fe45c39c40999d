//! `cargo xtask ci`: everything that must pass before a change lands. Installs what it needs, or names it; skips nothing.

mod cross;
mod packages;
mod smoke;

use crate::console::Console;
use crate::flags;
use crate::process::{foreground, Foreground, Timed};
use crate::words::{counted, nearest, refuse, show_duration};
use crate::workspace::Workspace;
use anyhow::{bail, Result};
use std::time::{Duration, Instant};

struct Step {
    name: &'static str,
    does: &'static str,
    run: fn(&Check) -> Result<()>,
    runs: Runs,
    /// Whether a run without `--step` has it.
    asked_for: fn(&flags::Ci) -> bool,
}

const TEST: &str = "test";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Runs {
    Anywhere,
    OnLinux,
}

const STEPS: [Step; 9] = [
    Step {
        name: "packages",
        does: "install what the other steps need",
        run: packages::install,
        runs: Runs::Anywhere,
        asked_for: |_| true,
    },
    Step {
        name: "format",
        does: "rustfmt's defaults",
        run: format,
        runs: Runs::Anywhere,
        asked_for: |_| true,
    },
    Step {
        name: "clippy",
        does: "clippy with warnings denied",
        run: clippy,
        runs: Runs::Anywhere,
        asked_for: |_| true,
    },
    Step {
        name: "shell",
        does: "shellcheck on every shell script",
        run: shell,
        runs: Runs::Anywhere,
        asked_for: |_| true,
    },
    Step {
        name: "docs",
        does: "rustdoc of the library with warnings denied",
        run: docs,
        runs: Runs::Anywhere,
        asked_for: |_| true,
    },
    Step {
        name: "smoke",
        does: "the README's main command in a fresh clone and an empty HOME",
        run: smoke::run,
        runs: Runs::Anywhere,
        asked_for: |_| true,
    },
    Step {
        name: "cross",
        does: "a release of real macOS programs, cross-built",
        run: cross::run,
        runs: Runs::OnLinux,
        asked_for: |flags| flags.cross,
    },
    Step {
        name: "rehearsal",
        does: "a release of all ten platforms with real files, from this one machine",
        run: rehearsal,
        runs: Runs::OnLinux,
        asked_for: |flags| flags.rehearsal,
    },
    // Last, so that the run ends with the test runner's own summary.
    Step {
        name: TEST,
        does: "every test",
        run: test,
        runs: Runs::OnLinux,
        asked_for: |_| true,
    },
];

/// What a step works with.
pub struct Check<'a> {
    workspace: &'a Workspace,
    console: &'a Console<'a>,
}

pub fn run(workspace: &Workspace, flags: flags::Ci, console: &Console) -> Result<()> {
    if flags.list {
        STEPS.iter().for_each(|step| {
            console
                .ui
                .result(&format!("{:10} {}", step.name, step.does))
        });
        return Ok(());
    }
    let check = Check { workspace, console };
    let steps = chosen(&flags)?;
    refuse_elsewhere(std::env::consts::OS, &steps)?;
    for step in steps {
        let started = Instant::now();
        console.ui.say(&format!("==> {}: {}", step.name, step.does));
        (step.run)(&check)?;
        // After the tests their runner has the last word.
        if step.name != TEST {
            console.ui.say(&format!(
                "==> {} passed in {}",
                step.name,
                show_duration(started.elapsed())
            ));
        }
    }
    Ok(())
}

fn chosen(flags: &flags::Ci) -> Result<Vec<&'static Step>> {
    for name in &flags.step {
        if !STEPS.iter().any(|step| step.name == name) {
            let near = nearest(name, STEPS.iter().map(|step| step.name)).unwrap_or(TEST);
            return Err(refuse(format!(
                "no step `{}`; did you mean `{near}`? --list names them",
                name.escape_debug()
            )));
        }
    }
    let wanted = |step: &&Step| match flags.step.is_empty() {
        true => (step.asked_for)(flags),
        false => flags.step.iter().any(|name| name == step.name),
    };
    Ok(STEPS.iter().filter(wanted).collect())
}

/// Known before half an hour of checks, not after.
fn refuse_elsewhere(os: &str, steps: &[&Step]) -> Result<()> {
    let (linux, anywhere): (Vec<&Step>, Vec<&Step>) =
        steps.iter().partition(|step| step.runs == Runs::OnLinux);
    if os == "linux" || linux.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = linux.iter().map(|step| step.name).collect();
    let way_out = match anywhere.is_empty() {
        true => "run it on Linux".to_string(),
        false => {
            let rest: Vec<String> = anywhere
                .iter()
                .map(|step| format!("--step {}", step.name))
                .collect();
            format!(
                "run the checks on Linux, or the others here: `cargo xtask ci {}`",
                rest.join(" ")
            )
        }
    };
    Err(refuse(format!("step `{}` needs Linux (its mount namespaces stand for other systems), and this is {os}; {way_out}", names.join("`, `"))))
}

/// A step's longest command; far more than any of them needs.
const DEADLINE: Duration = Duration::from_secs(20 * 60);

impl Check<'_> {
    fn cargo(&self, arguments: &[&str]) -> Result<()> {
        self.cargo_with(arguments, &[])
    }

    fn cargo_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Result<()> {
        let status = foreground(&Foreground {
            program: "cargo",
            arguments,
            environment,
            directory: &self.workspace.root,
            deadline: DEADLINE,
            interrupt: self.console.interrupt,
        })?;
        match status {
            0 => Ok(()),
            status => bail!("`cargo {}` ended with status {status}", arguments.join(" ")),
        }
    }
}

fn format(check: &Check) -> Result<()> {
    check.cargo(&["fmt", "--all", "--check"])
}

fn clippy(check: &Check) -> Result<()> {
    check.cargo(&[
        "clippy",
        "--quiet",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ])
}

fn test(check: &Check) -> Result<()> {
    check.cargo(&["test", "--quiet", "--workspace", "--locked", "--doc"])?;
    check.cargo(&[
        "test",
        "--workspace",
        "--locked",
        "--lib",
        "--bins",
        "--tests",
    ])
}

fn docs(check: &Check) -> Result<()> {
    let library = check.workspace.inventory.project.package.as_str();
    check.cargo_with(
        &[
            "doc",
            "--quiet",
            "--locked",
            "--no-deps",
            "--package",
            library,
        ],
        &[("RUSTDOCFLAGS", "-D warnings")],
    )
}

/// Its own script, since it is a day of the fleet's life and not a test: what it prints is to be looked at.
fn rehearsal(check: &Check) -> Result<()> {
    let root = &check.workspace.root;
    let folder = root.join("target/rehearsal");
    let status = foreground(&Foreground {
        program: root.join("xtask/scripts/rehearsal.sh").as_str(),
        arguments: &[folder.as_str()],
        environment: &[],
        directory: root,
        deadline: DEADLINE * 3,
        interrupt: check.console.interrupt,
    })?;
    match status {
        0 => Ok(()),
        status => bail!("the rehearsal ended with status {status}"),
    }
}

/// Every tracked file that a shell reads, found by its name or its first line.
fn shell(check: &Check) -> Result<()> {
    let root = &check.workspace.root;
    let list = Timed::new("git", DEADLINE)
        .args(["-C", root.as_str(), "ls-files"])
        .run()?
        .text();
    let scripts: Vec<&str> = list
        .lines()
        .filter(|file| is_shell(&root.join(file)))
        .collect();
    let output = Timed::new("shellcheck", DEADLINE)
        .args(scripts.iter().map(|file| root.join(file).into_string()))
        .run()?;
    if !output.status.success() {
        bail!("shellcheck:\n{}", output.text());
    }
    check.console.ui.say(&counted(scripts.len(), "script"));
    Ok(())
}

fn is_shell(path: &camino::Utf8Path) -> bool {
    let Ok(bytes) = std::fs::read(path) else {
        return false;
    };
    let first = bytes
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let interpreter = String::from_utf8_lossy(first);
    let by_first_line = interpreter.starts_with("#!") && interpreter.trim_end().ends_with("sh");
    by_first_line || path.extension() == Some("sh")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(names: &[&str]) -> Vec<&'static Step> {
        let named = |step: &&Step| names.contains(&step.name);
        STEPS.iter().filter(named).collect()
    }

    #[test]
    fn a_system_without_mount_namespaces_is_told_so_by_name() {
        let all = steps(&["packages", "format", "test"]);
        assert!(refuse_elsewhere("linux", &all).is_ok());
        assert_eq!(
            refuse_elsewhere("macos", &all).unwrap_err().to_string(),
            "step `test` needs Linux (its mount namespaces stand for other systems), and this is macos; \
             run the checks on Linux, or the others here: `cargo xtask ci --step packages --step format`"
        );
        assert!(refuse_elsewhere("freebsd", &steps(&["format", "docs"])).is_ok());
        let error = refuse_elsewhere("openbsd", &steps(&["test"])).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("this is openbsd; run it on Linux"),
            "{error}"
        );
    }
}
