#include "openvino/runners/sharing_proof.h"

#include <map>
#include <stdexcept>
#include <vector>

#include "tap.h"

namespace llm {
namespace {

// A model whose logits hang on the order of all tokens of a sequence, and which goes wrong in one of several ways when
// sequences share a step.
class SharedRunner : public Runner {
 public:
  enum class Fault { kNone, kPadding, kBatch, kFork, kThrows, kNotFinite };
  SharedRunner(Fault fault, float rounding) : fault_(fault), rounding_(rounding) {}

  void share(Sharing sharing) { sharing_ = sharing; }
  size_t inferences = 0;

  RunnerInfo info() const override { return {}; }
  std::optional<size_t> admit(SequenceId id, Rope, std::span<const Token>, size_t, size_t) override {
    states_[id] = 0;
    return 0;
  }
  bool reserve(SequenceId, size_t) override { return true; }
  void fork(SequenceId parent, SequenceId child, size_t) override {
    states_[child] = fault_ == Fault::kFork ? 0 : states_.at(parent);
  }
  void drop(SequenceId id) noexcept override { states_.erase(id); }
  void reset() override { states_.clear(); }
  void interrupt() noexcept override {}
  void start(std::span<const Span> spans) override {
    const bool several = spans.size() > 1 && sharing_ != Sharing::kNone;
    inferences += several ? 1 : spans.size();
    const bool padded = several && spans[0].position != spans[1].position;
    if (several && fault_ == Fault::kThrows) throw std::runtime_error("a shape does not fit");
    logits_.clear();
    for (const auto& span : spans) {
      auto& state = states_.at(span.sequence);
      for (const Token token : span.tokens) state = 0.5F * state + static_cast<float>(token);
      // A prompt, a token and a batch are sums in another order each.
      float logit = state + (several ? 2 * rounding_ : span.tokens.size() == 1 ? rounding_ : 0);
      if (padded && fault_ == Fault::kPadding) logit += 2;
      if (several && fault_ == Fault::kBatch) logit += 2;
      if (padded && fault_ == Fault::kNotFinite) logit = std::numeric_limits<float>::quiet_NaN();
      logits_.insert(logits_.end(), {logit, -state});
    }
  }
  Rows wait() override { return {logits_.data(), logits_.size() / 2, 2}; }

 private:
  Fault fault_;
  float rounding_;
  Sharing sharing_ = Sharing::kNone;
  std::map<SequenceId, float> states_;
  std::vector<float> logits_;
};

SharingProof proof_of(SharedRunner::Fault fault, Sharing most = Sharing::kPadded, float rounding = 0) {
  SharedRunner runner(fault, rounding);
  return prove_sharing(runner, [&](Sharing sharing) { runner.share(sharing); }, 500, most);
}

using Fault = SharedRunner::Fault;

TEST("sharing: a right graph shares steps, as far as it shall") {
  for (const Sharing most : {Sharing::kNone, Sharing::kEqual, Sharing::kPadded}) {
    const auto proof = proof_of(Fault::kNone, most);
    CHECK_EQUAL(proof.sharing, most);
    CHECK(proof.forks);
    CHECK_EQUAL(proof.reason, "");
  }
}

TEST("sharing: padding that changes logits leaves sequences of equal length") {
  for (const Fault fault : {Fault::kPadding, Fault::kNotFinite}) {
    const auto proof = proof_of(fault);
    CHECK_EQUAL(proof.sharing, Sharing::kEqual);
    CHECK(proof.forks);
    CHECK_EQUAL(proof.reason, "the logits of padded sequences differ");
  }
}

TEST("sharing: a batch that changes logits, or throws, leaves sequences alone") {
  CHECK_EQUAL(proof_of(Fault::kBatch).sharing, Sharing::kNone);
  CHECK_EQUAL(proof_of(Fault::kBatch).reason, "the logits of sequences of equal length differ");
  const auto proof = proof_of(Fault::kThrows);
  CHECK_EQUAL(proof.sharing, Sharing::kNone);
  CHECK(proof.forks);
  CHECK_EQUAL(proof.reason, "a shape does not fit");
}

TEST("sharing: a state whose copy is another one is not forked") {
  CHECK(!proof_of(Fault::kFork).forks);
  CHECK_EQUAL(proof_of(Fault::kFork).sharing, Sharing::kNone);
}

TEST("sharing: what rounding does on the device is no fault") {
  // The second is more than f32 would do.
  for (const float rounding : {0.05F, 0.5F}) {
    CHECK_EQUAL(proof_of(Fault::kNone, Sharing::kPadded, rounding).sharing, Sharing::kPadded);
  }
}

// Each inference reads all weights, and the proof is made at each load.
TEST("sharing: the proof takes few inferences") {
  const auto inferences = [](float rounding) {
    SharedRunner runner(Fault::kNone, rounding);
    prove_sharing(runner, [&](Sharing sharing) { runner.share(sharing); }, 500, Sharing::kPadded);
    return runner.inferences;
  };
  CHECK_EQUAL(inferences(0), 13U);
  CHECK_EQUAL(inferences(0.5F), 16U);
}

}  // namespace
}  // namespace llm
