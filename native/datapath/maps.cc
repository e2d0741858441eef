#include <bpf/bpf.h>

#include <cerrno>
#include <ctime>

#include "addon.h"

namespace nodeway {
namespace {
void mapUpdate(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "mapUpdate");
  const int map = arguments.integer("map");
  const uint8_t* key = arguments.bytes("key").data;
  if (bpf_map_update_elem(map, key, arguments.bytes("value").data, BPF_ANY)) throwErrno(info.Env(), errno, "update a map");
}

// Whether there was such a key.
Napi::Value mapDelete(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "mapDelete");
  const int map = arguments.integer("map");
  if (bpf_map_delete_elem(map, arguments.bytes("key").data) && errno != ENOENT && errno != EINVAL)
    throwErrno(info.Env(), errno, "delete from a map");
  return info.Env().Undefined();
}

Napi::Value mapLookup(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "mapLookup");
  const int map = arguments.integer("map");
  const uint8_t* key = arguments.bytes("key").data;
  if (bpf_map_lookup_elem(map, key, arguments.bytes("value").data) == 0) return Napi::Boolean::New(info.Env(), true);
  if (errno != ENOENT) throwErrno(info.Env(), errno, "read a map");
  return Napi::Boolean::New(info.Env(), false);
}

Napi::Value mapNextKey(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "mapNextKey");
  const int map = arguments.integer("map");
  const uint8_t* after = arguments.bytesOrNull("after").data;
  return Napi::Boolean::New(info.Env(), bpf_map_get_next_key(map, after, arguments.bytes("next").data) == 0);
}

// CLOCK_MONOTONIC, which bpf_ktime_get_ns reads.
Napi::Value monotonicNow(const Napi::CallbackInfo& info) {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return Napi::BigInt::New(info.Env(), static_cast<uint64_t>(now.tv_sec) * 1000000000u + static_cast<uint64_t>(now.tv_nsec));
}
}  // namespace

void exportMaps(Napi::Env env, Napi::Object exports) {
  exports["mapUpdate"] = Napi::Function::New(env, mapUpdate);
  exports["mapDelete"] = Napi::Function::New(env, mapDelete);
  exports["mapLookup"] = Napi::Function::New(env, mapLookup);
  exports["mapNextKey"] = Napi::Function::New(env, mapNextKey);
  exports["monotonicNow"] = Napi::Function::New(env, monotonicNow);
}
}  // namespace nodeway
