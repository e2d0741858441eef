#include "left_connections.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstddef>
#include <map>
#include <mutex>
#include <utility>

namespace nodeway::transport::left_connections {

namespace {

constexpr int kTries = 5;

struct Store {
  std::mutex mutex;
  std::map<int, std::vector<Descriptor>> byListener;
};

Store& store() {
  static Store only;
  return only;
}

}  // namespace

bool untouched(int socket) {
  uint64_t receivedBefore = 0;
  // Bytes may come between the two questions: then they are asked again.
  for (int tries = 0; tries < kTries; tries++) {
    tcp_info info{};
    socklen_t length = sizeof info;
    int unread = 0;
    if (ioctl(socket, FIONREAD, &unread) != 0 || getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return false;
    // A kernel that does not tell what was sent (before 4.19) tells too short a record.
    if (length < offsetof(tcp_info, tcpi_bytes_sent) + sizeof info.tcpi_bytes_sent) return false;
    if (info.tcpi_bytes_sent != 0) return false;
    if (info.tcpi_bytes_received == static_cast<uint64_t>(unread)) return true;
    if (tries > 0 && info.tcpi_bytes_received == receivedBefore) return false;
    receivedBefore = info.tcpi_bytes_received;
  }
  return false;
}

void leave(int listener, Descriptor socket) {
  const std::lock_guard lock(store().mutex);
  store().byListener[listener].push_back(std::move(socket));
}

std::vector<Descriptor> claim(int listener) {
  const std::lock_guard lock(store().mutex);
  const auto node = store().byListener.extract(listener);
  return node.empty() ? std::vector<Descriptor>{} : std::move(node.mapped());
}

std::vector<SocketAddress> peers(int listener) {
  const std::lock_guard lock(store().mutex);
  std::vector<SocketAddress> all;
  const auto found = store().byListener.find(listener);
  if (found == store().byListener.end()) return all;
  for (const Descriptor& socket : found->second) all.push_back(SocketAddress::ofPeer(socket.get()));
  return all;
}

}  // namespace nodeway::transport::left_connections
