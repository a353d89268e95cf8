// The shared backbone: a bidirectional transformer over mixed canvases.
//
// Shapes: B rows, L positions, D width, V vocabulary, K digits, M chosen positions, R ids of some ranges.
#pragma once

#include "backbone/denoiser.h"
#include "backbone/transformer/adapters.h"
#include "backbone/transformer/block.h"
#include "backbone/transformer/block_watch.h"
#include "backbone/transformer/rotary.h"
#include "backbone/transformer/transformer_options.h"
#include "base/parameters.h"
#include "base/random.h"

namespace palimpsest {

class Transformer : public Denoiser {
 public:
  // Parameters are drawn from `key`. The schema gives the vocabulary, the number of roles and the greatest depth: a
  // schema of one role, or of no depth, has no embedding for it.
  Transformer(const TransformerOptions& options, const CanvasSchema& schema, RandomKey key);

  at::Tensor logits_MV(const NoisyCanvas& noisy, const at::Tensor& rows_M) override;
  at::Tensor features_MD(const NoisyCanvas& noisy, const at::Tensor& rows_M) override;
  at::Tensor logits_MR(const at::Tensor& features_MD, const std::vector<IdRange>& ranges) override;
  LogitsHead head(const std::vector<IdRange>& ranges) override;
  at::Tensor head_RD(const std::vector<IdRange>& ranges) override { return rows_RD(head_VD_, ranges); }
  std::int64_t vocabulary_size() const override { return vocabulary_size_; }

  ParameterSet& parameters() { return parameters_; }

  // Freezes every weight and puts trained adapters beside the matrices that `options` names.
  void add_adapters(const AdapterOptions& options, RandomKey key);

  std::int64_t num_blocks() const { return std::ssize(blocks_); }
  // Of one block, its adapters included.
  ParameterSet block_parameters(std::int64_t index) const;
  // From here on `watch` is told of every use of a block, until it is another or nullptr.
  void watch_blocks(BlockWatch* watch) { watch_ = watch; }

  // Number type of the matrix products; parameters stay float32.
  void set_compute_type(c10::ScalarType dtype) { compute_type_ = dtype; }

  // Model FLOPs of one forward pass a position: 2 per weight used in a product and 4 L D per layer for attention.
  double forward_flops_per_token(std::int64_t length, double head_share) const;

 private:
  at::Tensor embed_BLD(const NoisyCanvas& noisy) const;
  Stream apply_blocks(Stream stream, const Surroundings& around, const at::Tensor& rows_M) const;
  // Rows of a table of ids, with the embeddings of their digits added where the table has them.
  at::Tensor rows_RD(const at::Tensor& table_VD, const std::vector<IdRange>& ranges) const;

  TransformerOptions options_;
  std::int64_t vocabulary_size_;
  ParameterSet parameters_;
  c10::ScalarType compute_type_ = c10::ScalarType::Float;
  RotaryTable rotary_;
  at::Tensor digits_VK_;  // which digits each id is written in; undefined without
  at::Tensor embed_VD_, digit_embed_KD_, role_embed_, depth_embed_, time_in_,
      time_out_;  // all but the first undefined when not used
  std::vector<Block> blocks_;
  std::vector<BlockAdapters> adapters_;  // one a block, or none
  BlockWatch* watch_ = nullptr;
  at::Tensor norm_D_, head_VD_;  // the head is embed_VD_ when tied
};

}  // namespace palimpsest
