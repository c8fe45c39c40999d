#!/bin/sh
{
# Installs ballistics with what the base system has; docs/install.md tells the rest. The braces make a shell read this
# to its end before it runs any of it, so that a download cut short does nothing.
# No here-documents (some shells put them into /tmp), no `local` (not in POSIX).

base_url='https://ballistics.zip'
release_keys=''
signed_since=''

from_source='cargo install --git https://github.com/ajokela/ballistics-engine ballistics-engine'

usage() {
	say 'usage: install.sh [option ...]' \
		'  --version V          this version, not the newest for this platform' \
		'  --prefix DIR         into DIR/bin, or DIR if it ends in /bin (default /usr/local)' \
		'  --require-signature  fail where no signature can be checked' \
		'  --list-versions, --print-platform, --dry-run, --uninstall, --quiet, --verbose' \
		'environment: BALLISTICS_BASE_URL (https://, file:/// or a directory), BALLISTICS_CA_FILE (PEM),' \
		'  BALLISTICS_REQUIRE_SIGNATURE=1, BALLISTICS_TIMEOUT (seconds for one file; 600)' \
		'exit: 0 done, 2 usage, 3 unsupported, 4 tool missing, 5 permission, 6 network, 7 integrity, 8 does not run'
}

main() {
	if [ -n "${ZSH_VERSION-}" ]; then emulate sh; fi
	set -eu
	unset IFS
	umask 022
	export LC_ALL=C
	parse_options "$@"
	require_tools
	detect_platform
	case $verb in
	platform) say "$platform"; return ;;
	uninstall) uninstall; return ;;
	esac
	choose_source
	make_work_dir
	read_catalog
	if [ $verb = list ]; then list_versions; return; fi
	choose_version
	if [ $dry = 1 ]; then describe; return; fi
	if is_downgrade; then return; fi
	fetch_checksum
	check_signature
	if is_installed; then return; fi
	fetch_binary
	try_binary
	place_binary
	talk "ballistics $version for $platform from $base" "verified by $proof" "installed $dest"
	advise
}

say() { printf '%s\n' "$@"; }
talk() { if [ $voice != quiet ]; then say "$@"; fi; }
note() { if [ $voice != quiet ]; then warn "$@"; fi; }
warn() { printf 'install.sh: %s\n' "$@" >&2; }
die() { code=$1; shift; warn "$@"; exit "$code"; }
has() { command -v "$1" >/dev/null 2>&1; }

parse_options() {
	verb=install dry=0 voice=normal asked='' prefix=/usr/local
	require=${BALLISTICS_REQUIRE_SIGNATURE:-0} timeout=${BALLISTICS_TIMEOUT:-600}
	while [ $# -gt 0 ]; do
		case $1 in
		--version | --prefix)
			option=$1=${2-}
			shift $(($# > 1 ? 2 : 1))
			set -- "$option" "$@"
			continue ;;
		--version= | --prefix= | --version=-* | --prefix=-*) die 2 "${1%%=*} needs a value" ;;
		--version=*) asked=${1#*=} ;;
		--prefix=*) prefix=${1#*=} ;;
		--require-signature) require=1 ;;
		--list-versions) verb=list ;;
		--print-platform) verb=platform ;;
		--uninstall) verb=uninstall ;;
		--dry-run) dry=1 ;;
		--quiet) voice=quiet ;;
		--verbose) voice=verbose ;;
		--help | -h) usage; exit 0 ;;
		*) die 2 "unknown argument: $1 (--help lists them)" ;;
		esac
		shift
	done
	[ -z "$asked" ] || is_version "$asked" || die 2 "not a version: $asked (one looks like 0.14.0)"
	case $timeout in *[!0-9]*) die 2 "BALLISTICS_TIMEOUT: not a number of seconds: $timeout" ;; esac
	resolve_prefix
}

is_version() {
	case $1 in *[!0-9A-Za-z.-]*) return 1 ;; esac
	say "$1" | grep -Eq '^[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}(-[0-9A-Za-z.-]+)?$'
}

