//! The flags that describe a shot, common to most commands, and the heading that repeats what was assumed.

use std::fs;

use ballistics_engine::{
    AirPressure, Angle, Atmosphere, BallisticCoefficient, DragCurve, DragFunction, Length, Place,
    Powder, Shot, Solver, Spin, Temperature, Velocity, WindSegment, Zero,
};

use super::arguments::{Arguments, Flag};
use super::failure::Failure;
use super::json::Json;
use super::report::{fixed, key, Report};
use super::units::{self, System};

/// The projectile and the barrel that spins it.
pub const LOAD: &[Flag] = &[
    Flag::valued("velocity", "SPEED", "muzzle velocity, fps or m/s").or('v'),
    Flag::valued(
        "bc",
        "NUMBER",
        "ballistic coefficient, lb/in2, ICAO-referenced",
    )
    .or('b'),
    Flag::valued(
        "bc-velocity",
        "SPEED:BC,...",
        "coefficients by lower velocity limit, fastest first",
    ),
    Flag::valued(
        "bc-mach",
        "MACH:BC,...",
        "coefficients by Mach, linear in between",
    ),
    Flag::valued("drag", "G1|G2|G5|G6|G7|G8|GI|GS|RA4", "drag function [G7]").or('d'),
    Flag::valued(
        "curve",
        "FILE",
        "own drag curve, lines of Mach,Cd; needs --mass and --diameter",
    ),
    Flag::valued("mass", "MASS", "projectile mass, gr or g [150 gr]").or('m'),
    Flag::valued("diameter", "LENGTH", "bullet diameter, in or mm"),
    Flag::valued("length", "LENGTH", "bullet length, in or mm"),
    Flag::valued(
        "twist",
        "LENGTH",
        "barrel length a turn, in or mm; negative is left-hand",
    ),
    Flag::valued(
        "powder-sensitivity",
        "SPEED",
        "velocity gained a degree, fps/F or m/s/C",
    ),
    Flag::valued(
        "powder-temperature",
        "DEGREES",
        "temperature of the powder [that of the air]",
    ),
    Flag::valued(
        "powder-reference",
        "DEGREES",
        "temperature at which --velocity was measured [59 F]",
    ),
];

/// The sights.
pub const RIFLE: &[Flag] = &[
    Flag::valued(
        "sight-height",
        "LENGTH",
        "line of sight over bore, in or cm [1.5 in]",
    ),
    Flag::valued(
        "zero",
        "RANGE",
        "zero range, yd or m: level, uncanted, no wind [100]",
    )
    .or('z'),
    Flag::valued("zero-angle", "ANGLE", "elevation of the bore instead, mil"),
];

/// The weather at the muzzle.
pub const AIR: &[Flag] = &[
    Flag::valued("altitude", "HEIGHT", "height above sea level, ft or m [0]"),
    Flag::valued(
        "temperature",
        "DEGREES",
        "air temperature, F or C [ICAO at the altitude]",
    )
    .or('t'),
    Flag::valued(
        "pressure",
        "PRESSURE",
        "station pressure, inHg or hPa [ICAO at the altitude]",
    )
    .or('p'),
    Flag::valued(
        "sea-level-pressure",
        "PRESSURE",
        "weather report's pressure (QNH) instead",
    ),
    Flag::valued("humidity", "PERCENT", "relative humidity [0]"),
];

/// What acts on the way.
pub const CONDITIONS: &[Flag] = &[
    Flag::valued(
        "wind",
        "SPEED@FROM",
        "mph or m/s @ degrees or 3oc: 0 ahead, 90 right; :RANGE ends it; repeatable",
    )
    .or('w'),
    Flag::valued(
        "updraft",
        "SPEED",
        "vertical wind in all segments, mph or m/s, positive up",
    ),
    Flag::valued(
        "look-angle",
        "DEGREES",
        "rise of the line of sight, positive uphill",
    ),
    Flag::valued("cant", "DEGREES", "roll of the rifle, positive clockwise"),
    Flag::valued(
        "latitude",
        "DEGREES",
        "for Coriolis, with --azimuth; positive north",
    ),
    Flag::valued("azimuth", "DEGREES", "direction of fire: 0 north, 90 east"),
    Flag::switch(
        "spin-drift",
        "add Litz's spin drift; needs mass, diameter, length, twist",
    ),
    Flag::switch("jump", "add Litz's aerodynamic jump; needs the same"),
];

