#pragma once

#include <node_api.h>

#include <memory>

#include "loop_driver.h"
#include "reactor.h"

namespace nodeway::transport {

/** One transport as JavaScript sees it: an object with methods. Lives until its environment ends, disposed or not. */
class Binding {
 public:
  /** create(arena, readBytes, commands, events, cells, clock, turn) */
  static napi_value create(napi_env env, napi_callback_info info);

 private:
  using Method = napi_value (Binding::*)(napi_env env, const napi_value* arguments);

  Binding(napi_env env, const napi_value* arguments);
  napi_value methods(napi_env env);
  template <Method method>
  static napi_value call(napi_env env, napi_callback_info info);
  static void onEnvironmentEnds(napi_async_cleanup_hook_handle hook, void* data);
  static void onHandlesClosed(void* data);
  void close();

  napi_value flush(napi_env env, const napi_value* arguments);
  napi_value connect(napi_env env, const napi_value* arguments);
  napi_value listenAt(napi_env env, const napi_value* arguments);
  napi_value listenOn(napi_env env, const napi_value* arguments);
  napi_value unlisten(napi_env env, const napi_value* arguments);
  napi_value listenerAddress(napi_env env, const napi_value* arguments);
  napi_value peerAddress(napi_env env, const napi_value* arguments);
  napi_value localAddress(napi_env env, const napi_value* arguments);
  napi_value relayed(napi_env env, const napi_value* arguments);
  napi_value dispose(napi_env env, const napi_value* arguments);

  enum class State { Open, Closing, Closed };

  std::unique_ptr<Reactor> reactor_;
  std::unique_ptr<LoopDriver> driver_;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  bool environmentEnds_ = false;
  State state_ = State::Open;
};

}  // namespace nodeway::transport
