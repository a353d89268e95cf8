// SamplerOptions: everything a person can choose about a generation; the recipe's [sampler].
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/options.h"

namespace palimpsest {

// Papers and one line each: catalogue.cpp.
enum class UnmaskKind {
  kConfidence,
  kAncestral,
  kMargin,
  kEntropy,
  kRandom,
  kHalton,
  kFirstHitting,
  kThreshold,
  kEntropyBounded
};
constexpr auto enum_names(UnmaskKind) {
  return std::array{std::pair{UnmaskKind::kConfidence, "confidence"},
                    std::pair{UnmaskKind::kAncestral, "ancestral"},
                    std::pair{UnmaskKind::kMargin, "margin"},
                    std::pair{UnmaskKind::kEntropy, "entropy"},
                    std::pair{UnmaskKind::kRandom, "random"},
                    std::pair{UnmaskKind::kHalton, "halton"},
                    std::pair{UnmaskKind::kFirstHitting, "first-hitting"},
                    std::pair{UnmaskKind::kThreshold, "threshold"},
                    std::pair{UnmaskKind::kEntropyBounded, "entropy-bounded"}};
}

enum class TimeGridKind { kUniform, kCosine };
constexpr auto enum_names(TimeGridKind) {
  return std::array{std::pair{TimeGridKind::kUniform, "uniform"}, std::pair{TimeGridKind::kCosine, "cosine"}};
}

enum class RemaskKind { kNone, kCap, kRescale, kConfidence, kQuality, kLoop, kForwardBackward, kEdit };
constexpr auto enum_names(RemaskKind) {
  return std::array{std::pair{RemaskKind::kNone, "none"},
                    std::pair{RemaskKind::kCap, "remdm-cap"},
                    std::pair{RemaskKind::kRescale, "remdm-rescale"},
                    std::pair{RemaskKind::kConfidence, "remdm-confidence"},
                    std::pair{RemaskKind::kQuality, "quality"},
                    std::pair{RemaskKind::kLoop, "remdm-loop"},
                    std::pair{RemaskKind::kForwardBackward, "forward-backward"},
                    std::pair{RemaskKind::kEdit, "edit"}};
}

enum class GuidanceSchedule { kConstant, kLinear, kCosine };
constexpr auto enum_names(GuidanceSchedule) {
  return std::array{std::pair{GuidanceSchedule::kConstant, "constant"}, std::pair{GuidanceSchedule::kLinear, "linear"},
                    std::pair{GuidanceSchedule::kCosine, "cosine"}};
}

// How a weight is written: u + w(c - u), where 1 is none, or (1+w)c - wu, where 0 is none.
enum class GuidanceConvention { kOneIsNone, kZeroIsNone };
constexpr auto enum_names(GuidanceConvention) {
  return std::array{std::pair{GuidanceConvention::kOneIsNone, "one-is-none"},
                    std::pair{GuidanceConvention::kZeroIsNone, "zero-is-none"}};
}

enum class JointKind { kTogether, kStaggered, kSequential };
constexpr auto enum_names(JointKind) {
  return std::array{std::pair{JointKind::kTogether, "together"}, std::pair{JointKind::kStaggered, "staggered"},
                    std::pair{JointKind::kSequential, "sequential"}};
}

// [sampler.roles.NAME]: what differs for one role. A negative value, or an empty one, means "as in [sampler]".
struct RoleSamplerOptions {
  std::string unmask;  // an UnmaskKind's name
  double temperature = -1;
  std::int64_t top_k = -1;
  double top_p = -1;
  double min_p = -1;
  double repetition_penalty = -1;
  double guidance = -1;
  std::int64_t block = -1;
  std::int64_t best_of = -1;
  std::vector<std::int64_t> allow;   // tokenizer-local ids; empty: all
  std::vector<std::int64_t> forbid;  // taken from those

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("unmask", self.unmask, "which of its positions are written; empty: as in [sampler]");
    visitor("temperature", self.temperature, "of the drawn ids; negative: as in [sampler]");
    visitor("top_k", self.top_k, "draw among the k likeliest; negative: as in [sampler]");
    visitor("top_p", self.top_p, "draw among the likeliest with this probability; negative: as in [sampler]");
    visitor("min_p", self.min_p, "draw among ids at least this likely beside the likeliest; negative: as in [sampler]");
    visitor("repetition_penalty", self.repetition_penalty, "power on written ids; negative: as in [sampler]");
    visitor("guidance", self.guidance, "weight of this role where it is given; negative: as in [sampler]");
    visitor("block", self.block, "positions of a block, written before the next; 0: one block; negative: as above");
    visitor("best_of", self.best_of, "candidates where it is made, one is kept; negative: as in [sampler]");
    visitor("allow", self.allow, "the only ids that may be written, as the tokenizer counts them; empty: all");
    visitor("forbid", self.forbid, "ids that may not be written");
  }
};

