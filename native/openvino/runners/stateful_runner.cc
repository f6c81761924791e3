#include <algorithm>
#include <limits>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "engine/scheduling/step_rows.h"
#include "openvino/runners/continuation.h"
#include "openvino/runners/runners.h"
#include "openvino/runners/sequence_states.h"
#include "openvino/runners/sharing_proof.h"

namespace llm {
namespace {

StatefulGraph graph_of(ov::CompiledModel compiled, DecoderModel decoder, const RunnerInfo& info,
                       const EngineConfig& config) {
  // A virtual device may hand the model to a GPU.
  const bool safe_states = config.device.kv_memory != "device" && !config.device.nested_properties;
  return {std::move(compiled), std::move(decoder), info.long_rope_border > 0, false, safe_states};
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
        graph_(graph_of(std::move(compiled), std::move(decoder), info_, config)),
        states_(graph_, static_cast<size_t>(config.stateful_chunk), info_.max_prompt > 0) {
    info_.runner = "stateful";
    info_.max_sequences = 1;
    // Its steps are slow once there is a cache: 2,000 tokens take 3 s in one step and 20 s in steps of 512.
    info_.wants_long_steps = true;
    // A graph that is left as it is may compute the last token's logits only.
    if (graph_.decoder.gathers_rows) info_.logit_rows = prompt_logit_rows(info_.model.vocabulary_size);
    // What is compiled for fixed lengths takes a prompt, then one token at a time: tokens that a grammar forces, too.
    if (graph_.decoder.prompt_positions > 0 || info_.max_prompt > 0 ||
        (graph_.decoder.has_fixed_states && !continues_with_many(*this, vocabulary()))) {
      info_.continued_tokens = 1;
      graph_.takes_one_token = true;
    }
    share_steps(static_cast<size_t>(config.max_sequences));
    states_.limit(info_.max_sequences, room_for(config, graph_.decoder.axes, info_));
    // Some plugins (NPU) find out here that they cannot run a graph: in time for the load to say what mends it.
    states_.open();
  }

  RunnerInfo info() const override { return info_; }
  void give_back_file() noexcept override { graph_.decoder.mapped.give_back(); }

  std::optional<size_t> admit(SequenceId sequence, Rope rope, std::span<const Token> tokens, size_t /*max_length*/,
                              size_t /*spare*/) override {
    return states_.admit(sequence, rope, tokens);
  }
  bool reserve(SequenceId sequence, size_t length) override { return states_.reserve(sequence, length); }
  void fork(SequenceId parent, SequenceId child, size_t /*max_length*/) override { states_.fork(parent, child); }
  void drop(SequenceId sequence) noexcept override { states_.drop(sequence); }
  void reset() override {
    works_.clear();
    states_.reset();
  }

  void interrupt() noexcept override {
    std::lock_guard lock(mutex_);
    interrupted_ = true;
    if (computing_) computing_->request().interrupt();
  }

  void start(std::span<const Span> spans) override {
    for (const Span& span : spans) {
      if (info_.max_prompt > 0) check_fixed(span);
      if (!states_.has(span.sequence)) throw Failure(ERR_ENGINE, "a step has a sequence that was not admitted");
    }
    spans_.assign(spans.begin(), spans.end());
    works_ = states_.prepare(spans_);
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
  size_t vocabulary() const { return static_cast<size_t>(info_.model.vocabulary_size); }

  // Settles how many sequences there may be at once, and which of them share a step.
  void share_steps(size_t sequences) {
    info_.batching = name_of(states_.sharing());
    if (info_.max_prompt > 0 || sequences == 1) {
      info_.batching_reason = info_.max_prompt > 0 ? "it was compiled for one sequence" : "maxSequences is 1";
      return;
    }
    if (!graph_.safe_states) {
      info_.max_sequences = sequences;
      info_.batching_reason = "the device's plugin is not safe with shared states";
      return;
    }
    states_.limit(3, std::numeric_limits<double>::infinity());  // what the proof takes
    const bool batches = graph_.decoder.axes.batches && graph_.decoder.inputs.beam_idx;
    const std::string& obstacle = graph_.decoder.padding_obstacle;
    const Sharing most = !batches ? Sharing::kNone : obstacle.empty() ? Sharing::kPadded : Sharing::kEqual;
    const auto proof = prove_sharing(*this, [this](Sharing sharing) { states_.share(sharing); }, vocabulary(), most);
    info_.max_sequences = sequences;
    info_.can_fork = proof.forks;
    info_.batching = name_of(proof.sharing);
    if (proof.sharing == Sharing::kPadded) return;
    if (batches) {
      info_.batching_reason = proof.sharing == Sharing::kNone || obstacle.empty() ? proof.reason : obstacle;
    } else {
      info_.batching_reason = "the states of its graph hold one sequence";
    }
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
    } catch (const ov::Exception& error) {
      stopped_computing();
      throw step_failure(error);
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
  SequenceStates states_;

  std::vector<Span> spans_;       // of the step
  std::vector<StepGroup> works_;  // its inferences, one after the other
  std::vector<float> collected_;  // rows of a step that takes several

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
