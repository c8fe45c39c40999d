#!/bin/sh
# An arm64 Linux node on a machine that is none: a QEMU guest with sshd, rustc, cargo and a C linker, made of Debian's packages alone.
#
#   usage: arm64-node.sh build FOLDER              makes kernel, initrd and disk image in FOLDER (0.8 GB, a minute)
#          arm64-node.sh boot FOLDER PORT [CPUS]   starts it (2 CPUs) and waits until ssh answers on 127.0.0.1:PORT
#          arm64-node.sh stop FOLDER PORT          ends it; what it wrote is gone, each boot starts from the image
#
# After boot:  ssh -F FOLDER/ssh_config-PORT arm64-node-PORT cargo --version
# Each verb is harmless when repeated. `build` is done when FOLDER has an image: remove FOLDER to build anew.
#
# Needs Debian (tried: 12 on x86_64) and its archives. `build` needs root, and installs qemu-system-arm, mmdebstrap, cpio, kmod, e2fsprogs and
# openssh-client where they are missing; its package lists are its own, in FOLDER. `boot` and `stop` need no more than FOLDER's files.
# No arm64 instruction is run while it is made: the packages are unpacked and not configured, and the guest's init is a short script. The
# guest emulates its processor, so a build in it takes about twenty times as long as on the machine itself.
set -eu

KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
# What the guest needs beyond a kernel. No login manager, no systemd, no PAM configuration.
PACKAGES=base-files,base-passwd,bash,busybox-static,coreutils,dash,debianutils,diffutils,findutils,gawk,gcc,grep,gzip,hostname,iproute2
PACKAGES=$PACKAGES,libc-bin,libc6-dev,libcrypt1,login,mount,openssh-client,openssh-server,openssh-sftp-server,procps,sed,tar,util-linux,xz-utils
BOOT_SECONDS=120

die() {
    echo "arm64-node.sh: $*" >&2
    exit 1
}

usage() {
    sed -n 's/^#   usage: /usage: /p; s/^#          arm64/       arm64/p' "$0" >&2
    exit 2
}

build() {
    if [ -f "$dir/disk.img" ]; then
        echo "already built in $dir"
        return
    fi
    [ "$(id -u)" = 0 ] || die "build needs root: it installs packages and makes files that belong to root"
    command -v apt-get >/dev/null || die "no apt-get: build needs Debian"
    [ -f "$KEYRING" ] || die "no $KEYRING: install debian-archive-keyring"
    work=$dir/work
    rm -rf "$work"
    mkdir -p "$work"
    cd "$work"
    find_archives
    install_tools
    unpack_kernel
    make_root
    make_keys
    make_init
    make_initrd
    make_image
    rm -rf "$work"
    echo "built: kernel $kernel_version, image of $(du -h "$dir/disk.img" | cut -f1)"
}

# The machine's own Debian archives, whatever way its apt is told of them.
find_archives() {
    mkdir -p machine/lists/partial machine/cache/archives/partial
    machine_apt update
    machine_apt indextargets --format "\$(ORIGIN) deb [signed-by=$KEYRING] \$(REPO_URI) \$(RELEASE) \$(COMPONENT)" 'Created-By: Packages' |
        sed -n 's/^Debian \(.* main\)$/\1/p' | sort -u >sources.list
    # shellcheck source=/dev/null
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    grep -q " $codename main$" sources.list || die "apt has no archive of Debian ${codename:-(no VERSION_CODENAME in /etc/os-release)}"
}

machine_apt() {
    apt-get -qq -o Dir::State::Lists="$work/machine/lists" -o Dir::Cache="$work/machine/cache" -o APT::Update::Error-Mode=any \
        -o Acquire::Languages=none -o Acquire::Retries=3 "$@"
}

