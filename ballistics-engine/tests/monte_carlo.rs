//! Monte Carlo against trajectories: what a deviation does must be what the same change does to one shot.

use ballistics_engine::{
    Angle, BallisticCoefficient, Deviations, DragFunction, Impacts, Length, Mass, MonteCarlo, Row,
    Shot, Solver, Spin, Target, Velocity, WindSegment, Zero,
};

fn rifle_243() -> Shot {
    Shot {
        drag: DragFunction::G7.curve(),
        coefficient: BallisticCoefficient::Constant(0.243),
        muzzle_velocity: Velocity::fps(2_600.0),
        mass: Mass::grains(175.0),
        ..Shot::default()
    }
}

fn fire(shot: &Shot, yards: f64, deviations: Deviations) -> Impacts {
    let plan = MonteCarlo {
        range: Length::yards(yards),
        shots: 40_000,
        seed: 1,
        threads: 2,
        deviations,
    };
    Solver::new(shot).unwrap().monte_carlo(&plan).unwrap()
}

fn row(shot: &Shot, yards: f64) -> Row {
    Solver::new(shot)
        .unwrap()
        .rows(&[Length::yards(yards)])
        .unwrap()[0]
}

/// What is dialed for 600 yd is dialed whatever the zero was.
#[test]
fn a_misjudged_range_costs_the_same_with_every_zero() {
    let deviations = Deviations {
        range: Length::yards(10.0),
        ..Deviations::default()
    };
    let dialed = Shot {
        zero: Zero::Range(Length::yards(600.0)),
        ..rifle_243()
    };
    // Held on a target ten yards nearer or farther than it was dialed for.
    let drop = row(&dialed, 590.0).drop.as_inches() - row(&dialed, 610.0).drop.as_inches();
    for yards in [100.0, 300.0, 600.0] {
        let shot = Shot {
            zero: Zero::Range(Length::yards(yards)),
            ..rifle_243()
        };
        let up = fire(&shot, 600.0, deviations).deviation().0.as_inches();
        assert!(
            (up / (0.5 * drop) - 1.0).abs() < 0.02,
            "zero {yards} yd: {up} in, not {drop} / 2"
        );
    }
}

#[test]
fn a_misjudged_range_does_not_undo_what_was_dialed_for_the_wind() {
    let wind = vec![WindSegment {
        speed: Velocity::mph(10.0),
        from: Angle::degrees(90.0),
        ..WindSegment::default()
    }];
    let shot = Shot {
        wind,
        ..rifle_243()
    };
    let deviations = Deviations {
        range: Length::yards(10.0),
        ..Deviations::default()
    };
    let off = |yards: f64| {
        let held = row(&shot, 600.0).windage.as_inches() * yards / 600.0;
        row(&shot, yards).windage.as_inches() - held
    };
    let expected = 0.5 * (off(590.0) - off(610.0));
    let right = fire(&shot, 600.0, deviations).deviation().1.as_inches();
    assert!(
        (right / expected - 1.0).abs() < 0.03,
        "{right} in, not {expected}"
    );
}

#[test]
fn the_shot_without_deviations_is_the_center_of_the_others() {
    for yards in [300.0, 1_000.0, 1_500.0] {
        for offset in fire(&rifle_243(), yards, Deviations::default()).offsets() {
            let (up, right) = offset.unwrap();
            assert_eq!(
                (up.as_meters(), right.as_meters()),
                (0.0, 0.0),
                "{yards} yd"
            );
        }
    }
}

#[test]
fn a_gust_makes_the_bullet_jump_as_a_steady_wind_does() {
    let spin = Spin {
        mass: Mass::grains(175.0),
        diameter: Length::inches(0.308),
        length: Length::inches(1.24),
        twist: Length::inches(10.0),
    };
    let wind = |mps: f64| WindSegment {
        speed: Velocity::mps(mps),
        from: Angle::degrees(90.0),
        ..WindSegment::default()
    };
    for cant in [0.0, 20.0] {
        let shot = |mps: f64| Shot {
            zero: Zero::Angle(Angle::mils(2.0)),
            cant: Angle::degrees(cant),
            wind: vec![wind(mps)],
            spin: Some(spin),
            aerodynamic_jump: true,
            ..rifle_243()
        };
        let deviations = Deviations {
            wind_speed: Velocity::mps(2.0),
            ..Deviations::default()
        };
        let (up, right) = fire(&shot(3.0), 300.0, deviations).deviation();
        let (weak, strong) = (row(&shot(1.0), 300.0), row(&shot(5.0), 300.0));
        let half = |low: Length, high: Length| 0.5 * (high.as_meters() - low.as_meters()).abs();
        let (rise, drift) = (
            half(weak.drop, strong.drop),
            half(weak.windage, strong.windage),
        );
        assert!(
            (up.as_meters() / rise - 1.0).abs() < 0.03,
            "cant {cant}: {up:?}, not {rise} m"
        );
        assert!(
            (right.as_meters() / drift - 1.0).abs() < 0.03,
            "cant {cant}: {right:?}, not {drift} m"
        );
    }
}
#[test]
fn a_target_without_a_size_has_no_probability() {
    let impacts = fire(&rifle_243(), 300.0, Deviations::default());
    let (none, good) = (Length::meters(-1.0), Length::meters(0.3));
    for target in [
        Target::Circle(none),
        Target::Circle(Length::meters(f64::NAN)),
        Target::Rectangle(none, good),
        Target::Rectangle(good, Length::meters(f64::INFINITY)),
    ] {
        let found = impacts.hit_probability(target);
        assert!(found.is_err(), "{target:?} gave {found:?}");
    }
    assert_eq!(
        impacts
            .hit_probability(Target::Circle(good))
            .unwrap()
            .estimate,
        1.0
    );
}
