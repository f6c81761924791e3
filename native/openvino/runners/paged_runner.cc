#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "engine/scheduling/step_rows.h"
#include "openvino/graph/long_rope.h"
#include "openvino/runners/kv_pool.h"
#include "openvino/runners/runners.h"
#include "openvino/runners/step_input.h"
#include "openvino/runners/step_request.h"

namespace llm {
namespace {

// With the memory of a device come kernels for each number of rows.
RowSizes row_sizes_of(const EngineConfig& config) {
  return config.device.kv_memory == "device" ? RowSizes::kCoarse : RowSizes::kFine;
}

// Blocks of the sequence that fills a step up (engine/scheduling/step_rows.h).
size_t padding_blocks(const EngineConfig& config) {
  const auto block_tokens = static_cast<size_t>(config.device.kv_block_tokens);
  return (coarsest_rows(row_sizes_of(config)) + block_tokens - 1) / block_tokens;
}

// Enough blocks for kv_tokens, but no more than kv_bytes hold.
size_t pool_blocks(const EngineConfig& config, size_t block_tokens, size_t block_bytes) {
  const double wanted = std::ceil(config.kv_tokens / static_cast<double>(block_tokens));
  const double affordable = std::floor(config.kv_bytes / static_cast<double>(block_bytes));
  if (affordable < 1) {
    throw Failure(ERR_OUT_OF_MEMORY, "kvCacheBytes: expected room for at least one block of the KV cache, " +
                                         std::to_string(block_bytes) + " bytes, found " +
                                         std::to_string(static_cast<int64_t>(config.kv_bytes)));
  }
  return static_cast<size_t>(std::min({wanted, affordable, double{std::numeric_limits<Block>::max() - 1}}));
}

KvLayout layout_of(const DeviceFeatures& device) {
  return {static_cast<size_t>(device.kv_block_tokens), device.kv_transposed_keys};
}

class PagedRunner : public Runner {
 public:
  PagedRunner(ov::CompiledModel compiled, RunnerInfo info, MappedConstants mapped, const EngineConfig& config,
              size_t blocks, std::unique_ptr<KvMemory> memory)
      : info_(std::move(info)),
        blocks_(blocks, info_.kv_block_tokens),
        row_sizes_(row_sizes_of(config)),
        padding_block_(static_cast<Block>(blocks)),
        pool_(compiled, layout_of(config.device), blocks + padding_blocks(config), std::move(memory)),
        logits_(index_of_logits(compiled)),
        mapped_(std::move(mapped)),
        request_(std::move(compiled)),
        ids_("input_ids", step_tokens(config)),
        positions_("position_ids", step_tokens(config)),
        past_("past_lens", rounded(info_.max_sequences) + 1),
        begins_("subsequence_begins", rounded(info_.max_sequences) + 2),
        table_("block_indices", std::min<size_t>(blocks, 4096)),
        table_begins_("block_indices_begins", rounded(info_.max_sequences) + 2),
        rows_("sampled_tokens_indices", step_tokens(config)) {
    bind();
  }

  RunnerInfo info() const override { return info_; }
  KvUse kv() const override { return blocks_.use(); }
  void give_back_file() noexcept override { mapped_.give_back(); }

  std::optional<size_t> admit(SequenceId sequence, Rope rope, std::span<const Token> tokens, size_t max_length,
                              size_t spare) override {
    return blocks_.admit(sequence, rope, tokens, max_length, spare);
  }

  // Tokens that were appended and not trimmed by now are true, so their blocks may serve other sequences.
  bool reserve(SequenceId sequence, size_t length) override {
    blocks_.publish(sequence);
    return blocks_.reserve(sequence, length);
  }

  void trim(SequenceId sequence, size_t length) override { blocks_.trim(sequence, length); }

  void fork(SequenceId parent, SequenceId child, size_t max_length) override {
    blocks_.fork(parent, child, max_length);
  }

  void drop(SequenceId sequence) noexcept override { blocks_.drop(sequence); }

  void reset() override {
    blocks_.clear();
    if (request_.renew()) bind();
  }

  void interrupt() noexcept override { request_.interrupt(); }

