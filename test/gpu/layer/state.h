// What a test counts and orders, in a file that the test's process and the layer's share: 64-bit integers, in this
// order. test/gpu/emulated-gpu.ts has the same list.
#pragma once
#include <cstddef>
#include <cstdint>

namespace layer {

enum Slot : size_t {
  // Programs that the plugin asked to be built, begun and done. Kernels out of the cache count like others.
  kBuildsBegun,
  kBuildsDone,
  // Those that were compiled, because the cache did not have them.
  kCompiled,
  kEnqueues,
  kAllocations,
  // Of memory that is allocated now: buffers and unified shared memory.
  kBytes,
  // An order to fail: at which calls (`Call`, 0 for none), after how many that still succeed, with which OpenCL error,
  // how often (-1 for ever).
  kFailAt,
  kFailAfter,
  kFailCode,
  kFailTimes,
  // Calls that have failed by order.
  kFailed,
  kSlots,
};

// As bits: an order may be for several.
enum Call : int64_t { kBuild = 1, kEnqueue = 2, kWait = 4, kAllocate = 8 };

void count(Slot slot, int64_t by = 1);

// The error that this call is to give, CL_SUCCESS by default.
int32_t ordered_failure(Call call);

}  // namespace layer
