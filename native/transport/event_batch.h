#pragma once

#include <cstddef>
#include <cstdint>

namespace nodeway::transport {

// The numbers of Event, Command, Cell and CloseReason have their twins in src/l7/transport/native-binding.ts.

enum class Event : int32_t { Accept = 1, Connect, Data, End, Close, Blocked, Drained, Relayed, Exhausted };

enum class Command : int32_t { Write = 1, Shutdown, Close, Reset, Pause, Resume, Relay, Abort };

/** Int32 cells that both sides read and write between crossings. */
enum class Cell : size_t { CommandWords = 0, EventWords, Deferred, Connections };

/** Float64 cells, milliseconds on CLOCK_MONOTONIC. */
enum class Clock : size_t { Now = 0, WakeAt };

/** An id shares its word with the number of an event or command. */
constexpr int kKindBits = 4;
constexpr int32_t kKindMask = (1 << kKindBits) - 1;

/** What one turn reports to the engine: three words per event, in memory that JavaScript reads. */
class EventBatch {
 public:
  EventBatch(int32_t* words, size_t capacity) : words_(words), capacity_(capacity) {}

  void clear() { used_ = 0; }
  size_t words() const { return used_; }
  bool hasRoom() const { return used_ + 3 <= capacity_; }
  void add(Event event, int32_t id, int32_t first = 0, int32_t second = 0);

 private:
  int32_t* words_;
  size_t capacity_;
  size_t used_ = 0;
};

}  // namespace nodeway::transport
