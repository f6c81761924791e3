#include "engine/drafting/draft_model.h"

#include <array>
#include <map>
#include <memory>
#include <random>

#include "engine/checked_runner.h"
#include "tap.h"

using llm::DraftModel;
using llm::SequenceId;
using llm::StepCosts;
using llm::Token;
using Text = std::vector<Token>;
using Proposal = llm::DraftModel::Proposal;

namespace {

const StepCosts kFree;  // nothing known: drafts cost nothing
constexpr size_t kLongest = 400;
constexpr size_t kMaxTokens = 6;

// A draft model whose next token depends on all tokens before it.
struct Draft {
  Draft() {
    plan.can_trim = plan.can_fork = true;
    plan.max_sequences = 4;
    plan.chunk = 8;
  }
  DraftModel& make(size_t vocabulary = 32) {
    draft_model =
        std::make_unique<DraftModel>(std::make_unique<CheckedRunner>(plan), plan.chunk, kMaxTokens, vocabulary);
    return *draft_model;
  }

  // What it answers greedily.
  Text answer(Text tokens, size_t count) const {
    Text result;
    std::vector<float> logits(plan.vocabulary);
    while (result.size() < count) {
      plan.fill_as(llm::RopeBorder(plan.long_rope_border).of(tokens.size()), tokens, logits);
      result.push_back(static_cast<Token>(std::max_element(logits.begin(), logits.end()) - logits.begin()));
      tokens.push_back(result.back());
    }
    return result;
  }

  Text ask(SequenceId id, const Text& tokens, size_t limit, const StepCosts& costs = kFree) {
    Proposal proposal{id, tokens, kLongest, limit, {}};
    draft_model->propose({&proposal, 1}, 1, costs);
    return {proposal.drafts.begin(), proposal.drafts.end()};
  }

  // Until the prompt is known: a prompt longer than a chunk takes several calls.
  void know(SequenceId id, const Text& tokens) {
    for (size_t i = 0; i < tokens.size(); i += plan.chunk) ask(id, tokens, 0);
  }

  void check() const { CHECK_EQUAL(plan.violations(), std::vector<std::string>{}); }

  Plan plan;
  std::unique_ptr<DraftModel> draft_model;
};

Text random_text(std::mt19937& random, size_t size) {
  Text text(size);
  for (auto& token : text) token = static_cast<Token>(random() % 32);
  return text;
}

StepCosts table(std::initializer_list<std::pair<size_t, double>> points) {
  StepCosts costs;
  for (const auto& [rows, milliseconds] : points) costs.learn(rows, milliseconds);
  return costs;
}

}  // namespace

TEST("draft model: drafts what it answers greedily, as many as wanted") {
  Draft draft;
  draft.make();
  Text tokens{1, 2, 3};
  CHECK_EQUAL(draft.ask(1, tokens, 3), draft.answer(tokens, 3));
  CHECK_EQUAL(draft.plan.steps().size(), size_t{3});
  draft.draft_model->verified(1, 3, 0);
  CHECK_EQUAL(draft.ask(1, tokens, 100), draft.answer(tokens, kMaxTokens));
  draft.draft_model->verified(1, kMaxTokens, 0);
  CHECK_EQUAL(draft.ask(1, tokens, 0), Text{});
  CHECK_EQUAL(draft.ask(2, Text(kLongest - 2, 1), 0), Text{});
  draft.know(2, Text(kLongest - 2, 1));
  CHECK_EQUAL(draft.ask(2, Text(kLongest - 1, 1), 5).size(), size_t{1});  // no longer than the sequence will be
  draft.check();
}

TEST("draft model: however many drafts were right, or not even tried, the next ones fit the text") {
  std::mt19937 random(5);
  for (size_t blocks : {0, 200}) {
    Draft draft;
    draft.plan.blocks = blocks;
    draft.make();
    std::map<SequenceId, Text> texts;
    SequenceId next = 1;
    size_t drafted = 0;
    for (int round = 0; round < 400; ++round) {
      if (texts.size() < 4 && random() % 4 == 0) texts[next++] = random_text(random, 1 + random() % 30);
      std::vector<Proposal> proposals;
      for (const auto& [id, text] : texts) {
        if (random() % 5 != 0) proposals.push_back({id, text, kLongest, random() % 8, {}});
      }
      draft.draft_model->propose(proposals, proposals.size(), kFree);
      for (auto& entry : texts) {  // the others go on without drafts
        const bool asked =
            std::any_of(proposals.begin(), proposals.end(), [&](auto& p) { return p.id == entry.first; });
        if (!asked) entry.second.push_back(static_cast<Token>(random() % 32));
      }
      for (const auto& proposal : proposals) {
        Text& text = texts[proposal.id];
        const Text drafts(proposal.drafts.begin(), proposal.drafts.end());
        drafted += drafts.size();
        CHECK_EQUAL(drafts, draft.answer(text, drafts.size()));
        CHECK(drafts.size() <= std::min(proposal.limit, kMaxTokens));
        const size_t tried = random() % 4 == 0 ? 0 : drafts.size();
        const size_t right = tried == 0 ? 0 : random() % (tried + 1);
        draft.draft_model->verified(proposal.id, tried, right);
        text.insert(text.end(), drafts.begin(), drafts.begin() + static_cast<ptrdiff_t>(right));
        text.push_back(static_cast<Token>(random() % 32));
      }
      for (auto text = texts.begin(); text != texts.end();) {
        if (text->second.size() > 150 || random() % 60 == 0) {
          draft.draft_model->drop(text->first);
          text = texts.erase(text);
        } else {
          ++text;
        }
      }
    }
    CHECK(drafted > 1000);
    draft.check();
  }
}

