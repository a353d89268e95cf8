#include "tokenizers/quantizers/fsq.h"

#include <cmath>

#include "base/errors.h"

namespace palimpsest {

namespace {

constexpr double kMargin =
    1e-3;  // the bound reaches a little past the outermost level, so that its rounding is attained
constexpr std::int64_t kMostCodes = 65'536;

}  // namespace

FiniteScalarQuantizer::FiniteScalarQuantizer(std::vector<std::int64_t> levels) : levels_(std::move(levels)) {
  TORCH_CHECK(!levels_.empty(), "FiniteScalarQuantizer: at least one channel");
  for (const std::int64_t count : levels_) {
    TORCH_CHECK(count >= 2, "FiniteScalarQuantizer: at least two levels a channel, got ", count);
    const double half_width = 0.5 * static_cast<double>(count - 1) * (1 + kMargin);
    const double offset = count % 2 == 0 ? 0.5 : 0.0;  // an even count has no level in the middle: shift by half a step
    half_width_.push_back(half_width);
    offset_.push_back(offset);
    shift_.push_back(std::atanh(offset / half_width));  // z = 0 stays at 0
    steps_.push_back(static_cast<double>(count / 2));
    num_codes_ *= count;
  }
}

at::Tensor FiniteScalarQuantizer::row(const std::vector<double>& values, const at::Tensor& like) const {
  TORCH_CHECK(like.dim() >= 2 && like.size(1) == num_channels(), "FiniteScalarQuantizer: expected [B,", num_channels(),
              ",...], got ", like.sizes());
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(like.dim()), 1);
  sizes[1] = num_channels();
  return at::tensor(values, at::kDouble).to(like.device(), like.scalar_type()).view(sizes);
}

// (L-1)/2 tanh(z + shift) - offset: section 3 of the paper.
at::Tensor FiniteScalarQuantizer::bound(const at::Tensor& z) const {
  return at::tanh(z + row(shift_, z)) * row(half_width_, z) - row(offset_, z);
}

at::Tensor FiniteScalarQuantizer::quantize(const at::Tensor& z) const {
  const at::Tensor bounded = bound(z);
  return (bounded + (at::round(bounded) - bounded).detach()) / row(steps_, z);
}

at::Tensor FiniteScalarQuantizer::ids(const at::Tensor& z) const {
  const at::Tensor digits = (at::round(bound(z)) + row(steps_, z)).to(at::kLong);
  at::Tensor ids = at::zeros_like(digits.select(1, 0));
  for (std::int64_t channel = num_channels() - 1; channel >= 0; --channel) {
    ids = ids * levels_[static_cast<std::size_t>(channel)] + digits.select(1, channel);
  }
  return ids;
}

at::Tensor FiniteScalarQuantizer::codes(const at::Tensor& ids) const {
  TORCH_CHECK(ids.numel() == 0 || (ids.min().item<std::int64_t>() >= 0 && ids.max().item<std::int64_t>() < num_codes_),
              "FiniteScalarQuantizer: ids must be in [0,", num_codes_, ")");
  std::vector<at::Tensor> channels;
  at::Tensor rest = ids;
  for (std::size_t channel = 0; channel < levels_.size(); ++channel) {
    const at::Tensor digit = at::remainder(rest, levels_[channel]).to(at::kFloat);
    channels.push_back((digit - steps_[channel]) / steps_[channel]);
    rest = at::div(rest, levels_[channel], "floor");
  }
  return at::stack(channels, 1);
}

void check_levels(const std::vector<std::int64_t>& levels, std::string_view key) {
  std::int64_t codes = 1;
  for (const std::int64_t count : levels) {
    if (count < 2) throw InputError("", key, "each channel needs at least 2 levels");
    codes = codes <= kMostCodes ? codes * count : codes;
  }
  if (levels.empty()) throw InputError("", key, "needs at least one channel");
  if (codes > kMostCodes) throw InputError("", key, "at most " + std::to_string(kMostCodes) + " codes");
}

}  // namespace palimpsest
