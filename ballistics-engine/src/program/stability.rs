//! `ballistics stability`: whether a barrel's twist stabilizes a bullet.

use ballistics_engine::Velocity;

use super::arguments::{Arguments, Flag};
use super::failure::Failure;
use super::report::{Report, OUTPUT};
use super::shot_flags;
use super::Command;

pub const COMMAND: Command = Command {
    name: "stability",
    summary: "Miller's stability factor, spin rate, spin drift and aerodynamic jump",
    flags: &[
        ("load", shot_flags::LOAD),
        ("air", shot_flags::AIR),
        ("general", shot_flags::GENERAL),
        ("output", FLAGS),
    ],
    examples: &[
        (
            "stability -v 2600 -m 175 --diameter 0.308 --length 1.24 --twist 10",
            "a .308 175 gr bullet in a 1:10 barrel",
        ),
        (
            "stability -v 2600 -m 175 --diameter 0.308 --length 1.24 --twist -12 -t 0 --altitude 0",
            "left-hand 1:12 on a cold day",
        ),
    ],
    run,
};

const FLAGS: &[Flag] = &[OUTPUT];

fn run(arguments: &Arguments) -> Result<String, Failure> {
    let system = shot_flags::system(arguments)?;
    let (spin, velocity) = shot_flags::spinning_bullet(arguments)?;
    let air = shot_flags::atmosphere(arguments)?.air()?;
    let stability = spin.stability(velocity, &air)?;
    let turns_per_minute = velocity.as_mps() / spin.twist.as_meters().abs() * 60.0;
    let jump = stability.jump.as_moa() * Velocity::mph(10.0).as_mps();
    let mut report = Report::default();
    report.number("muzzle velocity", system.show_velocity(velocity));
    report.number("temperature", system.show_temperature(air.temperature));
    report.number("station pressure", system.show_pressure(air.pressure));
    report.number("stability factor", (stability.factor, 3, ""));
    report.text("verdict", verdict(stability.factor));
    report.number("spin", (turns_per_minute, 0, "rpm"));
    report.number(
        "spin drift after 1 s",
        system.show_offset(stability.spin_drift(1.0)),
    );
    report.number("jump, 10 mph from right", (jump, 2, "MOA"));
    report.text("signs", "drift positive right, jump positive up");
    report.print(arguments)
}

fn verdict(factor: f64) -> &'static str {
    match factor {
        factor if factor < 1.0 => "unstable: the bullet tumbles",
        factor if factor < 1.3 => "marginal: a faster twist is needed",
        factor if factor < 1.5 => "stable, with some loss of ballistic coefficient",
        _ => "stable",
    }
}
