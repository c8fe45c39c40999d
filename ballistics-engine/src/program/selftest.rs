//! `ballistics selftest`: recomputes known trajectories and compares every number with the recorded one.
//! The engine uses no function whose last digit depends on the platform, so the tolerance is none: all bits
//! must agree.

use std::fmt::Write;

use ballistics_engine::{
    AirPressure, BallisticCoefficient, DragFunction, Length, Mass, Pressure, Shot, Solver,
    Temperature, Velocity, WindSegment, Zero,
};
use ballistics_engine::{Angle, Atmosphere};

use super::arguments::{self, Flag};
use super::failure::Failure;

const FLAGS: &[Flag] = &[Flag {
    name: "values",
    short: None,
    value: None,
    help: "print every number and the recorded one",
}];

/// A trajectory and its last row as it was recorded: seconds, drop m, windage m, velocity m/s, zero angle rad.
struct Known {
    name: &'static str,
    yards: f64,
    shot: fn() -> Shot,
    recorded: [f64; 5],
}

pub fn run(words: &[String]) -> Result<String, Failure> {
    let arguments = arguments::parse(FLAGS, words)?;
    let mut text = format!(
        "{} trajectories, tolerance: none, every bit must agree\n",
        KNOWN.len()
    );
    let mut off = Vec::new();
    for known in KNOWN {
        let computed = compute(known)?;
        let same = computed.map(f64::to_bits) == known.recorded.map(f64::to_bits);
        let _ = writeln!(
            text,
            "  {}: {}",
            known.name,
            if same { "ok" } else { "OFF" }
        );
        if arguments.has("values") || !same {
            let _ = writeln!(
                text,
                "    computed {computed:?}\n    recorded {:?}",
                known.recorded
            );
        }
        if !same {
            off.push(known.name);
        }
    }
    if off.is_empty() {
        text.push_str("selftest passed\n");
        Ok(text)
    } else {
        Err(Failure::Failed(format!(
            "selftest failed: {}\n{text}",
            off.join(", ")
        )))
    }
}

fn compute(known: &Known) -> Result<[f64; 5], Failure> {
    let solver = Solver::new(&(known.shot)())?;
    let row = solver.rows(&[Length::yards(known.yards)])?[0];
    let (drop, windage, velocity) = (
        row.drop.as_meters(),
        row.windage.as_meters(),
        row.velocity.as_mps(),
    );
    Ok([
        row.seconds,
        drop,
        windage,
        velocity,
        solver.zero_angle().as_radians(),
    ])
}

const KNOWN: &[Known] = &[
    Known {
        name: ".308 175 gr G7 0.243, standard air, 1000 yd",
        yards: 1_000.0,
        shot: match_308,
        recorded: [
            1.7915244295420643,
            -10.978004023420633,
            0.0,
            331.5392046756002,
            0.0011663802776449364,
        ],
    },
    Known {
        name: ".338 300 gr G7 0.381, 7000 ft, wind, 1500 yd",
        yards: 1_500.0,
        shot: magnum_338,
        recorded: [
            2.1840622760773885,
            -18.073354994602106,
            -2.1147613211697607,
            471.0457421942512,
            0.00106942108268262,
        ],
    },
    Known {
        name: ".45 230 gr G1 0.195, humid heat, 200 yd",
        yards: 200.0,
        shot: pistol_45,
        recorded: [
            0.7696236486526616,
            -2.0206456982554126,
            0.0,
            223.8378775793201,
            0.004411097340452243,
        ],
    },
];

fn match_308() -> Shot {
    Shot {
        drag: DragFunction::G7.curve(),
        coefficient: BallisticCoefficient::Constant(0.243),
        muzzle_velocity: Velocity::fps(2_600.0),
        mass: Mass::grains(175.0),
        ..Shot::default()
    }
}

fn magnum_338() -> Shot {
    Shot {
        drag: DragFunction::G7.curve(),
        coefficient: BallisticCoefficient::Constant(0.381),
        muzzle_velocity: Velocity::fps(2_750.0),
        mass: Mass::grains(300.0),
        atmosphere: Atmosphere {
            altitude: Length::feet(7_000.0),
            temperature: Some(Temperature::fahrenheit(75.0)),
            pressure: AirPressure::Station(Pressure::inches_of_mercury(23.1)),
            humidity: 0.25,
        },
        wind: vec![WindSegment {
            speed: Velocity::mph(10.0),
            from: Angle::degrees(60.0),
            ..WindSegment::default()
        }],
        ..Shot::default()
    }
}

fn pistol_45() -> Shot {
    Shot {
        coefficient: BallisticCoefficient::Constant(0.195),
        muzzle_velocity: Velocity::fps(830.0),
        mass: Mass::grains(230.0),
        zero: Zero::Range(Length::yards(50.0)),
        atmosphere: Atmosphere {
            temperature: Some(Temperature::fahrenheit(100.0)),
            humidity: 0.9,
            ..Atmosphere::default()
        },
        ..Shot::default()
    }
}
