//! Whatever is put in: an error or finite numbers, in bounded time, and the same each time.

use ballistics_engine::{
    AirPressure, Angle, Atmosphere, BallisticCoefficient, DragCurve, DragFunction, Length, Mass,
    Place, Pressure, Shot, Solver, Spin, Temperature, Velocity, WindSegment, Zero,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// Any number at all: most are absurd.
fn wild() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        -10.0..10.0,
        -2_000.0..2_000.0,
        Just(0.0),
        Just(f64::NAN),
        Just(f64::INFINITY)
    ]
}

/// Inputs of which every one is wild.
fn wild_shot() -> impl Strategy<Value = Shot> {
    vec(wild(), 20).prop_map(|x| Shot {
        coefficient: BallisticCoefficient::Constant(x[0]),
        mass: Mass::grams(x[1]),
        muzzle_velocity: Velocity::mps(x[2]),
        sight_height: Length::meters(x[3]),
        zero: Zero::Range(Length::meters(x[4])),
        atmosphere: Atmosphere {
            altitude: Length::meters(x[5]),
            temperature: Some(Temperature::celsius(x[6])),
            pressure: AirPressure::Station(Pressure::hectopascals(x[7])),
            humidity: x[8],
        },
        wind: vec![WindSegment {
            speed: Velocity::mps(x[9]),
            from: Angle::degrees(x[10]),
            updraft: Velocity::mps(x[11]),
            until: Some(Length::meters(x[12])),
        }],
        look_angle: Angle::degrees(x[13]),
        cant: Angle::degrees(x[14]),
        place: Some(Place {
            latitude: Angle::degrees(x[15]),
            azimuth: Angle::degrees(x[16]),
        }),
        spin: Some(Spin {
            mass: Mass::grams(x[1]),
            diameter: Length::millimeters(x[17]),
            length: Length::millimeters(x[18]),
            twist: Length::millimeters(x[19]),
        }),
        ..Shot::default()
    })
}

/// Inputs within what is accepted, corners included.
fn sane_shot() -> impl Strategy<Value = Shot> {
    let load = (0usize..9, 0.001..10.0f64, 15.0..3_000.0f64, -0.5..0.5f64);
    let air = (-500.0..9_000.0f64, -60.0..60.0f64, 0.0..1.0f64);
    let wind = (0.0..100.0f64, -360.0..360.0f64, -50.0..50.0f64);
    let aim = (
        -45.0..45.0f64,
        -80.0..80.0f64,
        -180.0..180.0f64,
        -90.0..90.0f64,
    );
    (load, air, wind, aim).prop_map(|(load, air, wind, aim)| Shot {
        drag: DragFunction::ALL[load.0].curve(),
        coefficient: BallisticCoefficient::Constant(load.1),
        muzzle_velocity: Velocity::mps(load.2),
        sight_height: Length::meters(load.3),
        zero: Zero::Angle(Angle::degrees(aim.0)),
        atmosphere: Atmosphere {
            altitude: Length::meters(air.0),
            temperature: Some(Temperature::celsius(air.1)),
            humidity: air.2,
            ..Atmosphere::default()
        },
        wind: vec![WindSegment {
            speed: Velocity::mps(wind.0),
            from: Angle::degrees(wind.1),
            updraft: Velocity::mps(wind.2),
            until: None,
        }],
        look_angle: Angle::degrees(aim.1),
        cant: Angle::degrees(aim.2),
        place: Some(Place {
            latitude: Angle::degrees(aim.3),
            azimuth: Angle::degrees(2.0 * aim.2),
        }),
        ..Shot::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn wild_inputs_give_an_error_or_finite_rows(shot in wild_shot(), ranges in vec(wild(), 0..5)) {
        let ranges: Vec<Length> = ranges.into_iter().map(Length::meters).collect();
        if let Ok(rows) = Solver::new(&shot).and_then(|solver| solver.rows(&ranges)) {
            for row in rows {
                prop_assert!(row.drop.as_meters().is_finite() && row.velocity.as_mps().is_finite());
            }
        }
    }

    #[test]
    fn wild_curves_give_an_error_or_stay_between_their_points(points in vec((wild(), wild()), 0..6), mach in 0.0..20.0f64) {
        if let Ok(curve) = DragCurve::through(&points) {
            let low = points.iter().map(|point| point.1).fold(f64::INFINITY, f64::min);
            let high = points.iter().map(|point| point.1).fold(0.0, f64::max);
            let cd = curve.at(mach);
            prop_assert!(cd >= low * (1.0 - 1e-9) && cd <= high * (1.0 + 1e-9), "{} of {} to {}", cd, low, high);
        }
    }

    #[test]
    fn sane_shots_are_followed_as_far_as_they_say(shot in sane_shot()) {
        let solver = Solver::new(&shot).expect("every input is accepted");
        let reach = solver.reach();
        let rows = solver.rows(&[reach]).expect("the reach is within reach");
        let row = rows[0];
        prop_assert!(row.seconds.is_finite() && row.seconds >= 0.0);
        prop_assert!(row.drop.as_meters().is_finite() && row.windage.as_meters().is_finite());
        prop_assert!(row.velocity.as_mps() >= 0.0 && row.mach.is_finite());
    }

    #[test]
    fn a_zero_range_is_hit(mps in 250.0..1_200.0f64, coefficient in 0.1..1.0f64, meters in 20.0..400.0f64) {
        let shot = Shot {
            coefficient: BallisticCoefficient::Constant(coefficient),
            muzzle_velocity: Velocity::mps(mps),
            zero: Zero::Range(Length::meters(meters)),
            ..Shot::default()
        };
        let row = Solver::new(&shot).and_then(|solver| solver.rows(&[Length::meters(meters)])).expect("within reach")[0];
        prop_assert!(row.drop_angle.as_mils().abs() < 0.002, "{:?}", row.drop_angle);
    }

    #[test]
    fn windage_is_odd_in_the_wind(mps in 0.0..30.0f64, coefficient in 0.05..1.0f64, degrees in 0.0..180.0f64) {
        let windage = |from: f64| {
            let wind = WindSegment { speed: Velocity::mps(mps), from: Angle::degrees(from), ..WindSegment::default() };
            let coefficient = BallisticCoefficient::Constant(coefficient);
            let shot = Shot { wind: vec![wind], coefficient, ..Shot::default() };
            let rows = Solver::new(&shot).and_then(|solver| solver.rows(&[Length::meters(500.0)]));
            rows.expect("within reach")[0].windage.as_meters()
        };
        prop_assert_eq!(windage(degrees), -windage(-degrees));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn questions_about_any_sane_flight_end(shot in sane_shot(), meters in 1.0..2_000.0f64, height in 0.002..10.0f64) {
        let solver = Solver::new(&shot).expect("every input is accepted");
        for range in solver.zero_ranges() {
            prop_assert!(range.as_meters() <= solver.reach().as_meters());
        }
        if let Ok(found) = solver.danger_space(Length::meters(meters), Length::meters(height)) {
            prop_assert!(found.begin.as_meters() <= meters && found.end.as_meters() >= meters - 1e-6, "{:?}", found);
        }
        if let Ok(found) = solver.point_blank(Length::meters(0.5 * height)) {
            prop_assert!(found.near_zero <= found.apex && found.apex <= found.far_zero && found.far_zero <= found.maximum);
        }
    }
}
