// Waking threads through file descriptors, without locks.
//
// Doorbell: an eventfd (a pipe where there is none) that becomes readable by ring() and stays so
// until clear(). The engine's event loop watches one per NIC.
//
// Sleeper: where the simulator thread stands still. There is one simulator thread in a process
// and any NIC's engine may wake it, so all NICs share one Sleeper. The engine side pays a system
// call only when the simulator really sleeps for that kind of news. No mutex anywhere: Bochs may
// leave the simulator thread's frames by longjmp out of a signal handler, and a mutex held there
// would stay held.
//
// A turn of the engine takes some hundred microseconds, of which a thread that sleeps and is woken
// spends a good part on that. So it looks for a while before it sleeps (Patience), as long as that
// helps: not where it has the only processor, and more seldom the more often it was in vain.
//
// No wake-up is lost: the sleeper says that it sleeps and then looks at its condition, the other
// side changes the condition and then looks whether somebody sleeps; all four are sequentially
// consistent, so one of the two sees the other.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace pynat {

uint64_t wall_ns();  // a monotonic clock
uint64_t wall_us();

class Doorbell {
 public:
  Doorbell();  // throws std::system_error when the process has no descriptor left
  ~Doorbell();
  Doorbell(const Doorbell&) = delete;
  Doorbell& operator=(const Doorbell&) = delete;

  void ring();
  void clear();
  bool wait(uint64_t timeout_us);  // true when it has rung; signals may end the wait early
  int fd() const { return read_fd_; }

 private:
  int read_fd_ = -1;
  int write_fd_ = -1;  // the same descriptor where it is an eventfd
};

// How often to look for something that comes soon, if it comes at all.
class Patience {
 public:
  explicit Patience(bool alone = processors() < 2) : alone_(alone) {}

  // Whether to look this time.
  bool looks() {
    if (skips_ > 0) --skips_;
    return !alone_ && skips_ == 0;
  }
  void looked(bool in_time) {
    in_vain_ = in_time ? 0 : std::min(in_vain_ + 1, MOST_IN_VAIN);
    skips_ = in_time ? 0 : 1 << in_vain_;
  }

 private:
  static constexpr int MOST_IN_VAIN = 8;
  static int processors();
  bool alone_;
  int in_vain_ = 0;  // times in a row
  int skips_ = 0;    // times not to look
};

class Sleeper {
 public:
  enum News : int {
    NONE,
    PROGRESS,  // an engine has finished a turn, made room, come up or ended
    CHANGE,    // an engine has frames for its guest, or another hold or deadline
  };

  // Simulator thread: until `condition()` or the time is over; says whether the condition holds.
  template <class Condition>
  bool sleep(News news, uint64_t timeout_us, Condition condition) {
    if (condition()) return true;
    const uint64_t begin = wall_us();
    if (news == PROGRESS && looks_until(begin + std::min(timeout_us, LOOK_US), condition))
      return true;
    const uint64_t deadline = begin + timeout_us;
    bool holds = false;
    for (;;) {
      asleep_for_.store(news);
      holds = condition();
      const uint64_t now = wall_us();
      if (holds || now >= deadline) break;
      if (bell_.wait(deadline - now)) bell_.clear();
    }
    asleep_for_.store(NONE);
    return holds;
  }

  // Engine threads, after having changed what a condition looks at.
  void wake(News news) {
    int expected = news;
    if (asleep_for_.compare_exchange_strong(expected, NONE)) bell_.ring();
  }
  void changed() {
    changes_.fetch_add(1);
    wake(CHANGE);
  }
  uint64_t changes() const { return changes_.load(); }

 private:
  static constexpr uint64_t LOOK_US = 300;

  template <class Condition>
  bool looks_until(uint64_t deadline, Condition condition) {
    if (!patience_.looks()) return false;
    bool holds = false;
    while (!holds && wall_us() < deadline) holds = condition();
    patience_.looked(holds);
    return holds;
  }

  Patience patience_;
  std::atomic<int> asleep_for_{NONE};
  std::atomic<uint64_t> changes_{0};
  Doorbell bell_;
};

}  // namespace pynat
