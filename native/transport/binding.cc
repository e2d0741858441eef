#include "binding.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <utility>

namespace nodeway::transport {

namespace {

constexpr size_t kMostArguments = Arguments::kMost;

napi_value number(napi_env env, double value) {
  napi_value result;
  check(env, napi_create_double(env, value, &result));
  return result;
}

}  // namespace

napi_value addressObject(napi_env env, const SocketAddress& address) {
  napi_value object;
  napi_value ip;
  const std::string name = address.ip();
  check(env, napi_create_object(env, &object));
  check(env, napi_create_string_latin1(env, name.data(), name.size(), &ip));
  check(env, napi_set_named_property(env, object, "ip", ip));
  check(env, napi_set_named_property(env, object, "port", number(env, address.port())));
  return object;
}

napi_value Binding::create(napi_env env, napi_callback_info info) {
  try {
    size_t count = kMostArguments;
    napi_value values[kMostArguments];
    check(env, napi_get_cb_info(env, info, &count, values, nullptr, nullptr));
    Arguments arguments(env, "create", values, count);
    // Owned by the environment's cleanup hook from here on.
    auto* binding = new Binding(env, arguments);
    return binding->methods(env);
  } catch (const Napi::Error& error) {
    error.ThrowAsJavaScriptException();
    return nullptr;
  }
}

Binding::Binding(napi_env env, Arguments& arguments) {
  const Elements<uint8_t> bytes = arguments.bytes("arena");
  const int32_t readBytes = arguments.integer("readBytes");
  if (readBytes <= 0 || static_cast<size_t>(readBytes) > bytes.length)
    throw Napi::TypeError::New(env, "create: readBytes must be within the arena");
  const Elements<int32_t> commands = arguments.integers("commands", 1);
  const Elements<int32_t> events = arguments.integers("events", kWordsPerEvent);
  const Elements<int32_t> words = arguments.integers("cells", kCells);
  const SharedCells cells{words.data, arguments.doubles("clock", kClocks).data, commands.data};
  napi_value turn = arguments.function("turn");
  const int32_t sharers = arguments.integer("sharers");
  reactor_ = std::make_unique<Reactor>(Arena{bytes.data, static_cast<size_t>(readBytes)}, EventBatch(events.data, events.length), sharers);
  driver_ = std::make_unique<LoopDriver>(env, *reactor_, cells, turn);
  driver_->start();
  check(env, napi_add_async_cleanup_hook(env, onEnvironmentEnds, this, &hook_));
}

napi_value Binding::methods(napi_env env) {
  const napi_property_descriptor all[] = {
      {"flush", nullptr, call<&Binding::flush>, nullptr, nullptr, nullptr, napi_default, this},
      {"connect", nullptr, call<&Binding::connect>, nullptr, nullptr, nullptr, napi_default, this},
      {"keepAlive", nullptr, call<&Binding::keepAlive>, nullptr, nullptr, nullptr, napi_default, this},
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
  check(env, napi_create_object(env, &object));
  check(env, napi_define_properties(env, object, std::size(all), all));
  return object;
}

template <Binding::Method method>
napi_value Binding::call(napi_env env, napi_callback_info info) {
  try {
    size_t count = kMostArguments;
    napi_value values[kMostArguments];
    void* data = nullptr;
    check(env, napi_get_cb_info(env, info, &count, values, nullptr, &data));
    auto* binding = static_cast<Binding*>(data);
    if (binding->state_ == State::Open) return (binding->*method)({env, values, count < kMostArguments ? count : kMostArguments});
    napi_throw_error(env, "ERR_DISPOSED", "the transport was disposed of");
  } catch (const Napi::Error& error) {
    error.ThrowAsJavaScriptException();
  }
  return nullptr;
}

// ---- methods ----

napi_value Binding::flush(const Call&) {
  driver_->runCommands();
  return nullptr;
}

/** connect(address, port, netns, mark) → connection id, or -EINVAL for what is no address */
napi_value Binding::connect(const Call& call) {
  Arguments arguments = call.of("connect");
  const std::string ip = arguments.text("address");
  const uint16_t port = arguments.port("port");
  const int32_t netns = arguments.integer("netns");
  const int32_t mark = arguments.integer("mark");
  const auto address = SocketAddress::parse(ip.c_str(), port);
  if (!address) return number(call.env, -EINVAL);
  const int32_t id = reactor_->connect(*address, netns, static_cast<uint32_t>(mark));
  driver_->updateReference();
  return number(call.env, id);
}

/** keepAlive(id, probes, time, interval): SO_KEEPALIVE; times in seconds, and 0 is the system's own value */
napi_value Binding::keepAlive(const Call& call) {
  Arguments arguments = call.of("keepAlive");
  const int socket = reactor_->connectionFd(arguments.integer("id"));
  const std::pair<int, int32_t> values[] = {
      {TCP_KEEPCNT, arguments.integer("probes")},
      {TCP_KEEPIDLE, arguments.integer("time")},
      {TCP_KEEPINTVL, arguments.integer("interval")},
  };
  // A value that the kernel refuses leaves its own; a connection without a socket fails by itself.
  const int on = 1;
  (void)::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  for (const auto& [option, value] : values) {
    if (value > 0) (void)::setsockopt(socket, IPPROTO_TCP, option, &value, sizeof value);
  }
  return nullptr;
}

/** listenAt(address, port) → listener id or -errno */
napi_value Binding::listenAt(const Call& call) {
  Arguments arguments = call.of("listenAt");
  const std::string ip = arguments.text("address");
  const uint16_t port = arguments.port("port");
  const auto address = SocketAddress::parse(ip.c_str(), port);
  if (!address) return number(call.env, -EINVAL);
  const int32_t id = reactor_->listen(Listener::at(*address));
  driver_->updateReference();
  return number(call.env, id);
}

/** listenOn(fd) → listener id or -errno */
napi_value Binding::listenOn(const Call& call) {
  const int32_t id = reactor_->listen(Listener::on(call.of("listenOn").integer("fd")));
  driver_->updateReference();
  return number(call.env, id);
}

napi_value Binding::unlisten(const Call& call) {
  reactor_->unlisten(call.of("unlisten").integer("listener"));
  driver_->updateReference();
  return nullptr;
}

napi_value Binding::listenerAddress(const Call& call) {
  return addressObject(call.env, SocketAddress::ofLocal(reactor_->listenerFd(call.of("listenerAddress").integer("listener"))));
}

napi_value Binding::peerAddress(const Call& call) {
  return addressObject(call.env, SocketAddress::ofPeer(reactor_->connectionFd(call.of("peerAddress").integer("id"))));
}

napi_value Binding::localAddress(const Call& call) {
  return addressObject(call.env, SocketAddress::ofLocal(reactor_->connectionFd(call.of("localAddress").integer("id"))));
}

napi_value Binding::relayed(const Call& call) {
  return number(call.env, static_cast<double>(reactor_->relayed(call.of("relayed").integer("from"))));
}

napi_value Binding::dispose(const Call&) {
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
  (void)napi_remove_async_cleanup_hook(binding->hook_);
  delete binding;
}

/** Also when a worker is terminated in the middle of its work: our descriptors are closed, handed-in listeners are not, nor what was just
 * accepted there. */
void Binding::onEnvironmentEnds(napi_async_cleanup_hook_handle, void* data) {
  auto* binding = static_cast<Binding*>(data);
  binding->environmentEnds_ = true;
  if (binding->state_ == State::Open) {
    binding->reactor_->leaveUntouched();
    binding->close();
  } else if (binding->state_ == State::Closed) {
    onHandlesClosed(data);
  }
}

}  // namespace nodeway::transport
