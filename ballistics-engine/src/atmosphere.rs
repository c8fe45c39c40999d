//! The air at the muzzle: ICAO standard values where nothing is measured, moist density after CIPM-2007
//! (Picard et al., Metrologia 45 (2008) 149), and the speed of sound of the moist ideal mixture.
//! How both change with height along the flight is in [`crate::forces`].

use crate::elementary::{exp, power};
use crate::error::{within, Error, Unit};
use crate::quantity::{Length, Pressure, Temperature, Velocity};

/// ICAO temperature lapse in K/m (ICAO Doc 7488).
pub(crate) const LAPSE: f64 = 6.5e-3;
/// Exponent of density against temperature in the ICAO troposphere: g M / (R L) - 1.
pub(crate) const DENSITY_EXPONENT: f64 = 4.255_876;
/// ICAO air density at sea level in kg/m3, to which ballistic coefficients refer.
pub(crate) const STANDARD_DENSITY: f64 = 1.225;

const STANDARD_TEMPERATURE: f64 = 288.15;
const STANDARD_PRESSURE: f64 = 101_325.0;
const PRESSURE_EXPONENT: f64 = DENSITY_EXPONENT + 1.0;

/// Weather at the muzzle. The default is ICAO sea level, dry.
#[derive(Debug, Clone, PartialEq)]
pub struct Atmosphere {
    /// Height above sea level, -500 m to 9000 m.
    pub altitude: Length,
    /// Air temperature, -60 C to 60 C; `None` is the ICAO one of the altitude.
    pub temperature: Option<Temperature>,
    /// Air pressure.
    pub pressure: AirPressure,
    /// Relative humidity, 0 to 1.
    pub humidity: f64,
}

/// Which pressure is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AirPressure {
    /// The ICAO pressure of the altitude.
    Standard,
    /// What a barometer reads at the muzzle (station pressure), 200 hPa to 1100 hPa.
    Station(Pressure),
    /// What a weather report gives, reduced to sea level by the ICAO atmosphere (QNH, altimeter setting), 850 hPa to
    /// 1100 hPa. Not QFF, which is reduced with the temperature of the day.
    SeaLevel(Pressure),
}

/// What follows from an [`Atmosphere`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Air {
    /// Temperature at the muzzle.
    pub temperature: Temperature,
    /// Station pressure.
    pub pressure: Pressure,
    /// Density in kg/m3 (CIPM-2007).
    pub density: f64,
    /// Density over the ICAO sea level's 1.225 kg/m3. CIPM air at 15 C and 1013.25 hPa has 1.0004.
    pub density_ratio: f64,
    /// Speed of sound of the moist air.
    pub sound_speed: Velocity,
    /// Altitude at which ICAO air is as dense.
    pub density_altitude: Length,
}

impl Default for Atmosphere {
    fn default() -> Self {
        Self {
            altitude: Length::meters(0.0),
            temperature: None,
            pressure: AirPressure::Standard,
            humidity: 0.0,
        }
    }
}

impl Atmosphere {
    /// Density, speed of sound and density altitude.
    ///
    /// # Errors
    /// Any input outside its range.
    pub fn air(&self) -> Result<Air, Error> {
        let altitude = within(
            "altitude",
            Unit::Height,
            self.altitude.as_meters(),
            (-500.0, 9_000.0),
        )?;
        let humidity = within("humidity", Unit::Percent, self.humidity, (0.0, 1.0))?;
        let kelvins = match self.temperature {
            Some(temperature) => temperature.as_kelvins(),
            None => STANDARD_TEMPERATURE - LAPSE * altitude,
        };
        let kelvins = within("temperature", Unit::Temperature, kelvins, (213.15, 333.15))?;
        let pascals = self.station_pressure(altitude)?;
        let vapour = vapour_fraction(kelvins, pascals, humidity);
        let density = density(kelvins, pascals, vapour);
        let density_ratio = density / STANDARD_DENSITY;
        Ok(Air {
            temperature: Temperature::kelvins(kelvins),
            pressure: Pressure::pascals(pascals),
            density,
            density_ratio,
            sound_speed: Velocity::mps(sound_speed(kelvins, vapour)),
            density_altitude: density_altitude(density_ratio),
        })
    }

