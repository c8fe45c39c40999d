//! What an executable says of itself: system, machine, and the oldest system that it runs on. ELF and Mach-O, bytes in, facts out.
//!
//! EI_OSABI alone is not believed: Rust's programs for NetBSD, OpenBSD and some FreeBSD have 0 there. Notes come first, then the interpreter.

use crate::words::{Arch, Facts, Os, Platform};
use anyhow::{bail, Context, Result};
use object::read::elf::{Dyn, ElfFile64, FileHeader, ProgramHeader, SectionHeader, SectionTable};
use object::read::macho::{FatArch, LoadCommandVariant, MachHeader, MachOFatFile32};
use object::{elf, macho, Endianness, ReadRef};

/// What the linker put in.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Linked {
    /// Shared libraries asked for.
    pub needed: Vec<String>,
    /// The newest version of each symbol set asked for: `GLIBC_2.34`, `FBSD_1.7`.
    pub symbol_versions: Vec<String>,
    /// The system release that the file itself names, if it does.
    release: Option<String>,
    musl: bool,
    /// As `rustc --version` says it. Mach-O files do not.
    pub compiler: Option<String>,
}

/// Refuses a file that is not an executable of this platform.
pub fn check<'data>(data: impl ReadRef<'data>, platform: Platform) -> Result<Linked> {
    let (os, linked) = match (platform.arch(), object::FileKind::parse(data)) {
        (Arch::Universal, Ok(object::FileKind::MachOFat32)) => return check_universal(data),
        (_, Ok(object::FileKind::Elf64)) => read_elf(data, platform)?,
        (_, Ok(object::FileKind::MachO64)) => read_mach(data, platform.arch())?,
        (_, Ok(kind)) => {
            bail!("it is a file of kind {kind:?}, not a 64-bit executable for {platform}")
        }
        (_, Err(_)) => bail!("it is no executable: {}", first_bytes(data)),
    };
    match os {
        Some(os) if os != platform.os() => {
            bail!("it is an executable for {os}, not for {}", platform.os())
        }
        // A static Linux program has no mark of its system; every BSD's has one.
        None if platform.os() != Os::Linux => {
            bail!("nothing in it says that it is for {}", platform.os())
        }
        _ => Ok(linked),
    }
}

fn first_bytes<'data>(data: impl ReadRef<'data>) -> String {
    let length = data.len().unwrap_or(0);
    match data.read_bytes_at(0, length.min(16)) {
        Ok(bytes) if length > 0 => format!("it starts with `{}`", bytes.escape_ascii()),
        _ => "it is empty".into(),
    }
}

impl Linked {
    /// The word of `catalog.txt` for the oldest system that this file runs on; `-` where nothing tells.
    pub fn floor(&self, platform: Platform, facts: &Facts) -> String {
        let release = match platform.os() {
            Os::Linux if self.musl => return "musl".into(),
            Os::Linux => {
                return match self.glibc() {
                    Some(version) => format!("glibc-{version}"),
                    None => "-".into(),
                }
            }
            // OpenBSD's note has no release in it, and OpenBSD promises nothing across releases: the builder's own counts.
            Os::Openbsd => (facts.os == "OpenBSD").then(|| facts.os_release.clone()),
            _ => self.release.clone(),
        };
        release.map_or("-".into(), |release| format!("{}-{release}", platform.os()))
    }

    pub fn glibc(&self) -> Option<&str> {
        self.symbol_versions
            .iter()
            .find_map(|version| version.strip_prefix("GLIBC_"))
    }
}

/// Compares dotted numbers: 2.4 is older than 2.34.
pub fn is_newer(version: &str, than: &str) -> bool {
    numbers(version) > numbers(than)
}

fn numbers(version: &str) -> Vec<u32> {
    version
        .split('.')
        .map(|part| part.parse().unwrap_or(0))
        .collect()
}

type Elf<'data, R> = ElfFile64<'data, Endianness, R>;

