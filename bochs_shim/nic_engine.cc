// The engine thread's side of a NIC: see nic.h.
#include "nic.h"

namespace pynat {

namespace {

constexpr size_t LOG_PIECE = 900;  // bytes of a line; longer ones go on in the next

}  // namespace

std::shared_ptr<Nic> make_nic(const Simulator& simulator, Sleeper& sleeper) {
  return std::make_shared<Nic>(simulator, sleeper);
}

// True when nothing was asked since `seen`, or when somebody who asked has rung.
bool Nic::arm_doorbell(uint64_t seen) {
  armed_.store(true);
  if (asked_.load() == seen) return true;
  return !armed_.exchange(false);
}

// In step a frame that came after the last tick is not there yet.
bool Nic::may_receive(uint64_t asked) {
  if (!in_step()) return true;
  return done_.load() < asked;
}

// In step the engine owes its first turn, which it does by itself, before the guest starts.
void Nic::set_policy(Policy policy) {
  policy_.store(policy);
  if (policy == Policy::STEP) asked_.fetch_add(1);
}

bool Nic::to_guest(const void* frame, uint32_t length) {
  if (length < MIN_FRAME) return counters_.drop_too_short.add(), false;
  if (length > MAX_TO_GUEST) return counters_.drop_too_long.add(), false;
  if (!to_guest_.push(frame, length, resets_seen_, guest_us())) {
    return counters_.drop_to_guest_full.add(), false;
  }
  return true;
}

void Nic::announce() { sleeper_.changed(); }

void Nic::done(uint64_t hold_until, uint64_t deadline) {
  const bool news = hold_until != hold_until_.load() || deadline != deadline_.load();
  hold_until_.store(hold_until);
  deadline_.store(deadline);
  done_.store(covered_);
  if (news) sleeper_.changed();
  sleeper_.wake(Sleeper::PROGRESS);
}

void Nic::log(LogLevel level, std::string_view text) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    do {
      const std::string_view piece = line.substr(0, LOG_PIECE);
      line.remove_prefix(piece.size());
      if (!log_.push(piece.data(), static_cast<uint32_t>(piece.size()), level, guest_us())) {
        counters_.log_lines_lost.add();
      }
    } while (!line.empty());
  }
}

void Nic::ready() {
  ready_.store(true);
  sleeper_.wake(Sleeper::PROGRESS);
}

void Nic::stopped() {
  stopped_.store(true);
  for (; to_engine_.front() != nullptr; to_engine_.pop()) counters_.drop_engine_stopped.add();
  sleeper_.changed();
  sleeper_.wake(Sleeper::PROGRESS);
}

void Nic::ended() {
  ended_.store(true);
  sleeper_.wake(Sleeper::PROGRESS);
}

}  // namespace pynat
