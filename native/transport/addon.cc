#include <node_api.h>

#include "binding.h"

NAPI_MODULE_INIT() {
  napi_value create;
  napi_create_function(env, "create", NAPI_AUTO_LENGTH, nodeway::transport::Binding::create, nullptr, &create);
  napi_set_named_property(env, exports, "create", create);
  return exports;
}
