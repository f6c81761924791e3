// Rows of activations in the form in which kernels take them, each in a slot.
#pragma once
#include <algorithm>
#include <cstring>

#include "kernels/activation_rows.h"
#include "kernels/kernel.h"
#include "kernels/packed_weights.h"
#include "kernels/scratch.h"

namespace llm {

class SlotActivations {
 public:
  SlotActivations() = default;
  // For products with `weights`, whose columns are whole spans of 32.
  SlotActivations(Carver& memory, const PackedWeights& weights, size_t slots, QuantizationSpan span)
      : group_(weights.group()) {
    const size_t columns = weights.columns();
    if (span > 0) {
      values_ = memory.take<int8_t>(slots * columns);
      scales_ = memory.take<float>(slots * (columns / 32));
    } else {
      floats_ = memory.take<float>(slots * columns);
    }
    sums_ = memory.take<float>(slots * weights.groups());
    view_ = {values_, scales_, floats_, sums_, columns, weights.groups(), std::min(span, group_)};
  }

  // Of all slots.
  const Activations& view() const { return view_; }

  void prepare(const Kernel& kernel, const float* x, size_t slot) const {
    const size_t columns = view_.columns;
    float* sums = sums_ + slot * view_.groups;
    if (values_) {
      kernel.quantize(x, columns, group_, view_.span, values_ + slot * columns, scales_ + slot * (columns / 32), sums);
      return;
    }
    std::memcpy(floats_ + slot * columns, x, columns * sizeof(float));
    sum_groups(x, columns, group_, sums);
  }

  void copy(size_t from, size_t to) const {
    const auto move = [&](auto* data, size_t width) {
      if (data) std::memcpy(data + to * width, data + from * width, width * sizeof *data);
    };
    move(values_, view_.columns);
    move(scales_, view_.columns / 32);
    move(floats_, view_.columns);
    move(sums_, view_.groups);
  }

 private:
  int8_t* values_ = nullptr;
  float* scales_ = nullptr;
  float* floats_ = nullptr;
  float* sums_ = nullptr;
  size_t group_ = 0;
  Activations view_{};
};

}  // namespace llm
