#include "kernels/attention/tile.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/attention/plain_rows.h"
#include "kernels/scratch.h"

namespace llm {
namespace {

constexpr float kNothing = -std::numeric_limits<float>::infinity();
inline void ask_for([[maybe_unused]] const uint8_t* memory, [[maybe_unused]] size_t begin,
                    [[maybe_unused]] size_t end) {
#if defined(__GNUC__)
  for (size_t i = begin; i < end; i += 64) __builtin_prefetch(memory + i, 0, 2);  // into the second-level cache
#endif
}

// exp(score - largest) where nothing was seen is 0 for each score of -infinity, and no number for none.
float anchor(float largest) { return largest == kNothing ? 0.F : largest; }

struct Rows {
  size_t count;
  float* queries;  // [count, key_width], times the scale
  float* scores;   // [count, kScoreStride]
  float* largest;  // the part's
  float* sums;
  float* values;
  float* offsets;  // [count]: what is added to all values of a row
  float* factors;  // [kRangeTokens], see CodeWeights
  float* zeros;
  float* widened;  // see PlainRows
  uint8_t* codes;  // for CodeScores
};

Rows carve(const AttentionShape& shape, size_t rows, Carver& memory) {
  Rows out{};
  out.count = rows;
  out.queries = memory.take<float>(rows * shape.key_width);
  out.scores = memory.take<float>(rows * kScoreStride);
  out.offsets = memory.take<float>(rows);
  out.factors = memory.take<float>(kRangeTokens);
  out.zeros = memory.take<float>(kRangeTokens);
  out.widened = memory.take<float>(kPlainBlocks * kBlockTokens * std::max(shape.key_width, shape.value_width));
  out.codes = memory.take<uint8_t>(code_score_memory(rows, shape.key_width));
  return out;
}

const CodeKernel* codes_of(const AttentionKernel& kernel, KvType type, size_t width) {
  if (width > kMostCodeWidth) return nullptr;
  return type == KvType::kU8 ? kernel.bytes : type == KvType::kU4 ? kernel.nibbles : nullptr;
}

class Tile {
 public:
  Tile(const AttentionKernel& kernel, const AttentionTile& tile, float* part, uint8_t* memory)
      : kernel_(kernel),
        tile_(tile),
        shape_(tile.shape),
        ratio_(shape_.heads / shape_.kv_heads),
        key_codes_(codes_of(kernel, shape_.key_type, shape_.key_width)),
        value_codes_(codes_of(kernel, shape_.value_type, shape_.value_width)) {
    Carver carver(memory);
    rows_ = carve(shape_, tile.tokens * ratio_, carver);
    rows_.largest = part;
    rows_.sums = part + rows_.count;
    rows_.values = rows_.sums + rows_.count;
    std::fill_n(rows_.largest, rows_.count, kNothing);
    std::fill_n(rows_.sums, rows_.count, 0.F);
    std::fill_n(rows_.values, rows_.count * shape_.value_width, 0.F);
    std::fill_n(rows_.offsets, rows_.count, 0.F);
    copy_queries();
  }

  void run() {
    for (size_t begin = tile_.begin; begin < tile_.end; begin += kRangeBlocks) {
      count_ = std::min(tile_.end - begin, kRangeBlocks);
      first_ = begin * kBlockTokens;
      last_ = std::min((begin + count_) * kBlockTokens, tile_.position + tile_.tokens);
      for (size_t i = 0; i < count_; ++i) {
        const size_t index = static_cast<size_t>(tile_.table[begin + i]) * shape_.kv_heads + tile_.kv_head;
        keys_[i] = tile_.key_cache + index * key_block_bytes(shape_.key_type, shape_.key_width);
        values_[i] = tile_.value_cache + index * value_block_bytes(shape_.value_type, shape_.value_width);
      }
      score();
      const size_t tokens = count_ * kBlockTokens;
      if (value_codes_) {
        step_ =
            value_codes_->factors({values_, tokens, last_ - first_, shape_.value_width, rows_.factors, rows_.zeros});
      }
      for (size_t row = 0; row < rows_.count; ++row) soften(row);
      weigh();
    }
    for (size_t row = 0; row < rows_.count; ++row) {
      float* values = rows_.values + row * shape_.value_width;
      for (size_t i = 0; i < shape_.value_width; ++i) values[i] += rows_.offsets[row];
    }
  }

 private:
  void copy_queries() {
    for (size_t row = 0; row < rows_.count; ++row) {
      const size_t head = tile_.kv_head * ratio_ + row % ratio_;
      const float* from = tile_.queries + (row / ratio_ * shape_.heads + head) * shape_.key_width;
      float* to = rows_.queries + row * shape_.key_width;
      for (size_t i = 0; i < shape_.key_width; ++i) to[i] = from[i] * shape_.scale;
    }
  }

