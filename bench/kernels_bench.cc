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
#include "kernels_decoder.h"

using bench::Decoder;
using bench::Shape;
using llm::Kernel;

namespace {

// Ways to read: which is the quickest depends on the machine.
constexpr std::array<size_t, 3> kAheads{0, 2048, 8192};

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
  bool understood = count == 13;
  for (int i = 1; understood && i < 12; ++i) understood = parse(arguments[i], numbers);
  if (!understood || !parse(arguments[12], rows) || numbers.size() != 11) {
    std::fprintf(stderr,
                 "kernels_bench REPETITIONS THREADS LAYERS HIDDEN QKV ATTENTION FFN VOCABULARY GROUP EXPERTS EACH "
                 "ROWS,ROWS,...\n");
    return 1;
  }
  const Shape shape{numbers[2], numbers[3], numbers[4], numbers[5], numbers[6],
                    numbers[7], numbers[8], numbers[9], numbers[10]};
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
        const auto chosen = decoder.choose(1);  // experts that no cache has from the last time
        quickest = std::min(quickest, seconds([&] { sum += decoder.read(threads, chosen, ahead); }));
      }
      if (counts) reads.push_back(quickest);
      for (auto& [kernel, int4, int8] : limits) {
        const Limit limit = measure_limit(*kernel, threads);
        if (!counts) continue;
        int4.push_back(limit.int4);
        int8.push_back(limit.int8);
      }
      for (auto& [kernel, some, times] : all) {
        const auto chosen = decoder.choose(some);
        const double time = seconds([&] { decoder.step(*kernel, some, chosen, threads); });
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