    fn station_pressure(&self, altitude: f64) -> Result<f64, Error> {
        match self.pressure {
            AirPressure::Standard => {
                let temperature_ratio = 1.0 - LAPSE * altitude / STANDARD_TEMPERATURE;
                Ok(STANDARD_PRESSURE * power(temperature_ratio, PRESSURE_EXPONENT))
            }
            AirPressure::Station(pressure) => within(
                "station pressure",
                Unit::Pressure,
                pressure.as_pascals(),
                (20_000.0, 110_000.0),
            ),
            AirPressure::SeaLevel(pressure) => {
                let setting = within(
                    "sea-level pressure",
                    Unit::Pressure,
                    pressure.as_pascals(),
                    (85_000.0, 110_000.0),
                )?;
                Ok(at_altitude(setting, altitude))
            }
        }
    }
}

/// Pressure where an altimeter that is set to `setting` (QNH) shows an altitude: as far up the ICAO atmosphere from
/// the height at which it has the set pressure (ICAO Doc 7488; the altimeter setting of WMO-No. 8, part I, 3.11).
fn at_altitude(setting: f64, altitude: f64) -> f64 {
    let exponent = 1.0 / PRESSURE_EXPONENT;
    let fall = power(STANDARD_PRESSURE, exponent) * LAPSE * altitude / STANDARD_TEMPERATURE;
    power(power(setting, exponent) - fall, PRESSURE_EXPONENT)
}

// Constants of CIPM-2007: the gas constant (CODATA 2006) and molar masses in kg/mol.
const GAS_CONSTANT: f64 = 8.314_472;
const MOLAR_MASS_AIR: f64 = 28.965_46e-3;
const MOLAR_MASS_VAPOUR: f64 = 18.015_28e-3;

/// Mole fraction of water vapour (CIPM-2007, A1.1 to A1.3).
fn vapour_fraction(kelvins: f64, pascals: f64, humidity: f64) -> f64 {
    let saturation = exp(
        1.237_884_7e-5 * kelvins * kelvins - 1.912_131_6e-2 * kelvins + 33.937_110_47
            - 6_343.164_5 / kelvins,
    );
    let celsius = kelvins - 273.15;
    let enhancement = 1.000_62 + 3.14e-8 * pascals + 5.6e-7 * celsius * celsius;
    humidity * enhancement * saturation / pascals
}

/// Density in kg/m3 with the compressibility factor of CIPM-2007, A1.4.
fn density(kelvins: f64, pascals: f64, vapour: f64) -> f64 {
    let celsius = kelvins - 273.15;
    let ratio = pascals / kelvins;
    let first = 1.581_23e-6 - 2.933_1e-8 * celsius + 1.104_3e-10 * celsius * celsius;
    let second = (5.707e-6 - 2.051e-8 * celsius) * vapour;
    let third = (1.989_8e-4 - 2.376e-6 * celsius) * vapour * vapour;
    let compressibility = 1.0 - ratio * (first + second + third)
        + ratio * ratio * (1.83e-11 - 0.765e-8 * vapour * vapour);
    let moisture = 1.0 - vapour * (1.0 - MOLAR_MASS_VAPOUR / MOLAR_MASS_AIR);
    ratio * MOLAR_MASS_AIR / (compressibility * GAS_CONSTANT) * moisture
}

