//! Profiles: the flags of a shot in a file, one a line, `velocity = "2600 fps"`. A small part of TOML: comments,
//! strings, numbers, true and false, arrays of strings. What the command line says overrides the profile, whose bare
//! numbers stay in the profile's own units.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use super::arguments::{self, Arguments, Flag, Pairs};
use super::failure::Failure;
use super::shot_flags::{self, AIR, ALTERNATIVES, CONDITIONS, GENERAL, LOAD, RIFLE};

/// Puts the arguments over those of the profile that they name.
pub fn apply(arguments: Arguments) -> Result<Arguments, Failure> {
    let path = match arguments.get("profile") {
        Some(name) => path_of(name)?,
        None => return Ok(arguments),
    };
    let text = fs::read_to_string(&path).map_err(|error| {
        let names = saved_names(&path).join(", ");
        let known = if names.is_empty() {
            String::new()
        } else {
            format!("; there are {names}")
        };
        Failure::Failed(format!("profile {}: {error}{known}", path.display()))
    })?;
    let pairs = parse(&text)
        .map_err(|problem| Failure::Usage(format!("profile {} {problem}", path.display())))?;
    Ok(arguments.over(pairs, ALTERNATIVES))
}

/// Keeps the arguments' shot if `--save-profile` asks for it.
pub fn save(arguments: &Arguments) -> Result<(), Failure> {
    let path = match arguments.get("save-profile") {
        Some(name) => path_of(name)?,
        None => return Ok(()),
    };
    shot_flags::one_system(arguments)?;
    let failed =
        |error: std::io::Error| Failure::Failed(format!("profile {}: {error}", path.display()));
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    // Renamed into place, so that an interrupted save leaves the old profile.
    let partial = path.with_extension("toml.partial");
    fs::write(&partial, render(arguments)).map_err(failed)?;
    fs::rename(&partial, &path).map_err(failed)
}

/// The flags that a profile may hold.
fn keys() -> Vec<Flag> {
    let units = GENERAL.iter().filter(|flag| flag.name == "units");
    units
        .chain(LOAD)
        .chain(RIFLE)
        .chain(AIR)
        .chain(CONDITIONS)
        .copied()
        .collect()
}

/// A name that is a path is one; others lie in the user's configuration.
fn path_of(name: &str) -> Result<PathBuf, Failure> {
    if name.ends_with(".toml") || name.contains('/') {
        return Ok(PathBuf::from(name));
    }
    let plain = |letter: char| letter.is_alphanumeric() || "-_.".contains(letter);
    if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
        return Err(Failure::Usage(format!(
            "profile `{name}`: letters, digits, `-`, `_` and `.` make a name"
        )));
    }
    let variable = |name: &str| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let folder =
        variable("XDG_CONFIG_HOME").or_else(|| variable("HOME").map(|home| home.join(".config")));
    match folder {
        Some(folder) => Ok(folder.join("ballistics").join(format!("{name}.toml"))),
        None => Err(Failure::Failed(format!(
            "profile `{name}`: neither XDG_CONFIG_HOME nor HOME is set"
        ))),
    }
}

fn saved_names(path: &Path) -> Vec<String> {
    let entries = path.parent().and_then(|folder| fs::read_dir(folder).ok());
    let names = entries
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let profiles = names.filter(|path| {
        path.extension()
            .map_or(false, |extension| extension == "toml")
    });
    let mut names: Vec<String> = profiles
        .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    names
}

fn parse(text: &str) -> Result<Pairs, String> {
    let keys = keys();
    let mut pairs = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let at = |problem: String| format!("line {}: {problem}", number + 1);
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line
            .split_once('=')
            .ok_or_else(|| at(format!("`{line}` is not `key = value`")))?;
        let key = key.trim();
        let flag = keys.iter().find(|flag| flag.name == key);
        let flag = flag.ok_or_else(|| {
            at(arguments::unknown(
                "key",
                key,
                keys.iter().map(|flag| flag.name),
            ))
        })?;
        for value in values(value.trim()).map_err(at)? {
            match (flag.value, value.as_str()) {
                (None, "true" | "false") => pairs.push((flag.name, value)),
                (None, _) => return Err(at(format!("{key} must be true or false"))),
                (Some(_), _) => pairs.push((flag.name, value)),
            }
        }
    }
    Ok(pairs)
}

