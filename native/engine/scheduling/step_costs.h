// What a step with so many rows (tokens of all sequences together) costs on this machine, learned from the steps.
#pragma once
#include <array>
#include <cstddef>

namespace llm {

class StepCosts {
 public:
  // A step of `rows` rows took so many milliseconds.
  void learn(size_t rows, double milliseconds);
  // Expected milliseconds of a step of `rows` rows, never decreasing in rows; 0 while nothing was learned.
  double of(size_t rows) const;
  // The most rows whose step is expected to take at most so many milliseconds; at least 1, at most `limit`.
  size_t within(double milliseconds, size_t limit) const;

 private:
  // Of a step with so many rows. cost * scale_ is milliseconds: scale_ is how fast the machine is just now, which every
  // step tells, also about the sizes that have not been computed for long.
  struct Point {
    double rows = 0;
    double cost = 0;
  };
  struct Bucket {
    double cost = 0;
    double samples = 0;  // 0: not learned
  };
  static constexpr std::array<size_t, 22> kRows{1,  2,  3,   4,   6,   8,   12,  16,  24,   32,   48,
                                                64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048};

  void fit();

  std::array<Bucket, kRows.size()> buckets_{};
  std::array<Point, kRows.size()> curve_{};  // of the learned buckets, never decreasing
  size_t points_ = 0;
  double scale_ = 1;
};

}  // namespace llm
