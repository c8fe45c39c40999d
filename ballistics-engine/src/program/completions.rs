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

/// What a flag's value may be.
enum Values {
    Files,
    /// Names of profiles, or files of them.
    Profiles,
    Choices(Vec<&'static str>),
    Anything,
}

fn values(flag: &Flag) -> Values {
    match (flag.name, flag.value) {
        ("plot" | "curve", _) => Values::Files,
        ("profile" | "save-profile", _) => Values::Profiles,
        (_, Some(value)) if value.contains('|') => Values::Choices(value.split('|').collect()),
        _ => Values::Anything,
    }
}

fn bash() -> String {
    let mut cases = String::new();
    for command in COMMANDS {
        let words = words(command).join(" ");
        let _ = writeln!(cases, "        {}) words=\"{words}\" ;;", command.name);
    }
    format!(
        "_ballistics_profiles() {{
    local file
    for file in \"${{XDG_CONFIG_HOME:-$HOME/.config}}\"/ballistics/*.toml; do
        [ -e \"$file\" ] && basename \"$file\" .toml
    done
}}

_ballistics() {{
    local current=\"${{COMP_WORDS[COMP_CWORD]}}\" before=\"${{COMP_WORDS[COMP_CWORD-1]}}\" words=\"\"
    # bash cuts --flag=value into three words.
    if [ \"$current\" = = ]; then
        current=\"\"
    elif [ \"$before\" = = ]; then
        before=\"${{COMP_WORDS[COMP_CWORD-2]}}\"
    fi
    case \"$before\" in
{flags}    esac
    case \"${{COMP_WORDS[1]}}\" in
{cases}        help) words=\"{names}\" ;;
    esac
    [ \"$COMP_CWORD\" -eq 1 ] && words=\"{names} help\"
    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))
}}
complete -F _ballistics ballistics
",
        flags = bash_flags(),
        names = names().join(" "),
    )
}

fn bash_flags() -> String {
    let mut text = String::new();
    for flag in all_flags() {
        let found = match values(&flag) {
            Values::Files => "compgen -f -- \"$current\"".to_string(),
            Values::Profiles => {
                "compgen -W \"$(_ballistics_profiles)\" -- \"$current\"; compgen -f -X '!*.toml' -- \"$current\"".to_string()
            }
            Values::Choices(choices) => {
                format!("compgen -W \"{}\" -- \"$current\"", choices.join(" "))
            }
            Values::Anything => continue,
        };
        let short = flag
            .short
            .map_or(String::new(), |letter| format!("|-{letter}"));
        let name = flag.name;
        let _ = writeln!(
            text,
            "        --{name}{short}) COMPREPLY=($({found})); return ;;"
        );
    }
    text
}

fn zsh() -> String {
    let mut text = String::from(
        "#compdef ballistics

_ballistics_profiles() {
    local -a names
    names=(${XDG_CONFIG_HOME:-$HOME/.config}/ballistics/*.toml(N:t:r))
    compadd -a names
    _files -g '*.toml'
}

_ballistics() {
    local -a commands
    commands=(
",
    );
    for command in COMMANDS {
        let _ = writeln!(
            text,
            "        '{}:{}'",
            command.name,
            zsh_words(command.summary)
        );
    }
    text.push_str("        'help:flags and worked examples of a command'\n");
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
            .chain(["'--help[show flags and examples]'".to_string()])
            .collect();
        let _ = writeln!(
            text,
            "        {}) _arguments {} ;;",
            command.name,
            specs.join(" ")
        );
    }
    text.push_str(
        "        help) _describe command commands ;;\n    esac\n}\n\n_ballistics \"$@\"\n",
    );
    text
}

fn zsh_spec(flag: &Flag) -> String {
    let action = match values(flag) {
        Values::Files => ":file:_files".to_string(),
        Values::Profiles => ":profile:_ballistics_profiles".to_string(),
        Values::Choices(choices) => format!(":value:({})", choices.join(" ")),
        Values::Anything if flag.value.is_some() => ":value:".to_string(),
        Values::Anything => String::new(),
    };
    let help = zsh_words(flag.help);
    match (flag.name, flag.short) {
        (OPERAND, _) => format!("'1{action}'"),
        (name, Some(letter)) => format!("'*'{{-{letter},--{name}}}'[{help}]{action}'"),
        (name, None) => format!("'*--{name}[{help}]{action}'"),
    }
}

/// Quotes, colons and brackets have a meaning in a specification.
fn zsh_words(text: &str) -> String {
    text.replace('\'', "'\\''")
        .replace(':', "\\:")
        .replace('[', "(")
        .replace(']', ")")
}

fn fish() -> String {
    let mut text = String::from(
        "function __ballistics_profiles
    set -l home $HOME/.config
    set -q XDG_CONFIG_HOME; and set home $XDG_CONFIG_HOME
    for file in $home/ballistics/*.toml
        basename $file .toml
    end
end

complete -c ballistics -f
complete -c ballistics -n __fish_use_subcommand -a help -d 'flags and worked examples of a command'
",
    );
    let names = names().join(" ");
    let _ = writeln!(
        text,
        "complete -c ballistics -n '__fish_seen_subcommand_from help' -a '{names}'"
    );
    for command in COMMANDS {
        let name = command.name;
        let _ = writeln!(
            text,
            "complete -c ballistics -n __fish_use_subcommand -a {name} -d '{}'",
            fish_words(command.summary)
        );
        let flags = command.flags.iter().flat_map(|group| group.1);
        let help = "-l help -s h -d 'show flags and examples'".to_string();
        for spec in flags.map(fish_spec).chain([help]) {
            let _ = writeln!(
                text,
                "complete -c ballistics -n '__fish_seen_subcommand_from {name}' {spec}"
            );
        }
    }
    text
}

fn fish_spec(flag: &Flag) -> String {
    let found = match values(flag) {
        Values::Files => " -r -F".to_string(),
        Values::Profiles => " -r -F -a '(__ballistics_profiles)'".to_string(),
        Values::Choices(choices) => format!(" -x -a '{}'", choices.join(" ")),
        Values::Anything if flag.value.is_some() => " -x".to_string(),
        Values::Anything => String::new(),
    };
    if flag.name == OPERAND {
        return found.trim_start_matches(" -x ").to_string();
    }
    let short = flag
        .short
        .map_or(String::new(), |letter| format!(" -s {letter}"));
    let help = fish_words(flag.help);
    format!("-l {} -d '{help}'{short}{found}", flag.name)
}

fn fish_words(text: &str) -> String {
    text.replace('\'', "\\'")
}

fn names() -> Vec<&'static str> {
    COMMANDS.iter().map(|command| command.name).collect()
}

/// What may follow a command: its flags, or what stands bare.
fn words(command: &Command) -> Vec<String> {
    let flags = command.flags.iter().flat_map(|group| group.1);
    let words = flags.flat_map(|flag| match (flag.name, values(flag)) {
        (OPERAND, Values::Choices(choices)) => choices.into_iter().map(String::from).collect(),
        (name, _) => vec![format!("--{name}")],
    });
    words.chain(["--help".to_string()]).collect()
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
