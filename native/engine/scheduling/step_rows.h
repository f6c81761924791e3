// With how many rows a step is computed.
#pragma once
#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace llm {

// The most rows that rounding adds, plus one.
inline constexpr size_t kCoarsestRows = 32;

// The next of few sizes: 1 to 16, then eight per octave. Only steps with more than 16 rows compute more rows than asked
// for, and at most an eighth more.
//
// Why: OpenVINO and oneDNN keep kernels for each number of rows (5,000 and 1,024 of them), and making those of a new
// number takes 5 to 20 ms (SmolLM2). With many requests at once every number comes up sooner or later: the anonymous
// memory of the tiny Llama rose by 90 to 120 MB over 10,000 requests, all of it live (glibc's arenas grew by 52 MB; one
// arena, a trim threshold or other mmap thresholds change nothing), the rest V8's young generation. The paged runner
// fills a step up with a sequence that nobody reads, in a block of its own, and asks for rows of logits twice. The
// caches' capacities (CPU_RUNTIME_CACHE_CAPACITY, ONEDNN_PRIMITIVE_CACHE_CAPACITY) stay as they are.
constexpr size_t rounded_rows(size_t rows) {
  if (rows <= 16) return rows;
  const size_t step = std::min(std::bit_floor(rows - 1) / 8, kCoarsestRows);
  return (rows + step - 1) / step * step;
}

// Rows of logits that a step has for tokens of prompts: as many as 64 MiB hold, and at least one.
constexpr size_t prompt_logit_rows(int64_t vocabulary) {
  const size_t row_bytes = sizeof(float) * static_cast<size_t>(std::max<int64_t>(1, vocabulary));
  return std::max<size_t>(1, (size_t{64} << 20) / row_bytes);
}

}  // namespace llm
