// Rotary positions on several axes (arXiv 2104.09864).
//
// Shapes: B rows, L positions, A coordinates, R = E/2 pairs of a head, N values of a coordinate.
#pragma once

#include "backbone/kernels/rotary_attention.h"
#include "modalities/canvas/schema.h"

namespace palimpsest {

// Cosines and sines by coordinate. The last two axes (row, column) share a head's pairs evenly when the schema uses
// both; a schema of rows alone gives them all to the row.
class RotaryTable {
 public:
  RotaryTable() = default;
  // c10::Error when the pairs do not divide among the axes.
  RotaryTable(const CanvasSchema& schema, std::int64_t head_width, double base);

  // Angles of each position. c10::Error (index out of range) for a coordinate the schema does not have.
  Rotation at(const at::Tensor& coordinates_BLA) const;

  void to(c10::Device device);

 private:
  std::vector<std::int64_t> axes_;           // of coordinates, in the order of their pairs
  std::vector<at::Tensor> cos_NR_, sin_NR_;  // by axis
};

}  // namespace palimpsest
