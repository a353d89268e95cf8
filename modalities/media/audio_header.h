// Whether a WAV file holds all the sound that its header promises (decoders play what is there and say nothing).
#pragma once

#include <string_view>

namespace palimpsest {

// True for RIFF/WAVE bytes.
bool is_wav(std::string_view bytes);

// InputError naming `name`: a chunk that ends after the file does.
void check_wav_is_whole(std::string_view bytes, std::string_view name);

}  // namespace palimpsest