resolve_prefix() {
	case $prefix in
	\~ | \~/*) prefix=${HOME-}${prefix#?} ;;
	/*) ;;
	*) prefix=$(pwd)/$prefix ;;
	esac
	while [ "$prefix" != "${prefix%/}" ]; do prefix=${prefix%/}; done
	bindir=${prefix%/bin}/bin
	dest=$bindir/ballistics receipt=$bindir/.ballistics.receipt
}

require_tools() {
	missing=''
	# Not every shell has [ and printf built in.
	for tool in '[' printf uname mktemp mkdir rm mv cp chmod cat grep sed tr dd wc date sleep; do
		has "$tool" || missing="$missing $tool"
	done
	case $missing in ?*) die 4 "not in PATH:$missing" ;; esac
}

# Sets platform, as the store names it, and system, in the terms of catalog.txt's floors.
detect_platform() {
	kernel=$(uname -s) cpu=$(uname -m) release=$(uname -r)
	case $kernel in
	Darwin)
		os=macos kernel=macOS release=$(sw_vers -productVersion)
		# Under Rosetta uname says x86_64. The PATH of cron lacks /usr/sbin.
		arm=$(sysctl -n hw.optional.arm64 2>/dev/null || /usr/sbin/sysctl -n hw.optional.arm64 2>/dev/null || :)
		if [ "$arm" = 1 ]; then cpu=arm64; fi ;;
	Linux) os=linux ;;
	FreeBSD) os=freebsd ;;
	# uname -m says evbarm on NetBSD/aarch64; uname -p has the CPU.
	NetBSD) os=netbsd cpu=$(uname -p) ;;
	OpenBSD) os=openbsd ;;
	*) unsupported ;;
	esac
	case $cpu in
	x86_64 | amd64) cpu=x86_64 ;;
	aarch64 | arm64) cpu=aarch64 ;;
	*) unsupported ;;
	esac
	# A 64-bit kernel may carry a 32-bit system.
	if [ "$(getconf LONG_BIT 2>/dev/null || :)" = 32 ]; then unsupported; fi
	platform=$os-$cpu release=${release%%[!0-9.]*}
	system=$os-$release
	if [ $os = linux ]; then system=$(libc); fi
}

libc() {
	libc=$(getconf GNU_LIBC_VERSION 2>/dev/null || :)
	if [ -n "$libc" ]; then
		say "glibc-${libc#glibc }"
	elif ldd --version 2>&1 | grep -q musl; then
		say musl
	fi
}

unsupported() {
	die 3 "no ballistics is built for this system: $(uname -a), LONG_BIT $(getconf LONG_BIT 2>/dev/null || :)" \
		'it is for macos, linux, freebsd, netbsd and openbsd on x86_64 and aarch64, 64 bit' \
		"with Rust it builds here: $from_source"
}

# Sets base, scheme and downloader; pipe is how a person calls that downloader.
choose_source() {
	base=${BALLISTICS_BASE_URL:-$base_url}
	while [ "$base" != "${base%/}" ]; do base=${base%/}; done
	downloader=copy pipe=cat tls=checked ca=${BALLISTICS_CA_FILE-} scheme=${base%%://*}
	case $base in
	https://*) choose_downloader ;;
	http://*[@\\]*) scheme=refused ;;
	http://localhost | http://localhost[:/]* | http://127.0.0.1 | http://127.0.0.1[:/]* | 'http://[::1]' | 'http://[::1]'[:/]*) choose_downloader ;;
	file:///*) base=${base#file://} ;;
	*://*) scheme=refused ;;
	*) scheme='file' ;;
	esac
	case $scheme in
	refused) die 2 "not https, file:/// or a directory, nor http of this machine: $base" ;;
	file) [ -d "$base/" ] || die 2 "no such directory: $base" ;;
	esac
	if [ -n "$ca" ]; then
		[ -r "$ca" ] || die 2 "BALLISTICS_CA_FILE: cannot read $ca"
		# GNU wget and OpenBSD's ftp read none of these, and get an option.
		export CURL_CA_BUNDLE="$ca" SSL_CERT_FILE="$ca" SSL_CA_CERT_FILE="$ca"
	fi
}

choose_downloader() {
	curl=$(command -v curl || :)
	case $curl in
	# A snap's curl cannot write outside of the snap's own directories.
	'' | */snap/*) ;;
	*) downloader=curl pipe="curl --proto '=https' --tlsv1.2 -sSf"; return ;;
	esac
	if has wget; then
		downloader=wget pipe='wget -qO-'
		case $(wget --version 2>/dev/null || :) in 'GNU Wget'*) downloader=gnu-wget ;; esac
	elif [ $os = freebsd ] && has fetch; then
		downloader=fetch pipe='fetch -qo -'
	elif [ $os = openbsd ] && has ftp; then
		downloader=openbsd-ftp pipe='ftp -Vo -'
	elif [ $os = netbsd ] && has ftp; then
		downloader=netbsd-ftp pipe='ftp -Vo -'
		# NetBSD had no certificates to check with before 10, and its ftp checked none.
		if older "$release" 10; then tls=unchecked; fi
	else
		die 4 "no downloader here${curl:+ but a snap, which cannot write files}: install curl or wget"
	fi
}

# One directory holds all until it is done: in the target, so that the last step is a rename, and not in a /tmp that may
# forbid execution. Where the target is not writable, sudo or doas does the last step alone.
make_work_dir() {
	job='' guard='' work='' elevate=''
	trap clean_up EXIT
	trap 'quit 129' HUP
	trap 'quit 130' INT
	trap 'quit 141' PIPE
	trap 'quit 143' TERM
	if [ $verb$dry = install0 ]; then
		[ ! -d "$dest" ] || die 5 "$dest is a directory"
		anchor=$bindir
		until [ -e "$anchor" ] || [ -z "$anchor" ]; do anchor=${anchor%/*}; done
		[ -d "$anchor/" ] || die 5 "$anchor is not a directory"
		if work_in "$anchor"; then return; fi
		choose_elevation
	fi
	work_in "${TMPDIR:-/tmp}" || die 5 "cannot write to ${TMPDIR:-/tmp}; set TMPDIR"
}

work_in() {
	work=$(mktemp -d "$1/.ballistics.XXXXXXXXXX" 2>/dev/null) || { work=''; return 1; }
	log=$work/log
}

# After a signal mksh would exit with the status of the EXIT trap.
quit() {
	trap - EXIT
	clean_up
	exit "$1"
}

clean_up() {
	stop_jobs
	if [ -n "$work" ]; then rm -rf "$work"; fi
}

choose_elevation() {
	if [ "$(id -u)" = 0 ]; then not_writable; fi
	if has sudo; then elevate=sudo; elif has doas; then elevate=doas; else not_writable; fi
	note "$bindir is not writable: $elevate does the last step"
}

not_writable() {
	die 5 "cannot write to $bindir" "for you alone: $(again "--prefix \"\$HOME/.local\"${asked:+ --version $asked}")"
}

as_root() {
	# Without a terminal nobody can type a password.
	if (exec </dev/tty) 2>/dev/null; then "$elevate" "$@"; else "$elevate" -n "$@"; fi
}

# Prints the command that runs this installer with other arguments.
again() {
	case $0 in
	*install.sh) say "sh '$0' $1" ;;
	*) say "$pipe $base/install.sh | sh -s -- $1" ;;
	esac
}

# Runs a program for at most $1 seconds: in the background, so that this shell acts on a signal at once, and by exec, so
# that $! is the program. The guard has no trap, and is killed: ash and yash lose a TERM that comes early.
bounded() {
	seconds=$1
	shift
	exec "$@" </dev/null &
	job=$!
	watch_job &
	guard=$! ended=0
	wait $job 2>/dev/null || ended=$?
	job=''
	stop_jobs
	return $ended
}

watch_job() {
	exec </dev/null >/dev/null 2>&1
	while [ "$seconds" -gt 0 ]; do
		sleep 1
		kill -0 $job || exit 0
		seconds=$((seconds - 1))
	done
	kill -9 $job
}

stop_jobs() {
	for pid in $guard $job; do
		{ kill -9 "$pid" && wait "$pid"; } 2>/dev/null || :
	done
	job='' guard=''
}

# Fetches $1 of the store into the file $2, of $3 bytes if known. Else trouble says why; 44: it is not there.
fetch() {
	for pause in 1 2 0; do
		if [ $voice = verbose ]; then warn "$downloader: $base/$1"; fi
		rm -f "$2"
		trouble=''
		if attempt "$1" "$2" >"$log" 2>&1 && is_sound "$2" "${3:-0}"; then return 0; fi
		: "${trouble:="$base/$1: $(sed -n '/./h;$x;$p' "$log")"}"
		if grep -Eq '(error:|ERROR|1\.[01]|`) ?404|: Not Found$' "$log"; then return 44; fi
		if grep -Eqi 'no space|writing|on write|write error|cannot write' "$log"; then die 5 "cannot write: $trouble"; fi
		if [ $downloader = copy ]; then return 1; fi
		sleep $pause
	done
	return 1
}

attempt() {
	url=$base/$1
	# The views change; the query goes around caches.
	case $1 in */*) ;; *) url="$url?t=$(date +%Y%m%d%H%M%S)" ;; esac
	case $downloader in
	copy)
		[ -e "$base/$1" ] || { say ': Not Found'; return 1; }
		set -- cp "$base/$1" "$2" ;;
	curl) set -- "$curl" -fsSL --proto "=$scheme" --tlsv1.2 --connect-timeout 20 -o "$2" "$url" ;;
	gnu-wget) set -- wget -nv --tries=1 --timeout=20 ${ca:+"--ca-certificate=$ca"} -O "$2" "$url" ;;
	# Debian's busybox crashes on -T.
	wget) set -- wget -O "$2" "$url" ;;
	fetch) set -- fetch -q -T 20 -o "$2" "$url" ;;
	openbsd-ftp) set -- ftp -V -w 20 ${ca:+-S "cafile=$ca"} -o "$2" "$url" ;;
	netbsd-ftp) set -- ftp -V -q 20 -o "$2" "$url" ;;
	esac
	bounded "$timeout" "$@"
}

