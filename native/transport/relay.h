#pragma once

#include <cstddef>
#include <cstdint>

#include "pipe_pool.h"

namespace nodeway::transport {

struct Connection;

/**
 * Moves bytes from one socket to another, socket → pipe → socket, without bringing them into this process.
 * A pipe is borrowed only while bytes are in it. If the kernel cannot splice, or there is no pipe, bytes are copied.
 */
class Relay {
 public:
  static constexpr uint64_t kUntilEnd = UINT64_MAX;

  enum class Outcome {
    SourceDry,       /** wait for the source to become readable */
    DestinationFull, /** wait for the destination to become writable */
    Held,            /** the caller did not allow to take more */
    More,            /** its share of this turn is used up */
    LengthReached,
    SourceEnded,       /** FIN */
    SourceFailed,      /** errno is in error() */
    DestinationFailed, /** errno is in error() */
  };

  Relay(int32_t destination, uint64_t length) : destination_(destination), left_(length) {}

  /** Moves what can be moved now. `mayTake`: new bytes may be taken from the source, not only those in the pipe be delivered. */
  Outcome pump(const Connection& source, Connection& destination, bool mayTake, PipePool& pipes);
  /** Saves what is in the pipe into the destination's queue, for when the relay ends early. */
  void unload(Connection& destination, PipePool& pipes);
  /** Nothing moves any more; only moved() is still asked for. */
  void finish();

  int32_t destination() const { return destination_; }
  uint64_t moved() const { return moved_; }
  bool holdsBytes() const { return inPipe_ > 0; }
  bool finished() const { return finished_; }
  int error() const { return error_; }

 private:
  enum class Step { Moved, Stop };

  Step deliver(const Connection& destination, PipePool& pipes, Outcome& outcome);
  Step take(const Connection& source, Connection& destination, PipePool& pipes, Outcome& outcome);
  Step copy(const Connection& source, Connection& destination, PipePool& pipes, Outcome& outcome);
  Step stopTaking(ssize_t result, Outcome& outcome);
  size_t share(size_t limit) const { return left_ < limit ? static_cast<size_t>(left_) : limit; }
  void taken(size_t bytes) {
    if (left_ != kUntilEnd) left_ -= bytes;
  }

  int32_t destination_;
  uint64_t left_;
  uint64_t moved_ = 0;
  size_t inPipe_ = 0;
  Pipe pipe_;
  int error_ = 0;
  bool copies_ = false;
  bool finished_ = false;
};

}  // namespace nodeway::transport
