// A device model of our own among Bochs's.
//
// Bochs resets what is in its list of devices. An entry without a plugin is never unloaded, and its
// model never deleted: when Bochs takes its devices down it only drops the entry. So nothing is
// unregistered (the list's head is stale by then), and there is one model for all cards.
//
// A C function's name says nothing of its arguments, so before anything is called the table of
// Bochs's own class of device models is compared with what is declared here.
#include "resets.h"

#include <dlfcn.h>

#include <cstddef>

#include "bochs_abi.h"

namespace pynat {

namespace {

constexpr const char* NAME = "pynat";
constexpr const char* TABLE = "_ZTV13bx_devmodel_c";
constexpr size_t FIRST_METHOD = 4;  // behind offset, type and two destructors
constexpr const char* METHODS[] = {
    "_ZN13bx_devmodel_c4initEv",
    "_ZN13bx_devmodel_c5resetEj",
    "_ZN13bx_devmodel_c14register_stateEv",
    "_ZN13bx_devmodel_c19after_restore_stateEv",
};

void (*told)() = nullptr;

class Listener final : public bx_devmodel_c {
 public:
  void init() override {}
  void reset(unsigned) override { told(); }
  void register_state() override {}
  void after_restore_state() override {}
};

bool has_the_shape_we_know() {
  auto* const* table = static_cast<void* const*>(dlsym(RTLD_DEFAULT, TABLE));
  if (table == nullptr) return false;
  table += FIRST_METHOD;
  for (const char* name : METHODS) {
    void* method = dlsym(RTLD_DEFAULT, name);
    if (method == nullptr || *table++ != method) return false;
  }
  return true;
}

}  // namespace

bool hear_resets(void (*on_reset)()) {
  const auto enter =
      reinterpret_cast<device_registration>(dlsym(RTLD_DEFAULT, "pluginRegisterDeviceDevmodel"));
  const auto is_present =
      reinterpret_cast<device_presence>(dlsym(RTLD_DEFAULT, "pluginDevicePresent"));
  if (enter == nullptr || is_present == nullptr || !has_the_shape_we_know()) return false;
  static auto* const listener = new Listener;  // Bochs keeps the pointer
  told = on_reset;
  if (!is_present(NAME)) enter(nullptr, PLUGTYPE_OPTIONAL, listener, NAME);
  return is_present(NAME);
}

}  // namespace pynat