fn read_elf<'data>(data: impl ReadRef<'data>, platform: Platform) -> Result<(Option<Os>, Linked)> {
    let file = Elf::parse(data).context("its ELF headers are damaged")?;
    let (header, endian) = (file.elf_header(), file.endian());
    let machine = match platform.arch() {
        Arch::X86_64 => elf::EM_X86_64,
        Arch::Aarch64 => elf::EM_AARCH64,
        Arch::Universal => bail!("it is an ELF file, not a universal macOS executable"),
    };
    if header.e_machine(endian) != machine {
        bail!(
            "it is for another machine (e_machine {}), not {}",
            header.e_machine(endian),
            platform.arch()
        );
    }
    let mut linked = read_dynamic(&file)?;
    let interpreter = interpreter(&file)?;
    let program = header.e_type(endian) == elf::ET_EXEC || interpreter.is_some() || is_pie(&file)?;
    if !matches!(header.e_type(endian), elf::ET_EXEC | elf::ET_DYN) || !program {
        bail!("it is an object file or a library, not a program");
    }
    linked.musl = interpreter
        .as_ref()
        .is_some_and(|path| path.contains("ld-musl"));
    linked.compiler = read_comment(&file)?;
    let (noted, release) = read_notes(&file)?;
    linked.release = release;
    let loader = interpreter.as_deref().and_then(os_of_interpreter);
    let abi = match header.e_ident().os_abi {
        elf::ELFOSABI_NETBSD => Some(Os::Netbsd),
        elf::ELFOSABI_FREEBSD => Some(Os::Freebsd),
        elf::ELFOSABI_OPENBSD => Some(Os::Openbsd),
        _ => None,
    };
    let freebsd_symbols = linked
        .symbol_versions
        .iter()
        .any(|version| version.starts_with("FBSD_"));
    let symbols = freebsd_symbols.then_some(Os::Freebsd);
    let said: Vec<Os> = [noted, loader, abi, symbols]
        .into_iter()
        .flatten()
        .collect();
    if said.windows(2).any(|pair| pair[0] != pair[1]) {
        bail!(
            "its marks contradict each other: {}",
            said.iter()
                .map(Os::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        );
    }
    Ok((said.first().copied(), linked))
}

fn interpreter<'data>(file: &Elf<'data, impl ReadRef<'data>>) -> Result<Option<String>> {
    for segment in file.elf_program_headers() {
        if let Some(path) = segment
            .interpreter(file.endian(), file.data())
            .context("its PT_INTERP is damaged")?
        {
            return Ok(Some(String::from_utf8_lossy(path).into_owned()));
        }
    }
    Ok(None)
}

fn os_of_interpreter(path: &str) -> Option<Os> {
    match path {
        "/libexec/ld-elf.so.1" => Some(Os::Freebsd),
        "/usr/libexec/ld.so" => Some(Os::Openbsd),
        "/libexec/ld.elf_so" | "/usr/libexec/ld.elf_so" => Some(Os::Netbsd),
        _ if path.contains("/ld-linux") || path.contains("/ld-musl") => Some(Os::Linux),
        _ => None,
    }
}

/// The system, and its release where the note has one.
fn read_notes<'data>(
    file: &Elf<'data, impl ReadRef<'data>>,
) -> Result<(Option<Os>, Option<String>)> {
    let endian = file.endian();
    for segment in file.elf_program_headers() {
        let Some(mut notes) = segment
            .notes(endian, file.data())
            .context("its notes are damaged")?
        else {
            continue;
        };
        while let Some(note) = notes.next().context("its notes are damaged")? {
            if note.n_type(endian) != 1 {
                continue;
            }
            let number = note
                .desc()
                .first_chunk()
                .map(|bytes| u32::from_le_bytes(*bytes))
                .unwrap_or(0);
            match note.name() {
                b"FreeBSD" => {
                    return Ok((
                        Some(Os::Freebsd),
                        Some(format!("{}.{}", number / 100_000, number / 1000 % 100)),
                    ))
                }
                b"NetBSD" => {
                    return Ok((
                        Some(Os::Netbsd),
                        Some(format!(
                            "{}.{}",
                            number / 100_000_000,
                            number / 1_000_000 % 100
                        )),
                    ))
                }
                b"OpenBSD" => return Ok((Some(Os::Openbsd), None)),
                b"GNU" if number == 0 => return Ok((Some(Os::Linux), None)),
                _ => {}
            }
        }
    }
    Ok((None, None))
}

