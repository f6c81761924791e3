#include "kernels/attention/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/half.h"
#include "kernels/kernel.h"
#include "kernels/some_threads.h"
#include "tap.h"

using llm::AttentionKernel;
using llm::AttentionShape;
using llm::AttentionStep;
using llm::kBlockTokens;
using llm::KvType;

namespace {

// Those that this processor executes, the portable one last.
std::vector<const AttentionKernel*> kernels() {
  std::vector<const AttentionKernel*> found;
  for (const auto* kernel : llm::kernels()) {
    const auto* attention = &llm::attention_kernel(kernel->name);
    if (std::find(found.begin(), found.end(), attention) == found.end()) found.push_back(attention);
  }
  return found;
}

std::vector<float> numbers(size_t count, std::mt19937& random, float size = 1) {
  std::normal_distribution<float> normal(0, size);
  std::vector<float> out(count);
  for (auto& number : out) number = normal(random);
  return out;
}

AttentionShape shape_of(size_t heads, size_t kv_heads, size_t width, KvType type) {
  AttentionShape shape;
  shape.heads = heads;
  shape.kv_heads = kv_heads;
  shape.key_width = shape.value_width = width;
  shape.key_type = shape.value_type = type;
  shape.scale = 1 / std::sqrt(static_cast<float>(width));
  return shape;
}

// A cache, what was put into it, and what attention over that is.
class Cache {
 public:
  Cache(AttentionShape shape, size_t blocks, uint32_t seed)
      : shape_(std::move(shape)),
        random_(seed),
        blocks_(blocks),
        // What was in it before is no number in any type.
        keys_(blocks * shape_.kv_heads * llm::key_block_bytes(shape_.key_type, shape_.key_width), 0xff),
        values_(blocks * shape_.kv_heads * llm::value_block_bytes(shape_.value_type, shape_.value_width), 0xff),
        free_(blocks) {
    std::iota(free_.begin(), free_.end(), 0);
    std::shuffle(free_.begin(), free_.end(), random_);
  }

  // One step, with so many tokens of each sequence.
  std::vector<float> step(const AttentionKernel& kernel, const llm::Threads& threads,
                          const std::vector<size_t>& counts) {
    lengths_.resize(std::max(lengths_.size(), counts.size()));
    tables_.resize(lengths_.size());
    std::vector<int32_t> past;
    std::vector<int32_t> begins{0};
    std::vector<int32_t> table;
    std::vector<int32_t> table_begins{0};
    for (size_t i = 0; i < counts.size(); ++i) {
      past.push_back(static_cast<int32_t>(lengths_[i]));
      lengths_[i] += counts[i];
      begins.push_back(begins.back() + static_cast<int32_t>(counts[i]));
      while (tables_[i].size() * kBlockTokens < lengths_[i]) {
        tables_[i].push_back(free_.back());
        free_.pop_back();
      }
      table.insert(table.end(), tables_[i].begin(), tables_[i].end());
      table_begins.push_back(static_cast<int32_t>(table.size()));
    }
    const auto tokens = static_cast<size_t>(begins.back());
    queries_ = numbers(tokens * shape_.heads * shape_.key_width, random_);
    new_keys_ = numbers(tokens * shape_.kv_heads * shape_.key_width, random_);
    new_values_ = numbers(tokens * shape_.kv_heads * shape_.value_width, random_);
    std::vector<float> out(tokens * shape_.heads * shape_.value_width);
    const AttentionStep step{queries_.data(),
                             new_keys_.data(),
                             new_values_.data(),
                             tokens,
                             keys_.data(),
                             values_.data(),
                             blocks_,
                             past,
                             begins,
                             table,
                             table_begins,
                             out.data()};
    llm::attend(kernel, shape_, step, threads);
    return out;
  }

  // What the cache holds of a head's tokens: [width] of each.
  std::vector<float> keys(size_t sequence, size_t head) const {
    const size_t width = shape_.key_width;
    std::vector<float> out, block(kBlockTokens * width);
    for (size_t token = 0; token < lengths_[sequence]; ++token) {
      if (token % kBlockTokens == 0) {
        const size_t index = block_of(sequence, head, token);
        llm::widen_keys(shape_.key_type, keys_.data() + index * llm::key_block_bytes(shape_.key_type, width), width,
                        block.data());
      }
      for (size_t i = 0; i < width; ++i) out.push_back(block[i * kBlockTokens + token % kBlockTokens]);
    }
    return out;
  }

