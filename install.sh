#!/bin/sh
{
# Installs ballistics on macOS, Linux, FreeBSD, NetBSD and OpenBSD with what their base systems have: docs/install.md.
# The braces make a shell read all of this before it runs any of it: a download cut short does nothing.
# No here-documents (some shells put them into /tmp) and no `local` (not in POSIX).

base_url='https://ballistics.zip'
release_keys=''
signed_since=''

repository='https://github.com/ajokela/ballistics-engine'

usage() {
	say 'usage: install.sh [option ...]' \
		'  --version V          install this version, not the newest for this platform' \
		'  --prefix DIR         install into DIR/bin, or DIR if it ends in /bin (default /usr/local)' \
		'  --require-signature  fail where the signature cannot be checked' \
		'  --list-versions      print what is published for this platform, newest first' \
		'  --print-platform     print the name of this platform' \
		'  --uninstall          remove what this installer put into the prefix' \
		'  --dry-run            print what would be done, and do nothing' \
		'  --quiet, --verbose   say less, say more' \
		'environment:' \
		'  BALLISTICS_BASE_URL  a mirror: https URL, file:/// URL or directory' \
		'  BALLISTICS_CA_FILE   certificates to trust, PEM, as a TLS proxy needs' \
		'  BALLISTICS_TIMEOUT   seconds for one download (600)' \
		'  BALLISTICS_REQUIRE_SIGNATURE=1' \
		'exit: 0 done, 2 usage, 3 unsupported, 4 tool missing, 5 permission, 6 network, 7 integrity, 8 does not run'
}

main() {
	if [ -n "${ZSH_VERSION-}" ]; then emulate sh; fi
	set -eu
	unset IFS
	umask 022
	LC_ALL=C
	export LC_ALL
	parse_options "$@"
	require_tools
	detect_platform
	case $verb in
	platform) say "$platform"; return ;;
	uninstall) uninstall; return ;;
	esac
	choose_source
	make_work_dir
	fetch_catalog
	case $verb in list) list_versions; return ;; esac
	resolve_version
	check_floor
	if [ "$dry" = 1 ]; then describe; return; fi
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
talk() { if [ "$voice" != quiet ]; then say "$@"; fi; }
note() { if [ "$voice" != quiet ]; then warn "$@"; fi; }
detail() { if [ "$voice" = verbose ]; then warn "$@"; fi; }
warn() { printf 'install.sh: %s\n' "$@" >&2; }
die() { code=$1; shift; warn "$@"; exit "$code"; }
has() { command -v "$1" >/dev/null 2>&1; }

parse_options() {
	verb=install dry=0 voice=normal version='' prefix=/usr/local
	require=${BALLISTICS_REQUIRE_SIGNATURE:-0}
	while [ $# -gt 0 ]; do
		case $1 in
		--version=* | --prefix=*)
			option=${1%%=*} value=${1#*=}
			shift
			set -- "$option" "$value" "$@"
			continue ;;
		--version | --prefix)
			case ${2-} in '' | -*) die 2 "$1 needs a value" ;; esac
			if [ "$1" = --version ]; then version=$2; else prefix=$2; fi
			shift ;;
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
	[ -z "$version" ] || is_version "$version" || die 2 "not a version: $version; one looks like 0.14.0"
	asked=$version
	resolve_prefix
}

is_version() {
	case $1 in *[!0-9A-Za-z.-]*) return 1 ;; esac
	say "$1" | grep -Eq '^[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}(-[0-9A-Za-z.-]+)?$'
}

resolve_prefix() {
	case $prefix in
	'~' | '~/'*)
		[ -n "${HOME-}" ] || die 2 "--prefix $prefix: HOME is not set"
		prefix=$HOME${prefix#'~'} ;;
	/*) ;;
	*) prefix=$(pwd)/$prefix ;;
	esac
	while [ "$prefix" != "${prefix%/}" ]; do prefix=${prefix%/}; done
	case $prefix in
	*/bin) bindir=$prefix ;;
	*) bindir=$prefix/bin ;;
	esac
	dest=$bindir/ballistics
	receipt=$bindir/.ballistics.receipt
}

