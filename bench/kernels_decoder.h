// A decoder's weights in memory, its matrix products, and the reading of what they read.
#pragma once
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "kernels/experts.h"
#include "kernels/huge_memory.h"
#include "kernels/kernel.h"
#include "kernels/matmul.h"
#include "kernels/packed_weights.h"
#include "kernels/x86/kernels.h"
#include "openvino/kernels/tbb_threads.h"

namespace bench {

using llm::PackedWeights;

// Sizes of a decoder, as in bench/generate/shapes.mjs. The head has int8 weights with one scale a row.
struct Shape {
  size_t layers;
  size_t hidden;
  size_t qkv;        // outputs of the projections to queries, keys and values together
  size_t attention;  // inputs of the projection back
  size_t ffn;        // of one expert
  size_t vocabulary;
  size_t group;
  size_t experts;  // 0: one, without a router
  size_t each;     // experts that a row goes through
};

class Decoder {
 public:
  Decoder(const Shape& shape, const llm::Threads& threads)
      : shape_(shape), head_(weights(shape.vocabulary, shape.hidden, shape.hidden, 8)) {
    const auto int4 = [&](size_t outputs, size_t inputs) { return weights(outputs, inputs, shape.group, 4); };
    const size_t stacked = std::max<size_t>(shape.experts, 1);
    for (size_t i = 0; i < shape.layers; ++i) {
      layers_.push_back({int4(shape.qkv, shape.hidden), int4(shape.hidden, shape.attention),
                         int4(std::max<size_t>(shape.experts, 1), shape.hidden),
                         int4(stacked * shape.ffn, shape.hidden), int4(stacked * shape.ffn, shape.hidden),
                         int4(stacked * shape.hidden, shape.ffn)});
    }
    size_t bytes = 0;
    each([&](PackedWeights& matrix) { bytes += matrix.bytes(); });
    memory_ = std::make_unique<llm::HugeMemory>(bytes);
    std::vector<Part> all;
    add_parts(all, memory_->data(), bytes);
    for_parts(threads, all, [](const uint8_t* part, size_t size) {
      std::memset(const_cast<uint8_t*>(part), kByte, size);  // of memory_, which is no constant
    });
    const uint8_t* next = memory_->data();
    each([&](PackedWeights& matrix) {
      matrix.place(next);
      next += matrix.bytes();
    });
    for (const auto& part : parts_of_row(choose(1))) bytes_ += part.bytes;
  }

  // Of the weights that a row reads.
  size_t bytes() const { return bytes_; }

  // Products of a weight and an activation in a step of so many rows: with int4 weights, and with int8 ones.
  double int4_products(size_t rows) const {
    const auto& [layers, hidden, qkv, attention, ffn, vocabulary, group, experts, each] = shape_;
    return static_cast<double>(layers * rows * hidden *
                               (qkv + attention + experts + 3 * ffn * std::max<size_t>(each, 1)));
  }
  double int8_products(size_t rows) const {
    return static_cast<double>(shape_.vocabulary * shape_.hidden * head_rows(rows));
  }

  // Which experts the rows of a step go through: [layers, rows, each], other ones each time.
  std::vector<int32_t> choose(size_t rows) {
    std::vector<int32_t> chosen;
    std::vector<int32_t> all(shape_.experts);
    for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int32_t>(i);
    for (size_t row = 0; row < rows * shape_.layers; ++row) {
      std::shuffle(all.begin(), all.end(), random_);
      chosen.insert(chosen.end(), all.begin(), all.begin() + static_cast<ptrdiff_t>(shape_.each));
    }
    return chosen;
  }

  void step(const llm::Kernel& kernel, size_t rows, const std::vector<int32_t>& chosen, const llm::Threads& threads) {
    const auto& [layers, hidden, qkv, attention, ffn, vocabulary, group, experts, each] = shape_;
    const size_t widest = std::max({hidden, qkv, attention, ffn, experts});
    if (in_.size() < rows * widest) {
      in_.assign(rows * widest, kActivation);
      out_.resize(rows * widest);
    }
    if (logits_.empty()) logits_.resize(kHeadRows * vocabulary);
    if (shares_.size() < rows * each) shares_.assign(rows * each, 1.F / static_cast<float>(each));
    const auto one = [&](const PackedWeights& matrix, float* out, size_t count) {
      const std::array products{llm::Product{&matrix, out}};
      llm::multiply(kernel, products, in_.data(), count, 32, threads);
    };
    for (size_t i = 0; i < layers; ++i) {
      const Layer& layer = layers_[i];
      one(layer.qkv, out_.data(), rows);
      one(layer.back, out_.data(), rows);
      if (experts > 0) {
        one(layer.router, out_.data(), rows);
        llm::multiply_experts(kernel, {experts, &layer.gate, &layer.up, &layer.down},
                              {chosen.data() + i * rows * each, shares_.data(), each}, in_.data(), rows, out_.data(),
                              32, threads);
      } else {
        llm::multiply_gated(kernel, layer.gate, layer.up, out_.data(), in_.data(), rows, 32, threads);
        one(layer.down, out_.data(), rows);
      }
    }
    one(head_, logits_.data(), head_rows(rows));
  }