  std::vector<float> values(size_t sequence, size_t head) const {
    const size_t width = shape_.value_width;
    std::vector<float> out((lengths_[sequence] + kBlockTokens) * width);
    for (size_t token = 0; token < lengths_[sequence]; token += kBlockTokens) {
      const size_t index = block_of(sequence, head, token);
      llm::widen_values(shape_.value_type, values_.data() + index * llm::value_block_bytes(shape_.value_type, width),
                        width, kBlockTokens, out.data() + token * width);
    }
    return out;
  }

  // Attention of the last step's token in double, over what the cache holds.
  std::vector<double> expected(size_t sequence, size_t index, size_t count, size_t row) const {
    std::vector<double> out;
    std::vector<float> all_keys, all_values;
    const size_t position = lengths_[sequence] - count + index;
    const size_t from = shape_.window > 0 && position >= shape_.window ? position - shape_.window + 1 : 0;
    for (size_t head = 0; head < shape_.heads; ++head) {
      const size_t kv_head = head / (shape_.heads / shape_.kv_heads);
      if (head % (shape_.heads / shape_.kv_heads) == 0) {
        all_keys = keys(sequence, kv_head);
        all_values = values(sequence, kv_head);
      }
      std::vector<double> scores;
      for (size_t token = from; token <= position; ++token) {
        double score = 0;
        for (size_t i = 0; i < shape_.key_width; ++i) {
          score += static_cast<double>(queries_[(row * shape_.heads + head) * shape_.key_width + i]) *
                   all_keys[token * shape_.key_width + i];
        }
        score *= shape_.scale;
        if (!shape_.slopes.empty())
          score += shape_.slopes[head] * (static_cast<double>(token) - static_cast<double>(position));
        scores.push_back(score);
      }
      double most = *std::max_element(scores.begin(), scores.end());
      if (!shape_.sinks.empty()) most = std::max<double>(most, shape_.sinks[head]);
      double sum = shape_.sinks.empty() ? 0 : std::exp(shape_.sinks[head] - most);
      std::vector<double> values(shape_.value_width);
      for (size_t j = 0; j < scores.size(); ++j) {
        const double weight = std::exp(scores[j] - most);
        sum += weight;
        for (size_t i = 0; i < shape_.value_width; ++i) {
          values[i] += weight * all_values[(from + j) * shape_.value_width + i];
        }
      }
      for (const double number : values) out.push_back(number / sum);
    }
    return out;
  }

  // The largest difference between what a step gave and what it should have.
  double difference(const std::vector<float>& out, const std::vector<size_t>& counts) const {
    double most = 0;
    const size_t width = shape_.heads * shape_.value_width;
    for (size_t i = 0, row = 0; i < counts.size(); ++i) {
      for (size_t j = 0; j < counts[i]; ++j, ++row) {
        const auto wanted = expected(i, j, counts[i], row);
        for (size_t k = 0; k < width; ++k) {
          const double found = std::abs(out[row * width + k] - wanted[k]);
          most = found <= most ? most : found;  // what is no number counts
        }
      }
    }
    return most;
  }

  const std::vector<float>& new_keys() const { return new_keys_; }
  const std::vector<float>& new_values() const { return new_values_; }

 private:
  size_t block_of(size_t sequence, size_t head, size_t token) const {
    return static_cast<size_t>(tables_[sequence][token / kBlockTokens]) * shape_.kv_heads + head;
  }

