#include "openvino/runners/state_batch.h"

#include <algorithm>
#include <numeric>

#include "openvino/graph/cache_position.h"
#include "openvino/graph/long_rope.h"
#include "openvino/runners/state_rows.h"

namespace llm {

std::optional<size_t> StateBatch::find(SequenceId owner) const {
  for (size_t i = 0; i < rows_.size(); ++i) {
    if (rows_[i].owner == owner) return i;
  }
  return std::nullopt;
}

size_t StateBatch::owned() const {
  return static_cast<size_t>(
      std::count_if(rows_.begin(), rows_.end(), [](const Row& row) { return row.owner.has_value(); }));
}

void StateBatch::forget(Rope rope) {
  if (state_rows_ > 0) request_->reset_state();
  rows_.clear();
  state_rows_ = columns_ = 0;
  rope_ = rope;
}

void StateBatch::begin(SequenceId owner) { rows_.push_back({{}, owner, 0}); }

void StateBatch::fork(size_t row, SequenceId child) { rows_.push_back({rows_[row].held, child, rows_[row].source}); }

void StateBatch::take(std::span<const Place> places) {
  std::vector<StateRow> states;
  std::vector<Row> rows;
  for (const auto& [batch, index] : places) {
    const Row& row = batch->rows_[index];
    states.push_back({&*batch->request_, row.source, row.held.size()});
    rows.push_back({row.held, row.owner, rows.size()});
  }
  move_rows(graph_.decoder.axes, states, *request_);
  rows_ = std::move(rows);
  state_rows_ = rows_.size();
  columns_ = 0;
  for (const Row& row : rows_) columns_ = std::max(columns_, row.held.size());
}

void StateBatch::start(std::span<const Span> spans) {
  std::vector<Row> rows;
  tokens_.clear();
  for (const auto& span : spans) {
    const auto index = find(span.sequence);
    const bool counts = spans.size() == 1 ? !span.tokens.empty() : span.tokens.size() == 1;
    if (!index || !counts || span.position != rows_[*index].held.size()) {
      throw Failure(ERR_ENGINE, "the stateful runner computes token after token");
    }
    rows.push_back(std::move(rows_[*index]));
    rows.back().held.insert(rows.back().held.end(), span.tokens.begin(), span.tokens.end());
    tokens_.push_back(span.tokens.front());
  }
  rows_ = std::move(rows);
  collected_.clear();
  left_ = spans.front();
  if (spans.size() > 1) {
    left_.tokens = {};
    set_inputs(1, rows_.size());
    request_.start();
  } else {
    start_piece();
  }
}

Rows StateBatch::wait() {
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

// See cache_position.h; of other graphs any span from the beginning.
bool StateBatch::is_prompt() const {
  return left_.position == 0 && left_.tokens.size() >= graph_.decoder.prompt_positions;
}

// Starts with as many of the tokens that are left as one inference may compute, and takes them away.
void StateBatch::start_piece() {
  const size_t count = !graph_.takes_one_token || is_prompt() ? left_.tokens.size() : 1;
  const size_t behind = left_.tokens.size() - count;
  const size_t rows = left_.rows > behind ? left_.rows - behind : 0;
  set_inputs(count, rows);
  left_.tokens = left_.tokens.subspan(count);
  left_.position += count;
  left_.rows -= rows;
  request_.start();
}

void StateBatch::collect(const Rows& rows) {
  collected_.insert(collected_.end(), rows.data, rows.data + rows.count * rows.width);
}

Rows StateBatch::wait_for_piece() {
  request_.wait();
  if (wanted_ == 0) return {};
  const ov::Tensor logits = request_->get_tensor("logits");
  const size_t width = logits.get_shape().back();  // [1, rows, vocabulary], or [sequences, tokens, vocabulary]
  const size_t rows = logits.get_size() / width;
  if (rows < wanted_) throw Failure(ERR_ENGINE, "the model computed fewer rows of logits than were asked for");
  return {logits.data<const float>() + (rows - wanted_) * width, wanted_, width};
}

void StateBatch::set(const char* name, std::vector<int64_t>& values, ov::Shape shape) {
  request_->set_tensor(name, ov::Tensor(ov::element::i64, std::move(shape), values.data()));
}

// Of one sequence `count` tokens, of which the last `rows` have logits that are wanted; of several the last one each.
void StateBatch::set_inputs(size_t count, size_t rows) {
  const auto& inputs = graph_.decoder.inputs;
  const size_t prompt_positions = graph_.decoder.prompt_positions;
  const size_t sequences = rows_.size();
  const bool several = sequences > 1;
  const auto position_of = [&](size_t row) { return several ? rows_[row].held.size() - 1 : left_.position; };
  columns_ += count;
  if (several) {
    ids_.assign(tokens_.begin(), tokens_.end());
  } else {
    ids_.assign(left_.tokens.begin(), left_.tokens.begin() + static_cast<std::ptrdiff_t>(count));
  }
  set("input_ids", ids_, {sequences, count});
  if (prompt_positions > 0) {
    // See cache_position.h. The mask is of the step's tokens: these graphs keep nothing of each token.
    const bool whole = !several && is_prompt();
    size_t position = 0;
    for (size_t row = 0; row < sequences; ++row) position = std::max(position, position_of(row));
    positions_.resize(whole ? prompt_positions : 1);
    std::iota(positions_.begin(), positions_.end(), whole ? 0 : prompt_positions + position);
    set(kCachePosition, positions_, {positions_.size()});
    mask_.assign(sequences * count, 1);
    if (inputs.attention_mask) set("attention_mask", mask_, {sequences, count});
  } else if (inputs.attention_mask) {
    mask_.assign(sequences * columns_, 1);
    for (size_t row = 0; row < sequences; ++row) {
      const size_t padding = columns_ - (position_of(row) + count);
      std::fill_n(mask_.begin() + static_cast<std::ptrdiff_t>(row * columns_), padding, 0);
    }
    set("attention_mask", mask_, {sequences, columns_});
  }
  if (inputs.position_ids) {
    positions_.resize(sequences * count);
    for (size_t i = 0; i < positions_.size(); ++i) {
      positions_[i] = static_cast<int64_t>(position_of(i / count) + i % count);
    }
    set("position_ids", positions_, {sequences, count});
  }
  if (inputs.beam_idx) {
    beams_.clear();
    for (Row& row : rows_) beams_.push_back(static_cast<int32_t>(std::exchange(row.source, beams_.size())));
    request_->set_tensor("beam_idx", ov::Tensor(ov::element::i32, {sequences}, beams_.data()));
  }
  state_rows_ = sequences;
  if (graph_.chooses_rope) {
    rope_length_ = rope_length(rope_);
    request_->set_tensor(kRopeInput, ov::Tensor(ov::element::i64, {}, &rope_length_));
  }
  if (several) rows = sequences;
  if (graph_.decoder.gathers_rows) {
    // Not every kernel takes the empty MatMul of an empty index. So at least one row is computed, though nobody reads
    // it.
    indices_.resize(std::max<size_t>(1, rows));
    std::iota(indices_.begin(), indices_.end(), static_cast<int64_t>(sequences * count - indices_.size()));
    set("sampled_tokens_indices", indices_, {indices_.size()});
  }
  wanted_ = rows;
}

}  // namespace llm