/// Speed of sound in m/s of an ideal mixture of diatomic air and vapour with four translational and rotational halves:
/// c^2 = (7 + x) / (5 + x) R T / M.
fn sound_speed(kelvins: f64, vapour: f64) -> f64 {
    let molar_mass = MOLAR_MASS_AIR * (1.0 - vapour) + MOLAR_MASS_VAPOUR * vapour;
    ((7.0 + vapour) / (5.0 + vapour) * GAS_CONSTANT * kelvins / molar_mass).sqrt()
}

fn density_altitude(density_ratio: f64) -> Length {
    let temperature_ratio = power(density_ratio, 1.0 / DENSITY_EXPONENT);
    Length::meters(STANDARD_TEMPERATURE / LAPSE * (1.0 - temperature_ratio))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(celsius: f64, pascals: f64, humidity: f64) -> Air {
        let temperature = Some(Temperature::celsius(celsius));
        let pressure = AirPressure::Station(Pressure::pascals(pascals));
        Atmosphere {
            temperature,
            pressure,
            humidity,
            ..Atmosphere::default()
        }
        .air()
        .unwrap()
    }

    #[test]
    fn density_and_sound_are_those_of_an_independent_cipm_computation() {
        for (celsius, pascals, humidity, density, sound) in [
            (
                15.0,
                101_325.0,
                0.0,
                1.225_521_344_728_071,
                340.290_991_653_942_74,
            ),
            (
                15.0,
                101_325.0,
                0.5,
                1.221_631_221_762_096_8,
                340.753_655_275_538,
            ),
            (
                35.0,
                100_000.0,
                0.9,
                1.109_233_993_184_215,
                354.824_976_250_491_66,
            ),
            (
                -20.0,
                103_000.0,
                0.1,
                1.418_648_528_287_721,
                318.961_772_996_616_45,
            ),
            (
                25.0,
                85_000.0,
                0.3,
                0.989_247_209_486_229_9,
                346.771_325_168_379,
            ),
        ] {
            let air = at(celsius, pascals, humidity);
            assert!(
                (air.density / density - 1.0).abs() < 1e-12,
                "{} is not {density}",
                air.density
            );
            assert!(
                (air.sound_speed.as_mps() / sound - 1.0).abs() < 1e-12,
                "{:?} is not {sound}",
                air.sound_speed
            );
        }
    }

    #[test]
    fn standard_pressure_is_that_of_the_icao_table() {
        for (meters, pascals) in [
            (500.0, 95_460.839_465),
            (1_000.0, 89_874.570_734),
            (5_000.0, 54_019.912_836),
        ] {
            let air = Atmosphere {
                altitude: Length::meters(meters),
                ..Atmosphere::default()
            }
            .air()
            .unwrap();
            assert!(
                (air.pressure.as_pascals() - pascals).abs() < 0.01,
                "{:?}",
                air.pressure
            );
            assert!(
                (air.density_altitude.as_meters() - meters).abs() < 10.0,
                "{:?}",
                air.density_altitude
            );
        }
    }

    /// An altimeter set to the standard pressure of one height shows, at another, how far that is above the first.
    #[test]
    fn sea_level_pressure_is_an_altimeter_setting() {
        // Two heights in m, and the hPa that ICAO Doc 7488 prints for them.
        for ((set_at, setting), (station_at, station)) in [
            ((0.0, 1_013.25), (1_000.0, 898.746)),
            ((-500.0, 1_074.78), (1_000.0, 898.746)),
            ((500.0, 954.608), (1_000.0, 898.746)),
            ((500.0, 954.608), (3_000.0, 701.085)),
            ((1_000.0, 898.746), (2_000.0, 794.952)),
        ] {
            let atmosphere = Atmosphere {
                altitude: Length::meters(station_at - set_at),
                pressure: AirPressure::SeaLevel(Pressure::hectopascals(setting)),
                ..Atmosphere::default()
            };
            let found = atmosphere.air().unwrap().pressure.as_hectopascals();
            let at = format!("set to {setting} hPa, {station_at} m up: {found}, not {station}");
            assert!((found - station).abs() < 0.01, "{at}");
        }
    }
}
