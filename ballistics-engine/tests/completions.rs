//! The completion scripts in the shells that they are for. A shell that is not installed is passed over, by name;
//! bash is there wherever this is developed.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

const COMMANDS: [&str; 10] = [
    "trajectory",
    "zero",
    "range-card",
    "mpbr",
    "danger-space",
    "monte-carlo",
    "stability",
    "atmosphere",
    "selftest",
    "completions",
];

/// Words before the last, the last as far as it is typed, and what must be offered for it.
const CASES: [(&str, &str, &[&str]); 12] = [
    ("", "", &COMMANDS),
    ("", "tra", &["trajectory"]),
    ("help", "", &COMMANDS),
    ("trajectory", "--sea", &["--sea-level-pressure"]),
    ("trajectory", "--he", &["--help"]),
    ("trajectory --drag", "G", &["G1", "G7", "GS"]),
    ("trajectory -d", "R", &["RA4"]),
    ("trajectory -u", "", &["imperial", "metric"]),
    ("trajectory -o", "j", &["json"]),
    ("completions", "", &["bash", "zsh", "fish"]),
    ("zero --profile", "", &["match", "long-range"]),
    ("zero --profile", "ma", &["match"]),
];

#[test]
fn bash_offers_what_may_follow() {
    let home = Home::new("bash");
    for (before, typed, offered) in CASES {
        let words = format!("ballistics {before}");
        let count = words.split_whitespace().count();
        let script = format!(
            "source {}; COMP_WORDS=({words} '{typed}'); COMP_CWORD={count}; _ballistics; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            home.script("bash")
        );
        home.check("bash", &script, (before, typed), offered);
    }
    let script = format!(
        "source {}; COMP_WORDS=(ballistics zero --drag = G); COMP_CWORD=4; _ballistics; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        home.script("bash")
    );
    home.check("bash", &script, ("zero --drag=", "G"), &["G7"]);
}

#[test]
fn fish_offers_what_may_follow() {
    if is_missing("fish") {
        return;
    }
    let home = Home::new("fish");
    for (before, typed, offered) in CASES {
        let script = format!(
            "source {}; complete -C 'ballistics {before} {typed}' | string replace -r '\\t.*' ''",
            home.script("fish")
        );
        home.check("fish", &script, (before, typed), offered);
    }
}

/// zsh completes in a terminal alone, so its script is read and no more.
#[test]
fn zsh_reads_its_script() {
    if is_missing("zsh") {
        return;
    }
    let home = Home::new("zsh");
    let status = Command::new("zsh")
        .arg("-n")
        .arg(home.script("zsh"))
        .status();
    assert!(status.unwrap().success());
}

fn is_missing(shell: &str) -> bool {
    let found = Command::new(shell)
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    if found.is_err() {
        eprintln!("passed over: there is no {shell}");
    }
    found.is_err()
}

/// A folder with two profiles, removed at the end.
struct Home(PathBuf);

impl Home {
    fn new(name: &str) -> Self {
        let name = format!("ballistics-completions-{name}-{}", std::process::id());
        let folder = env::temp_dir().join(name);
        fs::create_dir_all(folder.join("ballistics")).unwrap();
        for profile in ["match.toml", "long-range.toml"] {
            fs::write(folder.join("ballistics").join(profile), "").unwrap();
        }
        Home(folder)
    }

    /// Path of a shell's script.
    fn script(&self, shell: &str) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_ballistics"))
            .args(["completions", shell])
            .output()
            .unwrap();
        let path = self.0.join(shell);
        fs::write(&path, output.stdout).unwrap();
        path.display().to_string()
    }

    fn check(&self, shell: &str, script: &str, typed: (&str, &str), offered: &[&str]) {
        let output = Command::new(shell)
            .args(["-c", script])
            .env("XDG_CONFIG_HOME", &self.0)
            .current_dir(&self.0)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        for word in offered {
            let is_there = text.lines().any(|line| line == *word);
            assert!(is_there, "{shell}, {typed:?}: no {word} in {text}");
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}