  // The processor's own guesses end at each page, and a block is smaller than one: what the kernels read of all blocks
  // before they begin, and the first blocks. They ask for the others themselves.
  void ask_for_first() const {
    const size_t key_words = stored_bytes(shape_.key_type, kBlockTokens * shape_.key_width);
    const size_t value_words = stored_bytes(shape_.value_type, kBlockTokens * shape_.value_width);
    for (size_t i = 0; i < count_; ++i) {
      ask_for(keys_[i], i < kBlocksAhead ? 0 : key_words, key_block_bytes(shape_.key_type, shape_.key_width));
    }
    for (size_t i = 0; i < count_ && value_codes_; ++i) {
      ask_for(values_[i], value_words, value_block_bytes(shape_.value_type, shape_.value_width));
    }
  }

  // Scores of all rows with the range's blocks.
  void score() {
    const uint8_t* next[kBlocksAhead];
    for (size_t i = 0; i < kBlocksAhead; ++i) next[i] = values_[std::min(i, count_ - 1)];
    ask_for_first();
    if (key_codes_) {
      key_codes_->scores(
          {rows_.queries, rows_.count, shape_.key_width, keys_, count_, next, rows_.scores, rows_.codes});
      return;
    }
    const PlainRows plain{kernel_, shape_.key_type, shape_.key_width, rows_.count, rows_.widened};
    for (size_t i = 0; i < count_; ++i) {
      const size_t later = i + kBlocksAhead;
      plain_scores(plain, rows_.queries, keys_[i], later < count_ ? keys_[later] : next[later - count_],
                   rows_.scores + i * kBlockTokens);
    }
  }

  // Scores of the range become weights.
  void soften(size_t row) {
    float* scores = rows_.scores + row * kScoreStride;
    const size_t position = tile_.position + row / ratio_;
    const size_t from = std::max(first_, first_key(shape_, position));
    const size_t to = std::min(last_, position + 1);
    if (from >= to) {
      std::fill_n(scores, count_ * kBlockTokens, 0.F);  // as integers, too
      return;
    }
    if (!shape_.slopes.empty()) {
      const float slope = shape_.slopes[tile_.kv_head * ratio_ + row % ratio_];
      for (size_t i = from; i < to; ++i) scores[i - first_] -= slope * static_cast<float>(position - i);
    }
    float* seen = scores + (from - first_);
    const float largest = std::max(rows_.largest[row], kernel_.largest(seen, to - from));
    if (largest > rows_.largest[row]) {
      if (rows_.largest[row] != kNothing) shrink(row, std::exp(rows_.largest[row] - largest));
      rows_.largest[row] = largest;
    }
    const size_t tokens = count_ * kBlockTokens;
    std::fill(scores, seen, kNothing);
    std::fill(scores + (to - first_), scores + tokens, kNothing);
    rows_.sums[row] +=
        value_codes_
            ? kernel_.weights({scores, tokens, anchor(largest), rows_.factors, rows_.zeros, rows_.offsets + row})
            : kernel_.exponentials(scores, tokens, anchor(largest));
  }

  void shrink(size_t row, float by) {
    rows_.sums[row] *= by;
    rows_.offsets[row] *= by;
    float* values = rows_.values + row * shape_.value_width;
    for (size_t i = 0; i < shape_.value_width; ++i) values[i] *= by;
  }

  // Adds the values of the range.
  void weigh() {
    if (value_codes_) {
      value_codes_->values({reinterpret_cast<const int16_t*>(rows_.scores), rows_.count, values_, count_,
                            shape_.value_width, step_, rows_.values});
      return;
    }
    const PlainRows plain{kernel_, shape_.value_type, shape_.value_width, rows_.count, rows_.widened};
    for (size_t i = 0; i < count_; i += kPlainBlocks) {
      const uint8_t* later[kPlainBlocks];
      for (size_t j = 0; j < kPlainBlocks; ++j) later[j] = values_[std::min(i + j + kBlocksAhead, count_ - 1)];
      plain_values(plain, rows_.scores + i * kBlockTokens, values_ + i, later,
                   std::min(kPlainBlocks * kBlockTokens, last_ - first_ - i * kBlockTokens), rows_.values);
    }
  }

  const AttentionKernel& kernel_;
  const AttentionTile& tile_;
  const AttentionShape& shape_;
  size_t ratio_;
  const CodeKernel* key_codes_;
  const CodeKernel* value_codes_;
  Rows rows_{};
  // The range that is computed.
  size_t count_ = 0;  // of its blocks
  size_t first_ = 0;  // tokens of the sequence
  size_t last_ = 0;
  const uint8_t* keys_[kRangeBlocks] = {};
  const uint8_t* values_[kRangeBlocks] = {};
  float step_ = 0;
};

}  // namespace

size_t tile_memory(const AttentionShape& shape, size_t rows) {
  Carver counter(nullptr);
  carve(shape, rows, counter);
  return counter.bytes();
}

void attend_tile(const AttentionKernel& kernel, const AttentionTile& tile, float* part, uint8_t* memory) {
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