  void start(std::span<const Span> spans) override try {
    const Rope rope = blocks_.rope(spans.front().sequence);
    for (const auto& span : spans) append(span, rope);
    *rope_.data<int64_t>() = rope_length(rope);
    for (const auto& copy : blocks_.copies()) pool_.copy(copy);
    blocks_.copies_done();
    set_inputs(spans);
    request_.start();
  } catch (const ov::Exception& error) {  // a device copies blocks and inputs
    throw step_failure(error);
  }

  Rows wait() override {
    request_.wait();
    if (wanted_ == 0) return {};
    const ov::Tensor logits = request_->get_output_tensor(logits_);
    const size_t width = logits.get_shape().back();  // [1, rows, vocabulary]
    if (logits.get_size() != rounded(wanted_) * width) {
      throw Failure(ERR_ENGINE, "the model computed another number of rows of logits than was asked for");
    }
    return {logits.data<const float>(), wanted_, width};
  }

 private:
  size_t rounded(size_t rows) const { return rounded_rows(rows, row_sizes_); }
  size_t blocks_for(size_t tokens) const { return (tokens + info_.kv_block_tokens - 1) / info_.kv_block_tokens; }

  // As many as most steps have: a chunk of a prompt, and a few tokens of each sequence.
  static size_t step_tokens(const EngineConfig& config) {
    return static_cast<size_t>(config.prefill_chunk) + 16 * static_cast<size_t>(config.max_sequences);
  }

  static size_t index_of_logits(const ov::CompiledModel& compiled) {
    const auto& outputs = compiled.outputs();
    const auto named = [](const auto& output) { return output.get_names().contains("logits"); };
    return static_cast<size_t>(std::find_if(outputs.begin(), outputs.end(), named) - outputs.begin());
  }

  void bind() {
    pool_.bind(*request_);
    for (auto* input : {&ids_, &positions_, &rows_}) input->bind(*request_);
    for (auto* input : {&past_, &begins_, &table_, &table_begins_}) input->bind(*request_);
    request_->set_tensor("max_context_len", longest_);
    if (info_.long_rope_border > 0) request_->set_tensor(kRopeInput, rope_);
  }

  void append(const Span& span, Rope rope) {
    if (blocks_.rope(span.sequence) != rope) {
      throw Failure(ERR_ENGINE, "a step has sequences with different position factors");
    }
    const size_t end = span.position + span.tokens.size();
    if (span.tokens.empty() || span.position != blocks_.length(span.sequence) ||
        end > blocks_.blocks(span.sequence).size() * info_.kv_block_tokens) {
      throw Failure(ERR_ENGINE, "the paged runner computes token after token, in blocks that were reserved");
    }
    blocks_.append(span.sequence, span.tokens);
  }

