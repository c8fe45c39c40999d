#!/bin/sh
# A cargo that builds real macOS and BSD programs on Debian, for rehearsals of a release whose nodes are other systems.
#
#   usage: cross-cargo.sh prepare FOLDER      downloads into FOLDER (1.4 GB, half a minute); harmless when repeated
#          PATH=FOLDER/bin:$PATH cargo build --release --target aarch64-apple-darwin --target x86_64-apple-darwin ...
#
# Rust's own std for these targets cannot be had from Debian, so it is built with the program (-Zbuild-std) from Debian's rust-web-src by
# Debian's rustc-web; PyPI's ziglang is the linker. What comes out can be looked at and not run here, says nothing about a native build, and is
# not for shipping: it is linked against zig's idea of the systems' libraries (OpenBSD programs need an unnumbered `libc.so`).
#
# Needs Debian or a relative whose apt knows rustc-web, python3 with pip, and flock (util-linux). Neither root nor a system C compiler: packages
# are unpacked into FOLDER and nothing is installed. The crate must have no dependencies: the registry is replaced by the crates that std itself needs.
set -eu

ZIGLANG=0.17.1
TARGETS='aarch64-apple-darwin x86_64-apple-darwin
    aarch64-unknown-freebsd x86_64-unknown-freebsd
    aarch64-unknown-netbsd x86_64-unknown-netbsd
    aarch64-unknown-openbsd x86_64-unknown-openbsd'

die() {
    echo "cross-cargo.sh: $*" >&2
    exit 1
}

usage() {
    echo "usage: cross-cargo.sh prepare FOLDER" >&2
    exit 2
}

prepare() {
    need_tools
    mkdir -p "$dir"
    exec 9>"$dir/lock"
    flock 9
    [ -d "$dir/rust" ] || unpack_rust
    [ -d "$dir/zig-$ZIGLANG" ] || install_zig
    answer_for_targets
    write_cargo_home
    write_wrappers
    "$dir/bin/cargo" --version
}

need_tools() {
    missing=
    for tool in apt-get dpkg-deb python3 flock; do
        command -v "$tool" >/dev/null || missing="$missing $tool"
    done
    [ -z "$missing" ] || die "not found:$missing (Debian: apt-get install python3 python3-pip util-linux)"
    [ -d "$dir/zig-$ZIGLANG" ] || python3 -m pip --version >/dev/null 2>&1 || die "python3 has no pip (Debian: apt-get install python3-pip)"
}

# The machine's own sources and installed packages decide what is missing; lists and archives stay in FOLDER, so that root is not needed.
unpack_rust() {
    mkdir -p "$dir/apt/lists/partial" "$dir/apt/cache/archives/partial"
    export DEBIAN_FRONTEND=noninteractive
    # Without this an archive that does not answer is a warning, and the old lists or none are used.
    downloader update -o APT::Update::Error-Mode=any
    catalogue show rustc-web >/dev/null 2>&1 || die "apt knows no rustc-web: this needs Debian 12 or a release of it that has that package"
    std=$(catalogue depends libstd-rust-web-dev | awk '$1 == "Depends:" && $2 ~ /^libstd-rust-web-[0-9]/ { print $2; exit }')
    # Reinstall: a machine that has some of them installed still gets all of them in FOLDER.
    downloader install --download-only --reinstall --yes --no-install-recommends rustc-web cargo-web libstd-rust-web-dev "$std" rust-web-src
    rm -rf "$dir/rust.partial"
    mkdir "$dir/rust.partial"
    for package in "$dir"/apt/cache/archives/*.deb; do
        dpkg-deb -x "$package" "$dir/rust.partial"
    done
    mv "$dir/rust.partial" "$dir/rust"
    rm -rf "$dir/apt"
}

downloader() {
    # Without locks because the ones that apt-get takes are the system's, and nothing of the system is changed.
    # shellcheck disable=SC2046 # apt_options prints words
    apt-get -qq $(apt_options) -o Debug::NoLocking=1 -o APT::Sandbox::User="$(id -un)" "$@" >"$dir/apt/log" 2>&1 || {
        cat "$dir/apt/log" >&2
        die "apt-get $1: see above"
    }
}

catalogue() {
    # shellcheck disable=SC2046 # apt_options prints words
    apt-cache $(apt_options) "$@"
}

apt_options() {
    echo "-o Dir::State::Lists=$dir/apt/lists -o Dir::Cache=$dir/apt/cache -o Acquire::Languages=none"
}

install_zig() {
    rm -rf "$dir/zig.partial"
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target "$dir/zig.partial" "ziglang==$ZIGLANG"
    mv "$dir/zig.partial" "$dir/zig-$ZIGLANG"
}

# `rustc --print target-libdir` names these folders whether they exist or not, and a tool that asks whether a target is installed looks.
# They stay empty: cargo builds their contents into its target directory.
answer_for_targets() {
    for target in $TARGETS; do
        mkdir -p "$dir/rust/usr/lib/rustlib/$target/lib"
    done
}

# A cargo home of its own, so that neither the user's settings nor a registry has a say.
write_cargo_home() {
    mkdir -p "$dir/cargo-home" "$dir/sdk"
    vendor=$(echo "$dir"/rust/usr/src/rustc-*/library/vendor)
    [ -d "$vendor" ] || die "no vendored crates at $vendor: remove $dir and prepare again"
    cat >"$dir/cargo-home/config.toml" <<TOML
[source.crates-io]
replace-with = "vendored"
[source.vendored]
directory = "$vendor"
TOML
}