fn sections<'data, R: ReadRef<'data>>(
    file: &Elf<'data, R>,
) -> Result<SectionTable<'data, elf::FileHeader64<Endianness>, R>> {
    file.elf_header()
        .sections(file.endian(), file.data())
        .context("its section headers are damaged")
}

/// Compilers and linkers leave their names in a section of their own, `rustc version 1.95.0 (...)` among them.
fn read_comment<'data>(file: &Elf<'data, impl ReadRef<'data>>) -> Result<Option<String>> {
    let (endian, data) = (file.endian(), file.data());
    let Some((_, section)) = sections(file)?.section_by_name(endian, b".comment") else {
        return Ok(None);
    };
    let text = section
        .data(endian, data)
        .context("its .comment is damaged")?;
    let named = text.split(|byte| *byte == 0).find_map(|name| {
        let version = name.strip_prefix(b"rustc version ")?;
        let readable = version.len() < 100 && version.iter().all(|b| matches!(b, b' '..=b'~'));
        readable.then(|| format!("rustc {}", String::from_utf8_lossy(version)))
    });
    Ok(named)
}

fn is_pie<'data>(file: &Elf<'data, impl ReadRef<'data>>) -> Result<bool> {
    let endian = file.endian();
    let Some((entries, _)) = sections(file)?.dynamic(endian, file.data())? else {
        return Ok(false);
    };
    Ok(entries.iter().any(|entry| {
        let flags = entry.d_tag(endian) == u64::from(elf::DT_FLAGS_1);
        flags && entry.d_val(endian) & u64::from(elf::DF_1_PIE) != 0
    }))
}

fn read_dynamic<'data>(file: &Elf<'data, impl ReadRef<'data>>) -> Result<Linked> {
    let (endian, data) = (file.endian(), file.data());
    let table = sections(file)?;
    let mut linked = Linked::default();
    if let Some((entries, link)) = table.dynamic(endian, data)? {
        let strings = table.strings(endian, data, link)?;
        for entry in entries
            .iter()
            .filter(|entry| entry.d_tag(endian) == u64::from(elf::DT_NEEDED))
        {
            let name = u32::try_from(entry.d_val(endian))
                .ok()
                .and_then(|offset| strings.get(offset).ok())
                .context("a library's name is cut short")?;
            linked
                .needed
                .push(String::from_utf8_lossy(name).into_owned());
        }
    }
    for section in table.iter() {
        let Some((mut libraries, link)) = section.gnu_verneed(endian, data)? else {
            continue;
        };
        let strings = table.strings(endian, data, link)?;
        while let Some((_, mut versions)) = libraries.next()? {
            while let Some(version) = versions.next()? {
                let name = version.name(endian, strings)?;
                keep_newest(&mut linked.symbol_versions, &String::from_utf8_lossy(name));
            }
        }
    }
    linked.symbol_versions.sort();
    Ok(linked)
}

/// `GLIBC_2.34` takes the place of `GLIBC_2.2.5`. `GLIBC_PRIVATE` and the like have no number and are left out.
fn keep_newest(versions: &mut Vec<String>, new: &str) {
    let Some((set, number)) = new.rsplit_once('_') else {
        return;
    };
    if !number.starts_with(|first: char| first.is_ascii_digit()) {
        return;
    }
    let same = versions
        .iter_mut()
        .find(|old| old.rsplit_once('_').is_some_and(|(name, _)| name == set));
    match same {
        Some(old) => {
            if is_newer(
                number,
                old.rsplit_once('_').map_or("", |(_, number)| number),
            ) {
                *old = new.to_string();
            }
        }
        None => versions.push(new.to_string()),
    }
}

