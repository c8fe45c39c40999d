//! The house's rules, held by reading the source: what may import what, which file alone may use a crate, and how long things may get.

use std::fs;
use std::path::{Path, PathBuf};

/// A word of the source, and the only files that may hold it.
const ALONE: [(&str, &[&str]); 10] = [
    ("duct::", &["process.rs"]),
    ("std::process::Command", &["process.rs"]),
    ("std::process::Child", &["process.rs"]),
    ("std::process::Stdio", &["process.rs"]),
    ("std::process::ExitCode", &["main.rs"]),
    ("indicatif::", &["ui.rs"]),
    ("terminal::", &["ui.rs"]),
    ("toml::", &["inventory.rs", "inventory/raw.rs"]),
    ("ureq::", &["gcs/http.rs"]),
    ("jsonwebtoken::", &["gcs/credentials.rs"]),
];

struct SourceFile {
    /// Relative to `src`.
    name: String,
    text: String,
}

impl SourceFile {
    /// `host/log.rs` belongs to the module `host`.
    fn module(&self) -> &str {
        self.name.split(['/', '.']).next().unwrap()
    }

    /// The file without its tests.
    fn program(&self) -> &str {
        self.text.split("#[cfg(test)]\nmod ").next().unwrap()
    }

    fn is_test(&self) -> bool {
        self.name.split(['/', '.']).any(|part| part == "tests")
    }

    /// The lines of code, numbered from one; comments are for people.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.program().lines().enumerate();
        lines
            .map(|(number, line)| (number + 1, line))
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

fn read(directory: &str) -> Vec<SourceFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let mut files = Vec::new();
    let mut directories = vec![root.clone()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
                files.push(SourceFile {
                    name: name.to_string(),
                    text: fs::read_to_string(&path).unwrap(),
                });
            }
        }
    }
    assert!(!files.is_empty(), "{}", root.display());
    files
}

/// The program, without the files that only its tests are made of.
fn sources() -> Vec<SourceFile> {
    let files = read("src").into_iter();
    files.filter(|file| !file.is_test()).collect()
}

/// The program and all tests.
fn everything() -> Vec<SourceFile> {
    read("src").into_iter().chain(read("tests")).collect()
}

#[track_caller]
fn none(breaches: Vec<String>) {
    assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
}

/// The layers as docs/architecture.md has them, the lowest first: a name and its modules.
fn layers() -> Vec<(String, Vec<String>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/architecture.md");
    let text = fs::read_to_string(path).unwrap();
    let table = text
        .lines()
        .skip_while(|line| !line.starts_with("| layer "));
    let rows = table.skip(2).take_while(|line| line.starts_with('|'));
    let mut layers: Vec<_> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let module = |word: &str| word.trim_matches(['`', '/']).to_string();
            let modules = cells[2].split_whitespace().map(module).collect();
            (cells[1].to_string(), modules)
        })
        .collect();
    layers.reverse();
    let names: Vec<&str> = layers.iter().map(|(name, _)| name.as_str()).collect();
    let expected = ["words", "pure", "edges", "steps", "commands", "entry"];
    assert_eq!(names, expected);
    layers
}

const COMMANDS: usize = 4;

/// The modules named after `crate::` in a line.
fn imports(line: &str) -> impl Iterator<Item = &str> {
    line.split("crate::").skip(1).map(|rest| {
        let end = rest
            .find(|c: char| !c.is_ascii_lowercase() && c != '_')
            .unwrap_or(rest.len());
        &rest[..end]
    })
}

#[test]
fn imports_point_down_only() {
    let layers = layers();
    let layer = |module: &str| {
        layers
            .iter()
            .position(|(_, modules)| modules.iter().any(|each| each == module))
    };
    let mut breaches = Vec::new();
    for file in sources() {
        let Some(own) = layer(file.module()) else {
            breaches.push(format!(
                "{}: give it a layer in docs/architecture.md",
                file.name
            ));
            continue;
        };
        for (number, line) in file.code() {
            for import in imports(line) {
                let place = format!("{}:{number}: {import}", file.name);
                match layer(import) {
                    None => breaches.push(format!("{place} has no layer in docs/architecture.md")),
                    // A command is handed what the command line said.
                    Some(_) if import == "flags" && own == COMMANDS => {}
                    Some(other) if other > own => breaches.push(format!("{place} is above")),
                    Some(COMMANDS) if own == COMMANDS && import != file.module() => {
                        breaches.push(format!("{place} is another command"))
                    }
                    Some(_) => {}
                }
            }
        }
    }
    none(breaches);
}

#[test]
fn the_pure_layers_touch_nothing() {
    let world = [
        "std::fs",
        "std::net",
        "std::env",
        "std::process",
        "std::thread",
        "xshell",
    ];
    let pure: Vec<String> = layers().into_iter().take(2).flat_map(|(_, m)| m).collect();
    let mut breaches = Vec::new();
    for file in sources() {
        if !pure.iter().any(|module| module == file.module()) {
            continue;
        }
        for (number, line) in file.code() {
            if world.iter().any(|word| line.contains(word)) {
                breaches.push(format!("{}:{number}: {line}", file.name));
            }
        }
    }
    none(breaches);
}

