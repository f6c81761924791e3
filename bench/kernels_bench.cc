// The matrix products of one step of a decoder, without anything else, by kernel and number of rows; and what no step
// can be quicker than: the same threads' reading of the same memory, and a kernel's instructions without any memory.
// Run by bench/kernels.mjs, which knows the shapes. Everything is measured once in each repetition, so that a machine
// whose speed changes changes all.
#include <tbb/task_arena.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernel_limits.h"
#include "kernels/huge_memory.h"
#include "kernels/kernel.h"
#include "kernels/matmul.h"
#include "kernels/packed_weights.h"
#include "kernels/x86/kernels.h"
#include "openvino/kernels/tbb_threads.h"

using llm::Kernel;
using llm::PackedWeights;

namespace {

// Sizes of a decoder, as in bench/generate/shapes.mjs. The head has int8 weights with one scale a row.
struct Shape {
  size_t layers;
  size_t hidden;
  size_t qkv;        // outputs of the projections to queries, keys and values together
  size_t attention;  // inputs of the projection back
  size_t ffn;
  size_t vocabulary;
  size_t group;
};

constexpr size_t kHeadRows = 16;  // of a step of so many streams; a longer prompt needs logits of its last row alone

// Ways to read: which is the quickest depends on the machine.
constexpr std::array<size_t, 3> kAheads{0, 2048, 8192};

// Any value will do for weights: what a product takes does not depend on it. As f16 this one is 0.33. Activations are
// small, because exp() of what overflows takes longer.
constexpr int kByte = 0x35;
constexpr float kActivation = 1e-3F;

struct Layer {
  PackedWeights qkv;
  PackedWeights back;
  PackedWeights gate;
  PackedWeights up;
  PackedWeights down;
};

PackedWeights weights(size_t outputs, size_t inputs, size_t group, int bits) {
  llm::WeightSource source;
  source.rows = outputs;
  source.columns = inputs;
  source.group = group;
  source.bits = bits;
  return PackedWeights(source);
}

class Decoder {
 public:
  Decoder(const Shape& shape, const llm::Threads& threads)
      : shape_(shape), head_(weights(shape.vocabulary, shape.hidden, shape.hidden, 8)) {
    const auto int4 = [&](size_t outputs, size_t inputs) { return weights(outputs, inputs, shape.group, 4); };
    size_t multiplied = 0;
    for (size_t i = 0; i < shape.layers; ++i) {
      layers_.push_back({int4(shape.qkv, shape.hidden), int4(shape.hidden, shape.attention),
                         int4(shape.ffn, shape.hidden), int4(shape.ffn, shape.hidden), int4(shape.hidden, shape.ffn)});
    }
    each([&](PackedWeights& matrix) {
      bytes_ += matrix.bytes();
      multiplied += matrix.rows() * matrix.columns();
    });
    layer_weights_ = multiplied - head_.rows() * head_.columns();
    memory_ = std::make_unique<llm::HugeMemory>(bytes_);
    for_parts(threads, [](uint8_t* part, size_t size) { std::memset(part, kByte, size); });
    const uint8_t* next = memory_->data();
    each([&](PackedWeights& matrix) {
      matrix.place(next);
      next += matrix.bytes();
    });
  }

  size_t bytes() const { return bytes_; }

  // Products of a weight and an activation in a step of so many rows: with int4 weights, and with int8 ones.
  double int4_products(size_t rows) const { return static_cast<double>(layer_weights_ * rows); }
  double int8_products(size_t rows) const {
    return static_cast<double>(head_.rows() * head_.columns() * head_rows(rows));
  }

  void step(const Kernel& kernel, size_t rows, const llm::Threads& threads) {
    const size_t widest = std::max({shape_.hidden, shape_.qkv, shape_.attention, shape_.ffn});
    if (in_.size() < rows * widest) {
      in_.assign(rows * widest, kActivation);
      out_.resize(rows * widest);
    }
    if (logits_.empty()) logits_.resize(kHeadRows * shape_.vocabulary);
    const auto one = [&](const PackedWeights& matrix, float* out, size_t count) {
      const std::array products{llm::Product{&matrix, out}};
      llm::multiply(kernel, products, in_.data(), count, 32, threads);
    };
    for (const auto& layer : layers_) {
      one(layer.qkv, out_.data(), rows);
      one(layer.back, out_.data(), rows);
      llm::multiply_gated(kernel, layer.gate, layer.up, out_.data(), in_.data(), rows, 32, threads);
      one(layer.down, out_.data(), rows);
    }
    one(head_, logits_.data(), head_rows(rows));
  }

  // Reads all weights once and asks for them so many bytes ahead, where the processor can be asked. The result keeps
  // the compiler from leaving it out.
  uint64_t read(const llm::Threads& threads, [[maybe_unused]] size_t ahead) {
    std::atomic<uint64_t> total = 0;
    for_parts(threads, [&](const uint8_t* part, size_t size) {
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
      for (const uint64_t each : sums) sum += each;
      total.fetch_add(sum, std::memory_order_relaxed);
    });
    return total;
  }

 private:
  static constexpr size_t kPart = size_t{1} << 20;

  static size_t head_rows(size_t rows) { return rows <= kHeadRows ? rows : 1; }

