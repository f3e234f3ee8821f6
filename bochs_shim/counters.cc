// The line that ends a NIC's log: see counters.h.
#include "counters.h"

#include <cinttypes>
#include <cstdio>
#include <cstring>

namespace pynat {

void summary(const Counters& counters, char* line, size_t size) {
  std::snprintf(line, size,
                "pynat: from guest %" PRIu64 " frames, %" PRIu64 " bytes; to guest %" PRIu64
                " frames, %" PRIu64 " bytes; held %" PRIu64 " ms, stood still %" PRIu64 " ms",
                counters.frames_from_guest.get(), counters.bytes_from_guest.get(),
                counters.frames_to_guest.get(), counters.bytes_to_guest.get(),
                counters.held_us.get() / 1000, counters.stood_us.get() / 1000);
  counters.each([&](const char* name, uint64_t value) {
    const bool trouble =
        std::strncmp(name, "dropped", 7) == 0 || std::strcmp(name, "engine_late") == 0;
    if (!trouble || value == 0) return;
    const size_t used = std::strlen(line);
    std::snprintf(line + used, size - used, "; %s %" PRIu64, name, value);
  });
}

}  // namespace pynat
