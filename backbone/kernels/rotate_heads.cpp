#include "backbone/kernels/rotate_heads.h"

#include "backbone/kernels/rms_norm.h"

namespace palimpsest {

namespace {

at::Tensor plain_rotate(const at::Tensor& x_BLHE, const Rotation& rotation) {
  const at::Tensor x = x_BLHE.scalar_type() == at::kDouble ? x_BLHE : x_BLHE.to(at::kFloat);
  const std::vector<at::Tensor> halves = x.chunk(2, -1);
  const at::Tensor cos = rotation.cos_BLR.unsqueeze(2), sin = rotation.sin_BLR.unsqueeze(2);
  return at::cat({halves[0] * cos - halves[1] * sin, halves[0] * sin + halves[1] * cos}, -1).to(x_BLHE.scalar_type());
}

at::Tensor plain_normed_and_rotated(const at::Tensor& x_BLHE, const at::Tensor& norm_E, const Rotation& rotation) {
  return plain_rotate(norm_E.defined() ? plain_rms_norm(x_BLHE, norm_E, x_BLHE.scalar_type()) : x_BLHE, rotation);
}

}  // namespace

Heads plain_rotate_heads(const at::Tensor& projected_BLP, const Rotation& rotation, const HeadOptions& options) {
  const std::int64_t H = options.heads, G = options.key_value_heads;
  const at::Tensor heads_BLHE = projected_BLP.unflatten(-1, {H + 2 * G, -1});
  const at::Tensor query = plain_normed_and_rotated(heads_BLHE.slice(2, 0, H), options.query_norm_E, rotation);
  const at::Tensor key = plain_normed_and_rotated(heads_BLHE.slice(2, H, H + G), options.key_norm_E, rotation);
  return {query.transpose(1, 2), key.transpose(1, 2), heads_BLHE.slice(2, H + G).transpose(1, 2)};
}

Heads rotate_heads(const at::Tensor& projected_BLP, const Rotation& rotation, const HeadOptions& options) {
  return plain_rotate_heads(projected_BLP, rotation, options);
}

}  // namespace palimpsest
