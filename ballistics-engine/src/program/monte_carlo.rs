//! `ballistics monte-carlo`: how often a target is hit when velocity, wind and aim vary.

use std::thread;

use ballistics_engine::{Deviations, Impacts, Length, MonteCarlo, Solver, Target};

use super::arguments::{Arguments, Flag};
use super::failure::Failure;
use super::report::{Column, Report, OUTPUT};
use super::shot_flags;
use super::trajectory::range_flag;
use super::units::{self, System};
use super::Command;

pub const COMMAND: Command = Command {
    name: "monte-carlo",
    summary: "hit probability and dispersion of many shots that vary",
    flags: &[
        ("load", shot_flags::LOAD),
        ("rifle", shot_flags::RIFLE),
        ("air", shot_flags::AIR),
        ("conditions", shot_flags::CONDITIONS),
        ("shots", FLAGS),
        ("general", shot_flags::GENERAL),
    ],
    examples: &[
        (
            "monte-carlo -v 2600 -b 0.243 -m 175 -r 800 --target 18x30 --sd-velocity 10 --sd-crosswind 2 --sd-aim 0.1 --shots 20000",
            "a 18 by 30 in plate at 800 yd, 10 fps, 2 mph and 0.1 mil of spread",
        ),
        (
            "monte-carlo -u metric -v 850 -b 0.29 -r 600 --target 30 --sd-velocity 4 --sd-aim 0.15 --shots 20000 --seed 7",
            "a circle of 30 cm at 600 m, other shots",
        ),
    ],
    run,
};

const FLAGS: &[Flag] = &[
    Flag::valued("range", "RANGE", "range of the target, yd or m").or('r'),
    Flag::valued(
        "target",
        "SIZE",
        "WIDTHxHEIGHT or a circle's DIAMETER, in or cm [20 in]",
    ),
    Flag::valued("shots", "COUNT", "1 to 10000000 [100000]"),
    Flag::valued("seed", "NUMBER", "other shots for another number [1]"),
    Flag::valued(
        "threads",
        "COUNT",
        "the result does not depend on it [all processors]",
    ),
    Flag::valued(
        "sd-velocity",
        "SPEED",
        "standard deviation of muzzle velocity, fps or m/s [0]",
    ),
    Flag::valued("sd-bc", "PERCENT", "of the ballistic coefficient [0]"),
    Flag::valued(
        "sd-wind",
        "SPEED",
        "of the wind along its direction, mph or m/s [0]",
    ),
    Flag::valued(
        "sd-crosswind",
        "SPEED",
        "of the wind from the side: across it, or in still air [0]",
    ),
    Flag::valued(
        "sd-wind-direction",
        "DEGREES",
        "of the wind's direction [0]",
    ),
    Flag::valued(
        "sd-aim",
        "ANGLE",
        "of rifle and shooter, in each direction, mil [0]",
    ),
    Flag::valued("sd-range", "RANGE", "of the range estimate, yd or m [0]"),
    Flag::switch(
        "impacts",
        "list where each shot went; up and right of the aim",
    ),
    OUTPUT,
];

fn run(arguments: &Arguments) -> Result<String, Failure> {
    let system = shot_flags::system(arguments)?;
    let target = target(arguments.get("target").unwrap_or("20in"), system)?;
    let plan = plan(arguments, system)?;
    let shot = shot_flags::shot(arguments)?;
    let solver = Solver::new(&shot)?;
    let impacts = solver.monte_carlo(&plan)?;
    let mut report = Report::default();
    shot_flags::heading(&mut report, arguments, &shot, &solver)?;
    report.number("range", system.show_range(plan.range));
    report.number("shots", (plan.shots as f64, 0, ""));
    summarize(&mut report, &impacts, target, system)?;
    if arguments.is_on("impacts") {
        let unit = system.pick("in", "cm");
        let column = |name| Column {
            name,
            unit,
            decimals: 2,
        };
        let cells = |(up, right): (Length, Length)| {
            vec![system.show_offset(up).0, system.show_offset(right).0]
        };
        report.table(
            vec![column("up"), column("right")],
            impacts.offsets().flatten().map(cells).collect(),
        );
    }
    report.print(arguments)
}

/// Probability and spread.
fn summarize(
    report: &mut Report,
    impacts: &Impacts,
    target: Target,
    system: System,
) -> Result<(), Failure> {
    let hit = impacts.hit_probability(target)?;
    report.number("hit probability", (hit.estimate * 100.0, 2, "%"));
    report.number("95 % interval from", (hit.low * 100.0, 2, "%"));
    report.number("95 % interval to", (hit.high * 100.0, 2, "%"));
    let (up, right) = impacts.deviation();
    report.number("sd up and down", system.show_offset(up));
    report.number("sd left and right", system.show_offset(right));
    let (mean_up, mean_right) = impacts.mean();
    report.number("mean up", system.show_offset(mean_up));
    report.number("mean right", system.show_offset(mean_right));
    let cep = impacts.radius_holding(0.5);
    report.number("CEP (radius of 50 %)", system.show_offset(cep));
    report.number(
        "CEP as an angle",
        (impacts.as_angle(cep).as_mils(), 3, "mil"),
    );
    report.number(
        "radius of 95 %",
        system.show_offset(impacts.radius_holding(0.95)),
    );
    report.number("shots that fell short", (impacts.lost() as f64, 0, ""));
    Ok(())
}

fn plan(arguments: &Arguments, system: System) -> Result<MonteCarlo, Failure> {
    if !arguments.has("range") {
        return Err(Failure::Usage(
            "--range is needed, for instance --range 800".to_string(),
        ));
    }
    let count = |name: &str, default: u64| {
        arguments
            .get(name)
            .map_or(Ok(default), |text| units::count(name, text))
    };
    let number = |name: &str| {
        arguments
            .get(name)
            .map_or(Ok(0.0), |text| units::number(name, text))
    };
    let text = |name: &str| arguments.get(name).unwrap_or("0").to_string();
    let processors = thread::available_parallelism().map_or(1, |count| count.get().min(256)) as u64;
    let aim = units::mils("sd-aim", &text("sd-aim"))?;
    Ok(MonteCarlo {
        range: range_flag(arguments, "range", "")?,
        shots: usize::try_from(count("shots", 100_000)?).unwrap_or(usize::MAX),
        seed: count("seed", 1)?,
        threads: usize::try_from(count("threads", processors)?).unwrap_or(usize::MAX),
        deviations: Deviations {
            velocity: system.velocity("sd-velocity", &text("sd-velocity"))?,
            coefficient: number("sd-bc")? / 100.0,
            wind_speed: system.wind("sd-wind", &text("sd-wind"))?,
            wind_across: system.wind("sd-crosswind", &text("sd-crosswind"))?,
            wind_direction: units::degrees("sd-wind-direction", &text("sd-wind-direction"))?,
            elevation: aim,
            azimuth: aim,
            range: system.range("sd-range", &text("sd-range"))?,
        },
    })
}

fn target(text: &str, system: System) -> Result<Target, Failure> {
    let size = |text: &str| system.offset("target", text);
    let target = match text.split_once('x') {
        Some((width, height)) => Target::Rectangle(size(width)?, size(height)?),
        None => Target::Circle(size(text)?),
    };
    target.check()?;
    Ok(target)
}
