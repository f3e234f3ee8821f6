// The engine of one NIC: a thread that runs Python, and how it is started and ended.
//
// Python starts with the first NIC of the process and is never finalised: Bochs may have left
// Python's callers by longjmp, after which finalising hangs. For the same reason the simulator
// thread takes the GIL for nothing but starting Python.
#pragma once

#include <pthread.h>

#include <memory>
#include <string>

#include "nic.h"

namespace pynat {

struct EngineArguments {
  std::string script, ethdev, mac;  // mac: 6 raw bytes
};

class Engine {
 public:
  // Starts the thread, and Python where it does not run yet. What goes wrong is in the NIC's
  // log ring; the NIC is then stopped, that is, it drops and counts.
  static Engine* start(const std::shared_ptr<Nic>& nic, const EngineArguments& arguments) noexcept;
  void join();    // only after Nic::wait_ended() said that it has
  void detach();  // it did not end in time

 private:
  pthread_t thread_{};
};

}  // namespace pynat
