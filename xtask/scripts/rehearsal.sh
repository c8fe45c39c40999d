#!/bin/sh
# A dress rehearsal: HEAD of this repository is released for all ten platforms, with real files, from one machine to a directory.
#
#   usage: rehearsal.sh FOLDER      everything it makes is in FOLDER (3 GB); what is prepared there is used again
#
# linux-x86_64 is built natively over ssh to loopback, linux-aarch64 on an emulated guest (arm64-node.sh), the eight others on loopback nodes
# that cross-build and cannot prove what they built (cross-cargo.sh). XTASK_ARM64_NODE and XTASK_CROSS_CARGO name folders that
# those two scripts have prepared elsewhere.
#
# Needs what those scripts need, and sshd. Nothing leaves the machine but the downloads of the preparation; nothing outside FOLDER is written
# but cargo's own target directory. Takes ten minutes on two idle cores after the preparation.
set -eu

SYSTEMS='macos freebsd netbsd openbsd'

die() {
	echo "rehearsal.sh: $*" >&2
	exit 1
}

main() {
	[ $# = 1 ] || die 'usage: rehearsal.sh FOLDER'
	folder=$(realpath -m "$1")
	scripts=$(cd "$(dirname "$0")" && pwd)
	root=$(git -C "$scripts" rev-parse --show-toplevel)
	# ssh_config and sshd_config would want such a name quoted, each in its own way.
	case $folder in *[!A-Za-z0-9/._+-]*) die "$folder: choose a folder named with letters, digits and ._+- alone" ;; esac
	mkdir -p "$folder"
	prepare
	trap stop EXIT
	trap 'exit 1' HUP INT TERM
	stop_sshds
	start_sshd native "HOME=$HOME"
	start_sshd cross "HOME=$folder/cross-home"
	boot_guest
	write_ssh
	write_nodes
	release
	show
}

prepare() {
	guest=${XTASK_ARM64_NODE:-$folder/arm64}
	cross=${XTASK_CROSS_CARGO:-$folder/cross}
	"$scripts/arm64-node.sh" build "$guest"
	[ -x "$cross/bin/cargo" ] || "$scripts/cross-cargo.sh" prepare "$cross"
	(cd "$root" && cargo build --quiet --locked --package xtask)
	# What a node looks for first.
	mkdir -p "$folder/cross-home/.cargo/bin"
	for tool in cargo rustc; do
		printf '#!/bin/sh\nexec %s/bin/%s "$@"\n' "$cross" "$tool" >"$folder/cross-home/.cargo/bin/$tool"
		chmod 755 "$folder/cross-home/.cargo/bin/$tool"
	done
	for key in user host; do
		[ -f "$folder/$key" ] || ssh-keygen -q -t ed25519 -N '' -C rehearsal -f "$folder/$key"
	done
}

# start_sshd NAME VARIABLE=VALUE: an sshd whose sessions see that variable, and keep their work in FOLDER.
start_sshd() {
	port=$(free_port)
	cat >"$folder/$1.sshd_config" <<CONFIG
ListenAddress 127.0.0.1:$port
HostKey $folder/host
AuthorizedKeysFile $folder/user.pub
PidFile $folder/$1.pid
UsePAM no
StrictModes no
PasswordAuthentication no
SetEnv XTASK_CACHE=$folder/cache $2
CONFIG
	run_sshd "$folder/$1.sshd_config" "$folder/$1.sshd.log"
	echo "$port" >"$folder/$1.port"
}

# As root it wants /run/sshd, which is made at boot; a mount namespace has one of its own.
run_sshd() {
	if [ "$(id -u)" = 0 ]; then
		# shellcheck disable=SC2016 # for the inner shell
		unshare --mount --propagation=private sh -c 'mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd && exec /usr/sbin/sshd -f "$1" -E "$2"' sh "$1" "$2"
	else
		/usr/sbin/sshd -f "$1" -E "$2"
	fi
}

