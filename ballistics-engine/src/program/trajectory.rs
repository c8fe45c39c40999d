//! `ballistics trajectory`: a table of rows to the asked range, and plots of it.

use ballistics_engine::{Length, Row, Solver};

use super::arguments::{Arguments, Flag};
use super::chart;
use super::failure::Failure;
use super::plot::{self, Subject};
use super::report::{Column, Report, OUTPUT};
use super::shot_flags;
use super::units::System;
use super::Command;

pub const COMMAND: Command = Command {
    name: "trajectory",
    summary: "time, drop, windage, velocity and energy against range",
    flags: &[
        ("load", shot_flags::LOAD),
        ("rifle", shot_flags::RIFLE),
        ("air", shot_flags::AIR),
        ("conditions", shot_flags::CONDITIONS),
        ("table", FLAGS),
        ("general", shot_flags::GENERAL),
    ],
    examples: &[
        ("trajectory -v 2600 -b 0.243 -m 175 --wind 10@90", "a .308 match load in a crosswind from the right"),
        (
            "trajectory -u metric -v 792 -b 0.243 -m 11.34 -z 100 -r 800 -s 50 -t 25 --altitude 500",
            "the same in metric units on a warm day at 500 m",
        ),
        (
            "trajectory -d G1 --bc-velocity 2600:0.462,2100:0.447,1600:0.424,0:0.405 -v 2650 -m 168",
            "a load whose maker gives a coefficient for each velocity band",
        ),
        (
            "trajectory -v 2750 -b 0.381 -m 300 --wind 5@90:300 --wind 15@75:650 --wind 8@9oc -r 1500",
            "wind that changes on the way",
        ),
        (
            "trajectory -v 2600 -b 0.243 -m 175 --diameter 0.308 --length 1.24 --twist 10 --spin-drift --latitude 45 --azimuth 90",
            "with spin drift and Coriolis, firing east",
        ),
    ],
    run,
};

const FLAGS: &[Flag] = &[
    Flag::valued("range", "RANGE", "last row, yd or m [1000]").or('r'),
    Flag::valued("step", "RANGE", "between rows, yd or m [100]").or('s'),
    Flag::valued(
        "plot",
        "FILE",
        "write an SVG of drop, windage, velocity and energy",
    ),
    Flag::switch(
        "chart",
        "draw drop and velocity in the terminal, under the table",
    ),
    OUTPUT,
];

fn run(arguments: &Arguments) -> Result<String, Failure> {
    let system = shot_flags::system(arguments)?;
    let shot = shot_flags::shot(arguments)?;
    let (last, step) = (
        range_flag(arguments, "range", "1000")?,
        range_flag(arguments, "step", "100")?,
    );
    let ranges = ranges(last, step)?;
    check_chart(arguments)?;
    let solver = Solver::new(&shot)?;
    let rows = solver.rows(&ranges)?;
    let mut report = Report::default();
    shot_flags::heading(&mut report, arguments, &shot, &solver)?;
    report.table(
        columns(system),
        rows.iter().map(|row| cells(row, system)).collect(),
    );
    let mut text = report.print(arguments)?;
    if let Some(path) = arguments.get("plot") {
        let subject = Subject {
            solver: &solver,
            last,
            system,
            caption: shot_flags::caption(arguments, &shot, &solver)?,
        };
        plot::write(path, &subject)?;
    }
    if arguments.is_on("chart") {
        text.push_str(&chart::draw(&solver, last, system)?);
    }
    Ok(text)
}

/// A drawing after CSV or JSON would spoil it.
fn check_chart(arguments: &Arguments) -> Result<(), Failure> {
    match arguments.get(OUTPUT.name) {
        Some(form) if arguments.is_on("chart") && form != "table" => Err(Failure::Usage(format!(
            "--chart is drawn under a table, not under --output {form}"
        ))),
        _ => Ok(()),
    }
}

/// A distance to a target, with a default in the system's unit.
pub fn range_flag(arguments: &Arguments, name: &str, default: &str) -> Result<Length, Failure> {
    shot_flags::system(arguments)?.range(name, arguments.get(name).unwrap_or(default))
}

const MOST_ROWS: f64 = 100_000.0;

/// Multiples of the step, then the last range where it is none.
pub fn ranges(last: Length, step: Length) -> Result<Vec<Length>, Failure> {
    let (last, step) = (last.as_meters(), step.as_meters());
    let count = (last / step + 1e-9).floor();
    if !(step > 0.0 && (0.0..MOST_ROWS).contains(&count)) {
        let message = format!("--step {step} m: must be above 0, with 0 to {MOST_ROWS} steps in a --range of {last} m");
        return Err(Failure::Usage(message));
    }
    let mut ranges: Vec<Length> = (0..=count as u32)
        .map(|k| Length::meters(f64::from(k) * step))
        .collect();
    if last - count * step > 1e-6 {
        ranges.push(Length::meters(last));
    }
    Ok(ranges)
}

fn columns(system: System) -> Vec<Column> {
    let column = |name, unit, decimals| Column {
        name,
        unit,
        decimals,
    };
    let (range, offset) = system.pick(("yd", "in"), ("m", "cm"));
    let (velocity, energy) = system.pick(("fps", "ft-lb"), ("m/s", "J"));
    vec![
        column("range", range, 0),
        column("time", "s", 3),
        column("drop", offset, 2),
        column("drop", "mil", 2),
        column("drop", "MOA", 2),
        column("windage", offset, 2),
        column("windage", "mil", 2),
        column("windage", "MOA", 2),
        column("velocity", velocity, system.pick(0, 1)),
        column("Mach", "", 3),
        column("energy", energy, 0),
    ]
}

fn cells(row: &Row, system: System) -> Vec<f64> {
    vec![
        system.show_range(row.range).0,
        row.seconds,
        system.show_offset(row.drop).0,
        row.drop_angle.as_mils(),
        row.drop_angle.as_moa(),
        system.show_offset(row.windage).0,
        row.windage_angle.as_mils(),
        row.windage_angle.as_moa(),
        system.show_velocity(row.velocity).0,
        row.mach,
        system.show_energy(row.energy).0,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_end_at_the_asked_range_whatever_the_step() {
        let yards = |last: f64, step: f64| -> Vec<f64> {
            let found = ranges(Length::yards(last), Length::yards(step)).unwrap();
            found.iter().map(|range| range.as_yards().round()).collect()
        };
        assert_eq!(yards(300.0, 100.0), [0.0, 100.0, 200.0, 300.0]);
        assert_eq!(yards(250.0, 100.0), [0.0, 100.0, 200.0, 250.0]);
        assert_eq!(yards(0.0, 100.0), [0.0]);
        for (last, step) in [
            (100.0, 0.0),
            (100.0, -1.0),
            (100.0, f64::NAN),
            (-5.0, 1.0),
            (1e9, 1e-9),
        ] {
            assert!(
                ranges(Length::yards(last), Length::yards(step)).is_err(),
                "{last} {step}"
            );
        }
    }
}
