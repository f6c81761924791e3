// The scheduler on a cache that is too small, without a model: nobody is lost, nobody waits for ever.
#include "engine/scheduling/scheduler.h"

#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <set>

#include "engine/failure.h"
#include "engine/scheduling/block_manager.h"
#include "engine/scripted_runner.h"
#include "tap.h"

using llm::Scheduler;
using llm::Sequence;
using llm::SequenceId;
using llm::Status;
using llm::Token;
using Sequences = std::list<Sequence>;

namespace {

constexpr size_t kBlockTokens = llm::ScriptedRunner::kBlockTokens;
constexpr size_t kBlocks = 24;

// Room, and nothing else.
class Room : public llm::ScriptedRunner {
 public:
  Room() : ScriptedRunner({.tokens = {0}, .vocabulary = 1, .blocks = kBlocks}) {}
  const llm::BlockManager& blocks() const { return blocks_; }

  void start(std::span<const llm::Span> spans) override {
    for (const auto& span : spans) {
      CHECK(!span.tokens.empty());
      CHECK_EQUAL(blocks_.length(span.sequence), span.position);
      CHECK(span.position + span.tokens.size() <= blocks_.blocks(span.sequence).size() * kBlockTokens);
    }
    ScriptedRunner::start(spans);
  }
};

class Play {
 public:
  Play(unsigned seed, size_t border) : random_(seed), border_(border) {}

  void submit() {
    llm::RequestParams params;
    params.max_new_tokens = static_cast<int32_t>(below(20));
    params.priority = static_cast<double>(below(3));
    std::vector<Token> prompt(1 + below(40));
    const auto family = static_cast<Token>(below(3));  // requests of a family begin alike
    for (size_t i = 0; i < prompt.size(); ++i) prompt[i] = family * 100 + static_cast<Token>(i);
    if (below(2) == 0) prompt.back() = 1000 + static_cast<Token>(below(1000));
    Sequences list;
    auto& sequence = list.emplace_back(++last_, prompt, params, llm::Clock::now());
    sequence.rank = static_cast<double>(last_) - Scheduler::kSecondsPerPriority * params.priority;
    open_.insert(last_);
    scheduler_.add(list, list.begin());
  }

  void cancel() {
    if (open_.empty()) return;
    end(*std::next(open_.begin(), static_cast<std::ptrdiff_t>(below(open_.size()))));
  }

  // One step, and what the loop would do with its rows.
  void step() {
    std::set<SequenceId> before;
    for (const auto& sequence : scheduler_.running) before.insert(sequence.id);
    for (Sequence* sequence : scheduler_.make_room()) draft(*sequence);
    const auto spans = scheduler_.plan();
    check(before);
    check_sides(before);
    CHECK(!spans.empty() || open_.empty());
    if (spans.empty()) return;
    room_.start(spans);
    scheduler_.took(1.0 + static_cast<double>(below(3)));
    ++steps;
    std::vector<SequenceId> done;
    for (size_t i = 0; i < spans.size(); ++i) {
      Sequence& sequence = *scheduler_.stepping()[i];
      CHECK_EQUAL(sequence.id, spans[i].sequence);
      sequence.computed += spans[i].tokens.size();
      if (take(sequence, spans[i].rows)) done.push_back(sequence.id);
    }
    for (SequenceId id : done) end(id);
    room_.blocks().check();
  }

  void lose_everything() {
    scheduler_.preempt_all();
    room_.reset();
  }

  size_t open() const { return open_.size(); }
  size_t below(size_t end) { return random_() % end; }
  const Scheduler& scheduler() const { return scheduler_; }
  const llm::BlockManager& blocks() const { return room_.blocks(); }
  int steps = 0;
  std::array<int, 2> steps_of{};
  int64_t finished = 0;

 private:
  void draft(Sequence& sequence) {
    const size_t most = sequence.max_length() - sequence.tokens.size();
    const size_t count = std::min({below(4), most > 0 ? most - 1 : 0, border_.room(sequence.tokens.size())});
    if (count == 0 || !room_.reserve(sequence.id, sequence.tokens.size() + count)) return;
    for (size_t i = 0; i < count; ++i) sequence.tokens.push_back(static_cast<Token>(2000 + below(50)));
    sequence.drafts = count;
  }

