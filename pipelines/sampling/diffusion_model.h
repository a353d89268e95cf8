// DiffusionModel: what sampling and scoring need of a model, whatever made it.
#pragma once

#include <c10/core/Device.h>

#include <memory>

#include "backbone/denoiser.h"
#include "backbone/diffusion/diffusion.h"

namespace palimpsest {

struct DiffusionModel {
  std::shared_ptr<Denoiser> denoiser;
  CanvasSchema schema;
  DiffusionOptions diffusion;
  c10::Device device{c10::DeviceType::CPU};  // where the denoiser is
  std::int64_t rows = 8;  // of a sampler's network call, always: shorter batches are padded, so that a sample is the
                          // same bits alone and in any batch
};

// A number of matrix rows that no product's edge handling shows in: rows asked of a denoiser are padded to multiples of
// it, so that a sample's logits are the same bits in any batch.
inline constexpr std::int64_t kRowQuantum = 64;

// The flat positions, padded with their first to a multiple of kRowQuantum.
at::Tensor padded_rows(const at::Tensor& rows_M);

// The network's features [M,D] at the flat positions (CPU), on its device and in its own number type; without gradient.
at::Tensor features_at(const DiffusionModel& model, const NoisyCanvas& noisy, const at::Tensor& rows_M);

// The rows that index_N names, in its order; a row may be named several times.
TokenCanvas pick_rows(const TokenCanvas& canvas, const at::Tensor& index_N);

// The canvas with `padded` rows, the missing ones copies of the first.
TokenCanvas pad_rows(const TokenCanvas& canvas, std::int64_t padded);

}  // namespace palimpsest
