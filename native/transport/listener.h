#pragma once

#include <cstddef>
#include <cstdint>

#include "descriptor.h"
#include "socket_address.h"

namespace nodeway::transport {

/** A listening socket: one of our own, or one that somebody else made and closes. */
class Listener {
 public:
  /** Both return a listener whose fd() is -1 on failure, with errno set. */
  static Listener at(const SocketAddress& address);
  static Listener on(int fd);

  int fd() const { return fd_; }
  /** Somebody else made the socket, and keeps it. */
  bool handedIn() const { return !owned_.valid(); }
  /** Accepting failed because descriptors or memory ran out; not polled until then (ms). 0: not suspended. */
  double suspendedUntil = 0;
  /** Connections that were accepted here and are still there. */
  size_t open = 0;

 private:
  Listener() = default;
  Descriptor owned_;
  int fd_ = -1;
};

}  // namespace nodeway::transport
