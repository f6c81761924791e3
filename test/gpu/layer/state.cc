#include "state.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>

#include "layer.h"

namespace layer {
namespace {

using Slots = std::atomic<int64_t>[kSlots];
static_assert(sizeof(std::atomic<int64_t>) == sizeof(int64_t));

// Without a file that is large enough, nothing is shared.
Slots& slots() {
  static Slots own{};
  static Slots* const shared = [] {
    const char* path = std::getenv("EMULATED_GPU_STATE");
    if (path == nullptr) return &own;
    const int file = open(path, O_RDWR | O_CLOEXEC);
    void* memory = MAP_FAILED;
    if (file >= 0 && lseek(file, 0, SEEK_END) >= static_cast<off_t>(sizeof own)) {
      memory = mmap(nullptr, sizeof own, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    }
    if (file >= 0) close(file);
    return memory == MAP_FAILED ? &own : static_cast<Slots*>(memory);
  }();
  return *shared;
}

}  // namespace

void count(Slot slot, int64_t by) { slots()[slot] += by; }

int32_t ordered_failure(Call call) {
  auto& state = slots();
  if ((state[kFailAt] & call) == 0 || state[kFailTimes] == 0) return CL_SUCCESS;
  if (state[kFailAfter].fetch_sub(1) > 0) return CL_SUCCESS;
  if (state[kFailTimes] > 0) --state[kFailTimes];
  count(kFailed);
  const auto code = static_cast<int32_t>(state[kFailCode]);
  log("call %d fails by order: %d", static_cast<int>(call), code);
  return code;
}

}  // namespace layer
