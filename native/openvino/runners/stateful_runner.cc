#include <algorithm>
#include <limits>
#include <list>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/scheduling/step_rows.h"
#include "openvino/runners/continuation.h"
#include "openvino/runners/runners.h"
#include "openvino/runners/sharing_proof.h"
#include "openvino/runners/state_batch.h"
#include "openvino/runners/step_groups.h"

namespace llm {
namespace {

StatefulGraph graph_of(ov::CompiledModel compiled, DecoderModel decoder, const RunnerInfo& info) {
  return {std::move(compiled), std::move(decoder), info.long_rope_border > 0, false};
}

// Tokens that the states of all sequences may hold together: as many as a paged cache would. Padding and the room that
// OpenVINO takes beforehand come on top; each at most doubles it.
double room_for(const EngineConfig& config, const StateAxes& axes, const RunnerInfo& info) {
  if (axes.values_per_token == 0) return config.kv_tokens;
  const auto precision = info.properties.find("KV_CACHE_PRECISION");
  const bool known = precision != info.properties.end() && precision->second != "dynamic";
  const double bytes = known ? static_cast<double>(ov::element::Type(precision->second).bitwidth()) / 8 : sizeof(float);
  return std::min(config.kv_tokens, config.kv_bytes / (bytes * static_cast<double>(axes.values_per_token)));
}

class StatefulRunner : public Runner {
 public:
  StatefulRunner(ov::CompiledModel compiled, RunnerInfo info, DecoderModel decoder, const EngineConfig& config)
      : info_(std::move(info)),
        graph_(graph_of(std::move(compiled), std::move(decoder), info_)),
        prompt_chunk_(static_cast<size_t>(config.stateful_chunk)),
        room_(room_for(config, graph_.decoder.axes, info_)) {
    info_.runner = "stateful";
    info_.max_sequences = 1;
    // Its steps are slow once there is a cache: 2,000 tokens take 3 s in one step and 20 s in steps of 512.
    info_.wants_long_steps = true;
    // A graph that is left as it is may compute the last token's logits only.
    if (graph_.decoder.gathers_rows) info_.logit_rows = prompt_logit_rows(info_.model.vocabulary_size);
    if (graph_.decoder.prompt_positions > 0 ||
        (graph_.decoder.has_fixed_states && info_.max_prompt == 0 && !continues_with_many(*this, vocabulary()))) {
      info_.continued_tokens = 1;
      graph_.takes_one_token = true;
    }
    share_steps(static_cast<size_t>(config.max_sequences));
    // Some plugins (NPU) find out here that they cannot run a graph: in time for the load to say what mends it.
    if (batches_.empty()) batches_.emplace_back(graph_, Rope::kShort);
  }

  RunnerInfo info() const override { return info_; }
  void give_back_file() noexcept override { graph_.decoder.mapped.give_back(); }

