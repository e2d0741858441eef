#include "connection.h"

#include <cerrno>

namespace nodeway::transport {

CloseReason reasonWhileConnecting(int error) {
  switch (error) {
    case ECONNREFUSED:
      return CloseReason::Refused;
    case ETIMEDOUT:
      return CloseReason::ConnectTimeout;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case ENETDOWN:
      return CloseReason::Unreachable;
    default:
      return reasonWhenOpen(error);
  }
}

CloseReason reasonWhenOpen(int error) {
  switch (error) {
    case ECONNRESET:
    case EPIPE:
      return CloseReason::Reset;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case ENOSPC:
    case EADDRNOTAVAIL:
    case EAGAIN:
      return CloseReason::Exhausted;
    default:
      return CloseReason::Failed;
  }
}

}  // namespace nodeway::transport
