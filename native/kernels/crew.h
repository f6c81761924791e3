// Threads that stay together for a while: whoever hands out tasks finds the others waiting, not asleep.
//
// Waking a thread and being sure that it is done takes some microseconds, which is what a product of a small decoder
// takes. A crew is woken once for all that is computed one after the other. No member is needed: what those who come
// late, or never, have not begun is done by the others.
#pragma once
#include <functional>

#include "kernels/threads.h"

namespace llm {

// Calls `work` on one of `threads`, with Threads that stand for all of them, and returns after it. Tasks must not hand
// out tasks themselves. Members without a task wait for the next one without sleeping until `work` returns; where
// others want the processor, they let them have it. Throws what `work` throws.
void with_crew(const Threads& threads, const std::function<void(const Threads& crew)>& work);

}  // namespace llm
