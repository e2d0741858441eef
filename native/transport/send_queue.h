#pragma once

#include <cstddef>
#include <cstdint>

namespace nodeway::transport {

/**
 * Bytes that a socket could not take yet. Holds no memory while empty, so that idle connections stay small. What the queues of all
 * connections may hold together is limited by how much each of them may hold: the more there is, the less (`mostForOne`).
 */
class SendQueue {
 public:
  SendQueue() = default;
  SendQueue(const SendQueue&) = delete;
  SendQueue& operator=(const SendQueue&) = delete;
  ~SendQueue() { clear(); }

  /** How many bytes a queue should hold at most, by what all queues of this process hold now. From kHighWater down to 0. */
  static size_t mostForOne();

  bool empty() const { return begin_ == end_; }
  size_t size() const { return end_ - begin_; }
  const uint8_t* data() const { return bytes_ + begin_; }

  void append(const uint8_t* bytes, size_t length);
  /** Room for `length` bytes at the end, to be confirmed with `commit`. */
  uint8_t* prepare(size_t length);
  void commit(size_t length) { end_ += length; }
  void consume(size_t length);
  void clear();
  void swap(SendQueue& other) noexcept;

 private:
  void resize(size_t capacity);

  uint8_t* bytes_ = nullptr;
  size_t begin_ = 0;
  size_t end_ = 0;
  size_t capacity_ = 0;
};

}  // namespace nodeway::transport
