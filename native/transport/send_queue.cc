#include "send_queue.h"

#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace nodeway::transport {

namespace {
constexpr size_t kSmallest = 4096;
}

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
    size_t capacity = capacity_ == 0 ? kSmallest : capacity_;
    while (capacity < end_ + length) capacity *= 2;
    auto* grown = static_cast<uint8_t*>(realloc(bytes_, capacity));
    if (grown == nullptr) throw std::bad_alloc();
    bytes_ = grown;
    capacity_ = capacity;
  }
  return bytes_ + end_;
}

void SendQueue::consume(size_t length) {
  begin_ += length;
  if (begin_ == end_) clear();
}

void SendQueue::clear() {
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
