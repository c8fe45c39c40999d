# shellcheck shell=sh disable=SC2154 # the head that names these variables is generated
# What a node runs, local or remote: read on stdin by `sh -s` below a generated head that sets
#   nonce project job version binary package archive_size archive_sha256 targets unproven own_build fresh window transfer
# and defines in_environment, build, binary_of and prove. Marks (::NONCE:word ...) go to stderr, between the lines of the log;
# stdout carries nothing but the framed binaries; stdin carries the source archive, then heartbeats.

# Every process that is started here is started on each node of each release, so what the shell can do by itself, it does.

newline='
'

say() { printf '::%s:%s\n' "$nonce" "$*" >&2; }

# The job as a whole cannot go on.
die() {
	say "fail $*"
	exit 1
}

# One target of the job is out; the others go on.
lost() {
	say "target $*"
	complete=0
}

# For what may hold anything. In the user's own locale some systems' tr ends at a byte that is no character.
first_line() { head -n 1 | LC_ALL=C tr -cd '[:print:]' | LC_ALL=C cut -c 1-200; }

find_hash_tool() {
	for hash_tool in sha256sum shasum sha256 digest openssl cksum none; do
		command -v "$hash_tool" >/dev/null 2>&1 && break
	done
}

# Sets $sum.
hash_file() {
	case $hash_tool in
	sha256sum) said=$(sha256sum <"$1") ;;
	shasum) said=$(shasum -a 256 <"$1") ;;
	sha256) said=$(sha256 -q "$1") ;;
	digest) said=$(digest sha256 <"$1") ;;
	openssl) said=$(openssl dgst -sha256 -r <"$1") ;;
	cksum) said=$(cksum -a sha256 <"$1") ;;
	esac
	for sum in $said; do
		case $sum in *[!0-9a-f]*) continue ;; esac
		[ ${#sum} != 64 ] || return 0
	done
	return 1
}

probe() {
	# The system's name, its release, the machine.
	said=$(uname -srm)
	system=${said%% *} arch=${said##* }
	release=${said#* }
	release=${release% *}
	# -m says evbarm on NetBSD/aarch64; -p has the CPU.
	[ "$system" != NetBSD ] || arch=$(uname -p)
	say "fact os $system"
	say "fact release $release"
	say "fact arch $arch"
	find_hash_tool
	say "fact hash $hash_tool"
	say "fact clock $(date +%s)"
}

ask_toolchain() {
	said=$(cargo --version 2>/dev/null)
	say "fact cargo ${said%%"$newline"*}"
	# One call tells both: where rustup picks the toolchain, each call takes its time.
	said=$(rustc -vV 2>/dev/null)
	say "fact rustc ${said%%"$newline"*}"
	triple=${said#*"$newline"host: }
	[ "$triple" != "$said" ] || triple=
	triple=${triple%%"$newline"*}
	say "fact triple $triple"
	for target in $targets; do
		if [ "$target" = "$triple" ]; then
			say "fact std $target"
			continue
		fi
		library=$(rustc --print target-libdir --target "$target" 2>/dev/null) &&
			[ -d "$library" ] && say "fact std $target"
	done
}

make_work() {
	umask 077
	[ -n "${XTASK_CACHE:-${HOME-}}" ] || die 'probe neither HOME nor XTASK_CACHE is set'
	work=${XTASK_CACHE:-$HOME/.cache}/$project-release/$job
	mkdir -p "$work" || die "probe no work directory $work"
	said=$(df -Pk "$work")
	# Below the heading: the file system, its blocks, used, available.
	# shellcheck disable=SC2086
	set -- ${said#*"$newline"}
	say "fact disk ${4-}"
	say "fact work $work"
}

# `kill 0` must reach this job, all of it and nothing else. There is a group of our number only if we lead it.
check_group() {
	kill -0 "-$$" 2>/dev/null ||
		die 'probe its sh does not lead a process group of its own, so that what it starts could not be ended; its login shell, or a ForceCommand, has to exec it'
}

# What a session keeps while it lasts. `alive` is a pipe that every process of the build inherits: it closes with the last of them.
make_session() {
	# A release that was killed here may have left its own; its processes are gone.
	for stale in "$work"/session.*; do
		[ ! -e "$stale" ] || kill -0 "-${stale##*.}" 2>/dev/null || rm -rf "$stale"
	done
	# So is the one that had our number.
	session=$work/session.$$
	[ ! -e "$session" ] || rm -rf "$session"
	archive=$session/source beat=$session/beat alive=$session/alive reader='' timer=''
	# bash runs this at a TERM too: it must not wait for a watcher that is ending us.
	trap 'signal_watchers; rm -rf "$session"' EXIT
	# A word to a client that is gone would end us without the above.
	trap 'exit 1' HUP PIPE
	{ mkdir "$session" && mkfifo "$alive"; } || die "probe $work cannot be written"
	# For reading and writing, so that nobody waits for the other end.
	exec 6<>"$alive"
}

receive() {
	say 'stage send'
	say "ready $archive_size $archive"
	# Until the client says go: then the archive follows, or has been copied here by scp.
	wait "$reader"
	reader=''
	# head may read ahead, but nothing follows the archive except heartbeats. dd of single bytes is for a head without -c.
	if [ "$transfer" = scp ]; then
		:
	elif printf x | head -c 1 >/dev/null 2>&1; then
		head -c "$archive_size" <&4 >"$archive"
	else
		dd ibs=1 obs=65536 count="$archive_size" <&4 >"$archive" 2>/dev/null
	fi || die "probe the disk under $work does not take the source archive; make room, or name another place with XTASK_CACHE"
	# Before the hash, which takes its time: nobody else would notice the end of our stdin.
	start_reader
	{ hash_file "$archive" && [ "$sum" = "$archive_sha256" ]; } ||
		die 'transfer the source archive arrived damaged'
}

# Ends every process of this job. What does not obey within two seconds is killed.
end_everything() {
	trap '' TERM
	kill -TERM 0
	{
		sleep 2
		rm -rf "$session"
		kill -KILL 0
	} &
	# Only now: a word to a client that does not read may take for ever.
	[ $# = 0 ] || say "fail lost $1" 2>&7
	cat <&5
	rm -rf "$session"
	kill -KILL 0
}

# Nothing here must outlive the client: at the end of our stdin, or when the heartbeats stop, everything ends.
start_reader() {
	{
		# Not beside the others below: a ksh would keep a copy of what it closes there.
		exec 3>&- 6>&-
		while IFS= read -r line <&4; do
			printf . >>"$beat"
			[ "$line" != go ] || exit 0
		done
		end_everything
	} >/dev/null 2>&1 5<"$alive" &
	reader=$!
}

# While the archive arrives there are no heartbeats, but it grows. Two half windows without either are a window.
start_timer() {
	{
		exec 3>&- 4<&- 6>&-
		trap 'kill "$nap"; exit' TERM
		silent=0
		while [ $silent -lt 2 ]; do
			[ ! -e "$beat" ] || rm -f "$beat"
			before=$(wc -c <"$archive")
			sleep $(((window + 1) / 2)) 7>&- &
			nap=$!
			wait "$nap"
			silent=$((silent + 1))
			[ ! -e "$beat" ] && [ "$(wc -c <"$archive")" = "$before" ] || silent=0
		done
		end_everything "no heartbeat for $window s"
	} 7>&2 >/dev/null 2>&1 5<"$alive" &
	timer=$!
}

signal_watchers() {
	for watcher in $reader $timer; do kill -TERM "$watcher"; done
} 2>/dev/null

stop_watchdog() {
	signal_watchers
	wait "$reader" "$timer"
	reader='' timer=''
} 2>/dev/null

# What a build left behind in its process group would keep the session open.
end_leftovers() {
	trap '' TERM
	kill -TERM 0
}

# What does not obey that is killed two seconds after our last word, and nobody waits for it: all that could hold the session open is
# closed. With nothing left this ends with us.
kill_leftovers() {
	exec 5<"$alive"
	{
		exec 3>&- 6>&-
		{
			sleep 2
			kill -KILL 0
		} &
		cat <&5
		kill -KILL 0
	} >/dev/null 2>&1 &
}

# One release at a time in this work directory. The lock is a symbolic link to its owner's process number: made in one step,
# never without an owner.
take_lock() {
	lock=$work/lock owner='' silence=0 waited=0
	# One with our number was made by another process that had it.
	give_lock_back
	until make_link "$lock"; do
		watch_owner
		if ! is_owner_alive; then
			remove_dead_lock
			continue
		fi
		[ $waited = 1 ] || say "waiting process ${owner:-unknown} holds $lock"
		waited=1
		sleep 1
	done
}

# Fails where there is such a link already. It may be gone a moment later, so that a failure alone says nothing.
make_link() {
	said=$(ln -s $$ "$1" 2>&1) && return 0
	[ ! -h "$1" ] || return 1
	said=$(ln -s $$ "$1" 2>&1) && return 0
	[ -h "$1" ] || die "probe $1 cannot be made: $(printf '%s\n' "$said" | first_line)"
	return 1
}

# For how many seconds the owner has not heard its client.
watch_owner() {
	before=$owner
	owner=$(readlink "$lock")
	if [ "$owner" = "$before" ] && [ -z "$(find "$work/session.$owner/beat" -newer "$session/heard" 2>/dev/null)" ]; then
		silence=$((silence + 1))
		return
	fi
	touch "$session/heard" || die "probe $session cannot be written"
	silence=0
}

# A process of its group is left, if only one that is about to be killed; and, since that number may be another's after a reset, it
# hears its client as every owner does: in two windows, and it would have ended itself. An owner without a session has ended.
is_owner_alive() {
	[ -n "$owner" ] || return 0
	kill -0 "-$owner" 2>/dev/null || return 1
	if [ -d "$work/session.$owner" ]; then
		[ "$silence" -le $((2 * window + 5)) ]
	else
		[ "$silence" -le 5 ]
	fi
}

# Under a lock of its own, or two of us might remove each other's. Who made that one is done in a moment, or was killed in it.
remove_dead_lock() {
	if make_link "$lock.removal"; then
		[ "$(readlink "$lock")" != "$owner" ] || rm -f "$lock"
	else
		sleep 3
	fi
	rm -f "$lock.removal"
}

give_lock_back() {
	{ [ -h "$work/lock" ] && [ "$(readlink "$work/lock")" = $$ ]; } || return 0
	rm -f "$work/lock"
}

unpack() {
	source=$work/src/$package-$version
	rm -rf "$work/src" "$work/out" && mkdir "$work/src" || return 1
	[ "$fresh" = 0 ] || rm -rf "$work/target"
	# -m: every file of a .crate is dated 2006, and cargo with a kept target directory would ship the old program.
	tar -xmzf "$archive" -C "$work/src" && cd "$source" || return 1
}

# All targets in one call of cargo; if that fails, each alone, so that one failure is one target's.
build_targets() {
	built=
	set --
	for target in $targets; do set -- "$@" --target "$target"; done
	build "$@"
	status=$?
	if [ $status = 0 ]; then
		built=$targets
	elif [ $# = 2 ]; then
		lost "$targets build the build ended with status $status"
	else
		build_each_alone
	fi
}

build_each_alone() {
	for target in $targets; do
		if build --target "$target"; then
			built="$built $target"
		else
			lost "$target build the build ended with status $?"
		fi
	done
}

is_unproven() {
	case " $unproven " in *" $1 "*) return 0 ;; *) return 1 ;; esac
}

# $1 is how --version ended, $2 what it said.
is_version() {
	case "$1: $2 " in
	"0:"*" $version "*) return 0 ;;
	esac
	return 1
}

prove_version() {
	said=$(in_environment "$1" --version </dev/null 2>&1)
	status=$?
	said=${said%%"$newline"*}
	printf '%s\n' "$said"
	is_version "$status" "$said" && return 0
	said=$(printf '%s\n' "$said" | first_line)
	is_version "$status" "$said" && return 0
	[ $status = 0 ] || {
		lost "$target proof $binary --version ended with status $status: $said"
		return 1
	}
	lost "$target proof $binary --version says \`$said\`, not $version"
	return 1
}

prove_run() {
	in_environment "$@" </dev/null && return 0
	status=$?
	shift
	lost "$target proof $binary $* ended with status $status"
	return 1
}

prove_targets() {
	proven=
	for target in $built; do
		program=$(binary_of "$target")
		if [ ! -f "$program" ]; then
			lost "$target proof the build left no file $program"
		elif [ ! -s "$program" ]; then
			lost "$target proof the build left an empty file $program"
		elif is_unproven "$target"; then
			proven="$proven $target"
		elif [ ! -x "$program" ]; then
			lost "$target proof $program is not executable"
		elif prove "$program"; then
			proven="$proven $target"
		fi
	done
}

collect_targets() {
	for target in $proven; do
		program=$(binary_of "$target")
		# Some systems' wc pads it.
		size=$(($(wc -c <"$program")))
		hash_file "$program" || die "collect no hash of $program"
		if [ "$transfer" = scp ]; then
			{ mkdir -p "$work/out" && cp "$program" "$work/out/$target"; } || die "collect $program could not be copied"
			say "file $target $size $sum $work/out/$target"
		else
			printf '\n::%s:binary %s %s %s\n' "$nonce" "$target" "$size" "$sum" >&3
			cat "$program" >&3 || die "collect $program could not be sent"
		fi
	done
}

work() {
	exec 4<&-
	complete=1
	take_lock
	say 'stage build'
	unpack || die 'build the source archive could not be unpacked'
	build_targets 3>&-
	[ -z "$built" ] || say 'stage prove'
	prove_targets 3>&-
	[ -z "$proven" ] || say 'stage collect'
	collect_targets
	cd "$work" || exit 1
	# What failed stays, for a look at it.
	[ $complete = 0 ] || rm -rf "$work/src"
}

# For a check of the fleet: the store's installer ($1 is its text), run as a user of this system would.
check_installer() {
	room=$session/check
	{ mkdir "$room" && printf '%s\n' "$1" >"$room/install.sh"; } || die "probe $room cannot be written"
	if (
		# Settings of that user's own.
		unset BALLISTICS_BASE_URL BALLISTICS_CA_FILE BALLISTICS_REQUIRE_SIGNATURE BALLISTICS_TIMEOUT
		exec sh "$room/install.sh" --prefix "$room/prefix" </dev/null
	); then
		say "fact installed $("$room/prefix/bin/$binary" --version </dev/null 2>&1 | first_line)"
	else
		say "fail proof install.sh ended with status $?"
	fi
}

begin() {
	set -u
	exec 4<&0 </dev/null 3>&1 1>&2
	set_path
	check_group
	make_work
	make_session
	start_timer
	start_reader
}

finish() {
	stop_watchdog
	end_leftovers
	give_lock_back
	say "end $1"
	kill_leftovers
	exit "$1"
}

main() {
	begin
	probe
	# A build of the owner's own is not judged by it, and an ELF file names its compiler itself.
	case $own_build$system in
	0* | 1Darwin) ask_toolchain ;;
	esac
	receive
	(work) 6>"$alive"
	finish $?
}

# Only the probe; and, with an installer's text, one run of it.
check() {
	begin
	probe
	ask_toolchain
	[ -z "$1" ] || check_installer "$1"
	finish 0
}
