#pragma once

#include <node_api.h>

#include <memory>

#include "loop_driver.h"
#include "napi/arguments.h"
#include "reactor.h"

namespace nodeway::transport {

/** {ip, port}; throws what Node-API says. */
napi_value addressObject(napi_env env, const SocketAddress& address);

/** One transport as JavaScript sees it: an object with methods. Lives until its environment ends, disposed or not. */
class Binding {
 public:
  /** create(arena, readBytes, commands, events, cells, clock, turn) */
  static napi_value create(napi_env env, napi_callback_info info);

 private:
  struct Call {
    napi_env env;
    const napi_value* values;
    size_t count;
    Arguments of(const char* function) const { return Arguments(env, function, values, count); }
  };
  using Method = napi_value (Binding::*)(const Call& call);

  Binding(napi_env env, Arguments& arguments);
  napi_value methods(napi_env env);
  template <Method method>
  static napi_value call(napi_env env, napi_callback_info info);
  static void onEnvironmentEnds(napi_async_cleanup_hook_handle hook, void* data);
  static void onHandlesClosed(void* data);
  void close();

  napi_value flush(const Call& call);
  napi_value connect(const Call& call);
  napi_value keepAlive(const Call& call);
  napi_value listenAt(const Call& call);
  napi_value listenOn(const Call& call);
  napi_value unlisten(const Call& call);
  napi_value listenerAddress(const Call& call);
  napi_value peerAddress(const Call& call);
  napi_value localAddress(const Call& call);
  napi_value relayed(const Call& call);
  napi_value dispose(const Call& call);

  enum class State { Open, Closing, Closed };

  std::unique_ptr<Reactor> reactor_;
  std::unique_ptr<LoopDriver> driver_;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  bool environmentEnds_ = false;
  State state_ = State::Open;
};

}  // namespace nodeway::transport
