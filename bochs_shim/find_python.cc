// The environment that pynat is installed in, from the plugin's own path:
//
//   <venv>/lib/python3.11/site-packages/pynat/plugin/libbx_eth_pynat.so
//     a pyvenv.cfg in a directory above        -> <venv>/bin/python
//   <prefix>/lib/python3.11/{site,dist}-packages/pynat/plugin/...
//     and there is a <prefix>/bin/python3.11   -> that
//   anything else (a source tree, Debian's dist-packages, a home directory)
//                                              -> PYNAT_BUILD_PYTHON (setup.py says which)
//
// Python derives its prefix, its library and its sys.path from that program's name, as it would
// had the program been started. So no environment variable is needed.
#include "find_python.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef PYNAT_BUILD_PYTHON
#error "PYNAT_BUILD_PYTHON, the path of a Python that outlives the build, must be defined"
#endif
#ifndef PYNAT_PYTHON_NAME
#error "PYNAT_PYTHON_NAME, like python3.11, must be defined"
#endif

namespace pynat {

namespace {

std::string parent(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

std::string name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

bool executable(const std::string& path) { return access(path.c_str(), X_OK) == 0; }

std::string in_venv(const std::string& start) {
  for (std::string directory = start; !directory.empty(); directory = parent(directory)) {
    if (access((directory + "/pyvenv.cfg").c_str(), R_OK) != 0) continue;
    const std::string program = directory + "/bin/python";
    if (executable(program)) return program;
  }
  return "";
}

std::string in_prefix(const std::string& packages) {
  const std::string library = parent(packages);  // <prefix>/lib/python3.11
  if (name(packages) != "site-packages" && name(packages) != "dist-packages") return "";
  if (name(library) != PYNAT_PYTHON_NAME) return "";
  const std::string program = parent(parent(library)) + "/bin/" PYNAT_PYTHON_NAME;
  return executable(program) ? program : "";
}

}  // namespace

std::string own_path() {
  static const char here = 0;
  Dl_info info;
  if (dladdr(&here, &info) == 0 || info.dli_fname == nullptr) return "";
  char* resolved = realpath(info.dli_fname, nullptr);
  if (resolved == nullptr) return "";
  std::string path(resolved);
  free(resolved);
  return path;
}

PythonPlace find_python(const std::string& plugin_path) {
  PythonPlace place;
  place.package_root = parent(parent(parent(plugin_path)));
  place.program = in_venv(place.package_root);
  if (place.program.empty()) place.program = in_prefix(place.package_root);
  if (place.program.empty() && executable(PYNAT_BUILD_PYTHON)) place.program = PYNAT_BUILD_PYTHON;
  return place;
}

}  // namespace pynat
