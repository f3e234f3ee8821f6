// A stand-in for Bochs as far as a network plugin sees it: the same exported symbols, the same
// order of events, a virtual clock, and network cards played from a script on stdin.
//
//   fake_bochs PLUGIN NICS ETHDEV SCRIPT
//
// It probes the plugin and lets go of it, as Bochs does at every start; opens it again, makes
// NICS cards, plays the script, destroys the cards and leaves by exit(). Lines of the script:
//
//   send N HEX      card N's guest sends a frame          run US       guest time passes
//   until N COUNT   run until card N has COUNT frames     frames N     print and forget them
//   status N BITS   what card N says of itself            panic N      card N's rxh will longjmp
//   time US         the clock is set, as a restore does   maps WHEN    is the plugin mapped?
//   burst N COUNT HEX   so many frames at once            wall         print wall ms
//   periods US      timers that go on have this one, as a restored snapshot has them
//   pingpong N COUNT HEX   so many times a frame and 10 us of guest time
//   ticks           print how often timers have come
//   reset           the machine is reset, as it is when it is switched on
//   devices         print how many device models there are
//
// Output: "log LEVEL TEXT" for each line that the plugin logs, "frame N HEX" and so on.
#include <csetjmp>
#include <csignal>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include <dlfcn.h>

#define EXPORT __attribute__((visibility("default")))
#ifndef WITHOUT  // a build with -DWITHOUT=1 lacks a function, as a future Bochs might
#define WITHOUT 0
#endif

class EXPORT logfunctions {
 public:
  void info(const char* format, ...) __attribute__((format(printf, 2, 3)));
  void error(const char* format, ...) __attribute__((format(printf, 2, 3)));
  void ldebug(const char* format, ...) __attribute__((format(printf, 2, 3)));
  virtual ~logfunctions() {}
  int card = -1;
};

class EXPORT bx_pc_system_c {
 public:
  typedef void (*timer_handler)(void*);
  int register_timer(void*, timer_handler, uint32_t us, bool continuous, bool active, const char*);
  void activate_timer(unsigned index, uint32_t us, bool continuous);
  void deactivate_timer(unsigned index);
  uint64_t time_usec();

  struct Timer {
    timer_handler handler;
    void* argument;
    uint64_t due, period;
    bool continuous, active;
  };
  void run(uint64_t us);
  std::vector<Timer> timers;
  uint64_t now = 0, offset = 0, ticks = 0;
};

typedef void (*eth_rx_handler_t)(void*, const void*, unsigned);
typedef uint32_t (*eth_rx_status_t)(void*);

class EXPORT eth_pktmover_c {
 public:
  virtual void sendpkt(void* frame, unsigned length) = 0;
  virtual ~eth_pktmover_c() {}
  logfunctions* netdev;
  eth_rx_handler_t rxh;
  eth_rx_status_t rxstat;
};

class EXPORT eth_locator_c {
 public:
  static eth_pktmover_c* create(const char* type, const char* netif, const char* mac,
                                eth_rx_handler_t, eth_rx_status_t, logfunctions*, const char*);
  static eth_locator_c* all;

 protected:
  explicit eth_locator_c(const char* type);
  virtual ~eth_locator_c();
  virtual eth_pktmover_c* allocate(const char* netif, const char* mac, eth_rx_handler_t,
                                   eth_rx_status_t, logfunctions*, const char* script) = 0;

 private:
  eth_locator_c* next;
  const char* type;
};

class EXPORT bx_devmodel_c : public logfunctions {
 public:
  virtual ~bx_devmodel_c() {}
  virtual void init() {}
#if WITHOUT == 4  // another method in front
  virtual void prepare() {}
#endif
  virtual void reset(unsigned) {}
  virtual void register_state() {}
  virtual void after_restore_state() {}
};

EXPORT bx_pc_system_c bx_pc_system;
EXPORT logfunctions* genlog = new logfunctions;
eth_locator_c* eth_locator_c::all = nullptr;

// --- Bochs's side of the interface ---

#define LOG(level)                   \
  do {                               \
    std::printf("log %s ", level);   \
    va_list arguments;               \
    va_start(arguments, format);     \
    std::vprintf(format, arguments); \
    va_end(arguments);               \
    std::printf("\n");               \
    std::fflush(stdout);             \
  } while (0)

void logfunctions::info(const char* format, ...) { LOG("info"); }
void logfunctions::error(const char* format, ...) { LOG("error"); }
#if WITHOUT != 2
void logfunctions::ldebug(const char* format, ...) { LOG("debug"); }
#endif

