#pragma once

#include <sys/epoll.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "connection_table.h"
#include "descriptor_share.h"
#include "event_batch.h"
#include "listener.h"
#include "network_namespace.h"
#include "pipe_pool.h"

namespace nodeway::transport {

/** The start of the arena, which reads fill anew in every turn, and all of it, from which writes are sent. */
struct Arena {
  uint8_t* bytes;
  size_t readBytes;
};

/**
 * One worker's sockets: an epoll set, edge-triggered. A turn is `run` (carry out the engine's commands) and `collect`
 * (wait, then report everything that happened). It knows neither Node nor JavaScript.
 *
 * Invariants:
 *  1. a batch reports at most one Data or End of a connection, so that a relay or pause commanded on the data still gets the FIN;
 *  2. a connection is scheduled if, and only if, it is Readable and may be read (not paused, no relay that waits for its destination);
 *  3. bytes in a relay's pipe are older than bytes in its destination's queue, and are sent first;
 *  4. a failed send leaves the socket open until everything that the kernel holds was read.
 */
class Reactor {
 public:
  /** @param sharers see DescriptorShare. */
  Reactor(Arena arena, EventBatch batch, int sharers);
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  /** Also wakes up when `fd` becomes readable; see sawForeign(). */
  void watchForeign(int fd);
  void run(const int32_t* words, size_t count);
  /** Waits for at most `timeoutMs` (-1: without limit, 0: not at all) unless something is left to do. */
  void collect(int timeoutMs);

  size_t eventWords() const { return batch_.words(); }
  bool sawForeign() const { return sawForeign_; }
  /** Whether there may be more to read than this turn has read. */
  bool unread() const { return unread_; }
  bool hasWork() const { return !scheduled_.empty() || !noticed_.empty() || !unloaded_.empty() || !inherited_.empty(); }
  double now() const { return now_; }
  int32_t connections() const { return table_.count(); }
  bool serves() const { return table_.count() > 0 || !listeners_.empty(); }

  int32_t connect(const SocketAddress& address, int netns, uint32_t mark);
  /** A listener's id, or a negative errno. */
  int32_t listen(Listener listener);
  void unlisten(int32_t id);
  /** Leaves to the next one that listens at the same sockets what this one accepted and has not touched. */
  void leaveUntouched();
  /** Descriptors for getsockname and getpeername; -1 when there is no such socket. */
  int listenerFd(int32_t id) const;
  int connectionFd(int32_t id) const;
  uint64_t relayed(int32_t from) const;

 private:
  void watch(int fd, uint64_t key, uint32_t events, int operation);
  void handle(const epoll_event& event);
  void handle(Connection& connection, uint32_t events);
  void accept(int32_t id, Listener& listener);
  void refuse(int32_t listener, const Descriptor& socket);
  void tellAccepted(int32_t listener, Descriptor socket);
  void takeOver();
  void established(Connection& connection);

  void schedule(Connection& connection);
  void readScheduled();
  void serve(Connection& connection);
  void receive(Connection& connection);
  void drop(Connection& connection);
  void inputEnded(Connection& connection);

  size_t write(const int32_t* words, size_t left);
  void send(Connection& connection, iovec* slices, size_t count);
  void flush(Connection& connection);
  void sent(Connection& connection);
  void unblock(Connection& connection);
  void failSending(Connection& connection, int error);
  void pause(Connection& connection);
  void resume(Connection& connection);

  void startRelay(Connection& source, int32_t destination, uint64_t length);
  void pump(Connection& source, Connection& destination);
  void endRelay(Connection& source);
  void leaveRelays(Connection& connection);
  void flushUnloaded();

  void close(Connection& connection);
  void closeFlushed(Connection& connection);
  void abort(Connection& connection);
  void resetDelivered(Connection& connection);
  void reset(Connection& connection);
  void fail(Connection& connection, CloseReason reason);
  void destroy(Connection& connection);
  void remove(Connection& connection);
  void sweep();
  void sweepLingering();
  void resumeListeners();

  void notice(Connection& connection, Connection::Notice what);
  void tellNotices();
  bool tell(Connection& connection);

  Arena arena_;
  size_t readEnd_ = 0;
  EventBatch batch_;
  DescriptorShare share_;
  Descriptor epoll_;
  std::vector<epoll_event> ready_;
  ConnectionTable table_;
  std::map<int32_t, Listener> listeners_;
  int32_t nextListener_ = 1;
  /** Accepted by a worker before this one, with the listener; told in the next turns. */
  std::vector<std::pair<int32_t, Descriptor>> inherited_;
  bool suspended_ = false;
  NetworkNamespaces namespaces_;
  PipePool pipes_;
  std::vector<int32_t> scheduled_;
  std::vector<int32_t> serving_;
  std::vector<int32_t> noticed_;
  /** Their queues got a pipe's bytes, which nobody has tried to send. */
  std::vector<int32_t> unloaded_;
  /** Closing, or paused and unable to send: ended by `sweep` when nothing happens to them for kLingerMs. */
  std::vector<int32_t> lingering_;
  double nextSweep_ = 0;
  double now_ = 0;
  bool sawForeign_ = false;
  bool unread_ = false;
};

}  // namespace nodeway::transport
