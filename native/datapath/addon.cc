#include "addon.h"

#include <cstring>

namespace nodeway {
void Throw(Napi::Env env, int error, const std::string& what) {
  const char* name = strerrorname_np(error);
  auto thrown = Napi::Error::New(env, what + ": " + (name ? name : "error") + ", " + strerror(error));
  thrown.Set("code", Napi::String::New(env, name ? name : "EUNKNOWN"));
  throw thrown;
}
}  // namespace nodeway

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  nodeway::ExportNamespaces(env, exports);
  nodeway::ExportMaps(env, exports);
  nodeway::ExportPrograms(env, exports);
  nodeway::ExportHooks(env, exports);
  return exports;
}
NODE_API_MODULE(datapath, Init)
