//! Processes that a release started, found by what their environment or their arguments say of the project.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The command lines of what still runs for the project with this cache directory.
pub fn of(cache: &Path) -> Vec<String> {
    let mark = cache.to_str().unwrap();
    match fs::read_dir("/proc/self/fd") {
        Ok(_) => from_proc(mark),
        Err(_) => from_ps(mark),
    }
}

fn from_proc(mark: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        // One that is a zombie, or gone since, has neither.
        let text = |name: &str| {
            fs::read(entry.path().join(name))
                .map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', " "))
        };
        let (Ok(arguments), Ok(environment)) = (text("cmdline"), text("environ")) else {
            continue;
        };
        if arguments.contains(mark) || environment.contains(mark) {
            found.push(arguments);
        }
    }
    found
}

fn from_ps(mark: &str) -> Vec<String> {
    let output = Command::new("ps")
        .args(["axeww", "-o", "command"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines()
        .filter(|line| line.contains(mark))
        .map(String::from)
        .collect()
}
