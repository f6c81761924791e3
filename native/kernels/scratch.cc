#include "kernels/scratch.h"

#include <utility>

namespace llm {
namespace {

constexpr size_t kLine = 64;

struct Kept {
  std::unique_ptr<uint8_t[]> memory;
  size_t bytes = 0;
};

thread_local Kept kept;

}  // namespace

Scratch::Scratch(size_t bytes) : memory_(std::move(kept.memory)), bytes_(std::exchange(kept.bytes, 0)) {
  const size_t needed = bytes + kLine;
  if (needed <= bytes_) return;
  memory_.reset();
  bytes_ = needed + bytes / 4;  // the next one may be somewhat larger
  memory_ = std::make_unique_for_overwrite<uint8_t[]>(bytes_);
}

Scratch::~Scratch() {
  if (bytes_ <= kept.bytes) return;
  kept.memory = std::move(memory_);
  kept.bytes = bytes_;
}

uint8_t* Scratch::data() {
  const auto address = reinterpret_cast<uintptr_t>(memory_.get());
  return memory_.get() + (kLine - address % kLine) % kLine;
}

}  // namespace llm