  // Whether it has ended.
  bool take(Sequence& sequence, size_t rows) {
    if (rows == 0) return sequence.left() == 0;
    CHECK_EQUAL(rows, 1 + sequence.drafts);
    const size_t right = below(sequence.drafts + 1);
    const size_t length = sequence.tokens.size() - std::exchange(sequence.drafts, 0) + right;
    sequence.tokens.resize(length);
    if (sequence.computed > length) room_.trim(sequence.id, length);
    sequence.computed = length;
    sequence.tokens.push_back(static_cast<Token>(2000 + below(50)));
    return sequence.tokens.size() >= sequence.max_length() || below(30) == 0;
  }

  void end(SequenceId id) {
    ++finished;
    open_.erase(id);
    for (auto* list : {&scheduler_.running, &scheduler_.waiting}) {
      for (auto sequence = list->begin(); sequence != list->end(); ++sequence) {
        if (sequence->id != id) continue;
        if (sequence->status == Status::kRunning) room_.drop(id);
        list->erase(sequence);
        return;
      }
    }
    CHECK(!"a sequence was lost");
  }

  void check(const std::set<SequenceId>& before) {
    const auto by_rank = [](const Sequence& a, const Sequence& b) { return a.rank < b.rank; };
    const auto& running = scheduler_.running;
    const auto& waiting = scheduler_.waiting;
    CHECK(running.size() <= 5);
    CHECK(std::is_sorted(running.begin(), running.end(), by_rank));
    CHECK(std::is_sorted(waiting.begin(), waiting.end(), by_rank));
    CHECK_EQUAL(running.size() + waiting.size(), open_.size());
    for (const auto& sequence : running) CHECK(sequence.status == Status::kRunning && open_.contains(sequence.id));
    for (const auto& sequence : waiting) {
      CHECK(sequence.status == Status::kWaiting && open_.contains(sequence.id));
      for (const auto& other : running) {
        const bool came_in = !before.contains(other.id);
        const bool went_out = before.contains(sequence.id);
        const bool grown = border_.of(sequence.tokens.size()) != sequence.rope;
        if (came_in || (went_out && !grown)) CHECK(other.rank <= sequence.rank);
      }
    }
    const auto spans = scheduler_.stepping();
    std::set<const Sequence*> stepping(spans.begin(), spans.end());
    CHECK_EQUAL(stepping.size(), spans.size());
    for (const auto& sequence : running) {
      // Answers are never held up by prompts.
      if (sequence.decoding() && (spans.empty() || sequence.rope == spans[0]->rope)) {
        CHECK(stepping.contains(&sequence));
      }
    }
  }

  // No step has both, and whoever ran already is computed in this step or in the next.
  void check_sides(const std::set<SequenceId>& before) {
    const auto spans = scheduler_.stepping();
    if (spans.empty()) return;
    const llm::Rope side = spans[0]->rope;
    for (const Sequence* sequence : spans) {
      CHECK(sequence->rope == side);
      CHECK(border_.of(sequence->tokens.size()) == side);
    }
    const auto ran = [&](llm::Rope rope) {
      return std::ranges::any_of(scheduler_.running,
                                 [&](auto& each) { return each.rope == rope && before.contains(each.id); });
    };
    passed_over_ = ran(other(side)) && passed_over_side_ != side ? passed_over_ + 1 : ran(other(side)) ? 1 : 0;
    passed_over_side_ = other(side);
    CHECK(passed_over_ <= 1);
    steps_of[side == llm::Rope::kLong] += 1;
  }

  std::mt19937 random_;
  Room room_;
  llm::RopeBorder border_;
  llm::Rope passed_over_side_ = llm::Rope::kShort;
  int passed_over_ = 0;
  Scheduler scheduler_{room_, {.sequences = 5, .prefill_chunk = 12, .drafts = 3, .border = border_}};
  std::set<SequenceId> open_;
  SequenceId last_ = 0;
};

}  // namespace

