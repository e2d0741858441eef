#include "reactor.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

#include "left_connections.h"
#include "socket_calls.h"

namespace nodeway::transport {

namespace {

constexpr size_t kEventsPerWait = 512;
constexpr size_t kLargestRead = 64 * 1024;
constexpr size_t kLargestReadWhenFull = 8 * 1024;
constexpr size_t kSmallestRead = 4 * 1024;
constexpr int kAcceptsPerTurn = 64;
constexpr double kSuspendMs = 100;
constexpr double kSweepMs = 100;

enum class Source : uint64_t { Connection, Listener, Foreign };

uint64_t key(Source source, int32_t id) { return static_cast<uint64_t>(source) << 32 | static_cast<uint32_t>(id); }

double monotonicMs() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

/** The socket's error, which the kernel tells once: to whoever asks first. */
int takeError(int socket) {
  int error = 0;
  socklen_t length = sizeof error;
  return getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
}

/** Closing the socket sends RST instead of FIN. */
void resetWhenClosed(int socket) {
  const linger atOnce{1, 0};
  (void)setsockopt(socket, SOL_SOCKET, SO_LINGER, &atOnce, sizeof atOnce);
}

/**
 * As where the process's cgroup may not have more. accept(2) says ENFILE then, because sock_alloc() does not say why it has failed
 * (do_accept() in net/socket.c); it says so too where all processes together have fs.file-max files open.
 */
bool outOfMemory(int error) { return error == ENFILE || error == ENOBUFS || error == ENOMEM; }

}  // namespace

Reactor::Reactor(Arena arena, EventBatch batch, int sharers)
    : arena_(arena), batch_(batch), share_(sharers), epoll_(epoll_create1(EPOLL_CLOEXEC)), ready_(kEventsPerWait), pipes_(share_) {
  now_ = monotonicMs();
}

Reactor::~Reactor() = default;

void Reactor::watch(int fd, uint64_t key, uint32_t events, int operation) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = key;
  (void)epoll_ctl(epoll_.get(), operation, fd, &event);
}

void Reactor::watchForeign(int fd) { watch(fd, key(Source::Foreign, 0), EPOLLIN, EPOLL_CTL_ADD); }

// ---- what happened ----

void Reactor::collect(int timeoutMs) {
  table_.recycle();
  batch_.clear();
  readEnd_ = 0;
  sawForeign_ = false;
  if (hasWork()) timeoutMs = 0;
  if ((suspended_ || !lingering_.empty()) && (timeoutMs < 0 || timeoutMs > kSuspendMs)) timeoutMs = static_cast<int>(kSuspendMs);
  const int count = epoll_wait(epoll_.get(), ready_.data(), static_cast<int>(ready_.size()), timeoutMs);
  now_ = monotonicMs();
  // What the engine's own commands brought about comes before what is read now: a relay's end before the bytes behind it.
  flushUnloaded();
  tellNotices();
  takeOver();
  for (int i = 0; i < count; i++) handle(ready_[static_cast<size_t>(i)]);
  readScheduled();
  unread_ = static_cast<size_t>(count) == ready_.size() || !scheduled_.empty();
  if (suspended_ || !lingering_.empty()) sweep();
  tellNotices();
}

void Reactor::handle(const epoll_event& event) {
  const auto id = static_cast<int32_t>(event.data.u64 & UINT32_MAX);
  switch (static_cast<Source>(event.data.u64 >> 32)) {
    case Source::Foreign:
      sawForeign_ = true;
      return;
    case Source::Listener: {
      const auto found = listeners_.find(id);
      if (found != listeners_.end()) accept(id, found->second);
      return;
    }
    case Source::Connection: {
      Connection* connection = table_.find(id);
      if (connection != nullptr && !connection->has(Connection::Gone)) handle(*connection, event.events);
      return;
    }
  }
}

