//! Durations as the fleet's owner writes them: `45s`, `6m 32s`, `2h`. Read and printed the same way.

use anyhow::{bail, Result};
use std::time::Duration;

pub fn parse_duration(text: &str) -> Result<Duration> {
    let mut seconds: u64 = 0;
    let mut smallest = u64::MAX;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let unit = match rest[digits..].chars().next() {
            Some('h') => 3600,
            Some('m') => 60,
            Some('s') => 1,
            _ => return bad(text),
        };
        let Ok(number) = rest[..digits].parse::<u64>() else {
            return bad(text);
        };
        if unit >= smallest || number > 1_000_000 {
            return bad(text);
        }
        smallest = unit;
        seconds += number * unit;
        rest = rest[digits + 1..].trim_start();
    }
    if seconds == 0 {
        return bad(text);
    }
    Ok(Duration::from_secs(seconds))
}

fn bad(text: &str) -> Result<Duration> {
    bail!(
        "`{}` is no duration above zero; write 45s, 6m 32s or 2h",
        text.escape_debug()
    )
}

pub fn show_duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 10.0 {
        return format!("{seconds:.1}s");
    }
    let seconds = seconds.round() as u64;
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest}s"),
        (0, _) => format!("{minutes}m {rest:02}s"),
        _ => format!("{hours}h {minutes:02}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_articles_times_read_as_they_are_written() {
        for (text, seconds) in [
            ("45s", 45),
            ("6m 32s", 392),
            ("15m37s", 937),
            ("2h", 7200),
            ("1h 5s", 3605),
        ] {
            assert_eq!(parse_duration(text).unwrap().as_secs(), seconds, "{text}");
        }
        for text in [
            "",
            "10",
            "0s",
            "s",
            "10 s",
            "5s 1m",
            "1m 1m",
            "-1s",
            "1.5h",
            "99999999h",
            "10d",
        ] {
            assert!(parse_duration(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn durations_print_as_the_article_prints_them() {
        let shown = |seconds| show_duration(Duration::from_secs_f64(seconds));
        assert_eq!(shown(0.34), "0.3s");
        assert_eq!(shown(45.2), "45s");
        assert_eq!(shown(59.7), "1m 00s");
        assert_eq!(shown(937.0), "15m 37s");
        assert_eq!(shown(5960.0), "1h 39m");
    }
}
