#include <node_api.h>

#include "binding.h"
#include "startup_pages.h"

namespace {

napi_value releaseStartupPages(napi_env env, napi_callback_info) {
  napi_value bytes = nullptr;
  const auto released = static_cast<double>(nodeway::transport::releaseStartupPages());
  return napi_create_double(env, released, &bytes) == napi_ok ? bytes : nullptr;
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
  return exports;
}
