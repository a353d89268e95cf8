#include "backbone/transformer/rotary.h"

namespace palimpsest {

RotaryTable::RotaryTable(const CanvasSchema& schema, std::int64_t head_width, double base) {
  std::vector<std::int64_t> sizes;
  for (const Axis axis : {Axis::kRow, Axis::kColumn}) {
    std::int64_t greatest = 0;
    for (const Role& role : schema.roles()) {
      greatest = std::max(greatest,
                          role.layout.coordinates_LA.select(1, static_cast<std::int64_t>(axis)).max().item().toLong());
    }
    if (greatest == 0 && axis == Axis::kColumn) continue;
    axes_.push_back(static_cast<std::int64_t>(axis));
    sizes.push_back(greatest + 1);
  }
  const auto num_axes = static_cast<std::int64_t>(axes_.size());
  TORCH_CHECK(head_width % (2 * num_axes) == 0, "RotaryTable: a head of ", head_width, " does not divide among ",
              num_axes, " axes");
  const std::int64_t pairs = head_width / 2 / num_axes;
  const at::Tensor frequency_R = at::pow(base, -at::arange(pairs, at::kDouble) / static_cast<double>(pairs));
  for (const std::int64_t size : sizes) {
    const at::Tensor angle_NR = at::outer(at::arange(size, at::kDouble), frequency_R);
    cos_NR_.push_back(angle_NR.cos().to(at::kFloat));
    sin_NR_.push_back(angle_NR.sin().to(at::kFloat));
  }
}

Rotation RotaryTable::at(const at::Tensor& coordinates_BLA) const {
  std::vector<at::Tensor> cos, sin;
  for (std::size_t i = 0; i < axes_.size(); ++i) {
    const at::Tensor coordinate_BL = coordinates_BLA.select(2, axes_[i]);
    cos.push_back(at::embedding(cos_NR_[i], coordinate_BL));
    sin.push_back(at::embedding(sin_NR_[i], coordinate_BL));
  }
  return {at::cat(cos, -1), at::cat(sin, -1)};
}

void RotaryTable::to(c10::Device device) {
  for (at::Tensor& table : cos_NR_) table = table.to(device);
  for (at::Tensor& table : sin_NR_) table = table.to(device);
}

}  // namespace palimpsest
