#!/bin/sh
# shellcheck disable=SC2016,SC2317
{
# Installs ballistics with what the base system has: docs/install.md. Thanks to the braces, a part does nothing.

base_url='https://ballistics.zip'
release_keys=''
signed_since=''

usage() {
	say 'usage: install.sh [--version V] [--prefix DIR] [--require-signature] [--dry-run] [--quiet | --verbose]' \
		'       install.sh --list-versions | --print-platform | --uninstall [--prefix DIR]' \
		'environment: BALLISTICS_BASE_URL, _CA_FILE, _REQUIRE_SIGNATURE=1, _TIMEOUT (seconds)'
}

main() {
	[ -z "${ZSH_VERSION-}" ] || emulate sh
	unset IFS
	umask 022
	export LC_ALL=C
	parse_options "$@"
	set -eu
	require_tools
	case $verb in uninstall) uninstall; return ;; esac
	detect_platform
	case $verb in print-platform) say "$platform"; return ;; esac
	choose_source
	make_work_dir
	choose_version
	case $verb in list-versions) return ;; esac
	choose_proof
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
die() { code=$1; shift; warn "$@"; exit "$code"; }
has() { command -v "$1" >/dev/null 2>&1; }
quote() { say "$1" | sed "s/'/'\\\\''/g; s/.*/'&'/"; }

