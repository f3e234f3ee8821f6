// The class Port, on pybind11. Only the engine's threads come here, and always with the GIL.
//
// receive() and send() build and read Python objects with the C API directly: they run once per
// frame. Time crosses the border as float seconds and is rounded up where it is a deadline, so
// that a timer never finds the clock short of what it asked for.
#include "port_module.h"

#include <pybind11/pybind11.h>

#include <cmath>

namespace py = pybind11;

namespace pynat {

namespace {

class Port {
 public:
  Port(std::shared_ptr<Nic> nic, EngineArguments arguments)
      : nic_(std::move(nic)), arguments_(std::move(arguments)) {}

  int doorbell() const { return nic_->doorbell_fd(); }
  py::str script() const { return path_text(arguments_.script); }
  py::str ethdev() const { return path_text(arguments_.ethdev); }
  py::bytes mac() const { return py::bytes(arguments_.mac); }
  bool closing() const { return nic_->closing(); }
  uint32_t speed() const { return nic_->megabits(); }
  py::object refuses_since() const {
    const uint64_t since = nic_->refuses_since();
    if (since == NEVER) return py::none();
    return py::float_(static_cast<double>(since) / 1e6);
  }
  uint32_t resets() const { return nic_->resets(); }
  py::list lost();
  double now() const { return static_cast<double>(nic_->guest_us()) / 1e6; }
  void log(int level, std::string_view text) { nic_->log(static_cast<LogLevel>(level), text); }
  void ready() { nic_->ready(); }

  py::list receive(uint32_t limit);
  size_t send(const py::list& frames);
  void done(double hold_until, const py::object& timer);
  void policy(const std::string& text);
  py::dict stats() const;

 private:
  // As os.fsdecode: a script's path need not be UTF-8.
  static py::str path_text(const std::string& bytes) {
    PyObject* text =
        PyUnicode_DecodeFSDefaultAndSize(bytes.data(), static_cast<Py_ssize_t>(bytes.size()));
    if (text == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::str>(text);
  }

  const std::shared_ptr<Nic> nic_;
  const EngineArguments arguments_;
};

py::object frame_item(const Record& record) {
  const py::bytes frame(reinterpret_cast<const char*>(record.data()), record.length);
  return py::reinterpret_steal<py::object>(
      Py_BuildValue("(dO)", static_cast<double>(record.time) / 1e6, frame.ptr()));
}

py::list Port::receive(uint32_t limit) {
  py::list frames;
  nic_->receive(limit, [&](const Record& record) {
    const py::object item = frame_item(record);
    if (!item || PyList_Append(frames.ptr(), item.ptr()) != 0) throw py::error_already_set();
  });
  return frames;
}

py::list Port::lost() {
  py::list frames;
  nic_->lost([&](const Record& record) { frames.append(frame_item(record)); });
  return frames;
}

size_t Port::send(const py::list& frames) {
  size_t queued = 0;
  for (const py::handle frame : frames) {
    char* data;
    Py_ssize_t length;
    if (PyBytes_AsStringAndSize(frame.ptr(), &data, &length) != 0) throw py::error_already_set();
    queued += nic_->to_guest(data, static_cast<uint32_t>(length)) ? 1 : 0;
  }
  if (queued != 0) nic_->announce();
  return queued;
}

uint64_t to_us(double seconds) {
  if (std::isnan(seconds)) throw py::value_error("a time is not a number");
  if (seconds <= 0) return 0;
  const double us = std::ceil(seconds * 1e6);
  return us >= 1.8e19 ? UINT64_MAX : static_cast<uint64_t>(us);
}

void Port::done(double hold_until, const py::object& timer) {
  nic_->done(to_us(hold_until), timer.is_none() ? NEVER : to_us(timer.cast<double>()));
}

void Port::policy(const std::string& text) {
  if (text == "auto") {
    nic_->set_policy(Policy::AUTO);
  } else if (text == "always") {
    nic_->set_policy(Policy::ALWAYS);
  } else if (text == "never") {
    nic_->set_policy(Policy::NEVER);
  } else if (text == "step") {
    nic_->set_policy(Policy::STEP);
  } else {
    throw py::value_error("the policy is auto, always, never or step, not " + text);
  }
}

py::dict Port::stats() const {
  py::dict all;
  nic_->counters().each([&](const char* name, uint64_t value) { all[name] = value; });
  all["guest_us"] = nic_->published_us();
  all["ring_to_engine_used"] = nic_->ring_to_engine().used();
  all["ring_to_engine_high_water"] = nic_->ring_to_engine().high_water();
  all["ring_to_guest_used"] = nic_->ring_to_guest().used();
  all["ring_to_guest_high_water"] = nic_->ring_to_guest().high_water();
  return all;
}

}  // namespace

PYBIND11_MODULE(_pynat_bochs, module) {
  module.doc() = "One emulated network card of Bochs, as the engine sees it.";
  py::class_<Port> port(module, "Port");
  port.def_property_readonly("doorbell", &Port::doorbell)
      .def_property_readonly("script", &Port::script)
      .def_property_readonly("ethdev", &Port::ethdev)
      .def_property_readonly("mac", &Port::mac)
      .def_property_readonly("closing", &Port::closing)
      .def_property_readonly("speed", &Port::speed)
      .def_property_readonly("refuses_since", &Port::refuses_since)
      .def_property_readonly("resets", &Port::resets)
      .def("lost", &Port::lost)
      .def("now", &Port::now)
      .def("receive", &Port::receive, py::arg("limit"))
      .def("send", &Port::send, py::arg("frames"))
      .def("done", &Port::done, py::arg("hold_until"), py::arg("timer"))
      .def("policy", &Port::policy, py::arg("text"))
      .def("log", &Port::log, py::arg("level"), py::arg("text"))
      .def("ready", &Port::ready)
      .def("stats", &Port::stats);
  for (const auto* name : {"receive_runs", "send_runs"}) {
    port.attr(name) = py::none();  // Bochs has frames one by one
  }
}

PyObject* init_port_module() { return PyInit__pynat_bochs(); }

PyObject* new_port(const std::shared_ptr<Nic>& nic, const EngineArguments& arguments) {
  PyObject* module = PyImport_ImportModule(PORT_MODULE);
  if (module == nullptr) return nullptr;
  Py_DECREF(module);
  try {
    return py::cast(new Port(nic, arguments), py::return_value_policy::take_ownership)
        .release()
        .ptr();
  } catch (py::error_already_set& error) {
    error.restore();
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  }
  return nullptr;
}

}  // namespace pynat
