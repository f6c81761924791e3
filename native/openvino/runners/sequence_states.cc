#include "openvino/runners/sequence_states.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace llm {

void SequenceStates::limit(size_t sequences, double room) {
  sequences_ = sequences;
  room_ = room;
}

void SequenceStates::open() {
  if (batches_.empty()) batches_.emplace_back(graph_, Rope::kShort);
}

// A sequence that begins with all that an idle row holds goes on from there. Any other would need that row to be
// trimmed, which is a round trip of its state through f32.
std::optional<size_t> SequenceStates::admit(SequenceId sequence, Rope rope, std::span<const Token> tokens) {
  if (places_.size() >= sequences_ || !has_room(tokens.size())) return std::nullopt;
  Place place{nullptr, tokens.size()};
  size_t held = 0;
  if (const auto found = longest_beginning(rope, tokens)) {
    place.batch = found->first;
    auto& row = place.batch->row(found->second);
    row.owner = sequence;
    held = row.held.size();
  } else {
    place.batch = &empty_batch(rope, tokens.size());
    place.batch->begin(sequence);
  }
  places_.emplace(sequence, place);
  return held;
}

bool SequenceStates::reserve(SequenceId sequence, size_t length) {
  size_t& tokens = places_.at(sequence).tokens;
  if (length > tokens && places_.size() > 1 && !has_room(length - tokens)) return false;
  tokens = std::max(tokens, length);
  return true;
}

// Where a step may have several rows, the state is copied by that step, else now.
void SequenceStates::fork(SequenceId parent, SequenceId child) {
  const Place place = places_.at(parent);
  const size_t row = place.batch->find(parent).value();
  if (sharing_ != Sharing::kNone) {
    place.batch->fork(row, child);
    places_.emplace(child, place);
    return;
  }
  StateBatch& copy = batches_.emplace_back(graph_, place.batch->rope());
  copy.take(std::vector<StateBatch::Place>{{place.batch, row}});
  copy.row(0).owner = child;
  places_.emplace(child, Place{&copy, place.tokens});
}

void SequenceStates::drop(SequenceId sequence) noexcept {
  const auto place = places_.find(sequence);
  if (place == places_.end()) return;
  StateBatch* batch = place->second.batch;
  batch->row(batch->find(sequence).value()).owner.reset();
  places_.erase(place);
  if (batch->idle()) keep_one_idle(batch);
}

void SequenceStates::reset() {
  const auto broken = [](StateBatch& batch) { return batch.request().is_broken(); };
  if (!graph_.safe_states && std::any_of(batches_.begin(), batches_.end(), broken)) {
    throw Failure(ERR_ENGINE, "the states of a device do not outlive a step that failed");
  }
  places_.clear();
  while (batches_.size() > 1) batches_.pop_back();
  if (!batches_.empty() && batches_.front().request().is_broken()) batches_.clear();
  if (!batches_.empty()) batches_.front().forget(Rope::kShort);
}

// The first sequence always has room.
bool SequenceStates::has_room(size_t more) const {
  double tokens = static_cast<double>(more);
  for (const auto& [sequence, place] : places_) tokens += static_cast<double>(place.tokens);
  return places_.empty() || tokens <= room_;
}

std::optional<StateBatch::Place> SequenceStates::longest_beginning(Rope rope, std::span<const Token> tokens) {
  std::optional<StateBatch::Place> found;
  if (whole_prompts_) return found;
  size_t longest = 0;
  for (auto& batch : batches_) {
    if (batch.rope() != rope) continue;
    for (size_t i = 0; i < batch.rows().size(); ++i) {
      const auto& [held, owner, source] = batch.rows()[i];
      const bool begins = !owner && held.size() > longest && held.size() < tokens.size() &&
                          std::equal(held.begin(), held.end(), tokens.begin());
      if (!begins || !is_worth_continuing(held.size(), tokens.size())) continue;
      longest = held.size();
      found = {&batch, i};
    }
  }
  return found;
}

