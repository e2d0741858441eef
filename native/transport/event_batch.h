#pragma once

#include <cstddef>
#include <cstdint>

#include "numbers.h"

namespace nodeway::transport {

/** What one turn reports to the engine: three words per event, in memory that JavaScript reads. */
class EventBatch {
 public:
  EventBatch(int32_t* words, size_t capacity) : words_(words), capacity_(capacity) {}

  void clear() { used_ = 0; }
  size_t words() const { return used_; }
  bool hasRoom() const { return used_ + kWordsPerEvent <= capacity_; }
  void add(Event event, int32_t id, int32_t first = 0, int32_t second = 0);

 private:
  int32_t* words_;
  size_t capacity_;
  size_t used_ = 0;
};

}  // namespace nodeway::transport
