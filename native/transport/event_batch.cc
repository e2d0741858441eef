#include "event_batch.h"

namespace nodeway::transport {

void EventBatch::add(Event event, int32_t id, int32_t first, int32_t second) {
  words_[used_] = (id << kKindBits) | static_cast<int32_t>(event);
  words_[used_ + 1] = first;
  words_[used_ + 2] = second;
  used_ += kWordsPerEvent;
}

}  // namespace nodeway::transport
