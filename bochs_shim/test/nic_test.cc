// Drives a NIC's core (nic.h) from a simulator thread with a fake guest clock and an engine
// thread in C++. Where the other thread's progress matters it is waited for, never slept for.
//
// Usage: nic_test [CASE]; without a case all of them, each in one process. Prints what fails.
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "nic.h"

using namespace pynat;

#define CHECK(condition)                                                           \
  do {                                                                             \
    if (!(condition)) {                                                            \
      std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
      std::exit(1);                                                                \
    }                                                                              \
  } while (0)

#define CHECK_EQUAL(left, right) \
  check_equal(__LINE__, #left, static_cast<uint64_t>(left), static_cast<uint64_t>(right))

namespace {

void check_equal(int line, const char* what, uint64_t got, uint64_t wanted) {
  if (got == wanted) return;
  std::fprintf(stderr, "%s:%d: %s is %llu, not %llu\n", __FILE__, line, what,
               static_cast<unsigned long long>(got), static_cast<unsigned long long>(wanted));
  std::exit(1);
}

using Frame = std::vector<unsigned char>;

Frame numbered(uint32_t number, uint32_t length) {
  Frame frame(length);
  for (uint32_t i = 0; i < length; ++i) frame[i] = static_cast<unsigned char>(number * 31 + i);
  std::memcpy(frame.data(), &number, sizeof number);
  return frame;
}

// The guest's side: its clock, its network card and Bochs's log.
struct Guest {
  uint64_t now = 0;
  uint32_t status = RX_READY | RX_1G;
  std::vector<Frame> received;
  std::vector<std::string> lines;
  std::function<void()> with_frame = [] {};
  Sleeper sleeper;
  Nic nic{Simulator{this, [](void* self) { return static_cast<Guest*>(self)->now; },
                    [](void* self) { return static_cast<Guest*>(self)->status; },
                    [](void* self, void* frame, uint32_t length) {
                      static_cast<Guest*>(self)->with_frame();
                      const unsigned char* data = static_cast<unsigned char*>(frame);
                      static_cast<Guest*>(self)->received.emplace_back(data, data + length);
                      std::memset(frame, 0xee, length + 8);  // as models do
                    },
                    [](void* self, uint32_t, const char* line) {
                      static_cast<Guest*>(self)->lines.emplace_back(line);
                    }},
          sleeper};

  bool send(const Frame& frame) {
    return nic.from_guest(frame.data(), static_cast<uint32_t>(frame.size()));
  }
  void run(uint64_t us) {
    for (const uint64_t end = now + us; now < end;) run_at_once(100);
  }
  void run_at_once(uint64_t us) {
    now += us;
    nic.tick();
  }
  const Counters& counters() const { return nic.counters(); }
};

// The engine's side of a NIC, called from the one thread of a test.
struct Inline {
  Nic& nic;
  std::vector<Frame> taken;
  bool rung() const {
    pollfd watched{nic.doorbell_fd(), POLLIN, 0};
    return poll(&watched, 1, 0) == 1;
  }
  void receive(uint32_t limit = 1000) {
    nic.receive(limit, [&](const Record& record) {
      taken.emplace_back(record.data(), record.data() + record.length);
    });
  }
  void turn(uint64_t hold_until = 0, uint64_t deadline = pynat::NEVER) {
    receive();
    nic.done(hold_until, deadline);
  }
  bool send(const Frame& frame) {
    const bool queued = nic.to_guest(frame.data(), static_cast<uint32_t>(frame.size()));
    nic.announce();
    return queued;
  }
};

// An engine thread: waits for the doorbell, has `work` do a turn, ends when the NIC closes.
class EngineThread {
 public:
  using Work = std::function<void(Nic&)>;
  EngineThread(Nic& nic, Work work, bool in_step = false)
      : nic_(nic), thread_([this, work, in_step] { loop(work, in_step); }) {
    while (!nic_.wait_started(1000000)) {
    }
  }
  ~EngineThread() {
    nic_.close();
    while (!nic_.wait_ended(1000000)) {
    }
    thread_.join();
  }

 private:
  void loop(const Work& work, bool in_step) {
    nic_.ready();
    if (in_step) work(nic_);
    while (!nic_.closing()) {
      pollfd watched{nic_.doorbell_fd(), POLLIN, 0};
      poll(&watched, 1, -1);
      work(nic_);
    }
    nic_.stopped();
    nic_.ended();
  }
  Nic& nic_;
  std::thread thread_;
};

void echo(Nic& nic) {
  nic.receive(64, [&](const Record& record) { nic.to_guest(record.data(), record.length); });
  nic.announce();
  nic.done(0, pynat::NEVER);
}

// --- rings ---

void ring_keeps_order_and_content_round_its_end() {
  Ring ring(4096);
  uint32_t put = 0, got = 0;
  for (int round = 0; round < 1000; ++round) {
    while (true) {
      const Frame frame = numbered(put, 16 + put * 37 % 900);
      if (!ring.push(frame.data(), static_cast<uint32_t>(frame.size()), put, put)) break;
      ++put;
    }
    CHECK(ring.used() <= ring.capacity() && ring.high_water() <= ring.capacity());
    for (uint32_t some = 1 + got % 3; some > 0 && ring.front() != nullptr; --some, ++got) {
      const Record* record = ring.front();
      const Frame wanted = numbered(got, 16 + got * 37 % 900);
      CHECK_EQUAL(record->tag, got);
      CHECK_EQUAL(record->length, wanted.size());
      CHECK(std::memcmp(record->data(), wanted.data(), wanted.size()) == 0);
      ring.pop();
    }
  }
  CHECK(put > 1000);
}

void ring_has_room_for_what_can_be_pushed() {
  Ring ring(1024);
  uint32_t pushed = 0, full = 0;
  for (uint32_t i = 0; i < 20000; ++i) {
    const Frame frame = numbered(i, 4 + i * 37 % 500);
    const uint32_t length = static_cast<uint32_t>(frame.size());
    const bool room = ring.room_for(length);
    CHECK_EQUAL(ring.push(frame.data(), length, 0, 0), room);
    ++(room ? pushed : full);
    if (!room) ring.pop();
  }
  CHECK(pushed > 5000 && full > 5000);
}

void ring_between_two_threads_loses_nothing() {
  Ring ring(1 << 14);
  constexpr uint32_t COUNT = 200000;
  std::thread producer([&] {
    for (uint32_t i = 0; i < COUNT;) {
      const uint32_t words[2] = {i, ~i};
      if (ring.push(words, i % 2 == 0 ? 8 : 4, i, i)) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
  });
  for (uint32_t i = 0; i < COUNT;) {
    const Record* record = ring.front();
    if (record == nullptr) {
      std::this_thread::yield();
      continue;
    }
    CHECK_EQUAL(record->tag, i);
    CHECK_EQUAL(std::memcmp(record->data(), &i, 4), 0);
    ring.pop();
    ++i;
  }
  producer.join();
  CHECK(ring.empty());
}

// --- frames ---

void frames_go_both_ways_in_order() {
  Guest guest;
  EngineThread engine(guest.nic, echo);
  for (uint32_t i = 0; i < 2000; ++i) {
    CHECK(guest.send(numbered(i, 60 + i % 1400)));
    guest.run(100);
  }
  while (guest.received.size() < 2000) guest.run(100);
  for (uint32_t i = 0; i < 2000; ++i) CHECK(guest.received[i] == numbered(i, 60 + i % 1400));
  CHECK_EQUAL(guest.counters().frames_to_guest.get(), 2000);
  CHECK_EQUAL(guest.counters().bytes_to_guest.get(), guest.counters().bytes_from_guest.get());
}

void short_frames_are_padded_with_zeros() {
  Guest guest;
  Inline engine{guest.nic, {}};
  CHECK(engine.send(numbered(7, 1000)));
  CHECK(engine.send(numbered(8, 20)));
  guest.run(100);
  Frame wanted = numbered(8, 20);
  wanted.resize(60);
  CHECK_EQUAL(guest.received.size(), 2);
  CHECK(guest.received[1] == wanted);
}

void lengths_that_no_card_carries_are_dropped() {
  Guest guest;
  Inline engine{guest.nic, {}};
  CHECK(!guest.send(numbered(1, 13)));
  CHECK(!guest.send(numbered(1, 16385)));
  CHECK(guest.send(numbered(1, 16384)));
  CHECK(!engine.send(numbered(1, 13)));
  CHECK(!engine.send(numbered(1, 4097)));
  CHECK(engine.send(numbered(1, 4096)));
  CHECK_EQUAL(guest.counters().drop_too_short.get(), 2);
  CHECK_EQUAL(guest.counters().drop_too_long.get(), 2);
}

void full_ring_to_engine_drops_and_counts() {
  Guest guest;  // nobody receives
  uint32_t kept = 0;
  while (guest.send(numbered(kept, 16000))) ++kept;
  CHECK(kept > 200);
  for (int i = 0; i < 1000; ++i) CHECK(!guest.send(numbered(0, 16000)));  // one wait, not 1000
  CHECK_EQUAL(guest.counters().drop_to_engine_full.get(), 1001);
  Inline engine{guest.nic, {}};
  engine.turn();
  CHECK_EQUAL(engine.taken.size(), kept);
  CHECK(guest.send(numbered(0, 16000)));
}

void full_ring_waits_for_a_slow_engine() {
  Guest guest;
  std::atomic<uint32_t> taken{0};
  EngineThread engine(guest.nic, [&](Nic& nic) {
    nic.receive(1, [&](const Record&) { ++taken; });
    nic.done(0, pynat::NEVER);
  });
  uint32_t lost = 0;  // only when the machine is so busy that 50 ms give the engine no turn
  for (uint32_t i = 0; i < 2000; ++i) lost += guest.send(numbered(i, 16000)) ? 0 : 1;
  CHECK_EQUAL(guest.counters().drop_to_engine_full.get(), lost);
  CHECK(lost < 1000);  // the ring alone holds 260
}

void full_ring_to_guest_drops_and_counts() {
  Guest guest;
  guest.status = 0;
  Inline engine{guest.nic, {}};
  uint32_t kept = 0;
  while (engine.send(numbered(kept, 1514))) ++kept;
  CHECK(kept > 2000);
  CHECK_EQUAL(guest.counters().drop_to_guest_full.get(), 1);
}

// --- the doorbell ---

void doorbell_rings_only_when_armed() {
  Guest guest;
  Inline engine{guest.nic, {}};
  CHECK(!engine.rung());
  guest.send(numbered(1, 60));
  CHECK(engine.rung());
  guest.send(numbered(2, 60));
  engine.turn();
  CHECK_EQUAL(engine.taken.size(), 2);
  CHECK(!engine.rung());
  engine.turn();
  CHECK(!engine.rung());
  guest.send(numbered(3, 60));
  CHECK(engine.rung());
}

void doorbell_stays_readable_while_frames_wait() {
  Guest guest;
  Inline engine{guest.nic, {}};
  for (uint32_t i = 0; i < 5; ++i) guest.send(numbered(i, 60));
  engine.receive(2);
  CHECK(engine.rung());
  engine.receive(2);
  CHECK(engine.rung());
  engine.receive(2);
  CHECK(!engine.rung());
  CHECK_EQUAL(engine.taken.size(), 5);
}

void doorbell_that_rings_late_is_silenced() {
  Guest guest;
  Inline engine{guest.nic, {}};
  engine.turn();
  const uint64_t one = 1;  // the simulator thread, stopped between disarming and ringing
  CHECK_EQUAL(write(guest.nic.doorbell_fd(), &one, sizeof one), sizeof one);
  CHECK(engine.rung());
  engine.turn();
  CHECK(!engine.rung());
}

// --- standing still, deadlines, holding ---

void engine_costs_the_guest_no_time() {
  Guest guest;
  EngineThread engine(guest.nic, echo);
  for (uint32_t i = 0; i < 500; ++i) {
    guest.send(numbered(i, 60));
    guest.now += 5;
    guest.nic.tick();  // the answer is there at the very next tick, however long it took
    if (guest.counters().engine_late.get() != 0) return;  // a very busy machine
    CHECK_EQUAL(guest.received.size(), i + 1);
    guest.now += 95;
  }
}

void looking_in_vain_becomes_rare() {
  Patience patience(/*alone=*/false);
  int looks = 0;
  for (int wait = 0; wait < 1000; ++wait) {
    if (!patience.looks()) continue;
    ++looks;
    patience.looked(/*in_time=*/false);
  }
  CHECK(looks > 2);
  CHECK(looks < 20);
  while (!patience.looks()) {
  }
  patience.looked(/*in_time=*/true);
  CHECK(patience.looks());
}

void the_only_processor_is_left_to_the_engine() {
  Patience patience(/*alone=*/true);
  CHECK(!patience.looks());
}

void late_engine_is_waited_for_once() {
  Guest guest;
  Inline engine{guest.nic, {}};
  guest.send(numbered(1, 60));
  guest.run(100);
  CHECK_EQUAL(guest.counters().engine_late.get(), 1);
  CHECK(guest.counters().stood_us.get() >= 100000);
  guest.send(numbered(2, 60));
  guest.run(10000);  // 100 ticks
  CHECK_EQUAL(guest.counters().stands.get(), 1);
  engine.turn();
  guest.send(numbered(3, 60));  // caught up: a new backlog is waited for
  guest.run(100);
  CHECK_EQUAL(guest.counters().engine_late.get(), 2);
}

void policy_never_waits_for_nothing() {
  Guest guest;
  guest.nic.set_policy(Policy::NEVER);
  Inline engine{guest.nic, {}};
  guest.send(numbered(1, 60));
  guest.nic.done(AS_LONG_AS_IT_TAKES, pynat::NEVER);
  guest.run(100000);
  CHECK_EQUAL(guest.counters().stands.get(), 0);
  CHECK_EQUAL(guest.counters().holds.get(), 0);
}

// Stands and frames are no part of it.
void what_idle_ticks_and_frames_cost_is_counted() {
  Guest guest;
  Inline engine{guest.nic, {}};
  engine.turn();
  guest.run(1024 * 100);
  CHECK_EQUAL(guest.counters().ticks.get(), 1024);
  CHECK_EQUAL(guest.counters().idle_timed.get(), 4);
  CHECK(guest.counters().idle_ns.get() > 0);
  for (uint32_t i = 0; i < 512; ++i) {
    guest.send(numbered(i, 60));
    engine.turn();
  }
  CHECK_EQUAL(guest.counters().frames_timed.get(), 2);
  CHECK(guest.counters().frames_ns.get() > 0);
  engine.send(numbered(1, 60));
  guest.run(1024 * 100);
  CHECK_EQUAL(guest.counters().idle_timed.get(), 7);  // one of them had a frame to deliver
}

void deadline_rings_once_for_each_turn() {
  Guest guest;
  guest.nic.set_policy(Policy::NEVER);
  Inline engine{guest.nic, {}};
  engine.turn(0, 5000);
  guest.run(4900);
  CHECK(!engine.rung());
  guest.run(200);
  CHECK(engine.rung());
  engine.receive();
  guest.run(1000);
  CHECK(!engine.rung());  // the turn is not done yet
  engine.nic.done(0, 9000);
  guest.run(1000);
  CHECK(!engine.rung());
  guest.run(2000);
  CHECK(engine.rung());
}

void guest_time_is_held_to_wall_time() {
  Guest guest;
  Inline engine{guest.nic, {}};
  guest.run(100);
  engine.turn(AS_LONG_AS_IT_TAKES);
  const uint64_t wall = wall_us(), now = guest.now;
  guest.run(50000);
  CHECK(wall_us() - wall + 2000 >= guest.now - now);
  CHECK(guest.counters().held_us.get() > 0);
  engine.turn(0);
  const uint64_t held = guest.counters().held_us.get();
  guest.run(10000000);  // free: 10 s of guest time
  CHECK_EQUAL(guest.counters().held_us.get(), held);
}

void hold_ends_at_its_time() {
  Guest guest;
  Inline engine{guest.nic, {}};
  guest.run(100);
  engine.turn(guest.now + 3000);
  guest.run(2900);
  const uint64_t holds = guest.counters().holds.get();
  CHECK(holds > 0);
  guest.run(100);
  const uint64_t after = guest.counters().holds.get();
  guest.run(1000000);
  CHECK_EQUAL(guest.counters().holds.get(), after);
}

// A guest whose time is held.
struct Held {
  Guest guest;
  Inline engine{guest.nic, {}};
  std::atomic<bool> in_tick{false};
  uint64_t shortest = UINT64_MAX;  // wall microseconds of a hold
  uint64_t end = wall_us() + 10000000;

  Held() {
    guest.run(100);
    engine.turn(AS_LONG_AS_IT_TAKES);
    guest.run(100);
  }
  void get_ahead() {  // from here to after `end`; news ends the hold of each tick
    guest.with_frame = [this] { guest.sleeper.changed(); };
    for (int i = 0; i < 1200; ++i) {
      CHECK(engine.send(numbered(1, 60)));
      guest.run_at_once(9000);
    }
  }
  // Whether a hold ends that soon. A busy machine makes some longer, not all for ten seconds.
  bool ends_within(uint64_t limit, uint64_t step) {
    for (int i = 0; (i < 10 || shortest >= limit) && wall_us() < end; ++i) {
      const uint64_t holds = guest.counters().holds.get();
      in_tick = true;
      const uint64_t begin = wall_us();
      guest.run_at_once(step);
      if (guest.counters().holds.get() != holds) shortest = std::min(shortest, wall_us() - begin);
    }
    return shortest < limit;
  }
};

void hold_is_no_longer_than_guest_time_is_ahead() {
  Held held;
  CHECK(held.ends_within(4500, 1000));
}

void a_hold_lets_bochs_go_on_after_five_milliseconds() {
  Held held;
  held.get_ahead();
  CHECK(held.ends_within(9000, 100));
  CHECK(held.shortest >= 5000);
}

char state_of_thread(long id) {  // S: it sleeps
  char path[64], state = '?';
  std::snprintf(path, sizeof path, "/proc/self/task/%ld/stat", id);
  if (std::FILE* file = std::fopen(path, "r")) {
    if (std::fscanf(file, "%*d (%*[^)]) %c", &state) != 1) state = '?';
    std::fclose(file);
  }
  return state;
}

void news_wakes_a_guest_that_is_held() {
  Held held;
  held.get_ahead();
  const long simulator = syscall(SYS_gettid);
  std::atomic<bool> over{false};
  std::thread engine([&] {
    while (!over) {  // once for each tick
      if (!held.in_tick || state_of_thread(simulator) != 'S') continue;
      held.in_tick = false;
      held.guest.sleeper.changed();
    }
  });
  const bool woken = held.ends_within(4500, 100);
  over = true;
  engine.join();
  CHECK(woken);
}

void frames_end_a_hold_and_are_delivered_in_it() {
  Guest guest;
  std::atomic<bool> go{false};
  EngineThread engine(guest.nic, [&](Nic& nic) {
    nic.receive(64, [](const Record&) {});
    nic.done(AS_LONG_AS_IT_TAKES, pynat::NEVER);
    if (nic.closing()) return;
    while (!go) std::this_thread::yield();
    const Frame frame = numbered(1, 60);
    nic.to_guest(frame.data(), 60);
    nic.announce();
  });
  guest.run(100);
  guest.send(numbered(1, 60));
  guest.now += 10;
  guest.nic.tick();
  go = true;
  guest.now += 9000;  // far ahead
  const uint64_t wall = wall_us();
  while (guest.received.empty()) guest.nic.tick();
  CHECK(wall_us() - wall < 5000000);
}

void ahead_is_counted_from_where_holding_began() {
  Holding holding;
  CHECK_EQUAL(holding.ahead(true, 5000000, 100), 0);
  CHECK_EQUAL(holding.ahead(true, 5000300, 200), 200);
  CHECK_EQUAL(holding.ahead(true, 5000300, 400), 0);
  CHECK_EQUAL(holding.ahead(false, 5000400, 400), 0);
  CHECK_EQUAL(holding.ahead(true, 5000500, 900), 0);  // begins anew
  CHECK_EQUAL(holding.ahead(true, 5000600, 900), 100);
}

void slow_guest_banks_no_credit() {
  Holding holding;
  holding.ahead(true, 0, 0);
  CHECK_EQUAL(holding.ahead(true, 100, 1000000), 0);
  CHECK_EQUAL(holding.ahead(true, 1100, 1000000), 0);  // the millisecond that evens out
  CHECK_EQUAL(holding.ahead(true, 1200, 1000000), 100);
}

void restored_clock_holds_nothing_up() {
  Holding holding;
  holding.ahead(true, 100, 0);
  CHECK_EQUAL(holding.ahead(true, 60000000, 100), 0);
  CHECK_EQUAL(holding.ahead(true, 60000100, 100), 100);
  CHECK_EQUAL(holding.ahead(true, 500, 100), 0);
}

void guest_clock_never_goes_back() {
  Guest guest;
  guest.run(10000);
  guest.now = 100;
  guest.nic.tick();
  CHECK_EQUAL(guest.nic.guest_us(), 10000);
  Inline engine{guest.nic, {}};
  CHECK(engine.send(numbered(1, 60)));  // waits for no time that was
  guest.run(1000);
  CHECK_EQUAL(guest.received.size(), 1);
  CHECK_EQUAL(guest.nic.guest_us(), 11000);
}

// --- in step ---

// An engine in step with the guest; it answers each frame with the time at which it took it.
void tell_time(Nic& nic) {
  std::vector<Frame> answers;
  nic.receive(1000, [&](const Record& record) {
    answers.emplace_back(record.data(), record.data() + record.length);
  });
  const uint64_t now = nic.guest_us();
  for (Frame& answer : answers) {
    std::memcpy(answer.data() + 8, &now, sizeof now);
    nic.to_guest(answer.data(), static_cast<uint32_t>(answer.size()));
  }
  nic.announce();
  nic.done(0, nic.guest_us() + 777);
}

struct Stepped {
  Guest guest;
  EngineThread engine;
  explicit Stepped(EngineThread::Work work) : engine(policy(guest.nic), std::move(work), true) {}
  static Nic& policy(Nic& nic) {
    nic.set_policy(Policy::STEP);
    return nic;
  }
};

std::vector<Frame> stepped_run(unsigned laziness_us) {
  Stepped run([=](Nic& nic) {
    if (laziness_us != 0) std::this_thread::sleep_for(std::chrono::microseconds(laziness_us));
    tell_time(nic);
  });
  for (uint32_t i = 0; i < 300; ++i) {
    run.guest.now += i % 7;
    for (uint32_t n = i % 4; n > 0; --n) CHECK(run.guest.send(numbered(i * 10 + n, 60 + i)));
    run.guest.now += i % 2 == 0 ? 5 : 95;
    run.guest.nic.tick();
  }
  run.guest.run(100);
  CHECK_EQUAL(run.guest.counters().engine_late.get(), 0);
  return run.guest.received;
}

void in_step_the_engines_speed_changes_nothing() {
  const std::vector<Frame> quick = stepped_run(0);
  CHECK_EQUAL(quick.size(), 450);
  CHECK(quick == stepped_run(200));
}

void in_step_a_tick_asks_once_for_all_frames_before_it() {
  Guest guest;
  guest.nic.set_policy(Policy::STEP);
  Inline engine{guest.nic, {}};
  CHECK(!guest.nic.wait_started(0));
  guest.nic.ready();
  CHECK(!guest.nic.wait_started(0));  // the first turn is owed
  engine.turn();
  CHECK(guest.nic.wait_started(0));
  guest.run(1000);  // nothing to do: no turn
  CHECK(!engine.rung());
  guest.send(numbered(1, 60));
  guest.send(numbered(2, 60));
  CHECK(!engine.rung());
  engine.turn();  // a turn that nobody asked for sees nothing
  CHECK_EQUAL(engine.taken.size(), 0);
  CHECK_EQUAL(guest.nic.guest_us(), 0);
  std::thread late([&] {
    while (!engine.rung()) std::this_thread::yield();
    engine.turn(0, 5000);
    CHECK_EQUAL(guest.nic.guest_us(), 1100);
  });
  guest.run(100);  // stands still
  late.join();
  CHECK_EQUAL(engine.taken.size(), 2);
  CHECK_EQUAL(guest.counters().stands.get(), 1);
}

void in_step_a_deadline_is_a_turn_at_its_tick() {
  std::vector<uint64_t> turns;
  Stepped run([&](Nic& nic) {
    nic.receive(1000, [](const Record&) {});
    turns.push_back(nic.guest_us());
    nic.done(AS_LONG_AS_IT_TAKES, (turns.size()) * 1050);
  });
  run.guest.run(4000);
  const std::vector<uint64_t> wanted = {0, 1100, 2100, 3200};
  CHECK(turns == wanted);
  CHECK_EQUAL(run.guest.counters().holds.get(), 0);
}

void in_step_a_full_ring_is_emptied_on_the_spot() {
  uint32_t taken = 0;
  Stepped run([&](Nic& nic) {
    nic.receive(1, [&](const Record&) { ++taken; });
    nic.done(0, pynat::NEVER);
  });
  for (uint32_t i = 0; i < 1000; ++i) CHECK(run.guest.send(numbered(i, 16000)));
  CHECK_EQUAL(taken, 1000 / 261 * 261);  // what the ring holds, each time
  run.guest.run(100);
  CHECK_EQUAL(taken, 1000);
}

void in_step_a_slow_turn_is_waited_for_and_an_interrupt_ends_it() {
  static std::atomic<int> interrupts;
  interrupts = 0;
  std::signal(SIGINT, [](int) { ++interrupts; });
  Guest guest;
  guest.nic.set_policy(Policy::STEP);
  Inline engine{guest.nic, {}};
  engine.turn();
  guest.send(numbered(1, 60));
  std::thread slow([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(350));  // more than a turn may take else
    engine.turn();
  });
  pthread_t simulator = pthread_self();
  guest.run(100);
  slow.join();
  CHECK_EQUAL(guest.counters().engine_late.get(), 0);
  CHECK(guest.counters().stood_us.get() > 200000);
  guest.send(numbered(2, 60));
  std::thread user([&] {
    while (guest.counters().engine_late.get() == 0) {
      pthread_kill(simulator, SIGINT);
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  });
  guest.run(100);
  user.join();
  CHECK(interrupts > 0);
  CHECK_EQUAL(guest.counters().engine_late.get(), 1);
  CHECK(guest.lines.at(0).find("interrupted") != std::string::npos);
  guest.run(1000);  // on, without the engine
  CHECK_EQUAL(guest.counters().engine_late.get(), 1);
  std::signal(SIGINT, SIG_DFL);
}

// --- pacing ---

uint64_t guest_time_for(uint32_t speed, uint32_t frames, uint32_t length) {
  Guest guest;
  guest.status = RX_READY | speed;
  Inline engine{guest.nic, {}};
  guest.run(1000000);
  const uint64_t begin = guest.now;
  for (uint32_t i = 0; i < frames; ++i) CHECK(engine.send(numbered(i, length)));
  while (guest.received.size() < frames) guest.run(100);
  return guest.now - begin;
}

void frames_come_at_the_speed_of_the_card() {
  // 1000 frames of 1514 bytes and 24 of overhead: 12.304 Mbit
  const uint64_t ten = guest_time_for(RX_10M, 1000, 1514);
  const uint64_t hundred = guest_time_for(RX_100M, 1000, 1514);
  const uint64_t thousand = guest_time_for(RX_1G, 1000, 1514);
  CHECK(ten > 1227000 && ten < 1231000);
  CHECK(hundred > 122000 && hundred < 123500);
  CHECK(thousand > 12000 && thousand < 12600);
}

void first_frame_waits_for_nothing() { CHECK_EQUAL(guest_time_for(RX_10M, 1, 1514), 100); }

void cards_that_are_not_ready_get_nothing() {
  Guest guest;
  Inline engine{guest.nic, {}};
  guest.status = RX_1G;
  engine.send(numbered(1, 60));
  guest.run(1900000);
  CHECK_EQUAL(guest.received.size(), 0);
  guest.status |= RX_READY;
  guest.run(100);
  CHECK_EQUAL(guest.received.size(), 1);
  CHECK_EQUAL(guest.counters().drop_stale.get(), 0);
}

void frames_for_a_dead_card_go_stale() {
  Guest guest;
  Inline engine{guest.nic, {}};
  guest.status = RX_1G;
  engine.send(numbered(1, 60));
  guest.run(1500000);
  engine.send(numbered(2, 60));
  guest.run(1000000);
  CHECK_EQUAL(guest.counters().drop_stale.get(), 1);
  guest.status |= RX_READY;
  guest.run(100);
  CHECK_EQUAL(guest.received.size(), 1);
  CHECK(guest.received[0] == numbered(2, 60));
}

void a_card_that_refuses_is_told_of() {
  Guest guest;
  Inline engine{guest.nic, {}};
  guest.status = RX_1G;
  engine.send(numbered(1, 60));
  guest.run(90000);
  CHECK(!engine.rung());
  CHECK_EQUAL(guest.nic.refuses_since(), pynat::NEVER);
  guest.run(20000);
  CHECK(engine.rung());
  CHECK_EQUAL(guest.nic.refuses_since(), 100);
  engine.turn();
  guest.run(2000000);
  std::vector<Frame> lost;
  guest.nic.lost([&](const Record& record) {
    lost.emplace_back(record.data(), record.data() + record.length);
  });
  CHECK_EQUAL(lost.size(), 1);
  CHECK(lost[0] == numbered(1, 60));
  CHECK(!engine.rung());
  guest.status |= RX_READY;
  guest.run(100);  // nothing waits for it, and still
  CHECK(engine.rung());
  CHECK_EQUAL(guest.nic.refuses_since(), pynat::NEVER);
}

void a_card_that_is_full_for_a_moment_is_not_told_of() {
  Guest guest;
  Inline engine{guest.nic, {}};
  for (int i = 0; i < 20; ++i) {
    guest.status = RX_1G;
    engine.send(numbered(i, 60));
    guest.run(50000);
    guest.status |= RX_READY;
    guest.run(1000);
  }
  CHECK_EQUAL(guest.received.size(), 20);
  CHECK(!engine.rung());
}

void waiting_for_a_slow_wire_is_not_being_stale() {
  Guest guest;
  guest.status = RX_READY | RX_10M;
  Inline engine{guest.nic, {}};
  for (uint32_t i = 0; i < 2400; ++i) CHECK(engine.send(numbered(i, 1514)));
  while (guest.received.size() < 2300) guest.run(100);  // 2.8 s
  guest.status = RX_10M;                                // its ring is full for a moment
  guest.run(1000);
  guest.status |= RX_READY;
  guest.run(1000000);
  CHECK_EQUAL(guest.received.size(), 2400);
}

// --- log, several NICs, ending ---

void log_lines_reach_the_simulator_in_pieces() {
  Guest guest;
  guest.nic.log(LOG_INFO, "one\ntwo\n\n" + std::string(1000, 'x'));
  guest.run(100);
  const std::vector<std::string> wanted = {"one", "two", "", std::string(900, 'x'),
                                           std::string(100, 'x')};
  CHECK(guest.lines == wanted);
  for (int i = 0; i < 100000; ++i) guest.nic.log(LOG_INFO, "a line of a flood");
  CHECK(guest.counters().log_lines_lost.get() > 0);
}

void two_cards_share_the_simulator() {
  Guest one;
  Nic other{Simulator{&one, [](void* self) { return static_cast<Guest*>(self)->now; },
                      [](void*) { return RX_READY | RX_1G; },
                      [](void* self, void*, uint32_t) {
                        static_cast<Guest*>(self)->lines.emplace_back("other");
                      },
                      [](void*, uint32_t, const char*) {}},
            one.sleeper};
  EngineThread engine(one.nic, [](Nic& nic) {
    nic.receive(64, [](const Record&) {});
    nic.done(AS_LONG_AS_IT_TAKES, pynat::NEVER);  // one holds for ever, the other does not starve
  });
  EngineThread other_engine(other, echo);
  one.send(numbered(0, 60));
  for (uint32_t i = 0; i < 300; ++i) {
    const Frame frame = numbered(i, 60);
    CHECK(other.from_guest(frame.data(), 60));
    one.now += 100;
    one.nic.tick();
    other.tick();
  }
  while (one.lines.size() < 300) {
    one.now += 100;
    other.tick();
  }
}

void a_reset_parts_the_frames_of_two_machines() {
  Guest guest;
  Inline engine{guest.nic, {}};
  guest.nic.reset();  // it is switched on
  guest.run(100);
  CHECK(!engine.rung());
  guest.send(numbered(1, 60));
  engine.send(numbered(2, 60));
  guest.nic.reset();
  guest.send(numbered(3, 60));
  engine.turn();
  CHECK_EQUAL(engine.taken.size(), 1);
  CHECK_EQUAL(guest.nic.resets(), 0);
  CHECK(engine.rung());
  engine.send(numbered(4, 60));
  engine.turn();
  CHECK_EQUAL(guest.nic.resets(), 1);
  CHECK(engine.taken[1] == numbered(3, 60));
  CHECK(!engine.rung());
  engine.send(numbered(5, 60));
  guest.run(100);
  CHECK_EQUAL(guest.received.size(), 1);
  CHECK(guest.received[0] == numbered(5, 60));
  CHECK_EQUAL(guest.counters().drop_stale.get(), 2);
}

void a_reset_is_told_without_a_frame_and_ends_refusing() {
  Guest guest;
  Inline engine{guest.nic, {}};
  guest.status = RX_1G;
  engine.send(numbered(1, 60));
  guest.run(200000);
  engine.turn();
  CHECK(guest.nic.refuses_since() != pynat::NEVER);
  guest.nic.reset();
  CHECK_EQUAL(guest.nic.refuses_since(), pynat::NEVER);
  CHECK(engine.rung());
  engine.turn();
  CHECK_EQUAL(guest.nic.resets(), 1);
  CHECK_EQUAL(engine.taken.size(), 0);
}

void resets_that_find_no_room_are_told_before_the_next_frame() {
  Guest guest;
  Inline engine{guest.nic, {}};
  guest.run(100);
  while (guest.send(numbered(1, 60))) {
  }
  const size_t sent = guest.counters().frames_from_guest.get();
  guest.nic.reset();
  guest.nic.reset();
  CHECK(!guest.send(numbered(2, 60)));
  engine.receive(1 << 20);
  CHECK_EQUAL(engine.taken.size(), sent);
  CHECK_EQUAL(guest.nic.resets(), 0);
  guest.send(numbered(3, 60));
  engine.turn();
  CHECK_EQUAL(guest.nic.resets(), 2);
  CHECK(engine.taken.back() == numbered(3, 60));
}

void in_step_a_reset_that_finds_no_room_costs_no_frame() {
  uint32_t taken = 0;
  Stepped run([&](Nic& nic) {
    nic.receive(1, [&](const Record&) { ++taken; });
    nic.done(0, pynat::NEVER);
  });
  const pynat::Ring& ring = run.guest.nic.ring_to_engine();
  uint32_t sent = 0;
  for (; ring.capacity() - ring.used() >= 80; ++sent) CHECK(run.guest.send(numbered(sent, 60)));
  run.guest.now = 50;
  for (int i = 0; i < 5; ++i) run.guest.nic.reset();  // the ring has room for four marks
  CHECK_EQUAL(run.guest.nic.resets(), 0);
  CHECK(run.guest.send(numbered(sent++, 60)));
  run.guest.run(100);
  CHECK_EQUAL(taken, sent);
  CHECK_EQUAL(run.guest.nic.resets(), 5);
}

void in_step_a_reset_is_a_turn_of_its_own() {
  std::vector<uint64_t> turns;
  Stepped run([&](Nic& nic) {
    uint64_t count = 0;
    nic.receive(1000, [&](const Record&) { ++count; });
    turns.push_back(nic.guest_us() * 100 + nic.resets() * 10 + count);
    nic.done(0, pynat::NEVER);
  });
  run.guest.now = 50;
  run.guest.send(numbered(1, 60));
  run.guest.send(numbered(2, 60));
  run.guest.nic.reset();
  run.guest.send(numbered(3, 60));
  run.guest.run(100);
  const std::vector<uint64_t> wanted = {0, 15002, 15011};
  CHECK(turns == wanted);
}

void closing_ends_an_engine_that_waits() {
  Guest guest;
  {
    EngineThread engine(guest.nic, echo);
  }
  CHECK(guest.nic.is_stopped());
  CHECK(!guest.send(numbered(1, 60)));
  CHECK_EQUAL(guest.counters().drop_engine_stopped.get(), 1);
  guest.run(100000);
  CHECK_EQUAL(guest.counters().stands.get(), 0);
}

void stuck_engine_is_given_up() {
  Guest guest;
  CHECK(!guest.nic.wait_started(1000));
  guest.nic.close();
  CHECK(!guest.nic.wait_ended(1000));
}

void summary_names_what_went_wrong() {
  Guest guest;
  guest.send(numbered(1, 5));
  char line[800];
  summary(guest.counters(), line, sizeof line);
  CHECK(std::strstr(line, "; dropped: frame too short 1") != nullptr);
  CHECK(std::strstr(line, "stale") == nullptr);
  char small[40];
  summary(guest.counters(), small, sizeof small);
  CHECK(std::strlen(small) < sizeof small);
}

#define CASE(name) {#name, name}
const std::map<std::string, void (*)()> CASES = {
    CASE(ring_keeps_order_and_content_round_its_end),
    CASE(ring_has_room_for_what_can_be_pushed),
    CASE(ring_between_two_threads_loses_nothing),
    CASE(frames_go_both_ways_in_order),
    CASE(short_frames_are_padded_with_zeros),
    CASE(lengths_that_no_card_carries_are_dropped),
    CASE(full_ring_to_engine_drops_and_counts),
    CASE(full_ring_waits_for_a_slow_engine),
    CASE(full_ring_to_guest_drops_and_counts),
    CASE(doorbell_rings_only_when_armed),
    CASE(doorbell_stays_readable_while_frames_wait),
    CASE(doorbell_that_rings_late_is_silenced),
    CASE(engine_costs_the_guest_no_time),
    CASE(looking_in_vain_becomes_rare),
    CASE(the_only_processor_is_left_to_the_engine),
    CASE(late_engine_is_waited_for_once),
    CASE(policy_never_waits_for_nothing),
    CASE(what_idle_ticks_and_frames_cost_is_counted),
    CASE(deadline_rings_once_for_each_turn),
    CASE(guest_time_is_held_to_wall_time),
    CASE(hold_ends_at_its_time),
    CASE(hold_is_no_longer_than_guest_time_is_ahead),
    CASE(a_hold_lets_bochs_go_on_after_five_milliseconds),
    CASE(news_wakes_a_guest_that_is_held),
    CASE(frames_end_a_hold_and_are_delivered_in_it),
    CASE(ahead_is_counted_from_where_holding_began),
    CASE(slow_guest_banks_no_credit),
    CASE(restored_clock_holds_nothing_up),
    CASE(guest_clock_never_goes_back),
    CASE(in_step_the_engines_speed_changes_nothing),
    CASE(in_step_a_tick_asks_once_for_all_frames_before_it),
    CASE(in_step_a_deadline_is_a_turn_at_its_tick),
    CASE(in_step_a_full_ring_is_emptied_on_the_spot),
    CASE(in_step_a_slow_turn_is_waited_for_and_an_interrupt_ends_it),
    CASE(frames_come_at_the_speed_of_the_card),
    CASE(first_frame_waits_for_nothing),
    CASE(cards_that_are_not_ready_get_nothing),
    CASE(frames_for_a_dead_card_go_stale),
    CASE(a_card_that_refuses_is_told_of),
    CASE(a_card_that_is_full_for_a_moment_is_not_told_of),
    CASE(waiting_for_a_slow_wire_is_not_being_stale),
    CASE(log_lines_reach_the_simulator_in_pieces),
    CASE(two_cards_share_the_simulator),
    CASE(a_reset_parts_the_frames_of_two_machines),
    CASE(a_reset_is_told_without_a_frame_and_ends_refusing),
    CASE(resets_that_find_no_room_are_told_before_the_next_frame),
    CASE(in_step_a_reset_that_finds_no_room_costs_no_frame),
    CASE(in_step_a_reset_is_a_turn_of_its_own),
    CASE(closing_ends_an_engine_that_waits),
    CASE(stuck_engine_is_given_up),
    CASE(summary_names_what_went_wrong),
};

}  // namespace

int main(int argc, char** argv) {
  for (const auto& [name, run] : CASES) {
    if (argc > 1 && name != argv[1]) continue;
    const uint64_t begin = wall_us();
    std::fprintf(stderr, "%s\n", name.c_str());
    run();
    std::fprintf(stderr, "  ok, %llu ms\n",
                 static_cast<unsigned long long>((wall_us() - begin) / 1000));
  }
  return 0;
}