parse_options() {
	verb=install dry=0 voice=normal asked='' prefix=/usr/local require=${BALLISTICS_REQUIRE_SIGNATURE:-0}
	work='' job='' guard='' elevate='' code='' timeout=${BALLISTICS_TIMEOUT:-600}
	case $timeout in 0* | *[!0-9]* | ??????*) die 2 "BALLISTICS_TIMEOUT: no seconds: $timeout" ;; esac
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
	case $1 in
	/*) place=$1 ;;
	\~ | \~/*) place=${HOME:?}${1#?} ;;
	*) place=$(pwd)/$1 ;;
	esac
	place=${place%/}
}

is_version() {
	case $1 in *[!0-9A-Za-z.-]*) return 1 ;; esac
	say "$1" | grep -Eq '^([0-9]{1,9}\.){2}[0-9]{1,9}(-.+)?$'
}

require_tools() {
	# Not always built in: [, kill, printf.
	for tool in '[' kill printf env cat grep sed tr wc date sleep; do
		has "$tool" || die 4 "$tool is not in PATH"
	done
}

detect_platform() {
	kernel=$(uname -s) cpu=$(uname -m) release=$(uname -r) bits=$(getconf LONG_BIT 2>/dev/null || :)
	case $kernel in
	Darwin)
		os=macos kernel=macOS release=$(sw_vers -productVersion)
		# Under Rosetta uname says x86_64.
		if env PATH="$PATH:/usr/sbin" sysctl -n hw.optional.arm64 2>/dev/null | grep -q 1; then cpu=arm64; fi ;;
	Linux) os=linux ;;
	FreeBSD) os=freebsd ;;
	# uname -m is evbarm on NetBSD/aarch64.
	NetBSD) os=netbsd cpu=$(uname -p) ;;
	OpenBSD) os=openbsd ;;
	*) unsupported ;;
	esac
	# A 64-bit kernel may carry a 32-bit system.
	case $bits,$cpu in
	32,*) unsupported ;;
	*86_64 | *amd64) cpu=x86_64 ;;
	*aarch64 | *arm64) cpu=aarch64 ;;
	*) unsupported ;;
	esac
	platform=$os-$cpu release=${release%%[!0-9.]*}
	system=$os-$release
	if [ $os = linux ]; then
		system=$(getconf GNU_LIBC_VERSION 2>/dev/null | tr ' ' -)
		if [ -z "$system" ] && ldd --version 2>&1 | grep -q musl; then system=musl; fi
	fi
}

unsupported() {
	die 3 "there is no ballistics for $(uname -a), LONG_BIT $bits" \
		'with Rust: cargo install --git https://github.com/ajokela/ballistics-engine ballistics-engine'
}

choose_source() {
	base=${BALLISTICS_BASE_URL:-$base_url} tls=checked ca=''
	scheme=${base%%://*}
	case $scheme,$base/ in
	http,*[@\\]*) die 2 "no http with a user: $base" ;;
	https,* | http,http://localhost[:/]* | http,http://127.0.0.1[:/]*)
		base=${base%/}
		choose_downloader ;;
	file,file:///* | "$base",*)
		absolute "${base#file://}"
		base=$place client=cp pipe=cat ;;
	*) die 2 "not https, file:///, a directory or http to this machine: $base" ;;
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
	*) client=curl pipe="curl --proto '=https' --tlsv1.2 -sSf"; return ;;
	esac
	if has wget; then
		client=wget pipe='wget -qO-'
		case $(wget --version 2>/dev/null || :) in GNU*) client=gnu-wget ;; esac
		return
	fi
	case $os in
	freebsd) client=fetch pipe='fetch -qo -' ;;
	*bsd) client=$os-ftp pipe='ftp -Vo -' ;;
	*) client=none ;;
	esac
	has "${client#*bsd-}" || die 4 'no downloader: install curl (not as a snap) or wget'
	# NetBSD checks certificates from 10 on.
	if [ $os = netbsd ] && older "$release" 10; then tls=unchecked; fi
}

# In the target: no step crosses file systems, and /tmp may be noexec.
# From here on $(...) is for last words: ksh93 may crash at a signal in one.
make_work_dir() {
	now=$(date +%Y%m%d%H%M%S)
	true &
	last=$!
	trap tidy EXIT
	trap 'tidy 129' HUP
	trap 'tidy 130' INT
	trap 'tidy 141' PIPE
	trap 'tidy 143' TERM
	if [ "$verb" = install ]; then
		[ ! -d "$dest" ] || die 5 "$dest is a directory"
		anchor=$bindir
		until [ -e "$anchor/" ]; do anchor=${anchor%/*}; done
		work_in "$anchor" && return
		elevate || not_writable
	fi
	absolute "${TMPDIR:-/tmp}"
	work_in "$place" || die 5 "cannot write to $place; set TMPDIR"
}

work_in() {
	# Named first, for a signal in between.
	work=$1/.ballistics.$now.$$
	{ mkdir "$work" 2>/dev/null && cd "$work"; } || { work=''; return 1; }
}

# A signal starts it anew. mksh would exit with the trap's status.
tidy() {
	code=${1:-${code:-$?}}
	stop_jobs
	cd /
	rm -rf "$work" || :
	exit "$code"
}

elevate() {
	if has sudo; then elevate=sudo; elif has doas; then elevate=doas; else return 1; fi
	note "$bindir is not writable: $elevate does the last step"
}

not_writable() {
	die 5 "cannot write to $bindir" "for you alone: $(again "--prefix \"\$HOME/.local\"${asked:+ --version $asked}")"
}

again() { say "$pipe $(quote "$base/install.sh") | sh -s -- $1"; }

# For $1 seconds at most; in the background, to act on signals at once. Without exec $! may be a shell.
bounded() {
	limit=$1
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
	left=$limit
	while [ "$left" -gt 0 ]; do
		sleep 1
		kill -0 $job 2>/dev/null || exit 0
		left=$((left - 1))
	done
	say "no end after $limit s" >&2
	kill -9 $job
}

# A signal may come before $! is assigned. ash and yash lose an early TERM.
stop_jobs() {
	for pid in $guard $job $!; do
		[ "$pid" = "$last" ] || { kill -9 "$pid" && wait "$pid"; } 2>/dev/null || :
	done
	job='' guard='' last=$!
}

# Fetches $1 into $2, of $3 bytes; 1: it is not there.
get() {
	for pause in 1 2 0; do
		[ "$voice" != verbose ] || warn "$client: $base/$1"
		rm -f "$2"
		trouble=''
		if attempt "$1" "$2" >log 2>&1 && is_sound "$2" "${3:-0}"; then return 0; fi
		ask sed -n '/./h;$x;$p' log
		: "${trouble:="$url: $line"}"
		if grep -Eq '(error:|ERROR) 404|404 Not Found|: Not Found$|No such file' log; then return 1; fi
		if ! say '' >>log 2>/dev/null || grep -Eqi 'no space|failure writing|on write' log; then die 5 "cannot write: $trouble"; fi
		sleep $pause
	done
	lost
}

attempt() {
	url=$base/$1
	# Around caches.
	case $client,$1 in cp,* | */*) ;; *) url="$url?t=$now" ;; esac
	set -- "$2" "$url"
	case $client in
	cp) set -- cp "$url" "$1" ;;
	curl) set -- curl -fsSL --proto "=$scheme" --tlsv1.2 --connect-timeout 20 -y 30 -o "$@" ;;
	gnu-wget) set -- wget -nv --tries=1 --timeout=20 ${ca:+"--ca-certificate=$ca"} -O "$@" ;;
	# Debian's busybox crashes on -T.
	wget) set -- wget -O "$@" ;;
	fetch) set -- fetch -v -T 20 -o "$@" ;;
	netbsd-ftp) set -- ftp -v -q 20 -o "$@" ;;
	openbsd-ftp) set -- ftp -vM -w 20 ${ca:+-S "cafile=$ca"} -o "$@" ;;
	esac
	bounded "$timeout" "$@"
}