/// Units and profiles.
pub const GENERAL: &[Flag] = &[
    Flag::valued(
        "units",
        "imperial|metric",
        "units of bare numbers and of results [imperial]",
    )
    .or('u'),
    Flag::valued(
        "profile",
        "NAME",
        "flags kept under a name, or in a .toml file; --no-SWITCH turns off one of its switches",
    ),
    Flag::valued(
        "save-profile",
        "NAME",
        "keep this command's shot under a name, or in a .toml file",
    ),
];

/// Flags that say one thing in several ways: at most one of a group is given.
pub const ALTERNATIVES: &[&[&str]] = &[
    &["bc", "bc-mach", "bc-velocity"],
    &["drag", "curve"],
    &["zero", "zero-angle"],
    &["pressure", "sea-level-pressure"],
];

/// Refuses two flags of one group.
pub fn check_alternatives(arguments: &Arguments) -> Result<(), Failure> {
    for group in ALTERNATIVES {
        let given: Vec<&str> = group
            .iter()
            .copied()
            .filter(|name| arguments.has(name))
            .collect();
        if let [first, second, ..] = given[..] {
            return Err(Failure::Usage(format!(
                "--{first} and --{second} exclude each other"
            )));
        }
    }
    Ok(())
}

/// Coefficients for G7 are seldom above this, and those for G1 often.
const LARGE_FOR_G7: f64 = 0.4;

/// What to say where a coefficient without `--drag` looks like one for another drag function than G7.
pub fn doubt(arguments: &Arguments) -> Option<String> {
    if arguments.has("drag") || arguments.has("curve") {
        return None;
    }
    let names = ["bc-velocity", "bc-mach", "bc"];
    let text = names.into_iter().find_map(|name| arguments.get(name))?;
    let coefficient = |pair: &str| pair.rsplit(':').next()?.trim().parse::<f64>().ok();
    let largest = text.split(',').filter_map(coefficient).fold(0.0, f64::max);
    (largest > LARGE_FOR_G7).then(|| {
        format!("BC {largest} is taken for G7, where it is large; was it published for G1? --drag G1 or --drag G7 says which")
    })
}

/// Units of results, and of bare numbers on the command line.
pub fn system(arguments: &Arguments) -> Result<System, Failure> {
    read_system(arguments.get("units"))
}

/// Units of a flag's bare number: what a profile holds, or leaves to a default, stays in the profile's own.
fn system_of(arguments: &Arguments, name: &str) -> Result<System, Failure> {
    match arguments.of_profile("units") {
        Some(units) if !arguments.is_given(name) => read_system(units),
        _ => system(arguments),
    }
}

/// Refuses to mix a profile's bare numbers with those of another system, as one file has one `units`.
pub fn one_system(arguments: &Arguments) -> Result<(), Failure> {
    match arguments.of_profile("units") {
        Some(units) if read_system(units)? != system(arguments)? => Err(Failure::Usage(
            "--save-profile: --units differ from those of --profile; leave --units out, and write units after numbers"
                .to_string(),
        )),
        _ => Ok(()),
    }
}

fn read_system(units: Option<&str>) -> Result<System, Failure> {
    match units {
        None | Some("imperial") => Ok(System::Imperial),
        Some("metric") => Ok(System::Metric),
        Some(other) => Err(Failure::Usage(format!(
            "--units `{other}`: must be imperial or metric"
        ))),
    }
}

/// The shot that the flags describe.
pub fn shot(arguments: &Arguments) -> Result<Shot, Failure> {
    let reader = Reader { arguments };
    let spin = reader.spin()?;
    let defaults = Shot::default();
    Ok(Shot {
        drag: reader.drag()?,
        coefficient: reader.coefficient()?,
        mass: reader
            .optional("mass", System::mass)?
            .unwrap_or(defaults.mass),
        muzzle_velocity: reader.velocity()?,
        powder: reader.powder()?,
        sight_height: reader
            .optional("sight-height", System::offset)?
            .unwrap_or(defaults.sight_height),
        zero: reader.zero()?,
        atmosphere: atmosphere(arguments)?,
        wind: reader.wind()?,
        look_angle: reader.degrees("look-angle")?.unwrap_or(defaults.look_angle),
        cant: reader.degrees("cant")?.unwrap_or(defaults.cant),
        place: reader.place()?,
        spin,
        spin_drift: arguments.is_on("spin-drift"),
        aerodynamic_jump: arguments.is_on("jump"),
    })
}

