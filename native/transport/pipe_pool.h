#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "descriptor.h"
#include "descriptor_share.h"

namespace nodeway::transport {

struct Pipe {
  Descriptor source;
  Descriptor sink;
  bool valid() const { return source.valid(); }
};

/** Empty pipes, lent to relays for as long as bytes are in flight. */
class PipePool {
 public:
  /** What a pipe is asked to hold; the kernel may grant less. */
  static constexpr size_t kBytes = 512 * 1024;

  explicit PipePool(const DescriptorShare& share) : share_(share) {}

  /** An empty pipe; not valid when no descriptors are left. */
  Pipe borrow();
  /** Only for pipes that are empty again; others are to be destroyed. */
  void giveBack(Pipe pipe);
  /** For relays that have to copy. */
  uint8_t* copyBuffer();
  static constexpr size_t kCopyBytes = 64 * 1024;

 private:
  const DescriptorShare& share_;
  std::vector<Pipe> idle_;
  std::vector<uint8_t> copy_;
};

}  // namespace nodeway::transport
