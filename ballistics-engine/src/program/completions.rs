//! `ballistics completions`: scripts with which shells complete commands, flags and choices. Made from the same
//! tables as the help, so they cannot fall behind.

use std::fmt::Write;

use super::arguments::{Arguments, Flag, OPERAND};
use super::failure::Failure;
use super::{Command, COMMANDS};

pub const COMMAND: Command = Command {
    name: "completions",
    summary: "completion script for a shell",
    flags: &[("shell", FLAGS)],
    examples: &[
        (
            "completions bash",
            "put it into ~/.local/share/bash-completion/completions/ballistics",
        ),
        (
            "completions zsh",
            "put it into a directory of $fpath as _ballistics",
        ),
        (
            "completions fish",
            "put it into ~/.config/fish/completions/ballistics.fish",
        ),
    ],
    run,
};

const FLAGS: &[Flag] = &[Flag::valued(OPERAND, "bash|zsh|fish", "the shell")];

fn run(arguments: &Arguments) -> Result<String, Failure> {
    match arguments.get(OPERAND) {
        Some("bash") => Ok(bash()),
        Some("zsh") => Ok(zsh()),
        Some("fish") => Ok(fish()),
        Some(other) => Err(Failure::Usage(format!(
            "no completions for `{other}`; there are bash, zsh, fish"
        ))),
        None => Err(Failure::Usage(
            "which shell: bash, zsh or fish?".to_string(),
        )),
    }
}

fn bash() -> String {
    let mut cases = String::new();
    for command in COMMANDS {
        let _ = writeln!(
            cases,
            "        {}) words=\"{}\" ;;",
            command.name,
            words(command).join(" ")
        );
    }
    format!(
        "_ballistics() {{
    local current=\"${{COMP_WORDS[COMP_CWORD]}}\" words=\"\"
    case \"${{COMP_WORDS[COMP_CWORD-1]}}\" in
        --plot|--curve) COMPREPLY=($(compgen -f -- \"$current\")); return ;;
{choices}    esac
    case \"${{COMP_WORDS[1]}}\" in
{cases}    esac
    [ \"$COMP_CWORD\" -eq 1 ] && words=\"{names} help\"
    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))
}}
complete -F _ballistics ballistics
",
        choices = bash_choices(),
        names = names().join(" "),
    )
}

fn bash_choices() -> String {
    let mut text = String::new();
    for flag in all_flags()
        .into_iter()
        .filter(|flag| !choices(flag).is_empty())
    {
        let choices = choices(&flag).join(" ");
        let _ = writeln!(
            text,
            "        --{}) COMPREPLY=($(compgen -W \"{choices}\" -- \"$current\")); return ;;",
            flag.name
        );
    }
    text
}

fn zsh() -> String {
    let mut text = String::from(
        "#compdef ballistics\n\n_ballistics() {\n    local -a commands\n    commands=(\n",
    );
    for command in COMMANDS {
        let _ = writeln!(
            text,
            "        '{}:{}'",
            command.name,
            zsh_words(command.summary)
        );
    }
    text.push_str("    )\n    if (( CURRENT == 2 )); then\n        _describe command commands\n        return\n    fi\n");
    text.push_str(
        "    local name=$words[2]\n    shift words\n    (( CURRENT-- ))\n    case $name in\n",
    );
    for command in COMMANDS {
        let specs: Vec<String> = command
            .flags
            .iter()
            .flat_map(|group| group.1)
            .map(zsh_spec)
            .collect();
        let _ = writeln!(
            text,
            "        {}) _arguments {} ;;",
            command.name,
            specs.join(" ")
        );
    }
    text.push_str("    esac\n}\n\n_ballistics \"$@\"\n");
    text
}

fn zsh_spec(flag: &Flag) -> String {
    let action = match (flag.name, choices(flag)) {
        ("plot" | "curve", _) => ":file:_files".to_string(),
        (_, choices) if !choices.is_empty() => format!(":value:({})", choices.join(" ")),
        _ if flag.value.is_some() => ":value:".to_string(),
        _ => String::new(),
    };
    if flag.name == OPERAND {
        format!("'1{action}'")
    } else {
        format!("'*--{}[{}]{action}'", flag.name, zsh_words(flag.help))
    }
}

/// Quotes, colons and brackets have a meaning in a specification.
fn zsh_words(text: &str) -> String {
    text.replace('\'', "")
        .replace(':', "\\:")
        .replace('[', "(")
        .replace(']', ")")
}

fn fish() -> String {
    let mut text = String::from("complete -c ballistics -f\n");
    for command in COMMANDS {
        let name = command.name;
        let _ = writeln!(
            text,
            "complete -c ballistics -n __fish_use_subcommand -a {name} -d '{}'",
            fish_words(command.summary)
        );
        for flag in command.flags.iter().flat_map(|group| group.1) {
            let _ = writeln!(
                text,
                "complete -c ballistics -n '__fish_seen_subcommand_from {name}' {}",
                fish_spec(flag)
            );
        }
    }
    text
}

fn fish_spec(flag: &Flag) -> String {
    let mut spec = match flag.name {
        OPERAND => format!("-a '{}'", choices(flag).join(" ")),
        name => format!("-l {name} -d '{}'", fish_words(flag.help)),
    };
    if let (Some(letter), false) = (flag.short, flag.name == OPERAND) {
        let _ = write!(spec, " -s {letter}");
    }
    match (flag.name, choices(flag)) {
        (OPERAND, _) => {}
        ("plot" | "curve", _) => spec.push_str(" -r -F"),
        (_, choices) if !choices.is_empty() => {
            let _ = write!(spec, " -x -a '{}'", choices.join(" "));
        }
        _ if flag.value.is_some() => spec.push_str(" -x"),
        _ => {}
    }
    spec
}

fn fish_words(text: &str) -> String {
    text.replace('\'', "\\'")
}

fn names() -> Vec<&'static str> {
    COMMANDS.iter().map(|command| command.name).collect()
}

fn words(command: &Command) -> Vec<String> {
    let flags = command.flags.iter().flat_map(|group| group.1);
    flags
        .flat_map(|flag| match flag.name {
            OPERAND => choices(flag).into_iter().map(String::from).collect(),
            name => vec![format!("--{name}")],
        })
        .collect()
}

fn all_flags() -> Vec<Flag> {
    let mut flags: Vec<Flag> = Vec::new();
    for flag in COMMANDS
        .iter()
        .flat_map(|command| command.flags)
        .flat_map(|group| group.1)
    {
        if flag.name != OPERAND && !flags.iter().any(|known| known.name == flag.name) {
            flags.push(*flag);
        }
    }
    flags
}

fn choices(flag: &Flag) -> Vec<&'static str> {
    match flag.value {
        Some(value) if value.contains('|') => value.split('|').collect(),
        _ => Vec::new(),
    }
}
