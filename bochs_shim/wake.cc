// Doorbell: see wake.h.
#include "wake.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#ifdef __linux__
#include <sys/eventfd.h>
#endif

namespace pynat {

uint64_t wall_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000 + static_cast<uint64_t>(now.tv_nsec);
}

uint64_t wall_us() { return wall_ns() / 1000; }

int Patience::processors() {
#ifdef __linux__
  cpu_set_t ours;
  if (sched_getaffinity(0, sizeof ours, &ours) == 0) return CPU_COUNT(&ours);
#endif
  return 1;
}

#ifdef __linux__
Doorbell::Doorbell() {
  read_fd_ = write_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (read_fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}
#else
Doorbell::Doorbell() {
  int ends[2];
  if (pipe(ends) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  for (int end : ends) {
    fcntl(end, F_SETFL, fcntl(end, F_GETFL) | O_NONBLOCK);
    fcntl(end, F_SETFD, FD_CLOEXEC);
  }
  read_fd_ = ends[0];
  write_fd_ = ends[1];
}
#endif

Doorbell::~Doorbell() {
  if (write_fd_ != read_fd_) close(write_fd_);
  close(read_fd_);
}

void Doorbell::ring() {
  const uint64_t one = 1;
  // A full pipe or counter is readable already: nothing to do about EAGAIN.
  while (write(write_fd_, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

void Doorbell::clear() {
  uint64_t count[16];
  while (read(read_fd_, count, sizeof count) == static_cast<ssize_t>(sizeof count)) {
  }
}

bool Doorbell::wait(uint64_t timeout_us) {
  pollfd watched{read_fd_, POLLIN, 0};
#ifdef __linux__
  const timespec limit{static_cast<time_t>(timeout_us / 1000000),
                       static_cast<long>(timeout_us % 1000000 * 1000)};
  return ppoll(&watched, 1, &limit, nullptr) > 0;
#else
  return poll(&watched, 1, static_cast<int>((timeout_us + 999) / 1000)) > 0;
#endif
}

}  // namespace pynat
