// How both addons read the arguments of a call: wrong ones are a TypeError that names the function and the argument.
#pragma once

#include <napi.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <string>
#include <system_error>

namespace nodeway {

/** Throws what went wrong as a JavaScript exception. For every call into Node-API whose result is used. */
inline void check(napi_env env, napi_status status) {
  if (status != napi_ok) throw Napi::Error::New(env);
}

/** A typed array's memory. */
template <typename T>
struct Elements {
  T* data;
  size_t length;
};

/** The arguments of one call, taken in their order. */
class Arguments {
 public:
  static constexpr size_t kMost = 8;

  Arguments(napi_env env, const char* function, const napi_value* values, size_t count)
      : env_(env), function_(function), count_(count < kMost ? count : kMost) {
    for (size_t i = 0; i < count_; i++) values_[i] = values[i];
  }
  Arguments(const Napi::CallbackInfo& info, const char* function) : env_(info.Env()), function_(function), count_(0) {
    for (; count_ < info.Length() && count_ < kMost; count_++) values_[count_] = info[count_];
  }

  int32_t integer(const char* name) {
    int32_t number = 0;
    if (napi_get_value_int32(env_, next(name), &number) != napi_ok) refuse(name, "a number");
    return number;
  }
  uint16_t port(const char* name) {
    const int32_t number = integer(name);
    if (number < 0 || number > UINT16_MAX) refuse(name, "a port");
    return static_cast<uint16_t>(number);
  }
  std::string text(const char* name) {
    napi_value value = next(name);
    size_t length = 0;
    if (napi_get_value_string_utf8(env_, value, nullptr, 0, &length) != napi_ok) refuse(name, "a string");
    std::string result(length, '\0');
    check(env_, napi_get_value_string_utf8(env_, value, result.data(), length + 1, &length));
    return result;
  }
  /** A number of 64 bits as decimal text. */
  uint64_t decimal(const char* name) {
    const std::string digits = text(name);
    uint64_t number = 0;
    const char* end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, number);
    if (error != std::errc() || stop != end || digits.empty()) refuse(name, "a decimal number");
    return number;
  }
  napi_value function(const char* name) {
    napi_value value = next(name);
    napi_valuetype type;
    check(env_, napi_typeof(env_, value, &type));
    if (type != napi_function) refuse(name, "a function");
    return value;
  }
  Elements<uint8_t> bytes(const char* name, size_t least = 1) { return elements<uint8_t>(name, "a Uint8Array", napi_uint8_array, least); }
  Elements<int32_t> integers(const char* name, size_t least) { return elements<int32_t>(name, "an Int32Array", napi_int32_array, least); }
  Elements<double> doubles(const char* name, size_t least) { return elements<double>(name, "a Float64Array", napi_float64_array, least); }
  /** No memory for null. */
  Elements<uint8_t> bytesOrNull(const char* name) {
    napi_valuetype type = napi_undefined;
    if (at_ < count_) check(env_, napi_typeof(env_, values_[at_], &type));
    if (type != napi_null) return bytes(name);
    at_++;
    return {nullptr, 0};
  }

 private:
  napi_value next(const char* name) {
    if (at_ >= count_) refuse(name, "given");
    return values_[at_++];
  }

  template <typename T>
  Elements<T> elements(const char* name, const char* wanted, napi_typedarray_type type, size_t least) {
    napi_value value = next(name);
    napi_typedarray_type found = napi_uint8_array;
    Elements<T> result{nullptr, 0};
    void* data = nullptr;
    const bool known = napi_get_typedarray_info(env_, value, &found, &result.length, &data, nullptr, nullptr) == napi_ok;
    if (!known || found != type) refuse(name, wanted);
    if (result.length < least) refuse(name, "longer");
    result.data = static_cast<T*>(data);
    return result;
  }

  [[noreturn]] void refuse(const char* name, const char* wanted) const {
    throw Napi::TypeError::New(env_, std::string(function_) + ": " + name + " must be " + wanted);
  }

  napi_env env_;
  const char* function_;
  size_t count_;
  size_t at_ = 0;
  std::array<napi_value, kMost> values_{};
};

}  // namespace nodeway