int bx_pc_system_c::register_timer(void* argument, timer_handler handler, uint32_t us,
                                   bool continuous, bool active, const char*) {
  timers.push_back({handler, argument, now + us, us, continuous, active});
  return static_cast<int>(timers.size()) - 1;
}
#if WITHOUT != 1
void bx_pc_system_c::activate_timer(unsigned index, uint32_t us, bool continuous) {
  Timer& timer = timers.at(index);
  timer = {timer.handler, timer.argument, now + us, us, continuous, true};
}
#endif
void bx_pc_system_c::deactivate_timer(unsigned index) { timers.at(index).active = false; }
uint64_t bx_pc_system_c::time_usec() { return now + offset; }

void bx_pc_system_c::run(uint64_t us) {
  for (const uint64_t end = now + us;;) {
    Timer* next = nullptr;
    for (Timer& timer : timers) {
      if (timer.active && timer.due <= end && (next == nullptr || timer.due < next->due)) {
        next = &timer;
      }
    }
    if (next == nullptr) {
      now = end;
      return;
    }
    now = next->due;
    next->active = next->continuous;
    next->due += next->period;
    ++ticks;
    next->handler(next->argument);
  }
}

struct Device {
  const char* name;
  void* plugin;
  uint16_t type;
  bx_devmodel_c* model;
};
std::vector<Device> devices;
EXPORT bx_devmodel_c a_device;  // the class's table is Bochs's

extern "C" {
#if WITHOUT != 3
EXPORT void pluginRegisterDeviceDevmodel(void* plugin, uint16_t type, bx_devmodel_c* model,
                                         const char* name) {
  devices.push_back({name, plugin, type, model});
}
#endif
EXPORT bool pluginDevicePresent(const char* name) {
  for (const Device& device : devices) {
    if (std::strcmp(device.name, name) == 0) return true;
  }
  return false;
}
}

void reset_devices() {
  for (const Device& device : devices) {
    if (device.type == 2 || device.type == 4) device.model->reset(11);
  }
}

eth_locator_c::eth_locator_c(const char* type) : next(all), type(type) { all = this; }
eth_locator_c::~eth_locator_c() {
  for (eth_locator_c** link = &all; *link != nullptr; link = &(*link)->next) {
    if (*link != this) continue;
    *link = next;
    return;
  }
}
eth_pktmover_c* eth_locator_c::create(const char* type, const char* netif, const char* mac,
                                      eth_rx_handler_t rxh, eth_rx_status_t rxstat,
                                      logfunctions* device, const char* script) {
  for (eth_locator_c* one = all; one != nullptr; one = one->next) {
    if (std::strcmp(one->type, type) == 0) {
      return one->allocate(netif, mac, rxh, rxstat, device, script);
    }
  }
  return nullptr;
}

// --- the network cards and their script ---

namespace {

struct Card {
  logfunctions* device;
  eth_pktmover_c* mover;
  std::vector<std::string> frames;
  uint32_t status = 1 | 8;
  bool panics = false;
};

std::vector<Card> cards;
jmp_buf power_off;

std::string hex(const void* data, size_t length) {
  std::string text;
  char digits[3];
  for (size_t i = 0; i < length; ++i) {
    std::snprintf(digits, sizeof digits, "%02x", static_cast<const unsigned char*>(data)[i]);
    text += digits;
  }
  return text;
}

std::vector<unsigned char> unhex(const std::string& text) {
  std::vector<unsigned char> data;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    data.push_back(static_cast<unsigned char>(std::stoi(text.substr(i, 2), nullptr, 16)));
  }
  return data;
}

void destroy_cards() {
  for (Card& card : cards) {
    delete card.mover;
    card.mover = nullptr;
  }
  for (const Device& device : devices) {
    if (device.plugin != nullptr) std::printf("unload %s\n", device.name);
  }
  devices.clear();
}

// As BX_PANIC with action=fatal: what there is is torn down on top of the caller's frames.
void panic() {
  destroy_cards();
  longjmp(power_off, 1);
}

void rxh(void* device, const void* frame, unsigned length) {
  Card& card = cards.at(static_cast<size_t>(static_cast<logfunctions*>(device)->card));
  if (card.panics) panic();
  card.frames.push_back(hex(frame, length));
}

uint32_t rxstat(void* device) {
  return cards.at(static_cast<size_t>(static_cast<logfunctions*>(device)->card)).status;
}

int64_t wall_ms() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void print_maps(const std::string& when) {
  std::ifstream maps("/proc/self/maps");
  std::string line;
  bool plugin = false, python = false;
  while (std::getline(maps, line)) {
    plugin |= line.find("libbx_eth_pynat") != std::string::npos;
    python |= line.find("libpython") != std::string::npos;
  }
  std::printf("maps %s plugin=%d python=%d\n", when.c_str(), plugin, python);
}

void send(size_t number, const std::string& text) {
  static std::string last;
  static std::vector<unsigned char> frame;
  if (last != text) frame = unhex(last = text);
  cards.at(number).mover->sendpkt(frame.data(), static_cast<unsigned>(frame.size()));
}

