// Draws where the keys lie. Torch's dispatcher picks the CPU function below, or the kernel that libpalimpsest_cuda.so
// registers.
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>

#include "base/random.h"

namespace palimpsest {

namespace {

void check_keys(const at::Tensor& keys_B) {
  TORCH_CHECK(keys_B.dim() == 1 && keys_B.scalar_type() == at::kLong, "uniform_BN: keys must be int64 [B], got ",
              keys_B.scalar_type(), " ", keys_B.sizes());
}

at::Tensor uniform_on_cpu(const at::Tensor& keys_B, std::int64_t num_draws) {
  const at::Tensor contiguous_B = keys_B.contiguous();
  std::vector<RandomKey> keys;
  for (const std::int64_t value : std::span(contiguous_B.const_data_ptr<std::int64_t>(), contiguous_B.numel())) {
    keys.push_back({static_cast<std::uint64_t>(value)});
  }
  return uniform_BN(keys, num_draws);
}

TORCH_LIBRARY_FRAGMENT(palimpsest, library) {
  library.def("uniform_BN(Tensor keys_B, int num_draws) -> Tensor");
  library.impl("uniform_BN", c10::DispatchKey::CPU, &uniform_on_cpu);
}

}  // namespace

at::Tensor uniform_BN(const at::Tensor& keys_B, std::int64_t num_draws) {
  check_keys(keys_B);
  TORCH_CHECK(num_draws >= 0, "uniform_BN: num_draws must be 0 or more, got ", num_draws);
  static const auto operation = c10::Dispatcher::singleton()
                                    .findSchemaOrThrow("palimpsest::uniform_BN", "")
                                    .typed<at::Tensor(const at::Tensor&, std::int64_t)>();
  return operation.call(keys_B, num_draws);
}

at::Tensor key_tensor_B(std::span<const RandomKey> keys) {
  at::Tensor keys_B = at::empty({static_cast<std::int64_t>(keys.size())}, at::kLong);
  auto* out = keys.empty() ? nullptr : keys_B.mutable_data_ptr<std::int64_t>();
  for (const RandomKey& key : keys) *out++ = static_cast<std::int64_t>(key.value);
  return keys_B;
}

}  // namespace palimpsest
