// How much of a product one task computes.
#pragma once
#include <algorithm>
#include <cstddef>

namespace llm {

// Weights that a task goes through again for each tile of rows: they stay in a core's second-level cache.
constexpr size_t kTaskBytes = 192 * 1024;

// Few tasks when every weight is read once; more, so that a slow core holds nobody up, when there is much to do.
// `unit_bytes` of weights make a unit.
inline size_t units_per_task(size_t units, size_t unit_bytes, size_t threads, bool read_once) {
  const size_t share = (units + threads * 8 - 1) / (threads * 8);
  return std::max<size_t>(1, read_once ? share : std::min(share, kTaskBytes / unit_bytes));
}

}  // namespace llm