free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

boot_guest() {
	guest_port=$(free_port)
	"$scripts/arm64-node.sh" boot "$guest" "$guest_port"
}

stop() {
	stop_sshds
	[ -z "${guest_port-}" ] || "$scripts/arm64-node.sh" stop "$guest" "$guest_port"
}

# Those of this run, or of one that was killed; the pid in such a file may be another process's by now.
stop_sshds() {
	for name in native cross; do
		pid=$(cat "$folder/$name.pid" 2>/dev/null) || continue
		case $(ps -o args= -p "${pid:-0}" 2>/dev/null) in *sshd*" -f $folder/$name.sshd_config "*) kill "$pid" ;; esac
		rm -f "$folder/$name.pid"
	done
}

# The user's own ssh settings and known hosts are not read and not written.
write_ssh() {
	: >"$folder/known_hosts"
	: >"$folder/ssh_config"
	for name in native cross; do
		port=$(cat "$folder/$name.port")
		echo "[127.0.0.1]:$port $(cut -d' ' -f1,2 "$folder/host.pub")" >>"$folder/known_hosts"
		cat >>"$folder/ssh_config" <<CONFIG
Host $name
    HostName 127.0.0.1
    Port $port
    User $(id -un)
    IdentityFile $folder/user
    IdentitiesOnly yes
    UserKnownHostsFile $folder/known_hosts
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
CONFIG
	done
	cat "$guest/ssh_config-$guest_port" >>"$folder/ssh_config"
	for program in ssh scp; do
		printf '#!/bin/sh\nexec %s -F %s/ssh_config "$@"\n' "$program" "$folder" >"$folder/$program"
		chmod 755 "$folder/$program"
	done
}

write_nodes() {
	{
		cat <<TOML
[project]
package    = "ballistics-engine"
binary     = "ballistics"
repository = "https://github.com/ajokela/ballistics-engine"
prove      = ["--version", "selftest"]

[publish]
store = "$folder/store"

[defaults]
build_timeout = "2h"
$(sed -n '/^env = /p' "$root/nodes.toml")

[[machine]]
name  = "cross"
slots = 1
TOML
		node linux-x86_64 native x86_64-unknown-linux-gnu
		node linux-aarch64 "arm64-node-$guest_port" aarch64-unknown-linux-gnu
		for system in $SYSTEMS; do
			for machine in aarch64 x86_64; do
				vendor=unknown-$system
				[ "$system" != macos ] || vendor=apple-darwin
				node "$system-$machine" cross "$machine-$vendor"
				printf 'machine = "cross"\nprove = false\n'
			done
		done
	} >"$folder/nodes.toml"
}

node() {
	printf '\n[[node]]\nname = "%s"\nhost = "%s"\ntarget = "%s"\n' "$1" "$2" "$3"
}

# In a clone, so that the owner's dist/ stays as it is.
release() {
	rm -rf "$folder/clone" "$folder/store"
	git clone --quiet --shared "$root" "$folder/clone"
	tool=$(cd "$root" && cargo metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/debug/xtask
	(
		cd "$folder/clone"
		XTASK_SSH=$folder/ssh XTASK_SCP=$folder/scp "$tool" --nodes "$folder/nodes.toml" release --to "$folder/store"
	)
}

show() {
	echo
	echo "The store $folder/store:"
	(cd "$folder/store" && find . -type f | sort | xargs ls -l | awk '{ print $5, $9 }')
	echo
	echo 'catalog.txt (platform, version, hash, size, the oldest system it runs on):'
	cat "$folder/store/catalog.txt"
	echo
	echo 'What file(1) says:'
	find "$folder/store" -name 'ballistics-[0-9]*' ! -name '*.*.*.*' -type f | sort | while read -r program; do
		file -b "$program" | cut -c 1-120 | sed "s|^|${program##*/}: |"
	done
}

main "$@"
