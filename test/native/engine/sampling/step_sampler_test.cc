// Logits processors: what they see, and that a row which others share stays as it is.
#include "engine/sampling/step_sampler.h"

#include <memory>
#include <vector>

#include "engine/failure.h"
#include "tap.h"

using llm::Sequence;
using llm::StepSampler;
using llm::Token;
using Tokens = std::vector<Token>;

namespace {

// Bans every token that the sequence has, and notes what it was shown.
class NoRepeat : public llm::LogitsProcessor {
 public:
  explicit NoRepeat(std::vector<std::pair<Tokens, Tokens>>& seen) : seen_(seen) {}
  void process(std::span<float> logits, const llm::TokensSoFar& so_far) override {
    seen_.push_back({{so_far.prompt.begin(), so_far.prompt.end()}, {so_far.answer.begin(), so_far.answer.end()}});
    for (const auto& tokens : {so_far.prompt, so_far.answer}) {
      for (const Token token : tokens) logits[static_cast<size_t>(token)] = -1e30F;
    }
  }

 private:
  std::vector<std::pair<Tokens, Tokens>>& seen_;
};

class Add : public llm::LogitsProcessor {
 public:
  Add(size_t token, float bias) : token_(token), bias_(bias) {}
  void process(std::span<float> logits, const llm::TokensSoFar&) override { logits[token_] += bias_; }

 private:
  size_t token_;
  float bias_;
};

Sequence greedy(llm::SequenceId id) {
  llm::RequestParams params;
  params.max_new_tokens = 9;
  return {id, {3, 1}, params, llm::Clock::now()};
}

}  // namespace

TEST("step sampler: a processor changes what its sequence gets, and not the row that another one shares") {
  const std::vector<float> row{0, 5, 4, 6};
  std::vector<std::pair<Tokens, Tokens>> seen;
  StepSampler sampler(4);
  Sequence with = greedy(1), without = greedy(2);
  with.processors.push_back(std::make_unique<NoRepeat>(seen));
  CHECK_EQUAL(sampler.sample(with, 2, row), 2);
  CHECK_EQUAL(sampler.sample(without, 2, row), 3);
  CHECK_EQUAL(row, (std::vector<float>{0, 5, 4, 6}));
}

TEST("step sampler: a processor sees prompt and answer up to the token that is chosen, not the drafts behind") {
  const std::vector<float> row{0, 5, 4, 6};
  std::vector<std::pair<Tokens, Tokens>> seen;
  StepSampler sampler(4);
  Sequence sequence = greedy(1);
  sequence.processors.push_back(std::make_unique<NoRepeat>(seen));
  sequence.tokens = {3, 1, 2, 0, 0};
  sequence.drafts = 2;
  CHECK_EQUAL(sampler.sample(sequence, 3, row), 0);
  CHECK_EQUAL(seen.size(), size_t{1});
  CHECK_EQUAL(seen[0].first, (Tokens{3, 1}));
  CHECK_EQUAL(seen[0].second, (Tokens{2}));
}

TEST("step sampler: processors act in their order") {
  const std::vector<float> row{0, 5, 4, 6};
  std::vector<std::pair<Tokens, Tokens>> seen;
  StepSampler sampler(4);
  Sequence sequence = greedy(1);
  sequence.processors.push_back(std::make_unique<Add>(3, 100.0F));
  sequence.processors.push_back(std::make_unique<NoRepeat>(seen));
  sequence.processors.push_back(std::make_unique<Add>(0, 10.0F));
  CHECK_EQUAL(sampler.sample(sequence, 2, row), 0);
}

TEST("step sampler: a token beyond the embedding table is refused, whoever chose it") {
  const std::vector<float> row{0, 5, 4, 6};
  StepSampler sampler(3);
  Sequence sequence = greedy(1);
  try {
    sampler.sample(sequence, 2, row);
    CHECK(!"nothing was thrown");
  } catch (const llm::Failure& failure) {
    CHECK_EQUAL(failure.code(), llm::ERR_TOKEN_ID);
  }
}
