//! `ballistics danger-space`: how far off a guessed range may be before a target is missed.

use ballistics_engine::Solver;

use super::arguments::{Arguments, Flag};
use super::failure::Failure;
use super::report::{Report, OUTPUT};
use super::shot_flags;
use super::Command;

pub const COMMAND: Command = Command {
    name: "danger-space",
    summary: "between which ranges a target is hit when aimed at for one of them",
    flags: &[
        ("load", shot_flags::LOAD),
        ("rifle", shot_flags::RIFLE),
        ("air", shot_flags::AIR),
        ("conditions", shot_flags::CONDITIONS),
        ("target", FLAGS),
        ("general", shot_flags::GENERAL),
    ],
    examples: &[
        (
            "danger-space -v 2600 -b 0.243 -r 500",
            "a target 20 in high, dialed for 500 yd",
        ),
        (
            "danger-space -u metric -v 850 -b 0.29 -r 700 --target 45",
            "one of 45 cm at 700 m",
        ),
    ],
    run,
};

const FLAGS: &[Flag] = &[
    Flag::valued("range", "RANGE", "range that is dialed, yd or m").or('r'),
    Flag::valued(
        "target",
        "HEIGHT",
        "whole height of the target, in or cm [20 in]",
    ),
    OUTPUT,
];

fn run(arguments: &Arguments) -> Result<String, Failure> {
    let system = shot_flags::system(arguments)?;
    let needed = || Failure::Usage("--range is needed, for instance --range 500".to_string());
    let range = system.range("range", arguments.get("range").ok_or_else(needed)?)?;
    let height = system.offset("target", arguments.get("target").unwrap_or("20in"))?;
    let shot = shot_flags::shot(arguments)?;
    let solver = Solver::new(&shot)?;
    let found = solver.danger_space(range, height)?;
    let mut report = Report::default();
    shot_flags::heading(&mut report, arguments, &shot, &solver)?;
    report.number("target height", system.show_offset(height));
    report.number("dialed range", system.show_range(range));
    report.number("begins", system.show_range(found.begin));
    report.number("ends", system.show_range(found.end));
    report.number("depth", system.show_range(found.end - found.begin));
    report.number("elevation", (found.elevation.as_mils(), 4, "mil"));
    report.print(arguments)
}
