#include "kernels/checksum.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

namespace llm {
namespace {

// Odd, so that multiplying loses nothing (2^64 divided by the golden ratio).
constexpr uint64_t kFactor = 0x9e3779b97f4a7c15U;

uint64_t mix(uint64_t sum, uint64_t value) {
  sum = (sum ^ value) * kFactor;
  return sum ^ sum >> 32;
}

// Eight sums beside each other, so that multiplications need not wait for each other.
uint64_t checksum_of(const uint8_t* data, size_t bytes) {
  std::array<uint64_t, 8> sums{1, 2, 3, 4, 5, 6, 7, 8};
  size_t done = 0;
  for (; done + sizeof sums <= bytes; done += sizeof sums) {
    std::array<uint64_t, 8> words;
    std::memcpy(words.data(), data + done, sizeof words);
    for (size_t i = 0; i < sums.size(); ++i) sums[i] = mix(sums[i], words[i]);
  }
  uint64_t sum = bytes;
  for (const uint64_t one : sums) sum = mix(sum, one);
  for (; done < bytes; ++done) sum = mix(sum, data[done]);
  return sum;
}

constexpr size_t kPiece = 4U << 20;  // of the checksum's bytes

}  // namespace

uint64_t checksum_of(const uint8_t* data, size_t bytes, const Threads& threads) {
  struct Work {
    const uint8_t* data;
    size_t bytes;
    std::vector<uint64_t> sums;
  } work{data, bytes, std::vector<uint64_t>((bytes + kPiece - 1) / kPiece)};
  const auto task = [](void* context, size_t index) {
    auto& all = *static_cast<Work*>(context);
    const size_t begin = index * kPiece;
    all.sums[index] = checksum_of(all.data + begin, std::min(kPiece, all.bytes - begin));
  };
  threads.run(work.sums.size(), task, &work);
  uint64_t sum = bytes;
  for (const uint64_t one : work.sums) sum = mix(sum, one);
  return sum;
}

void Fingerprint::add(uint64_t value) { value_ = mix(value_, value); }

void Fingerprint::add(const uint8_t* data, size_t bytes) { add(checksum_of(data, bytes)); }

}  // namespace llm