install_tools() {
    export DEBIAN_FRONTEND=noninteractive PATH="$PATH:/usr/sbin:/sbin"
    packages=
    missing mmdebstrap mmdebstrap
    missing cpio cpio
    missing depmod kmod
    missing mke2fs e2fsprogs
    missing ssh openssh-client
    # shellcheck disable=SC2086 # $packages is a list of names
    [ -z "$packages" ] || quietly machine_apt install --yes --no-remove --no-install-recommends $packages
    command -v qemu-system-aarch64 >/dev/null || install_qemu
}

# missing COMMAND PACKAGE
missing() {
    command -v "$1" >/dev/null || packages="$packages $2"
}

# A machine that has other QEMU packages from backports cannot take this one from elsewhere: they would have to go.
install_qemu() {
    if machine_apt --simulate install --no-remove --no-install-recommends qemu-system-arm >/dev/null 2>&1; then
        quietly machine_apt install --yes --no-remove --no-install-recommends qemu-system-arm
        return
    fi
    backports=$codename-backports
    {
        cat sources.list
        sed -n "s/ $codename main$/ $backports main/p" sources.list
    } >backports.list
    private="-o Dir::Etc::SourceList=$work/backports.list -o Dir::Etc::SourceParts=/dev/null"
    # shellcheck disable=SC2086 # $private is a list of options
    {
        quietly machine_apt $private update
        quietly machine_apt $private install --yes --no-remove --no-install-recommends -t "$backports" qemu-system-arm
    }
}

quietly() {
    "$@" >"$work/log" 2>&1 || {
        cat "$work/log" >&2
        die "$*: see above"
    }
}

arm64_options() {
    echo "-o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o Dir::Etc::SourceList=$work/sources.list -o Dir::Etc::SourceParts=/dev/null
        -o Dir::State::Lists=$work/arm64/lists -o Dir::State::Status=$work/arm64/status -o Dir::Cache=$work/arm64/cache
        -o APT::Update::Error-Mode=any -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=3"
}

