//! The manual by its parts. xflags prints it whole; a person asks about one verb, and mistypes a word of one verb.

use super::Xtask;
use crate::words::nearest;

/// A verb of the manual, as `node check`; or what stands before all verbs, with flags that any of them may have.
pub struct Part {
    pub verb: &'static str,
    pub text: &'static str,
}

/// A flag as the manual has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag {
    pub name: &'static str,
    pub takes_value: bool,
}

/// What stands before all verbs is the first.
fn parts() -> Vec<Part> {
    let text = Xtask::HELP_;
    let mut starts = vec![0];
    starts.extend(text.match_indices("\nxtask ").map(|(at, _)| at + 1));
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    let part = |(start, end): (&usize, usize)| {
        let text = text[*start..end].trim_end();
        let title = text.lines().next().unwrap_or_default();
        Part {
            verb: title.trim_start_matches("xtask").trim_start(),
            text: text.trim_end_matches("SUBCOMMANDS:").trim_end(),
        }
    };
    starts.iter().zip(ends).map(part).collect()
}

/// The part of the verb that these arguments have, if they have one: as far as the words go, `node check`.
pub fn part_of<'a>(arguments: impl Iterator<Item = &'a str>) -> Option<Part> {
    let mut found: Option<Part> = None;
    for word in arguments {
        let verb = match &found {
            None => word.to_string(),
            Some(part) => format!("{} {word}", part.verb),
        };
        found = parts().into_iter().find(|part| part.verb == verb).or(found);
    }
    found
}

impl Part {
    /// The verb's part, and those of the verbs below it.
    pub fn manual(&self) -> String {
        let below = format!("{} ", self.verb);
        let mut texts = vec![self.text];
        let parts = parts();
        let own = parts.iter().filter(|part| part.verb.starts_with(&below));
        texts.extend(own.map(|part| part.text));
        let all = "`cargo xtask help` has every verb, and the options that all of them have.";
        format!("{}\n\n{all}", texts.join("\n\n"))
    }

    fn flags(&self) -> Vec<Flag> {
        let lines = self.text.lines().map(str::trim_start);
        let flag = |line: &'static str| {
            let name = line.split(' ').next()?;
            name.starts_with("--").then_some(Flag {
                name,
                takes_value: line.contains('<'),
            })
        };
        lines.filter_map(flag).collect()
    }
}

/// The flags that a verb may have; of all verbs, where none is given.
pub fn flags(part: Option<&Part>) -> Vec<Flag> {
    let all = parts();
    match part {
        Some(part) => [part.flags(), all[0].flags()].concat(),
        None => all.iter().flat_map(Part::flags).collect(),
    }
}

/// What a person plausibly meant: a flag of this verb, a verb below it, or a verb.
pub fn nearest_word(wrong: &str, part: Option<&Part>) -> Option<&'static str> {
    if wrong.starts_with("--") {
        return nearest(wrong, flags(part).iter().map(|flag| flag.name));
    }
    let above = part.map_or(String::new(), |part| format!("{} ", part.verb));
    let parts = parts();
    let verbs = parts
        .iter()
        .filter_map(|part| part.verb.strip_prefix(&*above));
    nearest(
        wrong,
        verbs.filter(|verb| !verb.is_empty() && !verb.contains(' ')),
    )
}
