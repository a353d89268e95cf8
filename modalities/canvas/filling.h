// One role's filling, checked and turned into joint ids: what building and packing a canvas share.
//
// Shapes: L positions of the role.
#pragma once

#include <cstdint>

#include "modalities/canvas/canvas.h"

namespace palimpsest {

// Where one role of one document goes: pointers to its first position in the canvas.
struct Place {
  std::int64_t* tokens = nullptr;
  bool* frozen = nullptr;
  std::int64_t length = 0;  // positions to fill
};

// Ids in the filling. InputError: not int64 [L], wrong number of ids or of known flags for the role, no place for the
// role.
std::int64_t filling_length(const CanvasSchema& schema, std::int64_t role, const Document::Filling& filling);

// Writes joint ids, `end` after them, mask in holes; frozen where the filling is given. InputError: an id out of range.
void write_filling(const CanvasSchema& schema, std::int64_t role, const Document::Filling& filling, const Place& place);

// InputError for a role that the schema lacks or that is both filled and hidden.
void check_roles(const CanvasSchema& schema, const Document& document);

// An empty canvas of `rows` rows: pad everywhere, nothing visible, documents -1.
TokenCanvas padded_canvas(std::int64_t rows, std::int64_t length);

}  // namespace palimpsest
