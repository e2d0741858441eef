#include "relay.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "connection.h"
#include "socket_calls.h"

namespace nodeway::transport {

namespace {

/** Steps that one relay may do in one turn, so that others get theirs. */
constexpr int kStepsPerTurn = 8;
// No SPLICE_F_MORE: when the source pauses within the body, the kernel would hold back the last partial segment for 200 ms.
constexpr unsigned kSpliceFlags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;

bool wouldBlock(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

Relay::Outcome Relay::pump(const Connection& source, Connection& destination, bool mayTake, PipePool& pipes) {
  Outcome outcome = Outcome::More;
  for (int step = 0; step < kStepsPerTurn; step++) {
    if (inPipe_ > 0) {
      if (deliver(destination, pipes, outcome) == Step::Stop) return outcome;
      continue;
    }
    if (left_ == 0) return Outcome::LengthReached;
    if (!mayTake || !destination.unsent.empty()) return Outcome::Held;
    const Step next = copies_ ? copy(source, destination, pipes, outcome) : take(source, destination, pipes, outcome);
    if (next == Step::Stop) return outcome;
  }
  return Outcome::More;
}

Relay::Step Relay::deliver(const Connection& destination, PipePool& pipes, Outcome& outcome) {
  const ssize_t sent = splice(pipe_.source.get(), nullptr, destination.socket.get(), nullptr, inPipe_, kSpliceFlags);
  if (sent < 0) {
    error_ = errno;
    outcome = wouldBlock(error_) ? Outcome::DestinationFull : Outcome::DestinationFailed;
    return Step::Stop;
  }
  inPipe_ -= static_cast<size_t>(sent);
  moved_ += static_cast<uint64_t>(sent);
  if (inPipe_ == 0) pipes.giveBack(std::exchange(pipe_, Pipe()));
  return Step::Moved;
}

Relay::Step Relay::take(const Connection& source, Connection& destination, PipePool& pipes, Outcome& outcome) {
  pipe_ = pipes.borrow();
  if (!pipe_.valid()) return copy(source, destination, pipes, outcome);
  const ssize_t got = splice(source.socket.get(), nullptr, pipe_.sink.get(), nullptr, share(PipePool::kBytes), kSpliceFlags);
  if (got > 0) {
    inPipe_ = static_cast<size_t>(got);
    taken(inPipe_);
    return Step::Moved;
  }
  const int error = errno;
  pipes.giveBack(std::exchange(pipe_, Pipe()));
  if (got < 0 && error == EINVAL) {
    copies_ = true;
    return copy(source, destination, pipes, outcome);
  }
  errno = error;
  return stopTaking(got, outcome);
}

Relay::Step Relay::copy(const Connection& source, Connection& destination, PipePool& pipes, Outcome& outcome) {
  uint8_t* buffer = pipes.copyBuffer();
  const ssize_t got = receiveBytes(source.socket.get(), buffer, share(PipePool::kCopyBytes), 0);
  if (got <= 0) return stopTaking(got, outcome);
  const auto length = static_cast<size_t>(got);
  taken(length);
  ssize_t sent = sendBytes(destination.socket.get(), buffer, length, MSG_NOSIGNAL);
  if (sent < 0) {
    error_ = errno;
    if (!wouldBlock(error_)) {
      outcome = Outcome::DestinationFailed;
      return Step::Stop;
    }
    sent = 0;
  }
  moved_ += length;
  destination.unsent.append(buffer + sent, length - static_cast<size_t>(sent));
  return Step::Moved;
}

Relay::Step Relay::stopTaking(ssize_t result, Outcome& outcome) {
  if (result == 0) {
    outcome = Outcome::SourceEnded;
  } else if (errno == EINTR) {
    outcome = Outcome::More;
  } else {
    error_ = errno;
    outcome = wouldBlock(error_) ? Outcome::SourceDry : Outcome::SourceFailed;
  }
  return Step::Stop;
}

void Relay::unload(Connection& destination, PipePool& pipes) {
  SendQueue queue;
  while (inPipe_ > 0) {
    const ssize_t got = read(pipe_.source.get(), queue.prepare(inPipe_), inPipe_);
    if (got <= 0) break;
    queue.commit(static_cast<size_t>(got));
    inPipe_ -= static_cast<size_t>(got);
    moved_ += static_cast<uint64_t>(got);
  }
  // What the queue holds was written after the pipe was filled.
  queue.append(destination.unsent.data(), destination.unsent.size());
  destination.unsent.swap(queue);
  if (inPipe_ == 0 && pipe_.valid()) pipes.giveBack(std::exchange(pipe_, Pipe()));
}

void Relay::finish() {
  finished_ = true;
  inPipe_ = 0;
  pipe_ = Pipe();
}

}  // namespace nodeway::transport
