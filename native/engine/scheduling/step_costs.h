// How long a step takes on this machine, by its number of rows (tokens of all sequences together). Learned from the
// steps; speculative decoding asks it whether drafts pay.
#pragma once
#include <array>
#include <cstddef>

namespace llm {

class StepCosts {
 public:
  // A step of `rows` rows took this long.
  void learn(size_t rows, double milliseconds);
  // The milliseconds that a step of `rows` rows will take; 0 while nothing was learned. More rows never take less.
  double of(size_t rows) const;
  // The most rows, from 1 to `limit`, whose step will take at most that long.
  size_t within(double milliseconds, size_t limit) const;

 private:
  // One size of step and its cost. cost * scale_ is milliseconds: scale_ follows the present speed of the machine.
  // Every step corrects it, so the costs of sizes that have not been computed for long stay right.
  struct Point {
    double rows = 0;
    double cost = 0;
  };
  struct Bucket {
    double cost = 0;
    double samples = 0;  // 0: nothing learned
  };
  static constexpr std::array<size_t, 22> kRows{1,  2,  3,   4,   6,   8,   12,  16,  24,   32,   48,
                                                64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048};

  void fit();

  std::array<Bucket, kRows.size()> buckets_{};
  std::array<Point, kRows.size()> curve_{};  // one point per learned bucket; costs never decrease
  size_t points_ = 0;
  double scale_ = 1;
};

}  // namespace llm