#[test]
fn one_file_alone_uses_each_of_these() {
    let mut breaches = Vec::new();
    for file in sources() {
        for (number, line) in file.code() {
            for (word, files) in ALONE {
                let used = line.contains(word) || named_by_use(line, word);
                if used && !files.contains(&file.name.as_str()) {
                    breaches.push(format!("{}:{number}: {word} is for {files:?}", file.name));
                }
            }
        }
    }
    none(breaches);
}

/// `use std::process::{Command, Stdio}` holds `std::process::Command` too.
fn named_by_use(line: &str, word: &str) -> bool {
    let Some((path, name)) = word.trim_end_matches("::").rsplit_once("::") else {
        return line.starts_with(&format!("use {}", word));
    };
    let group = format!("use {path}::{{");
    line.strip_prefix(&group)
        .is_some_and(|names| names.split([',', '}', ';']).any(|each| each.trim() == name))
}

#[test]
fn nothing_panics_without_a_reason() {
    let mut breaches = Vec::new();
    for file in sources() {
        for (number, line) in file.code() {
            if [".unwrap()", "todo!(", "unimplemented!("]
                .iter()
                .any(|word| line.contains(word))
            {
                breaches.push(format!("{}:{number}: {}", file.name, line.trim()));
            }
        }
    }
    none(breaches);
}

#[test]
fn every_file_says_what_it_is_for() {
    let mut breaches = Vec::new();
    for file in everything() {
        let header = file
            .text
            .lines()
            .take_while(|line| line.starts_with("//!"))
            .count();
        if !(1..=8).contains(&header) {
            breaches.push(format!(
                "{}: its header has {header} lines, 1 to 8 are right",
                file.name
            ));
        }
    }
    none(breaches);
}

#[test]
fn no_file_is_over_600_lines_and_no_function_over_70() {
    let mut breaches = Vec::new();
    for file in sources() {
        let length = file.program().lines().count();
        if length > 600 {
            breaches.push(format!("{}: {length} lines", file.name));
        }
        for (number, length) in long_functions(file.program()) {
            breaches.push(format!(
                "{}:{number}: a function of {length} lines",
                file.name
            ));
        }
    }
    none(breaches);
}

/// Where they begin, and their lengths. rustfmt puts a function's last brace below its first letter.
fn long_functions(text: &str) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let indent = line.len() - code.len();
        let words = code.trim_start_matches("pub ").trim_start_matches("const ");
        if !words.starts_with("fn ") || code.ends_with(';') {
            continue;
        }
        let end = format!("{}}}", &line[..indent]);
        let length = lines[start..].iter().position(|line| *line == end);
        match length.map(|length| length + 1) {
            Some(length) if length > 70 => found.push((start + 1, length)),
            _ => {}
        }
    }
    found
}

#[test]
fn nothing_is_put_off_and_nothing_allowed_without_a_reason() {
    let mut breaches = Vec::new();
    // In pieces, or this file would name them.
    let put_off = [["TO", "DO"], ["FIX", "ME"], ["XX", "X:"]].map(|pieces| pieces.concat());
    for file in everything() {
        for (number, line) in file.text.lines().enumerate() {
            let allowed = line.trim_start().starts_with("#[allow(") && !line.contains("reason = ");
            if allowed || put_off.iter().any(|word| line.contains(word.as_str())) {
                breaches.push(format!("{}:{}: {}", file.name, number + 1, line.trim()));
            }
        }
    }
    none(breaches);
}

#[test]
fn no_package_registry_is_named() {
    let hosts = [
        ["crates", ".io"],
        ["pypi", ".org"],
        ["pythonhosted", ".org"],
        ["npmjs", ".com"],
        ["npmjs", ".org"],
        ["debian", ".org"],
    ]
    .map(|pieces| pieces.concat());
    let mut breaches = Vec::new();
    for file in everything() {
        for (number, line) in file.text.lines().enumerate() {
            if hosts.iter().any(|host| line.contains(host.as_str())) {
                breaches.push(format!("{}:{}: {}", file.name, number + 1, line.trim()));
            }
        }
    }
    none(breaches);
}

#[test]
fn every_event_is_documented() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/json.md");
    let documented = fs::read_to_string(path).unwrap();
    let mut breaches = Vec::new();
    for file in sources() {
        // A call may be broken after its parenthesis.
        let program: String = file.program().split_whitespace().collect();
        for call in program.split(".event(\"").skip(1) {
            let name = call.split('"').next().unwrap();
            if !documented.contains(&format!("\n| `{name}` |")) {
                breaches.push(format!("{}: docs/json.md has no event `{name}`", file.name));
            }
        }
    }
    none(breaches);
}
