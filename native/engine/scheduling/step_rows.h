// With how many rows a step is computed.
#pragma once
#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace llm {

// Which numbers of rows there are. kFine: 1 to 16, then eight per octave. kCoarse: 1, 2, 4, 8, 16, then four per
// octave.
enum class RowSizes { kFine, kCoarse };

// The most rows that rounding adds, plus one.
constexpr size_t coarsest_rows(RowSizes sizes) { return sizes == RowSizes::kFine ? 32 : 128; }

// The next of few sizes. kFine: only steps with more than 16 rows compute more rows than asked
// for, and at most an eighth more.
//
// Why: OpenVINO and oneDNN keep kernels for each number of rows (5,000 and 1,024 of them), and making those of a new
// number takes 5 to 20 ms (SmolLM2). With many requests at once every number comes up sooner or later: the anonymous
// memory of the tiny Llama rose by 90 to 120 MB over 10,000 requests, all of it live (glibc's arenas grew by 52 MB; one
// arena, a trim threshold or other mmap thresholds change nothing), the rest V8's young generation. The paged runner
// fills a step up with a sequence that nobody reads, in a block of its own, and asks for rows of logits twice. The
// caches' capacities (CPU_RUNTIME_CACHE_CAPACITY, ONEDNN_PRIMITIVE_CACHE_CAPACITY) stay as they are.
//
// kCoarse: OpenVINO's plugin for GPUs computes fully connected layers with a kernel for any number of rows, and builds
// one for each number that it meets, on a thread of its own: half a dozen per number (docs/devices.md counts them). So
// there few rows are rounded too, where reading the weights is what takes the time, and more than 16 become at most a
// quarter more.
constexpr size_t rounded_rows(size_t rows, RowSizes sizes) {
  const bool fine = sizes == RowSizes::kFine;
  if (rows <= 16) return fine ? rows : std::bit_ceil(rows);
  const size_t step = std::min(std::bit_floor(rows - 1) / (fine ? 8 : 4), coarsest_rows(sizes));
  return (rows + step - 1) / step * step;
}

// Rows of logits that a step has for tokens of prompts: as many as 64 MiB hold, and at least one.
constexpr size_t prompt_logit_rows(int64_t vocabulary) {
  const size_t row_bytes = sizeof(float) * static_cast<size_t>(std::max<int64_t>(1, vocabulary));
  return std::max<size_t>(1, (size_t{64} << 20) / row_bytes);
}

}  // namespace llm
