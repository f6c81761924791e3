#include "kernels/matmul.h"

#include <algorithm>
#include <cstring>

#include "kernels/activation_rows.h"
#include "kernels/scratch.h"
#include "kernels/task_size.h"

namespace llm {
namespace {

constexpr size_t kBlockRows = PackedWeights::kBlockRows;

// Below this much work, waking threads costs more than it brings: about 20 microseconds of one.
constexpr size_t kAloneBytes = 96 * 1024;

size_t up(size_t value, size_t unit) { return (value + unit - 1) / unit * unit; }

// The sequence of parts of a call: where a block of all weights together lies.
struct Part {
  const PackedWeights* weights;
  const PackedWeights* up;  // with a gate only
  float* out;
  size_t first_block;
};

struct Call {
  const Kernel* kernel;
  std::span<const Part> parts;
  Activations activations;
  const float* x;
  size_t columns;  // of x
  size_t group;
  size_t rows;
  uint8_t* memory[4];  // values, scales, sums, padded floats
  size_t blocks;
  size_t blocks_per_task;
};

void multiply_tile(const Call& call, const Part& part, size_t block, size_t row, size_t count) {
  alignas(64) float results[kMostTileRows * kBlockRows];
  call.kernel->multiply(*part.weights, block, call.activations, row, count, results);
  if (part.up) {
    alignas(64) float ups[kMostTileRows * kBlockRows];
    call.kernel->multiply(*part.up, block, call.activations, row, count, ups);
    call.kernel->gate(results, ups, count * kBlockRows);
  }
  const size_t outputs = part.weights->rows();
  const size_t width = std::min(kBlockRows, outputs - block * kBlockRows);
  for (size_t i = 0; i < count; ++i) {
    float* out = part.out + (row + i) * outputs + block * kBlockRows;
    const float* from = results + i * kBlockRows;
    if (width == kBlockRows) {
      std::memcpy(out, from, kBlockRows * sizeof(float));  // a known size is a few instructions
    } else {
      std::memcpy(out, from, width * sizeof(float));
    }
  }
}

// Tile by tile of rows: their activations stay in the nearest caches while the task's weights come from the second.
void multiply_task(void* context, size_t index) {
  const Call& call = *static_cast<const Call*>(context);
  const size_t begin = index * call.blocks_per_task;
  const size_t end = std::min(begin + call.blocks_per_task, call.blocks);
  for (size_t row = 0; row < call.rows;) {
    const size_t count = tile_rows(*call.kernel, call.rows - row);
    for (const auto& part : call.parts) {
      const size_t first = std::max(begin, part.first_block);
      const size_t last = std::min(end, part.first_block + part.weights->blocks());
      for (size_t block = first; block < last; ++block) multiply_tile(call, part, block - part.first_block, row, count);
    }
    row += count;
  }
}

void prepare_row(const Call& call, size_t row) {
  const auto& a = call.activations;
  const float* x = call.x + row * call.columns;
  auto* sums = reinterpret_cast<float*>(call.memory[2]) + row * a.groups;
  if (call.memory[3]) {
    // The kernels read whole groups.
    auto* padded = reinterpret_cast<float*>(call.memory[3]) + row * a.columns;
    std::copy(x, x + call.columns, padded);
    std::fill(padded + call.columns, padded + a.columns, 0.F);
    x = padded;
  }
  if (!a.values) {
    sum_groups(x, a.columns, call.group, sums);
    return;
  }
  call.kernel->quantize(x, a.columns, call.group, a.span, reinterpret_cast<int8_t*>(call.memory[0]) + row * a.columns,
                        reinterpret_cast<float*>(call.memory[1]) + row * (a.columns / 32), sums);
}

constexpr size_t kRowsPerTask = 4;

void prepare_task(void* context, size_t index) {
  const Call& call = *static_cast<const Call*>(context);
  const size_t last = std::min((index + 1) * kRowsPerTask, call.rows);
  for (size_t row = index * kRowsPerTask; row < last; ++row) prepare_row(call, row);
}

void run(Call& call, QuantizationSpan span, const Threads& threads) {
  const PackedWeights& first = *call.parts.front().weights;
  auto& a = call.activations;
  a.columns = first.padded_columns();
  a.groups = first.groups();
  a.span = std::min(span, first.group());
  call.columns = first.columns();
  call.group = first.group();
  const bool quantized = span > 0;
  const bool padded = a.columns != call.columns;
  const size_t sizes[4] = {quantized ? up(call.rows * a.columns, 64) : 0,
                           quantized ? up(call.rows * (a.columns / 32) * sizeof(float), 64) : 0,
                           up(call.rows * a.groups * sizeof(float), 64),
                           padded ? up(call.rows * a.columns * sizeof(float), 64) : 0};
  Scratch scratch(sizes[0] + sizes[1] + sizes[2] + sizes[3]);
  uint8_t* memory = scratch.data();
  for (size_t i = 0; i < 4; ++i) {
    call.memory[i] = sizes[i] > 0 ? memory : nullptr;
    memory += sizes[i];
  }
  a.values = reinterpret_cast<const int8_t*>(call.memory[0]);
  a.scales = reinterpret_cast<const float*>(call.memory[1]);
  a.sums = reinterpret_cast<const float*>(call.memory[2]);
  a.floats = padded ? reinterpret_cast<const float*>(call.memory[3]) : call.x;

  size_t bytes = 0;
  for (const auto& part : call.parts) bytes += part.weights->bytes() * (part.up ? 2 : 1);
  const size_t block_bytes = first.block_bytes() * (call.parts.front().up ? 2 : 1);
  const size_t workers = threads.count();
  const size_t alone_bytes = threads.are_awake() ? kAloneBytes / 16 : kAloneBytes;
  const bool alone = workers == 1 || bytes * call.rows < alone_bytes;
  if (alone || call.rows < 2 * kRowsPerTask) {
    for (size_t row = 0; row < call.rows; ++row) prepare_row(call, row);
  } else {
    threads.run((call.rows + kRowsPerTask - 1) / kRowsPerTask, prepare_task, &call);
  }
  const bool once = call.rows <= call.kernel->tile_rows;
  call.blocks_per_task = alone ? call.blocks : units_per_task(call.blocks, block_bytes, workers, once);
  const size_t tasks = (call.blocks + call.blocks_per_task - 1) / call.blocks_per_task;
  if (alone) {
    for (size_t task = 0; task < tasks; ++task) multiply_task(&call, task);
  } else {
    threads.run(tasks, multiply_task, &call);
  }
}

}  // namespace

void multiply(const Kernel& kernel, std::span<const Product> products, const float* x, size_t rows,
              QuantizationSpan span, const Threads& threads) {
  Part parts[kMostProducts];
  for (size_t done = 0; done < products.size();) {
    size_t count = 0;
    size_t blocks = 0;
    for (; count < kMostProducts && done < products.size(); ++count, ++done) {
      parts[count] = {products[done].weights, nullptr, products[done].out, blocks};
      blocks += products[done].weights->blocks();
    }
    Call call{};
    call.kernel = &kernel;
    call.parts = {parts, count};
    call.x = x;
    call.rows = rows;
    call.blocks = blocks;
    run(call, span, threads);
  }
}

void multiply_gated(const Kernel& kernel, const PackedWeights& gate, const PackedWeights& up_weights, float* out,
                    const float* x, size_t rows, QuantizationSpan span, const Threads& threads) {
  const Part part{&gate, &up_weights, out, 0};
  Call call{};
  call.kernel = &kernel;
  call.parts = {&part, 1};
  call.x = x;
  call.rows = rows;
  call.blocks = gate.blocks();
  run(call, span, threads);
}

}  // namespace llm
