// The form a role's media must have, and bytes decoded into it.
#pragma once

#include <string>
#include <string_view>

#include "modalities/media/audio.h"
#include "modalities/media/image.h"
#include "modalities/media/media.h"

namespace palimpsest {

// What may be decoded at all.
struct MediaLimits {
  ImageLimits image = {};
  AudioLimits audio = {};
};

struct MediaForm {
  std::string kind;                    // "text", "image" or "audio"
  std::int64_t sample_rate = 16'000;   // Hz, of audio
  std::int64_t rows = 0, columns = 0;  // pixels, of images; 0 leaves them as they are
  FitPolicy fit = FitPolicy::kRefuse;  // how a picture of another size gets there
  MediaLimits limits = {};
};

// The kinds there are.
const std::vector<std::string>& media_kinds();

struct FormedMedia {
  Media media;
  std::string change;  // what had to be done to fit it ("100x80 to 64x64 by crop"), empty when nothing
};

// Decodes bytes of the form's kind. `name` is what errors call them. InputError: damaged, of another kind, a picture
// that the policy refuses, what passes the limits, text that is empty. A text's last line end and byte order mark are
// no part of it.
FormedMedia decode_media(std::string_view bytes, std::string_view name, const MediaForm& form);

// The same of a value that needs no decoding: a picture is fitted. InputError: another kind, another sample rate, a
// picture that the policy refuses.
FormedMedia form_media(const Media& media, std::string_view name, const MediaForm& form);

}  // namespace palimpsest
