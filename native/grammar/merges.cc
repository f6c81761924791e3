#include "grammar/merges.h"

#include <limits>

namespace llm {
namespace {

constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();

}  // namespace

Merges::Merges(const Vocabulary& vocabulary) : bytes_(vocabulary.bytes) {
  const auto* const text = reinterpret_cast<const char*>(bytes_.data());
  const auto& offsets = vocabulary.offsets;
  for (size_t token = 0; token < vocabulary.special.size(); ++token) {
    const std::string_view bytes(text + offsets[token], offsets[token + 1] - offsets[token]);
    // Of two tokens with the same bytes the later one: the other is SentencePiece's for bytes that have no character.
    if (!bytes.empty() && vocabulary.special[token] == 0) tokens_[bytes] = static_cast<uint32_t>(token);
  }
}

std::vector<uint32_t> Merges::tokenize(std::string_view bytes) const {
  std::vector<uint32_t> tokens;
  bytes = bytes.substr(0, kMostBytesAtOnce);
  while (!bytes.empty()) {
    // A word begins with its space, as tokens do.
    size_t end = bytes.size() <= kMostBytes ? bytes.size() : bytes.rfind(' ', kMostBytes);
    if (end == std::string_view::npos || end == 0) end = kMostBytes;
    tokenize_piece(bytes.substr(0, end), tokens);
    bytes.remove_prefix(end);
  }
  return tokens;
}

void Merges::tokenize_piece(std::string_view piece, std::vector<uint32_t>& tokens) const {
  std::vector<std::string_view> parts;
  for (size_t i = 0; i < piece.size(); ++i) parts.push_back(piece.substr(i, 1));
  const auto id_of = [this](std::string_view bytes) {
    const auto found = tokens_.find(bytes);
    return found == tokens_.end() ? kNone : found->second;
  };
  const auto joined = [&](size_t i) {
    return std::string_view(parts[i].data(), parts[i].size() + parts[i + 1].size());
  };
  for (;;) {
    uint32_t lowest = kNone;
    size_t place = 0;
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
      if (const uint32_t id = id_of(joined(i)); id < lowest) lowest = id, place = i;
    }
    if (lowest == kNone) break;
    parts[place] = joined(place);
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(place) + 1);
  }
  for (const auto part : parts) {
    if (const uint32_t id = id_of(part); id != kNone) tokens.push_back(id);
  }
}

}  // namespace llm
