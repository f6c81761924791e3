#include "kernels/attention/attention.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <tuple>

#include "kernels/attention/tile.h"
#include "kernels/scratch.h"

namespace llm {
namespace {

// Sequences with so few tokens in a step share their cache out among the threads, in ranges.
constexpr size_t kMostSplitTokens = 16;

// Rows of queries that use a block while it is in the cache.
constexpr size_t kRowsPerTask = 96;

// Multiplications below which waking threads costs more than it brings, and those below which sharing out does, where
// threads are awake. To store a number takes as long as so many, for most of its memory is not in the cache.
constexpr size_t kAloneProducts = 400'000;
constexpr size_t kAloneAwake = 40'000;
constexpr size_t kProductsOfStore = 64;

// A tile of queries of one KV head, and a range of what they see.
struct Task {
  uint32_t sequence;
  uint32_t kv_head;
  uint32_t token;  // of the sequence's tokens in the step
  uint32_t tokens;
  uint32_t begin;  // blocks
  uint32_t end;
  uint32_t group;  // which results are joined; kNoGroup = nothing to join
  bool stores;     // first what its blocks lack; else that is there
};
constexpr uint32_t kNoGroup = ~uint32_t{0};

// The parts of one tile's result, which lie one behind the other.
struct Group {
  size_t first_task;
  size_t tasks;
  size_t memory;  // where they begin, in floats
};

struct StoreTask {
  size_t sequence;
  size_t block;  // of the sequence
};

struct Call {
  const AttentionKernel& kernel;
  const AttentionShape& shape;
  const AttentionStep& step;
  std::vector<Task> tasks;
  std::vector<Group> groups;
  std::vector<StoreTask> stores;
  float* parts = nullptr;
  std::unique_ptr<std::atomic<size_t>[]> left;  // tasks of each group
};

size_t count_of(const AttentionStep& step, size_t sequence) {
  return static_cast<size_t>(step.begins[sequence + 1] - step.begins[sequence]);
}

void refuse(const char* what) { throw std::out_of_range(std::string("attention: ") + what); }

void check(const AttentionStep& step) {
  const size_t sequences = step.past.size();
  if (step.begins.size() != sequences + 1 || step.table_begins.size() != sequences + 1) {
    refuse("another number of sequences begins than there are");
  }
  if (step.begins[0] != 0 || static_cast<size_t>(step.begins[sequences]) != step.tokens) {
    refuse("the sequences' tokens are not those of the step");
  }
  for (size_t i = 0; i < sequences; ++i) {
    if (step.begins[i] > step.begins[i + 1] || step.past[i] < 0) refuse("a sequence has less than no tokens");
    const int64_t begin = step.table_begins[i];
    const int64_t end = step.table_begins[i + 1];
    const size_t length = static_cast<size_t>(step.past[i]) + count_of(step, i);
    const size_t needed = (length + kBlockTokens - 1) / kBlockTokens;
    if (begin < 0 || end < begin || static_cast<size_t>(end) > step.table.size() ||
        static_cast<size_t>(end - begin) < needed) {
      refuse("a sequence has fewer blocks than its tokens need");
    }
    for (size_t j = 0; j < needed; ++j) {
      const int32_t block = step.table[static_cast<size_t>(begin) + j];
      if (block < 0 || static_cast<size_t>(block) >= step.blocks) refuse("a block lies outside of the cache");
    }
  }
}

// What a sequence's block lacks of one head.
void store(const Call& call, const StoreTask& task, size_t head) {
  const auto& [shape, step] = std::tie(call.shape, call.step);
  const auto past = static_cast<size_t>(step.past[task.sequence]);
  const size_t end = past + count_of(step, task.sequence);
  const size_t from = std::max(past, task.block * kBlockTokens);
  const size_t to = std::min(end, (task.block + 1) * kBlockTokens);
  const size_t token = static_cast<size_t>(step.begins[task.sequence]) + from - past;
  const auto block =
      static_cast<size_t>(step.table[static_cast<size_t>(step.table_begins[task.sequence]) + task.block]);
  const size_t index = block * shape.kv_heads + head;
  const size_t key_stride = shape.kv_heads * shape.key_width;
  const size_t value_stride = shape.kv_heads * shape.value_width;
  append_keys(shape.key_type, step.key_cache + index * key_block_bytes(shape.key_type, shape.key_width),
              {step.keys + token * key_stride + head * shape.key_width, key_stride, to - from, shape.key_width,
               from % kBlockTokens});
  append_values(shape.value_type, step.value_cache + index * value_block_bytes(shape.value_type, shape.value_width),
                {step.values + token * value_stride + head * shape.value_width, value_stride, to - from,
                 shape.value_width, from % kBlockTokens});
}

void store_all(Call& call, const Threads& threads) {
  const auto task = [](void* context, size_t index) {
    const auto& shared = *static_cast<const Call*>(context);
    for (size_t head = 0; head < shared.shape.kv_heads; ++head) store(shared, shared.stores[index], head);
  };
  if (!call.stores.empty()) threads.run(call.stores.size(), task, &call);
}

// Returns the multiplications of all tasks, about.
size_t plan(Call& call) {
  const auto& [shape, step] = std::tie(call.shape, call.step);
  const size_t ratio = shape.heads / shape.kv_heads;
  size_t products = 0;
  size_t memory = 0;
  for (size_t i = 0; i < step.past.size(); ++i) {
    const size_t count = count_of(step, i);
    const auto past = static_cast<size_t>(step.past[i]);
    const size_t tile = std::max<size_t>(1, kRowsPerTask / ratio);
    // Where one task of a head has all tokens, nobody else reads what it stores: so it need not wait for others.
    const bool stores = count <= tile;
    for (size_t block = past / kBlockTokens; !stores && block * kBlockTokens < past + count; ++block) {
      call.stores.push_back({i, block});
    }
    if (stores) products += count * shape.kv_heads * (shape.key_width + shape.value_width) * kProductsOfStore;
    for (size_t token = 0; token < count; token += tile) {
      const size_t tokens = std::min(tile, count - token);
      const size_t first_seen = first_key(shape, past + token);
      const size_t begin = first_seen / kBlockTokens;
      const size_t end = (past + token + tokens - 1) / kBlockTokens + 1;
      // Ranges begin where they would for any other query.
      const size_t range = count <= kMostSplitTokens ? kRangeBlocks : end;
      const size_t first_range = begin / range;
      const size_t ranges = (end - 1) / range + 1 - first_range;
      products += tokens * shape.heads * (end - begin) * kBlockTokens * (shape.key_width + shape.value_width);
      for (size_t head = 0; head < shape.kv_heads; ++head) {
        const bool joins = ranges > 1;
        const auto group = joins ? static_cast<uint32_t>(call.groups.size()) : kNoGroup;
        if (joins) {
          call.groups.push_back({call.tasks.size(), ranges, memory});
          memory += ranges * part_size(shape, tokens * ratio);
        }
        for (size_t j = first_range; j < first_range + ranges; ++j) {
          call.tasks.push_back({static_cast<uint32_t>(i), static_cast<uint32_t>(head), static_cast<uint32_t>(token),
                                static_cast<uint32_t>(tokens), static_cast<uint32_t>(std::max(begin, j * range)),
                                static_cast<uint32_t>(std::min(end, (j + 1) * range)), group, stores});
        }
      }
    }
  }
  if (memory > 0) {
    call.left = std::make_unique<std::atomic<size_t>[]>(call.groups.size());
    for (size_t i = 0; i < call.groups.size(); ++i) call.left[i] = call.groups[i].tasks;
  }
  return products;
}

size_t part_memory(const Call& call) {
  if (call.groups.empty()) return 0;
  const auto& last = call.groups.back();
  const auto& task = call.tasks[last.first_task];
  const size_t ratio = call.shape.heads / call.shape.kv_heads;
  return last.memory + last.tasks * part_size(call.shape, task.tokens * ratio);
}

void compute(Call& call, size_t index) {
  const Task& task = call.tasks[index];
  const auto& [shape, step] = std::tie(call.shape, call.step);
  const size_t ratio = shape.heads / shape.kv_heads;
  const size_t row = static_cast<size_t>(step.begins[task.sequence]) + task.token;
  const size_t rows = task.tokens * ratio;
  const AttentionTile tile{shape,
                           step.queries + row * shape.heads * shape.key_width,
                           step.key_cache,
                           step.value_cache,
                           step.table.data() + step.table_begins[task.sequence],
                           task.kv_head,
                           static_cast<size_t>(step.past[task.sequence]) + task.token,
                           task.tokens,
                           task.begin,
                           task.end};
  if (task.stores) {
    const size_t first_new = static_cast<size_t>(step.past[task.sequence]) / kBlockTokens;
    for (size_t block = std::max<size_t>(task.begin, first_new); block < task.end; ++block) {
      store(call, {task.sequence, block}, task.kv_head);
    }
  }
  float* out = step.out + row * shape.heads * shape.value_width + task.kv_head * ratio * shape.value_width;
  Scratch scratch(tile_memory(shape, rows) + part_size(shape, rows) * sizeof(float));
  if (task.group == kNoGroup) {
    auto* part = reinterpret_cast<float*>(scratch.data() + tile_memory(shape, rows));
    attend_tile(call.kernel, tile, part, scratch.data());
    join(shape, task.kv_head, rows, {part, 1}, out);
    return;
  }
  const Group& group = call.groups[task.group];
  const size_t size = part_size(shape, rows);
  float* parts = call.parts + group.memory;
  attend_tile(call.kernel, tile, parts + (index - group.first_task) * size, scratch.data());
  // Whoever is the last joins, always in the same order.
  if (call.left[task.group].fetch_sub(1, std::memory_order_acq_rel) > 1) return;
  join(shape, task.kv_head, rows, {parts, group.tasks}, out);
}

}  // namespace

std::string obstacle(const AttentionShape& shape) {
  if (shape.heads == 0 || shape.kv_heads == 0 || shape.heads % shape.kv_heads != 0) {
    return std::to_string(shape.heads) + " heads of queries for " + std::to_string(shape.kv_heads) + " of keys";
  }
  for (const size_t width : {shape.key_width, shape.value_width}) {
    if (width == 0 || width % 8 != 0) return "heads of " + std::to_string(width) + " numbers, no multiple of 8";
  }
  if (!shape.slopes.empty() && shape.slopes.size() != shape.heads) return "another number of alibi slopes than heads";
  if (!shape.sinks.empty() && shape.sinks.size() != shape.heads) return "another number of sinks than heads";
  return "";
}

void attend(const AttentionKernel& kernel, const AttentionShape& shape, const AttentionStep& step,
            const Threads& threads) {
  check(step);
  Call call{kernel, shape, step, {}, {}, {}, nullptr, nullptr};
  const size_t products = plan(call);
  store_all(call, threads);
  const size_t memory = part_memory(call);
  std::optional<Scratch> parts;
  if (memory > 0) {
    parts.emplace(memory * sizeof(float));
    call.parts = reinterpret_cast<float*>(parts->data());
  }
  if (products < (threads.are_awake() ? kAloneAwake : kAloneProducts) || threads.count() == 1 ||
      call.tasks.size() < 2) {
    for (size_t i = 0; i < call.tasks.size(); ++i) compute(call, i);
    return;
  }
  threads.run(
      call.tasks.size(), [](void* context, size_t index) { compute(*static_cast<Call*>(context), index); }, &call);
}

}  // namespace llm