TEST("scheduler: 10,000 random steps lose nobody, keep the order, and all end") {
  for (unsigned seed = 1; seed <= 8; ++seed) {
    const size_t border = seed <= 4 ? 0 : 15;  // of position factors
    Play play(seed, border);
    for (int i = 0; i < 10000; ++i) {
      // Waves: the cache runs empty and full.
      const bool busy = i / 500 % 2 == 0;
      if (play.open() < 40 && play.below(busy ? 2 : 12) == 0) play.submit();
      if (play.below(40) == 0) play.cancel();
      if (play.below(900) == 0) play.lose_everything();
      play.step();
    }
    int left = 2000;
    while (play.open() > 0 && --left > 0) play.step();
    CHECK_EQUAL(play.open(), size_t{0});
    CHECK_EQUAL(play.blocks().use().used, size_t{0});
    CHECK(play.scheduler().preemptions > 30);
    CHECK(play.scheduler().prefix_hits > 100);
    CHECK(play.finished > 500);
    CHECK(play.steps_of[0] > 500);
    CHECK((play.steps_of[1] > 500) == (border > 0));
  }
}

TEST("scheduler: a request of low priority is served although others of high priority keep coming") {
  Room room;
  Scheduler scheduler(room, {.sequences = 1, .prefill_chunk = 8});
  const auto submit = [&](SequenceId id, double priority, double second) {
    llm::RequestParams params;
    params.max_new_tokens = 0;
    params.priority = priority;
    Sequences list;
    list.emplace_back(id, std::vector<Token>{1, 2, 3}, params, llm::Clock::now());
    list.back().rank = second - Scheduler::kSecondsPerPriority * priority;
    scheduler.add(list, list.begin());
  };
  submit(1000, 0, 0);
  std::vector<SequenceId> served;
  for (int second = 0; second < 25; ++second) {
    submit(second + 1, 1, second);
    scheduler.make_room();
    const auto spans = scheduler.plan();
    CHECK_EQUAL(spans.size(), size_t{1});
    served.push_back(spans[0].sequence);
    room.drop(spans[0].sequence);
    scheduler.running.clear();
  }
  const auto found = std::find(served.begin(), served.end(), 1000);
  CHECK(found != served.end());
  CHECK_EQUAL(found - served.begin(), 10);
}

namespace {

// Prompts without answers, or answers that never end, on both sides of the border.
void submit(Scheduler& scheduler, SequenceId id, size_t prompt, int32_t max_new_tokens) {
  llm::RequestParams params;
  params.max_new_tokens = max_new_tokens;
  Sequences list;
  std::vector<Token> tokens(prompt);
  for (size_t i = 0; i < prompt; ++i) tokens[i] = static_cast<Token>(id * 1000 + static_cast<Token>(i));
  list.emplace_back(id, tokens, params, llm::Clock::now());
  list.back().rank = static_cast<double>(id);
  scheduler.add(list, list.begin());
}

// One step without drafts; whose it was.
std::vector<SequenceId> step(Scheduler& scheduler, Room& room) {
  scheduler.make_room();
  const auto spans = scheduler.plan();
  room.start(spans);
  std::vector<SequenceId> ids;
  for (size_t i = 0; i < spans.size(); ++i) {
    Sequence& sequence = *scheduler.stepping()[i];
    sequence.computed += spans[i].tokens.size();
    if (spans[i].rows > 0) sequence.tokens.push_back(7);
    ids.push_back(sequence.id);
  }
  return ids;
}

}  // namespace

