// Grammars by llguidance, whose C interface catches every panic of its Rust.
#include <llguidance.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "engine/failure.h"
#include "grammar/library.h"
#include "grammar/merges.h"
#include "grammar/watchdog.h"

// Of native/grammar/crate: llg_new_matcher with a larger stack.
extern "C" LlgMatcher* llm_new_matcher(const LlgConstraintInit* init, const char* kind, const char* source);

namespace llm {
namespace {

// What a grammar may take to compute, in llguidance's units: work on regular expressions before the first token
// (50,000 a millisecond) and for one mask (14,000), parser items for one mask (20,000 a millisecond), states of the
// lexer (1 to 2 kB each), symbols of the grammar. Its defaults, written down so that a new version changes none.
constexpr LlgParserLimits kLimits{
    .max_items_in_row = 2000,
    .initial_lexer_fuel = 1'000'000,
    .step_lexer_fuel = 200'000,
    .step_max_items = 50'000,
    .max_lexer_states = 250'000,
    .max_grammar_size = 500'000,
    .precompute_large_lexemes = true,
    .verbose_errors = false,
};

// Milliseconds of CPU time that one mask may take, or finding the bytes that must follow: a hundred times what one
// mask in a hundred of real schemas takes.
constexpr double kMostMilliseconds = 500;

// Bytes that begin a token which is no text: llguidance's mark for those that only their names stand for.
constexpr uint8_t kSpecialMark = 0xff;

// The vocabulary as llguidance has it. Shared by all matchers: they call back into `merges`.
struct Tokenizer {
  explicit Tokenizer(const Vocabulary& vocabulary) : merges(vocabulary) {
    const size_t size = vocabulary.special.size();
    auto special = vocabulary.special;
    for (const Token token : vocabulary.end_tokens) special[static_cast<size_t>(token)] = 1;
    std::vector<uint32_t> lengths(size);
    std::vector<uint8_t> bytes;
    bytes.reserve(vocabulary.bytes.size() + size);
    for (size_t token = 0; token < size; ++token) {
      const auto begin = vocabulary.bytes.begin() + vocabulary.offsets[token];
      const auto end = vocabulary.bytes.begin() + vocabulary.offsets[token + 1];
      const size_t before = bytes.size();
      // The mark is no UTF-8: no grammar of text can mean a token that begins with it.
      if (special[token] == 0 && begin != end && *begin == kSpecialMark) continue;
      if (special[token] != 0 && begin != end) bytes.push_back(kSpecialMark);
      bytes.insert(bytes.end(), begin, end);
      lengths[token] = static_cast<uint32_t>(bytes.size() - before);
    }
    const std::vector<uint32_t> ends(vocabulary.end_tokens.begin(), vocabulary.end_tokens.end());
    LlgTokenizerInitV2 init{};
    init.struct_size = sizeof(init);
    init.vocab_size = static_cast<uint32_t>(size);
    init.tok_eos = ends.empty() ? ~uint32_t{0} : ends.front();
    init.token_lens = lengths.data();
    init.token_bytes = bytes.data();
    init.tokenize_fn = tokenize;
    init.tokenize_user_data = this;
    init.tok_eos_extra = ends.size() > 1 ? ends.data() + 1 : nullptr;
    init.tok_eos_extra_count = ends.size() > 1 ? static_cast<uint32_t>(ends.size() - 1) : 0;
    std::string error(512, '\0');
    handle = llg_new_tokenizer_v2(&init, error.data(), error.size());
    if (handle == nullptr) throw Failure(ERR_GRAMMAR, "the vocabulary cannot be used for grammars: " + error);
  }
  ~Tokenizer() { llg_free_tokenizer(handle); }
  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;

  static size_t tokenize(const void* self, const uint8_t* bytes, size_t count, uint32_t* tokens, size_t room) {
    const std::string_view text(reinterpret_cast<const char*>(bytes), count);
    const auto found = static_cast<const Tokenizer*>(self)->merges.tokenize(text);
    std::copy_n(found.begin(), std::min(room, found.size()), tokens);
    return found.size();
  }

  Merges merges;
  LlgTokenizer* handle = nullptr;
  mutable Watchdog watchdog{kMostMilliseconds};
};

class Matcher : public GrammarMatcher {
 public:
  Matcher(std::shared_ptr<const Tokenizer> tokenizer, LlgMatcher* handle, size_t bytes)
      : tokenizer_(std::move(tokenizer)),
        handle_(handle),
        cancellation_(llg_matcher_get_cancellation_handle(handle)),
        bytes_(bytes) {
    if (const char* const error = llg_matcher_get_error(handle)) throw Failure(ERR_GRAMMAR, error);
  }