# No downloader's success is believed: NetBSD's ftp ends with 0 after half a file, and a login page comes with 200.
is_sound() {
	if grep -q 'validation not implemented' "$log"; then tls=unchecked; fi
	size=$(($(wc -c <"$1")))
	if [ $scheme = https ] && grep -q 'URL:http://' "$log"; then
		trouble="$url leads to plain http"
	elif [ $size -lt "$2" ] || [ $size = 0 ]; then
		trouble="$url: cut short, $size bytes${2:+ of $2}"
	elif dd if="$1" bs=512 count=1 2>/dev/null | grep -Eqi '<!doctype|<html'; then
		trouble="$url: a web page came in its place, from a proxy or a login"
	fi
	[ -z "$trouble" ]
}

lost() {
	warn "cannot fetch $trouble"
	if grep -Eqi 'certificate|ssl|tls' "$log"; then
		warn "the server's certificate was not accepted; is the clock right? $(date)" \
			'behind a TLS proxy, BALLISTICS_CA_FILE names its certificate'
	fi
	# Before the @ stands a password.
	env | grep -i '^[a-z]*_proxy=' | sed 's/=.*@/=/; s/^/install.sh: set is /' >&2
	exit 6
}

# Keeps of catalog.txt the lines `version size verdict reason` for this platform. An old store has no catalog.
read_catalog() {
	: >"$work/catalog"
	fetch catalog.txt "$work/view" || {
		[ $? = 44 ] || lost
		return 0
	}
	while read -r p v _ s floor _ || [ -n "$p" ]; do
		if [ "$p" != $platform ] || ! is_version "$v"; then continue; fi
		judge "${floor%%[!0-9a-z.-]*}"
		say "$v $s $verdict $reason"
	done <"$work/view" >"$work/catalog"
}