fn read_mach<'data>(data: impl ReadRef<'data>, arch: Arch) -> Result<(Option<Os>, Linked)> {
    let header = macho::MachHeader64::<Endianness>::parse(data, 0)
        .context("its Mach-O header is damaged")?;
    let endian = header.endian()?;
    let wanted = match arch {
        Arch::X86_64 => macho::CPU_TYPE_X86_64,
        Arch::Aarch64 => macho::CPU_TYPE_ARM64,
        Arch::Universal => bail!("it is for one machine only, not a universal executable"),
    };
    if header.cputype(endian) != wanted {
        bail!(
            "it is for another machine (cputype {:#x}), not {arch}",
            header.cputype(endian)
        );
    }
    if header.filetype(endian) != macho::MH_EXECUTE {
        bail!("it is a Mach-O object or library, not a program");
    }
    let (mut linked, mut signed) = (Linked::default(), false);
    let mut commands = header.load_commands(endian, data, 0)?;
    while let Some(command) = commands.next()? {
        match command.variant()? {
            LoadCommandVariant::BuildVersion(build) => {
                linked.release = Some(mac_release(build.minos.get(endian)))
            }
            LoadCommandVariant::VersionMin(minimum) => {
                linked.release = Some(mac_release(minimum.version.get(endian)))
            }
            LoadCommandVariant::Dylib(library) => {
                let name = command.string(endian, library.dylib.name)?;
                linked
                    .needed
                    .push(String::from_utf8_lossy(name).into_owned());
            }
            LoadCommandVariant::Segment64(segment, _) => {
                let end = segment
                    .fileoff
                    .get(endian)
                    .saturating_add(segment.filesize.get(endian));
                let length = data.len().unwrap_or(0);
                if end > length {
                    bail!("it is cut short: {length} bytes of at least {end}");
                }
            }
            LoadCommandVariant::LinkeditData(_) if command.cmd() == macho::LC_CODE_SIGNATURE => {
                signed = true
            }
            _ => {}
        }
    }
    if arch == Arch::Aarch64 && !signed {
        bail!("it has no code signature, and Apple silicon kills such a program; the linker signs by itself: `codesign --sign - FILE`");
    }
    Ok((Some(Os::Macos), linked))
}

/// Packed as X.Y.Z in nibbles: 0x000b0000 is 11.0.
fn mac_release(packed: u32) -> String {
    format!("{}.{}", packed >> 16, packed >> 8 & 0xff)
}

