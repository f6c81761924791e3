#include "engine/scheduling/scheduler.h"

#include <algorithm>

#include "engine/beams/beam_search.h"
#include "engine/failure.h"

namespace llm {
namespace {

void insert_by_rank(std::list<Sequence>& to, std::list<Sequence>& from, std::list<Sequence>::iterator sequence) {
  auto place = to.end();
  while (place != to.begin() && std::prev(place)->rank > sequence->rank) --place;
  to.splice(place, from, sequence);
}

}  // namespace

Scheduler::Scheduler(Runner& runner, Limits limits) : runner_(runner), limits_(limits) {
  for (auto* list : {&decoding_, &stepping_}) list->reserve(limits.sequences);
  spans_.reserve(limits.sequences);
}

void Scheduler::add(std::list<Sequence>& from, Iterator sequence) { insert_by_rank(waiting, from, sequence); }

void Scheduler::join(std::list<Sequence>& from) { insert_by_rank(running, from, from.begin()); }

bool Scheduler::has_place(size_t places) const {
  for (const auto& sequence : running) places += sequence.places();
  return places <= limits_.sequences;
}

// With a beam, the others of its search.
void Scheduler::preempt(Iterator sequence) {
  for (auto next = running.begin(); next != running.end();) {
    const auto other = next++;
    if (other != sequence && together(*other, *sequence)) give_up(other);
  }
  give_up(sequence);
}

void Scheduler::give_up(Iterator sequence) {
  if (sequence->status == Status::kRunning) runner_.drop(sequence->id);
  sequence->status = Status::kWaiting;
  sequence->start_over();
  if (sequence->beam) sequence->beam->logits.clear();
  insert_by_rank(waiting, running, sequence);
}

void Scheduler::preempt_all() {
  for (auto& sequence : running) sequence.status = Status::kWaiting;
  while (!running.empty()) preempt(running.begin());
}

std::span<Sequence* const> Scheduler::make_room() {
  preempted_ = false;
  decoding_.clear();
  spans_.clear();
  stepping_.clear();
  for (auto next = running.begin(); next != running.end();) {
    const bool grown = grown_beyond(*next);
    if (!grown && runner_.reserve(next->id, next->tokens.size())) {
      ++next;
      continue;
    }
    if (!grown && runs_alone(*next)) {
      // Cannot happen: a request that needs more than the whole cache is refused when it comes.
      spans_.push_back({next->id, {}, 0, 0});
      stepping_.push_back(&*next);
      throw Failure(ERR_OUT_OF_MEMORY, "the KV cache has no room for the next token");
    }
    preempt(grown ? next : std::prev(running.end()));
    if (!grown) {
      preempted_ = true;
      ++preemptions;
    }
    next = running.begin();  // which ones gave up their room is not known here; those that have room keep it
  }
  if (has_work(other(rope_))) rope_ = other(rope_);
  take_decoding();
  return decoding_;
}

bool Scheduler::runs_alone(const Sequence& sequence) const {
  return std::ranges::all_of(running,
                             [&](const auto& other) { return &other == &sequence || together(other, sequence); });
}

bool Scheduler::grown_beyond(const Sequence& sequence) const {
  return limits_.border.of(sequence.tokens.size()) != sequence.rope;
}

// Whether a step with these factors may have something to compute. The first that waits may still find no room.
bool Scheduler::has_work(Rope rope) const {
  if (std::ranges::any_of(running, [rope](auto& sequence) { return sequence.rope == rope; })) return true;
  return !preempted_ && !waiting.empty() && has_place(waiting.front().places()) &&
         limits_.border.of(waiting.front().tokens.size()) == rope;
}

void Scheduler::take_decoding() {
  decoding_.clear();
  for (auto& sequence : running) {
    if (sequence.rope == rope_ && sequence.decoding()) decoding_.push_back(&sequence);
  }
}

std::span<const Span> Scheduler::plan() {
  compute_all();
  if (spans_.empty() && has_work(other(rope_))) {  // the first that waits has no room: those that run go on
    rope_ = other(rope_);
    take_decoding();
    compute_all();
  }
  if (spans_.empty() && !preempted_) free_waiting_beams();
  return spans_;
}

// Nothing can be computed: beams have room and wait for others of their searches, which find none. So the last of them
// give up theirs.
void Scheduler::free_waiting_beams() {
  const auto last = std::find_if(running.rbegin(), running.rend(), [](auto& sequence) { return sequence.beam; });
  if (last == running.rend()) return;
  if (runs_alone(*last) && !waiting.empty() && together(*last, waiting.front())) {
    // Cannot happen: see make_room().
    spans_.push_back({last->id, {}, 0, 0});
    stepping_.push_back(&*last);
    throw Failure(ERR_OUT_OF_MEMORY, "the KV cache has no room for the beams of a search");
  }
  preempt(std::prev(last.base()));
  ++preemptions;
}

void Scheduler::compute_all() {
  size_t rows = 0;
  rows_left_ = limits_.logit_rows;
  for (Sequence* sequence : decoding_) {
    rows += sequence->left();
    compute(*sequence, sequence->left());
  }
  size_t budget = limits_.prefill_chunk;
  // Answers on the other side of the border wait for this step, too.
  beside_answers_ = std::ranges::any_of(running, [](auto& sequence) { return sequence.decoding(); });
  if (beside_answers_ && !limits_.long_steps) {
    // The whole step stays below prefill_chunk where it can: OpenVINO makes and keeps kernels for each number of rows,
    // and large ones with memory of their own.
    const size_t rest = budget > rows ? budget - rows : 0;
    const size_t least = std::min(budget, kSmallestChunk);
    budget = std::clamp(prefill_budget_.tokens(kFirstChunk), least, std::max(rest, least));
    const size_t even = (rows + budget) / kEvenRows * kEvenRows;
    if (even >= rows + least) budget = even - rows;
  }
  for (auto& sequence : running) {
    if (budget == 0) break;
    if (sequence.rope != rope_ || sequence.decoding()) continue;
    const size_t count = chunk_of(sequence, budget);
    if (count == 0) continue;
    budget -= count;
    compute(sequence, count);
  }
  if (!preempted_) admit(budget);
}

void Scheduler::took(double milliseconds) {
  size_t answers = 0, prompts = 0;
  for (size_t i = 0; i < spans_.size(); ++i) (i < decoding_.size() ? answers : prompts) += spans_[i].tokens.size();
  prefill_budget_.learn(beside_answers_ ? std::max<size_t>(answers, 1) : 0, prompts, milliseconds);
}

void Scheduler::admit(size_t& budget) {
  while (budget > 0 && !waiting.empty()) {
    const auto sequence = waiting.begin();
    if (!has_place(sequence->places())) return;
    if (limits_.border.of(sequence->tokens.size()) != rope_) return;
    if (sequence->reports() && rows_left_ == 0) return;
    spans_.push_back({sequence->id, {}, 0, 0});  // if its admission throws, it fails with the step
    stepping_.push_back(&*sequence);
    const auto cached = admit_cached(*sequence);
    spans_.pop_back();
    stepping_.pop_back();
    if (!cached) {
      if (!running.empty()) return;
      spans_.push_back({sequence->id, {}, 0, 0});
      stepping_.push_back(&*sequence);
      throw Failure(ERR_OUT_OF_MEMORY, "the KV cache has no room for the prompt");
    }
    if (computes_the_same(*sequence, *cached)) {
      runner_.drop(sequence->id);
      return;
    }
    sequence->status = Status::kRunning;
    sequence->rope = rope_;
    sequence->computed = *cached;
    if (sequence->started == Clock::time_point{}) {
      sequence->begin(Clock::now(), limits_.drafts);
      sequence->counts.cached_tokens = static_cast<int64_t>(*cached);
      prefix_hits += *cached > 0 ? 1 : 0;
      cached_tokens += static_cast<int64_t>(*cached);
    }
    insert_by_rank(running, waiting, sequence);
    const size_t count = chunk_of(*sequence, budget);
    budget -= count;
    compute(*sequence, count);
  }
}

size_t Scheduler::blocks_for(size_t tokens) const {
  const size_t size = runner_.kv().block_tokens;
  return size == 0 ? 0 : (tokens + size - 1) / size;
}

// Asks the runner to admit the sequence; the cache shall give no token whose logits are wanted.
std::optional<size_t> Scheduler::admit_cached(const Sequence& sequence) {
  const auto tokens = std::span<const Token>(sequence.tokens);
  const auto first = tokens.first(sequence.first_row() + 1);
  // One block is left for each running sequence, or this one would be preempted soon.
  const size_t spare = running.size() + blocks_for(tokens.size()) - blocks_for(first.size());
  const auto cached = runner_.admit(sequence.id, rope_, first, sequence.max_length(), spare);
  if (!cached || first.size() == tokens.size() || runner_.reserve(sequence.id, tokens.size())) return cached;
  runner_.drop(sequence.id);
  return std::nullopt;
}

// Whether this step computes a beginning of the prompt for another sequence. After the step it is in the cache, so that
// many requests with the same system prompt do not each compute it.
bool Scheduler::computes_the_same(const Sequence& sequence, size_t cached) const {
  const size_t worth = cached + runner_.kv().block_tokens;
  if (worth == cached) return false;
  const auto& tokens = sequence.tokens;
  for (const Sequence* other : stepping_) {
    if (other->decoding()) continue;
    const size_t end = std::min({sequence.first_row(), other->tokens.size(), other->computed + limits_.prefill_chunk});
    if (end < worth) continue;
    const auto differs =
        std::mismatch(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(end), other->tokens.begin());
    if (static_cast<size_t>(differs.first - tokens.begin()) >= worth) return true;
  }
  return false;
}

// How many of its tokens a step with room for `budget` of them computes: no more of a prompt than there are rows of
// logits for, and no more behind a state than that takes.
size_t Scheduler::chunk_of(const Sequence& sequence, size_t budget) const {
  size_t count = std::min(sequence.left(), budget);
  if (limits_.continued > 0 && sequence.computed > 0) count = std::min(count, limits_.continued);
  if (!sequence.reports()) return count;
  const size_t before = std::max(sequence.first_row(), sequence.computed) - sequence.computed;
  return std::min(count, before + rows_left_);
}

void Scheduler::compute(Sequence& sequence, size_t count) {
  const auto tokens = std::span<const Token>(sequence.tokens).subspan(sequence.computed, count);
  const size_t rows = sequence.rows(count);
  if (sequence.reports()) rows_left_ -= rows;
  spans_.push_back({sequence.id, tokens, sequence.computed, rows});
  stepping_.push_back(&sequence);
}

}  // namespace llm
