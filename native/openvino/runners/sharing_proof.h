// Whether sequences may share a step on a graph with states, proven by computing.
#pragma once
#include <array>
#include <cstddef>
#include <functional>
#include <string>

#include "engine/runner.h"

namespace llm {

// Which sequences a stateful runner computes in one inference.
enum class Sharing {
  kNone,    // each one alone
  kEqual,   // those of equal length
  kPadded,  // any: the shorter ones are padded
};
inline constexpr std::array kSharings{"none", "equal", "all"};
constexpr const char* name_of(Sharing sharing) { return kSharings.at(static_cast<size_t>(sharing)); }

struct SharingProof {
  Sharing sharing = Sharing::kNone;
  bool forks = false;  // a sequence can go on as two
  std::string reason;  // why it is not kPadded, or ''
};

// Two short sequences and a fork of one are computed in turn and then in one step, while sequences leave the batch. The
// logits must not differ by more than rounding does on this device in this precision. Where f32 does less, that is
// measured too. A right graph takes 13 inferences then, or 16. `most` is tried first, then less. The runner must be
// idle, and is idle and empty afterwards; `set` says how it shall share steps.
SharingProof prove_sharing(Runner& runner, const std::function<void(Sharing)>& set, size_t vocabulary, Sharing most);

}  // namespace llm
