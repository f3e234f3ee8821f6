// One NIC between the simulator thread and its engine thread. Knows neither Bochs nor Python.
//
//   simulator thread                                engine thread
//   from_guest() --> [ring to engine] + doorbell --> receive()
//   tick()       <-- [ring to guest ] <------------- to_guest()
//   tick()       <-- [ring of log lines] <---------- log()
//
// Asking and being done. Whatever the engine should look at (a frame, a timer that is due,
// closing) raises `asked_`; done() at the end of an engine's turn sets `done_` to the value that
// its last receive() covered. done_ < asked_ means that the engine owes the guest a turn.
// The doorbell is rung only when the engine has armed it, which it does when it has found
// nothing more to take; it looks once more after arming, so nothing is left behind.
//
// A tick, in order: publish guest time; ask when the engine's deadline has come; stand still
// until the engine has done all that was asked (its thinking costs the guest no time); hand over
// frames as far as the NIC is ready and the wire free; hold guest time while host work is
// pending (pacing.h) and hand over what came meanwhile; log. Both waits are bounded, and the
// simulator thread takes no lock.
//
// In step (Policy::STEP, hermetic = true) nothing that the guest sees may depend on wall time:
//   - a frame from the guest waits in its ring, unannounced, until the next tick asks;
//   - that tick then stands still, for as long as it takes; only the engine's end or an interrupt
//     (SIGINT) gives it up. A full ring asks and stands still on the spot;
//   - the engine's clock moves when a turn is asked for and at no other moment, and receive()
//     finds nothing that nobody has asked for. So a turn sees exactly the frames sent before its
//     tick, at the tick's time. No ring of the doorbell comes late, so there is no turn too many;
//   - the guest does not start before the engine's first turn, at time 0, is done;
//   - time is never held.
// Pacing and staleness are guest time already, and the ring to the guest changes only while the
// simulator stands still. Two NICs in step stand still one after the other, in the order of their
// timers, which Bochs keeps; so each is as repeatable as the other makes the guest.
//
// A card that takes nothing. What waits for it goes stale after 2 s, and lost() hands it back. From
// REFUSES_US on refuses_since() says so, and the engine is asked for a turn; it then keeps further
// frames to itself. When the card takes frames again it is asked once more.
//
// A reset of the machine. reset() puts a mark between the frames: receive() never gives frames from
// before and behind one together, and resets() says how many it has passed. Each frame for the
// guest carries how many that were; one that is for a machine before the present one is lost.
//
// Leaving by longjmp is allowed from deliver() and log(): they are called with plain data only
// below them, and after the record in question has been taken off its ring.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>

#include "counters.h"
#include "pacing.h"
#include "ring.h"
#include "wake.h"

namespace pynat {

constexpr uint32_t MIN_FRAME = 14;
constexpr uint32_t MAX_FROM_GUEST = 16384;  // a jumbo frame of e1000
constexpr uint32_t MAX_TO_GUEST = 4096;     // pcipnic panics on more
constexpr uint32_t PADDED = 60;             // ne2k refuses less
constexpr uint64_t NEVER = UINT64_MAX;      // no deadline
constexpr uint64_t AS_LONG_AS_IT_TAKES = UINT64_MAX;

enum LogLevel : uint32_t { LOG_DEBUG, LOG_INFO, LOG_ERROR };
enum class Policy : int { AUTO, ALWAYS, NEVER, STEP };

// Bits of the NIC's status, as Bochs defines them.
constexpr uint32_t RX_READY = 1, RX_10M = 2, RX_100M = 4, RX_1G = 8;

// The simulator as the NIC's core sees it; called on the simulator thread only.
struct Simulator {
  void* context;
  uint64_t (*guest_us)(void* context);
  uint32_t (*rx_status)(void* context);
  void (*deliver)(void* context, void* frame, uint32_t length);
  void (*log)(void* context, uint32_t level, const char* line);
};

class Nic {
 public:
  Nic(const Simulator& simulator, Sleeper& sleeper) : simulator_(simulator), sleeper_(sleeper) {}

  // --- simulator thread ---
  bool from_guest(const void* frame, uint32_t length);
  void reset();
  bool tick();  // whether nothing happened, and the next may be late
  void drain_log(int limit);
  bool wait_started(uint64_t timeout_us);
  bool wait_ended(uint64_t timeout_us);

  // --- engine thread ---
  // Calls take(const Record&) for at most `limit` frames, oldest first, of one machine.
  template <class Take>
  void receive(uint32_t limit, Take take);
  bool to_guest(const void* frame, uint32_t length);  // queues; announce() when all are queued
  void announce();
  uint32_t resets() const { return resets_seen_; }  // as of the last receive()
  void done(uint64_t hold_until, uint64_t deadline);
  void set_policy(Policy policy);  // before ready()
  void log(LogLevel level, std::string_view text);
  void ready();    // the guest may start
  void stopped();  // no engine (any more): drop and count, hold nothing
  void ended();    // the engine thread is about to return

