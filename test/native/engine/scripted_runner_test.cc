#include "engine/scripted_runner.h"

#include <algorithm>
#include <set>

#include "tap.h"

namespace llm {
namespace {

TEST("scripted runner: logits are distinct where that is asked for, and the script's token is the first of them") {
  ScriptedRunner runner({.tokens = {5, 3}, .vocabulary = 1000, .distinct = true});
  const std::vector<Token> tokens{1, 2};
  const std::vector<Span> spans{{.sequence = 1, .tokens = tokens, .position = 0, .rows = 2}};
  for (int step = 0; step < 2; ++step) {  // the second one finds the row of before
    runner.start(spans);
    const auto rows = runner.wait();
    for (size_t row = 0; row < 2; ++row) {
      const float* logits = rows.data + row * 1000;
      CHECK_EQUAL(std::max_element(logits, logits + 1000) - logits, row == 0 ? 5 : 3);
      CHECK_EQUAL(std::set<float>(logits, logits + 1000).size(), size_t{1000});
      CHECK(*std::min_element(logits, logits + 1000) >= -16);
    }
  }
}

}  // namespace
}  // namespace llm
