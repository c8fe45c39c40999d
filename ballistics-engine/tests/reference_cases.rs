//! Independent reference trajectories, integrated to the 8th order: thirty at a relative tolerance of 1e-12, and a
//! dozen that reach farther into the corners at 1e-11, whose generator lies beside them. Every case is held to
//! 0.002 mrad, 0.1 fps and 10 us, whatever tolerance its author allowed.

use ballistics_engine::{
    AirPressure, Angle, Atmosphere, BallisticCoefficient, DragCurve, DragFunction, Length, Mass,
    Place, Powder, Pressure, Row, Shot, Solver, Spin, Temperature, Velocity, WindSegment, Zero,
};

const GIVEN: &str = include_str!("data/reference-cases.txt");
const INDEPENDENT: &str = include_str!("data/independent-cases.txt");
const MOST_MRAD: f64 = 0.002;
const MOST_FPS: f64 = 0.1;
const MOST_SECONDS: f64 = 1e-5;

/// The lines of one case, without its name.
struct Case {
    name: &'static str,
    lines: Vec<(&'static str, Vec<&'static str>)>,
}

#[test]
fn every_given_case_is_met_within_two_thousandths_of_a_mil() {
    let cases = cases(GIVEN);
    assert_eq!(cases.len(), 30);
    all_are_met(&cases);
}

#[test]
fn every_independent_case_is_met_as_closely() {
    let cases = cases(INDEPENDENT);
    assert_eq!(cases.len(), 12);
    all_are_met(&cases);
}

fn all_are_met(cases: &[Case]) {
    let mut off = Vec::new();
    for case in cases {
        let (mrad, fps, seconds) = case.deviation();
        println!(
            "{:32} {mrad:.6} mrad  {fps:.5} fps  {seconds:.1e} s",
            case.name
        );
        if !(mrad <= MOST_MRAD && fps <= MOST_FPS && seconds <= MOST_SECONDS) {
            off.push(format!(
                "{}: {mrad} mrad, {fps} fps, {seconds:e} s",
                case.name
            ));
        }
    }
    assert!(off.is_empty(), "{}", off.join("\n"));
}

#[test]
fn what_is_derived_agrees_to_seven_digits() {
    for case in cases(GIVEN).into_iter().chain(cases(INDEPENDENT)) {
        let solver = Solver::new(&case.shot()).unwrap();
        let close = |key: &str, ours: f64| {
            let expected = case.number(key).unwrap();
            assert!(
                (ours - expected).abs() < 2e-7,
                "{}: {key} is {ours}, not {expected}",
                case.name
            );
        };
        close("expect_zero_elevation_mrad", solver.zero_angle().as_mils());
        close("expect_density_kg_m3", solver.air().density);
        close("expect_density_ratio", solver.air().density_ratio);
        close("expect_sound_speed_mps", solver.air().sound_speed.as_mps());
        close("expect_sg", solver.stability().unwrap().factor);
    }
}

fn cases(text: &'static str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let mut words = line.split(' ');
        let key = words.next().unwrap();
        let values: Vec<&'static str> = words.collect();
        if key == "case" {
            cases.push(Case {
                name: values[0],
                lines: Vec::new(),
            });
        } else {
            cases.last_mut().unwrap().lines.push((key, values));
        }
    }
    cases
}

impl Case {
    /// Greatest difference over the rows: angle, velocity and time.
    fn deviation(&self) -> (f64, f64, f64) {
        let expected: Vec<Vec<f64>> = self.rows("row");
        let ranges: Vec<Length> = expected.iter().map(|row| Length::yards(row[0])).collect();
        let solver = Solver::new(&self.shot()).unwrap();
        let rows = solver.rows(&ranges).unwrap();
        let (mut mrad, mut fps, mut time) = (0.0f64, 0.0f64, 0.0f64);
        for (row, expected) in rows.iter().zip(&expected) {
            mrad = mrad.max((row.drop_angle.as_mils() - expected[7]).abs());
            mrad = mrad.max((row.windage_angle.as_mils() - expected[9]).abs());
            fps = fps.max((row.velocity.as_fps() - expected[4]).abs());
            time = time.max((row.seconds - expected[1]).abs());
            self.check_same_row(row, expected);
        }
        (mrad, fps, time)
    }

    /// What is computed from drop, windage and velocity follows them.
    fn check_same_row(&self, row: &Row, expected: &[f64]) {
        let at = format!("{} at {} yd", self.name, expected[0]);
        assert!(
            (row.drop.as_inches() - expected[2]).abs() < 0.2,
            "{at}: drop {:?}",
            row.drop
        );
        assert!(
            (row.windage.as_inches() - expected[3]).abs() < 0.2,
            "{at}: windage {:?}",
            row.windage
        );
        assert!(
            (row.mach - expected[5]).abs() < 1e-4,
            "{at}: Mach {}",
            row.mach
        );
        assert!(
            (row.energy.as_foot_pounds() / expected[6] - 1.0).abs() < 2e-4,
            "{at}: {:?}",
            row.energy
        );
        assert!(
            (row.drop_angle.as_moa() - expected[8]).abs() < 0.007,
            "{at}: {:?}",
            row.drop_angle
        );
    }