  // --- any thread ---
  void close();  // asks the engine to end
  uint64_t guest_us() const {
    return (in_step() ? turn_now_ : now_).load(std::memory_order_relaxed);
  }
  // As of the last tick or frame, also in step.
  uint64_t published_us() const { return now_.load(std::memory_order_relaxed); }
  // What the NIC says its wire is; 0 before the first frame to the guest.
  uint32_t megabits() const { return megabits_.load(std::memory_order_relaxed); }
  // When the card began to refuse what waits for it; NEVER while it takes frames, or has refused
  // for a moment only.
  uint64_t refuses_since() const { return refuses_since_.load(std::memory_order_relaxed); }
  // Calls take(const Record&) for frames that the card has not taken in time.
  template <class Take>
  void lost(Take take) {
    for (const Record* record; (record = lost_.front()) != nullptr; lost_.pop()) take(*record);
  }
  bool closing() const { return closing_.load(); }
  bool is_ready() const { return ready_.load(); }
  bool is_stopped() const { return stopped_.load(); }
  bool has_ended() const { return ended_.load(); }
  int doorbell_fd() const { return doorbell_.fd(); }
  const Counters& counters() const { return counters_; }
  const Ring& ring_to_engine() const { return to_engine_; }
  const Ring& ring_to_guest() const { return to_guest_; }

 private:
  bool in_step() const { return policy_.load(std::memory_order_relaxed) == Policy::STEP; }
  bool owes_turn() const { return done_.load() < asked_.load(); }
  bool is_idle(uint64_t now) const;
  uint64_t timed(const Counter& so_far) const;
  uint64_t publish_time();
  bool wait_for_room(uint32_t length);
  bool mark_reset();
  void ask();
  void ask_if_due(uint64_t now);
  void stand_still();
  bool wait_for_turn(uint64_t asked);
  bool wait_in_step(uint64_t asked);
  bool may_receive(uint64_t asked);
  void deliver(uint64_t now);
  bool takes_frames(uint64_t now, uint32_t status);
  void lose_stale(uint64_t now);
  void lose(const Record& record);
  void hold(uint64_t now, uint64_t changes);
  bool is_held(uint64_t now) const;
  bool arm_doorbell(uint64_t seen);

  const Simulator simulator_;
  Sleeper& sleeper_;
  Doorbell doorbell_;
  Counters counters_;
  Ring to_engine_{4 << 20};
  Ring to_guest_{4 << 20};
  Ring log_{256 << 10};
  Ring lost_{256 << 10};

  // Written by the simulator thread.
  alignas(64) std::atomic<uint64_t> now_{0};
  std::atomic<uint64_t> asked_{0};
  std::atomic<uint64_t> turn_now_{0};  // when that was last raised
  std::atomic<bool> closing_{false};
  std::atomic<uint32_t> megabits_{0};
  std::atomic<uint64_t> refuses_since_{NEVER};
  // Written by the engine thread.
  alignas(64) std::atomic<uint64_t> done_{0};
  std::atomic<uint64_t> taken_{0};
  std::atomic<uint64_t> hold_until_{0};
  std::atomic<uint64_t> deadline_{NEVER};
  std::atomic<Policy> policy_{Policy::AUTO};
  std::atomic<bool> ready_{false}, stopped_{false}, ended_{false};
  uint64_t covered_ = 0;  // what the last receive() saw of asked_
  uint32_t resets_seen_ = 0;
  // Armed by the engine thread, disarmed by who rings.
  alignas(64) std::atomic<bool> armed_{true};

  // Simulator thread only.
  alignas(64) uint64_t clock_correction_ = 0;
  uint64_t timer_ask_ = 0;      // asked_ when the engine's timer was last found due
  uint64_t late_with_ = 0;      // asked_ when standing still was last given up
  bool given_up_room_ = false;  // the ring to the engine is full and waiting did not help
  uint64_t not_ready_since_ = NEVER;
  uint32_t resets_ = 0;
  uint32_t resets_marked_ = 0;
  Holding holding_;
  LineRate line_rate_;
  unsigned char frame_[MAX_TO_GUEST + 64];  // models write into it and read past the end
};

// Made here because all users must agree on run-time type information, and plugin.cc has none.
std::shared_ptr<Nic> make_nic(const Simulator& simulator, Sleeper& sleeper);

template <class Take>
void Nic::receive(uint32_t limit, Take take) {
  uint32_t taken = 0;
  armed_.store(false);
  do {
    const uint64_t seen = asked_.load();
    const bool may = may_receive(seen);
    const Record* record;
    while (may && taken < limit && (record = to_engine_.front()) != nullptr) {
      const bool is_mark = record->length == 0;
      if (is_mark && taken != 0) break;
      if (is_mark) {
        resets_seen_ = record->tag;
      } else {
        take(*record);
        ++taken;
      }
      to_engine_.pop();
    }
    if (may && !to_engine_.empty()) {
      doorbell_.ring();  // there is more to take: it stays readable
      break;
    }
    // Also when nobody seems to have rung: a ring may come late, after its frame was taken.
    doorbell_.clear();
    covered_ = seen;
  } while (!arm_doorbell(covered_));
  if (taken == 0) return;
  taken_.fetch_add(taken);
  sleeper_.wake(Sleeper::PROGRESS);
}

}  // namespace pynat