  void mask(TokenMask mask) override {
    check([&] { return llg_matcher_compute_mask(handle_.get()); });
    const uint32_t* const found = llg_matcher_get_mask(handle_.get());
    if (found == nullptr) check([] { return -1; });
    // llguidance's may have a word more.
    const size_t words = std::min(mask.size(), llg_matcher_get_mask_byte_size(handle_.get()) / sizeof(uint32_t));
    std::copy_n(found, words, mask.begin());
    std::fill(mask.begin() + static_cast<std::ptrdiff_t>(words), mask.end(), 0);
  }
  size_t fitting(std::span<const Token> tokens) override {
    static_assert(sizeof(Token) == sizeof(uint32_t));
    const auto* const ids = reinterpret_cast<const uint32_t*>(tokens.data());
    return static_cast<size_t>(check([&] { return llg_matcher_validate_tokens(handle_.get(), ids, tokens.size()); }));
  }
  void accept(Token token) override {
    check([&] { return llg_matcher_consume_token(handle_.get(), static_cast<uint32_t>(token)); });
  }
  void rollback(size_t tokens) override {
    check([&] { return llg_matcher_rollback(handle_.get(), tokens); });
  }
  void forced(size_t most, std::vector<Token>& tokens) override {
    const size_t before = tokens.size();
    tokens.resize(before + most);
    auto* const room = reinterpret_cast<uint32_t*>(tokens.data() + before);
    const auto count =
        static_cast<size_t>(check([&] { return llg_matcher_compute_ff_tokens(handle_.get(), room, most); }));
    tokens.resize(before + std::min(count, most));
  }
  bool accepting() override { return llg_matcher_is_accepting(handle_.get()); }
  bool ended() override { return llg_matcher_is_stopped(handle_.get()); }
  std::unique_ptr<GrammarMatcher> fork() const override {
    return std::make_unique<Matcher>(tokenizer_, llg_clone_matcher(handle_.get()), bytes_);
  }
  size_t bytes() const override { return bytes_; }

 private:
  template <class Compute>
  int32_t check(Compute&& compute) {
    auto& watchdog = tokenizer_->watchdog;
    int32_t result = 0;
    {
      const Watchdog::Watch watch(watchdog, [this] { llg_cancel(cancellation_.get()); });
      result = compute();
    }
    if (llg_matcher_is_cancelled(handle_.get())) {
      throw Failure(ERR_GRAMMAR, "what may come next took more than " +
                                     std::to_string(static_cast<int>(watchdog.limit())) +
                                     " ms to compute: the grammar repeats too much, or its texts are too long");
    }
    if (result >= 0) return result;
    const char* const error = llg_matcher_get_error(handle_.get());
    throw Failure(ERR_GRAMMAR, error != nullptr ? error : "the grammar could not be followed");
  }

  struct Free {
    void operator()(LlgMatcher* matcher) const { llg_free_matcher(matcher); }
    void operator()(LlgCancellationHandle* cancellation) const { llg_free_cancellation_handle(cancellation); }
  };

  std::shared_ptr<const Tokenizer> tokenizer_;  // outlives the handle
  std::unique_ptr<LlgMatcher, Free> handle_;
  std::unique_ptr<LlgCancellationHandle, Free> cancellation_;  // every matcher's own
  size_t bytes_;
};

class Compiler : public GrammarCompiler {
 public:
  explicit Compiler(const Vocabulary& vocabulary) : tokenizer_(std::make_shared<const Tokenizer>(vocabulary)) {}

  std::unique_ptr<GrammarMatcher> compile(const Grammar& grammar) override {
    if (grammar.source.find('\0') != std::string::npos) throw Failure(ERR_GRAMMAR, "the grammar holds a NUL character");
    LlgConstraintInit init{};
    llg_constraint_init_set_defaults(&init, tokenizer_->handle);
    init.log_buffer_level = 0;
    init.log_stderr_level = 0;
    init.limits = kLimits;
    LlgMatcher* const made = llm_new_matcher(&init, grammar.kind.c_str(), grammar.source.c_str());
    if (made == nullptr)
      throw Failure(ERR_OUT_OF_MEMORY, "there is no room for the stack that compiling a grammar needs");
    return std::make_unique<Matcher>(tokenizer_, made, bytes_of(grammar));
  }

 private:
  // llguidance does not tell.
  static size_t bytes_of(const Grammar& grammar) { return 256 * 1024 + 64 * grammar.source.size(); }

  std::shared_ptr<const Tokenizer> tokenizer_;
};

}  // namespace

std::string grammar_library() {
  std::string name = llg_get_version();  // llguidance@1.9.1 and what it is made of
  name.resize(std::min(name.find(' '), name.size()));
  if (const size_t at = name.find('@'); at != std::string::npos) name[at] = ' ';
  return name;
}

GrammarCompilerFactory grammar_compilers() {
  return [](const Vocabulary& vocabulary) { return std::make_unique<Compiler>(vocabulary); };
}

}  // namespace llm
