//! The `ballistics` program. Exit codes: 0 done, 1 no answer or a failed check, 2 wrong usage.

#![forbid(unsafe_code)]

mod program;

use std::process::ExitCode;

fn main() -> ExitCode {
    program::run()
}
