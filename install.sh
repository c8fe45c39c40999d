#!/bin/sh
{
# Installs ballistics with what the base system has: docs/install.md. Thanks to the braces, a part of it does nothing.
# No here-documents: some shells write them to /tmp.

base_url='https://ballistics.zip'
release_keys=''
signed_since=''

usage() {
	say 'usage: install.sh [--version V] [--prefix DIR] [--require-signature] [--dry-run] [--quiet | --verbose]' \
		'       install.sh --list-versions | --print-platform | --uninstall [--prefix DIR]' \
		'environment: BALLISTICS_BASE_URL, _CA_FILE, _REQUIRE_SIGNATURE=1, _TIMEOUT (seconds)' \
		'exit: 0 done, 2 usage, 3 unsupported, 4 tool missing, 5 permission, 6 network, 7 integrity, 8 does not run'
}

main() {
	[ -z "${ZSH_VERSION-}" ] || emulate sh
	unset IFS
	umask 022
	export LC_ALL=C
	parse_options "$@"
	set -eu
	require_tools
	detect_platform
	case $verb in print-platform) say "$platform"; return ;; esac
	choose_source
	case $verb in uninstall) uninstall; return ;; esac
	make_work_dir
	read_catalog
	case $verb in list-versions) list_versions; return ;; esac
	choose_version
	case $dry in 1) describe; return ;; esac
	if is_downgrade; then return; fi
	fetch_checksum
	check_signature
	if is_installed; then return; fi
	fetch_binary
	try_binary
	place_binary
	talk "$title for $platform from $base" "verified by $proof" "installed $dest"
	advise
}

say() { printf '%s\n' "$@"; }
talk() { [ "$voice" = quiet ] || say "$@"; }
note() { [ "$voice" = quiet ] || warn "$@"; }
warn() { printf 'install.sh: %s\n' "$@" >&2; }
die() { code=$1; shift; warn "$@"; quit "$code"; }
has() { command -v "$1" >/dev/null 2>&1; }

parse_options() {
	verb=install dry=0 voice=normal asked='' prefix=/usr/local require=${BALLISTICS_REQUIRE_SIGNATURE:-0}
	work='' job='' guard='' elevate='' code=''
	while [ $# -gt 0 ]; do
		option=$1
		case $1 in --version | --prefix)
			option=$1=${2-}
			[ $# = 1 ] || shift ;;
		esac
		case $option in
		--version=*) asked=${option#*=}; is_version "$asked" || die 2 "not a version: '$asked'" ;;
		--prefix=[!-]*) prefix=${option#*=} ;;
		--list-versions | --print-platform | --uninstall) verb=${option#--} ;;
		--quiet | --verbose) voice=${option#--} ;;
		--dry-run) dry=1 ;;
		--require-signature) require=1 ;;
		--help | -h) usage; exit ;;
		*) die 2 "what is $option? --help lists the options" ;;
		esac
		shift
	done
	absolute "$prefix"
	bindir=${place%/bin}/bin
	dest=$bindir/ballistics receipt=$bindir/.ballistics.receipt
}

