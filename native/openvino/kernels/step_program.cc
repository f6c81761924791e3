#include "openvino/kernels/step_program.h"

#include <algorithm>
#include <utility>

#include "kernels/rope.h"
#include "kernels/scratch.h"
#include "openvino/attention/block_attention.h"

namespace llm {
namespace {

// Floats, below which waking threads costs more than it brings.
constexpr size_t kAloneFloats = 32 * 1024;
constexpr size_t kRowsPerTask = 8;
constexpr size_t kPiece = 2048;  // floats, whole lines of the cache

// A line of the cache, so that no two values share one.
size_t padded(size_t width) { return (width + 15) / 16 * 16; }

// Memory that is free again, by where it begins.
struct Gap {
  size_t begin;
  size_t size;
};

template <class Work>
void each_row(size_t rows, size_t width, const Threads& threads, const Work& work) {
  const size_t alone = threads.are_awake() ? kAloneFloats / 16 : kAloneFloats;
  if (rows * width < alone || threads.count() == 1) {
    work(size_t{0}, rows);
    return;
  }
  struct Context {
    const Work& work;
    size_t rows;
  } context{work, rows};
  const auto task = [](void* of, size_t index) {
    const auto& [some_work, all] = *static_cast<const Context*>(of);
    const size_t begin = index * kRowsPerTask;
    some_work(begin, std::min(begin + kRowsPerTask, all) - begin);
  };
  threads.run((rows + kRowsPerTask - 1) / kRowsPerTask, task, &context);
}

// For what treats each number by itself: one row of an inner layer is long enough for all threads.
template <class Work>
void each_piece(size_t count, const Threads& threads, const Work& work) {
  const size_t alone = threads.are_awake() ? kPiece * 2 : kAloneFloats;
  if (count < alone || threads.count() == 1) {
    work(size_t{0}, count);
    return;
  }
  struct Context {
    const Work& work;
    size_t count;
  } context{work, count};
  const auto task = [](void* of, size_t index) {
    const auto& [some_work, all] = *static_cast<const Context*>(of);
    const size_t begin = index * kPiece;
    some_work(begin, std::min(begin + kPiece, all) - begin);
  };
  threads.run((count + kPiece - 1) / kPiece, task, &context);
}

void compute(const Step& step, const std::vector<size_t>& widths, size_t rows, std::span<float* const> values,
             std::span<const ov::Tensor> all_tensors, const Threads& threads) {
  const float* x = values[step.inputs[0]];
  float* out = values[step.outputs[0]];
  const size_t width = widths[step.inputs[0]];
  switch (step.kind) {
    case Step::Kind::kProduct: {
      float* outs[kMostProducts];
      for (size_t i = 0; i < step.outputs.size(); ++i) outs[i] = values[step.outputs[i]];
      multiply(*step.weights, x, rows, {outs, step.outputs.size()}, threads);
      return;
    }
    case Step::Kind::kNorm:
      each_row(rows, width, threads, [&](size_t row, size_t count) {
        const size_t heads = width / step.norm.weight.size();  // or 1: the whole row
        normalize(step.norm, x + row * width, count * heads, out + row * width);
      });
      return;
    case Step::Kind::kAdd: {
      const float* y = values[step.inputs[1]];
      each_row(rows, width, threads, [&](size_t row, size_t count) {
        add(x + row * width, y + row * width, count * width, out + row * width);
      });
      return;
    }
    case Step::Kind::kAddRow:
      each_row(rows, width, threads, [&](size_t row, size_t count) {
        for (size_t i = row; i < row + count; ++i) add(x + i * width, step.row.data(), width, out + i * width);
      });
      return;
    case Step::Kind::kTimes: {
      const float* y = values[step.inputs[1]];
      each_piece(rows * width, threads,
                 [&](size_t begin, size_t count) { times(x + begin, y + begin, count, out + begin); });
      return;
    }
    case Step::Kind::kTimesRow:
      each_row(rows, width, threads, [&](size_t row, size_t count) {
        for (size_t i = row; i < row + count; ++i) times(x + i * width, step.row.data(), width, out + i * width);
      });
      return;
    case Step::Kind::kActivate:
      each_piece(rows * width, threads,
                 [&](size_t begin, size_t count) { activate(step.activation, x + begin, count, out + begin); });
      return;
    case Step::Kind::kColumns:
      for (size_t i = 0, begin = step.begin; i < step.outputs.size(); ++i) {
        const size_t part = widths[step.outputs[i]];
        float* to = values[step.outputs[i]];
        for (size_t row = 0; row < rows; ++row) std::copy_n(x + row * width + begin, part, to + row * part);
        begin += part;
      }
      return;
    case Step::Kind::kRotate: {
      const size_t head = width / step.heads;
      const float* cosines = values[step.inputs[1]];
      const float* sines = values[step.inputs[2]];
      each_row(rows, width, threads, [&](size_t row, size_t count) {
        rotate(x + row * width, cosines + row * head, sines + row * head, count, step.heads, head, out + row * width);
      });
      return;
    }
    case Step::Kind::kAttend: {
      ov::Tensor tensors[kAttentionTensors];
      for (size_t i = 0; i < kAttentionTensors; ++i) tensors[i] = all_tensors[step.tensors[i]];
      attend(*step.attention, x, values[step.inputs[1]], values[step.inputs[2]], rows, tensors, out, threads);
      return;
    }
  }
}

}  // namespace

StepProgram::StepProgram(std::string id, size_t inputs, std::vector<size_t> widths, std::vector<StepResult> results,
                         std::vector<Step> steps)
    : id_(std::move(id)),
      inputs_(inputs),
      widths_(std::move(widths)),
      results_(std::move(results)),
      steps_(std::move(steps)),
      places_(widths_.size(), 0) {
  for (const auto& step : steps_) {
    for (const size_t tensor : step.tensors) tensors_ = std::max(tensors_, tensor + 1);
  }
  // Of each value: the last step that reads it.
  std::vector<size_t> last(widths_.size(), 0);
  for (size_t i = 0; i < steps_.size(); ++i) {
    for (const size_t value : steps_[i].inputs) last[value] = i;
    for (const size_t value : steps_[i].outputs) last[value] = std::max(last[value], i);
  }
  std::vector<bool> outside(widths_.size(), false);
  std::fill_n(outside.begin(), inputs_, true);
  for (const auto& result : results_) outside[result.value] = true;
  std::vector<Gap> gaps;
  for (size_t i = 0; i < steps_.size(); ++i) {
    for (const size_t value : steps_[i].outputs) {
      if (outside[value]) continue;
      const size_t size = padded(widths_[value]);
      auto fitting = gaps.end();
      for (auto gap = gaps.begin(); gap != gaps.end(); ++gap) {
        if (gap->size >= size && (fitting == gaps.end() || gap->size < fitting->size)) fitting = gap;
      }
      if (fitting == gaps.end()) {
        places_[value] = std::exchange(row_floats_, row_floats_ + size);
        continue;
      }
      places_[value] = fitting->begin;
      *fitting = {fitting->begin + size, fitting->size - size};
    }
    for (size_t value = inputs_; value < widths_.size(); ++value) {
      const auto& made = steps_[i].outputs;
      const auto& read = steps_[i].inputs;
      const bool here = std::find(made.begin(), made.end(), value) != made.end() ||
                        std::find(read.begin(), read.end(), value) != read.end();
      if (here && !outside[value] && last[value] == i) gaps.push_back({places_[value], padded(widths_[value])});
    }
  }
}

void StepProgram::run(size_t rows, std::span<const float* const> inputs, std::span<const ov::Tensor> tensors,
                      std::span<float* const> results, const Threads& threads) const {
  Scratch scratch(rows * row_floats_ * sizeof(float));
  auto* memory = reinterpret_cast<float*>(scratch.data());
  std::vector<float*> values(widths_.size());
  for (size_t i = inputs_; i < values.size(); ++i) values[i] = memory + places_[i] * rows;
  // Steps only read these.
  for (size_t i = 0; i < inputs_; ++i) values[i] = const_cast<float*>(inputs[i]);
  for (size_t i = 0; i < results_.size(); ++i) values[results_[i].value] = results[i];
  for (const auto& step : steps_) compute(step, widths_, rows, values, tensors, threads);
}

}  // namespace llm
