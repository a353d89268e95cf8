#include "datasets/prepare/kept_rules.h"

#include <deque>
#include <sstream>
#include <unordered_map>

#include "datasets/prepare/likeness.h"
#include "datasets/sources/key_pattern.h"

namespace palimpsest {

namespace {

// A sample and its variants count as one.
const std::string& origin_of(const LedgerRow& row) { return row.origin.empty() ? row.key : row.origin; }

std::string to_hex(const std::string& bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const char byte : bytes) {
    hex += kDigits[static_cast<unsigned char>(byte) >> 4];
    hex += kDigits[static_cast<unsigned char>(byte) & 15];
  }
  return hex;
}

std::string from_hex(const std::string& hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string bytes;
  for (std::size_t at = 0; at + 1 < hex.size(); at += 2)
    bytes += static_cast<char>(digit(hex[at]) << 4 | digit(hex[at + 1]));
  return bytes;
}

class DuplicateRule : public KeptRule {
 public:
  DuplicateRule(std::string name, const DuplicateOptions& options) : name_(std::move(name)), options_(options) {
    const LikenessKind& kind = find_likeness(options.kind);
    likeness_ = kind.make(options.distance < 0 ? kind.distance : options.distance);
    window_ = static_cast<std::size_t>(options.window == 0 ? kind.window : options.window);
  }

  std::string trait(const Sample& sample) const override {
    std::vector<const Media*> media;
    bool any = false;
    for (const std::string& role : options_.roles) {
      const auto found = sample.roles.find(role);
      media.push_back(found == sample.roles.end() ? nullptr : &found->second);
      any = any || media.back();
    }
    return any ? likeness_->trait(media) : "";
  }

  const std::vector<std::string>& roles() const override { return options_.roles; }

  std::optional<Judgement> judge(const LedgerRow& row, const std::string& trait) const override {
    const Kept* first = nullptr;
    std::uint64_t first_number = forgotten_ + kept_.size();
    for (const std::uint64_t bucket : likeness_->buckets(trait)) {
      const auto [begin, end] = numbers_.equal_range(bucket);
      for (auto at = begin; at != end; ++at) {
        if (at->second >= first_number) continue;
        const Kept& kept = kept_[at->second - forgotten_];
        if (kept.origin == origin_of(row)) continue;
        if (options_.within_split && kept.split != row.split) continue;
        if (!likeness_->alike(kept.trait, trait)) continue;
        first = &kept;
        first_number = at->second;
      }
    }
    if (!first) return std::nullopt;
    return Judgement{Outcome::kDuplicate, name_, nullptr, first->origin};
  }

  void keep(const LedgerRow& row, const std::string& trait) override {
    const std::uint64_t number = forgotten_ + kept_.size();
    for (const std::uint64_t bucket : likeness_->buckets(trait)) numbers_.emplace(bucket, number);
    kept_.push_back({trait, origin_of(row), row.split});
    if (kept_.size() > window_) forget_oldest();
  }

 private:
  struct Kept {
    std::string trait, origin, split;
  };

  void forget_oldest() {
    for (const std::uint64_t bucket : likeness_->buckets(kept_.front().trait)) {
      const auto [begin, end] = numbers_.equal_range(bucket);
      const auto found = std::find_if(begin, end, [this](const auto& entry) { return entry.second == forgotten_; });
      if (found != end) numbers_.erase(found);
    }
    kept_.pop_front();
    ++forgotten_;
  }

  std::string name_;
  DuplicateOptions options_;
  std::unique_ptr<Likeness> likeness_;
  std::size_t window_;
  std::deque<Kept> kept_;  // the newest; the number of the first is forgotten_
  std::uint64_t forgotten_ = 0;
  std::unordered_multimap<std::uint64_t, std::uint64_t> numbers_;  // of what is kept, by bucket
};

class CapRule : public KeptRule {
 public:
  CapRule(std::string name, const CapOptions& options) : name_(std::move(name)), options_(options) {
    if (!options.group.empty()) pattern_.emplace(options.group, "caps." + name_ + ".group");
  }

  std::string trait(const Sample& sample) const override {
    if (pattern_) return group_of(sample.key, pattern_);
    const auto& meta = sample.meta;
    const bool named = meta.is_object() && meta.contains(options_.field);
    if (!named) return "";
    const auto& field = meta.at(options_.field);
    return field.is_string() ? field.get<std::string>() : field.dump();
  }

  const std::vector<std::string>& roles() const override {
    static const std::vector<std::string> kNone;
    return kNone;
  }

  std::optional<Judgement> judge(const LedgerRow& row, const std::string& trait) const override {
    const auto found = counts_.find({row.split, trait});
    if (found == counts_.end() || found->second < options_.max) return std::nullopt;
    return Judgement{Outcome::kFiltered, name_, trait, ""};
  }
  void keep(const LedgerRow& row, const std::string& trait) override { ++counts_[{row.split, trait}]; }

 private:
  std::string name_;
  CapOptions options_;
  std::optional<KeyPattern> pattern_;
  std::map<std::pair<std::string, std::string>, std::int64_t> counts_;  // by split and group
};

}  // namespace

void DuplicateOptions::validate() const {
  const LikenessKind& found = find_likeness(kind);
  if (roles.empty()) throw InputError("", "roles", "at least one is needed");
  if (*found.media && roles.size() != 1) throw InputError("", "roles", "'" + kind + "' compares one role");
  if (distance > found.farthest) {
    std::ostringstream rule;
    rule << "must be at most " << found.farthest << " for '" << kind << "'";
    throw InputError("", "distance", rule.str());
  }
  if (window < 0) throw InputError("", "window", "must not be negative");
}

void CapOptions::validate() const {
  if (group.empty() == field.empty()) throw InputError("", "group", "either group or field is needed");
  if (max < 1) throw InputError("", "max", "must be at least 1");
}

KeptRules::KeptRules(const std::map<std::string, DuplicateOptions>& duplicates,
                     const std::map<std::string, CapOptions>& caps) {
  for (const auto& [name, options] : duplicates) rules_[name] = std::make_unique<DuplicateRule>(name, options);
  for (const auto& [name, options] : caps) rules_[name] = std::make_unique<CapRule>(name, options);
}

void KeptRules::note(ReadResult& result, bool at_last) const {
  const auto& there = result.sample.roles;
  for (const auto& [name, rule] : rules_) {
    const auto& roles = rule->roles();
    const bool whole = std::all_of(roles.begin(), roles.end(), [&](const auto& role) { return there.contains(role); });
    if (result.traits.contains(name) || !(whole || at_last)) continue;
    if (const std::string trait = rule->trait(result.sample); !trait.empty()) result.traits[name] = to_hex(trait);
  }
}

std::optional<Judgement> KeptRules::judge(const LedgerRow& row) const {
  for (const auto& [name, rule] : rules_) {
    const auto trait = row.traits.find(name);
    if (trait == row.traits.end()) continue;
    if (auto verdict = rule->judge(row, from_hex(trait->second))) return verdict;
  }
  return std::nullopt;
}

void KeptRules::keep(const LedgerRow& row) {
  for (const auto& [name, trait] : row.traits) {
    const auto rule = rules_.find(name);
    if (rule != rules_.end()) rule->second->keep(row, from_hex(trait));
  }
}

}  // namespace palimpsest
