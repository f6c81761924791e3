// Finds compressed weights in a graph: a constant of small integers, made f32 by what stands between it and its MatMul.
#pragma once
#include <openvino/op/matmul.hpp>
#include <openvino/openvino.hpp>
#include <string>

#include "kernels/packed_weights.h"

namespace llm {

struct CompressedWeights {
  WeightSource source;          // points into the constants of `output`
  ov::Output<ov::Node> output;  // the decompressed matrix
  std::string scheme;           // e.g. `u4 g128 asymmetric`
};

// The matrix that a value is, where that is
//   [Convert] [Reshape] Multiply([Subtract](Convert(values), [Convert] zero points), [Convert] scales) [Convert]
// as exporters and front ends write it. Returns false for others. `obstacle` then says why a built-in kernel does not
// take the compressed weights; it is empty when there are none.
bool find_compressed_matrix(const ov::Output<ov::Node>& value, CompressedWeights& found, std::string& obstacle);

// The weights of a MatMul whose second input is such a matrix, transposed.
bool find_compressed_weights(const ov::op::v0::MatMul& matmul, CompressedWeights& found, std::string& obstacle);

// The same of stacked matrices, [experts, rows, columns]: found as one matrix of experts * rows.
bool find_compressed_stack(const ov::op::v0::MatMul& matmul, CompressedWeights& found, std::string& obstacle);

}  // namespace llm
