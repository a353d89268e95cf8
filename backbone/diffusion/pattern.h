// Masking patterns: which positions the noise hits together. The schedule says how many.
//
// A pattern gives every position of a role a rank in (0,1); noise of share u hits the positions whose rank is below u.
// The law of every family: the mean over positions of P(rank < u) is u, for every u. In all but prefix, suffix and
// infill, each single rank is uniform too.
//
// Shapes: N positions that can be noised.
#pragma once

#include <span>
#include <vector>

#include "backbone/diffusion/pattern_options.h"
#include "base/random.h"
#include "modalities/canvas/schema.h"

namespace palimpsest {

// The positions of one role of one document that can be noised: frozen, hidden and missing ones are not among them.
struct PatternPlaces {
  std::span<const std::int64_t> offsets_N;    // of the positions, from the role's first one; never empty
  const std::int32_t* coordinates = nullptr;  // int32 [.,kAxes] from the role's first position
  const Role* role = nullptr;
  RandomKey role_key, modality_key;       // shared by nothing else; by all roles of the modality in the document
  const std::int64_t* objects = nullptr;  // from the role's first position: which object it is part of, 0 for none

  std::int32_t coordinate(std::size_t n, Axis axis) const {
    return coordinates[offsets_N[n] * kAxes + static_cast<std::int64_t>(axis)];
  }
};

using PatternRanks = std::vector<double> (*)(const PatternPlaces& places, const PatternOptions& options);

// One file a family.
std::vector<double> iid_ranks(const PatternPlaces& places, const PatternOptions& options);
std::vector<double> span_ranks(const PatternPlaces& places, const PatternOptions& options);
std::vector<double> block_ranks(const PatternPlaces& places, const PatternOptions& options);
std::vector<double> scale_ranks(const PatternPlaces& places, const PatternOptions& options);
std::vector<double> role_ranks(const PatternPlaces& places, const PatternOptions& options);
std::vector<double> modality_ranks(const PatternPlaces& places, const PatternOptions& options);
std::vector<double> prefix_ranks(const PatternPlaces& places, const PatternOptions& options);
std::vector<double> suffix_ranks(const PatternPlaces& places, const PatternOptions& options);
std::vector<double> infill_ranks(const PatternPlaces& places, const PatternOptions& options);
std::vector<double> half_ranks(const PatternPlaces& places, const PatternOptions& options);
// InputError where places.objects are not known.
std::vector<double> object_ranks(const PatternPlaces& places, const PatternOptions& options);

struct PatternFamily {
  PatternKind kind;
  const char* summary;  // one line, with its source
  PatternRanks ranks;
};

// Every family, in the order of the enum.
std::span<const PatternFamily> pattern_families();

}  // namespace palimpsest
