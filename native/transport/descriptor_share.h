#pragma once

#include <cstddef>

namespace nodeway::transport {

/**
 * How many of the process's file descriptors connections may take. Some are kept back for what the process does besides, and of the
 * others the connections of one listener, which are one pod's, get no more than what is left for everybody else: whatever a pod does,
 * there are descriptors for the next one (the dynamic thresholds of Choudhury and Hahne, IEEE/ACM ToN 6(2), 1998).
 *
 * POSIX gives out the lowest number that is free (open(2)). So a new descriptor's number says how many are in use, without counting:
 * at least so many, whoever has them.
 */
class DescriptorShare {
 public:
  /** @param sharers transports of this process that have the same listeners. */
  explicit DescriptorShare(int sharers);

  /** Whether a connection may have this new descriptor. */
  bool allows(int fd) const { return fd < ceiling_; }
  /** Whether a listener that has `open` connections may have one more, with this descriptor. */
  bool allows(int fd, size_t open) const { return allows(fd) && (open + 1) * perConnection_ <= static_cast<size_t>(ceiling_ - fd); }

 private:
  int ceiling_;
  size_t perConnection_;
};

}  // namespace nodeway::transport
