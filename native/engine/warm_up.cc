#include "engine/warm_up.h"

#include <algorithm>

#include "engine/clock.h"

namespace llm {
namespace {

// Guesses are as few.
constexpr size_t kMostMeasured = 16;

}  // namespace

// On a device kernels are made for each number of rows of logits, too; each sequence that decodes has one.
WarmUp::WarmUp(const EngineConfig& config)
    : sizes_(config.warmup),
      most_rows_(config.device.kv_memory == "device" ? static_cast<size_t>(config.max_sequences) : 1) {}

void WarmUp::begin_behind(size_t tokens) {
  if (sizes() > 0 && static_cast<size_t>(sizes_[at_]) == tokens && tokens <= kMostMeasured) second_ = true;
}

void WarmUp::step(Runner& runner, StepCosts* costs, Mailbox& mailbox) {
  const auto size = static_cast<size_t>(sizes_.at(at_));
  const bool measured = second_;
  second_ = !measured && size <= kMostMeasured;
  if (!second_) ++at_;
  tokens_.assign(size, 0);
  if (!runner.admit(0, Rope::kShort, tokens_, size, 0)) return;
  const Span span{0, tokens_, 0, std::min(size, most_rows_)};
  const auto begin = Clock::now();
  mailbox.interruptible([&runner] { runner.interrupt(); },
                        [&] {
                          runner.start({&span, 1});
                          runner.wait();
                        });
  if (measured && costs) costs->learn(size, milliseconds(Clock::now() - begin));
  runner.drop(0);
  runner.reset();
}

}  // namespace llm
