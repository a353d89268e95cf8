#include "modalities/media/form.h"

#include "base/errors.h"
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

FormedMedia fit(Image image, std::string_view name, const MediaForm& form) {
  const std::int64_t rows = image.pixels_HWC.size(0), columns = image.pixels_HWC.size(1);
  if (form.rows == 0 || (rows == form.rows && columns == form.columns)) return {std::move(image), ""};
  const std::string change = std::to_string(columns) + "x" + std::to_string(rows) + " to " +
                             std::to_string(form.columns) + "x" + std::to_string(form.rows) + " by " +
                             enum_name(form.fit);
  return {fit_image(image, form.rows, form.columns, form.fit, name), change};
}

FormedMedia form_image(std::string_view bytes, std::string_view name, const MediaForm& form) {
  return fit(decode_image(bytes, name, form.limits.image), name, form);
}

FormedMedia form_audio(std::string_view bytes, std::string_view name, const MediaForm& form) {
  return {decode_audio(bytes, form.sample_rate, name, form.limits.audio), ""};
}

using Decoder = FormedMedia (*)(std::string_view, std::string_view, const MediaForm&);
constexpr std::array kDecoders{std::pair<std::string_view, Decoder>{"text", form_text},
                               std::pair<std::string_view, Decoder>{"image", form_image},
                               std::pair<std::string_view, Decoder>{"audio", form_audio}};

}  // namespace

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

FormedMedia form_media(const Media& media, std::string_view name, const MediaForm& form) {
  if (media_kind(media) != form.kind)
    throw InputError(name, "", "is " + std::string(media_kind(media)) + ", not " + form.kind);
  if (const Image* image = std::get_if<Image>(&media)) return fit(*image, name, form);
  const Audio* audio = std::get_if<Audio>(&media);
  if (audio && audio->sample_rate != form.sample_rate) {
    throw InputError(name, "",
                     "has " + std::to_string(audio->sample_rate) + " Hz, not " + std::to_string(form.sample_rate));
  }
  return {media, ""};
}

}  // namespace palimpsest
