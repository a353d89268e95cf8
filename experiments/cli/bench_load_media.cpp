// Media: from a tar of pictures and captions to tensors and ids.
//
// Shapes: S pixels a side.
#include <fstream>

#include "base/child_process.h"
#include "base/errors.h"
#include "datasets/sources/open_source.h"
#include "experiments/cli/bench_load.h"
#include "experiments/cli/measure.h"

namespace palimpsest {

namespace {

namespace fs = std::filesystem;

DataOptions media_options(const fs::path& tar, std::int64_t pixels) {
  DataOptions data;
  data.source = tar.string();
  RoleOptions& picture = data.roles["picture"];
  picture.kind = "image";
  picture.members = {"webp", "png", "jpg"};
  picture.rows = picture.columns = pixels;
  picture.fit = FitPolicy::kStretch;
  RoleOptions& caption = data.roles["caption"];
  caption.kind = "text";
  caption.members = {"json"};
  caption.field = "caption";
  data.splits["all"] = {};
  return data;
}

// As a network takes it: float32 [3,S,S] in -1..1.
at::Tensor pixels_3SS(const Image& image) {
  return image.pixels_HWC.to(at::kFloat).div_(127.5).sub_(1).permute({2, 0, 1});
}

}  // namespace

fs::path plain_tar(const fs::path& tar, const fs::path& folder) {
  if (tar.extension() != ".gz") return tar;
  const fs::path plain = folder / tar.stem();
  std::ofstream(plain, std::ios::binary) << program_output({"gzip", "-dc", tar.string()});
  return plain;
}

double media_rate(const BenchLoadOptions& options, const fs::path& tar, const Tokenizer& bpe) {
  const Stopwatch watch;
  const auto source = open_source(media_options(tar, options.pixels), "all");
  std::int64_t samples = 0;
  std::vector<at::Tensor> pictures;
  std::vector<Media> captions;
  const auto finish_batch = [&] {
    bpe.encode(captions);
    at::stack(pictures);
    samples += static_cast<std::int64_t>(captions.size());
    captions.clear();
    pictures.clear();
  };
  while (auto result = source->next()) {
    finish(*result);
    if (!result->error.empty()) throw InputError(tar.string(), result->sample.key, result->error);
    pictures.push_back(pixels_3SS(std::get<Image>(result->sample.roles.at("picture"))));
    captions.push_back(result->sample.roles.at("caption"));
    if (static_cast<std::int64_t>(captions.size()) == options.batch) finish_batch();
  }
  if (!captions.empty()) finish_batch();
  return static_cast<double>(samples) / watch.seconds();
}

}  // namespace palimpsest