# Whether this system meets a floor of catalog.txt: verdict is yes, perhaps or no.
judge() {
	verdict=yes reason='' needed=${1#*-} here=${system#*-}
	case $1 in
	glibc-*)
		reason="needs glibc $needed, this has $here"
		case $system in
		musl) verdict=no ;;
		glibc-*) if older "$here" "$needed"; then verdict=no; fi ;;
		esac ;;
	"$os"-*)
		reason="was built for $kernel $needed, this is $here"
		if older "$here" "$needed"; then verdict=no; fi
		case $os,$verdict,${here%%.*} in
		# OpenBSD keeps no ABI across releases, but an older one's libraries may still be there.
		openbsd,yes,*) if older "$needed" "$here"; then verdict=perhaps; fi ;;
		freebsd,no,"${needed%%.*}" | netbsd,no,"${needed%%.*}") verdict=perhaps ;;
		esac ;;
	esac
}

# Whether version $1 comes before $2; a pre-release comes before its release.
older() {
	left=${1%%-*}. right=${2%%-*}.
	while [ -n "$left$right" ]; do
		x=${left%%.*} y=${right%%.*}
		if [ "${x:-0}" -ne "${y:-0}" ]; then [ "${x:-0}" -lt "${y:-0}" ]; return; fi
		left=${left#*.} right=${right#*.}
	done
	case $1,$2 in *-*,*-*) return 1 ;; *-*,*) ;; *) return 1 ;; esac
}