fn check_universal<'data>(data: impl ReadRef<'data>) -> Result<Linked> {
    let fat = MachOFatFile32::parse(data).context("its universal header is damaged")?;
    let mut found = Vec::new();
    let mut linked = Linked::default();
    for slice in fat.arches() {
        let arch = match slice.cputype() {
            macho::CPU_TYPE_X86_64 => Arch::X86_64,
            macho::CPU_TYPE_ARM64 => Arch::Aarch64,
            other => bail!("it has a part for another machine (cputype {other:#x})"),
        };
        linked = read_mach(slice.data(data).context("a part of it is cut short")?, arch)?.1;
        found.push(arch);
    }
    found.sort();
    if found != [Arch::X86_64, Arch::Aarch64] {
        bail!("it lacks one of its two machines");
    }
    Ok(linked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> Vec<u8> {
        let path = format!("{}/fixtures/hello/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn platform(name: &str) -> Platform {
        Platform::parse(name).unwrap()
    }

    #[test]
    fn each_platforms_file_is_accepted_for_it_and_for_no_other() {
        for file in Platform::all() {
            let data = fixture(&file.to_string());
            for asked in Platform::all() {
                let result = check(&data[..], asked);
                assert_eq!(
                    result.is_ok(),
                    file == asked,
                    "{file} as {asked}: {result:?}"
                );
            }
        }
    }

    #[cfg(not(target_os = "macos"))]
    #[test]
    fn an_elf_file_names_its_compiler() {
        let this = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let file = Elf::parse(&this[..]).unwrap();
        let named = read_comment(&file).unwrap().unwrap();
        let rustc = std::process::Command::new("rustc")
            .arg("--version")
            .output();
        assert_eq!(
            named,
            String::from_utf8(rustc.unwrap().stdout).unwrap().trim_end()
        );
        let by_hand = fixture("linux-x86_64");
        assert_eq!(
            read_comment(&Elf::parse(&by_hand[..]).unwrap()).unwrap(),
            None
        );
    }

    #[test]
    fn what_is_no_program_is_refused_by_name() {
        let linux = platform("linux-x86_64");
        for (file, expected) in [
            (
                "linux-x86_64.so",
                "it is an object file or a library, not a program",
            ),
            (
                "linux-x86_64.o",
                "it is an object file or a library, not a program",
            ),
            (
                "linux-i386",
                "it is a file of kind Elf32, not a 64-bit executable for linux-x86_64",
            ),
        ] {
            assert_eq!(
                check(&fixture(file)[..], linux).unwrap_err().to_string(),
                expected
            );
        }
        let library = check(
            &fixture("macos-aarch64.dylib")[..],
            platform("macos-aarch64"),
        );
        assert_eq!(
            library.unwrap_err().to_string(),
            "it is a Mach-O object or library, not a program"
        );
        let page = check(&b"<!doctype html>"[..], linux)
            .unwrap_err()
            .to_string();
        assert_eq!(
            page,
            "it is no executable: it starts with `<!doctype html>`"
        );
        assert_eq!(
            check(&b""[..], linux).unwrap_err().to_string(),
            "it is no executable: it is empty"
        );
    }

    #[test]
    fn a_file_cut_short_anywhere_never_panics_and_never_passes() {
        for name in [
            "linux-x86_64",
            "netbsd-aarch64",
            "macos-aarch64",
            "macos-x86_64",
        ] {
            let data = fixture(name);
            for length in (0..data.len()).step_by(7) {
                assert!(
                    check(&data[..length], platform(name)).is_err(),
                    "{name} cut at {length}"
                );
            }
        }
    }

    #[test]
    fn static_linux_programs_are_taken_for_linux_only() {
        for name in ["linux-x86_64-static", "linux-x86_64-static-pie"] {
            let data = fixture(name);
            let linked = check(&data[..], platform("linux-x86_64")).unwrap();
            assert_eq!(
                linked.floor(platform("linux-x86_64"), &Facts::default()),
                "-"
            );
            let error = check(&data[..], platform("netbsd-x86_64"))
                .unwrap_err()
                .to_string();
            assert_eq!(error, "nothing in it says that it is for netbsd");
        }
    }

    #[test]
    fn floors_are_read_from_the_file_or_its_builder() {
        let builder = Facts {
            os: "OpenBSD".into(),
            os_release: "7.7".into(),
            ..Facts::default()
        };
        for (name, floor) in [
            ("linux-x86_64", "glibc-2.34"),
            ("linux-aarch64", "glibc-2.17"),
            ("freebsd-x86_64", "freebsd-14.0"),
            ("netbsd-aarch64", "netbsd-10.1"),
            ("openbsd-x86_64", "openbsd-7.7"),
            ("macos-aarch64", "macos-11.0"),
            ("macos-x86_64", "macos-10.12"),
        ] {
            let linked = check(&fixture(name)[..], platform(name)).unwrap();
            assert_eq!(linked.floor(platform(name), &builder), floor, "{name}");
        }
        let elsewhere = check(&fixture("openbsd-x86_64")[..], platform("openbsd-x86_64")).unwrap();
        assert_eq!(
            elsewhere.floor(platform("openbsd-x86_64"), &Facts::default()),
            "-"
        );
    }

    #[test]
    fn needed_libraries_and_symbol_versions_are_read() {
        let linux = check(&fixture("linux-x86_64")[..], platform("linux-x86_64")).unwrap();
        assert_eq!(
            (linux.needed, linux.symbol_versions),
            (vec!["libc.so.6".into()], vec!["GLIBC_2.34".into()])
        );
        let freebsd = check(&fixture("freebsd-aarch64")[..], platform("freebsd-aarch64")).unwrap();
        assert_eq!(
            (freebsd.needed, freebsd.symbol_versions),
            (vec!["libc.so.7".into()], vec!["FBSD_1.7".into()])
        );
        assert!(is_newer("2.34", "2.4") && !is_newer("2.4", "2.34") && !is_newer("2.28", "2.28"));
    }
}
