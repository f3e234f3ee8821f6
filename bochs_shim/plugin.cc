// What Bochs sees: the plugin's entry, the locator of ethmod=pynat and a packet mover per NIC.
//
// Bochs opens the plugin twice: for PROBE (every start, even --help), when nothing may happen,
// and for INIT, when a NIC names it. A mover's frames go into its Nic's ring from sendpkt();
// everything else happens in two Bochs timers that call the same tick. One is continuous and the
// safety net (a restored snapshot restores timers by index, as they ran); its period is longer
// while nothing happens, but in step. The other is the kick, armed once after a frame left the
// guest, so that the answer does not wait for the next period.
//
// Bochs may leave deliver() and log() by longjmp and destroy the mover on top of our own frames.
// So the timers' argument is a Link that survives then, and no C++ object with a destructor is
// alive in a frame below a call into Bochs.
#include <algorithm>
#include <csignal>
#include <cstring>
#include <memory>
#include <new>

#include "abi_check.h"
#include "bochs_abi.h"
#include "engine.h"
#include "nic.h"
#include "resets.h"
#include "termination.h"

namespace {

using pynat::Nic;

constexpr uint32_t TICK_US = 100;
constexpr uint32_t IDLE_TICK_US = 400;
constexpr int IDLE_TICKS = 100;  // in a row, and ticks become fewer until something happens
constexpr uint32_t KICK_US = 5;
constexpr uint64_t START_LIMIT_US = 30000000;
constexpr uint64_t LOG_PERIOD_US = 20000;  // while waiting for the engine
constexpr int ALL_LINES = 10000;
constexpr int NO_TIMER = -1;

pynat::Missing missing = pynat::Missing::NOTHING;

struct Link {
  logfunctions* device;
  eth_rx_handler_t rxh;
  eth_rx_status_t rxstat;
  std::shared_ptr<Nic> nic;
  pynat::Engine* engine = nullptr;
  int tick_timer = NO_TIMER;
  int kick_timer = NO_TIMER;
  bool kicked = false;
  int idle_ticks = 0;
  uint32_t period = 0;   // of ticks; unknown until the first one: a snapshot brings its own
  bool ticking = false;  // our own frames are on the stack
  Link* next = nullptr;
};
Link* links = nullptr;  // of all cards

uint64_t guest_us(void*) { return bx_pc_system.time_usec(); }

uint32_t rx_status(void* context) {
  Link* link = static_cast<Link*>(context);
  return link->rxstat(link->device);
}

void deliver(void* context, void* frame, uint32_t length) {
  Link* link = static_cast<Link*>(context);
  link->rxh(link->device, frame, length);
}

void log(void* context, uint32_t level, const char* line) {
  logfunctions* device = static_cast<Link*>(context)->device;
  if (level == pynat::LOG_ERROR) {
    device->error("%s", line);
  } else if (level == pynat::LOG_INFO) {
    device->info("%s", line);
  } else {
    device->ldebug("%s", line);
  }
}

void tick_each(Link* link, uint32_t microseconds) {
  if (link->tick_timer < 0) return;
  bx_pc_system.activate_timer(static_cast<unsigned>(link->tick_timer), microseconds, true);
}

// A tick costs little itself, but Bochs's timer behind it is most of what an idle guest costs.
void rest_or_hurry(Link* link, bool idle) {
  link->idle_ticks = idle ? std::min(link->idle_ticks + 1, IDLE_TICKS) : 0;
  const uint32_t period = link->idle_ticks < IDLE_TICKS ? TICK_US : IDLE_TICK_US;
  if (period == link->period) return;
  link->period = period;
  tick_each(link, period);
}

void on_timer(void* context) {
  Link* link = static_cast<Link*>(context);
  const bool kicked = link->kicked;
  link->kicked = false;
  link->ticking = true;
  const bool idle = link->nic->tick();
  link->ticking = false;
  if (link->period != 0 || !kicked) rest_or_hurry(link, idle);  // a kick is beside the others
}

void on_reset() {
  for (Link* link = links; link != nullptr; link = link->next) link->nic->reset();
}

void enter(Link* link) {
  if (!pynat::hear_resets(on_reset)) {
    link->device->info("pynat: this Bochs does not tell of resets of the machine");
  }
  link->next = links;
  links = link;
}

void leave(Link* link) {
  Link** at = &links;
  while (*at != link) at = &(*at)->next;
  *at = link->next;
}

pynat::Sleeper& sleeper() {
  static auto* const one = new pynat::Sleeper;  // outlives any engine thread
  return *one;
}

// nullptr when the process is out of memory or descriptors.
Link* new_link(logfunctions* device, eth_rx_handler_t rxh, eth_rx_status_t rxstat,
               const char* netif, const char* mac, const char* script) noexcept {
  try {
    auto* link = new Link{device, rxh, rxstat, nullptr};
    const pynat::Simulator simulator{link, guest_us, rx_status, deliver, log};
    link->nic = pynat::make_nic(simulator, sleeper());
    link->engine = pynat::Engine::start(
        link->nic,
        {script == nullptr ? "" : script, netif == nullptr ? "" : netif, std::string(mac, 6)});
    if (link->engine != nullptr) pynat::end_with_signals(link->nic);
    return link;
  } catch (...) {
    return nullptr;
  }
}

// The engine's complaints about its configuration appear before the guest boots.
void wait_for_engine(Link* link) {
  const uint64_t deadline = pynat::wall_us() + START_LIMIT_US;
  bool started = false;
  while (!started && pynat::wall_us() < deadline) {
    started = link->nic->wait_started(LOG_PERIOD_US);
    link->nic->drain_log(ALL_LINES);
  }
  if (!started) {
    link->device->error("pynat: the network has not come up in %d s; the guest starts without it",
                        static_cast<int>(START_LIMIT_US / 1000000));
  }
}

void end_engine(Link* link) {
  link->nic->close();
  const uint64_t deadline = pynat::wall_us() + pynat::END_LIMIT_US;
  bool ended = false;
  while (!ended && pynat::wall_us() < deadline) {
    ended = link->nic->wait_ended(LOG_PERIOD_US);
    link->nic->drain_log(ALL_LINES);
  }
  if (ended) {
    link->engine->join();
    return;
  }
  link->engine->detach();
  link->device->error("pynat: the network did not end in %d s; Bochs ends without it",
                      static_cast<int>(pynat::END_LIMIT_US / 1000000));
}

void summarise(Link* link) {
  char line[800];
  pynat::summary(link->nic->counters(), line, sizeof line);
  link->device->info("%s", line);
}

class Mover final : public eth_pktmover_c {
 public:
  explicit Mover(Link* link) : link_(link) {
    netdev = link->device;
    rxh = link->rxh;
    rxstat = link->rxstat;
    link->tick_timer = bx_pc_system.register_timer(link, on_timer, TICK_US, true, true, "pynat");
    link->kick_timer =
        bx_pc_system.register_timer(link, on_timer, KICK_US, false, false, "pynat.kick");
    enter(link);
  }

