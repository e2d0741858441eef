// Every number that this addon and src/l7 share. scripts/generate-transport-numbers writes src/l7/transport-numbers.ts from it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nodeway::transport {

// X(name, number, what it says: its arguments)

/** Three words each: `id << KIND_BITS | event`, and two arguments. */
#define NW_EVENTS(X)                          \
  X(Accept, 1, "listener")                    \
  X(Connect, 2, "")                           \
  X(Data, 3, "start, end")                    \
  X(End, 4, "")                               \
  X(Close, 5, "reason")                       \
  X(Blocked, 6, "")                           \
  X(Drained, 7, "")                           \
  X(Relayed, 8, "bytes: high word, low word") \
  X(Exhausted, 9, "listener, whether it is memory that lacks, and not descriptors")

/** `id << KIND_BITS | command`, then its arguments. */
#define NW_COMMANDS(X)                                                        \
  X(Write, 1, "start, end")                                                   \
  X(Shutdown, 2, "")                                                          \
  X(Close, 3, "")                                                             \
  X(Reset, 4, "")                                                             \
  X(Pause, 5, "")                                                             \
  X(Resume, 6, "")                                                            \
  X(Relay, 7, "destination, bytes: high word, low word; all ones: until FIN") \
  X(Abort, 8, "")

/** Int32 cells that both sides read and write between crossings. */
#define NW_CELLS(X)      \
  X(CommandWords, 0, "") \
  X(EventWords, 1, "")   \
  X(Deferred, 2, "")     \
  X(Connections, 3, "")  \
  X(Unread, 4, "not 0: the turn may not have read all that had arrived")

/** Float64 cells: milliseconds on CLOCK_MONOTONIC. */
#define NW_CLOCKS(X) \
  X(Now, 0, "")      \
  X(WakeAt, 1, "")

/** Why a connection is gone. The first three happen only before `onConnect`. */
#define NW_CLOSE_REASONS(X)                            \
  X(Refused, 1, "")                                    \
  X(ConnectTimeout, 2, "")                             \
  X(Unreachable, 3, "")                                \
  X(Reset, 4, "")                                      \
  X(Failed, 5, "an errno that has no case of its own") \
  X(Exhausted, 6, "no file descriptor, port or memory left on this machine")

#define NW_MEMBER(name, number, help) name = number,
#define NW_COUNT(name, number, help) +1
enum class Event : int32_t { NW_EVENTS(NW_MEMBER) };
enum class Command : int32_t { NW_COMMANDS(NW_MEMBER) };
enum class Cell : size_t { NW_CELLS(NW_MEMBER) };
enum class Clock : size_t { NW_CLOCKS(NW_MEMBER) };
enum class CloseReason : uint8_t { NW_CLOSE_REASONS(NW_MEMBER) };
constexpr size_t kCells = 0 NW_CELLS(NW_COUNT);
constexpr size_t kClocks = 0 NW_CLOCKS(NW_COUNT);
#undef NW_MEMBER
#undef NW_COUNT

/** An id shares its word with the number of an event or command. */
constexpr int kKindBits = 4;
constexpr int32_t kKindMask = (1 << kKindBits) - 1;
constexpr size_t kWordsPerEvent = 3;
/** Unsent bytes above which a connection is blocked. */
constexpr size_t kHighWater = 256 * 1024;
/** How long what was closed, or broke while it was paused, is kept without any progress. */
constexpr int kLingerMs = 5000;

}  // namespace nodeway::transport
