//! Numbers with units on the command line: `2600`, `2600fps`, `792m/s`. A bare number has the unit of the
//! chosen system.

use ballistics_engine::{Angle, Energy, Length, Mass, Pressure, Temperature, Velocity};

use super::failure::Failure;

/// The units of bare numbers and of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    Imperial,
    Metric,
}

/// A unit: its name, and the size of one in SI.
type Unit = (&'static str, f64);

const LENGTHS: [Unit; 7] = [
    ("yd", 0.9144),
    ("m", 1.0),
    ("ft", 0.3048),
    ("in", 0.0254),
    ("cm", 0.01),
    ("mm", 0.001),
    ("km", 1000.0),
];
const SPEEDS: [Unit; 7] = [
    ("fps", 0.3048),
    ("m/s", 1.0),
    ("mps", 1.0),
    ("mph", 0.447_04),
    ("km/h", 1.0 / 3.6),
    ("kph", 1.0 / 3.6),
    ("kt", 1852.0 / 3600.0),
];
/// Per kelvin.
const SENSITIVITIES: [Unit; 4] = [
    ("fps/F", 0.3048 * 1.8),
    ("fps/C", 0.3048),
    ("m/s/C", 1.0),
    ("m/s/F", 1.8),
];
const MASSES: [Unit; 3] = [("gr", 6.479_891e-5), ("g", 0.001), ("kg", 1.0)];
const PRESSURES: [Unit; 4] = [
    ("inHg", 3_386.389),
    ("hPa", 100.0),
    ("mbar", 100.0),
    ("Pa", 1.0),
];
const ANGLES: [Unit; 5] = [
    ("deg", std::f64::consts::PI / 180.0),
    ("mil", 0.001),
    ("mrad", 0.001),
    ("moa", std::f64::consts::PI / 10_800.0),
    ("rad", 1.0),
];
/// Temperatures have offsets besides, see [`System::temperature`].
const TEMPERATURES: [Unit; 3] = [("F", 1.0 / 1.8), ("C", 1.0), ("K", 1.0)];

impl System {
    /// Chooses between what is imperial and what is metric.
    pub fn pick<T>(self, imperial: T, metric: T) -> T {
        match self {
            System::Imperial => imperial,
            System::Metric => metric,
        }
    }

    /// Distances to targets: yards or meters.
    pub fn range(self, flag: &str, text: &str) -> Result<Length, Failure> {
        read(flag, text, &LENGTHS, self.pick("yd", "m")).map(Length::meters)
    }

    /// Heights above sea level: feet or meters.
    pub fn height(self, flag: &str, text: &str) -> Result<Length, Failure> {
        read(flag, text, &LENGTHS, self.pick("ft", "m")).map(Length::meters)
    }

    /// Sight heights and targets: inches or centimeters.
    pub fn offset(self, flag: &str, text: &str) -> Result<Length, Failure> {
        read(flag, text, &LENGTHS, self.pick("in", "cm")).map(Length::meters)
    }

    /// Bullets and twists: inches or millimeters.
    pub fn size(self, flag: &str, text: &str) -> Result<Length, Failure> {
        read(flag, text, &LENGTHS, self.pick("in", "mm")).map(Length::meters)
    }

    /// Projectiles: feet or meters per second.
    pub fn velocity(self, flag: &str, text: &str) -> Result<Velocity, Failure> {
        read(flag, text, &SPEEDS, self.pick("fps", "m/s")).map(Velocity::mps)
    }

    /// Wind: miles per hour or meters per second.
    pub fn wind(self, flag: &str, text: &str) -> Result<Velocity, Failure> {
        read(flag, text, &SPEEDS, self.pick("mph", "m/s")).map(Velocity::mps)
    }

    /// Velocity that a degree of the powder's temperature gains: a speed per kelvin.
    pub fn sensitivity(self, flag: &str, text: &str) -> Result<Velocity, Failure> {
        read(flag, text, &SENSITIVITIES, self.pick("fps/F", "m/s/C")).map(Velocity::mps)
    }

    /// Grains or grams.
    pub fn mass(self, flag: &str, text: &str) -> Result<Mass, Failure> {
        read(flag, text, &MASSES, self.pick("gr", "g")).map(Mass::kilograms)
    }

    /// Inches of mercury or hectopascals.
    pub fn pressure(self, flag: &str, text: &str) -> Result<Pressure, Failure> {
        read(flag, text, &PRESSURES, self.pick("inHg", "hPa")).map(Pressure::pascals)
    }

    /// Name, value and decimals of a distance for printing.
    pub fn show_range(self, length: Length) -> (f64, usize, &'static str) {
        self.pick((length.as_yards(), 1, "yd"), (length.as_meters(), 1, "m"))
    }

    /// The same of a height.
    pub fn show_height(self, length: Length) -> (f64, usize, &'static str) {
        self.pick((length.as_feet(), 0, "ft"), (length.as_meters(), 0, "m"))
    }

    /// The same of an offset.
    pub fn show_offset(self, length: Length) -> (f64, usize, &'static str) {
        self.pick(
            (length.as_inches(), 2, "in"),
            (length.as_centimeters(), 2, "cm"),
        )
    }

    /// The same of a velocity.
    pub fn show_velocity(self, velocity: Velocity) -> (f64, usize, &'static str) {
        self.pick((velocity.as_fps(), 0, "fps"), (velocity.as_mps(), 1, "m/s"))
    }

    /// The same of a wind.
    pub fn show_wind(self, velocity: Velocity) -> (f64, usize, &'static str) {
        self.pick((velocity.as_mph(), 1, "mph"), (velocity.as_mps(), 1, "m/s"))
    }

    /// The same of a pressure.
    pub fn show_pressure(self, pressure: Pressure) -> (f64, usize, &'static str) {
        self.pick(
            (pressure.as_inches_of_mercury(), 2, "inHg"),
            (pressure.as_hectopascals(), 2, "hPa"),
        )
    }

    /// The same of a temperature.
    pub fn show_temperature(self, temperature: Temperature) -> (f64, usize, &'static str) {
        self.pick(
            (temperature.as_fahrenheit(), 1, "F"),
            (temperature.as_celsius(), 1, "C"),
        )
    }

    /// The same of an energy.
    pub fn show_energy(self, energy: Energy) -> (f64, usize, &'static str) {
        self.pick(
            (energy.as_foot_pounds(), 0, "ft-lb"),
            (energy.as_joules(), 0, "J"),
        )
    }

    /// Fahrenheit or Celsius.
    pub fn temperature(self, flag: &str, text: &str) -> Result<Temperature, Failure> {
        let (number, unit) = split(flag, text, &TEMPERATURES, self.pick("F", "C"))?;
        Ok(match unit.0 {
            "F" => Temperature::fahrenheit(number),
            "C" => Temperature::celsius(number),
            _ => Temperature::kelvins(number),
        })
    }
}

/// Angles of the world: degrees.
pub fn degrees(flag: &str, text: &str) -> Result<Angle, Failure> {
    read(flag, text, &ANGLES, "deg").map(Angle::radians)
}

/// Angles of a scope: mils.
pub fn mils(flag: &str, text: &str) -> Result<Angle, Failure> {
    read(flag, text, &ANGLES, "mil").map(Angle::radians)
}

/// A whole number.
pub fn count(flag: &str, text: &str) -> Result<u64, Failure> {
    text.trim()
        .parse()
        .map_err(|_| Failure::Usage(format!("--{flag} `{text}`: not a whole number")))
}

/// A plain number.
pub fn number(flag: &str, text: &str) -> Result<f64, Failure> {
    text.trim()
        .parse()
        .map_err(|_| Failure::Usage(format!("--{flag} `{text}`: not a number")))
}

fn read(flag: &str, text: &str, units: &[Unit], default: &str) -> Result<f64, Failure> {
    let (number, unit) = split(flag, text, units, default)?;
    Ok(number * unit.1)
}

/// The number is the longest beginning that is one, so that `1e3yd` and `5in` both work.
fn split(flag: &str, text: &str, units: &[Unit], default: &str) -> Result<(f64, Unit), Failure> {
    let text = text.trim();
    let ends = text
        .char_indices()
        .map(|(at, letter)| at + letter.len_utf8())
        .rev();
    let parsed = ends
        .filter_map(|end| Some((text[..end].trim_end().parse::<f64>().ok()?, &text[end..])))
        .next();
    let names = || {
        units
            .iter()
            .map(|unit| unit.0)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let (number, suffix) =
        parsed.ok_or_else(|| Failure::Usage(format!("--{flag} `{text}`: not a number")))?;
    let suffix = if suffix.trim().is_empty() {
        default
    } else {
        suffix.trim()
    };
    match units
        .iter()
        .find(|unit| unit.0.eq_ignore_ascii_case(suffix))
    {
        Some(unit) => Ok((number, *unit)),
        None => Err(Failure::Usage(format!(
            "--{flag} `{text}`: unknown unit `{suffix}`; there are {}",
            names()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suffix_overrides_the_system() {
        let meters = |text: &str| System::Imperial.range("range", text).unwrap().as_meters();
        assert_eq!(
            (
                meters("100"),
                meters("100m"),
                meters("1e3 YD"),
                meters("5in")
            ),
            (91.44, 100.0, 914.4, 0.127)
        );
        assert_eq!(
            System::Metric.velocity("velocity", "800").unwrap().as_mps(),
            800.0
        );
        assert_eq!(
            System::Metric
                .temperature("temperature", "32F")
                .unwrap()
                .as_celsius(),
            0.0
        );
    }

    #[test]
    fn units_have_their_sizes() {
        for (text, mps) in [
            ("10kt", 5.144_444),
            ("36km/h", 10.0),
            ("10mph", 4.4704),
            ("100fps", 30.48),
        ] {
            let ours = System::Metric.wind("wind", text).unwrap().as_mps();
            assert!((ours - mps).abs() < 1e-6, "{text} is {ours} m/s");
        }
        for (text, mps) in [("1", 0.548_64), ("1 fps/C", 0.3048), ("1m/s/F", 1.8)] {
            let ours = System::Imperial.sensitivity("powder-sensitivity", text);
            assert!((ours.unwrap().as_mps() - mps).abs() < 1e-9, "{text}");
        }
        for (text, mils) in [
            ("1moa", 0.290_888),
            ("1deg", 17.453_293),
            ("2", 2.0),
            ("0.001rad", 1.0),
        ] {
            let ours = super::mils("click", text).unwrap().as_mils();
            assert!((ours - mils).abs() < 1e-6, "{text} is {ours} mil");
        }
        let pressure = System::Imperial.pressure("pressure", "29.92126").unwrap();
        assert!((pressure.as_hectopascals() - 1_013.25).abs() < 0.001);
        let sizes = |system: System| {
            (
                system.size("twist", "10").unwrap(),
                system.offset("target", "10").unwrap(),
            )
        };
        assert_eq!(
            sizes(System::Imperial),
            (Length::inches(10.0), Length::inches(10.0))
        );
        assert_eq!(
            sizes(System::Metric),
            (Length::meters(10.0 * 0.001), Length::meters(10.0 * 0.01))
        );
    }

    #[test]
    fn what_is_no_number_or_unit_is_named() {
        let message = |text: &str| System::Imperial.mass("mass", text).unwrap_err().to_string();
        assert_eq!(message("heavy"), "--mass `heavy`: not a number");
        assert_eq!(message(""), "--mass ``: not a number");
        assert_eq!(
            message("175 stone"),
            "--mass `175 stone`: unknown unit `stone`; there are gr, g, kg"
        );
    }
}