/// The air that the flags describe.
pub fn atmosphere(arguments: &Arguments) -> Result<Atmosphere, Failure> {
    let reader = Reader { arguments };
    let station = reader.optional("pressure", System::pressure)?;
    let sea_level = reader.optional("sea-level-pressure", System::pressure)?;
    Ok(Atmosphere {
        altitude: reader
            .optional("altitude", System::height)?
            .unwrap_or_default(),
        temperature: reader.optional("temperature", System::temperature)?,
        pressure: match (station, sea_level) {
            (Some(pressure), _) => AirPressure::Station(pressure),
            (None, Some(pressure)) => AirPressure::SeaLevel(pressure),
            (None, None) => AirPressure::Standard,
        },
        humidity: arguments
            .get("humidity")
            .map_or(Ok(0.0), |text| units::number("humidity", text))?
            / 100.0,
    })
}

/// Body and twist, muzzle velocity: for `stability`, which needs nothing else.
pub fn spinning_bullet(arguments: &Arguments) -> Result<(Spin, Velocity), Failure> {
    let reader = Reader { arguments };
    match reader.spin()? {
        Some(spin) => Ok((spin, reader.velocity()?)),
        None => Err(Failure::Usage(
            "--mass, --diameter, --length and --twist are needed".to_string(),
        )),
    }
}

struct Reader<'a> {
    arguments: &'a Arguments,
}