  AttentionShape shape_;
  std::mt19937 random_;
  size_t blocks_;
  std::vector<uint8_t> keys_;
  std::vector<uint8_t> values_;
  std::vector<int32_t> free_;
  std::vector<size_t> lengths_;
  std::vector<std::vector<int32_t>> tables_;
  std::vector<float> queries_;
  std::vector<float> new_keys_;
  std::vector<float> new_values_;
};

constexpr KvType kTypes[] = {KvType::kU8, KvType::kU4, KvType::kF16, KvType::kF32};

// Of sums of f32; and of sums of integers, where queries and weights are rounded (see kernel.h).
double rounding(const AttentionKernel& kernel, const AttentionShape& shape) {
  const bool codes = llm::code_bits(shape.key_type) > 0 || llm::code_bits(shape.value_type) > 0;
  return codes && kernel.bytes ? 2e-3 : 3e-5;
}

std::string name(const AttentionKernel& kernel, const AttentionShape& shape) {
  return std::string(kernel.name) + " heads " + std::to_string(shape.heads) + "/" + std::to_string(shape.kv_heads) +
         " width " + std::to_string(shape.key_width) + "/" + std::to_string(shape.value_width) + " type " +
         std::to_string(static_cast<int>(shape.key_type)) + " window " + std::to_string(shape.window);
}

// Prompts of several sequences, then a few tokens of each, then one; ends of blocks lie in between.
void check_steps(const AttentionShape& shape, uint32_t seed) {
  CHECK_EQUAL(llm::obstacle(shape), std::string());
  for (const auto* kernel : kernels()) {
    Cache cache(shape, 64, seed);
    for (const auto& counts :
         std::vector<std::vector<size_t>>{{70, 1, 33, 31}, {3, 40, 1, 1}, {1, 1, 16, 1}, {1, 17, 1, 0}, {1, 1, 1, 1}}) {
      const auto out = cache.step(*kernel, SomeThreads(3), counts);
      const double found = cache.difference(out, counts);
      if (!(found < rounding(*kernel, shape))) throw tap::Mismatch(name(*kernel, shape) + ": " + std::to_string(found));
    }
  }
}

TEST("attention: equals softmax(QK)V in double, whatever the heads, widths and types") {
  uint32_t seed = 1;
  for (const auto type : kTypes) {
    for (const auto& [heads, kv_heads] : {std::pair<size_t, size_t>{4, 4}, {6, 2}, {8, 1}, {14, 2}}) {
      check_steps(shape_of(heads, kv_heads, 16, type), seed++);
    }
    for (const size_t width : {8, 24, 64, 80, 96, 128, 256}) check_steps(shape_of(3, 1, width, type), seed++);
    auto uneven = shape_of(4, 2, 48, type);
    uneven.value_width = 32;
    check_steps(uneven, seed++);
  }
  for (const auto& [keys, values] : {std::pair{KvType::kU8, KvType::kF16}, {KvType::kF32, KvType::kU4}}) {
    auto mixed = shape_of(4, 2, 32, keys);
    mixed.value_type = values;
    check_steps(mixed, seed++);
  }
}

TEST("attention: windows, alibi and sinks") {
  uint32_t seed = 100;
  for (const auto type : kTypes) {
    for (const size_t window : {1, 5, 32, 33, 64}) {
      auto shape = shape_of(4, 2, 32, type);
      shape.window = window;
      check_steps(shape, seed++);
    }
    auto shape = shape_of(4, 2, 32, type);
    shape.slopes = {0.5F, 0.25F, 0.125F, 2.F};
    check_steps(shape, seed++);
    shape.sinks = {-1.F, 0.F, 3.F, 40.F};
    shape.window = 20;
    check_steps(shape, seed++);
  }
}

TEST("attention: a long cache is cut into ranges, and the answer hangs on the sequence alone") {
  for (const size_t window : {0, 700}) {
    for (const auto type : kTypes) {
      auto shape = shape_of(6, 2, 32, type);
      shape.window = window;
      shape.sinks = {0, 1, 2, 3, 4, 5};
      for (const auto* kernel : kernels()) {
        Cache one(shape, 256, 7), other(shape, 256, 7);
        for (const size_t count : {1500, 1, 16, 17, 1, 9, 1}) {
          const auto found = one.step(*kernel, SomeThreads(1), {count});
          CHECK(found == other.step(*kernel, SomeThreads(3), {count}));
          if (count > 17) continue;
          const double difference = one.difference(found, {count});
          if (!(difference < rounding(*kernel, shape)))
            throw tap::Mismatch(name(*kernel, shape) + ": " + std::to_string(difference));
        }
      }
    }
  }
}

// Equal keys weigh all tokens alike, and each token has a 1 in one channel: a channel gives its part of the tokens, and
// a single token that is left out or counted twice is seen, however long the cache is.
TEST("attention: each token's value counts once") {
  constexpr size_t kWidth = 8;
  for (const auto type : kTypes) {
    const auto shape = shape_of(3, 1, kWidth, type);
    for (const size_t length : {1, 31, 32, 33, 511, 512, 513, 1057}) {
      const size_t blocks = length / kBlockTokens + 1;
      std::vector<float> wanted(kWidth);
      std::vector<float> rows(length * kWidth);
      for (size_t i = 0; i < length; ++i) {
        rows[i * kWidth + i % kWidth] = 1;
        wanted[i % kWidth] += 1 / static_cast<float>(length);
      }
      std::vector<int32_t> table(blocks);
      std::iota(table.begin(), table.end(), 0);
      const std::vector<float> queries(length * 3 * kWidth, 1.F), no_keys(length * kWidth);
      for (const auto* kernel : kernels()) {
        for (const size_t last : {size_t{1}, std::min<size_t>(length, 20)}) {
          std::vector<uint8_t> keys(blocks * llm::key_block_bytes(type, kWidth), 0xff);
          std::vector<uint8_t> values(blocks * llm::value_block_bytes(type, kWidth), 0xff);
          std::vector<float> out(length * 3 * kWidth);
          const auto run = [&](size_t past, size_t count) {
            const std::vector<int32_t> pasts{static_cast<int32_t>(past)}, begins{0, static_cast<int32_t>(count)};
            const std::vector<int32_t> table_begins{0, static_cast<int32_t>(blocks)};
            llm::attend(*kernel, shape,
                        {queries.data(), no_keys.data(), rows.data() + past * kWidth, count, keys.data(), values.data(),
                         blocks, pasts, begins, table, table_begins, out.data()},
                        SomeThreads(2));
          };
          if (length > last) run(0, length - last);
          run(length - last, last);
          for (size_t i = 0; i < 3 * kWidth; ++i) {
            const float found = out[(last - 1) * 3 * kWidth + i];
            if (!(std::abs(found - wanted[i % kWidth]) < 2e-4F / static_cast<float>(length) + 1e-6F)) {
              throw tap::Mismatch(name(*kernel, shape) + ", token " + std::to_string(length) + ": " +
                                  std::to_string(found) + " of " + std::to_string(wanted[i % kWidth]));
            }
          }
        }
      }
    }
  }
}

// The keys of one channel and the values of one token that are stored, against what they were made of. Normally
// distributed numbers of 32 tokens span about 4: a step is 1/64 in u8, 1/4 in u4, and half of it is lost.
TEST("attention: what caches in codes lose is a step of their range, also token by token") {
  for (const auto type : {KvType::kU8, KvType::kU4}) {
    const double most = type == KvType::kU8 ? 0.014 : 0.22;
    const auto shape = shape_of(1, 1, 16, type);
    Cache whole(shape, 4, 11), single(shape, 4, 11);
    const auto& kernel = llm::portable_attention();
    whole.step(kernel, SomeThreads(1), {32});
    const auto lost = [](const std::vector<float>& found, const std::vector<float>& stored) {
      double largest = 0;
      for (size_t i = 0; i < 32 * 16; ++i) {
        largest = std::max<double>(largest, std::abs(found[i] - stored[i]));
      }
      return largest;
    };
    CHECK(lost(whole.keys(0, 0), whole.new_keys()) < most);
    CHECK(lost(whole.values(0, 0), whole.new_values()) < most);
    std::vector<float> keys, values;
    for (size_t token = 0; token < 32; ++token) {
      single.step(kernel, SomeThreads(1), {1});
      keys.insert(keys.end(), single.new_keys().begin(), single.new_keys().end());
      values.insert(values.end(), single.new_values().begin(), single.new_values().end());
    }
    CHECK(lost(single.keys(0, 0), keys) < 3 * most);
    CHECK(lost(single.values(0, 0), values) < most);
  }
}

TEST("attention: what is no number or infinite is no number in the answer, and leaves with its block") {
  for (const auto type : kTypes) {
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
      for (const auto* kernel : kernels()) {
        const auto shape = shape_of(2, 1, 16, type);
        std::vector<uint8_t> keys(llm::key_block_bytes(type, 16)), values(llm::value_block_bytes(type, 16));
        const std::vector<int32_t> begins{0, 1}, table{0}, table_begins{0, 1};
        const std::vector<float> queries(32, 1.F), good(16, 0.5F);
        const auto run = [&](const std::vector<float>& key, const std::vector<float>& value, int32_t length) {
          std::vector<float> out(32);
          const std::vector<int32_t> past{length};
          llm::attend(*kernel, shape,
                      {queries.data(), key.data(), value.data(), 1, keys.data(), values.data(), 1, past, begins, table,
                       table_begins, out.data()},
                      SomeThreads(1));
          return out;
        };
        auto wrong = good;
        wrong[3] = bad;
        run(good, good, 0);
        CHECK(std::isnan(run(wrong, good, 1)[0]));
        CHECK(std::isnan(run(good, good, 2)[0]));
        CHECK_EQUAL(run(good, good, 0)[0], 0.5F);
        const float found = run(good, wrong, 1)[3];
        CHECK(!std::isfinite(found));
        CHECK_EQUAL(run(good, good, 0)[3], 0.5F);
      }
    }
  }
}