absolute() {
	place=$1
	case $place in /*) ;; *) place=$(pwd)/$place ;; esac
	place=${place%/}
}

is_version() {
	case $1 in *[!0-9A-Za-z.-]*) return 1 ;; esac
	say "$1" | grep -Eq '^([0-9]{1,9}\.){2}[0-9]{1,9}(-.+)?$'
}

# Not every shell has [, kill and printf built in.
require_tools() {
	for tool in '[' kill printf env cat grep sed tr wc date sleep; do
		has "$tool" || die 4 "$tool is not in PATH"
	done
}

detect_platform() {
	kernel=$(uname -s) cpu=$(uname -m) release=$(uname -r)
	case $kernel in
	Darwin)
		os=macos kernel=macOS release=$(sw_vers -productVersion)
		# Under Rosetta uname says x86_64.
		[ "$(env PATH="$PATH:/usr/sbin" sysctl -n hw.optional.arm64 2>/dev/null || :)" != 1 ] || cpu=arm64 ;;
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
	[ "$(getconf LONG_BIT 2>/dev/null || :)" != 32 ] || unsupported
	platform=$os-$cpu release=${release%%[!0-9.]*}
	system=$os-$release
	if [ $os = linux ]; then
		libc=$(getconf GNU_LIBC_VERSION 2>/dev/null || :)
		system=${libc:+glibc-${libc#glibc }}
		if [ -z "$libc" ] && ldd --version 2>&1 | grep -q musl; then system=musl; fi
	fi
}

unsupported() {
	die 3 "there is no ballistics for $(uname -a), LONG_BIT $(getconf LONG_BIT 2>/dev/null)" \
		'with Rust: cargo install --git https://github.com/ajokela/ballistics-engine ballistics-engine'
}

choose_source() {
	base=${BALLISTICS_BASE_URL:-$base_url} downloader=cp pipe=cat tls=checked ca=''
	now=$(date +%Y%m%d%H%M%S)
	scheme=${base%%://*}
	case $scheme,$base/ in
	http,*[@\\]*) die 2 "no http with a user: $base" ;;
	https,* | http,http://localhost[:/]* | http,http://127.0.0.1[:/]* | http,'http://[::1]'[:/]*)
		base=${base%/}
		choose_downloader ;;
	file,file:///* | "$base",*)
		absolute "${base#file://}"
		base=$place ;;
	*) die 2 "not https, file:/// or a directory, nor http to this machine: $base" ;;
	esac
	[ -n "${BALLISTICS_CA_FILE-}" ] || return 0
	absolute "$BALLISTICS_CA_FILE"
	ca=$place
	export CURL_CA_BUNDLE="$ca" SSL_CERT_FILE="$ca" SSL_CA_CERT_FILE="$ca"
}

choose_downloader() {
	case $(command -v curl || :) in
	# A snap's curl cannot write our files.
	'' | */snap/*) ;;
	*) downloader=curl pipe="curl --proto '=https' --tlsv1.2 -sSf"; return ;;
	esac
	case $os in
	freebsd) downloader=fetch pipe='fetch -qo -' ;;
	netbsd | openbsd) downloader=$os-ftp pipe='ftp -Vo -' ;;
	esac
	if has wget; then
		downloader=wget pipe='wget -qO-'
		case $(wget --version 2>/dev/null || :) in GNU*) downloader=gnu-wget ;; esac
	elif ! has "${downloader#*bsd-}" || [ $downloader = cp ]; then
		die 4 'no downloader: install curl (not as a snap) or wget'
	# NetBSD has certificates, and checks them, from 10 on.
	elif [ $os = netbsd ] && older "$release" 10; then
		tls=unchecked
	fi
}

# In the target: no step crosses file systems, and a noexec /tmp does not matter.
make_work_dir() {
	true &
	last=$!
	trap 'code=${code:-$?}; stop_jobs; cd /; rm -rf "$work" || :; exit "$code"' EXIT
	trap 'quit 129' HUP
	trap 'quit 130' INT
	trap 'quit 141' PIPE
	trap 'quit 143' TERM
	if [ "$verb$dry" = install0 ]; then
		anchor=$bindir
		until [ -e "$anchor" ] || [ -z "$anchor" ]; do anchor=${anchor%/*}; done
		[ ! -d "$dest" ] || die 5 "$dest is a directory"
		work_in "$anchor" && return
		elevate
	fi
	absolute "${TMPDIR:-/tmp}"
	work_in "$place" || die 5 "cannot write to $place; set TMPDIR"
}

work_in() {
	# Named before it is made, for a signal in between.
	work=$1/.ballistics.$now.$$
	mkdir -m 700 "$work" 2>/dev/null || { work=''; return 1; }
	if ! { cd "$work" && true >catalog; }; then die 5 "cannot write to $work"; fi
}

# mksh would exit with the status of the EXIT trap.
quit() {
	code=$1
	exit "$1"
}

elevate() {
	# A loop's variable is local in yash.
	for helper in doas sudo; do if has $helper; then elevate=$helper; fi; done
	case $elevate,$(id -u) in ,* | *,0) not_writable ;; esac
	note "$bindir is not writable: $elevate does the last step"
}

not_writable() {
	die 5 "cannot write to $bindir" "for you alone: $(again "--prefix \"\$HOME/.local\"${asked:+ --version $asked}")"
}

again() {
	case $0 in
	*install.sh) say "sh '$0' $1" ;;
	*) say "$pipe $base/install.sh | sh -s -- $1" ;;
	esac
}

# Runs a program for $1 seconds at most, in the background to act on signals at once. Without exec $! may be a shell.
# The guard is killed: ash and yash lose an early TERM.
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

# A signal may come before $! is assigned.
stop_jobs() {
	for pid in $guard $job $!; do
		[ "$pid" = "$last" ] || { kill -9 "$pid" && wait "$pid"; } 2>/dev/null || :
	done
	job='' guard='' last=$!
}

# Fetches $1 of the store into $2, of $3 bytes, or says in trouble why not; 44: it is not there.
get() {
	for pause in 1 2 0; do
		[ "$voice" != verbose ] || warn "$downloader: $base/$1"
		rm -f "$2"
		trouble=''
		if attempt "$1" "$2" >log 2>&1 && is_sound "$2" "${3:-0}"; then return 0; fi
		: "${trouble:="$url: $(sed -n '/./h;$x;$p' log)"}"
		if grep -Eq '(error:|ERROR) 404|404 Not Found|: Not Found$|No such file' log; then return 44; fi
		if ! say '' >>log 2>/dev/null || grep -Eqi 'no space|failure writing|on write' log; then die 5 "cannot write: $trouble"; fi
		sleep $pause
	done
	return 1
}

attempt() {
	url=$base/$1
	# Around caches.
	case $downloader,$1 in cp,* | */*) ;; *) url="$url?t=$now" ;; esac
	case $downloader in
	cp) set -- cp "$url" "$2" ;;
	curl) set -- curl -fsSL --proto "=$scheme" --tlsv1.2 --connect-timeout 20 -o "$2" "$url" ;;
	gnu-wget) set -- wget -nv --tries=1 --timeout=20 ${ca:+"--ca-certificate=$ca"} -O "$2" "$url" ;;
	# Debian's busybox crashes on -T.
	wget) set -- wget -O "$2" "$url" ;;
	fetch) set -- fetch -q -T 20 -o "$2" "$url" ;;
	netbsd-ftp) set -- ftp -V -q 20 -o "$2" "$url" ;;
	openbsd-ftp) set -- ftp -V -w 20 ${ca:+-S "cafile=$ca"} -o "$2" "$url" ;;
	esac
	bounded "${BALLISTICS_TIMEOUT:-600}" "$@"
}

