#include "addon.h"

#include <cstring>

namespace nodeway {
void throwErrno(Napi::Env env, int error, const std::string& what) {
  const char* name = strerrorname_np(error);
  auto thrown = Napi::Error::New(env, what + ": " + (name ? name : "error") + ", " + strerror(error));
  thrown.Set("code", Napi::String::New(env, name ? name : "EUNKNOWN"));
  throw thrown;
}
}  // namespace nodeway

static Napi::Object init(Napi::Env env, Napi::Object exports) {
  nodeway::exportNamespaces(env, exports);
  nodeway::exportMaps(env, exports);
  nodeway::exportPrograms(env, exports);
  nodeway::exportHooks(env, exports);
  return exports;
}
NODE_API_MODULE(datapath, init)
