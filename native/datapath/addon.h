// The parts of the addon; each adds its functions to the exports. No state outlives a call, except what libbpf printed during it.
#pragma once
#include <napi.h>

#include "napi/arguments.h"

namespace nodeway {
// Throws a JavaScript Error whose `code` is the errno's name.
[[noreturn]] void throwErrno(Napi::Env env, int error, const std::string& what);
void exportNamespaces(Napi::Env env, Napi::Object exports);
void exportMaps(Napi::Env env, Napi::Object exports);
void exportPrograms(Napi::Env env, Napi::Object exports);
void exportHooks(Napi::Env env, Napi::Object exports);
}  // namespace nodeway