list_versions() {
	if [ ! -s "$work/catalog" ]; then newest_version; say "$version"; fi
	while read -r v _ verdict reason; do
		if [ $verdict = yes ]; then say "$v"; else say "$v  $reason"; fi
	done <"$work/catalog"
}

# Decides the version, once. From here on only names whose bytes never change are fetched.
choose_version() {
	version=$asked verdict='' length=0
	if [ -z "$asked" ]; then newest_version; fi
	name=ballistics-$version-$platform
	while read -r v s fits why; do
		if [ "$v" = "$version" ]; then length=$s verdict=$fits reason=$why; fi
	done <"$work/catalog"
	case $verdict in
	'') if [ -n "$asked" ] && [ -s "$work/catalog" ]; then not_published; fi ;;
	perhaps) warn "ballistics $version $reason; trying it" ;;
	no)
		fits=$(sed -n '/^[0-9.]* [^ ]* yes/{s/ .*//p;q;}' "$work/catalog")
		if [ -n "$fits" ]; then fits="the newest that fits: $(again "--version $fits")"; fi
		die 3 "ballistics $version $reason" "${fits:-"none that fits is published; with Rust: $from_source"}" ;;
	esac
}

newest_version() {
	fetch versions.txt "$work/view" || lost
	version=$(tr -d '\r' <"$work/view" | sed -n "s/^$platform://p")
	[ -n "$version" ] || die 3 "no ballistics is published for $platform; what is: $(tr -s '\r\n' '  ' <"$work/view")"
	is_version "$version" || die 7 "versions.txt names no version for $platform: $version"
	fetch latest-version.txt "$work/view" || return 0
	latest=$(tr -d '\r' <"$work/view")
	if is_version "$latest" && older "$version" "$latest"; then
		warn "ballistics $latest is out, but not for $platform yet; this is $version"
	fi
}

not_published() {
	die 3 "ballistics $version is not published for $platform; what is: $(again --list-versions)"
}

describe() {
	say "platform  $platform $system" "version   $version" "binary    $base/$version/$name" \
		"fetch by  $downloader" "target    $dest"
}

# A stale pointer must not take a newer version away.
is_downgrade() {
	if [ -n "$asked" ] || ! [ -x "$dest" ]; then return 1; fi
	bounded 10 "$dest" --version >"$log" 2>/dev/null || return 1
	there=$(sed -n 's/^ballistics //p' "$log")
	is_version "$there" && older "$version" "$there" || return 1
	warn "$dest is $there, newer than the published $version, and stays; --version $version replaces it"
}

fetch_checksum() {
	fetch "$version/$name.sha256" "$work/sum" || {
		if [ $? = 44 ] && [ -n "$asked" ]; then not_published; fi
		lost
	}
	sum=$(one_hash <"$work/sum") || die 7 "$base/$version/$name.sha256 holds no SHA-256"
}

# Prints the one SHA-256 on stdin, be it bare, `hash  name` or `SHA256 (name) = hash`.
one_hash() {
	hash=$(tr ' \t\rA-F' '\n\n\na-f' | grep -E '^[0-9a-f]{64}$') || return 1
	# A newline: there are two.
	case $hash in *[!0-9a-f]*) return 1 ;; esac
	say "$hash"
}

hash_of() {
	for tool in sha256sum shasum sha256 cksum openssl digest; do
		if has $tool && hash=$(hash_by $tool <"$1" 2>/dev/null | one_hash); then return; fi
	done
	die 4 'nothing here computes SHA-256: install coreutils or openssl'
}

hash_by() {
	case $1 in
	sha256sum) sha256sum ;;
	shasum) shasum -a 256 ;;
	sha256) sha256 -q ;;
	openssl) openssl dgst -sha256 ;;
	*) "$1" -a sha256 ;;
	esac
}

