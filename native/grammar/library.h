// The library that grammars are compiled with.
#pragma once
#include <string>

#include "engine/sampling/grammar.h"

namespace llm {

// Its name and version, such as "llguidance 1.9.1"; "" when the addon was built without it.
std::string grammar_library();

// Null when the addon was built without it.
GrammarCompilerFactory grammar_compilers();

}  // namespace llm
