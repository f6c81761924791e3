// Reads XML element by element, and refuses whatever is unusual.
//
// It exists to look at a hostile file before OpenVINO does, so only one thing matters: it must never see less than
// OpenVINO's parser (pugixml with its default options) sees. That is easy for a reader that is stricter, and hard for a
// general one that would have to be lenient in just the same ways; so this is a small tokenizer of ours and no library.
// It takes what exporters write: elements, attributes in either kind of quotes, comments, CDATA, processing
// instructions, text, and the entities of XML. It refuses what they do not write: NUL bytes (UTF-16 has them, and
// pugixml would read it), a DOCTYPE, elements nested deeper than kMostDepth, and everything that is no well-formed XML.
#pragma once
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace llm {

// What is wrong with the text, and at which byte.
class XmlError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class XmlReader {
 public:
  enum class Event { kStart, kEnd, kDone };

  // OpenVINO's reader recurses into bodies of operations. Those of real models are nested two or three times.
  static constexpr size_t kMostDepth = 128;

  // The text, UTF-8, must stay as long as this is used. Throws XmlError for a text with a NUL byte.
  explicit XmlReader(std::string_view text);

  // The next start or end of an element; an empty element has both. Throws XmlError.
  Event next();

  // Of the element that has started or ended. Valid until the next call of next().
  std::string_view name() const { return name_; }

  // How many elements are open, the one that has just started included and the one that has just ended not.
  size_t depth() const { return open_.size(); }

  // Of the element that has just started, with its entities replaced; nothing when it has no such attribute. Throws
  // XmlError when it has two, or when its value holds something that is no entity.
  std::optional<std::string> attribute(std::string_view name) const;

 private:
  [[noreturn]] void fail(const std::string& expected) const;
  bool skip(std::string_view expected);
  void skip_past(std::string_view end, const std::string& what);
  void skip_space();
  std::string_view read_name();
  void read_markup();
  void read_start();
  void read_end();
  void read_attribute();

  std::string_view text_;
  size_t at_ = 0;
  std::vector<std::string_view> open_;
  std::string_view name_;
  std::vector<std::pair<std::string_view, std::string_view>> attributes_;
  Event event_ = Event::kDone;
  bool empty_ = false;  // the element that has just started ends at once
};

}  // namespace llm
