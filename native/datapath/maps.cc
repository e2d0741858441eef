#include <bpf/bpf.h>

#include <cerrno>
#include <ctime>

#include "addon.h"

namespace nodeway {
namespace {
uint8_t* Bytes(const Napi::Value& value) { return value.As<Napi::Uint8Array>().Data(); }

void Update(const Napi::CallbackInfo& info) {
  if (bpf_map_update_elem(info[0].As<Napi::Number>(), Bytes(info[1]), Bytes(info[2]), BPF_ANY)) Throw(info.Env(), errno, "update a map");
}

// Whether there was such a key.
Napi::Value Delete(const Napi::CallbackInfo& info) {
  if (bpf_map_delete_elem(info[0].As<Napi::Number>(), Bytes(info[1])) && errno != ENOENT && errno != EINVAL)
    Throw(info.Env(), errno, "delete from a map");
  return info.Env().Undefined();
}

Napi::Value Lookup(const Napi::CallbackInfo& info) {
  if (bpf_map_lookup_elem(info[0].As<Napi::Number>(), Bytes(info[1]), Bytes(info[2])) == 0) return Napi::Boolean::New(info.Env(), true);
  if (errno != ENOENT) Throw(info.Env(), errno, "read a map");
  return Napi::Boolean::New(info.Env(), false);
}

Napi::Value NextKey(const Napi::CallbackInfo& info) {
  const void* after = info[1].IsNull() ? nullptr : Bytes(info[1]);
  return Napi::Boolean::New(info.Env(), bpf_map_get_next_key(info[0].As<Napi::Number>(), after, Bytes(info[2])) == 0);
}

// CLOCK_MONOTONIC, which bpf_ktime_get_ns reads.
Napi::Value Now(const Napi::CallbackInfo& info) {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return Napi::BigInt::New(info.Env(), static_cast<uint64_t>(now.tv_sec) * 1000000000u + static_cast<uint64_t>(now.tv_nsec));
}
}  // namespace

void ExportMaps(Napi::Env env, Napi::Object exports) {
  exports["mapUpdate"] = Napi::Function::New(env, Update);
  exports["mapDelete"] = Napi::Function::New(env, Delete);
  exports["mapLookup"] = Napi::Function::New(env, Lookup);
  exports["mapNextKey"] = Napi::Function::New(env, NextKey);
  exports["monotonicNow"] = Napi::Function::New(env, Now);
}
}  // namespace nodeway
