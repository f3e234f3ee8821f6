// SIGTERM and SIGHUP, which end Bochs on the spot where its display takes them not: the networks
// end first, as at a power-off, and then Bochs does, of the same signal.
//
// The handler writes to a pipe and no more; a thread reads there, asks the engines to end and
// waits for them. The simulator goes on meanwhile. A disposition other than the default is
// somebody else's (SDL, the display term, nohup) and stays.
#pragma once

#include <cstdint>
#include <memory>

#include "nic.h"

namespace pynat {

constexpr uint64_t END_LIMIT_US = 8000000;  // of an engine; pynat.config.LINGER is within it

// Simulator thread; the library must stay in memory from here on.
void end_with_signals(const std::shared_ptr<Nic>& nic) noexcept;

}  // namespace pynat
