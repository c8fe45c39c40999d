//! Questions about a whole flight, answered again by looking at many rows of it.

use ballistics_engine::{
    Angle, Atmosphere, BallisticCoefficient, DangerSpace, DragFunction, Error, Length, Shot,
    Solver, Velocity, WindSegment, Zero,
};

fn rifle_243() -> Shot {
    Shot {
        drag: DragFunction::G7.curve(),
        coefficient: BallisticCoefficient::Constant(0.243),
        muzzle_velocity: Velocity::fps(2_600.0),
        ..Shot::default()
    }
}

fn loads() -> Vec<Shot> {
    let mut shots = Vec::new();
    for (drag, coefficient, mps) in [
        (DragFunction::G7, 0.243, 792.48),
        (DragFunction::G1, 0.15, 300.0),
        (DragFunction::G1, 0.5, 823.0),
        (DragFunction::GS, 0.08, 450.0),
    ] {
        for (degrees, look) in [
            (0.0, 0.0),
            (3.0, 0.0),
            (30.0, 0.0),
            (10.0, 25.0),
            (0.0, -40.0),
        ] {
            shots.push(Shot {
                drag: drag.curve(),
                coefficient: BallisticCoefficient::Constant(coefficient),
                muzzle_velocity: Velocity::mps(mps),
                zero: Zero::Angle(Angle::degrees(degrees)),
                look_angle: Angle::degrees(look),
                ..Shot::default()
            });
        }
    }
    shots
}

/// The stretch around the dialed range in which every row of a quarter of a meter is within the target.
fn scanned(range: Length, height: Length, found: &DangerSpace) -> (f64, f64) {
    let dialed = Solver::new(&Shot {
        zero: Zero::Angle(found.elevation),
        ..rifle_243()
    })
    .unwrap();
    let ranges: Vec<Length> = (0..4_000)
        .map(|k| Length::meters(f64::from(k) * 0.25))
        .collect();
    let rows = dialed.rows(&ranges).unwrap();
    let holds = |k: &usize| rows[*k].drop.as_meters().abs() <= 0.5 * height.as_meters();
    let middle = (range.as_meters() * 4.0).round() as usize;
    let first = (0..=middle).rev().take_while(holds).last().unwrap();
    let last = (middle..rows.len()).take_while(holds).last().unwrap();
    (rows[first].range.as_meters(), rows[last].range.as_meters())
}

#[test]
fn danger_space_is_the_stretch_that_a_scan_of_rows_finds() {
    let solver = Solver::new(&rifle_243()).unwrap();
    for (meters, centimeters) in [
        (25.0, 2.54),
        (25.0, 50.0),
        (91.5, 5.08),
        (100.0, 2.0),
        (100.0, 7.4),
        (100.0, 20.0),
        (300.0, 10.0),
        (300.0, 40.0),
        (700.0, 2.0),
        (700.0, 100.0),
    ] {
        let (range, height) = (Length::meters(meters), Length::centimeters(centimeters));
        let found = solver.danger_space(range, height).unwrap();
        let (begin, end) = scanned(range, height, &found);
        let at = format!("{meters} m, {centimeters} cm: {found:?}, scanned {begin} to {end}");
        assert!((found.begin.as_meters() - begin).abs() < 0.26, "{at}");
        assert!((found.end.as_meters() - end).abs() < 0.26, "{at}");
    }
}

#[test]
fn a_rifle_on_its_side_has_no_danger_space_and_is_told_why() {
    for degrees in [90.0, 120.0, -180.0] {
        let cant = Angle::degrees(degrees);
        let solver = Solver::new(&Shot {
            cant,
            ..rifle_243()
        })
        .unwrap();
        match solver.danger_space(Length::yards(500.0), Length::inches(20.0)) {
            Err(Error::NoSolution { problem, .. }) => {
                assert!(problem.contains("cant"), "{problem}")
            }
            other => panic!("{degrees}: {other:?}"),
        }
    }
}

#[test]
fn a_bore_above_the_target_has_no_point_blank_range() {
    let with_sights = |inches: f64| {
        Solver::new(&Shot {
            sight_height: Length::inches(inches),
            ..rifle_243()
        })
        .unwrap()
        .point_blank(Length::inches(3.0))
    };
    assert!(with_sights(-2.9).is_ok());
    match with_sights(-4.0) {
        Err(Error::NoSolution { problem, .. }) => assert!(problem.contains("bore"), "{problem}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn rows_are_had_up_to_the_reach_and_not_a_meter_beyond() {
    for shot in loads() {
        let solver = Solver::new(&shot).unwrap();
        let reach = solver.reach().as_meters();
        assert!(reach > 100.0 && reach <= 10_000.0, "{reach}");
        for parts in [1, 2, 7, 50, 333] {
            let before = |end: f64| -> Vec<Length> {
                let part = |k| Length::meters(end * f64::from(k) / f64::from(parts));
                (1..parts).map(part).chain([Length::meters(end)]).collect()
            };
            let rows = solver.rows(&before(reach));
            assert!(rows.is_ok(), "{parts} rows to {reach} m: {rows:?}");
            let beyond = solver.rows(&before(reach + 1.0));
            assert!(beyond.is_err(), "{parts} rows to a meter beyond {reach} m");
        }
    }
}

#[test]
fn a_flight_ends_where_the_troposphere_does() {
    let atmosphere = |meters: f64| Atmosphere {
        altitude: Length::meters(meters),
        ..Atmosphere::default()
    };
    let steep = Shot {
        muzzle_velocity: Velocity::mps(1_500.0),
        zero: Zero::Angle(Angle::degrees(45.0)),
        atmosphere: atmosphere(9_000.0),
        ..rifle_243()
    };
    let solver = Solver::new(&steep).unwrap();
    let last = solver.rows(&[solver.reach()]).unwrap()[0];
    let height = 9_000.0 + last.drop.as_meters();
    assert!((10_990.0..=11_000.0).contains(&height), "{height} m");
    let uphill = Shot {
        look_angle: Angle::degrees(80.0),
        atmosphere: atmosphere(9_000.0),
        ..rifle_243()
    };
    let solver = Solver::new(&uphill).unwrap();
    let reach = solver.reach().as_meters();
    assert!((2_025.0..2_035.0).contains(&reach), "{reach} m");
    match solver.rows(&[Length::meters(2_100.0)]) {
        Err(Error::OutOfReach { reached, .. }) => assert!((reached - reach).abs() < 1.0),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_flight_slows_to_a_mach_number_where_its_rows_do() {
    let wind = vec![WindSegment {
        speed: Velocity::mps(5.0),
        ..WindSegment::default()
    }];
    let solver = Solver::new(&Shot {
        wind,
        ..rifle_243()
    })
    .unwrap();
    for mach in [2.0, 1.2, 1.0, 0.9] {
        let range = solver.range_at_mach(mach).unwrap().as_meters();
        let near = [-1.0, 1.0].map(|off| Length::meters(range + off));
        let rows = solver.rows(&near).unwrap();
        assert!(
            rows[0].mach > mach && rows[1].mach < mach,
            "Mach {mach}: {rows:?}"
        );
    }
    assert_eq!(solver.range_at_mach(5.0), None);
}
