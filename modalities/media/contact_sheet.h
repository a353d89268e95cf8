// Contact sheets: many small pictures on one, to be looked at together.
#pragma once

#include <vector>

#include "modalities/media/media.h"

namespace palimpsest {

struct SheetOptions {
  std::int64_t columns = 6;
  std::int64_t scale = 2;  // each pixel becomes a square of so many
  std::int64_t gap = 8;    // white pixels around each picture
};

// Row by row, the last row filled up with white. c10::Error when there are no pictures, or they differ in size.
Image contact_sheet(const std::vector<Image>& pictures, const SheetOptions& options);

}  // namespace palimpsest
