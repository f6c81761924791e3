// In place of the other files of this folder, where there was no Rust to build the library with.
#include "grammar/library.h"

namespace llm {

std::string grammar_library() { return ""; }

GrammarCompilerFactory grammar_compilers() { return nullptr; }

}  // namespace llm
