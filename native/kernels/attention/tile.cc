#include "kernels/attention/tile.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace llm {
namespace {

constexpr float kNothing = -std::numeric_limits<float>::infinity();
constexpr size_t kRangeTokens = kRangeBlocks * kBlockTokens;

// Asks for memory that is read soon: the processor's own guesses end at each page, and a block is smaller than one.
// The kernels ask for the numbers themselves, this for the scales behind them.
inline void prefetch_from([[maybe_unused]] const uint8_t* memory, [[maybe_unused]] size_t begin,
                          [[maybe_unused]] size_t end) {
#if defined(__GNUC__)
  for (size_t i = begin; i < end; i += 64) __builtin_prefetch(memory + i);
#endif
}

// exp(score - largest) where nothing was seen is 0 for each score of -infinity, and no number for none.
float anchor(float largest) { return largest == kNothing ? 0.F : largest; }

struct Rows {
  size_t count;
  float* queries;  // [count, key_width], times the scale
  float* scores;   // [count, kRangeTokens]
  float* largest;  // the part's
  float* sums;
  float* values;
  float* widened;  // a block in f32, where many rows use it
  float* folded;   // a row of queries or weights for a block of u8
  float* offsets;  // [count]: what is added to all values of a row
};

class Tile {
 public:
  Tile(const AttentionKernel& kernel, const AttentionTile& tile, float* part, float* memory)
      : kernel_(kernel), tile_(tile), shape_(tile.shape), ratio_(shape_.heads / shape_.kv_heads) {
    rows_.count = tile.tokens * ratio_;
    rows_.queries = memory;
    rows_.scores = rows_.queries + rows_.count * shape_.key_width;
    rows_.folded = rows_.scores + rows_.count * kRangeTokens;
    rows_.offsets = rows_.folded + std::min(rows_.count, kernel.tile_rows) * std::max(shape_.key_width, kBlockTokens);
    rows_.widened = rows_.offsets + rows_.count;
    rows_.largest = part;
    rows_.sums = part + rows_.count;
    rows_.values = rows_.sums + rows_.count;
    wide_ = rows_.count > kernel.tile_rows;
    std::fill_n(rows_.largest, rows_.count, kNothing);
    std::fill_n(rows_.sums, rows_.count, 0.F);
    std::fill_n(rows_.values, rows_.count * shape_.value_width, 0.F);
    std::fill_n(rows_.offsets, rows_.count, 0.F);
    copy_queries();
  }

  void run() {
    for (size_t begin = tile_.begin; begin < tile_.end; begin += kRangeBlocks) {
      const size_t end = std::min(tile_.end, begin + kRangeBlocks);
      const size_t first = begin * kBlockTokens;
      const size_t last = std::min(end * kBlockTokens, tile_.position + tile_.tokens);
      for (size_t block = begin; block < end; ++block) score(block, (block - begin) * kBlockTokens);
      for (size_t row = 0; row < rows_.count; ++row) soften(row, first, last);
      for (size_t block = begin; block < end; ++block) weigh(block, (block - begin) * kBlockTokens, last);
    }
    for (size_t row = 0; row < rows_.count; ++row) {
      float* values = rows_.values + row * shape_.value_width;
      for (size_t i = 0; i < shape_.value_width; ++i) values[i] += rows_.offsets[row];
    }
  }

 private:
  size_t index_of(size_t block) const {
    return static_cast<size_t>(tile_.table[block]) * shape_.kv_heads + tile_.kv_head;
  }
  const uint8_t* keys(size_t block) const {
    return tile_.key_cache + index_of(block) * key_block_bytes(shape_.key_type, shape_.key_width);
  }
  const uint8_t* values(size_t block) const {
    return tile_.value_cache + index_of(block) * value_block_bytes(shape_.value_type, shape_.value_width);
  }

  void copy_queries() {
    for (size_t row = 0; row < rows_.count; ++row) {
      const size_t head = tile_.kv_head * ratio_ + row % ratio_;
      const float* from = tile_.queries + (row / ratio_ * shape_.heads + head) * shape_.key_width;
      float* to = rows_.queries + row * shape_.key_width;
      for (size_t i = 0; i < shape_.key_width; ++i) to[i] = from[i] * shape_.scale;
    }
  }

  // Scores of all rows with a block, at `column` of each row.
  void score(size_t block, size_t column) {
    const size_t width = shape_.key_width;
    const uint8_t* stored = keys(block);
    const uint8_t* next = block + 1 < tile_.end ? keys(block + 1) : nullptr;
    float* scores = rows_.scores + column;
    RowsProduct product{rows_.queries, width,        rows_.count, stored,       kBlockTokens,
                        width,         kBlockTokens, scores,      kRangeTokens, wide_ ? nullptr : next};
    KvType type = shape_.key_type;
    if (next != nullptr) prefetch_from(next, kBlockTokens * width * element_bytes(type), key_block_bytes(type, width));
    const bool folds = type == KvType::kU8 && !wide_;
    const auto* scales = reinterpret_cast<const float*>(stored + kBlockTokens * width);
    for (size_t row = 0; row < rows_.count; ++row) {
      float start = 0;
      if (folds) {
        start = kernel_.fold(rows_.queries + row * width, scales, scales + width, width, rows_.folded + row * width);
      }
      std::fill_n(scores + row * kRangeTokens, kBlockTokens, start);
    }
    if (folds) product.a = rows_.folded;
    if (wide_ && type != KvType::kF32) {
      if (type == KvType::kF16) {
        kernel_.widen_halves(reinterpret_cast<const uint16_t*>(stored), width * kBlockTokens, rows_.widened);
      } else {
        kernel_.widen_bytes(stored, scales, scales + width, width, kBlockTokens, rows_.widened);
      }
      product.b = rows_.widened;
      type = KvType::kF32;
    }
    kernel_.products[static_cast<size_t>(type)](product);
  }

