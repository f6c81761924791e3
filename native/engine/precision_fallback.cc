#include "engine/precision_fallback.h"

#include <algorithm>

#include "engine/kept_runner.h"
#include "engine/sampling/logits.h"

namespace llm {

PrecisionFallback::PrecisionFallback(const EngineConfig& config, RunnerFactory open, EventSink post)
    : config_(config),
      open_(std::move(open)),
      post_(std::move(post)),
      runner_(open_(config_, post_)),
      configured_(config_.properties) {}

Rows PrecisionFallback::wait() {
  const Rows rows = runner_->wait();
  // Every row and not the first ones only: which prompt overflows first is unknown.
  size_t sound = 0;
  for (size_t row = 0; row < rows.count; ++row) sound += range_of(rows.row(row)).sound ? 1 : 0;
  sound_ = sound_ || sound > 0;
  if (sound < rows.count) {
    climbing_ = next_rung().has_value();
    if (climbing_) throw NonFinite();
    if (!sound_) throw Failure(ERR_NON_FINITE, story());
    return rows;
  }
  if (sound > 0 && !std::exchange(announced_, true)) {
    post_(Warning{"non-finite", story() + ", which helped: with that property in ovConfig it is compiled once"});
  }
  return rows;
}

void PrecisionFallback::reset() {
  if (!std::exchange(climbing_, false)) {
    runner_->reset();
    return;
  }
  const auto& line = config_.precision_fallback[*next_rung()];
  rung_ = *next_rung() + 1;
  config_.runner = runner_->info().runner;  // what was decided on the first opening holds
  config_.properties = configured_;
  config_.properties.push_back(line);
  tried_.push_back(line);
  sound_ = false;
  announced_ = false;
  runner_.reset();
  runner_ = open_(config_, post_);
  post_(Reopened{runner_->info()});
}

bool PrecisionFallback::kept() const { return dynamic_cast<const KeptRunner*>(runner_.get()) != nullptr; }

std::optional<size_t> PrecisionFallback::next_rung() const {
  const RunnerInfo info = runner_->info();
  for (size_t rung = rung_; rung < config_.precision_fallback.size(); ++rung) {
    const auto& line = config_.precision_fallback[rung];
    const auto sign = line.find('=');
    const auto name = line.substr(0, sign);
    const auto found = info.properties.find(name);
    if (found == info.properties.end() || found->second == line.substr(sign + 1)) continue;
    if (!info.model.rt_info.contains("runtime_options/" + name)) return rung;
  }
  return std::nullopt;
}

// What was wrong and what was done about it.
std::string PrecisionFallback::story() const {
  std::string words = NonFinite().what();
  if (tried_.empty()) {
    const auto& properties = runner_->info().properties;
    const auto precision = properties.find("INFERENCE_PRECISION_HINT");
    if (precision == properties.end()) return words;
    words += " in " + precision->second;
    return precision->second == "f32" ? words : words + "; INFERENCE_PRECISION_HINT=f32 may help";
  }
  for (const auto& line : tried_)
    words += (&line == &tried_.front() ? "; it was compiled again with " : ", then with ") + line;
  return words;
}

}  // namespace llm
