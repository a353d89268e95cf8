// Packing: which documents share a row. Documents stay whole.
#pragma once

#include <cstdint>
#include <vector>

#include "modalities/canvas/canvas.h"

namespace palimpsest {

// Document numbers by row, in the order they lie there.
using PackingPlan = std::vector<std::vector<std::size_t>>;

// Best fit, longest first: each document goes to the fullest row that has room for it. A pure function of the lengths;
// O(n log n). c10::Error for a length that is not in 1..row_length.
PackingPlan best_fit(const std::vector<std::int64_t>& lengths, std::int64_t row_length);

// Each document, in the order given, to the first row with room for it.
PackingPlan first_fit(const std::vector<std::int64_t>& lengths, std::int64_t row_length);

// Positions that a document takes in a packed row: its roles' ids, and one `end` for each role that is elastic and not
// full; 0 for a document that holds nothing. InputError as for building.
std::int64_t packed_length(const CanvasSchema& schema, const Document& document);

// Rows as planned; every document must be in the plan once (c10::Error).
TokenCanvas pack_canvas(const CanvasSchema& schema, const std::vector<Document>& documents, const PackingPlan& plan,
                        std::int64_t row_length);

// Share of the positions that hold something: the rest is padding.
double fill_of(const TokenCanvas& canvas);

}  // namespace palimpsest
