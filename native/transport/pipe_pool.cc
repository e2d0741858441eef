#include "pipe_pool.h"

#include <fcntl.h>

#include <algorithm>
#include <utility>

namespace nodeway::transport {

namespace {
constexpr size_t kMostIdle = 32;
}

Pipe PipePool::borrow() {
  Pipe pipe;
  if (!idle_.empty()) {
    pipe = std::move(idle_.back());
    idle_.pop_back();
    return pipe;
  }
  int ends[2];
  if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return pipe;
  pipe.source = Descriptor(ends[0]);
  pipe.sink = Descriptor(ends[1]);
  if (!share_.allows(std::max(ends[0], ends[1]))) return Pipe();
  // Refused above pipe-max-size or the user's quota: the default of 64 KiB serves too, with more system calls.
  (void)fcntl(ends[1], F_SETPIPE_SZ, static_cast<int>(kBytes));
  return pipe;
}

void PipePool::giveBack(Pipe pipe) {
  if (idle_.size() < kMostIdle) idle_.push_back(std::move(pipe));
}

uint8_t* PipePool::copyBuffer() {
  if (copy_.empty()) copy_.resize(kCopyBytes);
  return copy_.data();
}

}  // namespace nodeway::transport
