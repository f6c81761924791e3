#include "openvino/runners/continuation.h"

#include <limits>
#include <optional>
#include <vector>

#include "tap.h"

namespace llm {
namespace {

// A model whose logits hang on all tokens of the sequence, with a state that behaves in one of several ways.
class StatesRunner : public Runner {
 public:
  enum class Kind { kRight, kForgets, kKeepsTwo, kNotFinite };
  StatesRunner(Kind kind, float rounding) : kind_(kind), rounding_(rounding) {}

  RunnerInfo info() const override { return {}; }
  std::optional<size_t> admit(SequenceId, Rope, std::span<const Token>, size_t, size_t) override { return 0; }
  bool reserve(SequenceId, size_t) override { return true; }
  void drop(SequenceId) noexcept override {}
  void reset() override { state_ = 0; }
  void interrupt() noexcept override {}
  void start(std::span<const Span> spans) override {
    const auto& span = spans.front();
    const bool forgets = span.position > 0 && ((kind_ == Kind::kForgets && span.tokens.size() > 1) ||
                                               (kind_ == Kind::kKeepsTwo && span.tokens.size() > 2));
    if (forgets) state_ = 0;
    for (const Token token : span.tokens) state_ = 0.5F * state_ + static_cast<float>(token);
    if (kind_ == Kind::kNotFinite && span.position > 0 && span.tokens.size() > 1) {
      state_ = std::numeric_limits<float>::quiet_NaN();
    }
    logits_ = {state_, -state_ + (span.tokens.size() == 1 ? rounding_ : 0)};
  }
  Rows wait() override { return {logits_.data(), 1, logits_.size()}; }

 private:
  Kind kind_;
  float rounding_;
  float state_ = 0;
  std::vector<float> logits_;
};

bool continues(StatesRunner::Kind kind, float rounding = 0) {
  StatesRunner runner(kind, rounding);
  return continues_with_many(runner, 500);
}

TEST("a state that goes on rightly is told from one that forgets") {
  CHECK(continues(StatesRunner::Kind::kRight));
  CHECK(!continues(StatesRunner::Kind::kForgets));
  CHECK(!continues(StatesRunner::Kind::kKeepsTwo));
}

TEST("logits that are not finite are no proof") { CHECK(!continues(StatesRunner::Kind::kNotFinite)); }

TEST("what rounding does on the device is no forgetting") { CHECK(continues(StatesRunner::Kind::kRight, 0.25F)); }

}  // namespace
}  // namespace llm
