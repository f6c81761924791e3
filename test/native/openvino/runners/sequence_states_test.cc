// Which batches hold the sequences of a step, on a tiny model.
#include "openvino/runners/sequence_states.h"

#include <limits>
#include <numeric>

#include "openvino/graph/state_axes.h"
#include "openvino/tiny_decoder.h"
#include "tap.h"

namespace llm {
namespace {

constexpr double kEndless = std::numeric_limits<double>::infinity();

const StatefulGraph& graph() {
  static const StatefulGraph graph = [] {
    DecoderModel decoder = read_decoder(kTinyLlama);
    auto compiled = core().compile_model(decoder.model, "CPU", ov::hint::inference_precision(ov::element::f32));
    return StatefulGraph{std::move(compiled), std::move(decoder), false, false};
  }();
  return graph;
}

std::vector<Token> text(size_t length) {
  std::vector<Token> tokens(length);
  std::iota(tokens.begin(), tokens.end(), 3);
  return tokens;
}

// Computes a step, and says of each inference how many sequences it had.
std::vector<size_t> compute(SequenceStates& states, const std::vector<Span>& spans) {
  std::vector<size_t> sequences;
  for (auto& group : states.prepare(spans)) {
    CHECK_EQUAL(group.batches.size(), size_t{1});
    std::vector<Span> own;
    for (const size_t span : group.spans) own.push_back(spans[span]);
    group.batches.front()->start(own);
    group.batches.front()->wait();
    sequences.push_back(own.size());
  }
  return sequences;
}

using Sequences = std::vector<size_t>;

SequenceStates states_for(Sharing sharing, double room = kEndless) {
  SequenceStates states(graph(), 256, false);
  states.share(sharing);
  states.limit(3, room);
  return states;
}

// Its prompt of so many tokens.
void begin(SequenceStates& states, SequenceId id, const std::vector<Token>& tokens) {
  CHECK_EQUAL(states.admit(id, Rope::kShort, tokens).value(), size_t{0});
  compute(states, {{id, tokens, 0, 1}});
}

TEST("states: prompts are computed apart, what follows them together as far as sharing goes") {
  const auto a = text(9), b = text(2);
  const std::vector<Token> next{5};
  const std::vector<Span> step{{1, next, 9, 1}, {2, next, 2, 1}};
  for (const auto& [sharing, expected] : {std::pair{Sharing::kNone, Sequences{1, 1}},
                                          {Sharing::kEqual, Sequences{1, 1}},
                                          {Sharing::kPadded, Sequences{2}}}) {
    auto states = states_for(sharing);
    begin(states, 1, a);
    begin(states, 2, b);
    CHECK(compute(states, step) == expected);
  }
}

TEST("states: a prompt goes on from an idle row that it begins with, and from no other") {
  auto states = states_for(Sharing::kPadded);
  const auto tokens = text(9), longer = text(12);
  begin(states, 1, tokens);
  CHECK_EQUAL(states.admit(2, Rope::kShort, longer).value(), size_t{0});  // the row is not idle
  states.drop(2);
  states.drop(1);
  CHECK_EQUAL(states.admit(3, Rope::kShort, longer).value(), tokens.size());
  states.drop(3);
  // The last token's logits are wanted, so it must be computed.
  CHECK_EQUAL(states.admit(4, Rope::kShort, tokens).value(), size_t{0});
}

TEST("states: there is room for so many sequences and tokens, and always for one") {
  auto states = states_for(Sharing::kPadded, 20);
  const auto tokens = text(9);
  CHECK(states.admit(1, Rope::kShort, text(30)).has_value());
  CHECK(!states.admit(2, Rope::kShort, tokens).has_value());
  states.drop(1);
  CHECK(states.admit(1, Rope::kShort, tokens).has_value());
  CHECK(states.admit(2, Rope::kShort, tokens).has_value());
  CHECK(states.reserve(1, 11));
  CHECK(!states.reserve(1, 12));
  CHECK(!states.admit(3, Rope::kShort, text(1)).has_value());
  states.limit(2, kEndless);
  CHECK(!states.admit(3, Rope::kShort, text(1)).has_value());
}

TEST("states: a fork is a row of its batch where rows share a step, else a batch of its own") {
  const auto tokens = text(9);
  const std::vector<Token> next{5};
  for (const auto& [sharing, expected] :
       {std::pair{Sharing::kNone, Sequences{1, 1}}, {Sharing::kEqual, Sequences{2}}}) {
    auto states = states_for(sharing);
    begin(states, 1, tokens);
    states.fork(1, 2);
    CHECK(states.has(2));
    CHECK(compute(states, {{1, next, 9, 1}, {2, next, 9, 1}}) == expected);
    states.drop(1);
    CHECK(compute(states, {{2, next, 10, 1}}) == Sequences{1});
    states.reset();
    CHECK(!states.has(2));
  }
}

}  // namespace
}  // namespace llm
