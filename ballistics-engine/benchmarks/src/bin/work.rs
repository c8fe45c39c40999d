//! Does one kind of work so many times: something for a profiler or an instruction counter to look at.
//!
//!     work trajectory|zeroed-trajectory|zero|monte-carlo COUNT

use std::hint::black_box;
use std::process::ExitCode;

use ballistics_benchmarks::{match_308, match_308_aimed, monte_carlo, ten_ranges};
use ballistics_engine::{Error, Shot, Solver};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    let count = words.get(2).and_then(|word| word.parse().ok());
    let done = match (words.get(1).map(String::as_str), count) {
        (Some("trajectory"), Some(count)) => trajectories(&match_308_aimed(), count),
        (Some("zeroed-trajectory"), Some(count)) => trajectories(&match_308(), count),
        (Some("zero"), Some(count)) => zeros(count),
        (Some("monte-carlo"), Some(count)) => shots(count),
        _ => {
            eprintln!("usage: work trajectory|zeroed-trajectory|zero|monte-carlo COUNT");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("work: {error}");
            ExitCode::FAILURE
        }
    }
}

fn trajectories(shot: &Shot, count: usize) -> Result<(), Error> {
    let ranges = ten_ranges();
    for _ in 0..count {
        black_box(Solver::new(black_box(shot))?.rows(black_box(&ranges))?);
    }
    Ok(())
}

fn zeros(count: usize) -> Result<(), Error> {
    let shot = match_308();
    for _ in 0..count {
        black_box(Solver::new(black_box(&shot))?.zero_angle());
    }
    Ok(())
}

fn shots(count: usize) -> Result<(), Error> {
    black_box(Solver::new(&match_308())?.monte_carlo(&monte_carlo(count))?);
    Ok(())
}
