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
    /// What stands for the value in help, choices with `|` in between; none for a switch.
    pub value: Option<&'static str>,
    /// One line of help.
    pub help: &'static str,
}

/// What was given, in order: on the command line, and by a profile that the command line overrides.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Arguments {
    values: Vec<(&'static str, String)>,
    profile: Vec<(&'static str, String)>,
}

impl Flag {
    /// A flag with a value.
    pub const fn valued(name: &'static str, value: &'static str, help: &'static str) -> Self {
        Self {
            name,
            short: None,
            value: Some(value),
            help,
        }
    }

    /// A flag without one.
    pub const fn switch(name: &'static str, help: &'static str) -> Self {
        Self {
            name,
            short: None,
            value: None,
            help,
        }
    }

    /// The same with a short name.
    pub const fn or(self, short: char) -> Self {
        Self {
            short: Some(short),
            ..self
        }
    }
}

impl Arguments {
    /// The last value of a flag.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).last().copied()
    }

    /// All values of a flag that may be repeated. One on the command line hides all of the profile's.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let given = named(&self.values, name);
        if given.is_empty() {
            named(&self.profile, name)
        } else {
            given
        }
    }

    /// The same arguments over those of a profile.
    pub fn over(self, profile: Vec<(&'static str, String)>) -> Self {
        Self { profile, ..self }
    }

    /// Every flag with its values, those of the profile included.
    pub fn each<'a>(
        &'a self,
        flags: &'a [Flag],
    ) -> impl Iterator<Item = (Flag, Vec<&'a str>)> + 'a {
        flags
            .iter()
            .map(move |flag| (*flag, self.all(flag.name)))
            .filter(|(_, values)| !values.is_empty())
    }

    /// Whether a switch, or any flag, was given.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

fn named<'a>(pairs: &'a [(&'static str, String)], name: &str) -> Vec<&'a str> {
    pairs
        .iter()
        .filter(|pair| pair.0 == name)
        .map(|pair| pair.1.as_str())
        .collect()
}

/// The name of the flag whose value is a bare word.
pub const OPERAND: &str = "";

/// Reads a command's words.
pub fn parse(flags: &[Flag], words: &[String]) -> Result<Arguments, Failure> {
    let mut arguments = Arguments::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let (flag, attached) = recognize(flags, word)?;
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
fn recognize<'w>(flags: &[Flag], word: &'w str) -> Result<(Flag, Option<&'w str>), Failure> {
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
    if let (Some(operand), false) = (
        flags.iter().find(|flag| flag.name == OPERAND),
        word.starts_with('-'),
    ) {
        return Ok((*operand, Some(word)));
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
        Flag::valued("velocity", "SPEED", "").or('v'),
        Flag::switch("spin-drift", ""),
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