TEST("attention: tables that do not fit the cache are refused") {
  const auto shape = shape_of(2, 1, 16, KvType::kF32);
  std::vector<uint8_t> keys(2 * llm::key_block_bytes(KvType::kF32, 16)), values = keys;
  const std::vector<float> rows(2 * 32);
  std::vector<float> out(2 * 32);
  using Numbers = std::vector<int32_t>;
  const auto run = [&](const Numbers& past, const Numbers& begins, const Numbers& table, const Numbers& table_begins) {
    llm::attend(llm::portable_attention(), shape,
                {rows.data(), rows.data(), rows.data(), 2, keys.data(), values.data(), 2, past, begins, table,
                 table_begins, out.data()},
                SomeThreads(1));
  };
  run({31}, {0, 2}, {1, 0}, {0, 2});
  const std::vector<std::vector<Numbers>> wrong{{{31}, {0, 2}, {1, 2}, {0, 2}},           // a block behind the cache
                                                {{31}, {0, 2}, {1, -1}, {0, 2}},          // and one before it
                                                {{31}, {0, 2}, {1}, {0, 1}},              // too few blocks
                                                {{31}, {0, 2}, {1, 0}, {0, 3}},           // a table that ends too early
                                                {{31}, {0, 2}, {1, 0}, {1, 0}},           // begins that fall
                                                {{-1}, {0, 2}, {1, 0}, {0, 2}},           // less than no tokens
                                                {{0, 0}, {0, 2}, {1, 0}, {0, 1, 2}},      // too few begins
                                                {{0, 0}, {0, 3, 2}, {1, 0}, {0, 1, 2}},   // tokens that nobody has
                                                {{31}, {0, 3}, {1, 0}, {0, 2}},           // more tokens than the step
                                                {{31}, {1, 2}, {1, 0}, {0, 2}},           // a token of no sequence
                                                {{0x7fffffff}, {0, 2}, {1, 0}, {0, 2}}};  // lengths that overflow
  for (const auto& tables : wrong) {
    bool refused = false;
    try {
      run(tables[0], tables[1], tables[2], tables[3]);
    } catch (const std::out_of_range&) {
      refused = true;
    }
    CHECK(refused);
  }
}

