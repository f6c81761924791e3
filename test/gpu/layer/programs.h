// The OpenCL programs that went through the layer.
#pragma once
#include <memory>
#include <string>

#include "layer.h"

namespace layer {

struct Program {
  std::string source;      // mended; empty when only a binary is known
  std::string options;     // of its build
  cl_program runtime;      // what the runtime gets in its place: the program itself, or one made of a kept binary
  bool is_binary = false;  // the plugin made it of a binary
};

// Of a program that the plugin has or that the runtime names; a nameless one when it was not made through the layer.
std::shared_ptr<Program> program_of(cl_program program);

// Builds source that is mended already, or takes it from the cache. Gives nullptr and sets the error when it fails.
cl_program build_variant(cl_context context, cl_device_id device, const std::string& source, const std::string& options,
                         cl_int& error);

}  // namespace layer
