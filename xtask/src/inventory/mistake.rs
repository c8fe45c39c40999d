//! What a parser says of a `nodes.toml`, said as its owner needs it: which node, which key, and what to write instead.

use crate::words::nearest;

/// `message` is the parser's, about the byte `at` of the text.
pub fn explain(text: &str, at: usize, message: &str) -> String {
    let place = match Table::around(text, at) {
        // A table that is missing, or whose header is broken, belongs to none.
        Some(_) if message.contains("field `project`") || is_broken_header(line_at(text, at)) => {
            String::new()
        }
        Some(table) => format!("{}: ", table.name()),
        None => String::new(),
    };
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let explained = match (message.split_once(": "), &quoted[..]) {
        _ if message.starts_with("unknown field") => unknown_key(message, &quoted),
        _ if message.starts_with("missing field") => missing_key(&quoted),
        (Some(("invalid type" | "invalid value", rest)), _) => wrong_type(key_at(text, at), rest),
        _ => message.to_string(),
    };
    format!("{place}{explained}")
}

fn unknown_key(message: &str, quoted: &[&str]) -> String {
    let Some((wrong, known)) = quoted.split_first() else {
        return message.to_string();
    };
    match nearest(wrong, known.iter().copied()) {
        Some(near) => format!("unknown key `{wrong}`; did you mean `{near}`?"),
        None => format!("unknown key `{wrong}`; the keys are {}", known.join(", ")),
    }
}

fn missing_key(quoted: &[&str]) -> String {
    let key = quoted.first().copied().unwrap_or_default();
    let example = match key {
        "project" => "[project], with `package`, `binary` and `repository`",
        "host" => "host = \"user@name\", or \"local\" for this machine",
        "target" => "target = \"x86_64-unknown-linux-gnu\", or another triple of Rust's",
        "repository" => "repository = \"https://...\"",
        _ => return format!("`{key}` is missing; add {key} = \"...\""),
    };
    format!("`{key}` is missing; add {example}")
}

/// `rest` is as in ``string "yes", expected a boolean``.
fn wrong_type(key: Option<&str>, rest: &str) -> String {
    let (found, expected) = rest.split_once(", expected ").unwrap_or((rest, ""));
    let remedy = match expected {
        "a string" => "write it in quotes",
        "a boolean" => "write true or false, without quotes",
        "u32" | "i64" => "write a whole number, without quotes",
        "a sequence" => "write a list, as in [\"a\", \"b\"]",
        "a map" => "write a table, as in { NAME = \"value\" }",
        _ => {
            return format!(
                "{}{rest}",
                key.map_or(String::new(), |key| format!("`{key}`: "))
            )
        }
    };
    match key {
        Some(key) => format!("`{key}` is the {found}; {remedy}"),
        None => format!("the {found} will not do; {remedy}"),
    }
}

/// The key on the line of this byte.
fn key_at(text: &str, at: usize) -> Option<&str> {
    let (key, _) = line_at(text, at).split_once('=')?;
    let key = key.trim();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    (!key.is_empty() && key.bytes().all(plain)).then_some(key)
}

fn line_at(text: &str, at: usize) -> &str {
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    text[start..].lines().next().unwrap_or_default().trim()
}

fn is_broken_header(line: &str) -> bool {
    line.starts_with('[') && !is_header(line)
}

/// A table of the file: its header, and the lines below it.
struct Table<'a> {
    header: &'a str,
    body: &'a str,
}

impl Table<'_> {
    /// The one whose header stands last before this byte, or at it.
    fn around(text: &str, at: usize) -> Option<Table<'_>> {
        let mut start = 0;
        let mut headers = Vec::new();
        for line in text.split_inclusive('\n') {
            if is_header(line.trim()) {
                headers.push((start, line));
            }
            start += line.len();
        }
        let index = headers.iter().rposition(|(start, _)| *start <= at)?;
        let (start, line) = headers[index];
        let end = headers.get(index + 1).map_or(text.len(), |(next, _)| *next);
        Some(Table {
            header: line.trim(),
            body: &text[start + line.len()..end],
        })
    }

    /// ``node `one` ``, or the header where a table has no name.
    fn name(&self) -> String {
        let list = self.header.strip_prefix("[[");
        let Some(kind) = list.and_then(|rest| rest.strip_suffix("]]")) else {
            return self.header.to_string();
        };
        let value = |line: &str| {
            let (key, value) = line.split_once('=')?;
            let value = value.split(['"', '\'']).nth(1)?;
            (key.trim() == "name").then(|| value.escape_debug().to_string())
        };
        match self.body.lines().find_map(value) {
            Some(name) => format!("{kind} `{name}`"),
            None => format!("a {} without a name", self.header),
        }
    }
}

/// `[defaults]` or `[[node]]`; the lines of a shell command may begin with a bracket too.
fn is_header(line: &str) -> bool {
    let within = |open, close| line.strip_prefix(open)?.strip_suffix(close);
    let name: Option<&str> = within("[[", "]]").or_else(|| within("[", "]"));
    let plain = |b: u8| b.is_ascii_lowercase() || b == b'.';
    name.is_some_and(|name| !name.is_empty() && name.bytes().all(plain))
}
