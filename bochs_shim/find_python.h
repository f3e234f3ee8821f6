// Which Python, and which pynat, belongs to this plugin? Told from where the plugin lies.
#pragma once

#include <string>

namespace pynat {

struct PythonPlace {
  std::string program;       // the interpreter to be; "" when none was found
  std::string package_root;  // the directory that holds the package the plugin lies in
};

std::string own_path();  // of this plugin, links resolved; "" when the loader does not know
PythonPlace find_python(const std::string& plugin_path);

}  // namespace pynat
