//! The house's rules, held by reading the source: what may import what, which file alone may use a crate, and how long things may get.

use std::fs;
use std::path::{Path, PathBuf};

/// Functions that take a bool, or more than four parameters; each is to be rewritten by whoever changes it next.
const LONG_LISTS: [(&str, &str); 5] = [
    ("build.rs", "job_of"),
    ("build.rs", "attempts"),
    ("import.rs", "look"),
    ("import.rs", "entry"),
    ("process.rs", "start"),
];

/// What a layer without I/O has no business with.
const WORLD: [&str; 17] = [
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "xshell",
    "print!(",
    "println!(",
    "dbg!(",
    "::now()",
    ".exists()",
    ".is_file()",
    ".is_dir()",
    ".read_dir",
    ".metadata()",
    ".canonicalize",
    ".read_link",
];

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

    /// The lines of code, numbered from one; comments are for people. Of an import each name is a line with its whole path.
    fn code(&self) -> Vec<(usize, String)> {
        let mut code = Vec::new();
        let mut lines = self.program().lines().enumerate();
        while let Some((number, line)) = lines.next() {
            let trimmed = line.trim_start();
            if trimmed.starts_with("//") {
                continue;
            }
            let Some(tree) = imported(trimmed) else {
                code.push((number + 1, self.rooted(line)));
                continue;
            };
            let mut tree = tree.to_string();
            while !tree.contains(';') {
                tree += lines.next().expect("an import ends").1;
            }
            let mut paths = Vec::new();
            expand("", tree.split(';').next().unwrap(), &mut paths);
            let paths = paths.iter().map(|path| self.rooted(path));
            code.extend(paths.map(|path| (number + 1, format!("use {path}"))));
        }
        code
    }

    /// With `super::super::` written as `crate::`, where it is that.
    fn rooted(&self, line: &str) -> String {
        let folders = self.name.trim_end_matches("/mod.rs").matches('/').count();
        line.replace(&"super::".repeat(folders + 1), "crate::")
    }
}

/// What follows `use`, if the line begins an import.
fn imported(line: &str) -> Option<&str> {
    let visibility = line.strip_prefix("pub").map_or(line, |rest| {
        rest.split_once(") ")
            .map_or(rest, |(_, rest)| rest)
            .trim_start()
    });
    visibility.strip_prefix("use ")
}

/// `std::{fs, process::{self, Command as _}}` by its names, each with its whole path.
fn expand(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((head, rest)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap().trim();
        match path {
            "" => {}
            "self" => paths.push(prefix.trim_end_matches("::").to_string()),
            _ => paths.push(format!("{prefix}{path}")),
        }
        return;
    };
    let prefix = format!("{prefix}{}", head.trim());
    let inner = rest.rsplit_once('}').unwrap().0;
    for part in split_outside_brackets(inner) {
        expand(&prefix, part, paths);
    }
}

/// At the commas that stand in no brackets.
fn split_outside_brackets(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start, mut before) = (Vec::new(), 0, 0, ' ');
    for (at, c) in text.char_indices() {
        match c {
            '(' | '[' | '{' | '<' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            '>' if before != '-' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
        before = c;
    }
    parts.push(text[start..].trim());
    parts.retain(|part| !part.is_empty());
    parts
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
    none(imports_that_point_up(&sources()));
}