// Where what follows the state is computed token by token, a long rest takes longer than the whole as a prompt.
bool SequenceStates::is_worth_continuing(size_t held, size_t length) const {
  if (!graph_.takes_one_token) return true;
  constexpr size_t kPromptTokens = 8;  // of a prompt take about as long as one token behind a state
  const size_t rest = length - held;
  const size_t anew = std::min(length, prompt_chunk_) + kPromptTokens * (length - std::min(length, prompt_chunk_));
  return kPromptTokens * rest <= anew;
}

// An idle one is emptied, so that at most one is kept beside those that compute.
StateBatch& SequenceStates::empty_batch(Rope rope, size_t tokens) {
  // OpenVINO 2026.4.1 takes a prompt of one token for the next one of the conversation before, whose keys survive
  // reset_state() in a graph of static shapes.
  if (whole_prompts_ && tokens == 1) batches_.clear();
  for (auto& batch : batches_) {
    if (!batch.idle()) continue;
    batch.forget(rope);
    return batch;
  }
  return batches_.emplace_back(graph_, rope);
}

void SequenceStates::keep_one_idle(const StateBatch* kept) {
  std::erase_if(batches_, [kept](const StateBatch& batch) { return &batch != kept && batch.idle(); });
}

// Brings the sequences of a group, and nobody else's, into one batch.
void SequenceStates::settle(StepGroup& group, std::span<const Span> spans) {
  size_t owned = 0, columns = 0;
  for (const StateBatch* batch : group.batches) {
    owned += batch->owned();
    columns = std::max(columns, batch->columns());
  }
  StateBatch* target = group.batches.front();
  const bool whole = owned == group.spans.size();
  const bool single = spans[group.spans.front()].tokens.size() == 1;
  const bool ready = single && sharing_ != Sharing::kNone ? !is_wasteful(columns, group.longest) : target->is_alone();
  if (group.batches.size() > 1 || !whole || (!ready && target->columns() > 0)) {
    std::vector<StateBatch::Place> rows;
    for (const size_t span : group.spans) {
      StateBatch* batch = places_.at(spans[span].sequence).batch;
      rows.emplace_back(batch, batch->find(spans[span].sequence).value());
    }
    if (!whole) target = &batches_.emplace_back(graph_, target->rope());
    target->take(rows);
    for (const size_t span : group.spans) {
      Place& place = places_.at(spans[span].sequence);
      if (place.batch != target) place.batch->remove(place.batch->find(spans[span].sequence).value());
      place.batch = target;
    }
    std::erase_if(batches_, [&](const StateBatch& batch) {
      const auto& from = group.batches;
      return &batch != target && batch.idle() && std::find(from.begin(), from.end(), &batch) != from.end();
    });
  }
  group.batches = {target};
}

std::vector<StepGroup> SequenceStates::prepare(std::span<const Span> spans) {
  std::vector<StepGroup> works, groups;
  for (size_t i = 0; i < spans.size(); ++i) {
    const Span& span = spans[i];
    StateBatch& batch = *places_.at(span.sequence).batch;
    if (sharing_ != Sharing::kNone && span.tokens.size() == 1 && span.position > 0) {
      add_to_groups(groups, batch, i, span.position);
    } else {
      works.push_back({{&batch}, {i}, 0, 0});
    }
  }
  // A state is copied when batches join. Those that come at about the same time are joined at once.
  constexpr int kMostPostponed = 4;
  const bool more_come = !works.empty();
  if (groups.size() > 1 && (!more_come || ++postponed_ > kMostPostponed)) {
    join(groups, sharing_, room_);
    postponed_ = 0;
  }
  std::move(groups.begin(), groups.end(), std::back_inserter(works));
  for (StepGroup& work : works) settle(work, spans);
  return works;
}

}  // namespace llm
