//! `ballistics atmosphere`: density, speed of sound and density altitude of the air.

use super::arguments::{Arguments, Flag};
use super::failure::Failure;
use super::report::{Report, OUTPUT};
use super::shot_flags;
use super::Command;

pub const COMMAND: Command = Command {
    name: "atmosphere",
    summary: "density, speed of sound and density altitude",
    flags: &[
        ("air", shot_flags::AIR),
        ("general", shot_flags::GENERAL),
        ("output", FLAGS),
    ],
    examples: &[
        (
            "atmosphere -t 95 -p 24.5 --humidity 30",
            "from what a weather meter reads at the muzzle",
        ),
        (
            "atmosphere --altitude 5000 --sea-level-pressure 30.1 -t 70",
            "from a weather report",
        ),
        (
            "atmosphere -u metric --altitude 1500",
            "the standard one at 1500 m",
        ),
    ],
    run,
};

const FLAGS: &[Flag] = &[OUTPUT];

fn run(arguments: &Arguments) -> Result<String, Failure> {
    let system = shot_flags::system(arguments)?;
    let atmosphere = shot_flags::atmosphere(arguments)?;
    let air = atmosphere.air()?;
    let mut report = Report::default();
    report.number("altitude", system.show_height(atmosphere.altitude));
    report.number("temperature", system.show_temperature(air.temperature));
    report.number("station pressure", system.show_pressure(air.pressure));
    report.number("humidity", (atmosphere.humidity * 100.0, 0, "%"));
    report.number("density", (air.density, 5, "kg/m3"));
    report.number("density ratio", (air.density_ratio, 4, ""));
    report.number("speed of sound", system.show_velocity(air.sound_speed));
    report.number("density altitude", system.show_height(air.density_altitude));
    report.text(
        "model",
        "CIPM-2007 density, to 1.225 kg/m3; moist speed of sound; ICAO where not given",
    );
    report.print(arguments)
}
