// Rules that look back at what was kept: against duplicates, and for no more than so many of a group.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/options.h"
#include "datasets/prepare/ledger.h"
#include "datasets/sources/source.h"

namespace palimpsest {

// [duplicates.NAME]
struct DuplicateOptions {
  std::string kind = "exact";      // inspect --filters lists them
  std::vector<std::string> roles;  // what must be alike
  double distance = -1.0;          // that alike may differ; negative: as the kind has it
  std::int64_t window = 0;         // samples remembered, the oldest forgotten first; 0: as the kind has it
  bool within_split = false;       // may two splits have the same?

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("kind", self.kind, "exact, picture or text: see 'palimpsest inspect --filters'");
    visitor("roles", self.roles, "the roles that must be alike; one but for exact");
    visitor("distance", self.distance, "that alike may differ; without it as the kind has it");
    visitor("window", self.window, "kept samples that are remembered, 0 as the kind has it");
    visitor("within_split", self.within_split, "look within a split only");
  }
  void validate() const;
};

// [caps.NAME]
struct CapOptions {
  std::string group;     // regular expression that catches the key's group; its first group or all
  std::string field;     // or the field of the meta that names it
  std::int64_t max = 0;  // kept of each group

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("group", self.group, "regular expression that catches the key's group");
    visitor("field", self.field, "or the meta's field that names the group");
    visitor("max", self.max, "samples of a group that are kept");
  }
  void validate() const;
};

// Why a sample is not kept, though it is fine by itself.
struct Judgement {
  Outcome outcome = Outcome::kFiltered;
  std::string rule;
  nlohmann::json value;
  std::string of;  // the key that was kept
};

class KeptRule {
 public:
  virtual ~KeptRule() = default;
  // What the rule must know of a sample as it was read; "" when it has no say. Pure.
  virtual std::string trait(const Sample& sample) const = 0;
  virtual const std::vector<std::string>& roles() const = 0;  // that it looks at
  virtual std::optional<Judgement> judge(const LedgerRow& row, const std::string& trait) const = 0;
  virtual void keep(const LedgerRow& row, const std::string& trait) = 0;
};

// All of a recipe. What they know comes from the ledger's rows alone, so that a resumed run knows the same.
class KeptRules {
 public:
  KeptRules(const std::map<std::string, DuplicateOptions>& duplicates, const std::map<std::string, CapOptions>& caps);

  // Notes the traits that are not noted: those of rules whose roles are all there, or at last all. Any thread may.
  void note(ReadResult& result, bool at_last) const;
  // In the order of the samples: does a rule forbid the row, whose traits are noted?
  std::optional<Judgement> judge(const LedgerRow& row) const;
  void keep(const LedgerRow& row);

 private:
  std::map<std::string, std::unique_ptr<KeptRule>> rules_;
};

}  // namespace palimpsest
