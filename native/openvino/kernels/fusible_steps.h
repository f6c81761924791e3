// Which operations of a graph can be steps of a StepProgram.
#pragma once
#include <functional>
#include <memory>
#include <openvino/openvino.hpp>
#include <vector>

#include "openvino/kernels/step_program.h"

namespace llm {

// A step to be, and where its values are in the graph.
struct FusibleStep {
  struct Input {
    ov::Output<ov::Node> value;
    size_t width = 0;            // as the step takes it
    ov::Output<ov::Node> shown;  // what of the graph it takes: the value or a view of it
  };
  std::shared_ptr<ov::Node> last;  // the operation whose outputs it makes
  Step step;
  std::vector<Input> inputs;
  ov::OutputVector tensors;               // see Step
  std::vector<size_t> widths;             // of its outputs, as a step makes them
  std::vector<const ov::Node*> interior;  // of the pattern, see FoundNorm
  bool begins = false;                    // it may be the first step: alone it is worth an operation
};

// Whether a value, or what it is a view of, is made by a step with this width; then `value` becomes that one.
using MadeByStep = std::function<bool(ov::Output<ov::Node>& value, size_t width)>;

// Returns false when the operation is none.
bool find_step(const std::shared_ptr<ov::Node>& node, const MadeByStep& made, FusibleStep& found);

}  // namespace llm
