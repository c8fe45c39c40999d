//! Reads the command line, runs one command, prints its report: results on stdout, talk on stderr.

mod arguments;
mod failure;
mod report;
mod selftest;
mod shot_flags;
mod trajectory;
mod units;

use std::io::{self, Write};
use std::process::ExitCode;

use failure::Failure;

const COMMANDS: [&str; 2] = ["trajectory", "selftest"];

/// Runs the program on the process's own arguments.
pub fn run() -> ExitCode {
    let outcome = words()
        .and_then(|words| command(&words))
        .and_then(|text| print(&text));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("ballistics: {failure}");
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

fn command(words: &[String]) -> Result<String, Failure> {
    let (name, rest) = match words.split_first() {
        Some((name, rest)) => (name.as_str(), rest),
        None => {
            return Err(Failure::Usage(format!(
                "no command; there are {}",
                COMMANDS.join(", ")
            )))
        }
    };
    match name {
        "help" | "--help" | "-h" => Ok(help()),
        "trajectory" => trajectory::run(rest),
        "selftest" => selftest::run(rest),
        "--version" | "-V" => Ok(format!("ballistics {}\n", env!("CARGO_PKG_VERSION"))),
        unknown => Err(Failure::Usage(arguments::unknown(
            "command",
            unknown,
            COMMANDS.into_iter(),
        ))),
    }
}

fn help() -> String {
    let mut text = String::from(
        "ballistics trajectory -v 2600 -b 0.243 -m 175 -w 10@90\nballistics selftest\n\n",
    );
    for flag in shot_flags::FLAGS.iter().chain(trajectory::FLAGS) {
        let short = flag
            .short
            .map_or(String::new(), |letter| format!("-{letter},"));
        let long = format!("--{} {}", flag.name, flag.value.unwrap_or(""));
        text.push_str(&format!("  {short:3} {long:26} {}\n", flag.help));
    }
    text
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
