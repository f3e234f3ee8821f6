// Looks up every symbol of Bochs that the plugin uses, by its mangled name.
//
// The list must be the one of `nm -D --undefined-only` on the plugin; a test compares them.
#include "abi_check.h"

#include <dlfcn.h>

#include <cstdio>

#include "bochs_abi.h"

namespace pynat {

namespace {

enum class For { LOCATOR, LOG, SERVICE };

struct Symbol {
  const char* name;
  For purpose;
};

constexpr Symbol SYMBOLS[] = {
    {"_ZN13eth_locator_cC2EPKc", For::LOCATOR},
    {"_ZN13eth_locator_cD2Ev", For::LOCATOR},
    {"_ZN12logfunctions4infoEPKcz", For::LOG},
    {"_ZN12logfunctions5errorEPKcz", For::LOG},
    {"_ZN12logfunctions6ldebugEPKcz", For::LOG},
    {"genlog", For::LOG},
    {"bx_pc_system", For::SERVICE},
    {"_ZN14bx_pc_system_c14register_timerEPvPFvS0_EjbbPKc", For::SERVICE},
    {"_ZN14bx_pc_system_c14activate_timerEjjb", For::SERVICE},
    {"_ZN14bx_pc_system_c16deactivate_timerEj", For::SERVICE},
    {"_ZN14bx_pc_system_c9time_usecEv", For::SERVICE},
};

void say(bool log_works, const char* symbol) {
  constexpr const char* TEXT =
      "pynat: this Bochs does not export %s, so its guests have no network through pynat; "
      "pynat needs Bochs 2.7 or later with plugins (`pynat doctor` says more)";
  if (log_works && genlog != nullptr) {
    genlog->error(TEXT, symbol);
  } else {
    std::fprintf(stderr, TEXT, symbol);
    std::fputc('\n', stderr);
  }
}

}  // namespace

Missing check_bochs() {
  bool missing[3] = {false, false, false};
  for (const Symbol& symbol : SYMBOLS) {
    if (dlsym(RTLD_DEFAULT, symbol.name) == nullptr) {
      missing[static_cast<int>(symbol.purpose)] = true;
    }
  }
  const bool log_works = !missing[static_cast<int>(For::LOG)];
  for (const Symbol& symbol : SYMBOLS) {
    if (dlsym(RTLD_DEFAULT, symbol.name) == nullptr) say(log_works, symbol.name);
  }
  if (missing[static_cast<int>(For::LOCATOR)]) return Missing::LOCATOR;
  if (!log_works || missing[static_cast<int>(For::SERVICE)]) return Missing::SERVICES;
  return Missing::NOTHING;
}

}  // namespace pynat
