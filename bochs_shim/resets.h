// Hears when Bochs resets the machine.
#pragma once

namespace pynat {

// From now on, until Bochs takes its devices down, `on_reset` is called on the simulator thread at
// each hardware reset, after the cards' own and also when the machine is switched on. False where
// this Bochs is not known to do that.
bool hear_resets(void (*on_reset)());

}  // namespace pynat
