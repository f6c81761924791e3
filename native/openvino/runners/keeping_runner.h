// A runner that leaves its start for the next one, once its first answer is there.
#pragma once
#include <memory>

#include "engine/event.h"
#include "engine/forwarding_runner.h"
#include "openvino/kept/kept_start.h"
#include "openvino/kernels/builtin_kernels.h"

namespace llm {

// What is to be written, and where (UTF-8).
struct Keeping {
  std::optional<KeptStart> start;
  ov::CompiledModel compiled;  // of the start
  std::string graph_path;
  BuiltinLayers builtin;  // with `unwritten` weights, or none
  std::string packed_path;
};

// A failure to write is a warning. The packed weights are written on a thread of their own, which the destructor waits
// for.
std::unique_ptr<Runner> keeping_runner(std::unique_ptr<Runner> runner, Keeping keeping, EventSink post);

}  // namespace llm
