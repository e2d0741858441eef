#pragma once

#include "descriptor.h"

namespace nodeway::transport {

/** Makes sockets in other network namespaces, from the thread that it was constructed on. */
class NetworkNamespaces {
 public:
  NetworkNamespaces();

  /** A TCP socket (non-blocking, close-on-exec) of `family` in the namespace `fd` (-1: home); not valid with errno set on failure. */
  Descriptor socketIn(int fd, int family) const;

 private:
  bool isHome(int fd) const;
  Descriptor home_;
};

}  // namespace nodeway::transport
