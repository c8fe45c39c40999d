//! Help, made from the tables of flags: a page of all commands, and one for each with worked examples.

use std::fmt::Write;

use super::arguments::{Flag, OPERAND};
use super::Command;

/// The page of all commands.
pub fn overview(commands: &[Command]) -> String {
    let mut text = String::from(
        "ballistics: trajectories of small arms\n\nusage: ballistics COMMAND [FLAGS]\n\n",
    );
    for command in commands {
        let _ = writeln!(text, "  {:14} {}", command.name, command.summary);
    }
    text.push_str(
        "
`ballistics help COMMAND` lists its flags and shows worked examples.
Numbers may carry units (2600fps, 800m/s, 300m, 1.2mil); bare ones are imperial, or metric with --units metric.
Wind directions are where it comes from: 0 ahead, 90 right, or 3oc.
Exit codes: 0 done, 1 no answer or a failed check, 2 wrong usage.

    ballistics trajectory --velocity 2600 --bc 0.243 --drag G7 --mass 175 --wind 10@90
",
    );
    text
}

/// The page of one command.
pub fn of(command: &Command) -> String {
    let mut text = format!("ballistics {}: {}\n", command.name, command.summary);
    for (title, flags) in command.flags {
        let _ = writeln!(text, "\n{title}");
        for flag in *flags {
            let _ = writeln!(text, "  {}", line(flag));
        }
    }
    text.push_str("\nexamples\n");
    for (example, answer) in command.examples {
        let _ = writeln!(text, "  # {answer}\n  ballistics {example}");
    }
    text
}

fn line(flag: &Flag) -> String {
    let short = flag
        .short
        .map_or("   ".to_string(), |letter| format!("-{letter},"));
    let long = match (flag.name, flag.value) {
        (OPERAND, value) => return format!("{:32} {}", value.unwrap_or(""), flag.help),
        (name, Some(value)) if value.len() <= 16 => format!("--{name} {value}"),
        (name, Some(_)) => format!("--{name} ..."),
        (name, None) => format!("--{name}"),
    };
    let choices = match flag.value {
        Some(value) if value.len() > 16 => format!(" {value}"),
        _ => String::new(),
    };
    format!("{short} {long:29} {}{choices}", flag.help)
}
