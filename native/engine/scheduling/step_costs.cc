#include "engine/scheduling/step_costs.h"

#include <algorithm>

namespace llm {
namespace {

constexpr double kShortest = 1e-3;       // milliseconds: 0 would mean that nothing is known
constexpr double kOutlier = 2;           // a step that takes longer than so many times the expected counts as that
constexpr double kScaleRate = 0.1;       // of a deviation goes to the machine's speed at once,
constexpr double kShapeRate = 1.0 / 32;  // and so much to the bucket, more while it has few samples
constexpr double kSettled = 4;           // samples after which a bucket can tell about the machine's speed

}  // namespace

void StepCosts::learn(size_t rows, double milliseconds) {
  if (rows == 0) return;
  const double measured = std::max(kShortest, milliseconds);
  // The nearest bucket by ratio.
  size_t index = static_cast<size_t>(std::lower_bound(kRows.begin(), kRows.end(), rows) - kRows.begin());
  if (index == kRows.size() || (index > 0 && rows * rows < kRows[index] * kRows[index - 1])) --index;
  Bucket& bucket = buckets_[index];
  // What it would have been with the bucket's size, by the curve, so that a size between two buckets bends neither.
  const double curve = of(rows);
  const double cost = (curve > 0 ? measured * of(kRows[index]) / curve : measured) / scale_;
  if (bucket.samples == 0) {
    bucket.cost = cost;
  } else {
    const double ratio = std::min(cost / bucket.cost, kOutlier);
    // Nothing is faster by chance: of the first steps a slow one, which made kernels perhaps, does not count.
    const bool first_was_slow = bucket.samples < kSettled && ratio < 1 / kOutlier;
    const double rate = first_was_slow ? 1 : std::max(1 / (bucket.samples + 1), kShapeRate);
    bucket.cost *= 1 + rate * (ratio - 1);
    if (bucket.samples >= kSettled) scale_ *= 1 + kScaleRate * (ratio - 1);
  }
  bucket.samples = std::min(bucket.samples + 1, 1 / kShapeRate);
  fit();
}

// Pool adjacent violators: where a larger step seems cheaper than a smaller one, both cost their mean.
void StepCosts::fit() {
  std::array<size_t, kRows.size()> sizes{};
  std::array<Bucket, kRows.size()> pools{};
  size_t pools_count = 0;
  points_ = 0;
  for (size_t i = 0; i < kRows.size(); ++i) {
    if (buckets_[i].samples == 0) continue;
    curve_[points_++].rows = static_cast<double>(kRows[i]);
    Bucket pool = buckets_[i];
    size_t size = 1;
    while (pools_count > 0 && pools[pools_count - 1].cost >= pool.cost) {
      const Bucket& last = pools[--pools_count];
      const double samples = last.samples + pool.samples;
      pool = {(last.cost * last.samples + pool.cost * pool.samples) / samples, samples};
      size += sizes[pools_count];
    }
    pools[pools_count] = pool;
    sizes[pools_count++] = size;
  }
  for (size_t pool = 0, point = 0; pool < pools_count; ++pool) {
    for (size_t i = 0; i < sizes[pool]; ++i) curve_[point++].cost = pools[pool].cost;
  }
}

double StepCosts::of(size_t rows) const {
  if (points_ == 0) return 0;
  const Point& first = curve_[0];
  const Point& last = curve_[points_ - 1];
  // Beyond what was learned along the line through its ends: neighbours may be too close together to tell the slope.
  const double slope = points_ > 1 ? (last.cost - first.cost) / (last.rows - first.rows) : 0;
  const auto wanted = static_cast<double>(rows);
  if (wanted >= last.rows) return scale_ * (last.cost + slope * (wanted - last.rows));
  if (wanted <= first.rows) {
    // No smaller step is cheaper by the row.
    return scale_ * std::max(first.cost - slope * (first.rows - wanted), first.cost * wanted / first.rows);
  }
  const auto* right = std::upper_bound(curve_.data(), curve_.data() + points_, wanted,
                                       [](double value, const Point& point) { return value < point.rows; });
  const Point& left = right[-1];
  return scale_ * (left.cost + (right->cost - left.cost) * (wanted - left.rows) / (right->rows - left.rows));
}

size_t StepCosts::within(double milliseconds, size_t limit) const {
  size_t fits = 1;
  size_t beyond = std::max<size_t>(limit, 1) + 1;
  while (beyond - fits > 1) {
    const size_t middle = fits + (beyond - fits) / 2;
    (of(middle) <= milliseconds ? fits : beyond) = middle;
  }
  return fits;
}

}  // namespace llm