// How an id is drawn from a row of log-probabilities.
struct DrawOptions {
  double temperature = 1.0;
  std::int64_t top_k = 0;
  double top_p = 1.0;
  double min_p = 0.0;
  double repetition_penalty = 1.0;
};

// What is masked again: sigma is the probability of a written position (ReMDM, arXiv 2503.00307).
struct RemaskOptions {
  RemaskKind kind = RemaskKind::kNone;
  double rate = 0.05;           // eta: most a step (cap, confidence, loop), or the share of the most (rescale)
  double from = 1.0;            // remask only while until <= t <= from
  double until = 0.0;           //
  double loop_on = 0.55;        // the share of the steps that is left when the loop begins, as in the paper
  double loop_off = 0.05;       // ... and when it ends
  double loop_keep = 0.9;       // alpha, held while it lasts
  double edit_threshold = 0.9;  // another id replaces a written one from this probability on
};

// Classifier-free guidance beside its weight.
struct GuidanceOptions {
  GuidanceSchedule schedule = GuidanceSchedule::kConstant;
  double from = 1.0;   // guided only while until <= t <= from
  double until = 0.0;  //
  GuidanceConvention convention = GuidanceConvention::kOneIsNone;
};

// How the steps are shared between roles and their parts.
struct JointOptions {
  JointKind kind = JointKind::kTogether;
  double stagger = 0.25;           // of the steps, between the beginnings of two roles
  std::vector<std::string> order;  // of the roles; empty: the canvas's
  std::int64_t block = 0;          // positions of a block; 0: one block a role
};