void play(const std::string& line) {
  std::istringstream words(line);
  std::string verb, text;
  size_t number = 0;
  uint64_t amount = 0;
  words >> verb;
  if (verb == "send" && words >> number >> text) {
    send(number, text);
  } else if (verb == "burst" && words >> number >> amount >> text) {
    while (amount-- > 0) send(number, text);
  } else if (verb == "pingpong" && words >> number >> amount >> text) {
    for (; amount > 0; --amount) {
      send(number, text);
      bx_pc_system.run(10);
    }
  } else if (verb == "run" && words >> amount) {
    bx_pc_system.run(amount);
  } else if (verb == "until" && words >> number >> amount) {
    while (cards.at(number).frames.size() < amount) bx_pc_system.run(100);
  } else if (verb == "frames" && words >> number) {
    for (const std::string& frame : cards.at(number).frames) {
      std::printf("frame %zu %s\n", number, frame.c_str());
    }
    cards.at(number).frames.clear();
  } else if (verb == "status" && words >> number >> amount) {
    cards.at(number).status = static_cast<uint32_t>(amount);
  } else if (verb == "panic" && words >> number) {
    cards.at(number).panics = true;
  } else if (verb == "time" && words >> amount) {
    bx_pc_system.offset = amount - bx_pc_system.now;
  } else if (verb == "periods" && words >> amount) {
    for (auto& timer : bx_pc_system.timers) {
      if (timer.continuous) timer.period = amount;
    }
  } else if (verb == "maps" && words >> text) {
    print_maps(text);
  } else if (verb == "ticks") {
    std::printf("ticks %llu\n", static_cast<unsigned long long>(bx_pc_system.ticks));
  } else if (verb == "reset") {
    reset_devices();
  } else if (verb == "devices") {
    std::printf("devices %zu\n", devices.size());
  } else if (verb == "wall") {
    std::printf("wall %lld\n", static_cast<long long>(wall_ms()));
  } else if (verb == "terminate") {
    std::raise(SIGTERM);
    for (;;) bx_pc_system.run(1000);
  } else if (verb == "sigpipe") {
    std::raise(SIGPIPE);
    std::printf("sigpipe survived\n");
  } else {
    std::printf("what is \"%s\"?\n", line.c_str());
    std::exit(2);
  }
  std::fflush(stdout);
}

typedef int (*entry_t)(void*, uint16_t, uint8_t);

struct Plugin {
  void* handle;
  entry_t entry;
};

Plugin open_plugin(const char* path) {
  void* handle = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
  if (handle == nullptr) {
    std::printf("dlopen: %s\n", dlerror());
    std::exit(3);
  }
  return {handle, reinterpret_cast<entry_t>(dlsym(handle, "libeth_pynat_plugin_entry"))};
}

void probe(const char* path) {
  const Plugin plugin = open_plugin(path);
  const int type = plugin.entry(nullptr, 0x400, 2);
  const int flags = plugin.entry(nullptr, 0x400, 3);
  print_maps("probing");
  int (*is_initialised)() = nullptr;
  void* python = dlsym(plugin.handle, "Py_IsInitialized");
  std::memcpy(&is_initialised, &python, sizeof python);
  std::printf("probe type=%#x flags=%d started=%d\n", type, flags,
              is_initialised == nullptr ? -1 : is_initialised());
  dlclose(plugin.handle);
  print_maps("probed");
}

void create_cards(int count, const char* ethdev, const char* script) {
  for (int i = 0; i < count; ++i) {
    cards.push_back({new logfunctions, nullptr, {}});
    cards[static_cast<size_t>(i)].device->card = i;
  }
  for (int i = 0; i < count; ++i) {
    Card& card = cards[static_cast<size_t>(i)];
    const char mac[6] = {0x52, 0x54, 0, 0, 0, static_cast<char>(i + 1)};
    card.mover = eth_locator_c::create("pynat", ethdev, mac, rxh, rxstat, card.device, script);
    if (card.mover == nullptr) {
      std::printf("could not find networking module 'pynat'\n");
      std::exit(4);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  probe(argv[1]);
  const Plugin plugin = open_plugin(argv[1]);
  std::printf("init %d\n", plugin.entry(nullptr, 0x400, 1));
  std::fflush(stdout);
  create_cards(std::atoi(argv[2]), argv[3], argv[4]);
  std::printf("created %d\n", std::atoi(argv[2]));
  reset_devices();  // the machine is switched on
  if (setjmp(power_off) == 0) {
    for (std::string line; std::getline(std::cin, line);) play(line);
  } else {
    std::printf("panic\n");
  }
  destroy_cards();
  plugin.entry(nullptr, 0x400, 0);
  std::printf("locators left: %d\n", eth_locator_c::all == nullptr ? 0 : 1);
  dlclose(plugin.handle);
  print_maps("closed");
  std::fflush(stdout);
  std::exit(0);
}