  // Puts all sequences' tokens one behind the other. A sequence that nobody reads fills the step up; on a device as
  // many as there are rows to fill where each sequence decodes one token, because its plugin has a quicker attention
  // for that, which it knows by as many sequences as tokens.
  void set_inputs(std::span<const Span> spans) {
    size_t tokens = 0, entries = 0, longest = 0;
    wanted_ = 0;
    for (const auto& span : spans) {
      const size_t length = span.position + span.tokens.size();
      tokens += span.tokens.size();
      entries += blocks_for(length);
      longest = std::max(longest, length);
      wanted_ += span.rows;
    }
    const size_t padding = rounded(tokens) - tokens;
    const bool decodes = row_sizes_ == RowSizes::kCoarse && tokens == spans.size();
    const size_t fillers = decodes ? padding : std::min<size_t>(1, padding);
    const size_t filler_tokens = fillers > 0 ? padding / fillers : 0;
    const size_t sequences = spans.size() + fillers;
    const auto ids = ids_.resize(tokens + padding);
    const auto positions = positions_.resize(tokens + padding);
    const auto past = past_.resize(sequences);
    const auto begins = begins_.resize(sequences + 1);
    const auto table = table_.resize(entries + fillers * blocks_for(filler_tokens));
    const auto table_begins = table_begins_.resize(sequences + 1);
    // Not every kernel takes the empty MatMul of an empty index. So at least one row is computed, though nobody reads
    // it.
    const auto rows = rows_.resize(rounded(std::max<size_t>(1, wanted_)));
    std::fill(rows.begin(), rows.end(), static_cast<int64_t>(tokens - 1));
    *longest_.data<int32_t>() = static_cast<int32_t>(std::max(longest, filler_tokens));

    size_t token = 0, entry = 0, row = 0;
    for (size_t i = 0; i < spans.size(); ++i) {
      const Span& span = spans[i];
      past[i] = static_cast<int32_t>(span.position);
      begins[i] = static_cast<int32_t>(token);
      table_begins[i] = static_cast<int32_t>(entry);
      for (size_t j = 0; j < span.tokens.size(); ++j, ++token) {
        ids[token] = span.tokens[j];
        positions[token] = static_cast<int64_t>(span.position + j);
      }
      for (size_t j = span.rows; j > 0; --j) rows[row++] = static_cast<int64_t>(token - j);
      const auto blocks = blocks_.blocks(span.sequence).first(blocks_for(span.position + span.tokens.size()));
      std::copy(blocks.begin(), blocks.end(), table.begin() + static_cast<std::ptrdiff_t>(entry));
      entry += blocks.size();
    }
    // They all write into the same blocks.
    for (size_t i = spans.size(); i < sequences; ++i) {
      past[i] = 0;
      begins[i] = static_cast<int32_t>(token);
      table_begins[i] = static_cast<int32_t>(entry);
      for (size_t j = 0; j < filler_tokens; ++j, ++token) {
        ids[token] = 0;
        positions[token] = static_cast<int64_t>(j);
      }
      for (size_t j = 0; j < blocks_for(filler_tokens); ++j) table[entry++] = padding_block_ + static_cast<Block>(j);
    }
    begins[sequences] = static_cast<int32_t>(token);
    table_begins[sequences] = static_cast<int32_t>(entry);
  }

  RunnerInfo info_;
  BlockManager blocks_;
  RowSizes row_sizes_;
  Block padding_block_;  // the first of those at the end of the pool that the block manager does not have
  KvPool pool_;          // outlives the request, whose inputs lie in it
  size_t logits_;        // which of the outputs they are
  MappedConstants mapped_;
  StepRequest request_;
  size_t wanted_ = 0;

  StepInput<int64_t> ids_, positions_;  // [tokens]
  StepInput<int32_t> past_;             // [sequences]: tokens in the cache
  StepInput<int32_t> begins_;           // [sequences + 1]: where their tokens begin
  StepInput<int32_t> table_;            // the blocks of each sequence
  StepInput<int32_t> table_begins_;     // [sequences + 1]: where those begin
  StepInput<int64_t> rows_;             // the tokens whose logits are wanted
  ov::Tensor longest_{ov::element::i32, {}};
  ov::Tensor rope_{ov::element::i64, {}};  // where the runner chooses the position factors
};

}  // namespace

std::unique_ptr<Runner> make_paged_runner(ov::CompiledModel compiled, RunnerInfo info, MappedConstants mapped,
                                          const EngineConfig& config) try {
  const auto layout = layout_of(config.device);
  const size_t block_tokens = layout.block_tokens;
  const size_t block_bytes = KvPool::block_bytes(compiled, layout);
  const size_t blocks = pool_blocks(config, block_tokens, block_bytes);
  info.runner = "paged";
  info.max_sequences = static_cast<size_t>(config.max_sequences);
  info.can_trim = info.can_fork = true;
  info.kv_tokens = blocks * block_tokens;
  info.kv_bytes = static_cast<double>(blocks) * static_cast<double>(block_bytes);
  info.kv_block_tokens = block_tokens;
  if (info.kv_precision.empty()) info.kv_precision = KvPool::precision(compiled, layout);
  info.logit_rows = prompt_logit_rows(info.model.vocabulary_size);
  auto memory = config.device.kv_memory == "host" ? host_memory() : device_memory(compiled);
  return std::make_unique<PagedRunner>(std::move(compiled), std::move(info), std::move(mapped), config, blocks,
                                       std::move(memory));
} catch (const std::bad_alloc&) {
  throw Failure(ERR_OUT_OF_MEMORY, "the KV cache cannot be reserved: set a smaller kvCacheBytes");
}

}  // namespace llm