  // Scores of the tokens from `first` to `last` become weights.
  void soften(size_t row, size_t first, size_t last) {
    float* scores = rows_.scores + row * kRangeTokens;
    const size_t position = tile_.position + row / ratio_;
    const size_t from = std::max(first, first_key(shape_, position));
    const size_t to = std::min(last, position + 1);
    if (from >= to) {
      std::fill_n(scores, last - first, 0.F);
      return;
    }
    if (!shape_.slopes.empty()) {
      const float slope = shape_.slopes[tile_.kv_head * ratio_ + row % ratio_];
      for (size_t i = from; i < to; ++i) scores[i - first] -= slope * static_cast<float>(position - i);
    }
    std::fill(scores, scores + (from - first), 0.F);
    std::fill(scores + (to - first), scores + (last - first), 0.F);
    float* seen = scores + (from - first);
    const float largest = std::max(rows_.largest[row], kernel_.largest(seen, to - from));
    if (largest > rows_.largest[row]) {
      if (rows_.largest[row] != kNothing) shrink(row, std::exp(rows_.largest[row] - largest));
      rows_.largest[row] = largest;
    }
    rows_.sums[row] += kernel_.exponentials(seen, to - from, anchor(largest));
  }

  void shrink(size_t row, float by) {
    rows_.sums[row] *= by;
    rows_.offsets[row] *= by;
    float* values = rows_.values + row * shape_.value_width;
    for (size_t i = 0; i < shape_.value_width; ++i) values[i] *= by;
  }

  // Adds the values of a block's tokens before `last`. What lies behind them is no number, maybe.
  void weigh(size_t block, size_t column, size_t last) {
    const size_t width = shape_.value_width;
    const size_t count = std::min(kBlockTokens, last - block * kBlockTokens);
    const uint8_t* stored = values(block);
    const uint8_t* next = block + 1 < tile_.end ? values(block + 1) : nullptr;
    RowsProduct product{rows_.scores + column, kRangeTokens, rows_.count,           stored, width, count, width,
                        rows_.values,          width,        wide_ ? nullptr : next};
    KvType type = shape_.value_type;
    if (next != nullptr) {
      prefetch_from(next, kBlockTokens * width * element_bytes(type), value_block_bytes(type, width));
    }
    if (type == KvType::kU8) {
      const auto* scales = reinterpret_cast<const float*>(stored + kBlockTokens * width);
      const float* leasts = scales + kBlockTokens;
      if (wide_) {
        kernel_.widen_bytes(stored, scales, leasts, count, width, rows_.widened);
        product.b = rows_.widened;
        type = KvType::kF32;
      } else {
        for (size_t row = 0; row < rows_.count; ++row) {
          rows_.offsets[row] += kernel_.fold(rows_.scores + row * kRangeTokens + column, scales, leasts, count,
                                             rows_.folded + row * kBlockTokens);
        }
        product.a = rows_.folded;
        product.a_stride = kBlockTokens;
      }
    } else if (type == KvType::kF16 && wide_) {
      kernel_.widen_halves(reinterpret_cast<const uint16_t*>(stored), count * width, rows_.widened);
      product.b = rows_.widened;
      type = KvType::kF32;
    }
    kernel_.products[static_cast<size_t>(type)](product);
  }

  const AttentionKernel& kernel_;
  const AttentionTile& tile_;
  const AttentionShape& shape_;
  size_t ratio_;
  bool wide_ = false;  // a block is used for several tiles of rows, so it becomes f32 first
  Rows rows_{};
};

}  // namespace

size_t tile_memory(const AttentionShape& shape, size_t rows) {
  const size_t widened = kBlockTokens * std::max(shape.key_width, shape.value_width);
  const size_t folded = rows * std::max(shape.key_width, kBlockTokens);
  return (rows * (shape.key_width + kRangeTokens + 1) + folded + widened) * sizeof(float);
}

void attend_tile(const AttentionKernel& kernel, const AttentionTile& tile, float* part, float* memory) {
  Tile(kernel, tile, part, memory).run();
}

void join(const AttentionShape& shape, size_t kv_head, size_t rows, AttentionParts parts, float* out) {
  const size_t ratio = shape.heads / shape.kv_heads;
  const size_t width = shape.value_width;
  const size_t size = part_size(shape, rows);
  for (size_t row = 0; row < rows; ++row) {
    const size_t head = kv_head * ratio + row % ratio;
    float largest = shape.sinks.empty() ? kNothing : shape.sinks[head];
    for (size_t i = 0; i < parts.count; ++i) largest = std::max(largest, parts.first[i * size + row]);
    float sum = shape.sinks.empty() ? 0.F : std::exp(shape.sinks[head] - largest);
    float* to = out + row / ratio * shape.heads * width + row % ratio * width;
    std::fill_n(to, width, 0.F);
    for (size_t i = 0; i < parts.count; ++i) {
      const float* part = parts.first + i * size;
      const float factor = std::exp(part[row] - anchor(largest));
      sum += factor * part[rows + row];
      const float* values = part + 2 * rows + row * width;
      for (size_t j = 0; j < width; ++j) to[j] += factor * values[j];
    }
    const float inverse = 1.F / sum;
    for (size_t j = 0; j < width; ++j) to[j] *= inverse;
  }
}

}  // namespace llm
