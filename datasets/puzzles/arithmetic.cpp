#include "datasets/puzzles/arithmetic.h"

#include <charconv>
#include <optional>
#include <sstream>
#include <vector>

namespace palimpsest {

namespace {

constexpr std::int64_t kMostSteps = 26, kMostModulus = 1'000'000;
constexpr std::string_view kSigns = "+-*", kModulus = "mod ";

char name_of_step(std::size_t step) { return static_cast<char>('a' + step); }

std::int64_t computed(std::int64_t left, char sign, std::int64_t right, std::int64_t modulus) {
  const std::int64_t value = sign == '+' ? left + right : sign == '-' ? left - right : left * right;
  return (value % modulus + modulus) % modulus;
}

std::string spelled_values(const std::vector<std::int64_t>& values) {
  std::string text;
  for (std::size_t step = 0; step < values.size(); ++step) {
    text += (step ? " " : "") + std::string(1, name_of_step(step)) + "=" + std::to_string(values[step]);
  }
  return text;
}

class ArithmeticMaker : public PuzzleMaker {
 public:
  explicit ArithmeticMaker(const ArithmeticOptions& options) : options_(options) {}

  Puzzle make(RandomKey key) const override {
    std::vector<std::int64_t> values{
        static_cast<std::int64_t>(key.below(static_cast<std::uint64_t>(options_.modulus), 0))};
    std::string chain = "a=" + std::to_string(values[0]);
    for (std::size_t step = 1; step < static_cast<std::size_t>(options_.steps); ++step) {
      const RandomKey own = key.fold(step);
      const char sign = kSigns[own.below(kSigns.size(), 0)];
      const bool back = own.uniform(1) < options_.back;
      const std::uint64_t other = own.below(back ? step : static_cast<std::uint64_t>(options_.largest) + 1, 2);
      chain += " " + std::string(1, name_of_step(step)) + "=" + name_of_step(step - 1) + sign +
               (back ? std::string(1, name_of_step(other)) : std::to_string(other));
      values.push_back(
          computed(values.back(), sign, back ? values[other] : static_cast<std::int64_t>(other), options_.modulus));
    }
    return {std::string(kModulus) + std::to_string(options_.modulus) + ": " + chain, spelled_values(values), chain};
  }

 private:
  ArithmeticOptions options_;
};

// Takes apart "mod 100: a=7 b=a+5".
class ArithmeticChain {
 public:
  explicit ArithmeticChain(std::string_view text) : text_(text) {}

  // The value of every step; none when the text is no chain.
  std::optional<std::vector<std::int64_t>> values() {
    if (!skip(kModulus)) return std::nullopt;
    const auto modulus = number();
    if (!modulus || *modulus < 1 || *modulus > kMostModulus || !skip(":")) return std::nullopt;
    while (!text_.empty()) {
      if (!skip(" ") || !step(*modulus)) return std::nullopt;
    }
    return values_;
  }

 private:
  bool skip(std::string_view what) {
    if (!text_.starts_with(what)) return false;
    text_.remove_prefix(what.size());
    return true;
  }

  std::optional<std::int64_t> number() {
    std::int64_t value = 0;
    const auto [rest, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (error != std::errc() || value < 0 || value > kMostModulus) return std::nullopt;
    text_.remove_prefix(static_cast<std::size_t>(rest - text_.data()));
    return value;
  }

  std::optional<std::int64_t> part() {
    if (text_.empty()) return std::nullopt;
    const auto step = static_cast<std::size_t>(text_.front() - 'a');
    if (step >= values_.size()) return number();
    text_.remove_prefix(1);
    return values_[step];
  }

  bool step(std::int64_t modulus) {
    if (values_.size() >= static_cast<std::size_t>(kMostSteps)) return false;
    if (!skip(std::string(1, name_of_step(values_.size())) + "=")) return false;
    auto value = part();
    if (!value) return false;
    if (!text_.empty() && kSigns.find(text_.front()) != std::string_view::npos) {
      const char sign = text_.front();
      text_.remove_prefix(1);
      const auto other = part();
      if (!other) return false;
      value = computed(*value, sign, *other, modulus);
    }
    values_.push_back(computed(*value, '+', 0, modulus));
    return true;
  }

  std::string_view text_;
  std::vector<std::int64_t> values_;
};

}  // namespace

void ArithmeticOptions::validate() const {
  if (steps < 2 || steps > kMostSteps) throw InputError("", "steps", "must lie in 2..26");
  if (modulus < 2 || modulus > kMostModulus) throw InputError("", "modulus", "must lie in 2..1000000");
  if (largest < 1 || largest > kMostModulus) throw InputError("", "largest", "must lie in 1..1000000");
  if (!(back >= 0.0 && back <= 1.0)) throw InputError("", "back", "must lie in 0..1");
}

std::unique_ptr<PuzzleMaker> arithmetic_maker(const ArithmeticOptions& options) {
  return std::make_unique<ArithmeticMaker>(options);
}

Ruling check_arithmetic(const std::string& question, const std::string& answer) {
  const auto values = ArithmeticChain(question).values();
  if (!values) return {"question", ""};
  std::istringstream given(answer), right(spelled_values(*values));
  for (std::string word, wanted; right >> wanted;) {
    const std::string where = std::string("step ") + wanted.front();
    given >> word;
    if (!given || !word.starts_with(wanted.substr(0, 2))) return {"form", where};
    if (word != wanted) return {"value", where};
  }
  return answer == spelled_values(*values) ? Ruling{} : Ruling{"form", "end"};
}

}  // namespace palimpsest
