#include "connection_table.h"

#include <utility>

namespace nodeway::transport {

Connection& ConnectionTable::add(Descriptor socket) {
  int32_t id;
  if (free_.empty()) {
    id = static_cast<int32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    id = free_.back();
    free_.pop_back();
  }
  auto& slot = slots_[static_cast<size_t>(id)];
  slot = std::make_unique<Connection>(id, std::move(socket));
  count_++;
  return *slot;
}

Connection* ConnectionTable::find(int32_t id) const {
  const auto index = static_cast<size_t>(id);
  return index < slots_.size() ? slots_[index].get() : nullptr;
}

void ConnectionTable::remove(int32_t id) {
  slots_[static_cast<size_t>(id)].reset();
  released_.push_back(id);
  count_--;
}

void ConnectionTable::recycle() {
  free_.insert(free_.end(), released_.begin(), released_.end());
  released_.clear();
}

void ConnectionTable::clear() {
  slots_.clear();
  free_.clear();
  released_.clear();
  count_ = 0;
}

}  // namespace nodeway::transport
