// The arithmetic of time, without clocks: guest and wall microseconds come as arguments.
//
// Holding: how far guest time has run ahead of wall time since holding began (docs/time.md).
// LineRate: when the wire is free for the next frame to the guest.
#pragma once

#include <cstdint>

namespace pynat {

class Holding {
 public:
  // Guest time is not held.
  void rest() { begun_ = false; }

  // How many microseconds of wall time guest time has to wait; 0 when it may go on.
  uint64_t ahead(bool holding, uint64_t guest, uint64_t wall) {
    // Ticks come every 100 us: a larger step is a restored snapshot or a clock set by Bochs.
    const bool jumped = guest < last_ || guest - last_ > JUMP_US;
    last_ = guest;
    if (!holding || !begun_ || jumped) {
      begun_ = holding;
      guest_base_ = guest;
      wall_base_ = wall;
      return 0;
    }
    const int64_t ahead =
        static_cast<int64_t>(guest - guest_base_) - static_cast<int64_t>(wall - wall_base_);
    if (ahead >= 0) return static_cast<uint64_t>(ahead);
    const int64_t lost = -ahead - CREDIT_US;
    if (lost > 0) wall_base_ += static_cast<uint64_t>(lost);
    return 0;
  }

 private:
  // A guest slower than wall time banks nothing but this, which evens out that the kernel's
  // short sleeps last some 50 us longer than asked.
  static constexpr int64_t CREDIT_US = 1000;
  static constexpr uint64_t JUMP_US = 10000;
  bool begun_ = false;
  uint64_t last_ = 0;
  uint64_t guest_base_ = 0;
  uint64_t wall_base_ = 0;
};

class LineRate {
 public:
  // `now` never goes back: see Nic::publish_time().
  bool free(uint64_t now) {
    // Frames leave at ticks, so the wire may catch up what it could not carry in between.
    if (next_free_ + CATCH_UP_NS < now * 1000) next_free_ = now * 1000 - CATCH_UP_NS;
    return next_free_ <= now * 1000;
  }
  void carry(uint32_t bytes, uint32_t megabits_per_second) {
    next_free_ += static_cast<uint64_t>(bytes + OVERHEAD) * 8 * 1000 / megabits_per_second;
  }

 private:
  static constexpr uint32_t OVERHEAD = 24;  // preamble 8, checksum 4, gap 12
  static constexpr uint64_t CATCH_UP_NS = 200000;
  uint64_t next_free_ = 0;  // nanoseconds
};

}  // namespace pynat
