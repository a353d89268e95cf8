// A contact sheet: the first rows of a prepared split as one picture, so that a person sees what the ids still hold.
#pragma once

#include "experiments/cli/data_rows.h"

namespace palimpsest {

// A cell a row: every role that reads back as a picture, and under it every role that reads back as text. Sounds are
// left out. InputError: a split that is not there, a role that the checkpoint has no tokenizer for or another one than
// made the ids, no picture among the roles.
Image contact_sheet(const RowsWish& wish);

}  // namespace palimpsest
