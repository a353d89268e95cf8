// palimpsest inspect: texts, pictures, sounds and films, by what their bytes say.
#include <algorithm>

#include "base/errors.h"
#include "base/files.h"
#include "experiments/cli/inspect.h"
#include "modalities/media/audio.h"
#include "modalities/media/image.h"
#include "modalities/media/image_header.h"
#include "modalities/media/streams.h"
#include "modalities/media/text.h"

namespace palimpsest {

namespace {

namespace fs = std::filesystem;

constexpr std::array kFormatNames{std::pair{ImageFormat::kPng, "PNG"},   std::pair{ImageFormat::kJpeg, "JPEG"},
                                  std::pair{ImageFormat::kWebp, "WebP"}, std::pair{ImageFormat::kGif, "GIF"},
                                  std::pair{ImageFormat::kBmp, "BMP"},   std::pair{ImageFormat::kTiff, "TIFF"},
                                  std::pair{ImageFormat::kPnm, "PNM"}};

std::string format_name(ImageFormat format) {
  const auto* found = std::find_if(kFormatNames.begin(), kFormatNames.end(),
                                   [format](const auto& entry) { return entry.first == format; });
  TORCH_CHECK(found != kFormatNames.end(), "inspect: a picture format without a name");
  return found->second;
}

// Size as decoded: upright. Decoding is what finds damage inside the container.
Facts picture_facts(std::string_view bytes, const std::string& name) {
  const ImageHeader header = read_image_header(bytes, name);
  const Image image = decode_image(bytes, name);
  return {{"what", "picture"},
          {"path", name},
          {"format", format_name(header.format)},
          {"rows", image.pixels_HWC.size(0)},
          {"columns", image.pixels_HWC.size(1)},
          {"orientation", header.orientation},
          {"animated", header.animated},
          {"bytes", bytes.size()}};
}

Facts text_facts(std::string_view bytes, const std::string& name) {
  const Text text = decode_text(bytes, name);
  const auto letters =
      std::count_if(text.utf8.begin(), text.utf8.end(), [](char byte) { return (byte & 0xC0) != 0x80; });
  return {{"what", "text"},
          {"path", name},
          {"code_points", letters},
          {"lines", std::count(bytes.begin(), bytes.end(), '\n') + (!bytes.empty() && !bytes.ends_with('\n'))},
          {"normalised", text.utf8 == bytes},
          {"bytes", bytes.size()}};
}

Facts stream_row(const StreamForm& stream) {
  Facts row{{"kind", stream.kind}, {"codec", stream.codec}, {"seconds", stream.seconds}};
  if (stream.kind == "audio") row.update({{"sample_rate", stream.sample_rate}, {"channels", stream.channels}});
  if (stream.kind == "video") {
    row.update({{"rows", stream.rows}, {"columns", stream.columns}, {"frames_a_second", stream.frames_a_second}});
  }
  return row;
}

// A sound's length is counted, not believed.
Facts sound_facts(std::string_view bytes, const StreamForm& stream, const std::string& name) {
  const Audio audio = decode_audio(bytes, stream.sample_rate, name);
  return {{"what", "sound"},
          {"path", name},
          {"codec", stream.codec},
          {"sample_rate", stream.sample_rate},
          {"channels", stream.channels},
          {"samples", audio.samples_N.numel()},
          {"seconds", static_cast<double>(audio.samples_N.numel()) / static_cast<double>(stream.sample_rate)},
          {"peak", audio.samples_N.abs().max().item<double>()},
          {"bytes", bytes.size()}};
}

Facts film_facts(std::string_view bytes, const std::vector<StreamForm>& streams, const std::string& name) {
  Facts facts{{"what", "film"}, {"path", name}, {"bytes", bytes.size()}, {"streams", Facts::object()}};
  for (std::size_t index = 0; index < streams.size(); ++index) {
    facts["streams"]["stream_" + std::to_string(index)] = stream_row(streams[index]);
  }
  return facts;
}

}  // namespace

Facts inspect_media(const fs::path& file) {
  const std::string bytes = read_file(file), name = file.string();
  if (image_format(bytes)) return picture_facts(bytes, name);
  if (first_invalid_utf8(bytes) == std::string_view::npos) return text_facts(bytes, name);
  std::vector<StreamForm> streams;
  try {
    streams = read_streams(bytes, name);
  } catch (const InputError& error) {
    throw InputError(
        name, "", std::string("is not recognised: no picture, no UTF-8 text, no sound or film (") + error.what() + ")");
  }
  const bool is_sound = streams.size() == 1 && streams.front().kind == "audio";
  return is_sound ? sound_facts(bytes, streams.front(), name) : film_facts(bytes, streams, name);
}

}  // namespace palimpsest