/// One value, or those of an array.
fn values(text: &str) -> Result<Vec<String>, String> {
    match text.strip_prefix('[') {
        None => match value(text)? {
            (value, rest) if is_end(rest) => Ok(vec![value]),
            (_, rest) => Err(format!("`{}` after the value", rest.trim())),
        },
        Some(inner) => array(inner),
    }
}

fn array(mut text: &str) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    loop {
        text = text.trim_start();
        if let Some(rest) = text.strip_prefix(']') {
            return if is_end(rest) {
                Ok(found)
            } else {
                Err(format!("`{}` after the array", rest.trim()))
            };
        }
        let (value, rest) = value(text)?;
        found.push(value);
        text = rest.trim_start();
        text = match text.strip_prefix(',') {
            Some(rest) => rest,
            None if text.starts_with(']') => text,
            None => {
                return Err("an array ends with `]`, its values have commas in between".to_string())
            }
        };
    }
}

/// A quoted string or a bare word, and what follows it.
fn value(text: &str) -> Result<(String, &str), String> {
    if let Some(quoted) = text.strip_prefix('"') {
        let (value, rest) = quoted
            .split_once('"')
            .ok_or_else(|| "a quote is not closed".to_string())?;
        return Ok((value.to_string(), rest));
    }
    let end = text.find([' ', ',', ']', '#', '\t']).unwrap_or(text.len());
    match &text[..end] {
        "" => Err("a value is missing".to_string()),
        word if word == "true" || word == "false" || word.parse::<f64>().is_ok() => {
            Ok((word.to_string(), &text[end..]))
        }
        word => Err(format!("`{word}` needs quotes")),
    }
}

fn is_end(rest: &str) -> bool {
    let rest = rest.trim_start();
    rest.is_empty() || rest.starts_with('#')
}

fn render(arguments: &Arguments) -> String {
    let mut text =
        String::from("# flags of a `ballistics` shot; the command line overrides them\n");
    // Bare numbers mean what they meant when they were saved.
    if !arguments.has("units") {
        text.push_str("units = \"imperial\"\n");
    }
    for (flag, values) in arguments.each(&keys()) {
        let quoted: Vec<String> = values.iter().map(|value| format!("\"{value}\"")).collect();
        let value = match (flag.value, quoted.len()) {
            (None, count) => values[count - 1].to_string(),
            (Some(_), _) if flag.name == "wind" => format!("[{}]", quoted.join(", ")),
            (Some(_), count) => quoted[count - 1].clone(),
        };
        text.push_str(&format!("{} = {value}\n", flag.name));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_read_back() {
        let words = [
            "--velocity",
            "2600 fps",
            "--wind",
            "5@90:300",
            "--wind",
            "8@270",
            "--spin-drift",
        ];
        let words: Vec<String> = words.into_iter().map(String::from).collect();
        let arguments = arguments::parse(&keys(), &words).unwrap();
        let text = render(&arguments);
        assert_eq!(
            parse(&text).unwrap(),
            [
                ("units", "imperial".to_string()),
                ("velocity", "2600 fps".to_string()),
                ("wind", "5@90:300".to_string()),
                ("wind", "8@270".to_string()),
                ("spin-drift", "true".to_string()),
            ]
        );
    }

    #[test]
    fn people_may_write_numbers_comments_and_arrays() {
        let text =
            "# match load\n\nbc = 0.243 # G7\nwind = [ \"5@90:300\", \"8@270\", ]\njump = false\n";
        let pairs = parse(text).unwrap();
        let texts: Vec<&str> = pairs.iter().map(|pair| pair.1.as_str()).collect();
        assert_eq!(texts, ["0.243", "5@90:300", "8@270", "false"]);
    }

    #[test]
    fn mistakes_are_named_by_line() {
        for (text, problem) in [
            (
                "velocty = 1",
                "line 1: unknown key `velocty`; did you mean `velocity`?",
            ),
            ("\nbc", "line 2: `bc` is not `key = value`"),
            ("bc = ", "line 1: a value is missing"),
            ("drag = G7", "line 1: `G7` needs quotes"),
            ("drag = \"G7", "line 1: a quote is not closed"),
            ("drag = \"G7\" 1", "line 1: `1` after the value"),
            (
                "wind = [\"5@90\" \"6@90\"]",
                "line 1: an array ends with `]`, its values have commas in between",
            ),
            ("spin-drift = 1", "line 1: spin-drift must be true or false"),
        ] {
            assert_eq!(parse(text).unwrap_err(), problem);
        }
    }
}
