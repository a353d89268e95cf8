// Films cut into clips: pictures, sound and caption.
#pragma once

#include "datasets/sources/source_form.h"

namespace palimpsest {

// Streams the clips of the films that `films` gives (members by the endings of options.files), under the keys
// FILM#1of12 and on, so that all clips of a film are of one split. Members of a clip: `frame` (or frame-1, frame-2, ...
// of several), `sound`, and the film's own side-files; fields: `start` (seconds) besides those of the film. A film that
// cannot be read is one result with an error; of one that is damaged midway every clip from there on is.
std::unique_ptr<Source> video_source(std::unique_ptr<MemberReader> films, const VideoOptions& options,
                                     const MemberRequest& request);

SourceForm video_form();

}  // namespace palimpsest
