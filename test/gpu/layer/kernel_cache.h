// A folder of built kernels: a CPU's OpenCL compiler takes minutes for what a model needs, and seconds are enough to
// load it again.
#pragma once
#include <string>

namespace layer {

// 32 hexadecimal digits, FNV-1a of 128 bits.
std::string fingerprint(const std::string& bytes);

// The file of that name; empty when there is none, or when it is not as it was written.
std::string kept(const std::string& name);

// Written beside its place and renamed, so that neither a crash nor a second process leaves half of it.
void keep(const std::string& name, const std::string& bytes);

}  // namespace layer