impl Reader<'_> {
    fn optional<T>(
        &self,
        name: &str,
        read: fn(System, &str, &str) -> Result<T, Failure>,
    ) -> Result<Option<T>, Failure> {
        self.arguments
            .get(name)
            .map(|text| read(self.system(name)?, name, text))
            .transpose()
    }

    fn system(&self, name: &str) -> Result<System, Failure> {
        system_of(self.arguments, name)
    }

    fn degrees(&self, name: &str) -> Result<Option<Angle>, Failure> {
        self.arguments
            .get(name)
            .map(|text| units::degrees(name, text))
            .transpose()
    }

    fn velocity(&self) -> Result<Velocity, Failure> {
        let needed =
            || Failure::Usage("--velocity is needed, for instance --velocity 2600".to_string());
        self.optional("velocity", System::velocity)?
            .ok_or_else(needed)
    }

    fn drag(&self) -> Result<DragCurve, Failure> {
        match self.arguments.get("curve") {
            Some(path) => curve(path),
            None => Ok(self
                .arguments
                .get("drag")
                .unwrap_or("G7")
                .parse::<DragFunction>()?
                .curve()),
        }
    }

    fn coefficient(&self) -> Result<BallisticCoefficient, Failure> {
        if let Some(text) = self.arguments.get("bc-velocity") {
            let system = self.system("bc-velocity")?;
            let limit = |text: &str| system.velocity("bc-velocity", text);
            return pairs("bc-velocity", text, limit).map(BallisticCoefficient::ByVelocity);
        }
        if let Some(text) = self.arguments.get("bc-mach") {
            let mach = |text: &str| units::number("bc-mach", text);
            return pairs("bc-mach", text, mach).map(BallisticCoefficient::ByMach);
        }
        if let Some(text) = self.arguments.get("bc") {
            return units::number("bc", text).map(BallisticCoefficient::Constant);
        }
        let body = (
            self.optional("mass", System::mass)?,
            self.optional("diameter", System::size)?,
        );
        match (self.arguments.has("curve"), body) {
            (true, (Some(mass), Some(diameter))) => {
                Ok(BallisticCoefficient::sectional_density(mass, diameter))
            }
            (true, _) => Err(Failure::Usage(
                "--curve needs --mass and --diameter, or --bc".to_string(),
            )),
            (false, _) => Err(Failure::Usage(
                "--bc is needed, for instance --bc 0.243".to_string(),
            )),
        }
    }

    fn powder(&self) -> Result<Option<Powder>, Failure> {
        let temperature = self.optional("powder-temperature", System::temperature)?;
        let reference = self.optional("powder-reference", System::temperature)?;
        let per_kelvin = match self.optional("powder-sensitivity", System::sensitivity)? {
            Some(per_kelvin) => per_kelvin,
            None if temperature.is_none() && reference.is_none() => return Ok(None),
            None => {
                return Err(Failure::Usage(
                    "--powder-temperature and --powder-reference need --powder-sensitivity, for instance 1.2fps/F"
                        .to_string(),
                ))
            }
        };
        let temperature = match temperature {
            Some(temperature) => temperature,
            None => atmosphere(self.arguments)?.air()?.temperature,
        };
        Ok(Some(Powder {
            temperature,
            reference: reference.unwrap_or(Temperature::fahrenheit(59.0)),
            per_kelvin,
        }))
    }

    fn zero(&self) -> Result<Zero, Failure> {
        if let Some(text) = self.arguments.get("zero-angle") {
            return units::mils("zero-angle", text).map(Zero::Angle);
        }
        let hundred = self
            .system("zero")?
            .pick(Length::yards(100.0), Length::meters(100.0));
        let range = self.optional("zero", System::range)?;
        Ok(Zero::Range(range.unwrap_or(hundred)))
    }

    fn wind(&self) -> Result<Vec<WindSegment>, Failure> {
        let updraft = self.optional("updraft", System::wind)?.unwrap_or_default();
        let system = self.system("wind")?;
        let segment = |text: &str| {
            wind_segment(text, system).map(|segment| WindSegment { updraft, ..segment })
        };
        let texts = self.arguments.all("wind");
        if texts.is_empty() && self.arguments.has("updraft") {
            return Ok(vec![WindSegment {
                updraft,
                ..WindSegment::default()
            }]);
        }
        texts.into_iter().map(segment).collect()
    }

    fn place(&self) -> Result<Option<Place>, Failure> {
        match (self.degrees("latitude")?, self.degrees("azimuth")?) {
            (Some(latitude), Some(azimuth)) => Ok(Some(Place { latitude, azimuth })),
            (None, None) => Ok(None),
            _ => Err(Failure::Usage(
                "--latitude and --azimuth go together".to_string(),
            )),
        }
    }

    fn spin(&self) -> Result<Option<Spin>, Failure> {
        let mass = self.optional("mass", System::mass)?;
        let diameter = self.optional("diameter", System::size)?;
        let length = self.optional("length", System::size)?;
        let twist = self.optional("twist", System::size)?;
        Ok(match (mass, diameter, length, twist) {
            (Some(mass), Some(diameter), Some(length), Some(twist)) => Some(Spin {
                mass,
                diameter,
                length,
                twist,
            }),
            _ => None,
        })
    }
}

/// `10@90`, `10mph@3oc`, `10@90:300yd`. Without `@` the wind blows from the right.
fn wind_segment(text: &str, system: System) -> Result<WindSegment, Failure> {
    let (wind, until) = match text.split_once(':') {
        Some((wind, until)) => (wind, Some(system.range("wind", until)?)),
        None => (text, None),
    };
    let (speed, from) = wind.split_once('@').unwrap_or((wind, "90"));
    let from = match from.strip_suffix("oc") {
        Some(hour) => Angle::degrees(30.0 * units::number("wind", hour)?),
        None => units::degrees("wind", from)?,
    };
    Ok(WindSegment {
        speed: system.wind("wind", speed)?,
        from,
        updraft: Velocity::default(),
        until,
    })
}

/// `2600:0.462,2100:0.447`.
fn pairs<T>(
    flag: &str,
    text: &str,
    read: impl Fn(&str) -> Result<T, Failure>,
) -> Result<Vec<(T, f64)>, Failure> {
    let pair = |part: &str| match part.split_once(':') {
        Some((key, value)) => Ok((read(key)?, units::number(flag, value)?)),
        None => Err(Failure::Usage(format!(
            "--{flag} `{part}`: must be two numbers with a colon in between"
        ))),
    };
    text.split(',').map(pair).collect()
}

