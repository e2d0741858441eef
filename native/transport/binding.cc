#include "binding.h"

#include <netinet/in.h>

#include <cerrno>
#include <string>

namespace nodeway::transport {

namespace {

constexpr size_t kCreateArguments = 7;
constexpr size_t kMostArguments = 4;

struct View {
  void* data = nullptr;
  size_t length = 0;
};

View view(napi_env env, napi_value array) {
  View result;
  napi_typedarray_type type;
  napi_get_typedarray_info(env, array, &type, &result.length, &result.data, nullptr, nullptr);
  return result;
}

int32_t integer(napi_env env, napi_value value) {
  int32_t result = 0;
  napi_get_value_int32(env, value, &result);
  return result;
}

napi_value number(napi_env env, double value) {
  napi_value result;
  napi_create_double(env, value, &result);
  return result;
}

std::string text(napi_env env, napi_value value) {
  char buffer[INET6_ADDRSTRLEN + 1];
  size_t length = 0;
  napi_get_value_string_utf8(env, value, buffer, sizeof buffer, &length);
  return std::string(buffer, length);
}

napi_value addressObject(napi_env env, const SocketAddress& address) {
  napi_value object;
  napi_value ip;
  const std::string name = address.ip();
  napi_create_object(env, &object);
  napi_create_string_latin1(env, name.data(), name.size(), &ip);
  napi_set_named_property(env, object, "ip", ip);
  napi_set_named_property(env, object, "port", number(env, address.port()));
  return object;
}

}  // namespace

napi_value Binding::create(napi_env env, napi_callback_info info) {
  size_t count = kCreateArguments;
  napi_value arguments[kCreateArguments];
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  if (count != kCreateArguments) {
    napi_throw_type_error(env, nullptr, "create takes 7 arguments");
    return nullptr;
  }
  // Owned by the environment's cleanup hook from here on.
  auto* binding = new Binding(env, arguments);
  return binding->methods(env);
}

Binding::Binding(napi_env env, const napi_value* arguments) {
  const Arena arena{static_cast<uint8_t*>(view(env, arguments[0]).data), static_cast<size_t>(integer(env, arguments[1]))};
  const View events = view(env, arguments[3]);
  const SharedCells cells{static_cast<int32_t*>(view(env, arguments[4]).data), static_cast<double*>(view(env, arguments[5]).data),
                          static_cast<int32_t*>(view(env, arguments[2]).data)};
  reactor_ = std::make_unique<Reactor>(arena, EventBatch(static_cast<int32_t*>(events.data), events.length));
  driver_ = std::make_unique<LoopDriver>(env, *reactor_, cells, arguments[6]);
  driver_->start();
  napi_add_async_cleanup_hook(env, onEnvironmentEnds, this, &hook_);
}

napi_value Binding::methods(napi_env env) {
  const napi_property_descriptor all[] = {
      {"flush", nullptr, call<&Binding::flush>, nullptr, nullptr, nullptr, napi_default, this},
      {"connect", nullptr, call<&Binding::connect>, nullptr, nullptr, nullptr, napi_default, this},
      {"listenAt", nullptr, call<&Binding::listenAt>, nullptr, nullptr, nullptr, napi_default, this},
      {"listenOn", nullptr, call<&Binding::listenOn>, nullptr, nullptr, nullptr, napi_default, this},
      {"unlisten", nullptr, call<&Binding::unlisten>, nullptr, nullptr, nullptr, napi_default, this},
      {"listenerAddress", nullptr, call<&Binding::listenerAddress>, nullptr, nullptr, nullptr, napi_default, this},
      {"peerAddress", nullptr, call<&Binding::peerAddress>, nullptr, nullptr, nullptr, napi_default, this},
      {"localAddress", nullptr, call<&Binding::localAddress>, nullptr, nullptr, nullptr, napi_default, this},
      {"relayed", nullptr, call<&Binding::relayed>, nullptr, nullptr, nullptr, napi_default, this},
      {"dispose", nullptr, call<&Binding::dispose>, nullptr, nullptr, nullptr, napi_default, this},
  };
  napi_value object;
  napi_create_object(env, &object);
  napi_define_properties(env, object, std::size(all), all);
  return object;
}

template <Binding::Method method>
napi_value Binding::call(napi_env env, napi_callback_info info) {
  size_t count = kMostArguments;
  napi_value arguments[kMostArguments];
  void* data = nullptr;
  napi_get_cb_info(env, info, &count, arguments, nullptr, &data);
  auto* binding = static_cast<Binding*>(data);
  if (binding->state_ != State::Open) {
    napi_throw_error(env, "ERR_DISPOSED", "the transport was disposed of");
    return nullptr;
  }
  return (binding->*method)(env, arguments);
}

// ---- methods ----

napi_value Binding::flush(napi_env, const napi_value*) {
  driver_->runCommands();
  return nullptr;
}

/** connect(address, port, netns, mark) → connection id, or -EINVAL if that is no address */
napi_value Binding::connect(napi_env env, const napi_value* arguments) {
  const auto address = SocketAddress::parse(text(env, arguments[0]).c_str(), static_cast<uint16_t>(integer(env, arguments[1])));
  if (!address) return number(env, -EINVAL);
  const int32_t id = reactor_->connect(*address, integer(env, arguments[2]), static_cast<uint32_t>(integer(env, arguments[3])));
  driver_->updateReference();
  return number(env, id);
}

/** listenAt(address, port) → listener id or -errno */
napi_value Binding::listenAt(napi_env env, const napi_value* arguments) {
  const auto address = SocketAddress::parse(text(env, arguments[0]).c_str(), static_cast<uint16_t>(integer(env, arguments[1])));
  if (!address) return number(env, -EINVAL);
  const int32_t id = reactor_->listen(Listener::at(*address));
  driver_->updateReference();
  return number(env, id);
}

/** listenOn(fd) → listener id or -errno */
napi_value Binding::listenOn(napi_env env, const napi_value* arguments) {
  const int32_t id = reactor_->listen(Listener::on(integer(env, arguments[0])));
  driver_->updateReference();
  return number(env, id);
}

napi_value Binding::unlisten(napi_env env, const napi_value* arguments) {
  reactor_->unlisten(integer(env, arguments[0]));
  driver_->updateReference();
  return nullptr;
}

napi_value Binding::listenerAddress(napi_env env, const napi_value* arguments) {
  return addressObject(env, SocketAddress::ofLocal(reactor_->listenerFd(integer(env, arguments[0]))));
}

napi_value Binding::peerAddress(napi_env env, const napi_value* arguments) {
  return addressObject(env, SocketAddress::ofPeer(reactor_->connectionFd(integer(env, arguments[0]))));
}

napi_value Binding::localAddress(napi_env env, const napi_value* arguments) {
  return addressObject(env, SocketAddress::ofLocal(reactor_->connectionFd(integer(env, arguments[0]))));
}

napi_value Binding::relayed(napi_env env, const napi_value* arguments) {
  return number(env, static_cast<double>(reactor_->relayed(integer(env, arguments[0]))));
}

napi_value Binding::dispose(napi_env, const napi_value*) {
  close();
  return nullptr;
}

// ---- the end ----

void Binding::close() {
  state_ = State::Closing;
  reactor_.reset();
  driver_->stop(onHandlesClosed, this);
}

void Binding::onHandlesClosed(void* data) {
  auto* binding = static_cast<Binding*>(data);
  binding->state_ = State::Closed;
  if (!binding->environmentEnds_) return;
  napi_remove_async_cleanup_hook(binding->hook_);
  delete binding;
}

/** Also when a worker is terminated in the middle of its work: our descriptors are closed, handed-in listeners are not. */
void Binding::onEnvironmentEnds(napi_async_cleanup_hook_handle, void* data) {
  auto* binding = static_cast<Binding*>(data);
  binding->environmentEnds_ = true;
  if (binding->state_ == State::Open) {
    binding->close();
  } else if (binding->state_ == State::Closed) {
    onHandlesClosed(data);
  }
}

}  // namespace nodeway::transport
