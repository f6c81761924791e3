// Makes one operation of products with built-in kernels and of what stands between them.
#pragma once
#include <openvino/openvino.hpp>

#include "openvino/kernels/step_program.h"

namespace llm {

// Replaces each set of products, norms, sums and biases that can be computed one after the other by one operation, see
// StepProgram. What else a graph has stays as it is. Returns the programs that were put in.
StepPrograms fuse_steps(ov::Model& model);

}  // namespace llm
