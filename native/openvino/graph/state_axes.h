// Which axes of a graph's states are sequences and tokens.
#pragma once
#include <cstddef>
#include <openvino/openvino.hpp>
#include <string>
#include <vector>

namespace llm {

struct StateAxis {
  std::string name;
  size_t tokens = 0;  // the axis along which keys or values of tokens lie; 0 = there is none. Axis 0 is the sequences.
};

struct StateAxes {
  std::vector<StateAxis> states;  // empty where the shapes do not tell
  bool batches = false;           // any number of sequences fits into every state
  size_t values_per_token = 0;    // numbers that the states of a sequence have for each of its tokens
};

StateAxes state_axes(const ov::Model& model);

}  // namespace llm