TEST("draft model: all sequences share the steps") {
  Draft draft;
  draft.make();
  const Text first{1, 2}, second{3, 4, 5}, third{6};
  std::vector<Proposal> proposals{
      {1, first, kLongest, 1, {}}, {2, second, kLongest, 4, {}}, {3, third, kLongest, 2, {}}};
  draft.draft_model->propose(proposals, 3, kFree);
  CHECK_EQUAL(Text(proposals[0].drafts.begin(), proposals[0].drafts.end()), draft.answer(first, 1));
  CHECK_EQUAL(Text(proposals[1].drafts.begin(), proposals[1].drafts.end()), draft.answer(second, 4));
  CHECK_EQUAL(Text(proposals[2].drafts.begin(), proposals[2].drafts.end()), draft.answer(third, 2));
  const auto steps = draft.plan.steps();
  CHECK_EQUAL(steps.size(), size_t{4});
  std::vector<size_t> spans;
  for (const auto& step : steps) spans.push_back(step.spans.size());
  CHECK_EQUAL(spans, (std::vector<size_t>{3, 2, 1, 1}));
  draft.check();
}

TEST("draft model: a long prompt is computed a chunk a call, and delays nobody") {
  Draft draft;
  draft.make();
  std::mt19937 random(1);
  const Text prompt = random_text(random, 30);
  Text tokens{1, 2, 3};
  size_t calls = 0;
  for (bool known = false; !known; ++calls) {
    std::vector<Proposal> proposals{{1, prompt, kLongest, 2, {}}, {2, tokens, kLongest, 2, {}}};
    draft.draft_model->propose(proposals, 2, kFree);
    CHECK_EQUAL(Text(proposals[1].drafts.begin(), proposals[1].drafts.end()), draft.answer(tokens, 2));
    draft.draft_model->verified(2, 2, 0);
    tokens.push_back(7);
    known = !proposals[0].drafts.empty();
    if (known) CHECK_EQUAL(Text(proposals[0].drafts.begin(), proposals[0].drafts.end()), draft.answer(prompt, 2));
  }
  CHECK_EQUAL(calls, size_t{5});  // 5 tokens beside the first three of the other, then 7 or 8 beside its one or two
  for (const auto& step : draft.plan.steps()) {
    size_t count = 0;
    for (const auto& span : step.spans) count += span.count;
    CHECK(count <= draft.plan.chunk);
  }
  draft.check();
}

TEST("draft model: without room there is no draft, and with room again there is") {
  Draft draft;
  draft.plan.blocks = 4;  // of 4 tokens
  draft.make();
  const Text large(10, 1), small{2, 3};
  draft.know(1, large);
  CHECK_EQUAL(draft.ask(1, large, 2), draft.answer(large, 2));
  CHECK_EQUAL(draft.ask(2, Text(9, 2), 2), Text{});             // not admitted
  CHECK_EQUAL(draft.ask(3, small, 6), Text{});                  // admitted, but not with its drafts
  CHECK_EQUAL(draft.ask(1, large, 6), draft.answer(large, 6));  // what the other held is free
  CHECK_EQUAL(draft.ask(3, small, 2), Text{});
  draft.draft_model->drop(1);
  draft.draft_model->drop(1);
  CHECK_EQUAL(draft.ask(3, small, 6), draft.answer(small, 6));
  CHECK(!draft.draft_model->take_failure());
  draft.check();
}

TEST("draft model: no more sequences than the runner takes") {
  Draft draft;
  draft.plan.max_sequences = 1;
  draft.make();
  CHECK_EQUAL(draft.ask(1, {1}, 1).size(), size_t{1});
  CHECK_EQUAL(draft.ask(2, {1}, 1).size(), size_t{0});
  draft.draft_model->drop(1);
  CHECK_EQUAL(draft.ask(2, {1}, 1).size(), size_t{1});
  draft.check();
}

TEST("draft model: tokens that one of the models does not have are neither computed nor drafted") {
  Draft draft;
  draft.plan.extra_columns = 3;
  draft.plan.on_row = [](auto, std::span<float> row) { row[9] = 50, row[row.size() - 1] = row[20] = 100; };
  draft.make(15);
  CHECK_EQUAL(draft.ask(1, {1, 2}, 2), (Text{9, 9}));
  CHECK_EQUAL(draft.ask(2, {1, 32}, 2), Text{});
  CHECK_EQUAL(draft.ask(3, {1, -1}, 2), Text{});
  draft.draft_model->verified(1, 2, 2);
  CHECK_EQUAL(draft.ask(1, {1, 2, 9, 9, 40}, 2), Text{});
  CHECK_EQUAL(draft.ask(1, {1, 2, 9, 9, 40, 1}, 2), Text{});
  draft.draft_model->verified(1, 1, 1);
  draft.draft_model->drop(1);
  CHECK_EQUAL(draft.ask(4, {1, 31}, 1), Text{9});
  draft.check();
}

