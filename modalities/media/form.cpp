#include "modalities/media/form.h"

#include "base/errors.h"
#include "modalities/media/audio.h"
#include "modalities/media/text.h"

namespace palimpsest {

namespace {

FormedMedia form_text(std::string_view bytes, std::string_view name, const MediaForm&) {
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
  while (bytes.ends_with('\n') || bytes.ends_with('\r')) bytes.remove_suffix(1);
  if (bytes.empty()) throw InputError(name, "", "is empty");
  if (bytes.find('\0') != std::string_view::npos) throw InputError(name, "", "holds a NUL byte: not text");
  return {decode_text(bytes, name), ""};
}

FormedMedia form_image(std::string_view bytes, std::string_view name, const MediaForm& form) {
  return fit_media(decode_image(bytes, name), name, form);
}

FormedMedia form_audio(std::string_view bytes, std::string_view name, const MediaForm& form) {
  return {decode_audio(bytes, form.sample_rate, name), ""};
}

using Decoder = FormedMedia (*)(std::string_view, std::string_view, const MediaForm&);
constexpr std::array kDecoders{std::pair<std::string_view, Decoder>{"text", form_text},
                               std::pair<std::string_view, Decoder>{"image", form_image},
                               std::pair<std::string_view, Decoder>{"audio", form_audio}};

}  // namespace

FormedMedia fit_media(Media media, std::string_view name, const MediaForm& form) {
  const Image* image = std::get_if<Image>(&media);
  if (!image || form.rows == 0) return {std::move(media), ""};
  const std::int64_t rows = image->pixels_HWC.size(0), columns = image->pixels_HWC.size(1);
  if (rows == form.rows && columns == form.columns) return {std::move(media), ""};
  const std::string change = std::to_string(columns) + "x" + std::to_string(rows) + " to " +
                             std::to_string(form.columns) + "x" + std::to_string(form.rows) + " by " +
                             enum_name(form.fit);
  return {fit_image(*image, form.rows, form.columns, form.fit, name), change};
}

const std::vector<std::string>& media_kinds() {
  static const std::vector<std::string> kinds = [] {
    std::vector<std::string> names;
    for (const auto& [kind, decoder] : kDecoders) names.emplace_back(kind);
    return names;
  }();
  return kinds;
}

FormedMedia decode_media(std::string_view bytes, std::string_view name, const MediaForm& form) {
  for (const auto& [kind, decoder] : kDecoders) {
    if (form.kind == kind) return decoder(bytes, name, form);
  }
  throw InputError(name, form.kind, "no such kind of media" + suggest(form.kind, media_kinds()));
}

}  // namespace palimpsest
