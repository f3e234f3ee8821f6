// The few lines of Python that call the engine and say what went wrong, in the NIC's log.
//
// They live here and not in the package because the package may be what is missing.
#pragma once

namespace pynat {

constexpr const char* BOOTSTRAP = R"python(
import importlib, os, sys, traceback

ERROR = 2
GOES_ON = "the guest has no network from here on; Bochs goes on"


def run(port, entry, root):
    try:
        serve = load(entry, root)
    except BaseException as error:
        report(port, error)
        port.log(ERROR, f"pynat: the network engine does not load with {sys.executable}, Python "
                 f"{sys.version.split()[0]}; install it anew, `{sys.executable} -m pip install "
                 f"--force-reinstall bochs-pynat` (in a source tree: `make build`); {GOES_ON}")
        return
    try:
        serve(port)
    except BaseException as error:
        report(port, error)
        port.log(ERROR, f"pynat: the network engine stopped with the error above; {GOES_ON}")


def load(entry, root):
    module_name, _, function = entry.partition(":")
    package_name = module_name.partition(".")[0]
    ours = os.path.realpath(os.path.join(root, package_name))
    if root not in map(os.path.realpath, sys.path):
        sys.path.insert(0, root)
    package = importlib.import_module(package_name)
    found = os.path.dirname(os.path.realpath(package.__file__ or ""))
    if os.path.isdir(ours) and found != ours:
        raise ImportError(f"{package_name} was imported from {found}, but the plugin that Bochs "
                          f"loaded belongs to {ours}: uninstall one of the two")
    return getattr(importlib.import_module(module_name), function)


def report(port, error):
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    port.log(ERROR, "pynat: " + "".join(
        traceback.format_exception(type(error), error, trace)).rstrip())
)python";

}  // namespace pynat
