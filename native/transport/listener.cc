#include "listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace nodeway::transport {

namespace {

const int kOn = 1;

/** Accepted sockets inherit it, which saves a system call for each. */
void disableNagle(int fd) { (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &kOn, sizeof kOn); }

}  // namespace

Listener Listener::at(const SocketAddress& address) {
  Listener listener;
  Descriptor made(socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!made.valid()) return listener;
  if (setsockopt(made.get(), SOL_SOCKET, SO_REUSEADDR, &kOn, sizeof kOn) != 0 || bind(made.get(), address.raw(), address.length()) != 0 ||
      listen(made.get(), SOMAXCONN) != 0) {
    const int error = errno;
    made.reset();
    errno = error;
    return listener;
  }
  disableNagle(made.get());
  listener.fd_ = made.get();
  listener.owned_ = std::move(made);
  return listener;
}

Listener Listener::on(int fd) {
  Listener listener;
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) return listener;
  disableNagle(fd);
  listener.fd_ = fd;
  return listener;
}

}  // namespace nodeway::transport
