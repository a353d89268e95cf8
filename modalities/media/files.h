// A media file, whatever its kind: told apart by content, then by name.
#pragma once

#include <filesystem>
#include <string_view>

#include "modalities/media/media.h"

namespace palimpsest {

struct MediaWish {
  std::string_view kind;              // "text", "image" or "audio"
  std::int64_t sample_rate = 16'000;  // of audio, Hz
};

// Loads the file as the wished kind; a text file without its byte order mark and last line end. InputError names the
// path when the content is another kind.
Media load_media(const std::filesystem::path& path, const MediaWish& wish);

// Saves as .txt (with a last line end), .png or .wav; returns the path with its extension.
std::filesystem::path save_media(const Media& media, const std::filesystem::path& stem);

}  // namespace palimpsest
