// What one NIC counts. Written by one thread each, read by anybody, so relaxed atomics do, and
// adding is no atomic operation.
//
// The names are those of Port.stats(); everything that was not carried on is "dropped: REASON".
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace pynat {

struct Counter {
  std::atomic<uint64_t> value{0};
  void add(uint64_t n = 1) { value.store(get() + n, std::memory_order_relaxed); }
  uint64_t get() const { return value.load(std::memory_order_relaxed); }
};

#define PYNAT_COUNTERS(X)                                \
  X(frames_from_guest, "frames_from_guest")              \
  X(bytes_from_guest, "bytes_from_guest")                \
  X(frames_to_guest, "frames_to_guest")                  \
  X(bytes_to_guest, "bytes_to_guest")                    \
  X(holds, "holds")             /* waits */              \
  X(held_us, "held_us")         /* wall time */          \
  X(stands, "stands")           /* for the engine */     \
  X(stood_us, "stood_us")       /* wall time */          \
  X(engine_late, "engine_late") /* stalls given up */    \
  X(ticks, "ticks")                                      \
  X(idle_timed, "idle_ticks_timed")                      \
  X(idle_ns, "idle_ticks_timed_ns")                      \
  X(frames_timed, "frames_timed") /* of the guest */     \
  X(frames_ns, "frames_timed_ns")                        \
  X(log_lines_lost, "log_lines_lost")                    \
  X(drop_to_engine_full, "dropped: ring to engine full") \
  X(drop_to_guest_full, "dropped: ring to guest full")   \
  X(drop_too_long, "dropped: frame too long")            \
  X(drop_too_short, "dropped: frame too short")          \
  X(drop_stale, "dropped: stale") /* not ready, reset */ \
  X(drop_engine_stopped, "dropped: engine stopped")

struct Counters {
#define PYNAT_DECLARE(field, name) Counter field;
  PYNAT_COUNTERS(PYNAT_DECLARE)
#undef PYNAT_DECLARE

  template <class Visit>
  void each(Visit visit) const {
#define PYNAT_VISIT(field, name) visit(name, (field).get());
    PYNAT_COUNTERS(PYNAT_VISIT)
#undef PYNAT_VISIT
  }
};

// One readable line: what went each way, what was held, what was dropped.
void summary(const Counters& counters, char* line, size_t size);

}  // namespace pynat
