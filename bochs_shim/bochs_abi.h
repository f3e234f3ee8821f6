// The part of Bochs's binary interface that a network back end uses, declared by ourselves.
//
// It is the same in Bochs 2.7, 2.8, 3.0 and 3.1, and stays so under these rules:
//  - only exported functions are called; nothing of Bochs is constructed, derived from or
//    measured with sizeof except the two interface classes made for that;
//  - logfunctions and bx_pc_system_c are opaque: their data members moved between versions;
//  - no C++ exception and no type of the standard library crosses the border;
//  - Bochs may leave any function called here by longjmp (panic, power off).
//
// All symbols are weak: an unknown Bochs then leaves addresses at 0, which abi_check.cc turns
// into a readable message, instead of a dlopen that fails without a word.
#pragma once

#include <cstdint>

#define BOCHS_WEAK __attribute__((weak))

#pragma GCC visibility push(default)

class logfunctions {  // the device that a log line is said to come from
 public:
  void info(const char* format, ...) BOCHS_WEAK __attribute__((format(printf, 2, 3)));
  void error(const char* format, ...) BOCHS_WEAK __attribute__((format(printf, 2, 3)));
  void ldebug(const char* format, ...) BOCHS_WEAK __attribute__((format(printf, 2, 3)));
  logfunctions() = delete;
};

class bx_pc_system_c {
 public:
  using timer_handler = void (*)(void* argument);
  int register_timer(void* argument, timer_handler, uint32_t microseconds, bool continuous,
                     bool active, const char* name) BOCHS_WEAK;
  void activate_timer(unsigned index, uint32_t microseconds, bool continuous) BOCHS_WEAK;
  void deactivate_timer(unsigned index) BOCHS_WEAK;
  uint64_t time_usec() BOCHS_WEAK;
  bx_pc_system_c() = delete;
};
extern bx_pc_system_c bx_pc_system BOCHS_WEAK;
extern logfunctions* genlog BOCHS_WEAK;  // for what concerns no device

using eth_rx_handler_t = void (*)(void* device, const void* frame, unsigned length);
using eth_rx_status_t = uint32_t (*)(void* device);

class eth_pktmover_c {
 public:
  virtual void sendpkt(void* frame, unsigned length) = 0;
  virtual ~eth_pktmover_c() = default;

 protected:
  logfunctions* netdev = nullptr;
  eth_rx_handler_t rxh = nullptr;
  eth_rx_status_t rxstat = nullptr;
};

class eth_locator_c {
 protected:
  explicit eth_locator_c(const char* type) BOCHS_WEAK;
  virtual ~eth_locator_c() BOCHS_WEAK;
  virtual eth_pktmover_c* allocate(const char* netif, const char* mac, eth_rx_handler_t rxh,
                                   eth_rx_status_t rxstat, logfunctions* netdev,
                                   const char* script) = 0;

 private:
  eth_locator_c* next;
  const char* type;
};

#pragma GCC visibility pop

// A device. Bochs calls these methods and looks at nothing else of it, so its base is left out.
class bx_devmodel_c {
 public:
  virtual ~bx_devmodel_c() = default;
  virtual void init() = 0;
  virtual void reset(unsigned type) = 0;
  virtual void register_state() = 0;
  virtual void after_restore_state() = 0;
};
using device_registration = void (*)(void* plugin, uint16_t type, bx_devmodel_c*, const char* name);
using device_presence = bool (*)(const char* name);

constexpr int PLUGIN_FINI = 0, PLUGIN_INIT = 1, PLUGIN_PROBE = 2, PLUGIN_FLAGS = 3;
constexpr int PLUGTYPE_OPTIONAL = 4, PLUGTYPE_NET = 0x400;
