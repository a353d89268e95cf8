// What the recipe's table [backbone] says.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "base/options.h"

namespace palimpsest {

// How initial values and learning rates depend on the width: not at all, or so that what is best for the base width is
// about best for all (maximal update, arXiv 2203.03466).
enum class Parametrization { kStandard, kMup };
constexpr auto enum_names(Parametrization) {
  return std::array{std::pair{Parametrization::kStandard, "standard"}, std::pair{Parametrization::kMup, "mup"}};
}

struct TransformerOptions {
  std::int64_t width = 192;  // D
  std::int64_t layers = 4;
  std::int64_t heads = 4;            // query heads
  std::int64_t key_value_heads = 4;  // grouped-query: divides heads
  std::int64_t hidden = 0;           // SwiGLU width; 0: 8/3 of the width, rounded up to a multiple of 64
  bool qk_norm = true;               // RMS-normalise queries and keys before rotation (arXiv 2302.05442)
  bool tied = true;                  // one matrix for input and output
  // By modality, the levels of the grid that its ids number, least significant first: such ids share embeddings of
  // their digits.
  std::map<std::string, std::vector<std::int64_t>> digits;
  bool time_conditioning = false;  // adds an embedding of each position's noise time
  double rope_base = 10'000.0;
  std::int64_t checkpoint_layers = 0;  // blocks whose activations the backward pass makes again; saves memory
  Parametrization parametrization = Parametrization::kStandard;
  std::int64_t base_width = 192;  // mup: the width that learning rates were found for; heads keep their width

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("width", self.width, "model width");
    visitor("layers", self.layers, "number of blocks");
    visitor("heads", self.heads, "query heads");
    visitor("key_value_heads", self.key_value_heads, "key and value heads, a divisor of heads");
    visitor("hidden", self.hidden, "SwiGLU width, 0 for 8/3 of the width rounded up to a multiple of 64");
    visitor("qk_norm", self.qk_norm, "RMS-normalise queries and keys");
    visitor("tied", self.tied, "one matrix for input embedding and output head");
    visitor("digits", self.digits, "levels of a modality's quantizer: its ids share embeddings of their digits");
    visitor("time_conditioning", self.time_conditioning, "embed each position's noise time");
    visitor("rope_base", self.rope_base, "base of the rotary frequencies");
    visitor("checkpoint_layers", self.checkpoint_layers,
            "blocks whose activations training makes again instead of keeping them: less memory, same gradients");
    visitor("parametrization", self.parametrization, "standard, or mup: learning rates found at one width serve all");
    visitor("base_width", self.base_width, "mup: the width that the learning rates were found for");
  }
  void validate() const;

  // How many times wider than the base; 1 unless mup.
  double width_ratio() const {
    return parametrization == Parametrization::kMup ? static_cast<double>(width) / static_cast<double>(base_width)
                                                    : 1.0;
  }
  std::int64_t head_width() const { return width / heads; }
  std::int64_t hidden_width() const { return hidden > 0 ? hidden : (8 * width / 3 + 63) / 64 * 64; }
};

}  // namespace palimpsest
