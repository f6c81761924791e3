// Opens a runner from what an earlier start has left.
#pragma once
#include <memory>
#include <openvino/openvino.hpp>

#include "engine/event.h"
#include "engine/runner.h"

namespace llm {

struct KeptOpening {
  std::unique_ptr<Runner> runner;  // null: the model must be read and compiled
  bool refused = false;            // OpenVINO does not take back what it exports of this model: keep nothing of it
};

// From the file config.graph_path. What is there of another model, configuration, version or machine, or is damaged, is
// no runner, and neither is a graph that computes something else than the one that was kept. Reports the stages `read`
// and `compile` of a runner. Throws Failure ERR_OUT_OF_MEMORY.
KeptOpening open_kept(const EngineConfig& config, const ov::AnyMap& properties, const EventSink& post);

}  // namespace llm
