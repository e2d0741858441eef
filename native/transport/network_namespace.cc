#include "network_namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace nodeway::transport {

namespace {

Descriptor openSocket(int family) { return Descriptor(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)); }

}  // namespace

NetworkNamespaces::NetworkNamespaces() : home_(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {}

Descriptor NetworkNamespaces::socketIn(int fd, int family) const {
  if (fd < 0 || isHome(fd)) return openSocket(family);
  if (!home_.valid()) {
    errno = EPERM;
    return Descriptor();
  }
  if (setns(fd, CLONE_NEWNET) != 0) return Descriptor();
  Descriptor made = openSocket(family);
  const int error = errno;
  // If it went on in a pod's namespace, other pods' traffic would leave from there. Ending is better.
  if (setns(home_.get(), CLONE_NEWNET) != 0) {
    perror("nodeway: cannot return to the agent's network namespace");
    abort();
  }
  errno = error;
  return made;
}

bool NetworkNamespaces::isHome(int fd) const {
  struct stat there;
  struct stat here;
  return fstat(fd, &there) == 0 && fstat(home_.get(), &here) == 0 && there.st_ino == here.st_ino && there.st_dev == here.st_dev;
}

}  // namespace nodeway::transport