/// Lines of `Mach,Cd` or `Mach Cd`; a heading and lines that begin with # are skipped.
fn curve(path: &str) -> Result<DragCurve, Failure> {
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::Failed(format!("drag curve {path}: {error}")))?;
    let mut points = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let mut words = line
            .split([',', ';', ' ', '\t'])
            .filter(|word| !word.is_empty());
        match (words.next(), words.next()) {
            (Some(mach), Some(cd)) if !mach.starts_with('#') => {
                match (mach.parse::<f64>(), cd.parse::<f64>()) {
                    (Ok(mach), Ok(cd)) => points.push((mach, cd)),
                    _ if number == 0 => {}
                    _ => {
                        return Err(Failure::Usage(format!(
                            "{path} line {}: must be Mach,Cd",
                            number + 1
                        )))
                    }
                }
            }
            (Some(word), None) if !word.starts_with('#') => {
                return Err(Failure::Usage(format!(
                    "{path} line {}: must be Mach,Cd",
                    number + 1
                )))
            }
            _ => {}
        }
    }
    Ok(DragCurve::through(&points)?)
}

/// Repeats what the numbers below it rest on.
pub fn heading(
    report: &mut Report,
    arguments: &Arguments,
    shot: &Shot,
    solver: &Solver,
) -> Result<(), Failure> {
    let system = system(arguments)?;
    let drag = describe_drag(arguments);
    report.parts("drag", drag, drag_parts(arguments, system, shot));
    report.number(
        "muzzle velocity",
        system.show_velocity(solver.muzzle_velocity()),
    );
    let zero = describe_zero(system, shot);
    report.parts("zero", zero, zero_parts(system, shot));
    report.number("zero elevation", (solver.zero_angle().as_mils(), 4, "mil"));
    let air = solver.air();
    report.number("temperature", system.show_temperature(air.temperature));
    report.number("station pressure", system.show_pressure(air.pressure));
    report.number("density ratio", (air.density_ratio, 4, ""));
    let wind = describe_wind(system, shot);
    report.parts("wind", wind, wind_parts(system, shot));
    let effects = describe_effects(shot);
    if !effects.is_empty() {
        report.text("effects", effects);
    }
    report.text("signs", "drop from the line of sight, negative below; windage negative left; density ratio to 1.225 kg/m3");
    Ok(())
}

/// The same in two lines, for a plot.
pub fn caption(
    arguments: &Arguments,
    shot: &Shot,
    solver: &Solver,
) -> Result<[String; 2], Failure> {
    let system = system(arguments)?;
    let (velocity, decimals, unit) = system.show_velocity(solver.muzzle_velocity());
    let wind = match shot.wind.len() {
        0 => "no wind".to_string(),
        1 | 2 => format!("wind {}", describe_wind(system, shot)),
        count => format!("wind in {count} segments"),
    };
    Ok([
        format!(
            "{}; {} {unit} at the muzzle; zero {}",
            describe_drag(arguments),
            fixed(velocity, decimals),
            describe_zero(system, shot)
        ),
        format!(
            "air density {} of standard; {wind}",
            fixed(solver.air().density_ratio, 3)
        ),
    ])
}

/// A member whose name carries its unit.
fn member(name: &str, (value, _, unit): (f64, usize, &str)) -> (String, Json) {
    (key(name, unit), value.into())
}

fn drag_parts(arguments: &Arguments, system: System, shot: &Shot) -> Json {
    let (kind, name) = match arguments.get("curve") {
        Some(path) => ("curve", path.to_string()),
        None => (
            "function",
            arguments.get("drag").unwrap_or("G7").to_uppercase(),
        ),
    };
    let coefficient = match &shot.coefficient {
        BallisticCoefficient::Constant(value) => Json::Number(*value),
        BallisticCoefficient::ByMach(points) => {
            let point = |(mach, value): &(f64, f64)| {
                Json::object([("mach", (*mach).into()), ("coefficient", (*value).into())])
            };
            Json::List(points.iter().map(point).collect())
        }
        BallisticCoefficient::ByVelocity(bands) => {
            let band = |(limit, value): &(Velocity, f64)| {
                let limit = member("above", system.show_velocity(*limit));
                Json::Object(vec![limit, ("coefficient".to_string(), (*value).into())])
            };
            Json::List(bands.iter().map(band).collect())
        }
    };
    Json::object([(kind, name.as_str().into()), ("coefficient", coefficient)])
}