check_signature() {
	if [ -z "$release_keys" ]; then
		unsigned 7 'this installer carries no release key'
	elif [ -n "$signed_since" ] && older "$version" "$signed_since"; then
		unsigned 7 "releases before $signed_since are not signed"
	elif ! has ssh-keygen || ssh-keygen -Y verify </dev/null 2>&1 | grep -Eq 'option(:| --) ?Y|No user exists'; then
		unsigned 4 'it takes ssh-keygen of OpenSSH 8.1, and a user that has a name'
	else
		verify_signature
	fi
}

unsigned() {
	if [ "$require" = 1 ]; then die "$1" "no signature can be checked: $2"; fi
	if [ "$scheme,$tls" = https,unchecked ]; then
		die "$1" "$downloader checks no certificates, so a signature must be: $2" 'or install curl'
	fi
	warn "no signature is checked: $2"
	proof=SHA-256
}

verify_signature() {
	fetch "$version/$name.sha256.sig" "$work/sig" || {
		[ $? = 44 ] || lost
		die 7 "$name has no signature, and must have one"
	}
	say "$release_keys" | sed -n 's/^ssh-/ballistics-release namespaces="ballistics-release" &/p' >"$work/keys"
	say "$sum  $name" | ssh-keygen -Y verify -f "$work/keys" -I ballistics-release -n ballistics-release -s "$work/sig" >"$log" 2>&1 ||
		die 7 "$name is not signed by a release key: $(cat "$log")"
	proof='SHA-256 and signature'
}

is_installed() {
	if ! [ -x "$dest" ]; then return 1; fi
	hash_of "$dest"
	if [ "$hash" != "$sum" ]; then return 1; fi
	talk "ballistics $version is already in $dest"
}

fetch_binary() {
	fetch "$version/$name" "$work/ballistics" "$length" || lost
	hash_of "$work/ballistics"
	[ "$hash" = "$sum" ] || die 7 "$base/$version/$name has not its checksum: expected $sum, got $hash"
}

try_binary() {
	chmod 755 "$work/ballistics"
	bounded 60 "$work/ballistics" --version >"$work/said" 2>"$log" ||
		die 8 "ballistics $version does not run here: $(cat "$log")" 'nothing was changed'
	[ "$(cat "$work/said")" = "ballistics $version" ] || die 8 "ballistics $version calls itself: $(cat "$work/said")"
}

place_binary() {
	say "$sum  $dest" >"$work/receipt"
	if [ -n "$elevate" ]; then
		# shellcheck disable=SC2016
		as_root sh -c 'umask 022; cd "$1" && mkdir -p "$2" && cp ballistics "$2/.ballistics.new" && cp receipt "$2/.ballistics.receipt" &&
			mv -f "$2/.ballistics.new" "$2/ballistics" || { rm -f "$2/.ballistics.new"; exit 1; }' sh "$work" "$bindir" || not_writable
		return
	fi
	{ mkdir -p "$bindir" && mv -f "$work/receipt" "$receipt" && mv -f "$work/ballistics" "$dest"; } 2>"$log" ||
		die 5 "cannot install $dest: $(cat "$log")"
}

advise() {
	shell=${SHELL-}
	shell=${shell##*/}
	case :$PATH:,$shell in
	*:"$bindir":*)
		first=$(command -v ballistics || :)
		if [ "$first" != "$dest" ]; then note "$first comes before it in PATH"; fi ;;
	*,fish) note "not in PATH yet: fish_add_path '$bindir'" ;;
	*) note "not in PATH yet: export PATH=\"$bindir:\$PATH\"" ;;
	esac
	case $shell in bash | zsh | fish)
		if bounded 10 "$dest" completions "$shell" >/dev/null 2>&1; then
			note "for completion: $dest completions $shell"
		fi ;;
	esac
}

uninstall() {
	if ! [ -e "$dest" ] && ! [ -e "$receipt" ]; then talk "there is no $dest"; return; fi
	sum=$(one_hash <"$receipt") || die 7 "$dest was not installed by this, or $receipt is lost; remove it by hand"
	if [ -e "$dest" ]; then hash_of "$dest"; else hash=$sum; fi
	[ "$hash" = "$sum" ] || die 7 "$dest has changed since it was installed; remove it by hand"
	if [ $dry = 1 ]; then talk "would remove $dest"; return; fi
	if ! rm -f "$dest" "$receipt" 2>/dev/null; then
		choose_source
		choose_elevation
		as_root rm -f "$dest" "$receipt" || die 5 "cannot remove $dest"
	fi
	talk "removed $dest"
}

main "$@"
exit
}