struct SamplerOptions {
  UnmaskKind unmask = UnmaskKind::kConfidence;  // MaskGIT (arXiv 2202.04200)
  TimeGridKind grid = TimeGridKind::kCosine;    // few ids while little is known, as in MaskGIT section 3.3
  std::int64_t steps = 16;
  double guidance = 1.0;       // w in u + w(c - u); 1 is none, 0 is unconditional
  double temperature = 1.0;    // of the drawn ids; 0 takes the likeliest
  double choice_noise = 1.0;   // Gumbel noise on confidence, annealed to 0 over the steps
  double threshold = 0.9;      // of probability: Fast-dLLM's tau
  double entropy_bound = 0.1;  // nats: EB's gamma
  std::int64_t top_k = 0;      // 0: all
  double top_p = 1.0;
  double min_p = 0.0;
  double repetition_penalty = 1.0;
  std::int64_t best_of = 1;        // candidates a sample, of which the one is kept that tells most of what was given
  std::int64_t best_of_draws = 8;  // Monte Carlo draws of the bound by which they are told apart
  RemaskOptions remask;
  GuidanceOptions guiding;
  JointOptions joint;
  std::map<std::string, RoleSamplerOptions> roles;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("unmask", self.unmask, "which positions are written; 'palimpsest inspect --samplers' lists the policies");
    visitor("grid", self.grid, "times of the steps: uniform, or cosine in the masked share");
    visitor("steps", self.steps, "network calls (twice that with guidance)");
    visitor("guidance", self.guidance, "w in u + w(c - u); 1 is no guidance, 0 is unconditional");
    visitor("temperature", self.temperature, "of the drawn ids; 0 takes the likeliest");
    visitor("choice_noise", self.choice_noise, "Gumbel noise on confidence, margin or entropy, annealed to 0");
    visitor("threshold", self.threshold, "threshold: writes ids more probable than this, and at least one a step");
    visitor("entropy_bound", self.entropy_bound, "entropy-bounded: nats of dependence allowed in one step");
    visitor("top_k", self.top_k, "draw among the k likeliest; 0: all");
    visitor("top_p", self.top_p, "draw among the likeliest with this total probability");
    visitor("min_p", self.min_p, "draw among ids at least this likely, as a share of the likeliest");
    visitor("repetition_penalty", self.repetition_penalty, "power on ids that the role holds already; 1: none");
    visitor("best_of", self.best_of, "candidates a sample; kept is the one that what was given is likeliest after");
    visitor("best_of_draws", self.best_of_draws, "draws of the bound by which candidates are told apart");
    visit_remask(self, visitor);
    visit_guidance(self, visitor);
    visit_joint(self, visitor);
    visitor("roles", self.roles, "what differs by role");
  }
  void validate() const;

  // The choices that hold for a role.
  UnmaskKind unmask_of(const std::string& role) const;
  DrawOptions draw(const std::string& role) const;
  double guidance_of(const std::string& role) const;  // in u + w(c - u), whatever the convention
  std::int64_t block_of(const std::string& role) const;
  std::int64_t best_of_for(const std::string& role) const;  // where the role is made

 private:
  template <class Self, class Visitor>
  static void visit_remask(Self& self, Visitor& visitor) {
    visitor("remask", self.remask.kind, "what is masked or changed again");
    visitor("remask_rate", self.remask.rate, "eta of ReMDM, a probability a step");
    visitor("remask_from", self.remask.from, "remask only at times up to this one");
    visitor("remask_until", self.remask.until, "remask only at times from this one on");
    visitor("loop_on", self.remask.loop_on, "remdm-loop: share of the steps left when it begins");
    visitor("loop_off", self.remask.loop_off, "remdm-loop: share of the steps left when it ends");
    visitor("loop_keep", self.remask.loop_keep, "remdm-loop: share of the positions that stays written");
    visitor("edit_threshold", self.remask.edit_threshold, "edit: probability from which an id replaces another");
  }
  template <class Self, class Visitor>
  static void visit_guidance(Self& self, Visitor& visitor) {
    visitor("guidance_schedule", self.guiding.schedule, "weight over time: constant, or linear or cosine from none");
    visitor("guidance_from", self.guiding.from, "guide only at times up to this one");
    visitor("guidance_until", self.guiding.until, "guide only at times from this one on");
    visitor("guidance_convention", self.guiding.convention, "one-is-none: u + w(c - u); zero-is-none: (1+w)c - wu");
  }
  template <class Self, class Visitor>
  static void visit_joint(Self& self, Visitor& visitor) {
    visitor("joint", self.joint.kind, "how wanted roles share the steps: together, staggered or sequential");
    visitor("stagger", self.joint.stagger, "staggered: share of the steps between two roles' beginnings");
    visitor("joint_order", self.joint.order, "order of the roles; empty: the canvas's");
    visitor("block", self.joint.block, "positions of a block, written before the next one begins; 0: one block a role");
  }
};

// A weight as the convention writes it, in u + w(c - u).
double inner_guidance(double weight, GuidanceConvention convention);

// Whether the policy writes at least one position of a role at every step.
bool commits_every_step(UnmaskKind kind);

}  // namespace palimpsest
