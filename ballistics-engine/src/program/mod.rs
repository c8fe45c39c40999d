//! Reads the command line, runs one command, prints what it found: results on stdout, talk on stderr.

mod arguments;
mod atmosphere;
mod chart;
mod completions;
mod danger_space;
mod failure;
mod help;
mod json;
mod monte_carlo;
mod plot;
mod point_blank;
mod profile;
mod range_card;
mod report;
mod scale;
mod selftest;
mod shot_flags;
mod stability;
mod trajectory;
mod units;
mod zero;

use std::io::{self, Write};
use std::process::ExitCode;

use arguments::{Arguments, Flag};
use failure::Failure;

/// What the program can do.
pub struct Command {
    pub name: &'static str,
    pub summary: &'static str,
    /// Groups of flags with their titles.
    pub flags: &'static [(&'static str, &'static [Flag])],
    /// Command lines with what they answer.
    pub examples: &'static [(&'static str, &'static str)],
    pub run: fn(&Arguments) -> Result<String, Failure>,
}

const COMMANDS: &[Command] = &[
    trajectory::COMMAND,
    zero::COMMAND,
    range_card::COMMAND,
    point_blank::COMMAND,
    danger_space::COMMAND,
    monte_carlo::COMMAND,
    stability::COMMAND,
    atmosphere::COMMAND,
    selftest::COMMAND,
    completions::COMMAND,
];

/// Runs the program on the process's own arguments.
pub fn run() -> ExitCode {
    let outcome = words()
        .and_then(|words| answer(&words))
        .and_then(|text| print(&text));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Where stderr is closed nobody can be told; the exit code still says it.
            let _told = writeln!(io::stderr(), "ballistics: {failure}");
            failure.exit_code()
        }
    }
}

fn words() -> Result<Vec<String>, Failure> {
    let word = |word: std::ffi::OsString| {
        word.into_string()
            .map_err(|word| Failure::Usage(format!("argument {word:?} is not UTF-8")))
    };
    std::env::args_os().skip(1).map(word).collect()
}

fn answer(words: &[String]) -> Result<String, Failure> {
    let (name, rest) = match words.split_first() {
        Some((name, rest)) => (name.as_str(), rest),
        None => {
            return Err(Failure::Usage(format!(
                "no command\n\n{}",
                help::overview(COMMANDS)
            )))
        }
    };
    match name {
        "help" | "--help" | "-h" => match rest.first() {
            None => Ok(help::overview(COMMANDS)),
            Some(topic) => find(topic).map(help::of),
        },
        "--version" | "-V" | "version" => Ok(format!("ballistics {}\n", env!("CARGO_PKG_VERSION"))),
        name => run_command(find(name)?, rest),
    }
}

fn find(name: &str) -> Result<&'static Command, Failure> {
    let found = COMMANDS.iter().find(|command| command.name == name);
    let names = COMMANDS.iter().map(|command| command.name).chain(["help"]);
    found.ok_or_else(|| Failure::Usage(arguments::unknown("command", name, names)))
}

fn run_command(command: &'static Command, words: &[String]) -> Result<String, Failure> {
    if words.iter().any(|word| word == "--help" || word == "-h") {
        return Ok(help::of(command));
    }
    let flags: Vec<Flag> = command
        .flags
        .iter()
        .flat_map(|group| group.1)
        .copied()
        .collect();
    let arguments = arguments::parse(&flags, words)?;
    let arguments = profile::apply(arguments)?;
    shot_flags::check_alternatives(&arguments)?;
    let text = (command.run)(&arguments)?;
    if let Some(doubt) = shot_flags::doubt(&arguments) {
        let _told = writeln!(io::stderr(), "ballistics: {doubt}");
    }
    profile::save(&arguments)?;
    Ok(text)
}

/// A reader that closes the pipe early, like `head`, is no failure.
fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Failed(format!("stdout: {error}")))
        }
        _ => Ok(()),
    }
}
