// Memory for much data that is read from end to end again and again. Decoding was measured to be quicker with weights
// in huge pages, and with the lines ahead prefetched (kAhead), than without.
#pragma once
#include <cstddef>
#include <cstdint>

namespace llm {

class HugeMemory {
 public:
  // Zeroed, aligned to pages, in huge pages where the system has them. Throws std::bad_alloc.
  explicit HugeMemory(size_t bytes);
  ~HugeMemory();
  HugeMemory(const HugeMemory&) = delete;
  HugeMemory& operator=(const HugeMemory&) = delete;

  uint8_t* data() { return data_; }
  const uint8_t* data() const { return data_; }

 private:
  size_t bytes_;
  uint8_t* data_;
};

}  // namespace llm
