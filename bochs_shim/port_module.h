// The module _pynat_bochs with its class Port: the NIC as Python sees it (docs/shim.md).
#pragma once

#include <memory>

#include "engine.h"

using PyObject = struct _object;  // NOLINT(bugprone-reserved-identifier): Python's own name

namespace pynat {

constexpr const char* PORT_MODULE = "_pynat_bochs";

PyObject* init_port_module();  // for PyImport_AppendInittab

// A new reference, or nullptr with a Python error set. Needs the GIL.
PyObject* new_port(const std::shared_ptr<Nic>& nic, const EngineArguments& arguments);

}  // namespace pynat
