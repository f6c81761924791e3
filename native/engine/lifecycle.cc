#include "engine/lifecycle.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "engine/precision_fallback.h"

namespace llm {

std::optional<Failure> LoadedModel::refusal(const Sequence& sequence) const {
  const auto inside = [this](Token token) { return token >= 0 && static_cast<size_t>(token) < vocabulary; };
  const auto& tokens = sequence.tokens;
  if (tokens.empty() || !std::all_of(tokens.begin(), tokens.end(), inside)) {
    // Token ids are checked three times (option, encoded prompt, here): the embedding lookup does not check its index,
    // and would read foreign memory.
    return Failure(ERR_TOKEN_ID,
                   "a prompt must hold at least one token id and only ids from 0 to " + std::to_string(vocabulary - 1));
  }
  if (kv_tokens > 0 && sequence.max_length() > kv_tokens) {
    return Failure(ERR_CONTEXT_LENGTH, "prompt and answer may need " + std::to_string(sequence.max_length()) +
                                           " tokens; the KV cache holds " + std::to_string(kv_tokens));
  }
  return sequence.beam ? refusal_of_beams(sequence) : std::nullopt;
}

std::optional<Failure> LoadedModel::refusal_of_beams(const Sequence& sequence) const {
  const auto beams = static_cast<size_t>(sequence.params.num_beams);
  if (!info.can_fork || info.max_sequences < beams) {
    return Failure(ERR_UNSUPPORTED_MODEL,
                   "numBeams is " + std::to_string(beams) + "; the " + info.runner + " runner computes " +
                       std::to_string(info.can_fork ? info.max_sequences : 1) + " sequences that come from each other");
  }
  const size_t size = runner->kv().block_tokens;
  if (kv_tokens == 0 || size == 0) return std::nullopt;
  // The whole blocks of the prompt are shared. Each beam needs a block more while it is admitted.
  const size_t shared = sequence.prompt / size;
  const size_t own = (sequence.max_length() + size - 1) / size - shared + 1;
  const size_t needed = (shared + beams * own) * size;
  if (needed <= kv_tokens) return std::nullopt;
  return Failure(ERR_CONTEXT_LENGTH, std::to_string(beams) + " beams of prompt and answer may need " +
                                         std::to_string(needed) + " tokens; the KV cache holds " +
                                         std::to_string(kv_tokens));
}

std::unique_ptr<LoadedModel> Lifecycle::open() const {
  auto model = open_warm();
  const RunnerInfo& info = model->info;
  model->vocabulary = static_cast<size_t>(info.model.vocabulary_size);
  model->kv_tokens = info.kv_tokens;
  model->border = RopeBorder(info.long_rope_border);
  model->sampler.emplace(model->vocabulary);
  model->speculative_decoder.emplace(*model->runner, *model->sampler,
                                     config_.draft_model_path.empty() ? nullptr : open_draft_model(info));
  const int32_t chunk = info.wants_long_steps ? config_.stateful_chunk : config_.prefill_chunk;
  model->scheduler.emplace(*model->runner, Scheduler::Limits{.sequences = info.max_sequences,
                                                             .prefill_chunk = static_cast<size_t>(chunk),
                                                             .long_steps = info.wants_long_steps,
                                                             .logit_rows = info.logit_rows,
                                                             .continued = info.continued_tokens,
                                                             .drafts = static_cast<size_t>(config_.draft_tokens),
                                                             .border = model->border});
  return model;
}

// A graph that compiled may still fail in its first step. Then it is no graph for the paged runner.
std::unique_ptr<LoadedModel> Lifecycle::open_warm() const {
  auto model = std::make_unique<LoadedModel>();
  std::string reason;
  try {
    open_finite(config_, *model);
  } catch (...) {
    const Failure failure = current_failure(ERR_ENGINE);
    if (failure.code() != ERR_ENGINE || !model->runner || model->runner->info().runner != "paged") throw;
    reason = "the model cannot be paged: its first steps failed: " + std::string(failure.what());
    if (config_.runner != "auto") throw Failure(ERR_UNSUPPORTED_MODEL, config_.model_path + ": " + reason);
  }
  if (!reason.empty()) {
    EngineConfig stateful = config_;
    stateful.runner = "stateful";
    model = std::make_unique<LoadedModel>();  // the first one's memory is free before the second one is read
    open_finite(stateful, *model);
  }
  model->info = model->runner->info();
  if (!reason.empty()) model->info.reason = reason;
  return model;
}

void Lifecycle::reopen(LoadedModel& model) {
  model.costs = {};
  model.warm_up.begin_again();
  model.runner->reset();
  model.kv_tokens = model.runner->info().kv_tokens;
}

std::unique_ptr<DraftModel> Lifecycle::open_draft_model(const RunnerInfo& verifier) const {
  EngineConfig config = config_;
  config.model_path = std::exchange(config.draft_model_path, {});
  config.packed_path.clear();  // it is the other model's
  config.graph_path.clear();
  config.rope_regime = "auto";
  auto runner = factory_(config, post_);
  for (const RunnerInfo& info : {verifier, runner->info()}) {
    if (!info.can_trim) {
      throw Failure(ERR_UNSUPPORTED_MODEL, "a draft model needs the paged runner for both models, but one of them is " +
                                               info.runner + ": " + info.reason);
    }
  }
  WarmUp steps(config_);
  warm_up(*runner, steps, 0, nullptr);
  return std::make_unique<DraftModel>(std::move(runner), static_cast<size_t>(config_.prefill_chunk),
                                      static_cast<size_t>(config_.draft_tokens),
                                      static_cast<size_t>(verifier.model.vocabulary_size));
}

// The warm-up is the first to see logits: when they are not finite it begins again with the next precision.
//
// A kept graph has computed the logits that it is known by, and every size was computed before it was kept. So the
// first size is enough to be ready; the loop computes the others while nobody asks for anything.
void Lifecycle::open_finite(const EngineConfig& config, LoadedModel& model) const {
  auto opened = std::make_unique<PrecisionFallback>(config, factory_, post_);
  const auto& runner = *opened;
  model.runner = std::move(opened);
  for (;;) {
    try {
      model.warm_up = WarmUp(config);
      if (runner.kept()) model.warm_up.begin_behind(1);
      const size_t left = runner.kept() && !config.warmup.empty() ? config.warmup.size() - 1 : 0;
      model.warmup_ms = warm_up(*model.runner, model.warm_up, left, &model.costs);
      return;
    } catch (const NonFinite&) {
      model.costs = {};
      // When the next precision cannot be opened, the model has no runner: see PrecisionFallback::reset.
      auto climbing = std::move(model.runner);
      climbing->reset();
      model.runner = std::move(climbing);
    }
  }
}

// All sizes but the last `left`.
double Lifecycle::warm_up(Runner& runner, WarmUp& steps, size_t left, StepCosts* costs) const {
  const auto begin = Clock::now();
  const auto total = static_cast<int64_t>(steps.sizes() - left);
  for (int64_t done = 0; done < total;) {
    post_(Progress{Stage::kWarmup, done++, total});
    for (const size_t size = steps.sizes(); steps.sizes() == size;) steps.step(runner, costs, mailbox_);
    // OpenVINO's kernels read the weights during the first step, not while compiling. If the file's pages were not
    // given back after it, they would stay for good (Phi-3-mini's shape: 4.3 GB instead of 2.4). The sizes that follow
    // bring back what is still read.
    if (done == 1) runner.give_back_file();
  }
  post_(Progress{Stage::kWarmup, total, total});
  return milliseconds(Clock::now() - begin);
}

}  // namespace llm