  // Reads what a row with these experts reads, once, and asks for it so many bytes ahead, where the processor can be
  // asked. The result keeps the compiler from leaving it out.
  uint64_t read(const llm::Threads& threads, const std::vector<int32_t>& chosen, [[maybe_unused]] size_t ahead) {
    std::atomic<uint64_t> total = 0;
    for_parts(threads, parts_of_row(chosen), [&](const uint8_t* part, size_t size) {
      std::array<uint64_t, 8> sums{};
      for (size_t i = 0; i + sizeof sums <= size; i += sizeof sums) {
#ifdef LLM_X86
        if (ahead > 0) _mm_prefetch(reinterpret_cast<const char*>(part + i) + ahead, _MM_HINT_T0);
#endif
        std::array<uint64_t, 8> line;
        std::memcpy(line.data(), part + i, sizeof line);
        for (size_t j = 0; j < sums.size(); ++j) sums[j] += line[j];
      }
      uint64_t sum = 0;
      for (const uint64_t some : sums) sum += some;
      total.fetch_add(sum, std::memory_order_relaxed);
    });
    return total;
  }

 private:
  // Any value will do for weights: what a product takes does not depend on it. As f16 this one is 0.33. Activations are
  // small, because exp() of what overflows takes longer.
  static constexpr int kByte = 0x35;
  static constexpr float kActivation = 1e-3F;

  static constexpr size_t kHeadRows = 16;  // of a step of so many streams; a longer prompt needs logits of its last row
  static constexpr size_t kPart = size_t{1} << 20;

  struct Layer {
    PackedWeights qkv;
    PackedWeights back;
    PackedWeights router;  // of a mixture
    PackedWeights gate;
    PackedWeights up;
    PackedWeights down;
  };

  struct Part {
    const uint8_t* data;
    size_t bytes;
  };

  static size_t head_rows(size_t rows) { return rows <= kHeadRows ? rows : 1; }

  static PackedWeights weights(size_t outputs, size_t inputs, size_t group, int bits) {
    llm::WeightSource source;
    source.rows = outputs;
    source.columns = inputs;
    source.group = group;
    source.bits = bits;
    return PackedWeights(source);
  }

  template <class Visit>
  void each(Visit visit) {
    for (auto& layer : layers_) {
      for (auto* matrix : {&layer.qkv, &layer.back, &layer.gate, &layer.up, &layer.down}) visit(*matrix);
      if (shape_.experts > 0) visit(layer.router);
    }
    visit(head_);
  }

  static void add_parts(std::vector<Part>& parts, const uint8_t* data, size_t bytes) {
    for (size_t done = 0; done < bytes; done += kPart) parts.push_back({data + done, std::min(kPart, bytes - done)});
  }

  std::vector<Part> parts_of_row(const std::vector<int32_t>& chosen) const {
    std::vector<Part> parts;
    const auto add = [&](const PackedWeights& matrix) { add_parts(parts, matrix.block(0), matrix.bytes()); };
    for (size_t i = 0; i < layers_.size(); ++i) {
      const Layer& layer = layers_[i];
      add(layer.qkv);
      add(layer.back);
      if (shape_.experts == 0) {
        for (const auto* matrix : {&layer.gate, &layer.up, &layer.down}) add(*matrix);
        continue;
      }
      add(layer.router);
      for (size_t j = i * shape_.each; j < (i + 1) * shape_.each; ++j) {
        for (const auto* matrix : {&layer.gate, &layer.up, &layer.down}) {
          const size_t bytes = matrix->bytes() / shape_.experts;
          add_parts(parts, matrix->block(0) + static_cast<size_t>(chosen[j]) * bytes, bytes);
        }
      }
    }
    add(head_);
    return parts;
  }

  template <class Do>
  static void for_parts(const llm::Threads& threads, const std::vector<Part>& parts, Do action) {
    struct Context {
      const std::vector<Part>& parts;
      Do& action;
    } context{parts, action};
    const auto task = [](void* given, size_t index) {
      const auto& [all, act] = *static_cast<Context*>(given);
      act(all[index].data, all[index].bytes);
    };
    threads.run(parts.size(), task, &context);
  }

  Shape shape_;
  std::vector<Layer> layers_;
  PackedWeights head_;
  size_t bytes_ = 0;
  std::unique_ptr<llm::HugeMemory> memory_;
  std::vector<float> in_;
  std::vector<float> out_;
  std::vector<float> logits_;
  std::vector<float> shares_;
  std::mt19937 random_{1};
};

}  // namespace bench