# Sets line to the first that a command says.
ask() {
	"$@" >said || :
	read -r line <said || { say '' >said; } 2>/dev/null || die 5 "cannot write to $work"
}

is_sound() {
	# busybox may check no certificate, nor say where a redirect leads.
	if [ $client = wget ] && { grep -q 'not implemented' log || sed 1d log | grep -q ^Connecting; }; then tls=unchecked; fi
	if [ "$scheme" = https ] && grep -Eq '(URL:|edirect to |edirected to )http:' log; then
		trouble="$url leads to plain http"
	# NetBSD's ftp calls half a file a success.
	elif ! [ -s "$1" ] || ! wc -c <"$1" | { read -r x && [ "$x" -ge "$2" ]; }; then
		trouble="$url: cut short"
	else
		read -r line <"$1" || :
		case $line in '<'*) trouble="$url: a web page came instead" ;; esac
	fi
	[ -z "$trouble" ]
}

lost() {
	# Before the @ stands a password.
	env | grep -i '^[a-z]*_proxy=' | sed 's/=.*@/=/; s/^/install.sh: set is /' >&2
	if grep -Eqi 'certificate|ssl|tls' log; then
		warn "no valid certificate; a wrong clock ($(date))? a TLS proxy (set BALLISTICS_CA_FILE)?"
	fi
	die 6 "cannot fetch $trouble"
}

choose_version() {
	version=$asked known='' fits='' why='' size=0
	[ "$verb$asked" != install ] || newest_version
	title="ballistics $version" name=ballistics-$version-$platform
	file=$version/$name
	if ! get catalog.txt view; then
		[ "$verb" = install ] || { newest_version; say "$version"; }
		return 0
	fi
	while read -r p v _ s floor state _ || [ -n "$p" ]; do
		case $p,$v in
		*,*[!0-9A-Za-z.-]*) continue ;;
		"$platform",*) judge "${floor%%[!0-9a-z.-]*}" "$state" ;;
		*) continue ;;
		esac
		[ "$verb" = install ] || say "$v${reason:+  $reason}"
		[ "$v" != "$version" ] || known=$verdict why=$reason size=$s
		case $fits,$verdict,$reason in ,yes,) fits=$v ;; esac
	done <view
	case $verb,$known,$why in
	install,,*) [ -z "$asked" ] || not_published ;;
	install,no,*)
		[ -z "$fits" ] || warn "the newest that fits: $(again "--version $fits")"
		die 3 "$title $why" ;;
	install,*,?*) warn "$title $why; trying it" ;;
	esac
}

judge() {
	verdict=yes reason='' needed=${1#*-} here=${system#*-}
	case $1,$system in
	glibc-*,musl) verdict=no ;;
	glibc-*,glibc-* | "$os"-*) older "$here" "$needed" && verdict=no ;;
	esac
	built="was built for $kernel $needed, this is $here"
	case $verdict,$1 in
	no,glibc-*) reason="needs glibc $needed, this has $here" ;;
	no,[fn]*bsd-"${here%%.*}".*) verdict=yes reason=$built ;;
	no,*) reason=$built ;;
	# Of another ABI, but old libraries may be there.
	yes,openbsd-*) older "$needed" "$here" && reason=$built ;;
	esac
	case $2 in yanked*)
		reason="was withdrawn${reason:+ and $reason}"
		[ "$v" = "$asked" ] || verdict=no ;;
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

newest_version() {
	get versions.txt view || lost
	ask sed -n "s/^$platform:\([[:graph:]]*\).*/\1/p" view
	version=$line
	[ -n "$version" ] || die 3 "no ballistics for $platform yet in $base"
	is_version "$version" || die 7 "versions.txt: no version: $version"
	get latest-version.txt view || return 0
	ask tr -d '\r' <view
	is_version "$line" && older "$version" "$line" || return 0
	warn "ballistics $line is out, for $platform only $version yet"
}

not_published() {
	die 3 "no $title for $platform; what there is: $(again --list-versions)"
}

choose_proof() {
	proof=SHA-256 why='' lack=7
	if [ -z "$release_keys" ]; then
		why='this installer carries no release key'
	elif older "$version" "$signed_since"; then
		why="releases before $signed_since are not signed"
	elif ! has ssh-keygen || ssh-keygen -Y verify </dev/null 2>&1 | grep -Eq 'option(:| --) ?Y|No user exists'; then
		why='it takes ssh-keygen of OpenSSH 8.1 and a named user' lack=4
	else
		proof='SHA-256 and signature'
	fi
}

