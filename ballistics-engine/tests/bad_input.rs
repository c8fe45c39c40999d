//! What bad input gets: an error that names the field and its range, never a hang, never a wrong number.

use ballistics_engine::{
    AirPressure, Angle, BallisticCoefficient, DragCurve, Error, Length, Mass, Place, Powder,
    Pressure, Shot, Solver, Spin, Temperature, Velocity, WindSegment, Zero,
};

/// Spoils one input of a good shot.
type Spoil = fn(&mut Shot, f64);

const FIELDS: [(&str, Spoil, f64); 23] = [
    (
        "ballistic coefficient",
        |shot, x| shot.coefficient = BallisticCoefficient::Constant(x),
        50.0,
    ),
    (
        "ballistic coefficient",
        |shot, x| shot.coefficient = BallisticCoefficient::ByMach(vec![(1.0, x)]),
        50.0,
    ),
    (
        "ballistic coefficient by Mach",
        |shot, x| shot.coefficient = BallisticCoefficient::ByMach(vec![(x, 0.2)]),
        -1.0,
    ),
    (
        "ballistic coefficient by velocity",
        |shot, x| {
            shot.coefficient = BallisticCoefficient::ByVelocity(vec![(Velocity::mps(x), 0.2)])
        },
        -1.0,
    ),
    ("mass", |shot, x| shot.mass = Mass::kilograms(x), 2.0),
    (
        "muzzle velocity",
        |shot, x| shot.muzzle_velocity = Velocity::fps(x),
        100_000.0,
    ),
    (
        "sight height",
        |shot, x| shot.sight_height = Length::meters(x),
        1.0,
    ),
    (
        "zero range",
        |shot, x| shot.zero = Zero::Range(Length::meters(x)),
        20_000.0,
    ),
    (
        "zero angle",
        |shot, x| shot.zero = Zero::Angle(Angle::degrees(x)),
        46.0,
    ),
    (
        "altitude",
        |shot, x| shot.atmosphere.altitude = Length::meters(x),
        20_000.0,
    ),
    (
        "temperature",
        |shot, x| shot.atmosphere.temperature = Some(Temperature::fahrenheit(x)),
        -300.0,
    ),
    (
        "station pressure",
        |shot, x| shot.atmosphere.pressure = AirPressure::Station(Pressure::pascals(x)),
        5e5,
    ),
    (
        "sea-level pressure",
        |shot, x| shot.atmosphere.pressure = AirPressure::SeaLevel(Pressure::pascals(x)),
        5e4,
    ),
    ("humidity", |shot, x| shot.atmosphere.humidity = x, 2.0),
    (
        "wind speed",
        |shot, x| {
            shot.wind = vec![WindSegment {
                speed: Velocity::mps(x),
                ..WindSegment::default()
            }]
        },
        500.0,
    ),
    (
        "wind direction",
        |shot, x| {
            shot.wind = vec![WindSegment {
                from: Angle::degrees(x),
                ..WindSegment::default()
            }]
        },
        720.0,
    ),
    (
        "updraft",
        |shot, x| {
            shot.wind = vec![WindSegment {
                updraft: Velocity::mps(x),
                ..WindSegment::default()
            }]
        },
        500.0,
    ),
    (
        "look angle",
        |shot, x| shot.look_angle = Angle::degrees(x),
        90.0,
    ),
    ("cant", |shot, x| shot.cant = Angle::degrees(x), 181.0),
    (
        "latitude",
        |shot, x| {
            shot.place = Some(Place {
                latitude: Angle::degrees(x),
                azimuth: Angle::degrees(0.0),
            })
        },
        91.0,
    ),
    (
        "azimuth",
        |shot, x| {
            shot.place = Some(Place {
                latitude: Angle::degrees(0.0),
                azimuth: Angle::degrees(x),
            })
        },
        361.0,
    ),
    (
        "twist",
        |shot, x| {
            shot.spin = Some(Spin {
                twist: Length::meters(x),
                ..spin()
            })
        },
        0.0,
    ),
    (
        "powder sensitivity",
        |shot, x| {
            shot.powder = Some(Powder {
                per_kelvin: Velocity::mps(x),
                ..powder()
            })
        },
        100.0,
    ),
];

