#include "openvino/runners/first_step.h"

#include <limits>
#include <vector>

#include "tap.h"

using llm::same_logits;

TEST("first step: logits of one graph are the same, also with other rounding") {
  const std::vector<float> logits{-4, 0.5F, 3, 16};
  CHECK(same_logits(logits, logits));
  CHECK(same_logits(logits, std::vector<float>{-4.1F, 0.6F, 3, 16.1F}));
}

TEST("first step: logits of another graph, of none, or that are no numbers are not") {
  const std::vector<float> logits{-4, 0.5F, 3, 16};
  CHECK(!same_logits(logits, std::vector<float>{-4, 3, 0.5F, 16}));
  CHECK(!same_logits(logits, std::vector<float>{-4, 0.5F, 3}));
  CHECK(!same_logits({}, {}));
  for (const float odd : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const std::vector<float> broken{-4, odd, 3, 16};
    CHECK(!same_logits(broken, broken));
    CHECK(!same_logits(logits, broken));
  }
}

TEST("first step: it is one token, 0, at the beginning, with its logits") {
  const std::vector<llm::Token> zero{0}, one{1}, two{0, 0};
  const auto is_first = [](const std::vector<llm::Token>& tokens, size_t position, size_t rows) {
    const llm::Span span{1, tokens, position, rows};
    return llm::is_first_step({&span, 1});
  };
  CHECK(is_first(zero, 0, 1));
  CHECK(!is_first(one, 0, 1));
  CHECK(!is_first(two, 0, 1));
  CHECK(!is_first(zero, 1, 1));
  CHECK(!is_first(zero, 0, 0));
}
