// The simulator thread's side of a NIC: see nic.h.
#include "nic.h"

#include <signal.h>

#include <algorithm>
#include <cstring>

namespace pynat {

namespace {

constexpr uint64_t STAND_LIMIT_US = 100000;  // wall time for one turn of the engine
constexpr int SLOW_TURN = 100;               // of these times, until it is said that one is slow
constexpr uint64_t ROOM_LIMIT_US = 50000;    // wall time for room in the ring to the engine
constexpr uint64_t HOLD_LIMIT_US = 5000;     // of one wait: Bochs has other things to do, too
constexpr uint64_t STALE_US = 2000000;       // guest time
constexpr uint64_t REFUSES_US = 100000;      // guest time; a busy guest's ring is full for less
constexpr uint32_t LOG_LINE = 900;           // bytes; Bochs formats into 1024
constexpr int LOG_LINES_PER_TICK = 16;
constexpr uint64_t TIMED = 256;  // one tick and one frame of so many is timed: a clock costs more

uint32_t megabits_per_second(uint32_t status) {
  if (status & RX_1G) return 1000;
  return status & RX_100M ? 100 : 10;
}

constexpr const char* SLOW =
    "pynat: hermetic: the network has been at one moment of guest time for 10 s; the guest stands "
    "still until it is done (an endless loop in a script?). Ctrl-C ends the wait";
constexpr const char* INTERRUPTED =
    "pynat: hermetic: interrupted; from here on this run need not be like any other";

// Takes Ctrl-C in the place of Bochs's handler until let_go(), which says whether it came. In a
// Bochs with a debugger that handler only makes a note for the processor's loop, where we are not.
// Any thread of the process may be the one that gets it.
struct Interrupt {
  static std::atomic<bool> came;
  struct sigaction before;

