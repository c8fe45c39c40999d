//! `ballistics range-card`: what to dial at each range, for a card that is taped to the stock.

use ballistics_engine::{Angle, Row, Solver};

use super::arguments::{Arguments, Flag};
use super::failure::Failure;
use super::report::{Column, Report, OUTPUT};
use super::shot_flags;
use super::trajectory::{range_flag, ranges};
use super::units::{self, System};
use super::Command;

pub const COMMAND: Command = Command {
    name: "range-card",
    summary: "scope corrections and clicks against range",
    flags: &[
        ("load", shot_flags::LOAD),
        ("rifle", shot_flags::RIFLE),
        ("air", shot_flags::AIR),
        ("conditions", shot_flags::CONDITIONS),
        ("card", FLAGS),
        ("general", shot_flags::GENERAL),
    ],
    examples: &[
        (
            "range-card -v 2600 -b 0.243 -m 175 --wind 10@90",
            "come-ups and wind holds in mil, clicks of 0.1 mil",
        ),
        (
            "range-card -v 2600 -b 0.243 -m 175 --click 0.25moa -r 600 -s 50",
            "for a quarter-minute scope",
        ),
    ],
    run,
};

const FLAGS: &[Flag] = &[
    Flag::valued("range", "RANGE", "last row, yd or m [1000]").or('r'),
    Flag::valued("step", "RANGE", "between rows, yd or m [50]").or('s'),
    Flag::valued(
        "click",
        "ANGLE",
        "one click of the scope: 0.1mil, 0.25moa [0.1mil]",
    ),
    OUTPUT,
];

/// The scope's click, and the unit in which its turrets are marked.
struct Scope {
    click: Angle,
    unit: &'static str,
    read: fn(Angle) -> f64,
}

fn run(arguments: &Arguments) -> Result<String, Failure> {
    let system = shot_flags::system(arguments)?;
    let scope = scope(arguments)?;
    let shot = shot_flags::shot(arguments)?;
    let ranges = ranges(
        range_flag(arguments, "range", "1000")?,
        range_flag(arguments, "step", "50")?,
    )?;
    let solver = Solver::new(&shot)?;
    let rows = solver.rows(&ranges)?;
    let mut report = Report::default();
    shot_flags::heading(&mut report, arguments, &shot, &solver)?;
    report.text(
        "corrections",
        "what to dial: elevation up positive, windage right positive",
    );
    let aimed = rows.iter().filter(|row| row.range.as_meters() > 0.0);
    report.table(
        columns(system, &scope),
        aimed.map(|row| cells(row, system, &scope)).collect(),
    );
    report.print(arguments)
}

fn scope(arguments: &Arguments) -> Result<Scope, Failure> {
    let text = arguments.get("click").unwrap_or("0.1mil");
    let click = units::mils("click", text)?;
    if !(click.as_mils() > 0.001 && click.as_mils() < 10.0) {
        return Err(Failure::Usage(format!(
            "--click `{text}`: must be 0.001 to 10 mil"
        )));
    }
    Ok(if text.to_lowercase().contains("moa") {
        Scope {
            click,
            unit: "MOA",
            read: Angle::as_moa,
        }
    } else {
        Scope {
            click,
            unit: "mil",
            read: Angle::as_mils,
        }
    })
}

fn columns(system: System, scope: &Scope) -> Vec<Column> {
    let column = |name, unit, decimals| Column {
        name,
        unit,
        decimals,
    };
    vec![
        column("range", system.pick("yd", "m"), 0),
        column("elevation", scope.unit, 2),
        column("clicks", "up", 0),
        column("windage", scope.unit, 2),
        column("clicks", "right", 0),
        column("time", "s", 2),
        column("velocity", system.pick("fps", "m/s"), 0),
        column("energy", system.pick("ft-lb", "J"), 0),
    ]
}

fn cells(row: &Row, system: System, scope: &Scope) -> Vec<f64> {
    let clicks = |angle: Angle| (-angle.as_radians() / scope.click.as_radians()).round();
    vec![
        system.show_range(row.range).0,
        -(scope.read)(row.drop_angle),
        clicks(row.drop_angle),
        -(scope.read)(row.windage_angle),
        clicks(row.windage_angle),
        row.seconds,
        system.show_velocity(row.velocity).0,
        system.show_energy(row.energy).0,
    ]
}
