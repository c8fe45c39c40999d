//! The shot that is measured everywhere: .308, 175 gr, G7 0.243, 2600 fps, standard air, zeroed at 100 yd.

use ballistics_engine::{
    Angle, BallisticCoefficient, Deviations, DragFunction, Length, Mass, MonteCarlo, Shot,
    Velocity, Zero,
};

/// Zeroed by range.
#[must_use]
pub fn match_308() -> Shot {
    Shot {
        drag: DragFunction::G7.curve(),
        coefficient: BallisticCoefficient::Constant(0.243),
        mass: Mass::grains(175.0),
        muzzle_velocity: Velocity::fps(2_600.0),
        ..Shot::default()
    }
}

/// With the elevation that zeroes it, so that no zero is searched.
#[must_use]
pub fn match_308_aimed() -> Shot {
    Shot {
        zero: Zero::Angle(Angle::mils(1.166_380_29)),
        ..match_308()
    }
}

/// 100 to 1000 yd.
#[must_use]
pub fn ten_ranges() -> Vec<Length> {
    (1..=10)
        .map(|k| Length::yards(100.0 * f64::from(k)))
        .collect()
}

/// Shots at 1000 yd that vary in velocity, coefficient, wind and aim, on one thread.
#[must_use]
pub fn monte_carlo(shots: usize) -> MonteCarlo {
    let aim = Angle::mils(0.1);
    let deviations = Deviations {
        velocity: Velocity::fps(10.0),
        coefficient: 0.01,
        wind_speed: Velocity::mph(2.0),
        elevation: aim,
        azimuth: aim,
        ..Deviations::default()
    };
    MonteCarlo {
        range: Length::yards(1_000.0),
        shots,
        seed: 1,
        threads: 1,
        deviations,
    }
}
