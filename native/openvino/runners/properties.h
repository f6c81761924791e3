// OpenVINO properties that were asked for, checked before a model is read.
#pragma once
#include <openvino/openvino.hpp>

#include "engine/types.h"

namespace llm {

// Throws Failure ERR_DEVICE when the device is not there, and ERR_PROPERTY, naming the property, for one that neither
// the device nor those it hands properties on to have.
ov::AnyMap checked_properties(const EngineConfig& config);

}  // namespace llm
