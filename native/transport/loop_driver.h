#pragma once

#include <node_api.h>
#include <uv.h>

#include "reactor.h"

namespace nodeway::transport {

/** Memory that JavaScript and the reactor share; see Cell and Clock. */
struct SharedCells {
  int32_t* words;
  double* clock;
  int32_t* commands;
  int32_t& operator[](Cell cell) { return words[static_cast<size_t>(cell)]; }
  double& operator[](Clock cell) { return clock[static_cast<size_t>(cell)]; }
};

/** Calls the engine's turn. */
class TurnCallback {
 public:
  TurnCallback(napi_env env, napi_value turn);
  /** Runs one turn with its microtasks. An exception becomes the thread's uncaught exception. False: JavaScript cannot run any more. */
  bool call();
  /** False: JavaScript cannot run, because the thread is ending. */
  bool possible() const;
  void release();

 private:
  napi_env env_;
  napi_ref turn_ = nullptr;
  napi_async_context context_ = nullptr;
};

/**
 * Runs turns from libuv's prepare phase (docs/adr/0020-loop-driving.md). The thread sleeps in the reactor's epoll_wait, not
 * in libuv's; libuv's own descriptors wake it, because its backend descriptor is in the reactor's set.
 */
class LoopDriver {
 public:
  LoopDriver(napi_env env, Reactor& reactor, SharedCells cells, napi_value turn);

  void start();
  /** Closes the handles; `closed` is called when their memory is no longer libuv's. */
  void stop(void (*closed)(void*), void* data);
  /** Carries out what was commanded so far. */
  void runCommands();
  /** The process stays alive for as long as something is served. */
  void updateReference();

 private:
  struct Wait {
    int milliseconds;
    bool libuvIsDue;
  };

  static void onPrepare(uv_prepare_t* handle);
  static void onIdle(uv_idle_t* handle);
  static void onClosed(uv_handle_t* handle);
  void runTurns();
  Wait nextWait();
  uv_loop_t* loop() { return prepare_.loop; }

  Reactor& reactor_;
  SharedCells cells_;
  TurnCallback turn_;
  napi_env env_;
  uv_prepare_t prepare_{};
  uv_idle_t idle_{};
  int open_ = 0;
  bool stopped_ = false;
  bool referenced_ = true;
  void (*closed_)(void*) = nullptr;
  void* closedData_ = nullptr;
};

}  // namespace nodeway::transport
