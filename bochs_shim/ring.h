// A bounded lock-free queue of records between one producer thread and one consumer thread.
//
// Each record is a header {length, tag, time} and its bytes, padded to 16, always in one piece:
// where a record does not fit before the end of the storage, a skip marker sends the consumer
// back to the start. `head_` and `tail_` only grow; their difference is what is used. The
// producer owns head_, the consumer owns tail_; each publishes with release and reads the
// other's with acquire. push() says false when there is no room: what to do then (wait, drop,
// count) is the caller's affair. The storage is not touched before it is used, so a large ring
// costs no memory on a quiet NIC.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>

namespace pynat {

struct Record {
  uint32_t length;  // bytes that follow
  uint32_t tag;     // the caller's: log level, or nothing
  uint64_t time;    // the caller's: guest microseconds
  const unsigned char* data() const { return reinterpret_cast<const unsigned char*>(this + 1); }
};

class Ring {
 public:
  // `capacity` must be a power of two.
  explicit Ring(size_t capacity)
      : capacity_(capacity),
        storage_(static_cast<unsigned char*>(::operator new(capacity, std::align_val_t{64}))) {}
  ~Ring() { ::operator delete(storage_, std::align_val_t{64}); }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // Producer.
  bool push(const void* data, uint32_t length, uint32_t tag, uint64_t time) {
    const uint64_t head = head_.load(std::memory_order_relaxed);
    const size_t offset = head & (capacity_ - 1);
    const size_t skip = size_of(length) > capacity_ - offset ? capacity_ - offset : 0;
    if (!has_room(head, skip + size_of(length))) return false;
    if (skip != 0) at(head)->length = SKIP;
    Record* record = at(head + skip);
    *record = Record{length, tag, time};
    std::memcpy(record + 1, data, length);
    head_.store(head + skip + size_of(length), std::memory_order_release);
    note_high_water(head + skip + size_of(length));
    return true;
  }

  // Producer: would push() of that many bytes succeed now?
  bool room_for(uint32_t length) {
    const uint64_t head = head_.load(std::memory_order_relaxed);
    const size_t left = capacity_ - (head & (capacity_ - 1));
    return has_room(head, size_of(length) + (size_of(length) > left ? left : 0));
  }

  // Consumer: the oldest record or nullptr; it stays valid until pop().
  const Record* front() {
    uint64_t tail = tail_.load(std::memory_order_relaxed);
    if (tail == head_.load(std::memory_order_acquire)) return nullptr;
    if (at(tail)->length == SKIP) {
      tail += capacity_ - (tail & (capacity_ - 1));
      tail_.store(tail, std::memory_order_release);
    }
    return at(tail);  // a skip marker is only ever published together with the record after it
  }

  void pop() {
    const Record* record = front();
    if (record == nullptr) return;
    const uint64_t tail = tail_.load(std::memory_order_relaxed);
    tail_.store(tail + size_of(record->length), std::memory_order_release);
  }

  // Anybody, as a snapshot.
  size_t used() const {
    const uint64_t tail = tail_.load(std::memory_order_acquire);
    return static_cast<size_t>(head_.load(std::memory_order_acquire) - tail);
  }
  bool empty() const { return used() == 0; }
  size_t high_water() const { return high_water_.load(std::memory_order_relaxed); }
  size_t capacity() const { return capacity_; }

 private:
  static constexpr uint32_t SKIP = 0xffffffff;
  static size_t size_of(uint32_t length) {
    return sizeof(Record) + ((static_cast<size_t>(length) + 15) & ~static_cast<size_t>(15));
  }
  Record* at(uint64_t position) const {
    return reinterpret_cast<Record*>(storage_ + (position & (capacity_ - 1)));
  }
  bool has_room(uint64_t head, size_t bytes) {
    if (head + bytes - tail_seen_ <= capacity_) return true;
    tail_seen_ = tail_.load(std::memory_order_acquire);
    return head + bytes - tail_seen_ <= capacity_;
  }
  void note_high_water(uint64_t head) {
    const auto used = static_cast<size_t>(head - tail_.load(std::memory_order_relaxed));
    if (used > high_water()) high_water_.store(used, std::memory_order_relaxed);
  }

  const size_t capacity_;
  unsigned char* const storage_;
  alignas(64) std::atomic<uint64_t> head_{0};
  uint64_t tail_seen_ = 0;  // producer's last look at tail_
  std::atomic<size_t> high_water_{0};
  alignas(64) std::atomic<uint64_t> tail_{0};
};

}  // namespace pynat
