#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>

namespace nodeway::transport {

/** An IPv4 or IPv6 address with a port. */
class SocketAddress {
 public:
  static std::optional<SocketAddress> parse(const char* ip, uint16_t port);
  static SocketAddress ofPeer(int fd);
  static SocketAddress ofLocal(int fd);

  int family() const { return storage_.ss_family; }
  const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t length() const { return length_; }
  /** Text form; a v4-mapped address as IPv4; empty when the address is not known. */
  std::string ip() const;
  uint16_t port() const;

 private:
  SocketAddress() = default;
  sockaddr_storage storage_{};
  socklen_t length_ = sizeof(sockaddr_storage);
};

}  // namespace nodeway::transport
