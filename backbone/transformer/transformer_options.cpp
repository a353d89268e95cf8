#include "backbone/transformer/transformer_options.h"

namespace palimpsest {

namespace {

void require(bool condition, const char* key, const std::string& rule) {
  if (!condition) throw InputError("", key, rule);
}

}  // namespace

void TransformerOptions::validate() const {
  require(width > 0, "width", "must be greater than 0");
  require(layers > 0, "layers", "must be greater than 0");
  require(heads > 0 && width % heads == 0, "heads", "must divide the width of " + std::to_string(width));
  require(head_width() % 4 == 0, "heads",
          "must leave a head width that is a multiple of 4, for rotary pairs on two axes");
  require(key_value_heads > 0 && heads % key_value_heads == 0, "key_value_heads",
          "must divide the heads, " + std::to_string(heads));
  require(hidden >= 0, "hidden", "must not be negative");
  require(!time_conditioning || width % 2 == 0, "width", "must be even for time conditioning");
  require(checkpoint_layers >= 0 && checkpoint_layers <= layers, "checkpoint_layers",
          "must be between 0 and the layers, " + std::to_string(layers));
  require(base_width > 0, "base_width", "must be greater than 0");
  require(rope_base > 1, "rope_base", "must be greater than 1");
}

}  // namespace palimpsest
