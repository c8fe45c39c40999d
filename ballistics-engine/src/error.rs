//! What is wrong with an input or a question: always the field, the value and what would be accepted.

use std::fmt;

/// The unit in which an [`Error`] prints its numbers, with the imperial one beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unit {
    /// A plain number.
    None,
    /// Meters (yards beside).
    Range,
    /// Millimeters (inches beside).
    Size,
    /// Meters of height (feet beside).
    Height,
    /// Meters per second (feet per second beside).
    Velocity,
    /// Grams (grains beside).
    Mass,
    /// Hectopascals (inches of mercury beside).
    Pressure,
    /// Degrees Celsius (Fahrenheit beside).
    Temperature,
    /// Degrees.
    Angle,
    /// Percent.
    Percent,
}

/// An input that cannot be computed with, or a question that has no answer.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// A number is outside what is accepted. All three are in SI units.
    OutOfRange {
        /// The input, in words: `muzzle velocity`.
        field: &'static str,
        /// What was given.
        value: f64,
        /// The least accepted value.
        minimum: f64,
        /// The greatest accepted value.
        maximum: f64,
        /// How to print the three numbers.
        unit: Unit,
    },
    /// An input of several parts does not fit together.
    Malformed {
        /// The input, in words: `drag curve`.
        field: &'static str,
        /// What is wrong, and what would be accepted.
        problem: String,
    },
    /// The projectile does not get there.
    OutOfReach {
        /// What was asked for: `zero range`.
        field: &'static str,
        /// The asked range in meters.
        asked: f64,
        /// The range in meters up to which there is an answer.
        reached: f64,
    },
    /// There is no answer for another reason.
    NoSolution {
        /// What was asked for: `danger space`.
        field: &'static str,
        /// Why there is none.
        problem: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::OutOfRange {
                field,
                value,
                minimum,
                maximum,
                unit,
            } => {
                let (given, low, high) =
                    (unit.show(*value), unit.show(*minimum), unit.show(*maximum));
                write!(f, "{field} {given}: must be {low} to {high}")
            }
            Error::Malformed { field, problem } | Error::NoSolution { field, problem } => {
                write!(f, "{field}: {problem}")
            }
            Error::OutOfReach {
                field,
                asked,
                reached,
            } => {
                let (asked, reached) = (Unit::Range.show(*asked), Unit::Range.show(*reached));
                write!(
                    f,
                    "{field} {asked}: beyond reach, the shot is followed to {reached}"
                )
            }
        }
    }
}

impl std::error::Error for Error {}

impl Unit {
    fn show(self, si: f64) -> String {
        let pair = |metric: f64, metric_name: &str, imperial: f64, imperial_name: &str| {
            format!(
                "{} {metric_name} ({} {imperial_name})",
                short(metric),
                short(imperial)
            )
        };
        match self {
            Unit::None => short(si),
            Unit::Range => pair(si, "m", si / 0.9144, "yd"),
            Unit::Size => pair(si * 1e3, "mm", si / 0.0254, "in"),
            Unit::Height => pair(si, "m", si / 0.3048, "ft"),
            Unit::Velocity => pair(si, "m/s", si / 0.3048, "fps"),
            Unit::Mass => pair(si * 1e3, "g", si / 6.479_891e-5, "gr"),
            Unit::Pressure => pair(si / 100.0, "hPa", si / 3_386.389, "inHg"),
            Unit::Temperature => pair(si - 273.15, "C", si * 1.8 - 459.67, "F"),
            Unit::Angle => format!("{} deg", short(si.to_degrees())),
            Unit::Percent => format!("{} %", short(si * 100.0)),
        }
    }
}

/// Six significant digits without trailing zeros.
fn short(value: f64) -> String {
    if !value.is_finite() || value == 0.0 {
        return value.to_string();
    }
    let magnitude = value.abs().log10().floor() as i32;
    if !(-6..12).contains(&magnitude) {
        return format!("{value:.5e}");
    }
    let decimals = (5 - magnitude).max(0) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_string()
    } else {
        text
    }
}

/// Half a unit in the sixth digit, to which an error prints its limits: a limit that is typed as it was printed, in
/// either system, is the limit.
const PRINTED: f64 = 5e-6;

/// Accepts a finite number within the limits, or says which field is off. What is beyond a limit only by the
/// rounding of its print becomes the limit.
pub(crate) fn within(
    field: &'static str,
    unit: Unit,
    value: f64,
    limits: (f64, f64),
) -> Result<f64, Error> {
    let (minimum, maximum) = limits;
    let (low, high) = (
        minimum - PRINTED * minimum.abs(),
        maximum + PRINTED * maximum.abs(),
    );
    if value >= low && value <= high {
        Ok(value.clamp(minimum, maximum))
    } else {
        Err(out_of_range(field, unit, value, limits))
    }
}

/// Refuses a number.
pub(crate) fn out_of_range(
    field: &'static str,
    unit: Unit,
    value: f64,
    (minimum, maximum): (f64, f64),
) -> Error {
    Error::OutOfRange {
        field,
        value,
        minimum,
        maximum,
        unit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_field_value_and_range_in_both_systems() {
        let error = within(
            "muzzle velocity",
            Unit::Velocity,
            30_480.0,
            (15.24, 3_048.0),
        )
        .unwrap_err();
        let text = "muzzle velocity 30480 m/s (100000 fps): must be 15.24 m/s (50 fps) to 3048 m/s (10000 fps)";
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn a_limit_as_it_is_printed_is_the_limit() {
        let altitude = |feet: f64| {
            let limits = (-500.0, 9_000.0);
            within("altitude", Unit::Height, feet * 0.3048, limits)
        };
        assert_eq!(altitude(29_527.6), Ok(9_000.0));
        assert_eq!(altitude(-1_640.42), Ok(-500.0));
        assert!(altitude(29_528.0).is_err() && altitude(-1_640.5).is_err());
    }

    #[test]
    fn nan_is_out_of_every_range() {
        let error = within("humidity", Unit::Percent, f64::NAN, (0.0, 1.0)).unwrap_err();
        assert_eq!(error.to_string(), "humidity NaN %: must be 0 % to 100 %");
    }
}
