#!/bin/sh
# Makes the mount namespace that it runs in a node's: mounts.sh DISK. What the node's programs write below /run, /var/lib, /var/log and
# /sys/fs/bpf stays in it, and only what is on DISK is there again after a reboot.
set -eu
disk="$1"
# As init does: what is mounted on the node later is seen in containers that ask for it.
mount --make-rshared /
for place in /run /var/lib /var/log; do mount -t tmpfs tmpfs "$place"; done
for place in kubelet containerd cni; do
  mkdir -p "$disk/$place" "/var/lib/$place"
  mount --bind "$disk/$place" "/var/lib/$place"
done
# containerd looks at the first mount of a path only.
umount --lazy /sys/fs/bpf 2>/dev/null || true
mount -t bpf bpf /sys/fs/bpf
mkdir -p /run/netns /run/containerd /run/sysctl
# The kubelet sets these for the whole machine, unless they are so already.
pretend() {
  printf '%s\n' "$2" >"/run/sysctl/${1##*/}"
  mount --bind "/run/sysctl/${1##*/}" "/proc/sys/$1"
}
pretend vm/overcommit_memory 1
pretend vm/panic_on_oom 0
pretend kernel/panic 10
pretend kernel/panic_on_oops 1
pretend kernel/keys/root_maxkeys 1000000
pretend kernel/keys/root_maxbytes 25000000
touch /run/is-node
exec sleep infinity
