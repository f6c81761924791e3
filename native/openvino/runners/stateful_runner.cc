#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "engine/scheduling/step_rows.h"
#include "openvino/graph/cache_position.h"
#include "openvino/graph/long_rope.h"
#include "openvino/runners/continuation.h"
#include "openvino/runners/runners.h"
#include "openvino/runners/step_request.h"

namespace llm {
namespace {

class StatefulRunner : public Runner {
 public:
  StatefulRunner(ov::CompiledModel compiled, RunnerInfo info, DecoderModel decoder, const EngineConfig& config)
      : info_(std::move(info)),
        decoder_(std::move(decoder)),
        gathers_(decoder_.gathers_rows),
        prompt_chunk_(static_cast<size_t>(config.stateful_chunk)),
        request_(std::move(compiled)) {
    info_.runner = "stateful";
    info_.max_sequences = 1;
    // Its steps are slow once there is a cache: 2,000 tokens take 3 s in one step and 20 s in steps of 512.
    info_.wants_long_steps = true;
    // A graph that is left as it is may compute the last token's logits only.
    if (gathers_) info_.logit_rows = prompt_logit_rows(info_.model.vocabulary_size);
    if (decoder_.prompt_positions > 0 ||
        (decoder_.has_fixed_states && info_.max_prompt == 0 &&
         !continues_with_many(*this, static_cast<size_t>(info_.model.vocabulary_size)))) {
      info_.continued_tokens = 1;
    }
  }

  RunnerInfo info() const override { return info_; }
  void give_back_file() noexcept override { decoder_.mapped.give_back(); }

  // Keeps what the state holds only when that is the whole beginning of the prompt. Otherwise the state would have to
  // be trimmed, which is a round trip of the whole cache through f32.
  std::optional<size_t> admit(SequenceId sequence, Rope rope, std::span<const Token> tokens, size_t /*max_length*/,
                              size_t /*spare*/) override {
    if (sequence_) return std::nullopt;
    // A graph of static shapes computes whole prompts only.
    const bool begins = info_.max_prompt == 0 && rope == rope_ && held_.size() < tokens.size() &&
                        std::equal(held_.begin(), held_.end(), tokens.begin());
    if (!begins || !is_worth_continuing(tokens.size())) forget();
    // OpenVINO 2026.4.1 takes a prompt of one token for the next one of the conversation before, whose keys survive
    // reset_state() in a graph of static shapes.
    if (info_.max_prompt > 0 && tokens.size() == 1 && used_) request_.remake();
    sequence_ = sequence;
    rope_ = rope;
    return held_.size();
  }

  // The state grows by itself.
  bool reserve(SequenceId /*sequence*/, size_t /*length*/) override { return true; }

  void drop(SequenceId sequence) noexcept override {
    if (sequence_ == sequence) sequence_.reset();
  }

  void reset() override {
    sequence_.reset();
    if (request_.renew()) held_.clear();
    forget();
  }

  void interrupt() noexcept override { request_.interrupt(); }

  void start(std::span<const Span> spans) override {
    const Span& span = spans.front();
    if (info_.max_prompt > 0) check_fixed(span);
    if (spans.size() != 1 || span.sequence != sequence_ || span.position != held_.size() || span.tokens.empty()) {
      throw Failure(ERR_ENGINE, "the stateful runner computes one sequence, token after token");
    }
    held_.insert(held_.end(), span.tokens.begin(), span.tokens.end());
    used_ = true;
    left_ = span;
    collected_.clear();
    start_piece();
  }

  Rows wait() override {
    Rows rows = wait_for_piece();
    if (left_.tokens.empty()) return rows;
    const size_t wanted = rows.count + left_.rows;
    size_t width = rows.width;
    collect(rows);
    while (!left_.tokens.empty()) {
      start_piece();
      rows = wait_for_piece();
      if (rows.count > 0) width = rows.width;
      collect(rows);
    }
    if (wanted == 0) return {};
    return {collected_.data(), wanted, width};
  }

 private:
  // Starts with as many of the tokens that are left as one inference may compute, and takes them away.
  void start_piece() {
    const size_t count = piece_of(left_);
    Span piece = left_;
    piece.tokens = left_.tokens.first(count);
    const size_t behind = left_.tokens.size() - count;
    piece.rows = left_.rows > behind ? left_.rows - behind : 0;
    set_inputs(piece);
    left_.tokens = left_.tokens.subspan(count);
    left_.position += count;
    left_.rows -= piece.rows;
    request_.start();
  }

  // See cache_position.h; of other graphs any span from the beginning.
  bool is_prompt(const Span& span) const {
    return span.position == 0 && span.tokens.size() >= decoder_.prompt_positions;
  }

  size_t piece_of(const Span& span) const {
    return info_.continued_tokens == 0 || is_prompt(span) ? span.tokens.size() : 1;
  }

  void collect(const Rows& rows) {
    collected_.insert(collected_.end(), rows.data, rows.data + rows.count * rows.width);
  }

