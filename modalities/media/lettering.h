// Words as a picture: labels under the pictures of a sheet.
//
// Shapes: H rows, W columns, C colour channels (3, RGB).
#pragma once

#include <string_view>

#include "modalities/media/media.h"

namespace palimpsest {

// Black letters on white, exactly `columns` pixels wide and as high as the text's lines need, which break at spaces and
// inside words that are wider than the picture. What is outside ASCII shows as '?'. c10::Error for a picture narrower
// than a letter.
Image lettered(std::string_view utf8, std::int64_t columns);

}  // namespace palimpsest
