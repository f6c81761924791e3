// The process's one ov::Core, and OpenVINO's errors in our words.
#pragma once
#include <filesystem>
#include <openvino/openvino.hpp>
#include <string>

#include "engine/failure.h"

namespace llm {

// Made on first use: making it while the addon is being loaded deadlocks in the dynamic linker. Thread-safe.
//
// OpenVINO 2026.4.1 keeps 0.6 MB of every compiled tiny model after its release, as a plain C++ loop of read, compile
// and infer shows. So memory that grows by that much a load is no leak of ours.
ov::Core& core();

// Paths cross the boundary as UTF-8, which std::string paths are not on Windows.
std::filesystem::path path_of(const std::string& utf8);

// The sentence a person can use from an ov::Exception: without source positions and repeated frames.
std::string plain_words(const std::exception& error);

// ERR_OUT_OF_MEMORY when words of OpenVINO or of a device's driver say that there was no memory, else `otherwise`.
// OpenVINO has no type for it: the plugin for GPUs writes OpenCL's name of the error or its number.
ErrorCode code_of(const std::string& words, ErrorCode otherwise);

}  // namespace llm
