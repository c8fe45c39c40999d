//! Splits a command line by a table of flags: `--flag value`, `--flag=value`, `-f value`, `-fvalue`, `--no-switch`.
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
    values: Pairs,
    profile: Option<Pairs>,
}

/// Names of flags with their values; a switch has `true` or `false`.
pub type Pairs = Vec<(&'static str, String)>;

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
        match &self.profile {
            Some(profile) if given.is_empty() => named(profile, name),
            _ => given,
        }
    }

    /// The same arguments over those of a profile. A flag given here hides the profile's alternatives to it.
    pub fn over(self, mut profile: Pairs, alternatives: &[&[&str]]) -> Self {
        let is_hidden = |name: &str| {
            let groups = alternatives.iter().filter(|group| group.contains(&name));
            groups
                .flat_map(|group| group.iter())
                .any(|other| self.is_given(other))
        };
        profile.retain(|pair| !is_hidden(pair.0));
        Self {
            profile: Some(profile),
            ..self
        }
    }

    /// Whether a flag stands on the command line.
    pub fn is_given(&self, name: &str) -> bool {
        !named(&self.values, name).is_empty()
    }

    /// The profile's last value of a flag, whether the command line overrides it or not; none without a profile.
    pub fn of_profile(&self, name: &str) -> Option<Option<&str>> {
        let profile = self.profile.as_ref()?;
        Some(named(profile, name).last().copied())
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

    /// Whether a flag was given, here or in the profile.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Whether a switch is on.
    pub fn is_on(&self, switch: &str) -> bool {
        self.get(switch) == Some("true")
    }
}

fn named<'a>(pairs: &'a Pairs, name: &str) -> Vec<&'a str> {
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
        if let Some(switch) = switched_off(flags, word) {
            arguments.values.push((switch, "false".to_string()));
            continue;
        }
        let (flag, attached) = recognize(flags, word)?;
        let value = match (flag.value, attached) {
            (None, None) => "true".to_string(),
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

/// The switch that `--no-switch` turns off.
fn switched_off(flags: &[Flag], word: &str) -> Option<&'static str> {
    let name = word.strip_prefix("--no-")?;
    let switch = |flag: &&Flag| flag.value.is_none() && flag.name == name;
    flags.iter().find(switch).map(|flag| flag.name)
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
            None => Err(usage(unknown("flag", word, names(flags)))),
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
        None => Err(usage(unknown("argument", word, names(flags)))),
    }
}

/// What may have been meant, the flag that every command has included.
fn names(flags: &[Flag]) -> impl Iterator<Item = &'static str> + '_ {
    flags.iter().map(|flag| flag.name).chain(["help"])
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

/// Levenshtein's distance, two letters exchanged counted once; long words cost no more than short ones, since names
/// are short.
fn edits(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(64).collect();
    let b: Vec<char> = b.chars().collect();
    let mut before = vec![0; a.len() + 1];
    let mut row: Vec<usize> = (0..=a.len()).collect();
    for i in 0..b.len() {
        let mut next = vec![i + 1];
        for j in 0..a.len() {
            let substituted = row[j] + usize::from(a[j] != b[i]);
            let edited = substituted.min(row[j + 1] + 1).min(next[j] + 1);
            let exchanged = i > 0 && j > 0 && a[j] == b[i - 1] && a[j - 1] == b[i];
            next.push(if exchanged {
                edited.min(before[j - 1] + 1)
            } else {
                edited
            });
        }
        before = std::mem::replace(&mut row, next);
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
    fn a_switch_is_turned_off_by_its_name() {
        assert!(parsed("--spin-drift").unwrap().is_on("spin-drift"));
        assert!(!parsed("--spin-drift --no-spin-drift")
            .unwrap()
            .is_on("spin-drift"));
        let message = parsed("--no-velocity").unwrap_err().to_string();
        assert!(
            message.starts_with("unknown flag `--no-velocity`"),
            "{message}"
        );
    }

    #[test]
    fn mistakes_are_answered_with_the_way_out() {
        let message = |line: &str| parsed(line).unwrap_err().to_string();
        assert_eq!(
            message("--velocty 1"),
            "unknown flag `--velocty`; did you mean `--velocity`?"
        );
        assert_eq!(
            message("--hlep"),
            "unknown flag `--hlep`; did you mean `--help`?"
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
