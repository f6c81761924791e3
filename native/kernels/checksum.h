// Sums over bytes that tell damaged files and different data apart; nothing against malice.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/matmul.h"

namespace llm {

// 64 bits of everything that was added, in order. Every change of 8 bytes changes it.
class Fingerprint {
 public:
  void add(uint64_t value);
  void add(const uint8_t* data, size_t bytes);
  uint64_t value() const { return value_; }

 private:
  uint64_t value_ = 0x9e3779b97f4a7c15U;
};

// By all threads; the number of threads does not matter.
uint64_t checksum_of(const uint8_t* data, size_t bytes, const Threads& threads);

}  // namespace llm