TEST("scheduler: answers on both sides of the border of position factors take turns") {
  Room room;
  Scheduler scheduler(room, {.sequences = 4, .prefill_chunk = 64, .border = llm::RopeBorder(12)});
  submit(scheduler, 1, 4, 40);
  submit(scheduler, 2, 13, 40);
  submit(scheduler, 3, 5, 40);
  submit(scheduler, 4, 14, 40);
  using Ids = std::vector<SequenceId>;
  // Who waits first decides which side comes in: nobody is passed over.
  CHECK_EQUAL(step(scheduler, room), (Ids{1}));
  CHECK_EQUAL(step(scheduler, room), (Ids{2}));
  CHECK_EQUAL(step(scheduler, room), (Ids{1, 3}));
  CHECK_EQUAL(step(scheduler, room), (Ids{2, 4}));
  for (int i = 0; i < 5; ++i) {
    CHECK_EQUAL(step(scheduler, room), (Ids{1, 3}));
    CHECK_EQUAL(step(scheduler, room), (Ids{2, 4}));
  }
  CHECK_EQUAL(scheduler.preemptions, 0);
}

TEST("scheduler: a sequence that grows beyond the border is computed again from its first token, once") {
  Room room;
  Scheduler scheduler(room, {.sequences = 1, .prefill_chunk = 5, .border = llm::RopeBorder(12)});
  submit(scheduler, 1, 11, 10);
  std::vector<std::pair<size_t, size_t>> computed;
  while (scheduler.running.empty() || scheduler.running.front().tokens.size() < 16) {
    scheduler.make_room();
    const auto span = scheduler.plan()[0];
    computed.emplace_back(span.position, span.tokens.size());
    room.start(scheduler.stepping().empty() ? std::span<const llm::Span>{} : std::span(&span, 1));
    Sequence& sequence = *scheduler.stepping()[0];
    CHECK((sequence.rope == llm::Rope::kLong) == (sequence.tokens.size() > 12));
    sequence.computed += span.tokens.size();
    if (span.rows > 0) sequence.tokens.push_back(7);
  }
  CHECK(computed == (std::vector<std::pair<size_t, size_t>>{
                        {0, 5}, {5, 5}, {10, 1}, {11, 1}, {0, 5}, {5, 5}, {10, 3}, {13, 1}, {14, 1}}));
}

TEST("scheduler: a long prompt that finds no room does not hold up those that run") {
  Room room;
  Scheduler scheduler(room, {.sequences = 3, .prefill_chunk = 8, .border = llm::RopeBorder(40)});
  submit(scheduler, 1, 30, 9);
  submit(scheduler, 2, 31, 9);
  for (int i = 0; i < 12; ++i) step(scheduler, room);
  CHECK_EQUAL(scheduler.running.size(), size_t{2});
  submit(scheduler, 3, 60, 4);  // of the 24 blocks 18 are taken
  submit(scheduler, 4, 2, 4);   // waits behind it although it would fit
  const size_t before = scheduler.running.front().tokens.size();
  CHECK_EQUAL(step(scheduler, room), (std::vector<SequenceId>{1, 2}));
  CHECK_EQUAL(step(scheduler, room), (std::vector<SequenceId>{1, 2}));
  CHECK_EQUAL(scheduler.running.front().tokens.size(), before + 2);
  for (SequenceId id : {1, 2}) room.drop(id);
  scheduler.running.clear();
  CHECK_EQUAL(step(scheduler, room), (std::vector<SequenceId>{3}));
  CHECK_EQUAL(step(scheduler, room), (std::vector<SequenceId>{4}));
  CHECK_EQUAL(step(scheduler, room), (std::vector<SequenceId>{3}));
}

TEST(
    "scheduler: where a state takes one token at a time, a prompt has one long step at its beginning and then short "
    "ones") {
  Room runner;
  Scheduler scheduler(runner, {.sequences = 4, .prefill_chunk = 8, .continued = 1, .border = llm::RopeBorder(0)});
  Sequences list;
  list.emplace_back(1, std::vector<Token>(11, 1), llm::RequestParams{}, llm::Clock::now());
  scheduler.add(list, list.begin());
  std::vector<size_t> counts;
  for (int step = 0; step < 4; ++step) {
    scheduler.make_room();
    const auto spans = scheduler.plan();
    counts.push_back(spans.front().tokens.size());
    scheduler.stepping().front()->computed += spans.front().tokens.size();
    runner.start(spans);
    runner.wait();
  }
  CHECK((counts == std::vector<size_t>{8, 1, 1, 1}));
}