  Rows wait_for_piece() {
    request_.wait();
    if (wanted_ == 0) return {};
    const ov::Tensor logits = request_->get_tensor("logits");
    const auto& shape = logits.get_shape();  // [1, rows, vocabulary]
    const size_t width = shape.back();
    const size_t rows = logits.get_size() / width;
    if (rows < wanted_) throw Failure(ERR_ENGINE, "the model computed fewer rows of logits than were asked for");
    return {logits.data<const float>() + (rows - wanted_) * width, wanted_, width};
  }

  // See static_shapes.h: beyond its lengths such a graph computes nonsense without an error.
  void check_fixed(const Span& span) const {
    const size_t count = span.tokens.size();
    const bool fits = span.position == 0 ? count <= info_.max_prompt : count == 1;
    if (!fits || span.position + count > info_.kv_tokens || span.rows > 1) {
      throw Failure(ERR_ENGINE, "the model was compiled for prompts of up to " + std::to_string(info_.max_prompt) +
                                    " tokens and " + std::to_string(info_.kv_tokens) + " in all, token after token");
    }
  }

  // Where what follows the state is computed token by token, a long rest takes longer than the whole as a prompt.
  bool is_worth_continuing(size_t length) const {
    if (info_.continued_tokens == 0) return true;
    constexpr size_t kPromptTokens = 8;  // of a prompt take about as long as one token behind a state
    const size_t rest = length - held_.size();
    const size_t anew = std::min(length, prompt_chunk_) + kPromptTokens * (length - std::min(length, prompt_chunk_));
    return kPromptTokens * rest <= anew;
  }

  void forget() {
    if (held_.empty()) return;
    request_->reset_state();
    held_.clear();
  }

  void set_inputs(const Span& span) {
    const size_t count = span.tokens.size();
    const size_t total = span.position + count;
    ids_.assign(span.tokens.begin(), span.tokens.end());
    request_->set_tensor("input_ids", ov::Tensor(ov::element::i64, {1, count}, ids_.data()));
    if (decoder_.prompt_positions > 0) {
      // See cache_position.h. The mask is of the step's tokens: these graphs keep nothing of each token.
      const bool whole = is_prompt(span);
      positions_.resize(whole ? decoder_.prompt_positions : 1);
      std::iota(positions_.begin(), positions_.end(), whole ? 0 : decoder_.prompt_positions + span.position);
      request_->set_tensor(kCachePosition, ov::Tensor(ov::element::i64, {positions_.size()}, positions_.data()));
      if (mask_.size() < count) mask_.resize(count, 1);
      if (decoder_.inputs.attention_mask) {
        request_->set_tensor("attention_mask", ov::Tensor(ov::element::i64, {1, count}, mask_.data()));
      }
    } else if (decoder_.inputs.attention_mask) {
      if (mask_.size() < total) mask_.resize(std::max(total, 2 * mask_.size()), 1);
      request_->set_tensor("attention_mask", ov::Tensor(ov::element::i64, {1, total}, mask_.data()));
    }
    if (decoder_.inputs.position_ids) {
      positions_.resize(count);
      for (size_t i = 0; i < count; ++i) positions_[i] = static_cast<int64_t>(span.position + i);
      request_->set_tensor("position_ids", ov::Tensor(ov::element::i64, {1, count}, positions_.data()));
    }
    if (decoder_.inputs.beam_idx) request_->set_tensor("beam_idx", ov::Tensor(ov::element::i32, {1}, &beam_));
    if (info_.long_rope_border > 0) {
      rope_length_ = rope_length(rope_);
      request_->set_tensor(kRopeInput, ov::Tensor(ov::element::i64, {}, &rope_length_));
    }
    if (gathers_) {
      // Not every kernel takes the empty MatMul of an empty index. So at least one row is computed, though nobody reads
      // it.
      rows_.resize(std::max<size_t>(1, span.rows));
      for (size_t i = 0; i < rows_.size(); ++i) rows_[i] = static_cast<int64_t>(count - rows_.size() + i);
      request_->set_tensor("sampled_tokens_indices", ov::Tensor(ov::element::i64, {rows_.size()}, rows_.data()));
    }
    wanted_ = span.rows;
  }

  RunnerInfo info_;
  DecoderModel decoder_;  // without its model: that was released after compilation
  bool gathers_;
  size_t prompt_chunk_;  // tokens of the first step of a prompt
  StepRequest request_;

  std::vector<Token> held_;             // the tokens whose keys and values are in the state
  Rope rope_ = Rope::kShort;            // of these
  std::optional<SequenceId> sequence_;  // whose they are, if anybody's
  bool used_ = false;                   // something was computed
  Span left_;                           // of the step, what its next inference begins with
  std::vector<float> collected_;        // rows of a step that takes several inferences
  size_t wanted_ = 0;                   // rows of the inference

  // What the input tensors point to.
  std::vector<int64_t> ids_, mask_, positions_, rows_;
  int64_t rope_length_ = 0;
  int32_t beam_ = 0;
};

}  // namespace

std::unique_ptr<Runner> make_stateful_runner(ov::CompiledModel compiled, RunnerInfo info, DecoderModel decoder,
                                             const EngineConfig& config) {
  return std::make_unique<StatefulRunner>(std::move(compiled), std::move(info), std::move(decoder), config);
}

}  // namespace llm