    fn shot(&self) -> Shot {
        let required = |key: &str| {
            self.number(key)
                .unwrap_or_else(|| panic!("{}: no {key}", self.name))
        };
        let mass = Mass::grains(required("weight_gr"));
        let (diameter, length) = (
            Length::inches(required("diameter_in")),
            Length::inches(required("length_in")),
        );
        Shot {
            drag: self.drag(),
            coefficient: self.coefficient(),
            mass,
            muzzle_velocity: Velocity::fps(required("muzzle_velocity_fps")),
            powder: self.powder(),
            sight_height: Length::inches(required("sight_height_in")),
            zero: self.zero(),
            atmosphere: self.atmosphere(),
            wind: self.wind(),
            look_angle: Angle::degrees(self.number("look_angle_deg").unwrap_or(0.0)),
            cant: Angle::degrees(self.number("cant_deg").unwrap_or(0.0)),
            place: self.place(),
            spin: Some(Spin {
                mass,
                diameter,
                length,
                twist: Length::inches(required("twist_in")),
            }),
            spin_drift: self.is_on("spin_drift"),
            aerodynamic_jump: self.is_on("aero_jump"),
        }
    }

    fn drag(&self) -> DragCurve {
        match self.text("drag_model") {
            Some(name) => name.parse::<DragFunction>().unwrap().curve(),
            None => DragCurve::through(&self.pairs("drag_curve")).unwrap(),
        }
    }

    fn coefficient(&self) -> BallisticCoefficient {
        if let Some(constant) = self.number("bc") {
            return BallisticCoefficient::Constant(constant);
        }
        let (by_mach, by_velocity) = (self.pairs("bc_by_mach"), self.pairs("bc_by_velocity_fps"));
        if !by_mach.is_empty() {
            BallisticCoefficient::ByMach(by_mach)
        } else if !by_velocity.is_empty() {
            let band = |(limit, coefficient): (f64, f64)| (Velocity::fps(limit), coefficient);
            BallisticCoefficient::ByVelocity(by_velocity.into_iter().map(band).collect())
        } else {
            let number = |key: &str| self.number(key).unwrap();
            let (mass, diameter) = (
                Mass::grains(number("weight_gr")),
                Length::inches(number("diameter_in")),
            );
            BallisticCoefficient::sectional_density(mass, diameter)
        }
    }

    fn powder(&self) -> Option<Powder> {
        let per_fahrenheit = self.number("powder_temp_sens_fps_per_f")?;
        Some(Powder {
            temperature: Temperature::fahrenheit(self.number("powder_temp_f")?),
            reference: Temperature::fahrenheit(self.number("powder_ref_temp_f")?),
            per_kelvin: Velocity::fps(per_fahrenheit * 1.8),
        })
    }

    fn zero(&self) -> Zero {
        match self.number("zero_range_yd") {
            Some(yards) => Zero::Range(Length::yards(yards)),
            None => Zero::Angle(Angle::mils(self.number("zero_angle_mrad").unwrap())),
        }
    }

    fn atmosphere(&self) -> Atmosphere {
        let station = |inches| AirPressure::Station(Pressure::inches_of_mercury(inches));
        Atmosphere {
            altitude: Length::feet(self.number("altitude_ft").unwrap()),
            temperature: self.number("temperature_f").map(Temperature::fahrenheit),
            pressure: self
                .number("pressure_inhg")
                .map_or(AirPressure::Standard, station),
            humidity: self.number("humidity_pct").unwrap() / 100.0,
        }
    }

    fn wind(&self) -> Vec<WindSegment> {
        let segment = |words: &Vec<&str>| {
            let number = |at: usize| words[at].parse::<f64>();
            WindSegment {
                speed: Velocity::mph(number(0).unwrap()),
                from: Angle::degrees(number(1).unwrap()),
                updraft: Velocity::mph(number(2).unwrap()),
                until: number(3).ok().map(Length::yards),
            }
        };
        self.lines
            .iter()
            .filter(|line| line.0 == "wind")
            .map(|line| segment(&line.1))
            .collect()
    }

    fn place(&self) -> Option<Place> {
        let latitude = Angle::degrees(self.number("latitude_deg")?);
        Some(Place {
            latitude,
            azimuth: Angle::degrees(self.number("azimuth_deg")?),
        })
    }

    fn is_on(&self, key: &str) -> bool {
        self.text(key) == Some("true")
    }

    fn number(&self, key: &str) -> Option<f64> {
        self.text(key).map(|text| text.parse().unwrap())
    }

    fn text(&self, key: &str) -> Option<&'static str> {
        self.lines
            .iter()
            .find(|line| line.0 == key)
            .map(|line| line.1[0])
    }

    fn pairs(&self, key: &str) -> Vec<(f64, f64)> {
        self.rows(key).iter().map(|row| (row[0], row[1])).collect()
    }

    fn rows(&self, key: &str) -> Vec<Vec<f64>> {
        let numbers = |words: &Vec<&str>| words.iter().map(|word| word.parse().unwrap()).collect();
        self.lines
            .iter()
            .filter(|line| line.0 == key)
            .map(|line| numbers(&line.1))
            .collect()
    }
}