# yash in POSIX mode and mksh look for [ or printf in PATH.
require_tools() {
	missing=
	for tool in '[' printf uname mktemp mkdir rm mv cp chmod cat grep sed tr dd wc date sleep; do
		has "$tool" || missing="$missing $tool"
	done
	case $missing in ?*) die 4 "not in PATH:$missing" ;; esac
}

# Sets platform, as the store names it, and system, as the floors in catalog.txt do.
detect_platform() {
	kernel=$(uname -s) cpu=$(uname -m) release=$(uname -r)
	case $kernel in
	Darwin)
		os=macos kernel=macOS
		# Under Rosetta a shell is told x86_64. The PATH of cron lacks /usr/sbin.
		arm=$(sysctl -n hw.optional.arm64 2>/dev/null || /usr/sbin/sysctl -n hw.optional.arm64 2>/dev/null) || arm=0
		if [ "$arm" = 1 ]; then cpu=arm64; fi
		release=$(sw_vers -productVersion 2>/dev/null) || release= ;;
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
	platform=$os-$cpu
	release=${release%%[!0-9.]*}
	system=$os-$release
	if [ $os = linux ]; then system=$(libc); fi
}

libc() {
	glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null || :)
	if [ -n "${glibc#glibc }" ]; then
		say "glibc-${glibc#glibc }"
	elif ldd --version 2>&1 | grep -q musl; then
		say musl
	else
		say unknown
	fi
}

unsupported() {
	die 3 'no ballistics is built for this system' \
		"uname: -s $(uname -s), -r $(uname -r), -m $(uname -m), -p $(uname -p 2>/dev/null || :); LONG_BIT $(getconf LONG_BIT 2>/dev/null || :)" \
		'built are macos, linux, freebsd, netbsd and openbsd, for x86_64 and aarch64, all 64 bit' \
		"with Rust it builds from source: cargo install --git $repository ballistics-engine"
}

# Sets base, scheme and downloader, and pipe, which is how a person would call that downloader.
choose_source() {
	base=${BALLISTICS_BASE_URL:-$base_url}
	downloader=copy pipe='' tls=checked ca=${BALLISTICS_CA_FILE-}
	case $base in
	https://*) scheme=https ;;
	http://*) scheme=http; require_loopback ;;
	file:///*) scheme=file base=${base#file://} ;;
	*://*) die 2 "BALLISTICS_BASE_URL must be https://, file:/// or a directory: $base" ;;
	*) scheme=file ;;
	esac
	while [ "$base" != "${base%/}" ]; do base=${base%/}; done
	if [ $scheme = file ]; then
		[ -d "$base/" ] || die 2 "no such directory: $base"
		return
	fi
	choose_downloader
	if [ -n "$ca" ]; then trust_ca_file; fi
}

require_loopback() {
	authority=${base#http://}
	authority=${authority%%[/?#]*}
	case $authority in
	*@* | *\\*) ;;
	localhost | localhost:* | 127.0.0.1 | 127.0.0.1:* | '[::1]' | '[::1]:'*) return ;;
	esac
	die 2 "plain http is for this machine alone; use https: $base"
}

choose_downloader() {
	curl=$(command -v curl || :)
	case $curl in
	# A snap's curl cannot write outside of the snap's directories.
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
		# Before NetBSD 10 there were no certificates to check with, and ftp checked none.
		if older "$release" 10; then tls=unchecked; fi
	else
		die 4 "no downloader${curl:+ (a snap\'s curl cannot write here)}: install curl or wget"
	fi
}

# GNU wget and OpenBSD ftp read none of these, and get an option instead.
trust_ca_file() {
	[ -r "$ca" ] || die 2 "BALLISTICS_CA_FILE: cannot read $ca"
	CURL_CA_BUNDLE=$ca SSL_CERT_FILE=$ca SSL_CA_CERT_FILE=$ca
	export CURL_CA_BUNDLE SSL_CERT_FILE SSL_CA_CERT_FILE
}

# One directory holds all until it is done. In the target it is on the file system for the last rename, and out of a /tmp
# that may forbid execution. Where the target is not writable, only the last step is for sudo or doas.
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
		[ -d "$anchor/" ] || die 5 "$anchor is not a directory; choose another --prefix"
		if work_in "$anchor"; then return; fi
		choose_elevation
	fi
	for place in "${TMPDIR:-/tmp}" "${HOME:-/var/tmp}" /var/tmp; do
		if work_in "$place" && can_execute; then return; fi
		clean_up
	done
	die 5 'no place for temporary files: set TMPDIR to a directory that is writable and allows execution'
}

