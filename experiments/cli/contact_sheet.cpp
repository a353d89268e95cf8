// Shapes: H rows, W columns, C colour channels (3, RGB).
#include "experiments/cli/contact_sheet.h"

#include "base/errors.h"
#include "modalities/media/lettering.h"

namespace palimpsest {

namespace {

constexpr std::int64_t kSheetColumns = 8, kLeastCellWidth = 128, kGap = 4;  // cells; pixels
constexpr double kWhite = 255;

at::Tensor padded_HWC(const at::Tensor& pixels_HWC, std::int64_t rows, std::int64_t columns) {
  return at::constant_pad_nd(pixels_HWC, {0, 0, 0, columns - pixels_HWC.size(1), 0, rows - pixels_HWC.size(0)}, kWhite);
}

// Whole pixels enlarged, so that small pictures are seen as they are and leave room for words.
at::Tensor enlarged_HWC(const at::Tensor& pixels_HWC) {
  const std::int64_t factor = (kLeastCellWidth + pixels_HWC.size(1) - 1) / pixels_HWC.size(1);
  return pixels_HWC.repeat_interleave(factor, 0).repeat_interleave(factor, 1);
}

// Pieces one under another, as wide as the widest.
at::Tensor stacked_HWC(const std::vector<at::Tensor>& pieces) {
  std::int64_t columns = 0;
  for (const at::Tensor& piece : pieces) columns = std::max(columns, piece.size(1));
  std::vector<at::Tensor> padded;
  for (const at::Tensor& piece : pieces) padded.push_back(padded_HWC(piece, piece.size(0), columns));
  return at::cat(padded, 0);
}

at::Tensor tiled_HWC(const std::vector<at::Tensor>& cells) {
  std::int64_t rows = 0, columns = 0;
  for (const at::Tensor& cell : cells) {
    rows = std::max(rows, cell.size(0));
    columns = std::max(columns, cell.size(1));
  }
  std::vector<at::Tensor> lines, line;
  for (const at::Tensor& cell : cells) {
    line.push_back(padded_HWC(cell, rows + kGap, columns + kGap));
    if (static_cast<std::int64_t>(line.size()) < kSheetColumns && &cell != &cells.back()) continue;
    lines.push_back(at::cat(line, 1));
    line.clear();
  }
  return stacked_HWC(lines);
}

struct CellParts {
  std::vector<at::Tensor> pictures;
  std::string words;
};

CellParts read_row(const DataRows& rows, std::int64_t row) {
  CellParts parts;
  for (const auto& [role, media] : rows.media(row)) {
    if (const Image* image = std::get_if<Image>(&media)) parts.pictures.push_back(enlarged_HWC(image->pixels_HWC));
    if (const Text* text = std::get_if<Text>(&media)) parts.words += (parts.words.empty() ? "" : " / ") + text->utf8;
  }
  return parts;
}

}  // namespace

Image contact_sheet(const RowsWish& wish) {
  const DataRows rows(wish, /*with_sounds=*/false);
  std::vector<at::Tensor> cells;
  for (std::int64_t row = 0; row < rows.count(); ++row) {
    CellParts parts = read_row(rows, row);
    if (parts.pictures.empty()) continue;
    const std::int64_t columns = parts.pictures.front().size(1);
    parts.pictures.push_back(lettered(parts.words, columns).pixels_HWC);
    cells.push_back(stacked_HWC(parts.pictures));
  }
  if (cells.empty()) throw InputError(wish.data.string(), "roles", "no row reads back as a picture");
  return {tiled_HWC(cells)};
}

}  // namespace palimpsest