# The kernel's package and busybox, unpacked here and not installed anywhere.
unpack_kernel() {
    mkdir -p arm64/lists/partial arm64/cache/archives/partial
    : >arm64/status
    options=$(arm64_options)
    # shellcheck disable=SC2086 # $options is a list of options
    {
        quietly apt-get -qq $options update
        kernel=$(apt-cache $options depends linux-image-cloud-arm64 | awk '$1 == "Depends:" && $2 ~ /^linux-image-/ { print $2; exit }')
        [ -n "$kernel" ] || die "linux-image-cloud-arm64 names no kernel in $codename"
        (cd arm64 && quietly apt-get -qq $options download "$kernel" busybox-static)
        # The web browsers' Rust is kept newer than the release's own.
        rust=rustc,cargo
        ! apt-cache $options show rustc-web cargo-web >/dev/null 2>&1 || rust=rustc-web,cargo-web
    }
    kernel_version=${kernel#linux-image-}
    for package in arm64/*.deb; do
        dpkg-deb -x "$package" kernel
    done
}

# variant=extract runs no maintainer script, so the machine needs no emulator here.
# shellcheck disable=SC2016 # mmdebstrap gives the hook its $1
make_root() {
    quietly mmdebstrap --arch=arm64 --variant=extract --mode=root --skip=check/qemu \
        --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' --aptopt='Acquire::Retries "3"' \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
        --setup-hook='cd "$1" && mkdir -p usr/bin usr/sbin usr/lib && ln -s usr/bin usr/sbin usr/lib .' \
        --include="$PACKAGES,$rust" "$codename" root sources.list
    # What the maintainer scripts would have done and this guest needs.
    (
        cd root
        sed 's,^root:[^:]*:\(.*\):[^:]*$,root:x:\1:/bin/bash,' usr/share/base-passwd/passwd.master >etc/passwd
        echo 'sshd:x:101:65534::/run/sshd:/usr/sbin/nologin' >>etc/passwd
        cp usr/share/base-passwd/group.master etc/group
        echo 'root:*:19000:0:99999:7:::' >etc/shadow
        chmod 600 etc/shadow
        ln -sf gcc usr/bin/cc
        ln -sf gawk usr/bin/awk
        [ -e usr/bin/sh ] || ln -s dash usr/bin/sh
        mkdir -p dev etc/ssh proc root/.ssh run sys tmp
        chmod 1777 tmp
        chmod 700 root root/.ssh
        cp usr/share/openssh/sshd_config etc/ssh/
        ldconfig -r .
        echo arm64-node >etc/hostname
        echo '127.0.0.1 localhost arm64-node' >etc/hosts
    )
}

make_keys() {
    ssh-keygen -q -t ed25519 -N '' -C arm64-node -f id
    ssh-keygen -q -t ed25519 -N '' -C arm64-node -f root/etc/ssh/ssh_host_ed25519_key
    (cd root/root && install -m 600 ../../id.pub .ssh/authorized_keys)
    cp root/etc/ssh/ssh_host_ed25519_key.pub host_key.pub
}

make_init() {
    cat >root/usr/sbin/node-init <<'INIT'
#!/bin/sh
# Process 1 of the guest: mounts, address, sshd, and then reaping what is left to it.
PATH=/usr/sbin:/usr/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
for place in /run /tmp /dev/shm; do mount -t tmpfs tmpfs "$place"; done
chmod 1777 /tmp /dev/shm
hostname arm64-node
ip link set lo up
ip address add 10.0.2.15/24 dev eth0
ip link set eth0 up
ip route add default via 10.0.2.2
mkdir -p /run/sshd
/usr/sbin/sshd -o UsePAM=no -o UseDNS=no -o PermitRootLogin=prohibit-password -o HostKey=/etc/ssh/ssh_host_ed25519_key && echo NODE-READY >/dev/console
while :; do sleep 3600; done
INIT
    chmod 755 root/usr/sbin/node-init
}

# The distribution's initrd is made by scripts that run on the guest's own processor. This one loads what a virtio disk and network need.
make_initrd() {
    mkdir -p initrd/bin initrd/dev initrd/mnt initrd/modules initrd/proc initrd/sys
    # In bin or usr/bin, by the release of Debian.
    find kernel -path '*/bin/busybox' -type f -exec cp {} initrd/bin/ \;
    [ -x initrd/bin/busybox ] || die "no busybox in its package"
    depmod -b kernel "$kernel_version"
    for module in virtio_pci virtio_mmio virtio_blk virtio_net virtio-rng ext4; do
        modprobe -S "$kernel_version" -d "$work/kernel" --show-depends "$module" | awk '$1 == "insmod" { print $2 }'
    done | awk '!seen[$0]++' >modules
    while read -r file; do
        cp "$file" initrd/modules/
        basename "$file"
    done <modules >initrd/modules/order
    cat >initrd/init <<'INIT'
#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
for file in $(/bin/busybox cat /modules/order); do /bin/busybox insmod "/modules/$file"; done
tries=0
while [ ! -b /dev/vda ] && [ $tries -lt 100 ]; do
    /bin/busybox sleep 0.1
    tries=$((tries + 1))
done
/bin/busybox mount -t ext4 /dev/vda /mnt || exec /bin/busybox poweroff -f
/bin/busybox mount --move /dev /mnt/dev
/bin/busybox umount /sys
/bin/busybox umount /proc
exec /bin/busybox switch_root /mnt /usr/sbin/node-init
INIT
    chmod 755 initrd/init
    (cd initrd && find . | cpio --quiet -o -H newc | gzip -1) >initrd.gz
}

# The image moves last: it is what says that all is there.
make_image() {
    truncate -s 3G disk.img
    mke2fs -q -F -t ext4 -O ^has_journal -E root_owner=0:0 -d root disk.img
    mv -f "kernel/boot/vmlinuz-$kernel_version" "$dir/vmlinuz"
    mv -f initrd.gz id id.pub host_key.pub "$dir/"
    mv -f disk.img "$dir/"
}

boot() {
    [ -f "$dir/disk.img" ] || die "no image in $dir: arm64-node.sh build $dir"
    command -v qemu-system-aarch64 >/dev/null || die "no qemu-system-aarch64 on this machine (Debian: apt-get install qemu-system-arm)"
    cd "$dir"
    if running; then
        echo "already running: ssh -F $dir/ssh_config-$port arm64-node-$port"
        return
    fi
    write_ssh_config
    started=$(date +%s)
    rm -f "console-$port.log"
    start_qemu
    until ready; do
        running || die "the guest ended: see $dir/console-$port.log"
        [ $(($(date +%s) - started)) -lt "$BOOT_SECONDS" ] || { stop && die "no answer in $BOOT_SECONDS seconds: see $dir/console-$port.log"; }
        sleep 0.2
    done
    echo "ssh answers after $(($(date +%s) - started)) s: ssh -F $dir/ssh_config-$port arm64-node-$port"
}

start_qemu() {
    qemu-system-aarch64 -machine virt -cpu cortex-a57 -accel tcg,thread=multi,tb-size=512 -smp "$cpus" -m 3G \
        -kernel vmlinuz -initrd initrd.gz -append 'console=ttyAMA0 quiet panic=-1 mitigations=off' -no-reboot \
        -display none -monitor none -serial "file:console-$port.log" -daemonize -pidfile "qemu-$port.pid" \
        -drive file=disk.img,if=none,id=disk,format=raw,cache=unsafe,snapshot=on -device virtio-blk-pci,drive=disk,romfile= \
        -netdev "user,id=net,hostfwd=tcp:127.0.0.1:$port-:22" -device virtio-net-pci,netdev=net,romfile= \
        -object rng-random,id=random,filename=/dev/urandom -device virtio-rng-pci,rng=random </dev/null
}

# Alive, and a QEMU of this port: the number in the file may belong to another process by now.
running() {
    [ -s "$dir/qemu-$port.pid" ] || return 1
    read -r pid <"$dir/qemu-$port.pid"
    tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q "qemu-system-aarch64 .*hostfwd=tcp:127.0.0.1:$port-:22"
}

# QEMU takes connections before the guest does, and an early one would wait for a banner: sshd's own word comes first.
ready() {
    grep -q NODE-READY "console-$port.log" 2>/dev/null && ssh -F "ssh_config-$port" "arm64-node-$port" true </dev/null 2>/dev/null
}

# For ssh -F: the user's own ssh settings and known hosts are not read and not written.
write_ssh_config() {
    echo "[127.0.0.1]:$port $(cut -d' ' -f1,2 host_key.pub)" >"known_hosts-$port"
    cat >"ssh_config-$port" <<CONFIG
Host arm64-node-$port
    HostName 127.0.0.1
    Port $port
    User root
    IdentityFile $dir/id
    IdentitiesOnly yes
    UserKnownHostsFile $dir/known_hosts-$port
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    BatchMode yes
    ConnectTimeout 20
CONFIG
}

stop() {
    if ! running; then
        echo "not running on port $port"
        return
    fi
    kill "$pid"
    tries=0
    while running; do
        [ "$tries" -lt 50 ] || { kill -9 "$pid" && break; }
        sleep 0.1
        tries=$((tries + 1))
    done
    rm -f "$dir/qemu-$port.pid"
    echo "stopped"
}

main() {
    [ $# -ge 2 ] || usage
    verb=$1
    dir=$(realpath -m "$2")
    # Such a name would have to be quoted differently for apt, ssh and QEMU.
    case $dir in *[!A-Za-z0-9/._+-]*) echo "arm64-node.sh: $dir: choose a folder named with letters, digits and ._+- alone" >&2 && exit 2 ;; esac
    port=${3:-} cpus=${4:-2}
    case $verb:$# in
    build:2) build ;;
    boot:3 | boot:4 | stop:3)
        case $port$cpus in *[!0-9]* | '') usage ;; esac
        "$verb"
        ;;
    *) usage ;;
    esac
}

main "$@"
