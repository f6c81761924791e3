// The first steps of a model, one at a time: weights are repacked and kernels are made during the first step of each
// size, and no request shall pay for that. The second step of a size shows what it costs, as far as guessing asks that.
#pragma once
#include <vector>

#include "engine/mailbox.h"
#include "engine/runner.h"
#include "engine/scheduling/step_costs.h"
#include "engine/types.h"

namespace llm {

class WarmUp {
 public:
  WarmUp() = default;  // of no sizes
  explicit WarmUp(const EngineConfig& config);

  // How many sizes are left; the one that has begun counts.
  size_t sizes() const { return sizes_.size() - at_; }
  // Computes a step of the size that is next, while the runner has no sequence, and leaves nothing in its cache. Throws
  // what the runner throws; that step is not tried again.
  void step(Runner& runner, StepCosts* costs, Mailbox& mailbox);
  // The runner has computed a step of this many tokens already: there is no need to compute the first of that size.
  void begin_behind(size_t tokens);
  // With the first size.
  void begin_again() {
    at_ = 0;
    second_ = false;
  }

 private:
  std::vector<int32_t> sizes_;
  size_t most_rows_ = 1;  // of logits
  size_t at_ = 0;
  bool second_ = false;  // whether the next step is the second of its size
  std::vector<Token> tokens_;
};

}  // namespace llm
