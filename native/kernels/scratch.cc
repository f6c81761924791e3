#include "kernels/scratch.h"

#include <array>
#include <utility>

namespace llm {
namespace {

constexpr size_t kLine = 64;

struct Kept {
  std::unique_ptr<uint8_t[]> memory;
  size_t bytes = 0;
};

// Calls within calls go no deeper.
constexpr size_t kMost = 4;

// The last one is for the next call: so a call within a call finds what it had the last time.
thread_local std::array<Kept, kMost> kept;
thread_local size_t count = 0;

}  // namespace

Scratch::Scratch(size_t bytes) {
  if (count > 0) {
    --count;
    memory_ = std::move(kept[count].memory);
    bytes_ = kept[count].bytes;
  }
  const size_t needed = bytes + kLine;
  if (needed <= bytes_) return;
  memory_.reset();
  bytes_ = needed + bytes / 4;  // the next one may be somewhat larger
  memory_ = std::make_unique_for_overwrite<uint8_t[]>(bytes_);
}

Scratch::~Scratch() {
  if (count < kMost) kept[count++] = {std::move(memory_), bytes_};
}

uint8_t* Scratch::data() {
  const auto address = reinterpret_cast<uintptr_t>(memory_.get());
  return memory_.get() + (kLine - address % kLine) % kLine;
}

}  // namespace llm
