// Finite scalar quantization: each channel of a code is rounded to one of a few levels, so that the codebook is the
// grid itself and nothing about it is learned (Mentzer et al., arXiv 2309.15505).
//
// Shapes: B batch, D channels of a code, ... any grid.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string_view>
#include <vector>

namespace palimpsest {

class FiniteScalarQuantizer {
 public:
  // c10::Error for no levels, or fewer than two in a channel.
  explicit FiniteScalarQuantizer(std::vector<std::int64_t> levels);

  std::int64_t num_channels() const { return static_cast<std::int64_t>(levels_.size()); }
  std::int64_t num_codes() const { return num_codes_; }

  // All take z [B,D,...] of any range; codes are [B,D,...] in [-1,1], ids int64 [B,...] in [0, num_codes).
  // The bound before rounding, in units of a level; its rounding; and the code, whose gradient skips the rounding.
  at::Tensor bound(const at::Tensor& z) const;
  at::Tensor quantize(const at::Tensor& z) const;
  at::Tensor ids(const at::Tensor& z) const;

  // The code of each id, the exact inverse of ids(): float32 [B,D,...]. c10::Error for ids out of range.
  at::Tensor codes(const at::Tensor& ids) const;

 private:
  at::Tensor row(const std::vector<double>& values, const at::Tensor& like) const;

  std::vector<std::int64_t> levels_;
  std::vector<double> half_width_, offset_, shift_, steps_;  // one a channel
  std::int64_t num_codes_ = 1;
};

// InputError("", key, rule) unless there is a level for each channel, each at least 2, and at most 65,536 codes.
void check_levels(const std::vector<std::int64_t>& levels, std::string_view key);

}  // namespace palimpsest
