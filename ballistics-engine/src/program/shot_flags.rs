//! The flags that describe a shot, common to most commands.

use ballistics_engine::{
    AirPressure, Angle, BallisticCoefficient, DragFunction, Length, Shot, Velocity, WindSegment,
    Zero,
};

use super::arguments::{Arguments, Flag};
use super::failure::Failure;
use super::units::{self, System};

const fn flag(
    name: &'static str,
    short: Option<char>,
    value: &'static str,
    help: &'static str,
) -> Flag {
    Flag {
        name,
        short,
        value: Some(value),
        help,
    }
}

/// All of them.
pub const FLAGS: &[Flag] = &[
    flag(
        "units",
        Some('u'),
        "imperial|metric",
        "units of bare numbers and of results [imperial]",
    ),
    flag(
        "velocity",
        Some('v'),
        "SPEED",
        "muzzle velocity, fps or m/s",
    ),
    flag("bc", Some('b'), "NUMBER", "ballistic coefficient, lb/in2"),
    flag(
        "drag",
        Some('d'),
        "FUNCTION",
        "G1 G2 G5 G6 G7 G8 GI GS RA4 [G7]",
    ),
    flag(
        "mass",
        Some('m'),
        "MASS",
        "projectile mass, gr or g [150 gr]",
    ),
    flag(
        "sight-height",
        None,
        "LENGTH",
        "line of sight over bore, in or cm [1.5 in]",
    ),
    flag("zero", Some('z'), "RANGE", "zero range, yd or m [100 yd]"),
    flag(
        "altitude",
        None,
        "HEIGHT",
        "height above sea level, ft or m [0]",
    ),
    flag(
        "temperature",
        None,
        "DEGREES",
        "air temperature, F or C [ICAO at the altitude]",
    ),
    flag(
        "pressure",
        None,
        "PRESSURE",
        "station pressure, inHg or hPa [ICAO at the altitude]",
    ),
    flag("humidity", None, "PERCENT", "relative humidity [0]"),
    flag(
        "wind",
        Some('w'),
        "SPEED@FROM",
        "wind, mph or m/s, and where from: 0 ahead, 90 right",
    ),
];

/// Units of bare numbers and results.
pub fn system(arguments: &Arguments) -> Result<System, Failure> {
    match arguments.get("units") {
        None | Some("imperial") => Ok(System::Imperial),
        Some("metric") => Ok(System::Metric),
        Some(other) => Err(Failure::Usage(format!(
            "--units `{other}`: must be imperial or metric"
        ))),
    }
}

/// The shot that the flags describe.
pub fn shot(arguments: &Arguments, system: System) -> Result<Shot, Failure> {
    let mut shot = Shot::default();
    let drag: DragFunction = arguments.get("drag").unwrap_or("G7").parse()?;
    shot.drag = drag.curve();
    shot.coefficient =
        BallisticCoefficient::Constant(units::number("bc", required(arguments, "bc")?)?);
    shot.muzzle_velocity = system.velocity("velocity", required(arguments, "velocity")?)?;
    if let Some(text) = arguments.get("mass") {
        shot.mass = system.mass("mass", text)?;
    }
    if let Some(text) = arguments.get("sight-height") {
        shot.sight_height = system.offset("sight-height", text)?;
    }
    if let Some(text) = arguments.get("zero") {
        shot.zero = Zero::Range(system.range("zero", text)?);
    }
    if let Some(text) = arguments.get("altitude") {
        shot.atmosphere.altitude = system.height("altitude", text)?;
    }
    if let Some(text) = arguments.get("temperature") {
        shot.atmosphere.temperature = Some(system.temperature("temperature", text)?);
    }
    if let Some(text) = arguments.get("pressure") {
        shot.atmosphere.pressure = AirPressure::Station(system.pressure("pressure", text)?);
    }
    if let Some(text) = arguments.get("humidity") {
        shot.atmosphere.humidity = units::number("humidity", text)? / 100.0;
    }
    shot.wind = arguments
        .all("wind")
        .map(|text| wind(text, system))
        .collect::<Result<_, _>>()?;
    Ok(shot)
}

fn required<'a>(arguments: &'a Arguments, name: &str) -> Result<&'a str, Failure> {
    arguments
        .get(name)
        .ok_or_else(|| Failure::Usage(format!("--{name} is needed")))
}

fn wind(text: &str, system: System) -> Result<WindSegment, Failure> {
    let (speed, from) = text.split_once('@').unwrap_or((text, "90"));
    Ok(WindSegment {
        speed: system.wind("wind", speed)?,
        from: units::degrees("wind", from)?,
        updraft: Velocity::mps(0.0),
        until: None::<Length>,
    })
}

/// Where the wind comes from, in words for the heading.
pub fn describe_wind(shot: &Shot) -> String {
    let segment = |segment: &WindSegment| {
        let from: Angle = segment.from;
        format!(
            "{:.1} mph from {:.0} deg",
            segment.speed.as_mph(),
            from.as_degrees()
        )
    };
    match shot.wind.len() {
        0 => "none".to_string(),
        _ => shot.wind.iter().map(segment).collect::<Vec<_>>().join(", "),
    }
}