TEST("draft model: a failure costs the drafts of one call; two in a row end it") {
  for (int failing : {2, 3, 4}) {  // the second step fails; the third is the first of the next call
    Draft draft;
    draft.plan.on_step = [&](const Step& step) {
      if (step.number == 2 || step.number == failing) throw std::runtime_error("broken");
    };
    draft.make();
    const Text tokens{1, 2, 3};
    CHECK_EQUAL(draft.ask(1, tokens, 3), Text{});
    const auto failure = draft.draft_model->take_failure();
    CHECK(failure.has_value());
    CHECK_EQUAL(std::string(failure->what()), "broken");
    CHECK(!draft.draft_model->take_failure());
    CHECK(!draft.draft_model->dead());
    draft.draft_model->verified(1, 3, 1);  // what the loop may still say
    CHECK_EQUAL(draft.ask(1, tokens, 3), failing == 2 ? draft.answer(tokens, 3) : Text{});
    CHECK_EQUAL(draft.draft_model->dead(), failing != 2);
    CHECK_EQUAL(draft.plan.resets(), 1);
    const size_t steps = draft.plan.steps().size();
    CHECK_EQUAL(draft.ask(2, tokens, 3).size(), size_t{failing == 2 ? 3U : 0U});
    CHECK_EQUAL(draft.plan.steps().size() == steps, failing != 2);
    draft.draft_model->drop(1);
    draft.draft_model->drop(2);
    draft.check();
  }
}

TEST("draft model: an interrupt gets through, and nothing is asked of the runner after it") {
  Draft draft;
  draft.plan.on_step = [&](const Step& step) {
    if (step.number != 2) return;
    draft.draft_model->interrupt();
    draft.plan.block_until_interrupted();
  };
  draft.make();
  bool interrupted = false;
  try {
    draft.ask(1, {1, 2}, 4);
  } catch (const llm::Interrupted&) {
    interrupted = true;
  }
  CHECK(interrupted);
  CHECK(!draft.draft_model->take_failure());
  draft.draft_model->drop(1);
  CHECK_EQUAL(draft.ask(2, {1, 2}, 4), Text{});
  CHECK_EQUAL(draft.plan.resets(), 0);
  draft.check();
}

TEST("draft model: drafts while they pay, and tries again now and then") {
  Draft draft;
  draft.make();
  const StepCosts costs = table({{1, 1000}, {2, 1400}, {32, 13400}});  // the draft model's steps take microseconds
  SequenceId id = 0;
  // How many drafts there were for a new sequence, of which so many are right.
  const auto call = [&](size_t right) {
    const size_t drafts = draft.ask(++id, {1, 2, 3}, 6, costs).size();
    draft.draft_model->verified(id, drafts, std::min(right, drafts));
    draft.draft_model->drop(id);
    return drafts;
  };
  CHECK(call(6) >= 2);
  size_t begin = 0, later = 0;
  for (int i = 0; i < 50; ++i) begin += call(0);
  for (int i = 0; i < 400; ++i) later += call(0);
  CHECK(begin < 50);
  CHECK(later > 0 && later <= 16);
  size_t calls = 0;
  while (call(6) <= 2) CHECK(++calls < 600);
  for (int i = 0; i < 50; ++i) CHECK(call(6) > 0);
  CHECK_EQUAL(call(6), size_t{6});
  draft.check();
}

TEST("draft model: a border of position factors is crossed by no draft, and what was computed before it is forgotten") {
  Draft draft;
  draft.plan.long_rope_border = 20;
  draft.plan.blocks = 64;
  draft.make();
  std::mt19937 random(5);
  Text text = random_text(random, 10);
  draft.know(1, text);
  size_t drafted = 0;
  while (text.size() < 40) {
    const Text drafts = draft.ask(1, text, kMaxTokens);
    CHECK_EQUAL(drafts, draft.answer(text, drafts.size()));
    CHECK(text.size() > 20 || text.size() + drafts.size() <= 20);
    drafted += text.size() > 20 ? drafts.size() : 0;
    text.push_back(static_cast<Token>(random() % 32));
  }
  CHECK(drafted > 20);
  // Of texts on either side one has to wait.
  const Text other = random_text(random, 6);
  draft.know(2, other);
  std::array<Proposal, 2> both{Proposal{1, text, kLongest, 4, {}}, Proposal{2, other, kLongest, 4, {}}};
  draft.draft_model->propose(both, 2, kFree);
  CHECK_EQUAL(both[0].drafts.size(), size_t{4});
  CHECK_EQUAL(both[1].drafts.size(), size_t{0});
  draft.check();
}
