#include "modalities/media/files.h"

#include "base/errors.h"
#include "base/files.h"
#include "modalities/media/audio.h"
#include "modalities/media/image.h"
#include "modalities/media/image_header.h"
#include "modalities/media/text.h"

namespace palimpsest {

namespace {

// A text file ends its last line and may begin with a byte order mark; neither is part of the text.
Text load_text(const std::filesystem::path& path) {
  const std::string content = read_file(path);
  std::string_view bytes = content;
  if (image_format(bytes) && first_invalid_utf8(bytes) != std::string_view::npos) {
    throw InputError(path.string(), "", "is a picture, not text");
  }
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
  if (bytes.ends_with('\n')) bytes.remove_suffix(1);
  if (bytes.ends_with('\r')) bytes.remove_suffix(1);
  return decode_text(bytes, path.string());
}

struct Saver {
  const std::filesystem::path& stem;

  std::filesystem::path with(const char* extension) const { return std::filesystem::path(stem) += extension; }
  std::filesystem::path operator()(const Text& text) const {
    write_file_atomically(with(".txt"), text.utf8 + "\n");
    return with(".txt");
  }
  std::filesystem::path operator()(const Image& image) const {
    save_png(image, with(".png"));
    return with(".png");
  }
  std::filesystem::path operator()(const Audio& audio) const {
    save_wav(audio, with(".wav"));
    return with(".wav");
  }
};

}  // namespace

Media load_media(const std::filesystem::path& path, const MediaWish& wish) {
  if (wish.kind == "text") return load_text(path);
  if (wish.kind == "image") return load_image(path);
  if (wish.kind == "audio") return load_audio(path, wish.sample_rate);
  throw InputError(path.string(), wish.kind, "no such kind of media" + suggest(wish.kind, {"text", "image", "audio"}));
}

std::filesystem::path save_media(const Media& media, const std::filesystem::path& stem) {
  return std::visit(Saver{stem}, media);
}

}  // namespace palimpsest
