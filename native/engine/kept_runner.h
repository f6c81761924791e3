// A runner whose compiled graph was kept by a start that had computed every size of the warm-up. It has computed a
// token again, with the logits of that start.
#pragma once
#include <memory>
#include <utility>

#include "engine/forwarding_runner.h"

namespace llm {

class KeptRunner : public ForwardingRunner {
 public:
  // `memory` holds what the graph refers to, longer than the runner.
  explicit KeptRunner(std::unique_ptr<Runner> runner, std::shared_ptr<const void> memory = nullptr)
      : memory_(std::move(memory)), runner_(std::move(runner)) {}

 protected:
  Runner& inner() const override { return *runner_; }

 private:
  std::shared_ptr<const void> memory_;
  std::unique_ptr<Runner> runner_;
};

}  // namespace llm