#[test]
fn every_field_refuses_what_is_no_number_or_absurd_by_name() {
    for (field, spoil, absurd) in FIELDS {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, absurd] {
            let mut shot = Shot::default();
            spoil(&mut shot, bad);
            match Solver::new(&shot) {
                Err(Error::OutOfRange {
                    field: named,
                    minimum,
                    maximum,
                    ..
                }) => {
                    assert_eq!(named, field, "{bad}");
                    assert!(minimum < maximum);
                }
                other => panic!("{field} {bad} gave {other:?}"),
            }
        }
    }
}

#[test]
fn inputs_of_several_parts_must_fit_together() {
    let refused = |spoil: fn(&mut Shot)| {
        let mut shot = Shot::default();
        spoil(&mut shot);
        Solver::new(&shot).unwrap_err().to_string()
    };
    let empty = refused(|shot| shot.coefficient = BallisticCoefficient::ByMach(Vec::new()));
    assert_eq!(
        empty,
        "ballistic coefficient by Mach: no points; at least one is needed"
    );
    let empty = refused(|shot| shot.coefficient = BallisticCoefficient::ByVelocity(Vec::new()));
    assert_eq!(
        empty,
        "ballistic coefficient by velocity: no bands; at least one is needed"
    );
    let until = |meters: f64| WindSegment {
        until: Some(Length::meters(meters)),
        ..WindSegment::default()
    };
    let mut shot = Shot {
        wind: vec![until(300.0), until(200.0)],
        ..Shot::default()
    };
    assert!(Solver::new(&shot)
        .unwrap_err()
        .to_string()
        .starts_with("wind: segment ends at 200 m"));
    shot.wind = vec![until(f64::NAN)];
    assert!(Solver::new(&shot).is_err());
    assert!(DragCurve::through(&[(1.0, 0.3)]).is_err());
    assert!(refused(|shot| shot.spin_drift = true).starts_with("spin: needed for"));
}

#[test]
fn ranges_must_rise_and_be_within_reach() {
    let solver = Solver::new(&Shot::default()).unwrap();
    let at = |meters: &[f64]| {
        solver.rows(
            &meters
                .iter()
                .map(|x| Length::meters(*x))
                .collect::<Vec<_>>(),
        )
    };
    assert_eq!(at(&[]), Ok(Vec::new()));
    for bad in [&[-1.0][..], &[f64::NAN], &[20_000.0], &[200.0, 100.0]] {
        assert!(
            matches!(at(bad), Err(Error::OutOfRange { field: "range", .. })),
            "{bad:?}"
        );
    }
    match at(&[500.0, 9_000.0]) {
        Err(Error::OutOfReach {
            field: "range",
            reached,
            ..
        }) => assert!(reached > 2_000.0 && reached < 9_000.0),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_zero_beyond_reach_is_refused_and_one_just_within_is_found() {
    let zeroed = |meters: f64| {
        let zero = Zero::Range(Length::meters(meters));
        Solver::new(&Shot {
            zero,
            muzzle_velocity: Velocity::mps(120.0),
            ..Shot::default()
        })
    };
    assert!(matches!(
        zeroed(5_000.0),
        Err(Error::OutOfReach {
            field: "zero range",
            ..
        })
    ));
    for meters in [300.0, 600.0, 800.0] {
        let solver = zeroed(meters).unwrap();
        let drop = solver.rows(&[Length::meters(meters)]).unwrap()[0]
            .drop
            .as_meters();
        assert!(drop.abs() < 1e-3, "{meters} m: off by {drop}");
    }
}

fn spin() -> Spin {
    Spin {
        mass: Mass::grains(175.0),
        diameter: Length::inches(0.308),
        length: Length::inches(1.24),
        twist: Length::inches(10.0),
    }
}

fn powder() -> Powder {
    Powder {
        temperature: Temperature::celsius(20.0),
        reference: Temperature::celsius(15.0),
        per_kelvin: Velocity::mps(0.5),
    }
}
