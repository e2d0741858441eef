#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "descriptor.h"
#include "numbers.h"
#include "relay.h"
#include "send_queue.h"

namespace nodeway::transport {

CloseReason reasonWhileConnecting(int error);
CloseReason reasonWhenOpen(int error);

/** One socket and what it owes. Thousands of them lie idle, so it stays small. */
struct Connection {
  enum Flag : uint16_t {
    Connecting = 1 << 0,
    /** The kernel may have bytes or FIN for us: set by an edge, cleared by a read that came back short. */
    Readable = 1 << 1,
    /** Waits in the list of connections to be read. */
    Scheduled = 1 << 2,
    Paused = 1 << 3,
    /** The engine knows, or is about to learn, that too much is unsent. */
    Blocked = 1 << 4,
    /** FIN was received. */
    Ended = 1 << 5,
    /** FIN or an error is known to follow the bytes, without another edge. */
    HangUp = 1 << 6,
    ShutdownAsked = 1 << 7,
    ShutdownSent = 1 << 8,
    /** The engine has closed it; what is queued is still to be sent. */
    Closing = 1 << 9,
    /** Everything is sent; what the peer still sends is dropped, so that no RST overtakes our last bytes. */
    Draining = 1 << 10,
    /** The socket is closed; only onClose is still to be reported. */
    Gone = 1 << 11,
    /** Nothing can be sent any more; what the peer sent before is still read, then `reason` is told. */
    SendFailed = 1 << 12,
    /** The peer's FIN came before the error that ended sending. */
    FinFirst = 1 << 13,
    /** Closing with RST instead of FIN. */
    Aborting = 1 << 14,
  };
  /** Events that wait for the next batch, in the order in which they are reported. */
  enum Notice : uint8_t {
    Connects = 1 << 0,
    Blocks = 1 << 1,
    Drains = 1 << 2,
    Relayed = 1 << 3,
    Ends = 1 << 4,
    Closes = 1 << 5,
    /** It is in the list of connections with notices. */
    Listed = 1 << 7,
  };

  Connection(int32_t connectionId, Descriptor descriptor) : socket(std::move(descriptor)), id(connectionId) {}

  bool has(unsigned flag) const { return (flags & flag) != 0; }
  void set(unsigned flag) { flags = static_cast<uint16_t>(flags | flag); }
  void clear(unsigned flag) { flags = static_cast<uint16_t>(flags & ~flag); }

  Descriptor socket;
  int32_t id;
  /** Where it was accepted; 0: it was not. */
  int32_t listener = 0;
  /** The connection whose relay ends here; -1: none. */
  int32_t feeder = -1;
  uint16_t flags = 0;
  uint8_t notices = 0;
  CloseReason reason = CloseReason::Failed;
  SendQueue unsent;
  std::unique_ptr<Relay> relay;
  /** When a closing connection last got rid of bytes, or one that cannot send was paused, in ms. */
  double progressAt = 0;
};

}  // namespace nodeway::transport
