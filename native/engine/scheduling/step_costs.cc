#include "engine/scheduling/step_costs.h"

#include <algorithm>

namespace llm {
namespace {

constexpr double kShortest = 1e-3;       // milliseconds, because 0 would mean that nothing is known
constexpr double kOutlier = 2;           // a longer step counts as this many times the expected time
constexpr double kScaleRate = 0.1;       // this part of a deviation corrects the machine's speed,
constexpr double kShapeRate = 1.0 / 32;  // and this part the bucket, more while it has few samples
constexpr double kSettled = 4;           // samples after which a bucket corrects the machine's speed

}  // namespace

void StepCosts::learn(size_t rows, double milliseconds) {
  if (rows == 0) return;
  const double measured = std::max(kShortest, milliseconds);
  // The nearest bucket by ratio.
  size_t index = static_cast<size_t>(std::lower_bound(kRows.begin(), kRows.end(), rows) - kRows.begin());
  if (index == kRows.size() || (index > 0 && rows * rows < kRows[index] * kRows[index - 1])) --index;
  Bucket& bucket = buckets_[index];
  // The curve says what the step would have cost with the bucket's own size.
  const double curve = of(rows);
  const double cost = (curve > 0 ? measured * of(kRows[index]) / curve : measured) / scale_;
  if (bucket.samples == 0) {
    bucket.cost = cost;
  } else {
    const double ratio = std::min(cost / bucket.cost, kOutlier);
    // A step can be slow by chance (it made kernels, perhaps) but not fast. So a much faster one replaces the first
    // samples.
    const bool first_was_slow = bucket.samples < kSettled && ratio < 1 / kOutlier;
    const double rate = first_was_slow ? 1 : std::max(1 / (bucket.samples + 1), kShapeRate);
    bucket.cost *= 1 + rate * (ratio - 1);
    if (bucket.samples >= kSettled) scale_ *= 1 + kScaleRate * (ratio - 1);
  }
  bucket.samples = std::min(bucket.samples + 1, 1 / kShapeRate);
  fit();
}

// Pools adjacent violators: where a larger step seems cheaper than a smaller one, both get their mean.
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
  // Beyond the learned sizes the line through the first and the last goes on: neighbours may lie too close together to
  // give a slope.
  const double slope = points_ > 1 ? (last.cost - first.cost) / (last.rows - first.rows) : 0;
  const auto wanted = static_cast<double>(rows);
  if (wanted >= last.rows) return scale_ * (last.cost + slope * (wanted - last.rows));
  if (wanted <= first.rows) {
    // A smaller step is never cheaper per row.
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
