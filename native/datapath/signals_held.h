#pragma once

#include <pthread.h>

#include <csignal>

namespace nodeway {

/** No signal interrupts this thread while it lives: the kernel's verifier gives up with EAGAIN at the first, and a profiler sends
 * thousands. */
class SignalsHeld {
 public:
  SignalsHeld() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsHeld() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsHeld(const SignalsHeld&) = delete;
  SignalsHeld& operator=(const SignalsHeld&) = delete;

 private:
  sigset_t before_;
};

}  // namespace nodeway
