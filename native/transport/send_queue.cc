#include "send_queue.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "numbers.h"

namespace nodeway::transport {

namespace {
constexpr size_t kSmallest = 4096;
/** Up to here a queue grows by doubling. */
constexpr size_t kStep = 64 * 1024;
/** What the queues of this process hold together, but for what their connections have read when it is reached. */
constexpr size_t kMostTogether = 64 * 1024 * 1024;
/** So many queues may be as full as they like. */
constexpr size_t kQueuesAtEase = 64;

std::atomic<size_t> heldTogether{0};

size_t grownTo(size_t length, size_t capacity) {
  if (length > kStep) return (length + kStep - 1) / kStep * kStep;
  size_t grown = capacity == 0 ? kSmallest : capacity;
  while (grown < length) grown *= 2;
  return grown;
}
}  // namespace

void SendQueue::append(const uint8_t* bytes, size_t length) {
  if (length == 0) return;
  memcpy(prepare(length), bytes, length);
  commit(length);
}

uint8_t* SendQueue::prepare(size_t length) {
  if (end_ + length <= capacity_) return bytes_ + end_;
  if (begin_ > 0) {
    memmove(bytes_, bytes_ + begin_, size());
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ + length > capacity_) {
    resize(grownTo(end_ + length, capacity_));
  }
  return bytes_ + end_;
}

void SendQueue::resize(size_t capacity) {
  auto* grown = static_cast<uint8_t*>(realloc(bytes_, capacity));
  if (grown == nullptr) throw std::bad_alloc();
  bytes_ = grown;
  heldTogether.fetch_add(capacity - capacity_, std::memory_order_relaxed);
  capacity_ = capacity;
}

size_t SendQueue::mostForOne() {
  const size_t held = heldTogether.load(std::memory_order_relaxed);
  return held >= kMostTogether ? 0 : std::min(kHighWater, (kMostTogether - held) / kQueuesAtEase);
}

void SendQueue::consume(size_t length) {
  begin_ += length;
  if (begin_ == end_) clear();
}

void SendQueue::clear() {
  if (bytes_ != nullptr) heldTogether.fetch_sub(capacity_, std::memory_order_relaxed);
  free(bytes_);
  bytes_ = nullptr;
  begin_ = end_ = capacity_ = 0;
}

void SendQueue::swap(SendQueue& other) noexcept {
  std::swap(bytes_, other.bytes_);
  std::swap(begin_, other.begin_);
  std::swap(end_, other.end_);
  std::swap(capacity_, other.capacity_);
}

}  // namespace nodeway::transport
