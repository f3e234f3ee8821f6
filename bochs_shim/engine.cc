// See engine.h.
#include "engine.h"

#include <signal.h>

#include <system_error>

#include "python_host.h"

namespace pynat {

namespace {

constexpr size_t STACK = 8 << 20;  // CPython's recursion limit counts on it

struct Start {
  std::shared_ptr<Nic> nic;
  EngineArguments arguments;
};

void* engine_main(void* raw) {
  const std::unique_ptr<Start> start(static_cast<Start*>(raw));
  run_engine(start->nic, start->arguments);
  start->nic->stopped();
  start->nic->ended();
  return nullptr;
}

// Bochs's signal handlers are for the simulator thread: helpers start with all signals blocked
// but those that a thread causes itself.
int create_blocked(pthread_t* thread, Start* start) {
  sigset_t all, before;
  sigfillset(&all);
  for (int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP}) sigdelset(&all, own);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, STACK);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int error = pthread_create(thread, &attributes, engine_main, start);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  return error;
}

}  // namespace

Engine* Engine::start(const std::shared_ptr<Nic>& nic, const EngineArguments& arguments) noexcept {
  std::string problem;
  try {
    if (start_python(problem)) {
      auto engine = std::make_unique<Engine>();
      auto start = std::make_unique<Start>(Start{nic, arguments});
      const int error = create_blocked(&engine->thread_, start.get());
      if (error != 0) throw std::system_error(error, std::generic_category(), "pthread_create");
      static_cast<void>(start.release());  // the thread's from now on
      return engine.release();
    }
  } catch (const std::exception& error) {
    problem = std::string("pynat: the network engine does not start: ") + error.what();
  }
  nic->log(LOG_ERROR, problem);
  nic->stopped();
  return nullptr;
}

void Engine::join() { pthread_join(thread_, nullptr); }
void Engine::detach() { pthread_detach(thread_); }

}  // namespace pynat
