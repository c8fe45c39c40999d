//! JSON values, and how they are written. Reports are all that is printed so, and nothing is read.

use std::fmt::{self, Write};

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    Null,
    Number(f64),
    Text(String),
    List(Vec<Json>),
    /// Members in the order in which they are written.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// An object of members whose names are known.
    pub fn object<const COUNT: usize>(members: [(&str, Json); COUNT]) -> Self {
        let owned = members.map(|(name, value)| (name.to_string(), value));
        Json::Object(owned.to_vec())
    }
}

impl From<f64> for Json {
    fn from(number: f64) -> Self {
        Json::Number(number)
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Json::Text(text.to_string())
    }
}

/// On one line.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Json::Null => f.write_str("null"),
            Json::Number(number) => f.write_str(&digits(*number).unwrap_or("null".to_string())),
            Json::Text(text) => f.write_str(&quoted(text)),
            Json::List(values) => write!(f, "[{}]", joined(values.iter().map(Json::to_string))),
            Json::Object(members) => {
                let member = |(name, value): &(String, Json)| format!("{}: {value}", quoted(name));
                write!(f, "{{{}}}", joined(members.iter().map(member)))
            }
        }
    }
}

/// Twelve digits: units that are converted there and back do not show it. None of what is no number.
pub fn digits(number: f64) -> Option<String> {
    let rounded: f64 = format!("{number:.11e}").parse().ok()?;
    rounded.is_finite().then(|| rounded.to_string())
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

fn quoted(words: &str) -> String {
    let mut text = String::from("\"");
    for letter in words.chars() {
        match letter {
            '"' | '\\' => text.extend(['\\', letter]),
            control if control.is_control() => {
                let _ = write!(text, "\\u{:04x}", u32::from(control));
            }
            letter => text.push(letter),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_written_as_the_grammar_has_it() {
        let value = Json::object([
            (
                "a \"b\"",
                Json::List(vec![1.5.into(), Json::Null, "x\ty".into()]),
            ),
            ("n", f64::NAN.into()),
            ("third", (1.0 / 3.0).into()),
        ]);
        let text =
            "{\"a \\\"b\\\"\": [1.5, null, \"x\\u0009y\"], \"n\": null, \"third\": 0.333333333333}";
        assert_eq!(value.to_string(), text);
    }
}