void Reactor::handle(Connection& connection, uint32_t events) {
  const int32_t id = connection.id;
  if (connection.has(Connection::Connecting)) {
    if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == 0) return;
    established(connection);
  } else if ((events & EPOLLERR) != 0) {
    const int error = takeError(connection.socket.get());
    if (error != 0) failSending(connection, error);
  } else if ((events & EPOLLOUT) != 0 && (!connection.unsent.empty() || connection.feeder >= 0)) {
    flush(connection);
  }
  if (table_.find(id) != &connection || connection.has(Connection::Gone)) return;
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) == 0 || connection.has(Connection::Ended)) return;
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) connection.set(Connection::HangUp);
  connection.set(Connection::Readable);
  schedule(connection);
}

void Reactor::accept(int32_t id, Listener& listener) {
  for (int i = 0; i < kAcceptsPerTurn && batch_.hasRoom(); i++) {
    Descriptor socket(accept4(listener.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket.valid()) {
      const int error = errno;
      // The queue stays readable, so polling on would spin until somebody frees what lacks.
      if (error == EMFILE || outOfMemory(error)) {
        watch(listener.fd(), key(Source::Listener, id), 0, EPOLL_CTL_MOD);
        listener.suspendedUntil = now_ + kSuspendMs;
        suspended_ = true;
        batch_.add(Event::Exhausted, 0, id, outOfMemory(error));
      } else if (error == ECONNABORTED || error == EINTR) {
        continue;
      }
      return;
    }
    if (share_.allows(socket.get(), listener.open)) {
      tellAccepted(id, std::move(socket));
    } else {
      refuse(id, socket);
    }
  }
}

/** By RST, and not by waiting: who has as much as may be had learns it at once, and costs the others nothing. */
void Reactor::refuse(int32_t listener, const Descriptor& socket) {
  resetWhenClosed(socket.get());
  batch_.add(Event::Exhausted, 0, listener);
}

void Reactor::tellAccepted(int32_t listener, Descriptor socket) {
  Connection& connection = table_.add(std::move(socket));
  connection.listener = listener;
  listeners_.at(listener).open++;
  watch(connection.socket.get(), key(Source::Connection, connection.id), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, EPOLL_CTL_ADD);
  batch_.add(Event::Accept, connection.id, listener);
}

void Reactor::takeOver() {
  while (!inherited_.empty() && batch_.hasRoom()) {
    auto [listener, socket] = std::move(inherited_.back());
    inherited_.pop_back();
    if (listeners_.find(listener) != listeners_.end()) tellAccepted(listener, std::move(socket));
  }
}

void Reactor::established(Connection& connection) {
  const int error = takeError(connection.socket.get());
  // A connect that is answered by RST is refused: one that is told as reset had been established, and may have brought bytes.
  const bool reset = error == ECONNRESET || error == EPIPE;
  if (error != 0 && !reset) return fail(connection, reasonWhileConnecting(error));
  connection.clear(Connection::Connecting);
  notice(connection, Connection::Connects);
  if (reset) return failSending(connection, error);
  flush(connection);
}

// ---- reading ----

void Reactor::schedule(Connection& connection) {
  if (!connection.has(Connection::Readable) || connection.has(Connection::Scheduled | Connection::Gone)) return;
  if (connection.has(Connection::Paused) && !(connection.relay && connection.relay->holdsBytes())) return;
  connection.set(Connection::Scheduled);
  scheduled_.push_back(connection.id);
}

void Reactor::readScheduled() {
  serving_.swap(scheduled_);
  size_t next = 0;
  for (; next < serving_.size(); next++) {
    if (!batch_.hasRoom() || arena_.readBytes - readEnd_ < kSmallestRead) break;
    Connection* connection = table_.find(serving_[next]);
    if (connection == nullptr || !connection->has(Connection::Scheduled)) continue;
    connection->clear(Connection::Scheduled);
    serve(*connection);
  }
  // Those that found no room come first in the next turn.
  if (next < serving_.size()) scheduled_.insert(scheduled_.begin(), serving_.begin() + static_cast<std::ptrdiff_t>(next), serving_.end());
  serving_.clear();
}

void Reactor::serve(Connection& connection) {
  if (connection.has(Connection::Gone) || !connection.has(Connection::Readable)) return;
  if (connection.has(Connection::Draining)) return drop(connection);
  if (connection.has(Connection::Closing)) return;
  if (connection.relay && !connection.relay->finished()) {
    Connection* destination = table_.find(connection.relay->destination());
    if (destination != nullptr) pump(connection, *destination);
    return;
  }
  if (!connection.has(Connection::Paused)) receive(connection);
}

void Reactor::receive(Connection& connection) {
  // What is read may have to be queued, so less is read when much is.
  const size_t most = std::clamp(SendQueue::mostForOne(), kLargestReadWhenFull, kLargestRead);
  const size_t room = std::min(most, arena_.readBytes - readEnd_);
  const ssize_t got = receiveBytes(connection.socket.get(), arena_.bytes + readEnd_, room, 0);
  if (got > 0) {
    const auto length = static_cast<size_t>(got);
    batch_.add(Event::Data, connection.id, static_cast<int32_t>(readEnd_), static_cast<int32_t>(readEnd_ + length));
    readEnd_ = std::min(arena_.readBytes, (readEnd_ + length + 63) & ~size_t{63});
    // A full buffer means that there may be more, without another edge.
    if (length == room || connection.has(Connection::HangUp)) return schedule(connection);
    connection.clear(Connection::Readable);
  } else if (got == 0) {
    inputEnded(connection);
  } else if (errno == EINTR) {
    schedule(connection);
  } else if (errno == EAGAIN && !connection.has(Connection::SendFailed)) {
    connection.clear(Connection::Readable);
  } else if (errno == EAGAIN) {
    fail(connection, connection.reason);
  } else {
    fail(connection, reasonWhenOpen(errno));
  }
}

/** Everything was read. After a failed send the kernel says 0 also where no FIN came, for it has told the error already. */
void Reactor::inputEnded(Connection& connection) {
  connection.clear(Connection::Readable);
  if (connection.relay) endRelay(connection);
  if (!connection.has(Connection::SendFailed) || connection.has(Connection::FinFirst)) {
    connection.set(Connection::Ended);
    notice(connection, Connection::Ends);
  }
  if (connection.has(Connection::SendFailed)) fail(connection, connection.reason);
}

/** Reads a closed connection's last bytes away; MSG_TRUNC lets TCP discard them without a copy. */
void Reactor::drop(Connection& connection) {
  const ssize_t got = receiveBytes(connection.socket.get(), nullptr, kLargestRead, MSG_TRUNC);
  if (got > 0) return schedule(connection);
  if (got < 0 && errno == EAGAIN) return connection.clear(Connection::Readable);
  destroy(connection);
}

// ---- ends ----

void Reactor::close(Connection& connection) {
  if (connection.has(Connection::Gone | Connection::SendFailed)) return destroy(connection);
  leaveRelays(connection);
  connection.set(Connection::Closing);
  connection.clear(Connection::Paused);
  connection.notices &= Connection::Listed;
  connection.progressAt = now_;
  const int32_t id = connection.id;
  if (!connection.unsent.empty()) {
    flush(connection);
  } else if (connection.has(Connection::Connecting)) {
    destroy(connection);
  } else {
    closeFlushed(connection);
  }
  if (table_.find(id) != nullptr) lingering_.push_back(id);
}

void Reactor::abort(Connection& connection) {
  connection.set(Connection::Aborting);
  close(connection);
}

/** A RST drops what the kernel has not yet delivered, so it waits until the peer has acknowledged everything. */
void Reactor::resetDelivered(Connection& connection) {
  int unacknowledged = 0;
  if (ioctl(connection.socket.get(), SIOCOUTQ, &unacknowledged) != 0 || unacknowledged == 0) reset(connection);
}

/** Closing a socket that holds unread bytes sends RST, which may destroy our last bytes on their way (RFC 9112, 9.6). */
void Reactor::closeFlushed(Connection& connection) {
  if (connection.has(Connection::Aborting)) return resetDelivered(connection);
  int unread = 0;
  if (connection.has(Connection::Ended) || ioctl(connection.socket.get(), FIONREAD, &unread) != 0 || unread == 0)
    return destroy(connection);
  if (!connection.has(Connection::ShutdownSent)) shutdown(connection.socket.get(), SHUT_WR);
  connection.progressAt = now_;
  connection.set(Connection::Draining | Connection::ShutdownSent | Connection::Readable);
  schedule(connection);
}

void Reactor::reset(Connection& connection) {
  if (!connection.has(Connection::Gone)) {
    leaveRelays(connection);
    resetWhenClosed(connection.socket.get());
  }
  destroy(connection);
}

void Reactor::fail(Connection& connection, CloseReason reason) {
  if (connection.has(Connection::Closing)) return destroy(connection);
  connection.reason = reason;
  connection.set(Connection::Gone);
  leaveRelays(connection);
  connection.socket.reset();
  connection.unsent.clear();
  notice(connection, Connection::Closes);
}

void Reactor::destroy(Connection& connection) {
  connection.set(Connection::Gone);
  leaveRelays(connection);
  remove(connection);
}

void Reactor::remove(Connection& connection) {
  const auto found = listeners_.find(connection.listener);
  if (found != listeners_.end()) found->second.open--;
  table_.remove(connection.id);
}

void Reactor::sweep() {
  if (now_ < nextSweep_) return;
  nextSweep_ = now_ + kSweepMs;
  sweepLingering();
  resumeListeners();
}

void Reactor::sweepLingering() {
  auto kept = lingering_.begin();
  for (const int32_t id : lingering_) {
    Connection* connection = table_.find(id);
    if (connection == nullptr || connection->has(Connection::Gone)) continue;
    if (connection->has(Connection::Aborting) && connection->unsent.empty()) {
      resetDelivered(*connection);
      if (table_.find(id) == nullptr) continue;
    }
    const bool closing = connection->has(Connection::Closing);
    if (!closing && !(connection->has(Connection::SendFailed) && connection->has(Connection::Paused))) continue;
    if (now_ - connection->progressAt < kLingerMs) {
      *kept++ = id;
    } else if (closing) {
      reset(*connection);
    } else {
      fail(*connection, connection->reason);
    }
  }
  lingering_.erase(kept, lingering_.end());
}

/** Lets listeners try again that had no descriptors or memory. */
void Reactor::resumeListeners() {
  suspended_ = false;
  for (auto& [id, listener] : listeners_) {
    if (listener.suspendedUntil == 0) continue;
    if (now_ < listener.suspendedUntil) {
      suspended_ = true;
    } else {
      listener.suspendedUntil = 0;
      watch(listener.fd(), key(Source::Listener, id), EPOLLIN, EPOLL_CTL_MOD);
    }
  }
}

// ---- notices ----

void Reactor::notice(Connection& connection, Connection::Notice what) {
  if (!(connection.notices & Connection::Listed)) noticed_.push_back(connection.id);
  connection.notices = static_cast<uint8_t>(connection.notices | what | Connection::Listed);
}

void Reactor::tellNotices() {
  size_t told = 0;
  for (; told < noticed_.size(); told++) {
    Connection* connection = table_.find(noticed_[told]);
    if (connection != nullptr && !tell(*connection)) break;
  }
  noticed_.erase(noticed_.begin(), noticed_.begin() + static_cast<std::ptrdiff_t>(told));
}

/** False when the batch is full. What was reported is not reported again. */
bool Reactor::tell(Connection& connection) {
  static constexpr std::pair<Connection::Notice, Event> kOrder[] = {
      {Connection::Connects, Event::Connect}, {Connection::Blocks, Event::Blocked}, {Connection::Drains, Event::Drained},
      {Connection::Relayed, Event::Relayed},  {Connection::Ends, Event::End},       {Connection::Closes, Event::Close}};
  for (const auto& [what, event] : kOrder) {
    if (!(connection.notices & what)) continue;
    if (!batch_.hasRoom()) return false;
    connection.notices = static_cast<uint8_t>(connection.notices & ~what);
    if (event == Event::Relayed) {
      const uint64_t moved = connection.relay->moved();
      batch_.add(event, connection.id, static_cast<int32_t>(moved >> 32), static_cast<int32_t>(moved & UINT32_MAX));
      connection.relay.reset();
    } else {
      batch_.add(event, connection.id, static_cast<int32_t>(connection.reason));
    }
    if (event == Event::Close) {
      remove(connection);
      return true;
    }
  }
  connection.notices = 0;
  return true;
}

// ---- the outside ----

int32_t Reactor::connect(const SocketAddress& address, int netns, uint32_t mark) {
  Connection& connection = table_.add(namespaces_.socketIn(netns, address.family()));
  const int fd = connection.socket.get();
  const int on = 1;
  connection.set(Connection::Connecting);
  if (!share_.allows(fd)) {
    fail(connection, CloseReason::Exhausted);
    return connection.id;
  }
  const bool prepared = fd >= 0 && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
                        (mark == 0 || setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark) == 0);
  if (!prepared || (::connect(fd, address.raw(), address.length()) != 0 && errno != EINPROGRESS)) {
    fail(connection, reasonWhileConnecting(errno));
  } else {
    watch(fd, key(Source::Connection, connection.id), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, EPOLL_CTL_ADD);
  }
  return connection.id;
}