  template <class Visit>
  void each(Visit visit) {
    for (auto& layer : layers_) {
      for (auto* matrix : {&layer.qkv, &layer.back, &layer.gate, &layer.up, &layer.down}) visit(*matrix);
    }
    visit(head_);
  }

  template <class Do>
  void for_parts(const llm::Threads& threads, Do action) {
    struct Context {
      Decoder& decoder;
      Do& action;
    } context{*this, action};
    const auto task = [](void* given, size_t index) {
      const auto& [decoder, act] = *static_cast<Context*>(given);
      const size_t begin = index * kPart;
      act(decoder.memory_->data() + begin, std::min(kPart, decoder.bytes_ - begin));
    };
    threads.run((bytes_ + kPart - 1) / kPart, task, &context);
  }

  Shape shape_;
  std::vector<Layer> layers_;
  PackedWeights head_;
  size_t bytes_ = 0;
  size_t layer_weights_ = 0;
  std::unique_ptr<llm::HugeMemory> memory_;
  std::vector<float> in_;
  std::vector<float> out_;
  std::vector<float> logits_;
};

template <class Work>
double seconds(Work work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// One of each repetition.
struct Measured {
  const Kernel* kernel;
  size_t rows;
  std::vector<double> times;  // seconds
};

struct Limits {
  const Kernel* kernel;
  std::vector<double> int4;  // products a second
  std::vector<double> int8;
};

std::string list(const std::vector<double>& values) {
  std::string text;
  for (const double value : values) {
    char number[32];
    std::snprintf(number, sizeof number, "%s%.6g", text.empty() ? "" : ",", value);
    text += number;
  }
  return "[" + text + "]";
}

// Not negative; false when the text is no number.
bool parse(std::string_view text, std::vector<size_t>& numbers) {
  for (const char* next = text.data(); next != text.data() + text.size();) {
    const auto [end, error] = std::from_chars(next, text.data() + text.size(), numbers.emplace_back());
    if (error != std::errc()) return false;
    next = end < text.data() + text.size() ? end + 1 : end;
  }
  return true;
}

}  // namespace

int main(int count, char** arguments) {
  std::vector<size_t> numbers;
  std::vector<size_t> rows;
  bool understood = count == 11;
  for (int i = 1; understood && i < 10; ++i) understood = parse(arguments[i], numbers);
  if (!understood || !parse(arguments[10], rows) || numbers.size() != 9) {
    std::fprintf(stderr,
                 "kernels_bench REPETITIONS THREADS LAYERS HIDDEN QKV ATTENTION FFN VOCABULARY GROUP ROWS,ROWS,...\n");
    return 1;
  }
  const Shape shape{numbers[2], numbers[3], numbers[4], numbers[5], numbers[6], numbers[7], numbers[8]};
  tbb::task_arena arena(static_cast<int>(numbers[1]));
  arena.execute([&] {
    const llm::TbbThreads threads;
    Decoder decoder(shape, threads);
    std::vector<Measured> all;
    std::vector<Limits> limits;
    for (const auto* kernel : llm::kernels()) {
      // The reference is there to be compared with, and takes minutes.
      if (kernel == &llm::portable_kernel() && llm::kernels().size() > 1) continue;
      for (const size_t some : rows) all.push_back({kernel, some, {}});
      if (measure_limit(*kernel, threads).int4 > 0) limits.push_back({kernel, {}, {}});
    }
    std::vector<double> reads;
    uint64_t sum = 0;
    for (size_t repetition = 0; repetition < numbers[0] + 1; ++repetition) {
      const bool counts = repetition > 0;
      double quickest = std::numeric_limits<double>::infinity();
      for (const size_t ahead : kAheads) {
        quickest = std::min(quickest, seconds([&] { sum += decoder.read(threads, ahead); }));
      }
      if (counts) reads.push_back(quickest);
      for (auto& [kernel, int4, int8] : limits) {
        const Limit limit = measure_limit(*kernel, threads);
        if (!counts) continue;
        int4.push_back(limit.int4);
        int8.push_back(limit.int8);
      }
      for (auto& [kernel, some, times] : all) {
        const double time = seconds([&] { decoder.step(*kernel, some, threads); });
        if (counts) times.push_back(time);
      }
    }
    std::printf("{\"threads\":%zu,\"bytes\":%zu,\"sum\":%llu,\"read\":%s,\"limits\":[", threads.count(),
                decoder.bytes(), static_cast<unsigned long long>(sum), list(reads).c_str());
    for (size_t i = 0; i < limits.size(); ++i) {
      std::printf("%s{\"kernel\":\"%s\",\"int4\":%s,\"int8\":%s}", i > 0 ? "," : "", limits[i].kernel->name,
                  list(limits[i].int4).c_str(), list(limits[i].int8).c_str());
    }
    std::printf("],\"steps\":[");
    for (size_t i = 0; i < all.size(); ++i) {
      std::printf("%s{\"kernel\":\"%s\",\"rows\":%zu,\"int4\":%.0f,\"int8\":%.0f,\"times\":%s}", i > 0 ? "," : "",
                  all[i].kernel->name, all[i].rows, decoder.int4_products(all[i].rows),
                  decoder.int8_products(all[i].rows), list(all[i].times).c_str());
    }
    std::printf("]}\n");
  });
  return 0;
}