describe() {
	hash_of /dev/null
	say "platform: $platform $system" "binary: $base/$file" "downloader: $client" "checks: $proof${why:+ alone: $why}" \
		"hash tool: $hasher" "target: $dest" "needs: ${elevate:-neither sudo nor doas}"
}

is_downgrade() {
	[ -z "$asked" ] && [ -x "$dest" ] || return 1
	bounded 10 "$dest" --version >log 2>/dev/null || return 1
	ask sed -n 's/^ballistics //p' log
	is_version "$line" && older "$version" "$line" || return 1
	warn "$dest stays $line, newer than $version; --version $version replaces it"
}

fetch_checksum() {
	get "$file.sha256" sum || { [ -z "$asked" ] || not_published; lost; }
	ask one_hash <sum
	sum=$line
	[ -n "$sum" ] || die 7 "$base/$file.sha256 holds no SHA-256"
}

# The one SHA-256 on stdin: bare, `hash  name` or `SHA256 (name) = hash`.
one_hash() {
	tr -d '\r' | tr ' A-F' '\na-f' | grep -E '^[0-9a-f]{64}$' | { read -r x && ! read -r y && say "$x"; }
}

hash_of() {
	for tool in sha256sum 'shasum -a 256' 'sha256 -q' 'cksum -a sha256' 'openssl dgst -sha256' 'digest -a sha256'; do
		ask eval "$tool 2>/dev/null | one_hash" <"$1"
		hash=$line hasher=$tool
		[ -z "$hash" ] || return 0
	done
	die 4 'no tool for SHA-256: install coreutils or openssl'
}

check_signature() {
	why=${why:+"no signature can be checked: $why"}
	case $why,$require,$scheme,$tls in
	,*) ;;
	*,1,*) die $lack "$why" ;;
	*,https,unchecked) die $lack "$client checks no certificate, and $why" ;;
	*) warn "$why"; return ;;
	esac
	get "$file.sha256.sig" sig || die 7 "$name must be signed, and is not"
	say "$release_keys" | sed -n 's/^ssh-/ballistics-release namespaces="ballistics-release" &/p' >keys
	say "$sum  $name" | ssh-keygen -Y verify -f keys -I ballistics-release -n ballistics-release -s sig >log 2>&1 ||
		die 7 "$name is not signed by a release key: $(cat log)"
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
	bounded 60 ./ballistics --version >out 2>log || die 8 "$title does not run here (status $?): $(cat log)"
	ask cat out
	[ "$line" = "$title" ] || die 8 "$title calls itself: $line"
}

place_binary() {
	say "$sum  $dest" >receipt
	${elevate:+"$elevate"} sh -c 'trap "" HUP INT TERM; umask 022; new=$0/.ballistics.$$
		mkdir -p "$0" && ${1:-mv} -f receipt "$0/.ballistics.receipt" && ${1:-mv} -f ballistics "$new" &&
		mv -f "$new" "$0/ballistics" || { rm -f "$new"; exit 1; }' \
		"$bindir" "${elevate:+cp}" 2>log || { warn "$(cat log)"; not_writable; }
}

advise() {
	shell=${SHELL-}
	shell=${shell##*/}
	ask quote "$bindir"
	case :$PATH:,$shell in
	*:"$bindir":*)
		ask command -v ballistics
		# ksh93 quotes it.
		case $line in "$dest" | "'$dest'") ;; *) note "$line comes before it in PATH" ;; esac ;;
	*,fish) note "not in PATH yet: fish_add_path $line" ;;
	*,*csh) note "not in PATH yet: setenv PATH $line:\"\$PATH\"" ;;
	*) note "not in PATH yet: export PATH=$line:\"\$PATH\"" ;;
	esac
	ask quote "$dest"
	if bounded 10 "$dest" completions "$shell" >/dev/null 2>&1; then note "to complete: $line completions $shell"; fi
}

uninstall() {
	make_work_dir
	[ -e "$dest" ] || { talk "there is no $dest"; return; }
	[ -r "$receipt" ] || die 7 "$dest was not installed by this"
	hash_of "$dest"
	grep -q "^$hash " "$receipt" || die 7 "$dest is not what was installed; remove it by hand"
	case $dry in 1) talk "would remove $dest"; return ;; esac
	rm -f "$dest" "$receipt" 2>/dev/null || { elevate && "$elevate" rm -f "$dest" "$receipt"; } || die 5 "cannot remove $dest"
	talk "removed $dest"
}

main "$@"
exit
}
