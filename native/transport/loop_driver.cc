#include "loop_driver.h"

#include <algorithm>
#include <cmath>

#include "napi/arguments.h"

namespace nodeway::transport {

namespace {

/** After this many turns libuv gets an iteration, even if it has nothing to do. */
constexpr int kTurnsPerIteration = 32;
constexpr int kLongestWaitMs = 1000;

}  // namespace

TurnCallback::TurnCallback(napi_env env, napi_value turn) : env_(env) {
  napi_value resource;
  napi_value name;
  check(env, napi_create_reference(env, turn, 1, &turn_));
  check(env, napi_create_object(env, &resource));
  check(env, napi_create_string_utf8(env, "nodeway.transport", NAPI_AUTO_LENGTH, &name));
  check(env, napi_async_init(env, resource, name, &context_));
}

bool TurnCallback::call() {
  for (;;) {
    napi_handle_scope scope;
    if (napi_open_handle_scope(env_, &scope) != napi_ok) return false;
    napi_value turn;
    napi_value global;
    napi_value result;
    napi_status status = napi_get_reference_value(env_, turn_, &turn);
    if (status == napi_ok) status = napi_get_global(env_, &global);
    if (status == napi_ok) status = napi_make_callback(env_, context_, global, turn, 0, nullptr, &result);
    bool threw = false;
    if (status != napi_ok && napi_is_exception_pending(env_, &threw) == napi_ok && threw) {
      napi_value error;
      threw = napi_get_and_clear_last_exception(env_, &error) == napi_ok && napi_fatal_exception(env_, error) == napi_ok;
    }
    if (napi_close_handle_scope(env_, scope) != napi_ok) return false;
    if (status == napi_ok) return true;
    // Where somebody listens to uncaughtException, the turn goes on behind the event whose handler threw.
    if (!threw) return false;
  }
}

bool TurnCallback::possible() const {
  napi_handle_scope scope;
  if (napi_open_handle_scope(env_, &scope) != napi_ok) return false;
  napi_value value;
  // The cheapest call that Node.js refuses once it lets no JavaScript run.
  const bool can = napi_get_global(env_, &value) == napi_ok && napi_coerce_to_bool(env_, value, &value) == napi_ok;
  return napi_close_handle_scope(env_, scope) == napi_ok && can;
}

void TurnCallback::release() {
  // At the environment's end there is nobody left to be told that these failed.
  if (turn_ != nullptr) (void)napi_delete_reference(env_, turn_);
  if (context_ != nullptr) (void)napi_async_destroy(env_, context_);
  turn_ = nullptr;
  context_ = nullptr;
}

LoopDriver::LoopDriver(napi_env env, Reactor& reactor, SharedCells cells, napi_value turn)
    : reactor_(reactor), cells_(cells), turn_(env, turn), env_(env) {}

void LoopDriver::start() {
  uv_loop_t* loop = nullptr;
  check(env_, napi_get_uv_event_loop(env_, &loop));
  uv_prepare_init(loop, &prepare_);
  uv_idle_init(loop, &idle_);
  prepare_.data = idle_.data = this;
  open_ = 2;
  uv_prepare_start(&prepare_, onPrepare);
  reactor_.watchForeign(uv_backend_fd(loop));
  cells_[Clock::Now] = reactor_.now();
  cells_[Clock::WakeAt] = reactor_.now();
  updateReference();
}

void LoopDriver::stop(void (*closed)(void*), void* data) {
  closed_ = closed;
  closedData_ = data;
  stopped_ = true;
  uv_close(reinterpret_cast<uv_handle_t*>(&prepare_), onClosed);
  uv_close(reinterpret_cast<uv_handle_t*>(&idle_), onClosed);
}

void LoopDriver::onClosed(uv_handle_t* handle) {
  auto* driver = static_cast<LoopDriver*>(handle->data);
  if (--driver->open_ > 0) return;
  // Not earlier: `stop` may have been called from within a turn.
  driver->turn_.release();
  driver->closed_(driver->closedData_);
}

void LoopDriver::onPrepare(uv_prepare_t* handle) { static_cast<LoopDriver*>(handle->data)->runTurns(); }

void LoopDriver::onIdle(uv_idle_t* handle) { uv_idle_stop(handle); }

void LoopDriver::runCommands() {
  const int32_t count = cells_[Cell::CommandWords];
  cells_[Cell::CommandWords] = 0;
  reactor_.run(cells_.commands, static_cast<size_t>(count));
  cells_[Cell::Connections] = reactor_.connections();
}

void LoopDriver::runTurns() {
  runCommands();
  // An ending thread runs its loop a few times more: what it took from the kernel now would be lost with it.
  if (!turn_.possible()) return;
  Wait wait = nextWait();
  for (int turn = 0; turn < kTurnsPerIteration; turn++) {
    reactor_.collect(wait.milliseconds);
    cells_[Clock::Now] = reactor_.now();
    cells_[Cell::Connections] = reactor_.connections();
    cells_[Cell::EventWords] = static_cast<int32_t>(reactor_.eventWords());
    cells_[Cell::Unread] = reactor_.unread() ? 1 : 0;
    // After a wait the clock has moved on, and whatever libuv runs next may arm timers by it.
    const bool due =
        reactor_.eventWords() > 0 || wait.milliseconds != 0 || cells_[Cell::Deferred] != 0 || cells_[Clock::WakeAt] <= reactor_.now();
    if (due && (!turn_.call() || stopped_)) return;
    runCommands();
    if (reactor_.sawForeign()) break;
    wait = nextWait();
    if (wait.libuvIsDue) break;
  }
  updateReference();
  // libuv asks for its own timeout next; with an active idle handle it is zero, and the waiting is done here again.
  uv_idle_start(&idle_, onIdle);
}

LoopDriver::Wait LoopDriver::nextWait() {
  uv_update_time(loop());
  const int libuv = uv_backend_timeout(loop());
  // Zero: it has timers due, callbacks pending, descriptors to register, or was asked to stop.
  if (libuv == 0) return {0, true};
  if (cells_[Cell::Deferred] != 0 || reactor_.hasWork()) return {0, false};
  // libuv's clock is the reactor's, cut to milliseconds: at most one of them too long, within the wheel's tick.
  const double left = cells_[Clock::WakeAt] - static_cast<double>(uv_now(loop()));
  const int engine = static_cast<int>(std::ceil(std::clamp(left, 0.0, static_cast<double>(kLongestWaitMs))));
  return {libuv < 0 ? engine : std::min(libuv, engine), false};
}

void LoopDriver::updateReference() {
  if (stopped_ || referenced_ == reactor_.serves()) return;
  referenced_ = !referenced_;
  auto* prepare = reinterpret_cast<uv_handle_t*>(&prepare_);
  auto* idle = reinterpret_cast<uv_handle_t*>(&idle_);
  if (referenced_) {
    uv_ref(prepare);
    uv_ref(idle);
  } else {
    uv_unref(prepare);
    uv_unref(idle);
  }
}

}  // namespace nodeway::transport
