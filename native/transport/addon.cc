#include <malloc.h>
#include <napi.h>
#include <node_api.h>

#include <ctime>

#include "binding.h"
#include "left_connections.h"
#include "startup_pages.h"

namespace {

napi_value releaseStartupPages(napi_env env, napi_callback_info) {
  napi_value bytes = nullptr;
  const auto released = static_cast<double>(nodeway::transport::releaseStartupPages());
  return napi_create_double(env, released, &bytes) == napi_ok ? bytes : nullptr;
}

/** releaseFreedMemory(): what was freed in the midst of what is in use, which glibc keeps for allocations to come (malloc_trim(3)). */
void releaseFreedMemory(const Napi::CallbackInfo& /*info*/) { malloc_trim(0); }

/** leftPeers(fd) → the clients of the connections that a worker left at this listening socket. */
Napi::Value leftPeers(const Napi::CallbackInfo& info) {
  const auto peers = nodeway::transport::left_connections::peers(nodeway::Arguments(info, "leftPeers").integer("fd"));
  Napi::Array all = Napi::Array::New(info.Env(), peers.size());
  for (uint32_t i = 0; i < peers.size(); i++) all[i] = nodeway::transport::addressObject(info.Env(), peers[i]);
  return all;
}

/** forsake(fd) → how many connections that a worker left at this listening socket were closed. */
Napi::Value forsake(const Napi::CallbackInfo& info) {
  const auto left = nodeway::transport::left_connections::claim(nodeway::Arguments(info, "forsake").integer("fd"));
  return Napi::Number::New(info.Env(), static_cast<double>(left.size()));
}

/** threadMilliseconds() → for how long this thread has had a processor (CLOCK_THREAD_CPUTIME_ID), without waiting for one. */
Napi::Value threadMilliseconds(const Napi::CallbackInfo& info) {
  timespec time = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  constexpr double kMillisecondsASecond = 1e3;
  constexpr double kNanosecondsAMillisecond = 1e6;
  const double seconds = static_cast<double>(time.tv_sec);
  return Napi::Number::New(info.Env(), seconds * kMillisecondsASecond + static_cast<double>(time.tv_nsec) / kNanosecondsAMillisecond);
}

bool add(napi_env env, napi_value exports, const char* name, napi_callback function) {
  napi_value value;
  return napi_create_function(env, name, NAPI_AUTO_LENGTH, function, nullptr, &value) == napi_ok &&
         napi_set_named_property(env, exports, name, value) == napi_ok;
}

}  // namespace

NAPI_MODULE_INIT() {
  if (!add(env, exports, "create", nodeway::transport::Binding::create) || !add(env, exports, "releaseStartupPages", releaseStartupPages))
    napi_throw_error(env, nullptr, "the transport addon cannot be set up");
  Napi::Object face(env, exports);
  face.Set("releaseFreedMemory", Napi::Function::New<releaseFreedMemory>(env, "releaseFreedMemory"));
  face.Set("leftPeers", Napi::Function::New<leftPeers>(env, "leftPeers"));
  face.Set("threadMilliseconds", Napi::Function::New<threadMilliseconds>(env, "threadMilliseconds"));
  face.Set("forsake", Napi::Function::New<forsake>(env, "forsake"));
  return exports;
}