# NetBSD's ftp calls half a file a success.
is_sound() {
	if [ $downloader = wget ] && grep -q 'validation not implemented' log; then tls=unchecked; fi
	line=''
	[ ! -s "$1" ] || read -r line <"$1" || :
	if [ "$scheme" = https ] && grep -q 'URL:http://' log; then
		trouble="$url leads to plain http"
	elif ! [ -s "$1" ] || [ "$(wc -c <"$1")" -lt "$2" ]; then
		trouble="$url: cut short"
	else
		case $line in '<'*) trouble="$url: a web page came instead" ;; esac
	fi
	[ -z "$trouble" ]
}

lost() {
	warn "cannot fetch $trouble"
	grep -Eqi 'certificate|ssl|tls' log &&
		warn "no valid certificate; a wrong clock ($(date))? a TLS proxy (set BALLISTICS_CA_FILE)?"
	# Before the @ stands a password.
	env | grep -i '^[a-z]*_proxy=' | sed 's/=.*@/=/; s/^/install.sh: set is /' >&2
	quit 6
}

read_catalog() {
	get catalog.txt view || case $? in 44) return 0 ;; *) lost ;; esac
	while read -r p v _ s floor _ || [ -n "$p" ]; do
		case $p,$v in
		*,*[!0-9A-Za-z.-]*) ;;
		"$platform",*)
			judge "${floor%%[!0-9a-z.-]*}"
			say "$v $s $verdict $reason" ;;
		esac
	done <view >catalog
}