fn zero_parts(system: System, shot: &Shot) -> Json {
    let aim = match shot.zero {
        Zero::Range(range) => member("range", system.show_range(range)),
        Zero::Angle(angle) => member("elevation", (angle.as_mils(), 4, "mil")),
    };
    let sights = member("sight height", system.show_offset(shot.sight_height));
    Json::Object(vec![aim, sights])
}

fn wind_parts(system: System, shot: &Shot) -> Json {
    let segment = |segment: &WindSegment| {
        let unit = system.show_range(Length::default()).2;
        let until = segment
            .until
            .map_or(Json::Null, |until| system.show_range(until).0.into());
        Json::Object(vec![
            member("speed", system.show_wind(segment.speed)),
            member("from", (segment.from.as_degrees(), 0, "deg")),
            member("up", system.show_wind(segment.updraft)),
            (key("until", unit), until),
        ])
    };
    Json::List(shot.wind.iter().map(segment).collect())
}

fn describe_drag(arguments: &Arguments) -> String {
    let curve = match arguments.get("curve") {
        Some(path) => format!("curve {path}"),
        None => arguments.get("drag").unwrap_or("G7").to_uppercase(),
    };
    let coefficient = ["bc-velocity", "bc-mach", "bc"]
        .into_iter()
        .find_map(|name| arguments.get(name));
    format!(
        "{curve}, BC {}",
        coefficient.unwrap_or("of the sectional density")
    )
}

fn describe_zero(system: System, shot: &Shot) -> String {
    let (height, decimals, unit) = system.show_offset(shot.sight_height);
    let sights = format!("sights {} {unit} over the bore", fixed(height, decimals));
    match shot.zero {
        Zero::Range(range) => {
            let (range, decimals, unit) = system.show_range(range);
            format!("{} {unit}, {sights}", fixed(range, decimals))
        }
        Zero::Angle(angle) => format!("elevation {} mil, {sights}", fixed(angle.as_mils(), 4)),
    }
}

fn describe_wind(system: System, shot: &Shot) -> String {
    let segment = |segment: &WindSegment| {
        let (speed, decimals, unit) = system.show_wind(segment.speed);
        let mut text = format!(
            "{} {unit} from {} deg",
            fixed(speed, decimals),
            fixed(segment.from.as_degrees(), 0)
        );
        if segment.updraft != Velocity::default() {
            let (speed, decimals, unit) = system.show_wind(segment.updraft);
            text += &format!(", {} {unit} up", fixed(speed, decimals));
        }
        if let Some(until) = segment.until {
            let (range, decimals, unit) = system.show_range(until);
            text += &format!(" to {} {unit}", fixed(range, decimals));
        }
        text
    };
    match shot.wind.len() {
        0 => "none".to_string(),
        _ => {
            shot.wind.iter().map(segment).collect::<Vec<_>>().join(", ")
                + " (0 is ahead, 90 from the right)"
        }
    }
}

fn describe_effects(shot: &Shot) -> String {
    let degrees = |name: &str, angle: Angle| format!("{name} {} deg", fixed(angle.as_degrees(), 1));
    let mut effects = Vec::new();
    if shot.look_angle != Angle::default() {
        effects.push(degrees("uphill", shot.look_angle));
    }
    if shot.cant != Angle::default() {
        effects.push(degrees("cant", shot.cant));
    }
    if let Some(place) = shot.place {
        effects.push(format!(
            "{}, {}",
            degrees("Coriolis at latitude", place.latitude),
            degrees("firing", place.azimuth)
        ));
    }
    if shot.spin_drift {
        effects.push("spin drift (Litz)".to_string());
    }
    if shot.aerodynamic_jump {
        effects.push("aerodynamic jump (Litz)".to_string());
    }
    effects.join(", ")
}
