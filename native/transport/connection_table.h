#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "connection.h"

namespace nodeway::transport {

/** Connections by id. An id that was released is not given out again before the next turn. */
class ConnectionTable {
 public:
  Connection& add(Descriptor socket);
  Connection* find(int32_t id) const;
  void remove(int32_t id);
  /** A new turn begins: ids released so far may be used. */
  void recycle();
  int32_t count() const { return count_; }
  template <typename Visit>
  void forEach(Visit visit) {
    for (auto& slot : slots_) {
      if (slot) visit(*slot);
    }
  }
  void clear();

 private:
  std::vector<std::unique_ptr<Connection>> slots_;
  std::vector<int32_t> free_;
  std::vector<int32_t> released_;
  int32_t count_ = 0;
};

}  // namespace nodeway::transport
