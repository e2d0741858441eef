// The other half of Reactor: what the engine commands.
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "reactor.h"
#include "socket_calls.h"

namespace nodeway::transport {

namespace {

constexpr size_t kSlicesPerSend = 64;

int32_t idOf(int32_t word) { return word >> kKindBits; }
Command commandOf(int32_t word) { return static_cast<Command>(word & kKindMask); }

uint64_t relayLength(int32_t high, int32_t low) {
  return static_cast<uint64_t>(static_cast<uint32_t>(high)) << 32 | static_cast<uint32_t>(low);
}

}  // namespace

void Reactor::run(const int32_t* words, size_t count) {
  size_t at = 0;
  while (at < count) {
    const int32_t* word = words + at;
    Connection* connection = table_.find(idOf(*word));
    switch (commandOf(*word)) {
      case Command::Write:
        at += write(word, count - at);
        continue;
      case Command::Relay:
        if (connection != nullptr) startRelay(*connection, word[1], relayLength(word[2], word[3]));
        at += 4;
        continue;
      case Command::Shutdown:
        if (connection != nullptr) {
          connection->set(Connection::ShutdownAsked);
          flush(*connection);
        }
        break;
      case Command::Close:
        if (connection != nullptr) close(*connection);
        break;
      case Command::Reset:
        if (connection != nullptr) reset(*connection);
        break;
      case Command::Abort:
        if (connection != nullptr) abort(*connection);
        break;
      case Command::Pause:
        if (connection != nullptr) pause(*connection);
        break;
      case Command::Resume:
        if (connection != nullptr) resume(*connection);
        break;
    }
    at += 1;
  }
}

/** One that cannot send any more is gone at once when nothing is left to be read, and otherwise has the linger's time to be resumed. */
void Reactor::pause(Connection& connection) {
  connection.set(Connection::Paused);
  if (!connection.has(Connection::SendFailed) || connection.has(Connection::Gone)) return;
  int unread = 0;
  if (ioctl(connection.socket.get(), FIONREAD, &unread) != 0 || unread == 0) return fail(connection, connection.reason);
  connection.progressAt = now_;
  lingering_.push_back(connection.id);
}

void Reactor::resume(Connection& connection) {
  connection.clear(Connection::Paused);
  schedule(connection);
}

// ---- writing ----

/** Consecutive writes to one connection leave in one system call. Returns how many words they took. */
size_t Reactor::write(const int32_t* words, size_t left) {
  iovec slices[kSlicesPerSend];
  size_t count = 0;
  size_t at = 0;
  for (; at < left && words[at] == words[0] && count < kSlicesPerSend; at += 3) {
    uint8_t* start = arena_.bytes + words[at + 1];
    const auto length = static_cast<size_t>(words[at + 2] - words[at + 1]);
    iovec* last = count == 0 ? nullptr : &slices[count - 1];
    if (last != nullptr && static_cast<uint8_t*>(last->iov_base) + last->iov_len == start) {
      last->iov_len += length;
    } else {
      slices[count++] = iovec{start, length};
    }
  }
  Connection* connection = table_.find(idOf(words[0]));
  if (connection != nullptr) send(*connection, slices, count);
  return at;
}

namespace {

// A head goes out as a few slices of a hundred bytes. Below this size copying them together costs less than what the kernel
// does for a vector (copying it in, checking it, walking it).
constexpr size_t kGather = 2048;

ssize_t transmit(int socket, iovec* slices, size_t count) {
  if (count == 1) return sendBytes(socket, slices[0].iov_base, slices[0].iov_len, MSG_NOSIGNAL);
  size_t total = 0;
  for (size_t i = 0; i < count; i++) total += slices[i].iov_len;
  if (total > kGather) {
    msghdr message{};
    message.msg_iov = slices;
    message.msg_iovlen = count;
    return sendmsg(socket, &message, MSG_NOSIGNAL);
  }
  uint8_t gathered[kGather];
  uint8_t* end = gathered;
  for (size_t i = 0; i < count; i++) end = static_cast<uint8_t*>(mempcpy(end, slices[i].iov_base, slices[i].iov_len));
  return sendBytes(socket, gathered, total, MSG_NOSIGNAL);
}

}  // namespace

void Reactor::send(Connection& connection, iovec* slices, size_t count) {
  if (connection.has(Connection::Gone | Connection::Closing | Connection::ShutdownAsked | Connection::SendFailed)) return;
  const Connection* feeder = connection.feeder < 0 ? nullptr : table_.find(connection.feeder);
  const bool waits =
      connection.has(Connection::Connecting) || !connection.unsent.empty() || (feeder != nullptr && feeder->relay->holdsBytes());
  size_t done = 0;
  if (!waits) {
    const ssize_t sent = transmit(connection.socket.get(), slices, count);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return failSending(connection, errno);
    if (sent > 0) done = static_cast<size_t>(sent);
  }
  for (size_t i = 0; i < count; i++) {
    if (done >= slices[i].iov_len) {
      done -= slices[i].iov_len;
      continue;
    }
    const size_t skipped = done < slices[i].iov_len ? done : slices[i].iov_len;
    done -= skipped;
    connection.unsent.append(static_cast<uint8_t*>(slices[i].iov_base) + skipped, slices[i].iov_len - skipped);
  }
  if (connection.unsent.size() > SendQueue::mostForOne() && !connection.has(Connection::Blocked)) {
    connection.set(Connection::Blocked);
    notice(connection, Connection::Blocks);
  }
}

/** Sends what the relay's pipe and then what the queue holds, and whatever waits for both to be empty. */
void Reactor::flush(Connection& connection) {
  if (connection.has(Connection::Gone | Connection::Connecting | Connection::SendFailed)) return;
  Connection* feeder = connection.feeder < 0 ? nullptr : table_.find(connection.feeder);
  if (feeder != nullptr && feeder->relay->holdsBytes()) {
    pump(*feeder, connection);
    if (connection.has(Connection::Gone | Connection::SendFailed)) return;
    if (connection.feeder >= 0 && table_.find(connection.feeder)->relay->holdsBytes()) return;
  }
  while (!connection.unsent.empty()) {
    const ssize_t count = sendBytes(connection.socket.get(), connection.unsent.data(), connection.unsent.size(), MSG_NOSIGNAL);
    if (count < 0) {
      if (errno == EAGAIN) return;
      if (errno == EINTR) continue;
      return failSending(connection, errno);
    }
    connection.unsent.consume(static_cast<size_t>(count));
    connection.progressAt = now_;
  }
  sent(connection);
}

/**
 * A failed send says nothing about what the peer had sent before: the kernel keeps it readable behind an RST, and only the
 * error is gone, for it is told once. The end is told when everything was read (invariant 4).
 */
void Reactor::failSending(Connection& connection, int error) {
  if (connection.has(Connection::Gone | Connection::SendFailed)) return;
  if (connection.has(Connection::Closing)) return destroy(connection);
  connection.reason = reasonWhenOpen(error);
  // An RST is EPIPE to a socket that has received FIN, and ECONNRESET to any other (tcp_reset in the kernel).
  if (error == EPIPE) connection.set(Connection::FinFirst);
  connection.set(Connection::SendFailed | Connection::HangUp | Connection::Readable);
  connection.unsent.clear();
  unblock(connection);
  if (connection.feeder >= 0) endRelay(*table_.find(connection.feeder));
  if (connection.has(Connection::Ended)) return fail(connection, connection.reason);
  if (connection.has(Connection::Paused)) return pause(connection);
  schedule(connection);
}

void Reactor::unblock(Connection& connection) {
  if (!connection.has(Connection::Blocked)) return;
  connection.clear(Connection::Blocked);
  // A block that is over before it was reported need not be reported.
  if (connection.notices & Connection::Blocks) {
    connection.notices = static_cast<uint8_t>(connection.notices & ~Connection::Blocks);
  } else {
    notice(connection, Connection::Drains);
  }
}

void Reactor::sent(Connection& connection) {
  unblock(connection);
  if (connection.has(Connection::ShutdownAsked) && !connection.has(Connection::ShutdownSent)) {
    connection.set(Connection::ShutdownSent);
    if (connection.feeder >= 0) endRelay(*table_.find(connection.feeder));
    (void)shutdown(connection.socket.get(), SHUT_WR);
  }
  if (connection.has(Connection::Closing)) return closeFlushed(connection);
  if (connection.feeder >= 0) schedule(*table_.find(connection.feeder));
}

// ---- relays ----

void Reactor::startRelay(Connection& source, int32_t destinationId, uint64_t length) {
  if (source.has(Connection::Gone | Connection::Closing)) return;
  // One at a time: the end of the one before has not been reported yet.
  if (source.relay) return;
  Connection* destination = table_.find(destinationId);
  source.relay = std::make_unique<Relay>(destinationId, length);
  const bool refused = destination == nullptr || destination == &source ||
                       destination->has(Connection::Gone | Connection::Closing | Connection::ShutdownAsked | Connection::SendFailed) ||
                       destination->feeder >= 0;
  if (refused || length == 0 || source.has(Connection::Ended)) {
    source.relay->finish();
    return notice(source, Connection::Relayed);
  }
  destination->feeder = source.id;
  schedule(source);
}

void Reactor::pump(Connection& source, Connection& destination) {
  const bool mayTake = !source.has(Connection::Paused) && !destination.has(Connection::Connecting) && source.has(Connection::Readable);
  const Relay::Outcome outcome = source.relay->pump(source, destination, mayTake, pipes_);
  switch (outcome) {
    case Relay::Outcome::More:
      return schedule(source);
    case Relay::Outcome::SourceDry:
      if (source.has(Connection::SendFailed)) return fail(source, source.reason);
      return source.clear(Connection::Readable);
    case Relay::Outcome::Held:
    case Relay::Outcome::DestinationFull:
      return;
    case Relay::Outcome::LengthReached:
      return endRelay(source);
    case Relay::Outcome::SourceEnded:
      return inputEnded(source);
    case Relay::Outcome::SourceFailed:
      return fail(source, reasonWhenOpen(source.relay->error()));
    case Relay::Outcome::DestinationFailed:
      return failSending(destination, source.relay->error());
  }
}

/** Stops the relay from `source`; bytes that it still held go to the destination's queue. */
void Reactor::endRelay(Connection& source) {
  Relay& relay = *source.relay;
  if (relay.finished()) return;
  Connection* destination = table_.find(relay.destination());
  if (destination != nullptr && destination->feeder == source.id) {
    destination->feeder = -1;
    if (relay.holdsBytes() && !destination->has(Connection::Gone | Connection::SendFailed)) {
      relay.unload(*destination, pipes_);
      unloaded_.push_back(destination->id);
    }
  }
  relay.finish();
  if (!source.has(Connection::Closing)) notice(source, Connection::Relayed);
  schedule(source);
}

void Reactor::flushUnloaded() {
  for (size_t i = 0; i < unloaded_.size(); i++) {
    Connection* connection = table_.find(unloaded_[i]);
    if (connection != nullptr) flush(*connection);
  }
  unloaded_.clear();
}

void Reactor::leaveRelays(Connection& connection) {
  if (connection.relay) endRelay(connection);
  if (connection.feeder >= 0) endRelay(*table_.find(connection.feeder));
}

}  // namespace nodeway::transport