TEST("attention: shapes that it does not have are named") {
  CHECK(llm::obstacle(shape_of(4, 3, 16, KvType::kU8)).find("4 heads") == 0);
  CHECK(llm::obstacle(shape_of(4, 2, 20, KvType::kU8)).find("heads of 20") == 0);
  auto shape = shape_of(4, 2, 16, KvType::kU8);
  shape.slopes = {1};
  CHECK(llm::obstacle(shape).find("alibi") != std::string::npos);
  shape.slopes.clear();
  shape.sinks = {1};
  CHECK(llm::obstacle(shape).find("sinks") != std::string::npos);
}

TEST("attention: halves round as the processor's instruction does") {
  for (const auto& [value, wanted] :
       std::initializer_list<std::pair<float, uint16_t>>{{0.F, 0},
                                                         {-0.F, 0x8000},
                                                         {1.F, 0x3c00},
                                                         {-2.F, 0xc000},
                                                         {65504.F, 0x7bff},
                                                         {65519.F, 0x7bff},
                                                         {65520.F, 0x7c00},
                                                         {1e9F, 0x7c00},
                                                         {0x1p-24F, 1},
                                                         {0x1p-25F, 0},
                                                         {0x1.8p-24F, 2},
                                                         {0x1.8p-25F, 1},
                                                         {0x1p-14F, 0x400},
                                                         {0x1.ff8p-15F, 0x3ff},
                                                         {0x1.ffep-15F, 0x400},
                                                         {1.F + 0x1p-11F, 0x3c00},
                                                         {1.F + 0x3p-11F, 0x3c02},
                                                         {std::numeric_limits<float>::infinity(), 0x7c00}}) {
    CHECK_EQUAL(llm::float_to_half(value), wanted);
  }
  CHECK(std::isnan(llm::half_to_float(llm::float_to_half(std::numeric_limits<float>::quiet_NaN()))));
  for (uint32_t half = 0; half < 0x7c00; ++half) {
    CHECK_EQUAL(llm::float_to_half(llm::half_to_float(static_cast<uint16_t>(half))), static_cast<uint16_t>(half));
  }
}

}  // namespace