work_in() {
	work=$(mktemp -d "$1/.ballistics.XXXXXXXXXX" 2>/dev/null) || { work=''; return 1; }
	log=$work/log
}

can_execute() {
	say '#!/bin/sh' >"$work/probe" && chmod 755 "$work/probe" && "$work/probe" 2>/dev/null
}

# After a signal mksh would end with the status of the EXIT trap.
quit() {
	trap - EXIT
	clean_up
	exit "$1"
}

clean_up() {
	stop_jobs
	if [ -n "$work" ]; then rm -rf "$work"; fi
	work=''
}

choose_elevation() {
	if [ "$(id -u)" = 0 ]; then not_writable; fi
	if has sudo; then elevate=sudo; elif has doas; then elevate=doas; else not_writable; fi
	note "$bindir is not writable: $elevate will do the last step"
}

not_writable() {
	die 5 "cannot write to $bindir" "to install for yourself alone: $(again "--prefix \"\$HOME/.local\"")"
}

as_root() {
	# Without a terminal nobody can type a password.
	if (exec </dev/tty) 2>/dev/null; then "$elevate" "$@"; else "$elevate" -n "$@"; fi
}

# Prints the command that runs this installer again, with other arguments.
again() {
	mirror=${BALLISTICS_BASE_URL:+"BALLISTICS_BASE_URL='$BALLISTICS_BASE_URL' "}
	case $0,$downloader in
	*install.sh,*) say "${mirror}sh '$0' $*" ;;
	*,copy) say "${mirror}sh '$base/install.sh' $*" ;;
	*) say "$pipe $base/install.sh | ${mirror}sh -s -- $*" ;;
	esac
}

# Runs a program for at most $1 seconds; in the background, so that a signal to this shell is acted on at once.
# The exec makes $! the program itself in every shell. yash would fork once more for redirections outside of the parentheses.
bounded() {
	seconds=$1
	shift
	exec "$@" </dev/null &
	job=$!
	(
		exec </dev/null >/dev/null 2>&1
		nap=''
		trap - EXIT
		trap 'kill "$nap"; exit 0' TERM
		exec sleep "$seconds" &
		nap=$!
		if wait "$nap"; then kill -9 "$job"; else kill "$nap"; fi
	) &
	guard=$!
	ended=0
	wait "$job" 2>/dev/null || ended=$?
	job=''
	stop_jobs
	return "$ended"
}

stop_jobs() {
	if [ -n "$job" ]; then
		{ kill -9 "$job" && wait "$job"; } 2>/dev/null || :
	fi
	if [ -n "$guard" ]; then
		{ kill "$guard" && wait "$guard"; } 2>/dev/null || :
	fi
	job='' guard=''
}

# Fetches $1 of the store into the file $2, of $3 bytes where that is known. On failure $trouble says why, and the status
# is 44 for what is not there.
fetch() {
	for pause in 1 2 0; do
		detail "fetching $base/$1"
		rm -f "$2"
		trouble=''
		if attempt "$1" "$2" >"$log" 2>&1 && is_sound "$2" "${3:-0}"; then return 0; fi
		: "${trouble:=$(sed -n '/./h;${g;p;}' "$log")}"
		if grep -Eq '(error:|ERROR|HTTP/1\.[01]) 404|404 Not Found|: Not Found$' "$log"; then return 44; fi
		if grep -Eqi 'no space|write error|failure writing|error on write|cannot write' "$log"; then
			die 5 "cannot write to $work: $trouble"
		fi
		if [ $downloader = copy ]; then return 1; fi
		sleep $pause
	done
	return 1
}

