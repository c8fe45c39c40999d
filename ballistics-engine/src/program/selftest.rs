//! `ballistics selftest`: recomputes known trajectories and compares every number with the recorded one.
//! The engine uses no function whose last digit depends on the platform, so the tolerance is none: all bits
//! must agree. The recorded numbers were themselves checked against independent reference trajectories.

use std::fmt::Write;

use ballistics_engine::{
    AirPressure, Angle, Atmosphere, BallisticCoefficient, Deviations, DragFunction, Length, Mass,
    MonteCarlo, Place, Pressure, Shot, Solver, Spin, Temperature, Velocity, WindSegment, Zero,
};

use super::arguments::{Arguments, Flag};
use super::failure::Failure;
use super::Command;

pub const COMMAND: Command = Command {
    name: "selftest",
    summary: "recompute known trajectories and compare every bit",
    flags: &[("selftest", FLAGS)],
    examples: &[
        ("selftest", "exit code 1 if a number is off"),
        ("selftest --values", "the numbers themselves"),
    ],
    run,
};

const FLAGS: &[Flag] = &[Flag::switch(
    "values",
    "print every number beside the recorded one",
)];

/// A shot, and what was recorded of it.
struct Known {
    name: &'static str,
    yards: f64,
    shot: fn() -> Shot,
    /// Seconds, drop m, windage m, velocity m/s, zero elevation rad, Monte Carlo deviation up m.
    recorded: [f64; 6],
}

fn run(arguments: &Arguments) -> Result<String, Failure> {
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
        if arguments.is_on("values") || !same {
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
            off.join("; ")
        )))
    }
}

fn compute(known: &Known) -> Result<[f64; 6], Failure> {
    let solver = Solver::new(&(known.shot)())?;
    let range = Length::yards(known.yards);
    let row = solver.rows(&[Length::meters(0.5 * range.as_meters()), range])?[1];
    let (drop, windage, velocity) = (
        row.drop.as_meters(),
        row.windage.as_meters(),
        row.velocity.as_mps(),
    );
    let deviations = Deviations {
        velocity: Velocity::mps(3.0),
        wind_across: Velocity::mps(1.0),
        elevation: Angle::mils(0.1),
        ..Deviations::default()
    };
    let plan = MonteCarlo {
        range,
        shots: 100,
        seed: 1,
        threads: 1,
        deviations,
    };
    let (up, _) = solver.monte_carlo(&plan)?.deviation();
    Ok([
        row.seconds,
        drop,
        windage,
        velocity,
        solver.zero_angle().as_radians(),
        up.as_meters(),
    ])
}

const KNOWN: &[Known] = &[
    Known {
        name: ".308 175 gr G7 0.243, standard air, 1000 yd",
        yards: 1_000.0,
        shot: match_308,
        recorded: [
            1.791509917260705,
            -10.9778536237549,
            0.0,
            331.5404790298019,
            0.0011663802709824646,
            0.15396937303101393,
        ],
    },
    Known {
        name: ".338 300 gr G7 0.381, 7000 ft, wind, 1500 yd",
        yards: 1_500.0,
        shot: magnum_338,
        recorded: [
            2.184063175470751,
            -18.073371373487287,
            -2.1147647938925367,
            471.0454076341956,
            0.0010694210837744486,
            0.22627512629893962,
        ],
    },
    Known {
        name: ".45 230 gr G1 0.195, humid heat, 200 yd",
        yards: 200.0,
        shot: pistol_45,
        recorded: [
            0.7696236486526864,
            -2.0206456965595287,
            0.0,
            223.83787757926035,
            0.004411097349726396,
            0.07320834639000438,
        ],
    },
    Known {
        name: ".308, uphill, canted, spin, Coriolis, bands, 900 yd",
        yards: 900.0,
        shot: everything,
        recorded: [
            1.505177093380032,
            -6.764494712898822,
            0.3582939160092127,
            374.7621426541183,
            0.0011373785063618672,
            0.11668595581321659,
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

fn everything() -> Shot {
    let mass = Mass::grains(168.0);
    let (diameter, length, twist) = (
        Length::inches(0.308),
        Length::inches(1.215),
        Length::inches(-12.0),
    );
    let bands = [
        (2_600.0, 0.462),
        (2_100.0, 0.447),
        (1_600.0, 0.424),
        (0.0, 0.405),
    ];
    let segment = |mph: f64, degrees: f64| WindSegment {
        speed: Velocity::mph(mph),
        from: Angle::degrees(degrees),
        updraft: Velocity::mph(1.0),
        until: None,
    };
    Shot {
        coefficient: BallisticCoefficient::ByVelocity(
            bands.map(|(fps, bc)| (Velocity::fps(fps), bc)).to_vec(),
        ),
        muzzle_velocity: Velocity::fps(2_650.0),
        mass,
        atmosphere: Atmosphere {
            altitude: Length::meters(800.0),
            pressure: AirPressure::SeaLevel(Pressure::hectopascals(1_020.0)),
            humidity: 0.5,
            ..Atmosphere::default()
        },
        wind: vec![
            WindSegment {
                until: Some(Length::yards(400.0)),
                ..segment(6.0, 30.0)
            },
            segment(12.0, 300.0),
        ],
        look_angle: Angle::degrees(20.0),
        cant: Angle::degrees(-5.0),
        place: Some(Place {
            latitude: Angle::degrees(52.0),
            azimuth: Angle::degrees(200.0),
        }),
        spin: Some(Spin {
            mass,
            diameter,
            length,
            twist,
        }),
        spin_drift: true,
        aerodynamic_jump: true,
        ..Shot::default()
    }
}
