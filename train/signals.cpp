#include "train/signals.h"

#include <signal.h>

#include <atomic>

namespace transformlet {
namespace {

std::atomic<int> first_signal = 0;
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler must not wait for a lock");

void note(int signal) {
  int none = 0;
  first_signal.compare_exchange_strong(none, signal);
}

void handle(int signal, void (*handler)(int), unsigned int flags) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = static_cast<int>(flags);
  sigemptyset(&action.sa_mask);
  sigaction(signal, &action, nullptr);
}

}  // namespace

void handle_signals() {
  handle(SIGINT, note, SA_RESTART | SA_RESETHAND);  // reset: the next one finds the default action
  handle(SIGTERM, note, SA_RESTART);                // no reset: supervisors may send it again while a run saves
  handle(SIGXFSZ, SIG_IGN, 0);
}

int stop_signal() { return first_signal.load(std::memory_order_relaxed); }

}  // namespace transformlet
