// Does this Bochs export what the plugin calls? (bochs_abi.h)
#pragma once

namespace pynat {

enum class Missing { NOTHING, SERVICES, LOCATOR };

// Says on the log (on stderr where the log itself is missing) what this Bochs lacks.
// SERVICES: a NIC can be had but carries nothing; LOCATOR: not even that.
Missing check_bochs();

}  // namespace pynat
