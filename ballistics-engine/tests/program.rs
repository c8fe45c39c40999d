//! The program as its users meet it: the real binary, its exit codes, its output, its mistakes.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

const COMMANDS: [&str; 10] = [
    "trajectory",
    "zero",
    "range-card",
    "mpbr",
    "danger-space",
    "monte-carlo",
    "stability",
    "atmosphere",
    "selftest",
    "completions",
];

#[test]
fn version_is_printed_exactly() {
    assert_eq!(
        stdout("--version"),
        format!("ballistics {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn selftest_passes_and_states_its_tolerance() {
    let text = stdout("selftest");
    assert!(
        text.contains("tolerance: none, every bit must agree"),
        "{text}"
    );
    assert!(text.ends_with("selftest passed\n"), "{text}");
}

#[test]
fn every_example_in_the_help_works() {
    let mut examples = 0;
    for command in COMMANDS {
        let page = stdout(&format!("help {command}"));
        assert_eq!(page, stdout(&format!("{command} --help")), "{command}");
        for line in page
            .lines()
            .filter_map(|line| line.strip_prefix("  ballistics "))
        {
            assert!(!stdout(line).is_empty(), "{line}");
            examples += 1;
        }
    }
    assert!(examples >= 20, "{examples} examples");
}

#[test]
fn the_table_goes_to_the_asked_range_and_says_what_it_assumes() {
    let text = stdout("trajectory -v 2600 -b 0.243 -m 175 -r 950");
    let last = text.lines().last().unwrap();
    assert!(last.trim_start().starts_with("950 "), "{text}");
    for assumption in [
        "G7, BC 0.243",
        "100.0 yd, sights 1.50 in",
        "density ratio     1.0004",
        "drop from the line of sight",
    ] {
        assert!(
            text.contains(assumption),
            "{assumption} is missing:\n{text}"
        );
    }
}

#[test]
fn csv_and_json_hold_the_reference_numbers() {
    let csv = stdout("trajectory -v 2600 -b 0.243 -m 175 -o csv");
    let mut lines = csv.lines();
    assert!(lines
        .next()
        .unwrap()
        .starts_with("range_yd,time_s,drop_in,drop_mil,drop_moa,windage_in,"));
    let last = cells(lines.last().unwrap());
    for (ours, reference, off) in [
        (last[0], 1_000.0, 1e-9),
        (last[1], 1.791_506_6, 1e-5),
        (last[2], -432.197_750_5, 0.002),
        (last[3], -12.004_916_3, 1e-4),
        (last[5], 0.0, 1e-12),
        (last[8], 1_087.739_187, 0.01),
        (last[9], 0.974_171_7, 1e-5),
        (last[10], 459.678_138_1, 0.01),
    ] {
        assert!((ours - reference).abs() <= off, "{ours} is not {reference}");
    }
    let json = stdout("trajectory -v 2600 -b 0.243 -m 175 -o json");
    let drop = json.rsplit("\"drop_in\": ").next().unwrap();
    let drop: f64 = drop.split(',').next().unwrap().parse().unwrap();
    assert!((drop + 432.197_750_5).abs() < 0.002, "{drop}");
}

#[test]
fn json_says_in_parts_what_the_heading_says_in_words() {
    let json = stdout("trajectory -v 2600 -b 0.243 -m 175 -w 10@90:300 -w 5@3oc -r 100 -o json");
    for line in [
        "  \"schema\": 1,",
        "    \"drag\": {\"function\": \"G7\", \"coefficient\": 0.243},",
        "    \"zero\": {\"range_yd\": 100, \"sight_height_in\": 1.5},",
        "    \"wind\": [{\"speed_mph\": 10, \"from_deg\": 90, \"up_mph\": 0, \"until_yd\": 300}, \
         {\"speed_mph\": 5, \"from_deg\": 90, \"up_mph\": 0, \"until_yd\": null}],",
    ] {
        assert!(
            json.lines().any(|found| found == line),
            "no `{line}` in\n{json}"
        );
    }
    let bands = "zero -v 700 --bc-velocity 600:0.3,0:0.28 --zero-angle 2 -u metric -o json";
    let json = stdout(bands);
    for part in [
        "\"coefficient\": [{\"above_m_s\": 600, \"coefficient\": 0.3}, {\"above_m_s\": 0, \"coefficient\": 0.28}]",
        "\"zero\": {\"elevation_mil\": 2, \"sight_height_cm\": 3.81}",
        "\"wind\": []",
    ] {
        assert!(json.contains(part), "no `{part}` in\n{json}");
    }
}

#[test]
fn impacts_are_listed_shot_by_shot() {
    let line = "monte-carlo -v 2600 -b 0.243 -r 500 --target 20 --sd-aim 0.1 --shots 500";
    let csv = stdout(&format!("{line} --impacts -o csv"));
    let impacts: Vec<Vec<f64>> = csv.lines().skip(1).map(cells).collect();
    assert_eq!(
        (csv.lines().next(), impacts.len()),
        (Some("up_in,right_in"), 500)
    );
    let hits = impacts
        .iter()
        .filter(|at| at[0].hypot(at[1]) <= 10.0)
        .count();
    let mean = impacts.iter().map(|at| at[0]).sum::<f64>() / 500.0;
    let squares: f64 = impacts.iter().map(|at| (at[0] - mean).powi(2)).sum();
    let facts = stdout(&format!("{line} -o csv"));
    let fact = |name: &str| -> f64 {
        let line = facts.lines().find(|line| line.starts_with(name)).unwrap();
        line.split(',').nth(1).unwrap().parse().unwrap()
    };
    assert!((fact("hit probability") - hits as f64 / 5.0).abs() < 1e-9);
    assert!((fact("mean up") - mean).abs() < 1e-6);
    assert!((fact("sd up and down") - (squares / 499.0).sqrt()).abs() < 1e-6);
}

#[test]
fn a_range_card_says_what_to_dial() {
    let card = stdout("range-card -v 2600 -b 0.243 -m 175 -w 10@3oc -r 500 -s 250");
    assert!(
        card.ends_with(
            "  250       1.03      10     0.55       6  0.32      2156    1806\n  \
               500       3.58      36     1.22      12  0.70      1758    1201\n"
        ),
        "{card}"
    );
    let minutes = stdout("range-card -v 2600 -b 0.243 -r 500 -s 500 --click 0.25moa -o csv");
    let dialed = cells(minutes.lines().last().unwrap());
    assert_eq!((dialed[0], dialed[2], dialed[4]), (500.0, 49.0, 0.0));
    assert!(minutes.starts_with("range_yd,elevation_moa,clicks_up,windage_moa,clicks_right,"));
}

#[test]
fn single_answers_are_those_of_the_references() {
    for (line, facts) in [
        (
            "danger-space -v 2600 -b 0.243 -r 500",
            &[
                "begins            446.0 yd",
                "ends              541.9 yd",
                "depth             95.9 yd",
            ][..],
        ),
        (
            "zero -v 2600 -b 0.243",
            &[
                "zero elevation    1.1664 mil",
                "elevation         4.010 MOA",
                "far zero          100.0 yd",
            ],
        ),
        (
            "stability -v 2600 -m 175 --diameter 0.308 --length 1.24 --twist 10",
            &[
                "stability factor         2.400",
                "jump, 10 mph from right  0.46 MOA",
            ],
        ),
        (
            "atmosphere -u metric -t 35 -p 1000 --humidity 90",
            &[
                "density           1.10923 kg/m3",
                "speed of sound    354.8 m/s",
            ],
        ),
        (
            "atmosphere -u metric --altitude 1000",
            &["station pressure  898.75 hPa", "density altitude  995 m"],
        ),
        (
            "monte-carlo -v 2600 -b 0.243 -r 500 --target 40 --sd-aim 0.1 --shots 5000",
            &[
                "hit probability        100.00 %",
                "sd up and down         1.8",
            ],
        ),
        (
            "trajectory -v 2600 -b 0.243 -w 10@9oc -r 100",
            &["10.0 mph from 270 deg", "0.76     0.21     0.72"],
        ),
        (
            "zero -v 2600 -b 0.243 --zero-angle 2",
            &["zero              elevation 2.0000 mil, sights"],
        ),
    ] {
        let text = stdout(line);
        for fact in facts {
            assert!(text.contains(fact), "{line}: no `{fact}` in\n{text}");
        }
    }
}

#[test]
fn an_own_drag_curve_is_read_from_a_file() {
    let folder = folder("curve");
    let file = folder.join("curve.csv");
    fs::write(
        &file,
        "Mach,Cd\n# radar\n0.8,0.124\n1.0,0.305\n1.2, 0.341\n2.0\t0.255\n3.0 0.205\n",
    )
    .unwrap();
    let line = format!(
        "trajectory -v 2710 -m 140 --diameter 0.264 --curve {} -r 1000 -s 1000 -o csv",
        file.display()
    );
    let drop: f64 = stdout(&line)
        .lines()
        .last()
        .unwrap()
        .split(',')
        .nth(2)
        .unwrap()
        .parse()
        .unwrap();
    assert!((-340.0..-290.0).contains(&drop), "{drop}");
    fs::write(&file, "0.8,0.124\n1.0\n").unwrap();
    fails_with(2, &line, "line 2: must be Mach,Cd");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn metric_and_imperial_are_the_same_shot() {
    let metric = stdout("trajectory -u metric -v 792.48 -b 0.243 -m 175gr -z 100yd -r 914.4 -s 914.4 --sight-height 3.81 -o csv");
    let last = cells(metric.lines().last().unwrap());
    for (ours, reference, off) in [
        (last[1], 1.791_506_6, 1e-5),
        (last[2], -1_097.782_286, 0.005),
        (last[8], 331.542_904, 0.003),
    ] {
        assert!((ours - reference).abs() <= off, "{ours} is not {reference}");
    }
}

#[test]
fn mistakes_are_answered_with_the_way_out() {
    for (line, answer) in [
        (
            "trajetory",
            "unknown command `trajetory`; did you mean `trajectory`?",
        ),
        (
            "trajectory --velocty 2600",
            "unknown flag `--velocty`; did you mean `--velocity`?",
        ),
        (
            "trajectory -v 2600",
            "--bc is needed, for instance --bc 0.243",
        ),
        (
            "trajectory -b 0.2",
            "--velocity is needed, for instance --velocity 2600",
        ),
        (
            "trajectory -v fast -b 0.2",
            "--velocity `fast`: not a number",
        ),
        (
            "trajectory -v 2600 -b 0",
            "ballistic coefficient 0: must be 0.001 to 10",
        ),
        (
            "trajectory -v 2600 -b NaN",
            "ballistic coefficient NaN: must be 0.001 to 10",
        ),
        (
            "trajectory -v 100000 -b 0.2",
            "muzzle velocity 30480 m/s (100000 fps): must be 15 m/s (49.2126 fps) to 3000 m/s",
        ),
        ("trajectory -v -5 -b 0.2", "muzzle velocity -1.524 m/s"),
        (
            "trajectory -v 2600 -b 0.2 -t -300",
            "temperature -184.444 C (-300 F): must be -60 C (-76 F) to 60 C (140 F)",
        ),
        (
            "trajectory -v 2600 -b 0.2 --humidity 200",
            "humidity 200 %: must be 0 % to 100 %",
        ),
        (
            "trajectory -v 2600 -b 0.2 -d G9",
            "drag function: `G9` is none of",
        ),
        (
            "trajectory -v 2600 -b 0.2 --spin-drift",
            "spin: needed for spin drift and aerodynamic jump",
        ),
        (
            "trajectory -v 2600 -b 0.2 -s 0",
            "--step 0 m: must be above 0",
        ),
        (
            "trajectory -v 2600 -b 0.2 -o xml",
            "--output `xml`: must be table, csv or json",
        ),
        (
            "trajectory -v 2600 -b 0.2 --latitude 45",
            "--latitude and --azimuth go together",
        ),
        (
            "zero -v 2600 -b 0.2 --powder-temperature 80",
            "--powder-temperature and --powder-reference need --powder-sensitivity",
        ),
        (
            "zero -v 2600 -b 0.2 --powder-sensitivity 20m/s",
            "unknown unit `m/s`; there are fps/F, fps/C, m/s/C, m/s/F",
        ),
        (
            "stability -v NaN -m 175 --diameter 0.308 --length 1.24 --twist 10",
            "muzzle velocity NaN m/s",
        ),
        (
            "stability -v 100000 -m 175 --diameter 0.308 --length 1.24 --twist 10",
            "muzzle velocity 30480 m/s",
        ),
        (
            "monte-carlo -v 2600 -b 0.2 -r 500 --target -1",
            "target -25.4 mm (-1 in): must be 1 mm",
        ),
        (
            "trajectory -v 2600 -b 0.2 -o json --chart",
            "--chart is drawn under a table, not under --output json",
        ),
        (
            "trajectory -v 2600 -b 0.2 -w 10@90 -w 5@90",
            "wind: a segment without an end must be the last",
        ),
        ("trajectory --hlep", "did you mean `--help`?"),
        (
            "trajectory -v 2600 -b 0.2 -w 10@90:0",
            "wind: segment ends at 0 m",
        ),
        (
            "trajectory -v 2600 --bc-velocity 1600:0.4,2600:0.5",
            "limits must fall from band to band",
        ),
        (
            "trajectory -v 2600 --bc-mach 1:0.2,1:0.3",
            "Mach must increase, but 1 follows 1",
        ),
        (
            "monte-carlo -v 2600 -b 0.2 -r 500 --shots 0",
            "shots 0: must be 1 to 10000000",
        ),
        (
            "monte-carlo -v 2600 -b 0.2 -r 500 --sd-velocity 900",
            "deviation of velocity 274.32 m/s",
        ),
        (
            "completions tcsh",
            "no completions for `tcsh`; there are bash, zsh, fish",
        ),
        ("", "no command"),
    ] {
        fails_with(2, line, answer);
    }
}

/// Whoever types a limit as an error names it, in either system, is taken at his word.
#[test]
fn every_printed_limit_is_accepted_as_it_is_printed() {
    let load = "-v 2600 -b 0.243 -m 175 --diameter 0.308 --length 1.24 --twist 10";
    let mut limits = 0;
    for (command, flag) in [
        ("trajectory -r 1 -s 1", "--velocity"),
        ("trajectory -r 1 -s 1", "--bc"),
        ("trajectory -r 1 -s 1", "--mass"),
        ("trajectory -r 1 -s 1", "--diameter"),
        ("trajectory -r 1 -s 1", "--length"),
        ("trajectory -r 1 -s 1", "--twist"),
        ("trajectory -r 1 -s 1", "--sight-height"),
        ("trajectory -r 1 -s 1", "--altitude"),
        ("trajectory -r 1 -s 1", "--temperature"),
        ("trajectory -r 1 -s 1", "--pressure"),
        ("trajectory -r 1 -s 1", "--sea-level-pressure"),
        ("trajectory -r 1 -s 1", "--humidity"),
        ("trajectory -r 1 -s 1", "--wind"),
        ("trajectory -r 1 -s 1", "--updraft"),
        ("trajectory -r 1 -s 1", "--look-angle"),
        ("trajectory -r 1 -s 1", "--cant"),
        ("trajectory -r 1 -s 1 --azimuth 0", "--latitude"),
        ("trajectory -r 1 -s 1 --latitude 0", "--azimuth"),
        (
            "trajectory -r 1 -s 1 --powder-sensitivity 1",
            "--powder-temperature",
        ),
        (
            "trajectory -r 1 -s 1 --powder-sensitivity 1",
            "--powder-reference",
        ),
        ("trajectory -r 1 -s 1", "--zero-angle"),
        ("trajectory -r 1 -s 1", "--zero"),
        ("danger-space -r 100", "--target"),
        ("monte-carlo -r 100 --shots 8", "--target"),
        ("monte-carlo -r 100 --shots 8", "--sd-velocity"),
        ("monte-carlo -r 100 --shots 8", "--sd-bc"),
        ("monte-carlo -r 100 --shots 8", "--sd-wind"),
        ("monte-carlo -r 100 --shots 8", "--sd-range"),
    ] {
        let with = |value: &str| {
            let words = format!("{command} {load}");
            let output = Command::new(program())
                .args(words.split_whitespace())
                .args([flag, value])
                .output()
                .unwrap();
            String::from_utf8(output.stderr).unwrap()
        };
        let refusal = with("1e9");
        let (field, accepted) = refusal.trim().split_once(": must be ").unwrap();
        // The name of the field; another one may mind that this one is at its limit.
        let field = field.split(char::is_numeric).next().unwrap();
        for limit in accepted.split(" to ").flat_map(|pair| pair.split(" (")) {
            let limit = limit.trim_end_matches(')').trim_end_matches(" %");
            let answer = with(limit);
            let refused = answer.starts_with(field) && answer.contains("must be");
            assert!(!refused, "{flag} {limit}: {answer}");
            limits += 1;
        }
    }
    assert!(limits > 80, "{limits} limits");
}

#[test]
fn what_has_no_answer_is_a_failure_and_not_a_number() {
    for (line, answer) in [
        (
            "trajectory -v 300 -b 0.05 -z 5000",
            "zero range 4572 m (5000 yd): beyond reach",
        ),
        (
            "trajectory -v 200 -b 0.05 -r 3000",
            "range 365.76 m (400 yd): beyond reach, the shot is followed to",
        ),
        (
            "danger-space -v 800 -b 0.1 -r 5000",
            "range 4572 m (5000 yd): beyond reach",
        ),
        (
            "mpbr -v 60 -b 0.1 -z 10 --target 1900cm",
            "point-blank range: the shot does not rise to the upper edge",
        ),
        (
            "trajectory --profile /nonexistent/x.toml",
            "profile /nonexistent/x.toml: ",
        ),
        (
            "trajectory -v 2600 --curve /nonexistent",
            "drag curve /nonexistent: ",
        ),
        (
            "trajectory -v 2600 -b 0.2 --plot /nonexistent/x.svg",
            "plot /nonexistent/x.svg: ",
        ),
    ] {
        fails_with(1, line, answer);
    }
}

#[test]
fn a_profile_is_saved_read_and_overridden() {
    let folder = folder("profile");
    let run = |line: &str| {
        let output = Command::new(program())
            .args(line.split_whitespace())
            .env("XDG_CONFIG_HOME", &folder)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{line}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    };
    let direct = run("trajectory -v 2600 -b 0.243 -m 175 -w 10@90 --save-profile match");
    assert_eq!(run("trajectory --profile match"), direct);
    assert!(run("trajectory --profile match -v 2700").contains("muzzle velocity   2700 fps"));
    let missing = Command::new(program())
        .args(["trajectory", "--profile", "mtach"])
        .env("XDG_CONFIG_HOME", &folder)
        .output()
        .unwrap();
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8(missing.stderr)
        .unwrap()
        .contains("there are match"));
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_plot_is_a_drawing_of_four_curves() {
    let folder = folder("plot");
    let file = folder.join("shot.svg");
    stdout(&format!(
        "trajectory -v 2600 -b 0.243 -m 175 -w 10@90 --plot {}",
        file.display()
    ));
    let svg = fs::read_to_string(&file).unwrap();
    assert_eq!(svg.matches("<polyline").count(), 4);
    assert_eq!(svg.matches("<g ").count(), svg.matches("</g>").count());
    for title in [
        "range, yd",
        "drop, in",
        "windage, in",
        "velocity, fps",
        "energy, ft-lb",
    ] {
        assert!(svg.contains(title), "{title}");
    }
    assert!(!svg.contains("NaN") && !svg.contains("inf"));
    fs::remove_dir_all(folder).unwrap();
}

/// Every point of every curve stands where the axes' labels say that the row's value is.
#[test]
fn a_plot_shows_the_rows() {
    let folder = folder("geometry");
    let file = folder.join("shot.svg");
    let line = "trajectory -v 2600 -b 0.243 -m 175 -w 10@90 -r 1000 -s 5 -o csv --plot";
    let csv = stdout(&format!("{line} {}", file.display()));
    let svg = fs::read_to_string(&file).unwrap();
    let rows: Vec<Vec<f64>> = csv.lines().skip(1).map(cells).collect();
    let panels: Vec<&str> = svg.split("<g ").skip(1).collect();
    for (panel, column) in panels.into_iter().zip([2, 5, 8, 10]) {
        let (x, y) = (axis(panel, "middle", "x"), axis(panel, "end", "y"));
        assert!(
            x(1.0) > x(0.0) && y(1.0) < y(0.0),
            "an axis is turned round"
        );
        let points = panel.split("<polyline points=\"").nth(1).unwrap();
        let points = points.split('"').next().unwrap().split(' ');
        let points: Vec<Vec<f64>> = points.map(cells).collect();
        assert_eq!(points.len(), rows.len());
        for (point, row) in points.iter().zip(&rows) {
            // Points are written to a tenth.
            assert!((point[0] - x(row[0])).abs() < 0.2, "range {}", row[0]);
            let off = point[1] - (y(row[column]) - 4.0);
            assert!(
                off.abs() < 0.3,
                "column {column} at {}: off by {off}",
                row[0]
            );
        }
    }
    fs::remove_dir_all(folder).unwrap();
}

/// From a value to where it stands, by the first and the last label of an axis.
fn axis(panel: &str, anchor: &str, coordinate: &str) -> impl Fn(f64) -> f64 {
    let attribute = |text: &str, name: &str| -> f64 {
        let value = text.split(&format!("{name}=\"")).nth(1).unwrap();
        value.split('"').next().unwrap().parse().unwrap()
    };
    let label = |text: &str| {
        let words = text.split('>').nth(1)?.split('<').next()?;
        let is_label = text.contains(&format!("text-anchor=\"{anchor}\""));
        let value: f64 = words.parse().ok().filter(|_| is_label)?;
        Some((value, attribute(text, coordinate)))
    };
    let labels: Vec<(f64, f64)> = panel.split("<text ").filter_map(label).collect();
    let (first, last) = (labels[0], labels[labels.len() - 1]);
    move |value| first.1 + (value - first.0) * (last.1 - first.1) / (last.0 - first.0)
}

#[test]
fn a_chart_falls_from_the_left_to_the_right() {
    let text = stdout("trajectory -v 2600 -b 0.243 -r 1000 --chart");
    for (title, top, bottom) in [("drop, in", "0", "-400"), ("velocity, fps", "2500", "1500")] {
        let chart = text.split(&format!("\n{title}\n")).nth(1).unwrap();
        let lines: Vec<&str> = chart.lines().take(12).collect();
        let labelled = |label: &str| {
            let starts = |line: &str| line.split('┤').next().unwrap().trim() == label;
            lines
                .iter()
                .position(|line| line.contains('┤') && starts(line))
                .unwrap()
        };
        assert!(labelled(top) < labelled(bottom), "{chart}");
        let last_dot = |line: &str| line.trim_end().chars().count();
        assert!(last_dot(lines[0]) < last_dot(lines[11]), "{chart}");
        assert!(last_dot(lines[11]) > 60, "{chart}");
    }
}

#[test]
fn a_coefficient_that_looks_like_one_for_g1_is_doubted() {
    let doubt = |line: &str| {
        let output = run(line);
        assert!(output.status.success(), "{line}");
        String::from_utf8(output.stderr).unwrap()
    };
    for line in [
        "zero -v 2650 -b 0.462",
        "zero -v 2650 --bc-velocity 2600:0.462,0:0.39",
    ] {
        assert!(doubt(line).contains("BC 0.462 is taken for G7"), "{line}");
    }
    for line in [
        "zero -v 2600 -b 0.243",
        "zero -v 2650 -b 0.462 -d G1",
        "zero -v 2600 -b 0.5 -d g7",
    ] {
        assert_eq!(doubt(line), "", "{line}");
    }
}

/// Words that have broken argument parsers before, thrown together at random but the same each time.
#[test]
fn no_command_line_makes_it_panic() {
    const WORDS: [&str; 56] = [
        "trajectory",
        "zero",
        "range-card",
        "mpbr",
        "danger-space",
        "stability",
        "atmosphere",
        "help",
        "--help",
        "-v",
        "--velocity",
        "-b",
        "--bc",
        "-m",
        "-r",
        "-s",
        "-z",
        "-w",
        "-u",
        "metric",
        "--wind",
        "--profile",
        "--curve",
        "--bc-mach",
        "--bc-velocity",
        "--twist",
        "--look-angle",
        "--cant",
        "--humidity",
        "-t",
        "-p",
        "--target",
        "--click",
        "--zero-angle",
        "2600",
        "0.243",
        "100",
        "1e308",
        "-1e308",
        "1e-308",
        "NaN",
        "inf",
        "-0",
        "10@90",
        "10@@",
        "@",
        ":",
        "1:1,",
        "=",
        "--",
        "-",
        "é",
        "5é",
        "0x10",
        "99999999999999999999",
        "",
    ];
    let mut state = 0x9e37_79b9_u64;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for _ in 0..400 {
        let mut words = vec![WORDS[random(10)], "-v", "2600", "-b", "0.243"];
        words.truncate(1 + 2 * random(3));
        words.extend((0..random(8)).map(|_| WORDS[random(WORDS.len())]));
        let output = Command::new(program()).args(&words).output().unwrap();
        let code = output.status.code();
        assert!(
            matches!(code, Some(0..=2)),
            "{words:?} ended with {code:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

fn program() -> &'static str {
    env!("CARGO_BIN_EXE_ballistics")
}

fn run(line: &str) -> Output {
    Command::new(program())
        .args(line.split_whitespace())
        .output()
        .unwrap()
}

fn stdout(line: &str) -> String {
    let output = run(line);
    assert!(
        output.status.success(),
        "{line}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// The numbers of a line of CSV.
fn cells(line: &str) -> Vec<f64> {
    line.split(',').map(|cell| cell.parse().unwrap()).collect()
}

fn fails_with(code: i32, line: &str, answer: &str) {
    let output = run(line);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{line}: {message}");
    assert!(output.stdout.is_empty(), "{line} printed a result");
    assert!(message.contains(answer), "{line}: {message}");
}

fn folder(name: &str) -> PathBuf {
    let folder = env::temp_dir().join(format!("ballistics-test-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}
