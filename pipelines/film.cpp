#include "pipelines/film.h"

#include "pipelines/sampling/sampler.h"

namespace palimpsest {

namespace {

constexpr const char* kShade = "\xE2\x96\x91";  // U+2591
constexpr std::uint8_t kGrey = 200;

// The canvas as it stood, with the role's open ids told apart.
struct Frame {
  at::Tensor ids_BN;   // joint ids of the role, mask where open
  at::Tensor open_BN;  // bool
};

Frame frame_of(const Film& film, const std::string& role, std::int64_t steps_done) {
  const CanvasSchema held = schema_of(film.schema, film.canvas);
  const std::int64_t index = held.role_index(role);
  const std::int64_t begin = held.role_begin(index), length = held.role(index).length();
  const at::Tensor ids_BN = film.trace.replay(steps_done).narrow(1, begin, length);
  return {ids_BN, ids_BN.eq(kMaskId)};
}

// Greys the cells of open ids. Ids of the greatest depth (the finest grid) are drawn.
void shade_open(at::Tensor& pixels_HWC, const Layout& layout, const at::Tensor& open_N) {
  const at::Tensor depth_N = layout.coordinates_LA.select(1, static_cast<std::int64_t>(Axis::kDepth));
  const at::Tensor finest_N = depth_N.eq(depth_N.max());
  const at::Tensor row_N = layout.coordinates_LA.select(1, static_cast<std::int64_t>(Axis::kRow));
  const at::Tensor column_N = layout.coordinates_LA.select(1, static_cast<std::int64_t>(Axis::kColumn));
  const std::int64_t rows = row_N.masked_select(finest_N).max().item().toLong() + 1;
  const std::int64_t columns = column_N.masked_select(finest_N).max().item().toLong() + 1;
  const std::int64_t height = pixels_HWC.size(0), width = pixels_HWC.size(1);
  for (std::int64_t n = 0; n < open_N.numel(); ++n) {
    if (!open_N[n].item<bool>() || !finest_N[n].item<bool>()) continue;
    const std::int64_t row = row_N[n].item().toLong(), column = column_N[n].item().toLong();
    pixels_HWC.slice(0, row * height / rows, (row + 1) * height / rows)
        .slice(1, column * width / columns, (column + 1) * width / columns)
        .fill_(kGrey);
  }
}

std::string decoded(const Tokenizer& tokenizer, const at::Tensor& ids_L) {
  if (ids_L.numel() == 0) return "";
  const auto media = tokenizer.decode({{ids_L, tokenizer.layout(ids_L.numel())}});
  return std::get<Text>(media.front()).utf8;
}

// What is written of a text so far, run by run, up to its first `end`.
std::string partial_text(const Film& film, const std::string& role, const at::Tensor& ids_N) {
  const Tokenizer& tokenizer = *film.tokenizers.at(role);
  const std::int64_t modality = film.schema.modality_of(film.schema.role_index(role));
  std::string text;
  std::vector<std::int64_t> run;
  const auto flush = [&] {
    text += decoded(tokenizer, film.schema.vocabulary().to_local(at::tensor(run, at::kLong), modality));
    run.clear();
  };
  for (std::int64_t n = 0; n < ids_N.numel(); ++n) {
    const std::int64_t id = ids_N[n].item<std::int64_t>();
    if (id == kEndId) break;
    if (id == kMaskId) {
      flush();
      text += kShade;
    } else {
      run.push_back(id);
    }
  }
  flush();
  return text;
}

}  // namespace

std::vector<std::int64_t> film_steps(const Trace& trace, std::int64_t frames) {
  TORCH_CHECK(frames >= 2, "film_steps: needs at least 2 frames, got ", frames);
  std::vector<std::int64_t> steps;
  for (std::int64_t frame = 0; frame < frames; ++frame) {
    const std::int64_t step = frame * trace.steps / (frames - 1);
    if (steps.empty() || steps.back() != step) steps.push_back(step);
  }
  return steps;
}

Image picture_strip(const Film& film, const std::string& role, const std::vector<std::int64_t>& steps_done) {
  const auto finished = read_media(film.schema, film.tokenizers, film.canvas, {role});
  const Layout& layout = film.schema.role(film.schema.role_index(role)).layout;
  std::vector<at::Tensor> columns;
  for (const std::int64_t steps : steps_done) {
    const Frame frame = frame_of(film, role, steps);
    std::vector<at::Tensor> cells;
    for (std::size_t sample = 0; sample < finished.size(); ++sample) {
      const Image* image = std::get_if<Image>(&finished[sample].at(role));
      TORCH_CHECK(image, "picture_strip: role '", role, "' makes no pictures");
      at::Tensor pixels_HWC = image->pixels_HWC.clone();
      shade_open(pixels_HWC, layout, frame.open_BN[static_cast<std::int64_t>(sample)]);
      cells.push_back(pixels_HWC);
    }
    columns.push_back(at::cat(cells, 0));
  }
  return {at::cat(columns, 1).contiguous()};
}

std::string text_strip(const Film& film, const std::string& role, const std::vector<std::int64_t>& steps_done) {
  std::string lines;
  for (std::int64_t sample = 0; sample < film.canvas.rows(); ++sample) {
    lines += role + " " + std::to_string(sample) + "\n";
    for (const std::int64_t steps : steps_done) {
      const Frame frame = frame_of(film, role, steps);
      lines += "  " + std::to_string(steps) + ": " + partial_text(film, role, frame.ids_BN[sample]) + "\n";
    }
  }
  return lines;
}

}  // namespace palimpsest
