//! Profiles as their users meet them: saved, read back, in other units, overridden in part.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

/// A folder of configuration, removed at the end.
struct Home(PathBuf);

impl Home {
    fn new(name: &str) -> Self {
        let name = format!("ballistics-profiles-{name}-{}", std::process::id());
        let folder = env::temp_dir().join(name);
        fs::create_dir_all(folder.join("ballistics")).unwrap();
        Home(folder)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join("ballistics").join(format!("{name}.toml")), text).unwrap();
    }

    fn run(&self, line: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_ballistics"))
            .args(line.split_whitespace())
            .env("XDG_CONFIG_HOME", &self.0)
            .output()
            .unwrap()
    }

    fn stdout(&self, line: &str) -> String {
        let output = self.run(line);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{line}: {message}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn refused(&self, line: &str) -> String {
        let output = self.run(line);
        assert_eq!(output.status.code(), Some(2), "{line}");
        String::from_utf8(output.stderr).unwrap()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

/// The last row's cells.
fn last_row(csv: &str) -> Vec<f64> {
    let last = csv.lines().last().unwrap();
    last.split(',').map(|cell| cell.parse().unwrap()).collect()
}

#[test]
fn a_profile_keeps_its_units_whatever_results_are_asked_for() {
    let home = Home::new("units");
    home.stdout(
        "zero -v 2600 -d G1 --bc-velocity 2000:0.45,0:0.42 -m 175 --sight-height 2 -z 200 --altitude 5000 -t 70 -p 25 \
         -w 10@90:300 -w 5@45 --updraft 2 --powder-sensitivity 1 --powder-temperature 90 --save-profile all",
    );
    let table = |units: &str| {
        let line = format!("trajectory --profile all -r 914.4m -s 914.4m -o csv {units}");
        last_row(&home.stdout(&line))
    };
    let (imperial, metric) = (table(""), table("-u metric"));
    assert!((metric[0] - 914.4).abs() < 1e-6 && (imperial[0] - 1_000.0).abs() < 1e-6);
    let drop = [imperial[2] * 2.54, imperial[5] * 2.54, imperial[8] * 0.3048];
    for (ours, same) in [metric[2], metric[5], metric[8]].into_iter().zip(drop) {
        assert!(
            (ours - same).abs() < 1e-6 * same.abs(),
            "{metric:?} is not {imperial:?}"
        );
    }
    home.write("bare", "units = \"metric\"\nvelocity = 800\nbc = 0.25\n");
    let elevation = |line: &str| {
        let csv = home.stdout(line);
        let line = csv
            .lines()
            .find(|line| line.starts_with("zero elevation"))
            .unwrap();
        line.split(',').nth(1).unwrap().parse::<f64>().unwrap()
    };
    // The zero that the profile leaves to its default is 100 m, not 100 yd.
    let metric = elevation("zero --profile bare -o csv");
    assert_eq!(elevation("zero --profile bare -u imperial -o csv"), metric);
    assert_eq!(
        elevation("zero --profile bare -u imperial -v 2624.67191601 -o csv"),
        elevation("zero --profile bare -v 800 -o csv")
    );
}

#[test]
fn two_systems_are_not_saved_into_one_file() {
    let home = Home::new("mixed");
    home.stdout("zero -v 2600 -b 0.243 -m 175 --save-profile match");
    let message = home.refused("zero --profile match -u metric -v 800 --save-profile other");
    assert!(message.contains("--units differ"), "{message}");
}

#[test]
fn an_alternative_on_the_command_line_hides_those_of_the_profile() {
    let home = Home::new("alternatives");
    home.write(
        "all",
        "velocity = 2600\ndrag = \"G7\"\nbc-velocity = \"2000:0.25,0:0.24\"\nzero-angle = \"2mil\"\nsea-level-pressure = 30.1\n\
         altitude = 3000\nmass = 175\ndiameter = 0.308\n",
    );
    for (given, instead) in [
        ("-b 0.3", "BC 0.3"),
        ("--bc-mach 1:0.2,2:0.25", "BC 1:0.2,2:0.25"),
        ("-z 200", "200.0 yd, sights"),
        ("-p 25", "station pressure  25.00 inHg"),
    ] {
        let text = home.stdout(&format!("trajectory --profile all {given}"));
        assert!(text.contains(instead), "{given}: no `{instead}` in\n{text}");
    }
    let curve = home.0.join("curve.csv");
    fs::write(&curve, "0.5,0.12\n1,0.3\n3,0.2\n").unwrap();
    let text = home.stdout(&format!("zero --profile all --curve {}", curve.display()));
    assert!(text.contains("drag              curve "), "{text}");
}

#[test]
fn two_alternatives_on_one_line_are_refused_by_name() {
    let home = Home::new("exclusive");
    for (given, names) in [
        ("-b 0.2 --bc-mach 1:0.2,2:0.3", ["--bc ", "--bc-mach "]),
        ("-b 0.2 --bc-velocity 0:0.2", ["--bc ", "--bc-velocity "]),
        ("-b 0.2 -d G7 --curve /nonexistent", ["--drag ", "--curve "]),
        ("-b 0.2 -z 100 --zero-angle 2", ["--zero ", "--zero-angle "]),
        (
            "-b 0.2 -p 29 --sea-level-pressure 30",
            ["--pressure ", "--sea-level-pressure "],
        ),
    ] {
        let message = home.refused(&format!("zero -v 2600 {given}"));
        assert!(message.contains("exclude each other"), "{given}: {message}");
        for name in names {
            assert!(message.contains(name), "{given}: no {name} in {message}");
        }
    }
}

#[test]
fn a_switch_of_the_profile_can_be_turned_off() {
    let home = Home::new("switches");
    home.stdout(
        "zero -v 2600 -b 0.243 -m 175 --diameter 0.308 --length 1.24 --twist 10 --spin-drift --jump --save-profile spun",
    );
    let effects = |line: &str| home.stdout(line).contains("spin drift (Litz)");
    assert!(effects("trajectory --profile spun"));
    assert!(!effects("trajectory --profile spun --no-spin-drift"));
    home.stdout("trajectory --profile spun --no-spin-drift --save-profile still");
    assert!(!effects("trajectory --profile still"));
    assert!(effects("trajectory --profile still --spin-drift"));
}