  void sendpkt(void* frame, unsigned length) override {
    if (!link_->nic->from_guest(frame, length) || link_->kicked) return;
    link_->kicked = true;
    if (link_->kick_timer >= 0) {
      bx_pc_system.activate_timer(static_cast<unsigned>(link_->kick_timer), KICK_US, false);
    }
  }

  ~Mover() override {
    leave(link_);
    for (int timer : {link_->tick_timer, link_->kick_timer}) {
      if (timer >= 0) bx_pc_system.deactivate_timer(static_cast<unsigned>(timer));
    }
    if (link_->engine != nullptr) end_engine(link_);
    link_->nic->drain_log(ALL_LINES);
    summarise(link_);
    if (link_->ticking) return;  // destroyed on top of our own tick: its frames still point there
    delete link_->engine;
    delete link_;
  }

 private:
  Link* const link_;
};

// For when there is nothing to carry frames with: a NIC whose cable is not plugged in.
class Unplugged final : public eth_pktmover_c {
 public:
  explicit Unplugged(logfunctions* device) { netdev = device; }
  void sendpkt(void*, unsigned) override { ++dropped_; }
  ~Unplugged() override {
    if (missing == pynat::Missing::NOTHING) {
      netdev->info("pynat: dropped %llu frames: no network", dropped_);
    }
  }

 private:
  unsigned long long dropped_ = 0;
};

class Locator final : public eth_locator_c {
 public:
  Locator() : eth_locator_c("pynat") {}
  ~Locator() override = default;

 protected:
  eth_pktmover_c* allocate(const char* netif, const char* mac, eth_rx_handler_t rxh,
                           eth_rx_status_t rxstat, logfunctions* device,
                           const char* script) override {
    if (missing != pynat::Missing::NOTHING) return new Unplugged(device);
    std::signal(SIGPIPE, SIG_IGN);  // a peer that went away must not end Bochs
    Link* link = new_link(device, rxh, rxstat, netif, mac, script);
    if (link == nullptr) {
      device->error("pynat: no memory or no file descriptor left for a network");
      return new Unplugged(device);
    }
    wait_for_engine(link);
    return new Mover(link);
  }
};

Locator* locator = nullptr;

int init() {
  missing = pynat::check_bochs();
  if (missing != pynat::Missing::LOCATOR && locator == nullptr) locator = new Locator;
  return 0;
}

int fini() {
  delete locator;
  locator = nullptr;
  return 0;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int libeth_pynat_plugin_entry(void* /*plugin*/,
                                                                                uint16_t /*type*/,
                                                                                uint8_t mode) {
  switch (mode) {
    case PLUGIN_INIT:
      return init();
    case PLUGIN_FINI:
      return fini();
    case PLUGIN_PROBE:
      return PLUGTYPE_NET;
    default:
      return 0;
  }
}
