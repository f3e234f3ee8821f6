// Starting Python inside Bochs, and calling the engine in it.
//
// Bochs opens plugins with RTLD_LOCAL, so libpython's symbols are hidden from extension modules,
// which leave them undefined; opening libpython once more with RTLD_GLOBAL makes `import ssl`
// and the like work. Python touches neither Bochs's signal handlers nor its locale nor its C
// streams. The interpreter is never finalised, so this library must stay in memory once Python
// knows addresses in it: it is pinned, which Bochs's dlclose does not notice.
#include "python_host.h"

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <dlfcn.h>
#include <stdlib.h>

#include "bootstrap.h"
#include "find_python.h"
#include "port_module.h"

#ifndef PYNAT_ENTRY
#define PYNAT_ENTRY "pynat.serve.bochs:serve"
#endif

namespace pynat {

namespace {

void pin(const std::string& path) { dlopen(path.c_str(), RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE); }

std::string promote_libpython() {
  Dl_info info;
  if (dladdr(reinterpret_cast<void*>(&Py_IsInitialized), &info) == 0) return "";
  dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL);
  return info.dli_fname;
}

PyStatus configure(PyConfig& config, const std::string& program) {
  unsetenv("PYTHONHOME");  // it is for another Python: ours is found from the plugin's own path
  PyPreConfig before;
  PyPreConfig_InitPythonConfig(&before);
  before.utf8_mode = 1;
  before.parse_argv = 0;
  before.configure_locale = 0;
  before.coerce_c_locale = 0;
  PyStatus status = Py_PreInitialize(&before);
  if (PyStatus_Exception(status)) return status;
  PyConfig_InitPythonConfig(&config);
  config.parse_argv = 0;
  config.install_signal_handlers = 0;
  config.configure_c_stdio = 0;
  config.buffered_stdio = 0;  // nobody flushes at the end
  if (program.empty()) return status;
  return PyConfig_SetBytesString(&config, &config.program_name, program.c_str());
}

std::string explain(const PyStatus& status, const PythonPlace& place, const std::string& library) {
  std::string text = "pynat: Python does not start";
  if (status.err_msg != nullptr) text += std::string(": ") + status.err_msg;
  if (status.func != nullptr) text += std::string(" (in ") + status.func + ")";
  text += "\npynat: it was to run as " + (place.program.empty() ? "(none found)" : place.program) +
          " with " + library + ", for " + place.package_root + "/pynat";
  text +=
      "\npynat: install bochs-pynat again with the Python that it should use, and look for odd "
      "PYTHON... variables in the environment; the guest has no network, Bochs goes on";
  return text;
}

// On success the calling thread holds the GIL.
std::string initialise() {
  if (Py_IsInitialized()) return "pynat: Python already runs in this process, and not for pynat";
  const std::string path = own_path();
  const PythonPlace place = find_python(path);
  pin(path);
  const std::string library = promote_libpython();
  if (PyImport_AppendInittab(PORT_MODULE, init_port_module) != 0) return "pynat: out of memory";
  PyConfig config{};
  PyStatus status = configure(config, place.program);
  if (!PyStatus_Exception(status)) status = Py_InitializeFromConfig(&config);
  PyConfig_Clear(&config);
  return PyStatus_Exception(status) ? explain(status, place, library) : "";
}

// For trouble in the bootstrap itself; what the engine raises never comes here.
void log_python_error(Nic& nic, const char* what) {
  PyErr_Print();
  nic.log(LOG_ERROR, std::string("pynat: ") + what + " failed: see stderr");
}

PyObject* load_bootstrap() {
  PyObject* code = Py_CompileString(BOOTSTRAP, "<pynat bootstrap>", Py_file_input);
  if (code == nullptr) return nullptr;
  PyObject* module = PyImport_ExecCodeModule("_pynat_bootstrap", code);
  Py_DECREF(code);
  return module;
}

}  // namespace

bool start_python(std::string& problem) {
  static bool tried = false;
  static auto* const failure = new std::string;
  if (!tried) {
    tried = true;
    *failure = initialise();
    if (failure->empty()) {
      // Python's main thread is the one that imports threading; the others are its guests.
      PyObject* threading = PyImport_ImportModule("threading");
      if (threading == nullptr) PyErr_Clear();
      Py_XDECREF(threading);
      PyEval_SaveThread();
    }
  }
  problem = *failure;
  return problem.empty();
}

void run_engine(const std::shared_ptr<Nic>& nic, const EngineArguments& arguments) {
  const PyGILState_STATE state = PyGILState_Ensure();
  PyObject* bootstrap = load_bootstrap();
  PyObject* port = bootstrap == nullptr ? nullptr : new_port(nic, arguments);
  PyObject* result = nullptr;
  if (port != nullptr) {
    const std::string root = find_python(own_path()).package_root;
    result = PyObject_CallMethod(bootstrap, "run", "Oss", port, PYNAT_ENTRY, root.c_str());
  }
  if (result == nullptr) {
    log_python_error(*nic, "starting the engine");
  } else if (nic->is_ready() && !nic->is_stopped() && !nic->closing()) {
    nic->log(LOG_ERROR,
             "pynat: the network engine returned; the guest has no network from here on");
  }
  Py_XDECREF(result);
  Py_XDECREF(port);
  Py_XDECREF(bootstrap);
  PyGILState_Release(state);
}

}  // namespace pynat
