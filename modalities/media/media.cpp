#include "modalities/media/media.h"

namespace palimpsest {

namespace {

struct KindOf {
  std::string_view operator()(const Text&) const { return "text"; }
  std::string_view operator()(const Image&) const { return "image"; }
  std::string_view operator()(const Audio&) const { return "audio"; }
};

struct BytesOf {
  std::size_t operator()(const Text& text) const { return text.utf8.size(); }
  std::size_t operator()(const Image& image) const { return image.pixels_HWC.nbytes(); }
  std::size_t operator()(const Audio& audio) const { return audio.samples_N.nbytes(); }
};

}  // namespace

std::string_view media_kind(const Media& media) { return std::visit(KindOf{}, media); }

std::size_t media_bytes(const Media& media) { return std::visit(BytesOf{}, media); }

}  // namespace palimpsest
