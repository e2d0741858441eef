#!/usr/bin/env bash
# Sourced by scripts whose runs have names that are the machine's, and end what has them when they start.

# one_at_a_time NAME WHAT: waits until no other run has that name, which is kept until this process ends, whatever it becomes.
one_at_a_time() {
  exec 8>"/run/lock/nodeway-$1"
  flock --nonblock 8 || { echo "==> $2 on this machine; this one starts when that has ended" >&2 && flock 8; }
}