judge() {
	verdict=yes reason='' needed=${1#*-} here=${system#*-}
	case $1,$system in
	glibc-*,musl) verdict=no ;;
	glibc-*,glibc-* | "$os"-*) older "$here" "$needed" && verdict=no ;;
	esac
	case $1,$verdict,${here%%.*} in
	# Its ABI is another, but old libraries may be there.
	openbsd-*,yes,*) older "$needed" "$here" && verdict=perhaps ;;
	[fn]*bsd-*,no,"${needed%%.*}") verdict=perhaps ;;
	esac
	case $verdict,$1 in
	yes,*) ;;
	*,glibc-*) reason="needs glibc $needed, this has $here" ;;
	*) reason="was built for $kernel $needed, this is $here" ;;
	esac
}

older() {
	left=${1%%-*}. right=${2%%-*}.
	while [ -n "$left$right" ]; do
		x=${left%%.*} y=${right%%.*}
		if [ "${x:-0}" -ne "${y:-0}" ]; then [ "${x:-0}" -lt "${y:-0}" ]; return; fi
		left=${left#*.} right=${right#*.}
	done
	# A pre-release comes before its release.
	[ "$1" != "${1%%-*}" ] && [ "$2" = "${2%%-*}" ]
}

list_versions() {
	[ -s catalog ] || { newest_version; say "$version"; }
	while read -r v _ _ reason; do
		say "$v${reason:+  $reason}"
	done <catalog
}

choose_version() {
	version=$asked verdict='' size=0
	[ -n "$asked" ] || newest_version
	title="ballistics $version" name=ballistics-$version-$platform
	file=$version/$name
	while read -r v s fits why; do
		[ "$v" != "$version" ] || size=$s verdict=$fits reason=$why
	done <catalog
	case $verdict in
	'') [ -z "$asked" ] || [ ! -s catalog ] || not_published ;;
	perhaps) warn "$title $reason; trying it" ;;
	no)
		fits=$(sed -n '/^[0-9.]* [^ ]* yes/{s/ .*//p;q;}' catalog)
		fits=${fits:+$(again "--version $fits")}
		die 3 "$title $reason" "the newest that fits: ${fits:-none}" ;;
	esac
}

newest_version() {
	get versions.txt view || lost
	version=$(tr -d '\r' <view | sed -n "s/^$platform://p")
	[ -n "$version" ] || die 3 "no ballistics for $platform yet in $base"
	is_version "$version" || die 7 "versions.txt: no version: $version"
	get latest-version.txt view || return 0
	latest=$(tr -d '\r' <view)
	is_version "$latest" && older "$version" "$latest" || return 0
	warn "ballistics $latest is out, for $platform only $version yet"
}

not_published() {
	die 3 "no $title for $platform; what there is: $(again --list-versions)"
}

describe() {
	say "platform: $platform $system" "binary: $base/$file" "downloader: $downloader" "target: $dest"
}

is_downgrade() {
	[ -z "$asked" ] && [ -x "$dest" ] || return 1
	bounded 10 "$dest" --version >log 2>/dev/null || return 1
	there=$(sed -n 's/^ballistics //p' log)
	is_version "$there" && older "$version" "$there" || return 1
	warn "$dest stays $there, newer than $version; --version $version replaces it"
}

fetch_checksum() {
	get "$file.sha256" sum || case $?$asked in "44$version") not_published ;; *) lost ;; esac
	sum=$(one_hash <sum) || die 7 "$base/$file.sha256 holds no SHA-256"
}

# The one SHA-256 on stdin: bare, `hash  name` or `SHA256 (name) = hash`.
one_hash() {
	hash=$(tr -d '\r' | tr ' A-F' '\na-f' | grep -E '^[0-9a-f]{64}$') || return 1
	case $hash in *[!0-9a-f]*) return 1 ;; esac
	say "$hash"
}

