//! What the readme shows is what the program prints.

use std::process::Command;

#[test]
fn every_command_in_the_readme_prints_what_stands_below_it() {
    let readme = include_str!("../README.md");
    let blocks: Vec<&str> = readme
        .split("```console\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    let mut compared = 0;
    for block in blocks {
        let (line, expected) = block.split_once('\n').unwrap();
        let words = line
            .strip_prefix("$ ballistics ")
            .unwrap()
            .split_whitespace();
        if expected.is_empty() || expected.starts_with('$') {
            continue;
        }
        let output = Command::new(env!("CARGO_BIN_EXE_ballistics"))
            .args(words)
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8(output.stdout).unwrap(),
            expected,
            "{line}"
        );
        compared += 1;
    }
    assert_eq!(compared, 2);
}
