// The parts of the addon; each adds its functions to the exports. No state outlives a call, except what libbpf printed during it.
#pragma once
#include <napi.h>

namespace nodeway {
// Throws a JavaScript Error whose `code` is the errno's name.
[[noreturn]] void Throw(Napi::Env env, int error, const std::string& what);
void ExportNamespaces(Napi::Env env, Napi::Object exports);
void ExportMaps(Napi::Env env, Napi::Object exports);
void ExportPrograms(Napi::Env env, Napi::Object exports);
void ExportHooks(Napi::Env env, Napi::Object exports);
}  // namespace nodeway