# FOLDER/bin is for PATH; FOLDER/lib has a copy of this script, so that FOLDER works without the repository, and a linker per target.
write_wrappers() {
    mkdir -p "$dir/bin" "$dir/lib"
    install -m 755 "$0" "$dir/lib/cross-cargo.sh.partial"
    mv "$dir/lib/cross-cargo.sh.partial" "$dir/lib/cross-cargo.sh"
    wrapper "$dir/bin/cargo" run_cargo
    wrapper "$dir/bin/rustc" run_rustc
    for target in $TARGETS $(host); do
        wrapper "$dir/lib/link-$target" link "$target"
    done
}

# wrapper FILE VERB [TARGET]
wrapper() {
    cat >"$1.partial" <<WRAPPER
#!/bin/sh
folder=\$(cd "\$(dirname "\$0")/.." && pwd) || exit 1
exec "\$folder/lib/cross-cargo.sh" $2 "\$folder" ${3-} "\$@"
WRAPPER
    chmod 755 "$1.partial"
    mv "$1.partial" "$1"
}

run_cargo() {
    [ "${1-}" != package ] || package_with_own_cargo "$@"
    libraries
    # RUSTC_BOOTSTRAP lets a stable cargo know -Z. Without SDKROOT rustc asks xcrun for a macOS SDK, and warns; an empty folder will do.
    export CARGO_HOME="$dir/cargo-home" RUSTC="$dir/bin/rustc" RUSTC_BOOTSTRAP=1 SDKROOT="$dir/sdk" CARGO_NET_OFFLINE=true
    # rustc strips Mach-O files with rust-objcopy, which Debian leaves out. The linker strips instead, always; see link.
    export CARGO_PROFILE_RELEASE_STRIP=false
    unset RUSTUP_TOOLCHAIN RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER
    for target in $TARGETS $(host); do
        export "CARGO_TARGET_$(echo "$target" | tr 'a-z-' 'A-Z_')_LINKER=$dir/lib/link-$target"
    done
    # Only where a foreign target is named: std for this machine is there, ready made. panic_abort is for a
    # profile that asks for it; std without its backtraces is built in half the time, with fat LTO.
    if names_foreign_target "$@"; then
        exec "$dir/rust/usr/bin/cargo" -Zbuild-std=std,panic_abort -Zbuild-std-features=panic-unwind "$@"
    fi
    exec "$dir/rust/usr/bin/cargo" "$@"
}

# Packaging resolves the whole workspace, whose other members have dependencies that the replaced registry lacks.
package_with_own_cargo() {
    PATH=$(printf '%s\n' "$PATH" | tr ':' '\n' | grep -Fvx "$dir/bin" | paste -sd : -)
    export PATH
    exec cargo "$@"
}

names_foreign_target() {
    for argument; do
        argument=${argument#--target=}
        for target in $TARGETS; do
            [ "$argument" != "$target" ] || return 0
        done
    done
    return 1
}

run_rustc() {
    libraries
    exec "$dir/rust/usr/bin/rustc" "$@"
}

libraries() {
    LD_LIBRARY_PATH=$(echo "$dir"/rust/usr/lib/*-linux-gnu)
    export LD_LIBRARY_PATH
}

host() {
    "$dir/bin/rustc" -vV | sed -n 's/^host: //p'
}

# link TARGET ARGUMENT...: the C compiler that rustc calls to link, played by zig.
link() {
    target=$1
    shift
    zig_target=$(zig_target "$target" "$@")
    count=$#
    for argument; do
        # rustc names targets in its own way, and asks for libraries of the systems that zig does not have or brings by itself.
        case $argument in
        --target=* | -m64 | -no-pie | -Wl,--as-needed | -Wl,-O1) ;;
        -lgcc | -lgcc_s | -lkvm | -lmemstat | -lprocstat | -ldevstat) ;;
        *) set -- "$@" "$argument" ;;
        esac
    done
    shift "$count"
    export ZIG_GLOBAL_CACHE_DIR="$dir/zig-cache" ZIG_LOCAL_CACHE_DIR="$dir/zig-cache"
    unset LD_LIBRARY_PATH
    # -s strips in the linker: before an arm64 Mach-O file is signed, which a later strip would undo.
    exec "$dir/zig-$ZIGLANG/ziglang/zig" cc -target "$zig_target" "$@" -lunwind -s
}

zig_target() {
    architecture=${1%%-*}
    case $1 in
    *-apple-darwin) echo "$architecture-macos$(macos_floor "$@")" ;;
    *-unknown-*bsd) echo "$architecture-${1##*-}" ;;
    *-unknown-linux-gnu) echo "$architecture-linux-gnu" ;;
    *) die "no zig target for $1" ;;
    esac
}

# The oldest macOS that rustc means to support, MACOSX_DEPLOYMENT_TARGET included; zig's own is the one it was made on.
macos_floor() {
    for argument; do
        case $argument in
        --target=*-apple-macosx*) echo ".${argument##*-apple-macosx}" ;;
        -mmacosx-version-min=*) echo ".${argument#*=}" ;;
        esac
    done | tail -n 1
}

main() {
    [ $# -ge 2 ] || usage
    verb=$1
    dir=$2
    shift 2
    case $verb in
    prepare)
        [ $# -eq 0 ] || usage
        dir=$(realpath -m "$dir")
        # Such a name would have to be quoted differently in each of the files that name it.
        case $dir in *[!A-Za-z0-9/._+-]*) echo "cross-cargo.sh: $dir: choose a folder named with letters, digits and ._+- alone" >&2 && exit 2 ;; esac
        prepare
        ;;
    run_cargo | run_rustc | link) "$verb" "$@" ;;
    *) usage ;;
    esac
}

main "$@"