  // A sequence that begins with all that an idle row holds goes on from there. Any other would need that row to be
  // trimmed, which is a round trip of its state through f32.
  std::optional<size_t> admit(SequenceId sequence, Rope rope, std::span<const Token> tokens, size_t /*max_length*/,
                              size_t /*spare*/) override {
    if (places_.size() >= info_.max_sequences || !has_room(tokens.size())) return std::nullopt;
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

  bool reserve(SequenceId sequence, size_t length) override {
    size_t& tokens = places_.at(sequence).tokens;
    if (length > tokens && places_.size() > 1 && !has_room(length - tokens)) return false;
    tokens = std::max(tokens, length);
    return true;
  }

  // Where a step may have several rows, the state is copied by that step, else now.
  void fork(SequenceId parent, SequenceId child, size_t /*max_length*/) override {
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

  void drop(SequenceId sequence) noexcept override {
    const auto place = places_.find(sequence);
    if (place == places_.end()) return;
    StateBatch* batch = place->second.batch;
    batch->row(batch->find(sequence).value()).owner.reset();
    places_.erase(place);
    if (batch->idle()) keep_one_idle(batch);
  }

  void reset() override {
    places_.clear();
    works_.clear();
    while (batches_.size() > 1) batches_.pop_back();
    if (!batches_.empty() && batches_.front().request().is_broken()) batches_.clear();
    if (!batches_.empty()) batches_.front().forget(Rope::kShort);
  }

  void interrupt() noexcept override {
    std::lock_guard lock(mutex_);
    interrupted_ = true;
    if (computing_) computing_->request().interrupt();
  }

  void start(std::span<const Span> spans) override {
    for (const Span& span : spans) {
      if (info_.max_prompt > 0) check_fixed(span);
      if (!places_.contains(span.sequence)) throw Failure(ERR_ENGINE, "a step has a sequence that was not admitted");
    }
    spans_.assign(spans.begin(), spans.end());
    plan();
    start(works_.front());
  }

  Rows wait() override {
    Rows rows = wait_for(works_.front());
    const auto wanted = [this](size_t span) { return spans_[span].rows > 0; };
    const auto& all = works_.front().spans;
    if (works_.size() == 1 && (all.size() == 1 || std::all_of(all.begin(), all.end(), wanted))) return rows;
    std::vector<size_t> offsets;  // of the spans' rows among all of them
    size_t count = 0;
    for (const Span& span : spans_) {
      offsets.push_back(count);
      count += span.rows;
    }
    size_t width = 0;
    for (size_t i = 0; i < works_.size(); ++i) {
      if (i > 0) {
        start(works_[i]);
        rows = wait_for(works_[i]);
      }
      if (rows.count == 0) continue;
      width = rows.width;
      collected_.resize(count * width);
      const bool several = works_[i].spans.size() > 1;
      for (size_t j = 0; j < works_[i].spans.size(); ++j) {
        const size_t span = works_[i].spans[j];
        const float* first = rows.row(several ? j : 0).data();
        std::copy_n(first, spans_[span].rows * width,
                    collected_.begin() + static_cast<std::ptrdiff_t>(offsets[span] * width));
      }
    }
    if (count == 0) return {};
    return {collected_.data(), count, width};
  }

 private:
  struct Place {
    StateBatch* batch;
    size_t tokens;  // that it has room for
  };

  size_t vocabulary() const { return static_cast<size_t>(info_.model.vocabulary_size); }

  // Settles how many sequences there may be at once, and which of them share a step.
  void share_steps(size_t sequences) {
    info_.batching = name_of(sharing_);
    if (info_.max_prompt > 0 || sequences == 1) {
      info_.batching_reason = info_.max_prompt > 0 ? "it was compiled for one sequence" : "maxSequences is 1";
      return;
    }
    info_.max_sequences = 3;  // what the proof takes
    const double room = std::exchange(room_, std::numeric_limits<double>::infinity());
    const bool batches = graph_.decoder.axes.batches && graph_.decoder.inputs.beam_idx;
    const std::string& obstacle = graph_.decoder.padding_obstacle;
    const Sharing most = !batches ? Sharing::kNone : obstacle.empty() ? Sharing::kPadded : Sharing::kEqual;
    const auto proof = prove_sharing(*this, [this](Sharing sharing) { sharing_ = sharing; }, vocabulary(), most);
    room_ = room;
    info_.max_sequences = sequences;
    info_.can_fork = proof.forks;
    info_.batching = name_of(sharing_);
    if (sharing_ == Sharing::kPadded) return;
    if (batches) {
      info_.batching_reason = sharing_ == Sharing::kNone || obstacle.empty() ? proof.reason : obstacle;
    } else {
      info_.batching_reason = "the states of its graph hold one sequence";
    }
  }

  // The first sequence always has room.
  bool has_room(size_t more) const {
    double tokens = static_cast<double>(more);
    for (const auto& [sequence, place] : places_) tokens += static_cast<double>(place.tokens);
    return places_.empty() || tokens <= room_;
  }

  std::optional<StateBatch::Place> longest_beginning(Rope rope, std::span<const Token> tokens) {
    std::optional<StateBatch::Place> found;
    if (info_.max_prompt > 0) return found;  // a graph of static shapes computes whole prompts only
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
  bool is_worth_continuing(size_t held, size_t length) const {
    if (info_.continued_tokens == 0) return true;
    constexpr size_t kPromptTokens = 8;  // of a prompt take about as long as one token behind a state
    const size_t rest = length - held;
    const size_t anew = std::min(length, prompt_chunk_) + kPromptTokens * (length - std::min(length, prompt_chunk_));
    return kPromptTokens * rest <= anew;
  }

  // An idle one is emptied, so that at most one is kept beside those that compute.
  StateBatch& empty_batch(Rope rope, size_t tokens) {
    // OpenVINO 2026.4.1 takes a prompt of one token for the next one of the conversation before, whose keys survive
    // reset_state() in a graph of static shapes.
    if (info_.max_prompt > 0 && tokens == 1) batches_.clear();
    for (auto& batch : batches_) {
      if (!batch.idle()) continue;
      batch.forget(rope);
      return batch;
    }
    return batches_.emplace_back(graph_, rope);
  }

  void keep_one_idle(const StateBatch* kept) {
    std::erase_if(batches_, [kept](const StateBatch& batch) { return &batch != kept && batch.idle(); });
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

  // Which batches compute which spans of the step.
  void plan() {
    works_.clear();
    std::vector<StepGroup> groups;
    for (size_t i = 0; i < spans_.size(); ++i) {
      const Span& span = spans_[i];
      StateBatch& batch = *places_.at(span.sequence).batch;
      if (sharing_ != Sharing::kNone && span.tokens.size() == 1 && span.position > 0) {
        add_to_groups(groups, batch, i, span.position);
      } else {
        works_.push_back({{&batch}, {i}, 0, 0});
      }
    }
    // A state is copied when batches join. Those that come at about the same time are joined at once.
    constexpr int kMostPostponed = 4;
    const bool more_come = !works_.empty();
    if (groups.size() > 1 && (!more_come || ++postponed_ > kMostPostponed)) {
      join(groups, sharing_, room_);
      postponed_ = 0;
    }
    std::move(groups.begin(), groups.end(), std::back_inserter(works_));
    for (StepGroup& work : works_) settle(work);
  }

  // Brings the sequences of a group, and nobody else's, into one batch.
  void settle(StepGroup& group) {
    size_t owned = 0, columns = 0;
    for (const StateBatch* batch : group.batches) {
      owned += batch->owned();
      columns = std::max(columns, batch->columns());
    }
    StateBatch* target = group.batches.front();
    const bool whole = owned == group.spans.size();
    const bool single = spans_[group.spans.front()].tokens.size() == 1;
    const bool ready = single && sharing_ != Sharing::kNone ? !is_wasteful(columns, group.longest) : target->is_alone();
    if (group.batches.size() > 1 || !whole || (!ready && target->columns() > 0)) {
      std::vector<StateBatch::Place> rows;
      for (const size_t span : group.spans) {
        StateBatch* batch = places_.at(spans_[span].sequence).batch;
        rows.emplace_back(batch, batch->find(spans_[span].sequence).value());
      }
      if (!whole) target = &batches_.emplace_back(graph_, target->rope());
      target->take(rows);
      for (const size_t span : group.spans) {
        Place& place = places_.at(spans_[span].sequence);
        if (place.batch != target) place.batch->remove(place.batch->find(spans_[span].sequence).value());
        place.batch = target;
      }
      std::erase_if(batches_, [&](const StateBatch& batch) {
        const auto& from = group.batches;
        return &batch != target && batch.idle() && std::find(from.begin(), from.end(), &batch) != from.end();
      });
    }
    group.batches = {target};
  }

  void start(const StepGroup& work) {
    std::vector<Span> spans;
    for (const size_t span : work.spans) spans.push_back(spans_[span]);
    {
      std::lock_guard lock(mutex_);
      if (interrupted_) throw Interrupted();
      computing_ = work.batches.front();
    }
    try {
      work.batches.front()->start(spans);
    } catch (...) {
      stopped_computing();
      throw;
    }
  }

  Rows wait_for(const StepGroup& work) try {
    const Rows rows = work.batches.front()->wait();
    stopped_computing();
    return rows;
  } catch (...) {
    stopped_computing();
    throw;
  }

  void stopped_computing() {
    std::lock_guard lock(mutex_);
    computing_ = nullptr;
  }

  RunnerInfo info_;
  StatefulGraph graph_;
  size_t prompt_chunk_;  // tokens of the first step of a prompt
  double room_;          // tokens that all sequences may have together
  Sharing sharing_ = Sharing::kNone;

  std::list<StateBatch> batches_;
  std::unordered_map<SequenceId, Place> places_;
  std::vector<Span> spans_;       // of the step
  std::vector<StepGroup> works_;  // its inferences, one after the other
  std::vector<float> collected_;  // rows of a step that takes several
  int postponed_ = 0;             // steps for which batches were not joined

  std::mutex mutex_;
  StateBatch* computing_ = nullptr;
  bool interrupted_ = false;
};

}  // namespace

std::unique_ptr<Runner> make_stateful_runner(ov::CompiledModel compiled, RunnerInfo info, DecoderModel decoder,
                                             const EngineConfig& config) {
  return std::make_unique<StatefulRunner>(std::move(compiled), std::move(info), std::move(decoder), config);
}

}  // namespace llm
