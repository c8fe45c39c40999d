//! Splits a command line by a table of flags: `--flag value`, `--flag=value`, `-f value`, `-fvalue`.
//! Help, completions and profiles are made from the same tables. A near miss is answered with the real name.

use super::failure::Failure;

/// One flag of a command.
#[derive(Debug, Clone, Copy)]
pub struct Flag {
    /// Long name without dashes.
    pub name: &'static str,
    /// Short name.
    pub short: Option<char>,
    /// What stands for the value in help; none for a switch.
    pub value: Option<&'static str>,
    /// One line of help.
    pub help: &'static str,
}

/// What was given, in order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Arguments {
    values: Vec<(&'static str, String)>,
}

impl Arguments {
    /// The last value of a flag.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values
            .iter()
            .rev()
            .find(|(flag, _)| *flag == name)
            .map(|(_, value)| value.as_str())
    }

    /// All values of a flag that may be repeated.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.values
            .iter()
            .filter(move |(flag, _)| *flag == name)
            .map(|(_, value)| value.as_str())
    }

    /// Whether a switch, or any flag, was given.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

/// Reads a command's words.
pub fn parse(flags: &[Flag], words: &[String]) -> Result<Arguments, Failure> {
    let mut arguments = Arguments::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let (flag, attached) = recognise(flags, word)?;
        let value = match (flag.value, attached) {
            (None, None) => String::new(),
            (None, Some(value)) => {
                return Err(usage(format!(
                    "--{} takes no value, but `{value}` is given",
                    flag.name
                )))
            }
            (Some(_), Some(value)) => value.to_string(),
            (Some(kind), None) => match words.next() {
                Some(value) => value.clone(),
                None => return Err(usage(format!("--{} needs a value: {kind}", flag.name))),
            },
        };
        arguments.values.push((flag.name, value));
    }
    Ok(arguments)
}

/// The flag that a word names, and the value that hangs on it.
fn recognise<'w>(flags: &[Flag], word: &'w str) -> Result<(Flag, Option<&'w str>), Failure> {
    if let Some(long) = word.strip_prefix("--") {
        let (name, value) = match long.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (long, None),
        };
        return match flags.iter().find(|flag| flag.name == name) {
            Some(flag) => Ok((*flag, value)),
            None => Err(usage(unknown(
                "flag",
                word,
                flags.iter().map(|flag| flag.name),
            ))),
        };
    }
    let mut letters = word.strip_prefix('-').unwrap_or("").chars();
    match letters
        .next()
        .and_then(|letter| flags.iter().find(|flag| flag.short == Some(letter)))
    {
        Some(flag) => {
            let rest = letters.as_str();
            let rest = rest.strip_prefix('=').unwrap_or(rest);
            Ok((*flag, if rest.is_empty() { None } else { Some(rest) }))
        }
        None => Err(usage(unknown(
            "argument",
            word,
            flags.iter().map(|flag| flag.name),
        ))),
    }
}

fn usage(message: String) -> Failure {
    Failure::Usage(message)
}

/// Says that a word is unknown, and which known one is near.
pub fn unknown<'a>(what: &str, word: &str, known: impl Iterator<Item = &'a str>) -> String {
    let bare = word.trim_start_matches('-').split('=').next().unwrap_or("");
    let dashes = if word.starts_with("--") { "--" } else { "" };
    match nearest(bare, known) {
        Some(name) => format!("unknown {what} `{word}`; did you mean `{dashes}{name}`?"),
        None => format!("unknown {what} `{word}`; `ballistics help` lists what there is"),
    }
}

/// The known name with the fewest edits, if those are few for its length.
fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let best = known.map(|name| (edits(word, name), name)).min()?;
    let allowed = (best.1.len() / 3).max(1);
    (best.0 <= allowed).then_some(best.1)
}

/// Levenshtein's distance; long words cost no more than short ones, since names are short.
fn edits(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=a.len()).collect();
    for (i, letter) in b.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for j in 0..a.len() {
            let substituted = diagonal + usize::from(a[j] != letter);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[a.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLAGS: [Flag; 2] = [
        Flag {
            name: "velocity",
            short: Some('v'),
            value: Some("SPEED"),
            help: "",
        },
        Flag {
            name: "spin-drift",
            short: None,
            value: None,
            help: "",
        },
    ];

    fn parsed(line: &str) -> Result<Arguments, Failure> {
        parse(
            &FLAGS,
            &line
                .split_whitespace()
                .map(String::from)
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn four_spellings_of_a_value_are_one() {
        for line in [
            "--velocity 2600",
            "--velocity=2600",
            "-v 2600",
            "-v2600",
            "-v=2600",
        ] {
            assert_eq!(
                parsed(line).unwrap().get("velocity"),
                Some("2600"),
                "{line}"
            );
        }
        assert_eq!(parsed("-v -40").unwrap().get("velocity"), Some("-40"));
    }

    #[test]
    fn mistakes_are_answered_with_the_way_out() {
        let message = |line: &str| parsed(line).unwrap_err().to_string();
        assert_eq!(
            message("--velocty 1"),
            "unknown flag `--velocty`; did you mean `--velocity`?"
        );
        assert_eq!(
            message("--spin-drift=yes"),
            "--spin-drift takes no value, but `yes` is given"
        );
        assert_eq!(message("--velocity"), "--velocity needs a value: SPEED");
        assert_eq!(
            message("2600"),
            "unknown argument `2600`; `ballistics help` lists what there is"
        );
    }
}