int32_t Reactor::listen(Listener listener) {
  if (listener.fd() < 0) return -errno;
  const int32_t id = nextListener_++;
  const int fd = listener.fd();
  listeners_.emplace(id, std::move(listener));
  watch(fd, key(Source::Listener, id), EPOLLIN, EPOLL_CTL_ADD);
  for (Descriptor& socket : left_connections::claim(fd)) inherited_.emplace_back(id, std::move(socket));
  return id;
}

void Reactor::leaveUntouched() {
  constexpr unsigned kHarmless = Connection::Readable | Connection::Scheduled | Connection::Paused | Connection::HangUp;
  table_.forEach([this](Connection& connection) {
    const auto found = listeners_.find(connection.listener);
    if (found == listeners_.end() || !found->second.handedIn() || connection.has(~kHarmless)) return;
    if (left_connections::untouched(connection.socket.get())) left_connections::leave(found->second.fd(), std::move(connection.socket));
  });
  for (auto& [id, socket] : inherited_) {
    const auto found = listeners_.find(id);
    if (found != listeners_.end()) left_connections::leave(found->second.fd(), std::move(socket));
  }
}

void Reactor::unlisten(int32_t id) {
  const auto found = listeners_.find(id);
  if (found == listeners_.end()) return;
  // A handed-in descriptor stays open elsewhere, so the kernel would not take it out of the set.
  (void)epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, found->second.fd(), nullptr);
  listeners_.erase(found);
}

int Reactor::listenerFd(int32_t id) const {
  const auto found = listeners_.find(id);
  return found == listeners_.end() ? -1 : found->second.fd();
}

int Reactor::connectionFd(int32_t id) const {
  const Connection* connection = table_.find(id);
  return connection == nullptr ? -1 : connection->socket.get();
}

uint64_t Reactor::relayed(int32_t from) const {
  const Connection* connection = table_.find(from);
  return connection != nullptr && connection->relay ? connection->relay->moved() : 0;
}

}  // namespace nodeway::transport