fn imports_that_point_up(files: &[SourceFile]) -> Vec<String> {
    let layers = layers();
    let layer = |module: &str| {
        layers
            .iter()
            .position(|(_, modules)| modules.iter().any(|each| each == module))
    };
    let mut breaches = Vec::new();
    for file in files {
        let Some(own) = layer(file.module()) else {
            breaches.push(format!(
                "{}: give it a layer in docs/architecture.md",
                file.name
            ));
            continue;
        };
        for (number, line) in file.code() {
            for import in imports(&line) {
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
    breaches
}

#[test]
fn the_pure_layers_touch_nothing() {
    none(touches_of_pure_layers(&sources()));
}

fn touches_of_pure_layers(files: &[SourceFile]) -> Vec<String> {
    let pure: Vec<String> = layers().into_iter().take(2).flat_map(|(_, m)| m).collect();
    let mut breaches = Vec::new();
    for file in files {
        if !pure.iter().any(|module| module == file.module()) {
            continue;
        }
        for (number, line) in file.code() {
            if WORLD.iter().any(|word| line.contains(word)) {
                breaches.push(format!("{}:{number}: {line}", file.name));
            }
        }
    }
    breaches
}

#[test]
fn one_file_alone_uses_each_of_these() {
    none(uses_elsewhere(&sources()));
}

fn uses_elsewhere(files: &[SourceFile]) -> Vec<String> {
    let mut breaches = Vec::new();
    for file in files {
        for (number, line) in file.code() {
            for (word, files) in ALONE {
                let used = line.contains(word) || is_imported_around(&line, word);
                if used && !files.contains(&file.name.as_str()) {
                    breaches.push(format!("{}:{number}: {word} is for {files:?}", file.name));
                }
            }
        }
    }
    breaches
}

/// `use std::process`, or all that is in it, gives `std::process::Command` too.
fn is_imported_around(line: &str, word: &str) -> bool {
    let Some(path) = line.strip_prefix("use ") else {
        return false;
    };
    word.starts_with(&format!("{}::", path.trim_end_matches("::*")))
}

#[test]
fn parameters_are_few_and_say_what_they_are() {
    let known = |(file, name): &(String, String)| {
        let known = LONG_LISTS.iter();
        known
            .clone()
            .any(|known| (file.as_str(), name.as_str()) == *known)
    };
    let (old, new): (Vec<_>, Vec<_>) = long_lists(&sources()).into_iter().partition(known);
    none(
        new.iter()
            .map(|(file, name)| {
                format!("{file}: {name} takes a bool, or more than four parameters")
            })
            .collect(),
    );
    assert_eq!(
        old.len(),
        LONG_LISTS.len(),
        "take out of LONG_LISTS what was rewritten: {old:?}"
    );
}

/// Functions, with their files, that take a bool, or more than four parameters besides themselves.
fn long_lists(files: &[SourceFile]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for file in files {
        for (_, after) in file
            .program()
            .match_indices("fn ")
            .map(|(at, _)| file.program().split_at(at + 3))
        {
            let end = after
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap();
            let Some(list) = parameters(&after[end..]) else {
                continue;
            };
            let own: Vec<&str> = list
                .into_iter()
                .filter(|one| !one.ends_with("self"))
                .collect();
            if end > 0 && (own.len() > 4 || own.iter().any(|one| one.ends_with(": bool"))) {
                found.push((file.name.clone(), after[..end].to_string()));
            }
        }
    }
    found
}

/// Those of a function whose name ends where this begins.
fn parameters(text: &str) -> Option<Vec<&str>> {
    let start = match text.chars().next()? {
        '<' => end_of_brackets(text)?,
        '(' => 0,
        _ => return None,
    };
    let list = text[start..].strip_prefix('(')?;
    let end = end_of_brackets(&text[start..])?;
    Some(split_outside_brackets(&list[..end - 2]))
}

/// Where the bracket is closed that the text begins with.
fn end_of_brackets(text: &str) -> Option<usize> {
    let (mut depth, mut before) = (0, ' ');
    for (at, c) in text.char_indices() {
        match c {
            '(' | '[' | '{' | '<' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            '>' if before != '-' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at + 1);
        }
        before = c;
    }
    None
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
        let before = code.split("fn ").next().unwrap();
        let words = ["pub", "const", "unsafe", "async"];
        let is_function = code.len() > before.len()
            && before
                .split_whitespace()
                .all(|word| words.iter().any(|known| word.starts_with(known)));
        if !is_function || code.ends_with(';') {
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

/// Each rule finds what it is there for, however it is written.
#[test]
fn the_rules_find_their_breaches() {
    let file = |name: &str, text: &str| SourceFile {
        name: name.into(),
        text: text.into(),
    };
    for (name, text) in [
        ("plan.rs", "use crate::release::release;"),
        ("plan.rs", "use super::release::release;"),
        ("words/names.rs", "use super::super::release::release;"),
        (
            "plan.rs",
            "use crate::{\n    ui::Ui,\n    words::Version,\n};",
        ),
        ("plan.rs", "fn f() {\n    super::release::run();\n}"),
        ("promote.rs", "pub(crate) use crate::{doctor as other};"),
    ] {
        assert_eq!(
            imports_that_point_up(&[file(name, text)]).len(),
            1,
            "{name}: {text}"
        );
    }
    for text in [
        "use std::{process::Command as _};",
        "use std::{\n    fs,\n    process::{self, ExitStatus},\n};",
        "use std::process::*;",
        "fn f() {\n    std::process::Command::new(\"x\");\n}",
    ] {
        assert!(
            !uses_elsewhere(&[file("plan.rs", text)]).is_empty(),
            "{text}"
        );
    }
    assert_eq!(
        uses_elsewhere(&[file("plan.rs", "use std::process::ExitStatus;")]),
        [""; 0]
    );
    for line in [
        "println!(\"x\");",
        "eprint!(\"x\");",
        "Utf8Path::new(\"x\").exists();",
        "path.read_dir_utf8();",
        "jiff::Timestamp::now();",
        "use std::{fmt, fs};",
    ] {
        assert_eq!(
            touches_of_pure_layers(&[file("plan.rs", line)]).len(),
            1,
            "{line}"
        );
    }
    let body = "    x();\n".repeat(90);
    for head in [
        "fn f()",
        "pub fn f()",
        "pub(crate) fn f()",
        "pub(super) const unsafe fn f()",
    ] {
        let found = long_functions(&format!("{head} {{\n{body}}}\n"));
        assert_eq!(found, [(1, 92)], "{head}");
    }
    for (signature, breaks) in [
        ("pub fn f(fresh: bool)", true),
        (
            "fn f<T: Fn(u8, u8) -> u8>(&self, a: T, b: u8, c: Map<u8, u8>, d: &str)",
            false,
        ),
        (
            "fn f(\n    a: u8,\n    b: u8,\n    c: u8,\n    d: u8,\n    e: u8,\n)",
            true,
        ),
        ("fn f(a: fn(bool) -> u8, b: Option<bool>)", false),
    ] {
        let found = long_lists(&[file("plan.rs", &format!("{signature} {{}}"))]);
        assert_eq!(!found.is_empty(), breaks, "{signature}");
    }
}
