//! `ballistics trajectory`: a table of rows to the asked range.

use ballistics_engine::{Length, Row, Solver};

use super::arguments::{self, Flag};
use super::failure::Failure;
use super::report::{Column, Report};
use super::shot_flags;
use super::units::System;

pub const FLAGS: &[Flag] = &[
    Flag {
        name: "range",
        short: Some('r'),
        value: Some("RANGE"),
        help: "last row, yd or m [1000]",
    },
    Flag {
        name: "step",
        short: Some('s'),
        value: Some("RANGE"),
        help: "between rows, yd or m [100]",
    },
];

pub fn run(words: &[String]) -> Result<String, Failure> {
    let flags = [shot_flags::FLAGS, FLAGS].concat();
    let arguments = arguments::parse(&flags, words)?;
    let system = shot_flags::system(&arguments)?;
    let shot = shot_flags::shot(&arguments, system)?;
    let last = system.range("range", arguments.get("range").unwrap_or("1000"))?;
    let step = system.range("step", arguments.get("step").unwrap_or("100"))?;
    let solver = Solver::new(&shot)?;
    let rows = solver.rows(&ranges(last, step)?)?;
    let mut report = Report::default();
    report.fact(
        "drag",
        format!(
            "{} {}",
            arguments.get("drag").unwrap_or("G7"),
            arguments.get("bc").unwrap_or("")
        ),
    );
    report.fact(
        "zero elevation",
        format!("{:.4} mil", solver.zero_angle().as_mils()),
    );
    report.fact(
        "air",
        format!(
            "density ratio {:.4} to ICAO sea level",
            solver.air().density_ratio
        ),
    );
    report.fact(
        "wind",
        format!(
            "{}; 0 is a headwind, 90 from the right",
            shot_flags::describe_wind(&shot)
        ),
    );
    report.fact(
        "drop",
        "from the line of sight, negative below; windage negative left".to_string(),
    );
    report.columns = columns(system);
    report.rows = rows.iter().map(|row| cells(row, system)).collect();
    Ok(report.to_table())
}

const MOST_ROWS: f64 = 100_000.0;

fn ranges(last: Length, step: Length) -> Result<Vec<Length>, Failure> {
    let count = (last.as_meters() / step.as_meters() + 1e-9).floor();
    if !(step.as_meters() > 0.0 && (0.0..MOST_ROWS).contains(&count)) {
        let problem = "must be above 0, and the range not above 100000 steps";
        return Err(Failure::Usage(format!(
            "--step {} m: {problem}",
            step.as_meters()
        )));
    }
    let mut ranges: Vec<Length> = (0..=count as u32)
        .map(|k| Length::meters(f64::from(k) * step.as_meters()))
        .collect();
    if last.as_meters() - count * step.as_meters() > 1e-6 {
        ranges.push(last);
    }
    Ok(ranges)
}

fn columns(system: System) -> Vec<Column> {
    let column = |name, unit, decimals| Column {
        name,
        unit,
        decimals,
    };
    let (range, offset, speed, energy) = match system {
        System::Imperial => ("yd", "in", "fps", "ft lb"),
        System::Metric => ("m", "cm", "m/s", "J"),
    };
    vec![
        column("range", range, 0),
        column("time", "s", 3),
        column("drop", offset, 2),
        column("drop", "mil", 2),
        column("drop", "MOA", 2),
        column("windage", offset, 2),
        column("windage", "mil", 2),
        column("windage", "MOA", 2),
        column("velocity", speed, 0),
        column("Mach", "", 3),
        column("energy", energy, 0),
    ]
}

fn cells(row: &Row, system: System) -> Vec<f64> {
    let (range, drop, windage, velocity, energy) = match system {
        System::Imperial => (
            row.range.as_yards(),
            row.drop.as_inches(),
            row.windage.as_inches(),
            row.velocity.as_fps(),
            row.energy.as_foot_pounds(),
        ),
        System::Metric => (
            row.range.as_meters(),
            row.drop.as_centimeters(),
            row.windage.as_centimeters(),
            row.velocity.as_mps(),
            row.energy.as_joules(),
        ),
    };
    let (drop_angle, windage_angle) = (row.drop_angle, row.windage_angle);
    vec![
        range,
        row.seconds,
        drop,
        drop_angle.as_mils(),
        drop_angle.as_moa(),
        windage,
        windage_angle.as_mils(),
        windage_angle.as_moa(),
        velocity,
        row.mach,
        energy,
    ]
}
