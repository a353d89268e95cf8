#include "modalities/media/media.h"

namespace palimpsest {

namespace {

struct KindOf {
  std::string_view operator()(const Text&) const { return "text"; }
  std::string_view operator()(const Image&) const { return "image"; }
  std::string_view operator()(const Audio&) const { return "audio"; }
};

}  // namespace

std::string_view media_kind(const Media& media) { return std::visit(KindOf{}, media); }

}  // namespace palimpsest
