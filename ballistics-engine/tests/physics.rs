//! Properties that hold whatever the numbers are, over a fixed grid of loads and conditions.

use ballistics_engine::{
    Angle, Atmosphere, BallisticCoefficient, DragFunction, Length, Place, Row, Shot, Solver,
    Velocity, WindSegment,
};

fn ranges() -> Vec<Length> {
    (0..=40)
        .map(|k| Length::meters(f64::from(k) * 25.0))
        .collect()
}

fn loads() -> Vec<Shot> {
    let mut shots = Vec::new();
    for drag in DragFunction::ALL {
        for (coefficient, mps) in [(0.15, 950.0), (0.3, 800.0), (0.6, 340.0)] {
            shots.push(Shot {
                drag: drag.curve(),
                coefficient: BallisticCoefficient::Constant(coefficient),
                muzzle_velocity: Velocity::mps(mps),
                ..Shot::default()
            });
        }
    }
    shots
}

fn rows(shot: &Shot) -> Vec<Row> {
    Solver::new(shot).unwrap().rows(&ranges()).unwrap()
}

fn with_wind(shot: &Shot, mps: f64, from: f64) -> Shot {
    let segment = WindSegment {
        speed: Velocity::mps(mps),
        from: Angle::degrees(from),
        ..WindSegment::default()
    };
    Shot {
        wind: vec![segment],
        ..shot.clone()
    }
}

#[test]
fn kinetic_and_potential_energy_together_never_rise_in_still_air() {
    for shot in loads() {
        let energy = |row: &Row| {
            row.energy.as_joules() + shot.mass.as_kilograms() * 9.806_65 * row.drop.as_meters()
        };
        let energies: Vec<f64> = rows(&shot).iter().map(energy).collect();
        assert!(
            energies.windows(2).all(|pair| pair[1] < pair[0]),
            "{energies:?}"
        );
    }
}

#[test]
fn windage_is_odd_in_the_wind_and_drop_even() {
    for shot in loads() {
        let (right, left) = (
            rows(&with_wind(&shot, 5.0, 90.0)),
            rows(&with_wind(&shot, 5.0, -90.0)),
        );
        for (right, left) in right.iter().zip(&left) {
            assert_eq!(right.windage.as_meters(), -left.windage.as_meters());
            assert_eq!(right.drop, left.drop);
        }
        assert!(right.last().unwrap().windage.as_meters() < -0.3);
    }
}

#[test]
fn tailwind_hurries_and_headwind_delays() {
    for shot in loads() {
        let seconds = |from: f64| rows(&with_wind(&shot, 8.0, from)).last().unwrap().seconds;
        assert!(seconds(180.0) < seconds(90.0) && seconds(90.0) < seconds(0.0));
    }
}

#[test]
fn uphill_and_downhill_both_strike_high() {
    for shot in loads() {
        let drop = |degrees: f64| {
            let aimed = Shot {
                look_angle: Angle::degrees(degrees),
                ..shot.clone()
            };
            rows(&aimed)[20].drop.as_meters()
        };
        assert!(drop(30.0) > drop(0.0) && drop(-30.0) > drop(0.0));
    }
}

#[test]
fn thin_air_keeps_the_speed() {
    for shot in loads() {
        let at = |meters: f64| {
            let atmosphere = Atmosphere {
                altitude: Length::meters(meters),
                ..Atmosphere::default()
            };
            rows(&Shot {
                atmosphere,
                ..shot.clone()
            })[20]
                .velocity
        };
        assert!(at(2_500.0) > at(0.0));
    }
}

#[test]
fn coriolis_deflects_right_in_the_north_and_left_in_the_south() {
    for shot in loads() {
        let windage = |degrees: f64| {
            let place = Place {
                latitude: Angle::degrees(degrees),
                azimuth: Angle::degrees(0.0),
            };
            rows(&Shot {
                place: Some(place),
                ..shot.clone()
            })[40]
                .windage
                .as_meters()
        };
        assert!(windage(60.0) > 0.0 && windage(-60.0) < 0.0);
    }
}

#[test]
fn rows_asked_for_alone_are_those_asked_for_together() {
    for shot in loads() {
        let solver = Solver::new(&shot).unwrap();
        for row in rows(&shot).iter().skip(10).step_by(10) {
            let alone = solver.rows(&[row.range]).unwrap()[0];
            let angle = (alone.drop_angle.as_mils() - row.drop_angle.as_mils()).abs();
            let velocity = (alone.velocity.as_mps() - row.velocity.as_mps()).abs();
            assert!(
                angle < 0.002 && velocity < 0.03,
                "{angle} mil, {velocity} m/s"
            );
        }
    }
}
