#include "tokenizers/quantizers/weights.h"

#include <algorithm>
#include <sstream>

#include "base/files.h"
#include "base/safetensors.h"

namespace palimpsest {

std::vector<std::pair<std::size_t, std::size_t>> fixed_batches(std::size_t size, std::int64_t rows) {
  std::vector<std::pair<std::size_t, std::size_t>> ranges;
  const auto step = static_cast<std::size_t>(rows);
  for (std::size_t begin = 0; begin < size; begin += step) ranges.emplace_back(begin, std::min(size, begin + step));
  return ranges;
}

at::Tensor pad_rows(const at::Tensor& x, std::int64_t rows) {
  if (x.size(0) == rows) return x;
  std::vector<std::int64_t> sizes = x.sizes().vec();
  sizes[0] = rows - x.size(0);
  return at::cat({x, at::zeros(sizes, x.options())});
}

void check_local_ids(const at::Tensor& ids_L, std::int64_t size, std::string_view kind) {
  TORCH_CHECK(ids_L.dim() == 1 && ids_L.scalar_type() == at::kLong, kind, ": ids must be int64 [L], got ",
              ids_L.sizes());
  if (ids_L.numel() == 0) return;
  const auto lowest = ids_L.min().item<std::int64_t>(), highest = ids_L.max().item<std::int64_t>();
  TORCH_CHECK(lowest >= 0 && highest < size, kind, ": ids must be in [0,", size, "), got ", lowest, " to ", highest);
}

void save_tokenizer_files(const std::filesystem::path& directory, std::string_view kind, const toml::table& options,
                          const ParameterSet& parameters) {
  std::ostringstream text;
  text << toml::json_formatter{options};
  const nlohmann::json settings{{"kind", kind}, {"options", nlohmann::json::parse(text.str())}};
  write_file_atomically(directory / kTokenizerFile, settings.dump(2) + "\n");
  write_safetensors(directory / kWeightsFile, {parameters.values(at::kBFloat16), {{"format", "palimpsest"}}});
}

void load_tokenizer_weights(const std::filesystem::path& directory, ParameterSet& parameters) {
  const std::filesystem::path path = directory / kWeightsFile;
  parameters.load(read_safetensors(path).tensors, path.string());
}

}  // namespace palimpsest
