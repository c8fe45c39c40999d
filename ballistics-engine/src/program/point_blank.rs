//! `ballistics mpbr`: how far a target is hit by aiming at its center, and the zero that makes it farthest.

use ballistics_engine::Solver;

use super::arguments::{Arguments, Flag};
use super::failure::Failure;
use super::report::{Report, OUTPUT};
use super::shot_flags;
use super::Command;

pub const COMMAND: Command = Command {
    name: "mpbr",
    summary: "maximum point-blank range: the best zero for a target's height",
    flags: &[
        ("load", shot_flags::LOAD),
        ("rifle", shot_flags::RIFLE),
        ("air", shot_flags::AIR),
        ("conditions", shot_flags::CONDITIONS),
        ("target", FLAGS),
        ("general", shot_flags::GENERAL),
    ],
    examples: &[
        ("mpbr -v 2600 -b 0.243", "for a vital zone 6 in high"),
        (
            "mpbr -u metric -v 850 -b 0.23 --target 15",
            "for one of 15 cm",
        ),
    ],
    run,
};

const FLAGS: &[Flag] = &[
    Flag::valued(
        "target",
        "HEIGHT",
        "whole height of the target, in or cm [6 in]",
    ),
    OUTPUT,
];

fn run(arguments: &Arguments) -> Result<String, Failure> {
    let system = shot_flags::system(arguments)?;
    let height = system.offset("target", arguments.get("target").unwrap_or("6in"))?;
    let shot = shot_flags::shot(arguments)?;
    let solver = Solver::new(&shot)?;
    let found = solver.point_blank(height * 0.5)?;
    let mut report = Report::default();
    shot_flags::heading(&mut report, arguments, &shot, &solver)?;
    report.number("target height", system.show_offset(height));
    report.number("point-blank range", system.show_range(found.maximum));
    report.number("zero at", system.show_range(found.far_zero));
    report.number("near zero", system.show_range(found.near_zero));
    report.number("highest at", system.show_range(found.apex));
    report.number("elevation", (found.elevation.as_mils(), 4, "mil"));
    report.print(arguments)
}
