// See termination.h.
#include "termination.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "wake.h"

namespace pynat {

namespace {

constexpr useconds_t POLL_US = 10000;

struct Watched {
  std::weak_ptr<Nic> nic;
  Watched* next;
};

std::atomic<Watched*> watched{nullptr};  // of all NICs there have been
int pipe_ends[2] = {-1, -1};
pid_t process = 0;

void die_of(int number) {
  signal(number, SIG_DFL);
  kill(getpid(), number);
}

// A child that was forked has this handler too, and must not end its parent.
void on_signal(int number) {
  const int before = errno;
  const auto byte = static_cast<unsigned char>(number);
  if (getpid() != process || write(pipe_ends[1], &byte, 1) != 1) die_of(number);
  errno = before;
}

void end_networks() {
  for (Watched* one = watched.load(); one != nullptr; one = one->next) {
    if (const std::shared_ptr<Nic> nic = one->nic.lock()) nic->close();
  }
  const uint64_t deadline = wall_us() + END_LIMIT_US;
  for (Watched* one = watched.load(); one != nullptr; one = one->next) {
    const std::shared_ptr<Nic> nic = one->nic.lock();
    while (nic && !nic->has_ended() && wall_us() < deadline) usleep(POLL_US);
  }
}

void* wait_for_signal(void*) {
  unsigned char number = 0;
  while (read(pipe_ends[0], &number, 1) != 1) {
  }
  end_networks();
  die_of(number);
  return nullptr;
}

bool start_thread() {
  if (pipe2(pipe_ends, O_CLOEXEC) != 0) return false;
  process = getpid();
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  const bool started = pthread_create(&thread, nullptr, wait_for_signal, nullptr) == 0;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (started) pthread_detach(thread);
  return started;
}

void take(int number) {
  struct sigaction before = {}, ours = {};
  ours.sa_handler = on_signal;
  ours.sa_flags = SA_RESTART;
  if (sigaction(number, nullptr, &before) == 0 && before.sa_handler == SIG_DFL) {
    sigaction(number, &ours, nullptr);
  }
}

}  // namespace

void end_with_signals(const std::shared_ptr<Nic>& nic) noexcept {
  static const bool started = start_thread();
  if (!started) return;
  try {
    watched.store(new Watched{nic, watched.load()});
  } catch (...) {
    return;
  }
  for (int number : {SIGTERM, SIGHUP}) take(number);
}

}  // namespace pynat
