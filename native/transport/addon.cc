#include <node_api.h>

#include "binding.h"
#include "startup_pages.h"

namespace {

napi_value release_startup_pages(napi_env env, napi_callback_info) {
  napi_value bytes;
  napi_create_double(env, static_cast<double>(nodeway::transport::release_startup_pages()), &bytes);
  return bytes;
}

}  // namespace

NAPI_MODULE_INIT() {
  napi_value create;
  napi_create_function(env, "create", NAPI_AUTO_LENGTH, nodeway::transport::Binding::create, nullptr, &create);
  napi_set_named_property(env, exports, "create", create);
  napi_value release;
  napi_create_function(env, "releaseStartupPages", NAPI_AUTO_LENGTH, release_startup_pages, nullptr, &release);
  napi_set_named_property(env, exports, "releaseStartupPages", release);
  return exports;
}