hash_of() {
	for tool in sha256sum 'shasum -a 256' 'sha256 -q' 'cksum -a sha256' 'openssl dgst -sha256' 'digest -a sha256'; do
		hash=$(eval "$tool" <"$1" 2>/dev/null | one_hash) && return
	done
	die 4 'no tool for SHA-256: install coreutils or openssl'
}

check_signature() {
	if [ -z "$release_keys" ]; then
		unsigned 7 'this installer carries no release key'
	elif [ -n "$signed_since" ] && older "$version" "$signed_since"; then
		unsigned 7 "releases before $signed_since are not signed"
	elif ! has ssh-keygen || ssh-keygen -Y verify </dev/null 2>&1 | grep -Eq 'option(:| --) ?Y|No user exists'; then
		unsigned 4 'it takes ssh-keygen of OpenSSH 8.1 and a named user'
	else
		verify_signature
	fi
}

unsigned() {
	case $require,$scheme,$tls in
	1,*) die "$1" "no signature can be checked: $2" ;;
	*,https,unchecked) die "$1" "$downloader checks no certificate, and no signature can be checked: $2" ;;
	esac
	warn "no signature is checked: $2"
	proof=SHA-256
}

verify_signature() {
	get "$file.sha256.sig" sig || case $? in 44) die 7 "$name must be signed, and is not" ;; *) lost ;; esac
	say "$release_keys" | sed -n 's/^ssh-/ballistics-release namespaces="ballistics-release" &/p' >keys
	say "$sum  $name" | ssh-keygen -Y verify -f keys -I ballistics-release -n ballistics-release -s sig >log 2>&1 ||
		die 7 "$name is not signed by a release key: $(cat log)"
	proof='SHA-256 and signature'
}

is_installed() {
	[ -x "$dest" ] || return 1
	hash_of "$dest"
	[ "$hash" = "$sum" ] || return 1
	talk "$title is already in $dest"
}

fetch_binary() {
	get "$file" ballistics "$size" || lost
	hash_of ballistics
	[ "$hash" = "$sum" ] || die 7 "$base/$file has not its checksum: expected $sum, got $hash"
}

try_binary() {
	chmod 755 ballistics
	bounded 60 ./ballistics --version >said 2>log ||
		die 8 "$title does not run here: $(cat log)"
	[ "$(cat said)" = "$title" ] || die 8 "$title calls itself: $(cat said)"
}

place_binary() {
	say "$sum  $dest" >receipt
	# shellcheck disable=SC2016
	${elevate:+"$elevate"} sh -c 'umask 022; mkdir -p "$0" && ${1:-mv} receipt "$0/.ballistics.receipt" && ${1:-mv} ballistics "$0/.ballistics.new" &&
		mv -f "$0/.ballistics.new" "$0/ballistics" || { rm -f "$0/.ballistics.new"; exit 1; }' \
		"$bindir" "${elevate:+cp}" 2>log || { warn "$(cat log)"; not_writable; }
}

advise() {
	shell=${SHELL-}
	shell=${shell##*/}
	case :$PATH:,$shell in
	*:"$bindir":*)
		first=$(command -v ballistics)
		# ksh93 quotes it.
		case $first in "$dest" | "'$dest'") ;; *) note "$first comes before it in PATH" ;; esac ;;
	*,fish) note "not in PATH yet: fish_add_path '$bindir'" ;;
	*) note "not in PATH yet: export PATH=\"$bindir:\$PATH\"" ;;
	esac
	if bounded 10 "$dest" completions "$shell" >/dev/null 2>&1; then note "to complete: $dest completions $shell"; fi
}

uninstall() {
	[ -e "$dest" ] || { talk "there is no $dest"; return; }
	[ -r "$receipt" ] || die 7 "$dest was not installed by this: there is no $receipt"
	hash_of "$dest"
	grep -q "^$hash " "$receipt" || die 7 "$dest is not what was installed; remove it by hand"
	case $dry in 1) talk "would remove $dest"; return ;; esac
	rm -f "$dest" "$receipt" 2>/dev/null || { elevate; "$elevate" rm -f "$dest" "$receipt"; } || die 5 "cannot remove $dest"
	talk "removed $dest"
}

main "$@"
exit
}