attempt() {
	# The views change; the query goes around caches.
	case $1 in
	*/*) url=$base/$1 ;;
	*) url=$base/$1?t=$(date +%Y%m%d%H%M%S) ;;
	esac
	case $downloader in
	copy)
		[ -e "$base/$1" ] || { say "$base/$1: Not Found"; return 1; }
		set -- cp "$base/$1" "$2" ;;
	curl) set -- "$curl" -fsSL --proto "=$scheme" --tlsv1.2 --connect-timeout 20 -o "$2" "$url" ;;
	gnu-wget) set -- wget -nv --tries=1 --timeout=20 ${ca:+"--ca-certificate=$ca"} -O "$2" "$url" ;;
	# Debian's busybox crashes on -T.
	wget) set -- wget -O "$2" "$url" ;;
	fetch) set -- fetch -q -T 20 -o "$2" "$url" ;;
	openbsd-ftp) set -- ftp -V -w 20 ${ca:+-S "cafile=$ca"} -o "$2" "$url" ;;
	netbsd-ftp) set -- ftp -V -q 20 -o "$2" "$url" ;;
	esac
	bounded "${BALLISTICS_TIMEOUT:-600}" "$@"
}

# No downloader's success is believed: NetBSD's ftp ends with 0 after half a file, and a proxy's page comes with 200.
is_sound() {
	if [ $scheme = https ] && grep -q 'URL:http://' "$log"; then trouble="$url leads to plain http"; return 1; fi
	if grep -q 'validation not implemented' "$log"; then tls=unchecked; fi
	if [ ! -s "$1" ]; then trouble="$url: empty"; return 1; fi
	bytes=$(($(wc -c <"$1")))
	if [ "$bytes" -lt "$2" ]; then trouble="$url: cut short, $bytes of $2 bytes"; return 1; fi
	if dd if="$1" bs=512 count=1 2>/dev/null | grep -Eqi '<!doctype|<html'; then
		trouble="$url: a web page came in its place, from a proxy or a login page"
		return 1
	fi
}

lost() {
	warn "cannot fetch $trouble"
	if grep -Eqi 'certificate|ssl|tls' "$log"; then
		warn "the server's certificate was not accepted: is the clock right ($(date))?" \
			'behind a TLS proxy, BALLISTICS_CA_FILE=FILE names its certificate'
	fi
	for variable in https_proxy HTTPS_PROXY all_proxy ALL_PROXY http_proxy HTTP_PROXY no_proxy NO_PROXY; do
		eval "value=\${$variable-}"
		# What stands before the @ is a password.
		if [ -n "$value" ]; then warn "set: $variable=${value##*@}"; fi
	done
	exit 6
}

# catalog.txt knows old versions, sizes and floors; an old store has none.
fetch_catalog() {
	found=0
	fetch catalog.txt "$work/view" || found=$?
	case $found in 0 | 44) ;; *) lost ;; esac
	if [ $found = 44 ]; then : >"$work/view"; fi
	{ tr -d '\r' <"$work/view"; echo; } >"$work/catalog"
}

list_versions() {
	if [ ! -s "$work/view" ]; then newest_version; say "$version"; return; fi
	while read -r p v _ _ f _; do
		if [ "$p" != "$platform" ] || ! is_version "$v"; then continue; fi
		if meets "$f"; then say "$v"; else say "$v  $reason"; fi
	done <"$work/catalog"
}

# Decides the version once; from here on only names that never change their bytes are fetched.
resolve_version() {
	if [ -z "$asked" ]; then newest_version; fi
	name=ballistics-$version-$platform
	size=0 floor=-
	while read -r p v _ s f _; do
		if [ "$p $v" = "$platform $version" ]; then size=$s floor=$f; break; fi
	done <"$work/catalog"
	case $size in '' | *[!0-9]*) size=0 ;; esac
	if [ -n "$asked" ] && [ -s "$work/view" ] && [ "$size" = 0 ]; then not_published; fi
}

newest_version() {
	fetch versions.txt "$work/versions" || lost
	version=$(tr -d '\r' <"$work/versions" | sed -n "s/^$platform://p")
	[ -n "$version" ] || die 3 "no ballistics for $platform in $base; there is: $(tr '\r\n' '  ' <"$work/versions")"
	is_version "$version" || die 7 "versions.txt names no version for $platform: $version"
	fetch latest-version.txt "$work/latest" || return 0
	latest=$(tr -d '\r' <"$work/latest")
	if is_version "$latest" && older "$version" "$latest"; then
		warn "ballistics $latest is not published for $platform yet; this is $version"
	fi
}

not_published() {
	die 3 "ballistics $version is not published for $platform" "what is: $(again --list-versions)"
}

check_floor() {
	if meets "$floor"; then return; fi
	if [ $verdict = perhaps ]; then warn "ballistics $version was $reason; trying it"; return; fi
	warn "ballistics $version $reason"
	while read -r p v _ _ f _; do
		case $p,$v in "$platform",*-*) ;; "$platform",*) if meets "$f"; then
			die 3 "the newest that fits: $(again --version "$v")"
		fi ;; esac
	done <"$work/catalog"
	die 3 "no published version fits; with Rust it builds from source: cargo install --git $repository ballistics-engine"
}

# Whether this system meets a floor of catalog.txt; if not, sets verdict (perhaps or no) and reason.
meets() {
	needed=${1#*-} here=${system#*-} verdict=no
	case $1 in
	glibc-*)
		reason="needs glibc $needed, this has $here"
		case $system in
		musl) return 1 ;;
		glibc-*) ! older "$here" "$needed"; return ;;
		esac
		return 0 ;;
	openbsd-*)
		# OpenBSD promises no ABI from one release to the next; the libraries of an older one may still lie there.
		reason="built for OpenBSD $needed, this is $here"
		[ "$here" != "$needed" ] || return 0
		if older "$needed" "$here"; then verdict=perhaps; fi
		return 1 ;;
	"$os"-*)
		reason="built for $kernel $needed, this is $here"
		older "$here" "$needed" || return 0
		if [ $os != macos ] && [ "${here%%.*}" = "${needed%%.*}" ]; then verdict=perhaps; fi
		return 1 ;;
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
	case $1,$2 in *-*,*-*) return 1 ;; *-*,*) return 0 ;; esac
	return 1
}

describe() {
	say "platform    $platform, $system" "version     $version" "binary      $base/$version/$name" \
		"checksum    $base/$version/$name.sha256" "signature   $base/$version/$name.sha256.sig" \
		"downloader  $downloader" "target      $dest"
}

# A pointer out of a stale cache must not take a newer version away.
is_downgrade() {
	if [ -n "$asked" ] || [ ! -x "$dest" ]; then return 1; fi
	bounded 10 "$dest" --version >"$work/said" 2>/dev/null || return 1
	there=$(cat "$work/said")
	there=${there#ballistics }
	is_version "$there" && older "$version" "$there" || return 1
	warn "ballistics $there in $dest is newer than the published $version and stays; --version $version replaces it"
}

fetch_checksum() {
	fetch "$version/$name.sha256" "$work/sum" || lost
	sum=$(one_hash <"$work/sum") || die 7 "$base/$version/$name.sha256 holds no SHA-256"
}

# Prints the one SHA-256 of the text on stdin, be it bare, `hash  name` or `SHA256 (name) = hash`.
one_hash() {
	hash=$(tr ' \t\rA-F' '\n\n\na-f' | grep -E '^[0-9a-f]{64}$') || return 1
	# A newline: there are two.
	case $hash in *[!0-9a-f]*) return 1 ;; esac
	say "$hash"
}

sha256_of() {
	for tool in sha256sum shasum sha256 cksum openssl digest; do
		if has $tool && digest=$(digest_by $tool <"$1" 2>/dev/null | one_hash); then return; fi
	done
	die 4 'nothing here computes SHA-256: install coreutils or openssl'
}

digest_by() {
	case $1 in
	sha256sum) sha256sum ;;
	shasum) shasum -a 256 ;;
	sha256) sha256 -q ;;
	cksum) cksum -a sha256 ;;
	openssl) openssl dgst -sha256 ;;
	digest) digest -a sha256 ;;
	esac
}

check_signature() {
	if [ -z "$release_keys" ]; then
		unsigned 7 'this installer carries no release key'
	elif [ -n "$signed_since" ] && older "$version" "$signed_since"; then
		unsigned 7 "versions before $signed_since are not signed"
	elif ! has ssh-keygen || ssh-keygen -Y verify </dev/null 2>&1 | grep -Eq 'option(:| --) ?Y|No user exists'; then
		unsigned 4 'no ssh-keygen here that can: that takes OpenSSH 8.1, and a user with a name'
	else
		verify_signature
	fi
}

unsigned() {
	if [ "$require" = 1 ]; then die "$1" "the signature is required, but $2"; fi
	if [ $scheme,$tls = https,unchecked ]; then
		die "$1" "$downloader checks no certificates, so a signature is required, but $2" 'with curl from a package it would be checked'
	fi
	warn "signature not checked: $2"
	proof='SHA-256'
}

verify_signature() {
	found=0
	fetch "$version/$name.sha256.sig" "$work/sig" || found=$?
	case $found in 0) ;; 44) die 7 "$name has no signature, and must have one" ;; *) lost ;; esac
	say "$release_keys" | sed -n 's/^ssh-/ballistics-release namespaces="ballistics-release" &/p' >"$work/signers"
	say "$sum  $name" | ssh-keygen -Y verify -f "$work/signers" -I ballistics-release -n ballistics-release -s "$work/sig" >"$log" 2>&1 ||
		die 7 "the signature of $name is not by a release key: $(tail -n 1 "$log")"
	proof='SHA-256 and signature'
}

is_installed() {
	if [ ! -x "$dest" ]; then return 1; fi
	sha256_of "$dest"
	if [ "$digest" != "$sum" ]; then return 1; fi
	talk "ballistics $version is already installed: $dest"
}

fetch_binary() {
	fetch "$version/$name" "$work/ballistics" "$size" || lost
	sha256_of "$work/ballistics"
	[ "$digest" = "$sum" ] || die 7 "$base/$version/$name is not what its checksum says; nothing is installed" \
		"expected $sum" "received $digest"
}

try_binary() {
	chmod 755 "$work/ballistics"
	bounded 60 "$work/ballistics" --version >"$work/said" 2>"$log" ||
		die 8 "ballistics $version does not run here: $(head -n 1 "$log")" 'what was installed before is untouched'
	[ "$(cat "$work/said")" = "ballistics $version" ] ||
		die 8 "ballistics $version says that it is: $(head -n 1 "$work/said")"
}

place_binary() {
	say "$sum  $dest" >"$work/receipt"
	if [ -z "$elevate" ]; then
		{ mkdir -p "$bindir" && mv -f "$work/receipt" "$receipt" && mv -f "$work/ballistics" "$dest"; } 2>"$log" ||
			die 5 "cannot install $dest: $(cat "$log")"
	else
		# shellcheck disable=SC2016
		as_root sh -c 'umask 022; cd /; mkdir -p "$2" && cp "$1/ballistics" "$2/.ballistics.new" && chmod 755 "$2/.ballistics.new" &&
			cp "$1/receipt" "$2/.ballistics.receipt" && mv -f "$2/.ballistics.new" "$2/ballistics" || { rm -f "$2/.ballistics.new"; exit 1; }' \
			sh "$work" "$bindir" || not_writable
	fi
}

advise() {
	shell=${SHELL-}
	shell=${shell##*/}
	case :$PATH: in
	*:"$bindir":*)
		first=$(command -v ballistics || :)
		if [ "$first" != "$dest" ]; then note "$first comes before $dest in PATH"; fi ;;
	*)
		case $shell in
		fish) note "not in PATH yet: fish_add_path '$bindir'" ;;
		csh | tcsh) note "not in PATH yet: set path = ('$bindir' \$path)" ;;
		*) note "not in PATH yet: export PATH=\"$bindir:\$PATH\"" ;;
		esac ;;
	esac
	case $shell in bash | zsh | fish)
		if bounded 10 "$dest" completions "$shell" >/dev/null 2>&1; then
			note "for completion in $shell: $dest completions $shell"
		fi ;;
	esac
}

uninstall() {
	work='' downloader=copy base='' elevate=''
	if [ ! -e "$dest" ] && [ ! -e "$receipt" ]; then talk "nothing to remove: no $dest"; return; fi
	[ -r "$receipt" ] || die 7 "$dest was not installed by this script, there is no $receipt; remove it by hand"
	if [ -e "$dest" ]; then
		sum=$(one_hash <"$receipt") || die 7 "$receipt is damaged; remove $dest by hand"
		sha256_of "$dest"
		[ "$digest" = "$sum" ] || die 7 "$dest has changed since it was installed; remove it by hand"
	fi
	if [ "$dry" = 1 ]; then talk "would remove $dest"; return; fi
	if ! rm -f "$dest" "$receipt" 2>/dev/null; then
		choose_elevation
		as_root rm -f "$dest" "$receipt" || die 5 "cannot remove $dest"
	fi
	talk "removed $dest"
}

main "$@"
exit
}
