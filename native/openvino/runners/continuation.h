// Whether a graph's states go on rightly when several tokens follow them in one step.
#pragma once
#include <cstddef>

#include "engine/runner.h"

namespace llm {

// Keys and values do by their nature. States of convolutions and recurrences do in some exports; others compute a step
// of several tokens as if nothing had been before. So a text of eight tokens is computed whole, token by token, and in
// pieces of 1, 2 and 5 tokens. The first two are right in every export, or it could not answer at all; how much they
// differ is what rounding does on this device in this precision. True when the pieces differ no more than that. The
// runner must be idle, and is idle and empty afterwards.
bool continues_with_many(Runner& runner, size_t vocabulary);

}  // namespace llm
