#include "kernels/experts.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>

#include "kernels/activation_rows.h"
#include "kernels/scratch.h"
#include "kernels/slot_activations.h"
#include "kernels/task_size.h"

namespace llm {
namespace {

constexpr size_t kBlockRows = PackedWeights::kBlockRows;

constexpr size_t kRowsPerTask = 8;

// A row of activations on its way through one expert.
struct Slot {
  uint32_t row;
  float weight;
};

// An expert that is chosen at all, and its slots.
struct Chosen {
  uint32_t expert;
  uint32_t first;
  uint32_t count;
};

struct Call {
  const Kernel* kernel;
  const Experts* experts;
  const Routing* routing;
  const float* x;
  size_t rows;
  float* out;
  size_t inner_blocks;   // of one expert's gate
  size_t output_blocks;  // of its down

  Slot* slots = nullptr;
  Chosen* chosen = nullptr;
  uint32_t* places = nullptr;  // [rows, each]: the slot of each choice
  uint32_t* starts = nullptr;  // [experts]
  size_t slot_count = 0;
  size_t chosen_count = 0;

  SlotActivations inputs;
  SlotActivations inners;
  float* hidden = nullptr;  // [slots, inner]
  size_t units_per_task = 0;
};

constexpr uint32_t kNowhere = ~uint32_t{0};

bool is_named_again(const int32_t* chosen, size_t index, size_t each) {
  return std::find(chosen + index + 1, chosen + each, chosen[index]) != chosen + each;
}

// Gives each choice a slot; those of one expert lie together, in the order of their rows.
void group_by_expert(Call& call) {
  const auto& [chosen, weights, each] = *call.routing;
  const size_t count = call.experts->count;
  std::fill(call.starts, call.starts + count, 0U);
  for (size_t row = 0; row < call.rows; ++row) {
    const int32_t* of_row = chosen + row * each;
    for (size_t i = 0; i < each; ++i) {
      const auto expert = static_cast<size_t>(of_row[i]);
      if (of_row[i] < 0 || expert >= count) {
        throw std::out_of_range("expert " + std::to_string(of_row[i]) + " of " + std::to_string(count));
      }
      const bool taken = !is_named_again(of_row, i, each);
      call.places[row * each + i] = taken ? 0 : kNowhere;
      if (taken) ++call.starts[expert];
    }
  }
  uint32_t first = 0;
  for (size_t expert = 0; expert < count; ++expert) {
    const uint32_t slots = call.starts[expert];
    call.starts[expert] = first;
    if (slots > 0) call.chosen[call.chosen_count++] = {static_cast<uint32_t>(expert), first, slots};
    first += slots;
  }
  call.slot_count = first;
  for (size_t row = 0; row < call.rows; ++row) {
    for (size_t i = row * each; i < (row + 1) * each; ++i) {
      if (call.places[i] == kNowhere) continue;
      call.places[i] = call.starts[chosen[i]]++;
      call.slots[call.places[i]] = {static_cast<uint32_t>(row), weights[i]};
    }
  }
}

// A row is prepared once and copied to its other slots.
void prepare_inputs(void* context, size_t index) {
  const Call& call = *static_cast<const Call*>(context);
  const size_t each = call.routing->each;
  const size_t last = std::min((index + 1) * kRowsPerTask, call.rows);
  for (size_t row = index * kRowsPerTask; row < last; ++row) {
    uint32_t done = kNowhere;
    for (size_t i = row * each; i < (row + 1) * each; ++i) {
      const uint32_t slot = call.places[i];
      if (slot == kNowhere) continue;
      if (done == kNowhere) {
        call.inputs.prepare(*call.kernel, call.x + row * call.experts->gate->columns(), slot);
        done = slot;
      } else {
        call.inputs.copy(done, slot);
      }
    }
  }
}

void prepare_inners(void* context, size_t index) {
  const Call& call = *static_cast<const Call*>(context);
  const size_t last = std::min((index + 1) * kRowsPerTask, call.slot_count);
  for (size_t slot = index * kRowsPerTask; slot < last; ++slot) {
    call.inners.prepare(*call.kernel, call.hidden + slot * call.inners.view().columns, slot);
  }
}

// Tile by tile of an expert's slots: their activations stay in the nearest caches while the task's weights come from
// the second.
template <class Block>
void each_tile(const Call& call, const Chosen& chosen, size_t first, size_t last, const Block& block) {
  for (size_t slot = chosen.first; slot < chosen.first + chosen.count;) {
    const size_t count = tile_rows(*call.kernel, chosen.first + chosen.count - slot);
    for (size_t i = first; i < last; ++i) block(i, slot, count);
    slot += count;
  }
}

// Makes of gates and ups of a block's rows what the kernel's silu(gate) * up becomes the clamped gate of:
// g * sigmoid(alpha * g) is silu(alpha * g) / alpha.
void clamp(const ExpertBiases& biases, size_t block, float* gates, float* ups, size_t count) {
  const float* bias = biases.inner + block * kBlockRows * 2;
  const float limit = biases.limit;
  for (size_t i = 0; i < count; ++i, gates += kBlockRows, ups += kBlockRows) {
    for (size_t r = 0; r < kBlockRows; ++r) {
      // What is no number passes through these comparisons.
      const float gate = gates[r] + bias[2 * r];
      const float up = ups[r] + bias[2 * r + 1];
      gates[r] = biases.alpha * (gate > limit ? limit : gate);
      ups[r] = ((up > limit ? limit : up < -limit ? -limit : up) + 1) / biases.alpha;
    }
  }
}

// A unit is a block of gate and up of a chosen expert.
void multiply_gates(void* context, size_t index) {
  const Call& call = *static_cast<const Call*>(context);
  const size_t inner = call.inner_blocks * kBlockRows;
  const size_t end = std::min((index + 1) * call.units_per_task, call.chosen_count * call.inner_blocks);
  for (size_t unit = index * call.units_per_task; unit < end;) {
    const size_t which = unit / call.inner_blocks;
    const size_t first = unit % call.inner_blocks;
    const size_t last = std::min(call.inner_blocks, first + end - unit);
    const Chosen& chosen = call.chosen[which];
    each_tile(call, chosen, first, last, [&](size_t block, size_t slot, size_t count) {
      alignas(64) float gates[kMostTileRows * kBlockRows];
      alignas(64) float ups[kMostTileRows * kBlockRows];
      const size_t stored = chosen.expert * call.inner_blocks + block;
      call.kernel->multiply(*call.experts->gate, stored, call.inputs.view(), slot, count, gates);
      call.kernel->multiply(*call.experts->up, stored, call.inputs.view(), slot, count, ups);
      if (call.experts->biases) clamp(*call.experts->biases, stored, gates, ups, count);
      call.kernel->gate(gates, ups, count * kBlockRows);
      for (size_t i = 0; i < count; ++i) {
        std::memcpy(call.hidden + (slot + i) * inner + block * kBlockRows, gates + i * kBlockRows,
                    kBlockRows * sizeof(float));
      }
    });
    unit += last - first;
  }
}

// A unit is a block of the outputs: whoever computes it adds up all experts, so nobody else writes there.
void multiply_downs(void* context, size_t index) {
  const Call& call = *static_cast<const Call*>(context);
  const size_t outputs = call.output_blocks * kBlockRows;
  const size_t first = index * call.units_per_task;
  const size_t last = std::min(first + call.units_per_task, call.output_blocks);
  for (size_t row = 0; row < call.rows; ++row) {
    std::fill(call.out + row * outputs + first * kBlockRows, call.out + row * outputs + last * kBlockRows, 0.F);
  }
  for (size_t which = 0; which < call.chosen_count; ++which) {
    const Chosen& chosen = call.chosen[which];
    each_tile(call, chosen, first, last, [&](size_t block, size_t slot, size_t count) {
      alignas(64) float results[kMostTileRows * kBlockRows];
      const size_t stored = chosen.expert * call.output_blocks + block;
      call.kernel->multiply(*call.experts->down, stored, call.inners.view(), slot, count, results);
      if (call.experts->biases) {
        const float* bias = call.experts->biases->outputs + stored * kBlockRows;
        for (size_t i = 0; i < count * kBlockRows; ++i) results[i] += bias[i % kBlockRows];
      }
      for (size_t i = 0; i < count; ++i) {
        const auto [row, weight] = call.slots[slot + i];
        float* out = call.out + row * outputs + block * kBlockRows;
        for (size_t r = 0; r < kBlockRows; ++r) out[r] += weight * results[i * kBlockRows + r];
      }
    });
  }
}

void run_rows(Call& call, size_t rows, void (*task)(void*, size_t), const Threads& threads) {
  const size_t tasks = (rows + kRowsPerTask - 1) / kRowsPerTask;
  if (tasks < 2 || threads.count() == 1) {
    for (size_t i = 0; i < tasks; ++i) task(&call, i);
  } else {
    threads.run(tasks, task, &call);
  }
}

void run_units(Call& call, size_t units, size_t unit_bytes, void (*task)(void*, size_t), const Threads& threads) {
  const bool once = call.slot_count <= call.chosen_count * call.kernel->tile_rows;
  call.units_per_task = units_per_task(units, unit_bytes, threads.count(), once);
  threads.run((units + call.units_per_task - 1) / call.units_per_task, task, &call);
}

void lay_out(Call& call, Carver& memory, QuantizationSpan span) {
  const size_t choices = call.rows * call.routing->each;
  call.slots = memory.take<Slot>(choices);
  call.places = memory.take<uint32_t>(choices);
  call.chosen = memory.take<Chosen>(std::min(choices, call.experts->count));
  call.starts = memory.take<uint32_t>(call.experts->count);
  call.inputs = SlotActivations(memory, *call.experts->gate, choices, span);
  call.hidden = memory.take<float>(choices * call.experts->down->columns());
  call.inners = SlotActivations(memory, *call.experts->down, choices, span);
}

}  // namespace

bool fit_together(const Experts& experts) {
  const auto& [count, gate, up, down, biases] = experts;
  const auto whole_blocks = [&](const PackedWeights& weights) {
    return weights.rows() % (count * kBlockRows) == 0 && weights.columns() % 32 == 0;
  };
  return count > 0 && whole_blocks(*gate) && whole_blocks(*up) && whole_blocks(*down) && gate->rows() == up->rows() &&
         gate->columns() == up->columns() && gate->group() == up->group() && gate->bits() == up->bits() &&
         down->columns() == gate->rows() / count;
}

void multiply_experts(const Kernel& kernel, const Experts& experts, const Routing& routing, const float* x, size_t rows,
                      float* out, QuantizationSpan span, const Threads& threads) {
  Call call{};
  call.kernel = &kernel;
  call.experts = &experts;
  call.routing = &routing;
  call.x = x;
  call.rows = rows;
  call.out = out;
  call.inner_blocks = experts.gate->blocks() / experts.count;
  call.output_blocks = experts.down->blocks() / experts.count;
  Carver counter(nullptr);
  lay_out(call, counter, span);
  Scratch scratch(counter.bytes());
  Carver memory(scratch.data());
  lay_out(call, memory, span);

  group_by_expert(call);
  run_rows(call, rows, prepare_inputs, threads);
  run_units(call, call.chosen_count * call.inner_blocks, 2 * experts.gate->block_bytes(), multiply_gates, threads);
  run_rows(call, call.slot_count, prepare_inners, threads);
  run_units(call, call.output_blocks, experts.down->block_bytes(), multiply_downs, threads);
}

}  // namespace llm
