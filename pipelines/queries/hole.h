// Hole: a part of a given role that is to be made anew.
#pragma once

#include <string>
#include <string_view>

#include "modalities/canvas/layout.h"

namespace palimpsest {

// Fractions of a picture's sides; of sound and text only left and right count, as fractions of the length.
struct Hole {
  double top = 0, left = 0, bottom = 1, right = 1;
};

// "top,left,bottom,right" or "left,right". InputError naming the role: not numbers, outside [0,1], empty.
Hole parse_hole(std::string_view text, const std::string& role);

// bool [L]: false at ids whose cell overlaps the hole. A layout without columns runs along its rows (frames, text
// index), and the hole's left and right cut that. InputError when the hole takes no id.
at::Tensor known_outside(const Hole& hole, const Layout& layout, const std::string& role);

}  // namespace palimpsest