  void keep() {
    came.store(false);
    struct sigaction ours = {};
    ours.sa_handler = [](int) { came.store(true); };
    sigaction(SIGINT, &ours, &before);
  }
  bool let_go() {
    sigaction(SIGINT, &before, nullptr);
    return came.load();
  }
};
std::atomic<bool> Interrupt::came{false};

}  // namespace

// Bochs's clock goes back when a snapshot is restored; the engine's never does.
uint64_t Nic::publish_time() {
  const uint64_t last = now_.load(std::memory_order_relaxed);
  const uint64_t read = simulator_.guest_us(simulator_.context);
  if (read + clock_correction_ < last) clock_correction_ = last - read;
  const uint64_t now = read + clock_correction_;
  now_.store(now, std::memory_order_relaxed);
  return now;
}

void Nic::ask() {
  turn_now_.store(now_.load(std::memory_order_relaxed), std::memory_order_relaxed);
  asked_.fetch_add(1);
  if (armed_.exchange(false)) doorbell_.ring();
}

bool Nic::from_guest(const void* frame, uint32_t length) {
  if (length < MIN_FRAME) return counters_.drop_too_short.add(), false;
  if (length > MAX_FROM_GUEST) return counters_.drop_too_long.add(), false;
  if (stopped_.load()) return counters_.drop_engine_stopped.add(), false;
  const uint64_t begin = timed(counters_.frames_from_guest);
  const uint64_t now = publish_time();
  if (!mark_reset() && !(wait_for_room(0) && mark_reset())) {
    return counters_.drop_to_engine_full.add(), false;
  }
  if (!to_engine_.push(frame, length, 0, now)) {
    if (!wait_for_room(length) || !to_engine_.push(frame, length, 0, now)) {
      return counters_.drop_to_engine_full.add(), false;
    }
  }
  given_up_room_ = false;
  counters_.frames_from_guest.add();
  counters_.bytes_from_guest.add(length);
  if (!in_step()) ask();
  if (begin != 0) counters_.frames_timed.add(), counters_.frames_ns.add(wall_ns() - begin);
  return true;
}

// At time 0 the machine is switched on.
void Nic::reset() {
  if (publish_time() == 0) return;
  ++resets_;
  not_ready_since_ = NEVER;
  refuses_since_.store(NEVER, std::memory_order_relaxed);
  mark_reset();
}

// Later, where the ring is full; no frame comes before it.
bool Nic::mark_reset() {
  if (resets_marked_ == resets_ || stopped_.load()) return true;
  if (!to_engine_.push("", 0, resets_, now_.load(std::memory_order_relaxed))) return false;
  resets_marked_ = resets_;
  if (!in_step()) ask();
  return true;
}

// When it begins, if it is one of those that are timed; else 0.
uint64_t Nic::timed(const Counter& so_far) const {
  return so_far.get() % TIMED == 0 ? wall_ns() : 0;
}

// One wait for a full ring, not one for each frame of a burst that meets it.
bool Nic::wait_for_room(uint32_t length) {
  if (in_step()) {
    ask();
    stand_still();
    return true;
  }
  if (given_up_room_) return false;
  const bool room = sleeper_.sleep(Sleeper::PROGRESS, ROOM_LIMIT_US, [&] {
    taken_.load();  // orders the look at the ring after the engine's last taking
    return to_engine_.room_for(length) || stopped_.load();
  });
  given_up_room_ = !room;
  return room;
}

bool Nic::tick() {
  const uint64_t begin = timed(counters_.ticks);
  counters_.ticks.add();
  const uint64_t now = publish_time();
  mark_reset();
  ask_if_due(now);
  if (is_idle(now)) {
    holding_.rest();
    if (begin != 0) counters_.idle_timed.add(), counters_.idle_ns.add(wall_ns() - begin);
    return !in_step();
  }
  stand_still();
  const uint64_t changes = sleeper_.changes();  // what comes after deliver() ends the hold
  deliver(now);
  hold(now, changes);
  drain_log(LOG_LINES_PER_TICK);
  return false;
}

// Most ticks: nobody owes anything, and nothing waits.
bool Nic::is_idle(uint64_t now) const {
  return !owes_turn() && to_guest_.empty() && log_.empty() && refuses_since() == NEVER &&
         !is_held(now);
}

// One question for each turn: as long as the engine owes an answer to the last, none is added.
void Nic::ask_if_due(uint64_t now) {
  const bool frames_wait = in_step() && !to_engine_.empty();
  if ((now < deadline_.load() && !frames_wait) || done_.load() < timer_ask_) return;
  timer_ask_ = asked_.load() + 1;
  ask();
}

void Nic::stand_still() {
  const uint64_t asked = asked_.load();
  const uint64_t done = done_.load();
  if (done >= asked || done < late_with_) return;
  if (policy_.load() == Policy::NEVER || stopped_.load()) return;
  const uint64_t begin = wall_us();
  const bool caught_up = in_step() ? wait_in_step(asked) : wait_for_turn(asked);
  counters_.stands.add();
  counters_.stood_us.add(wall_us() - begin);
  if (caught_up) return;
  counters_.engine_late.add();
  late_with_ = asked;
}

bool Nic::wait_for_turn(uint64_t asked) {
  return sleeper_.sleep(Sleeper::PROGRESS, STAND_LIMIT_US,
                        [&] { return done_.load() >= asked || stopped_.load(); });
}

// For as long as it takes, but an interrupt ends it. Log lines come through meanwhile.
bool Nic::wait_in_step(uint64_t asked) {
  if (wait_for_turn(asked)) return true;
  Interrupt interrupt;
  for (int waited = 1;; ++waited) {
    interrupt.keep();
    const bool done = wait_for_turn(asked);
    const bool came = interrupt.let_go();
    if (came) {
      simulator_.log(simulator_.context, LOG_ERROR, INTERRUPTED);
      raise(SIGINT);  // to Bochs, which may never come back
      return done;
    }
    if (done) return true;
    if (waited == SLOW_TURN) simulator_.log(simulator_.context, LOG_ERROR, SLOW);
    drain_log(LOG_LINES_PER_TICK);
  }
}

void Nic::deliver(uint64_t now) {
  if (refuses_since() != NEVER) takes_frames(now, simulator_.rx_status(simulator_.context));
  while (const Record* record = to_guest_.front()) {
    if (record->tag != resets_) {
      lose(*record);
      continue;
    }
    const uint32_t status = simulator_.rx_status(simulator_.context);
    if (!takes_frames(now, status)) return lose_stale(now);
    if (!line_rate_.free(now)) return;
    const uint32_t length = std::max(record->length, PADDED);
    std::memcpy(frame_, record->data(), record->length);
    std::memset(frame_ + record->length, 0, length - record->length);
    counters_.frames_to_guest.add();
    counters_.bytes_to_guest.add(record->length);
    to_guest_.pop();
    megabits_.store(megabits_per_second(status), std::memory_order_relaxed);
    line_rate_.carry(length, megabits_per_second(status));
    simulator_.deliver(simulator_.context, frame_, length);
  }
}

// Both changes of what the engine is told are worth a turn.
bool Nic::takes_frames(uint64_t now, uint32_t status) {
  const bool told = refuses_since() != NEVER;
  if (status & RX_READY) {
    not_ready_since_ = NEVER;
    refuses_since_.store(NEVER, std::memory_order_relaxed);
    if (told) ask();
    return true;
  }
  if (not_ready_since_ == NEVER) not_ready_since_ = now;
  if (!told && now - not_ready_since_ >= REFUSES_US) {
    refuses_since_.store(not_ready_since_, std::memory_order_relaxed);
    ask();
  }
  return false;
}

// The guest does not empty its ring.
void Nic::lose_stale(uint64_t now) {
  while (const Record* record = to_guest_.front()) {
    if (now - std::max(not_ready_since_, record->time) <= STALE_US) return;
    lose(*record);
  }
}

void Nic::lose(const Record& record) {
  lost_.push(record.data(), record.length, 0, record.time);
  to_guest_.pop();
  counters_.drop_stale.add();
}

bool Nic::is_held(uint64_t now) const {
  const Policy policy = policy_.load();
  if (policy == Policy::NEVER || policy == Policy::STEP || stopped_.load()) return false;
  return policy == Policy::ALWAYS || now < hold_until_.load();
}

void Nic::hold(uint64_t now, uint64_t changes) {
  const uint64_t begin = wall_us();
  const uint64_t ahead = holding_.ahead(is_held(now), now, begin);
  if (ahead == 0) return;
  sleeper_.sleep(Sleeper::CHANGE, std::min(ahead, HOLD_LIMIT_US),
                 [&] { return sleeper_.changes() != changes; });
  counters_.holds.add();
  counters_.held_us.add(wall_us() - begin);
  deliver(now);
}

void Nic::drain_log(int limit) {
  char line[LOG_LINE + 1];
  for (const Record* record; limit > 0 && (record = log_.front()) != nullptr; --limit) {
    const uint32_t level = record->tag;
    const uint32_t length = std::min(record->length, LOG_LINE);
    std::memcpy(line, record->data(), length);
    line[length] = '\0';
    log_.pop();
    simulator_.log(simulator_.context, level, line);
  }
}

bool Nic::wait_started(uint64_t timeout_us) {
  return sleeper_.sleep(Sleeper::PROGRESS, timeout_us, [&] {
    const bool stepped = !in_step() || !owes_turn();
    return (ready_.load() && stepped) || stopped_.load();
  });
}

void Nic::close() {
  closing_.store(true);
  asked_.fetch_add(1);
  doorbell_.ring();
}

bool Nic::wait_ended(uint64_t timeout_us) {
  return sleeper_.sleep(Sleeper::PROGRESS, timeout_us, [&] { return has_ended(); });
}

}  // namespace pynat
