#include "backbone/transformer/transformer.h"

#include <c10/core/GradMode.h>

#include <cmath>

#include "backbone/transformer/digits.h"

namespace palimpsest {

namespace {

constexpr auto kDepth = static_cast<std::int64_t>(Axis::kDepth);

std::int64_t greatest_depth(const CanvasSchema& schema) {
  std::int64_t greatest = 0;
  for (const Role& role : schema.roles()) {
    greatest = std::max(greatest, role.layout.coordinates_LA.select(1, kDepth).max().item().toLong());
  }
  return greatest;
}

Sight sight_of(const TokenCanvas& canvas) {
  if (!canvas.one_document_a_row) return {canvas.visible_BL, canvas.document_BL};
  return canvas.visible_BL.all().item<bool>() ? Sight() : Sight(canvas.visible_BL, {});
}

// Autograd calls a tensor's hook when the gradient of all that was made of it is known.
void tell_before_backward(const Stream& stream, BlockWatch& watch, std::size_t block) {
  for (const at::Tensor& tensor : {stream.x_ND, stream.delta_ND}) {
    if (tensor.requires_grad())
      tensor.register_hook([&watch, block](const at::Tensor&) { watch.before_backward(block); });
  }
}

// Cosines and sines of 1000 t at geometric frequencies (arXiv 2006.11239): [B,L] -> [B,L,D].
at::Tensor time_features(const at::Tensor& t_BL, std::int64_t width) {
  const std::int64_t pairs = width / 2;
  const at::Tensor frequency =
      at::exp(at::arange(pairs, t_BL.options()) * (-std::log(10'000.0) / static_cast<double>(pairs)));
  const at::Tensor angle = t_BL.unsqueeze(-1) * 1000.0 * frequency;
  return at::cat({angle.cos(), angle.sin()}, -1);
}

}  // namespace

Transformer::Transformer(const TransformerOptions& options, const CanvasSchema& schema, RandomKey key)
    : options_(options), vocabulary_size_(schema.vocabulary().size()) {
  options_.validate();
  rotary_ = RotaryTable(schema, options_.head_width(), options_.rope_base);
  const auto table = [&](const std::string& name, std::int64_t rows) {
    return parameters_.add(name, normal_init(key, name, {rows, options_.width}, kInitDeviation));
  };
  embed_VD_ = table("embed.weight", vocabulary_size_);
  if (!options_.digits.empty()) {
    digits_VK_ = digit_marks_VK(schema.vocabulary(), options_.digits);
    digit_embed_KD_ = table("digit_embed.weight", digits_VK_.size(1));
  }
  if (schema.num_roles() > 1) role_embed_ = table("role_embed.weight", schema.num_roles());
  if (greatest_depth(schema) > 0) depth_embed_ = table("depth_embed.weight", greatest_depth(schema) + 1);
  if (options_.time_conditioning) {
    const auto square = [&](const std::string& name) {
      return add_matrix(parameters_, options_, name,
                        normal_init(key, name, {options_.width, options_.width}, kInitDeviation));
    };
    time_in_ = square("time_embed.in.weight");
    time_out_ = square("time_embed.out.weight");
  }
  for (std::int64_t i = 0; i < options_.layers; ++i) blocks_.push_back(make_block(parameters_, options_, i, key));
  norm_D_ = parameters_.add("norm.weight", at::ones({options_.width}));
  head_VD_ = options_.tied ? embed_VD_ : table("head.weight", vocabulary_size_);
}

// An id of a grid is its own embedding and those of its digits: what is learned of one id serves its neighbours, in and
// out.
at::Tensor Transformer::rows_RD(const at::Tensor& table_VD, const std::vector<IdRange>& ranges) const {
  const at::Tensor own_RD = select_ranges(table_VD, ranges, 0);
  if (!digit_embed_KD_.defined() || !table_VD.is_same(embed_VD_)) return own_RD;
  return own_RD + at::matmul(select_ranges(digits_VK_, ranges, 0), digit_embed_KD_);
}

at::Tensor Transformer::embed_BLD(const NoisyCanvas& noisy) const {
  at::Tensor x_BLD = at::embedding(rows_RD(embed_VD_, {IdRange{0, vocabulary_size_}}), noisy.canvas.tokens_BL);
  if (role_embed_.defined()) x_BLD = x_BLD + at::embedding(role_embed_, noisy.canvas.role_BL);
  if (depth_embed_.defined())
    x_BLD = x_BLD + at::embedding(depth_embed_, noisy.canvas.coordinates_BLA.select(2, kDepth));
  if (time_in_.defined()) {
    const at::Tensor hidden_BLD = at::silu(linear(time_features(noisy.t_BL, options_.width), time_in_, compute_type_));
    x_BLD = x_BLD + linear(hidden_BLD, time_out_, compute_type_);
  }
  return x_BLD;
}

at::Tensor Transformer::features_MD(const NoisyCanvas& noisy, const at::Tensor& rows_M) {
  rotary_.to(noisy.canvas.coordinates_BLA.device());
  if (digits_VK_.defined()) digits_VK_ = digits_VK_.to(noisy.canvas.coordinates_BLA.device());
  const Surroundings around{noisy.canvas.rows(), rotary_.at(noisy.canvas.coordinates_BLA), sight_of(noisy.canvas),
                            compute_type_};
  const Stream stream = apply_blocks({embed_BLD(noisy).flatten(0, 1), {}}, around, rows_M);
  const at::Tensor features_MD = norm_stream(stream, norm_D_, compute_type_).normed_ND;
  const double ratio = options_.width_ratio();
  return ratio == 1 ? features_MD : features_MD / ratio;  // muP: the head's sums grow with the width
}

Stream Transformer::apply_blocks(Stream stream, const Surroundings& around, const at::Tensor& rows_M) const {
  const auto num_recomputed = static_cast<std::size_t>(c10::GradMode::is_enabled() ? options_.checkpoint_layers : 0);
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    if (watch_) watch_->before_forward(i);
    const auto apply = i < num_recomputed ? recomputed_block : apply_block;
    const Block block = adapters_.empty() ? blocks_[i] : adapters_[i].applied_to(blocks_[i]);
    stream = apply(block, options_, around, stream, i + 1 == blocks_.size() ? rows_M : at::Tensor());
    if (!watch_) continue;
    watch_->after_forward(i);
    tell_before_backward(stream, *watch_, i);
  }
  return stream;
}

ParameterSet Transformer::block_parameters(std::int64_t index) const {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : parameters_.items()) {
    if (name.starts_with(block_prefix(index))) names.push_back(name);
  }
  return parameters_.some(names);
}

void Transformer::add_adapters(const AdapterOptions& options, RandomKey key) {
  TORCH_CHECK(options.rank > 0 && adapters_.empty(), "Transformer::add_adapters: needs a rank, and is called once");
  parameters_.set_requires_grad(false);
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    adapters_.emplace_back(parameters_, blocks_[i], options, static_cast<std::int64_t>(i), key);
  }
}

at::Tensor Transformer::logits_MR(const at::Tensor& features_MD, const std::vector<IdRange>& ranges) {
  return linear(features_MD, head_RD(ranges), compute_type_);
}

LogitsHead Transformer::head(const std::vector<IdRange>& ranges) {
  return [weight_RD = head_RD(ranges).to(compute_type_), type = compute_type_](const at::Tensor& features_MD) {
    return linear(features_MD, weight_RD, type);
  };
}

at::Tensor Transformer::logits_MV(const NoisyCanvas& noisy, const at::Tensor& rows_M) {
  return logits_MR(features_MD(noisy, rows_M), {IdRange{0, vocabulary_size_}});
}

double Transformer::forward_flops_per_token(std::int64_t length, double head_share) const {
  double weights = head_share * static_cast<double>(head_VD_.numel());
  for (const Block& block : blocks_) {
    for (const at::Tensor& matrix : {block.qkv_PD, block.out_DD, block.gate_up_2FD, block.down_DF}) {
      weights += static_cast<double>(matrix.numel());
    }
  }
  return 2 * weights + 4.0 * static_cast<double>(length * options_.width * options_.layers);
}

}  // namespace palimpsest
