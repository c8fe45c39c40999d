//! `ballistics zero`: the elevation that a zero range needs, and where else the path crosses the line of sight.

use ballistics_engine::Solver;

use super::arguments::{Arguments, Flag};
use super::failure::Failure;
use super::report::{Report, OUTPUT};
use super::shot_flags;
use super::Command;

pub const COMMAND: Command = Command {
    name: "zero",
    summary: "elevation for a zero range, both zeros, the path's top and the transonic range",
    flags: &[
        ("load", shot_flags::LOAD),
        ("rifle", shot_flags::RIFLE),
        ("air", shot_flags::AIR),
        ("conditions", shot_flags::CONDITIONS),
        ("general", shot_flags::GENERAL),
        ("output", FLAGS),
    ],
    examples: &[
        (
            "zero -v 2600 -b 0.243 -z 200",
            "elevation for 200 yd, and the near zero",
        ),
        (
            "zero -v 2600 -b 0.243 --zero-angle 1.2mil",
            "where a known elevation is zeroed",
        ),
        (
            "zero -u metric -v 850 -b 0.29 -z 100 --altitude 1500 -t 5",
            "in metric units, cold and high",
        ),
    ],
    run,
};

const FLAGS: &[Flag] = &[OUTPUT];

fn run(arguments: &Arguments) -> Result<String, Failure> {
    let system = shot_flags::system(arguments)?;
    let shot = shot_flags::shot(arguments)?;
    let solver = Solver::new(&shot)?;
    let mut report = Report::default();
    shot_flags::heading(&mut report, arguments, &shot, &solver)?;
    let angle = solver.zero_angle();
    report.number("elevation", (angle.as_moa(), 3, "MOA"));
    let crossings = solver.zero_ranges();
    let names = if crossings.len() == 1 {
        ["zero", ""]
    } else {
        ["near zero", "far zero"]
    };
    for (name, range) in names.into_iter().zip(crossings) {
        report.number(name, system.show_range(range));
    }
    if let Some(apex) = solver.apex() {
        report.number("highest at", system.show_range(apex.range));
        report.number("highest by", system.show_offset(apex.drop));
    }
    for (name, mach) in [
        ("Mach 1.2 at", 1.2),
        ("Mach 1 at", 1.0),
        ("Mach 0.9 at", 0.9),
    ] {
        if let Some(range) = solver.range_at_mach(mach) {
            report.number(name, system.show_range(range));
        }
    }
    report.print(arguments)
}
