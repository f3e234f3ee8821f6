// The interpreter in Bochs's process.
#pragma once

#include <memory>
#include <string>

#include "engine.h"

namespace pynat {

// Starts Python, once in a process; afterwards no thread holds the GIL. On failure says why
// (in lines) in `problem`, every time that it is asked.
bool start_python(std::string& problem);

// Runs the engine in the calling thread until it ends; what goes wrong goes to the NIC's log.
void run_engine(const std::shared_ptr<Nic>& nic, const EngineArguments& arguments);

}  // namespace pynat
