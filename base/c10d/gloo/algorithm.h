// Nothing of gloo's algorithms is named by torch's ProcessGroupGloo.hpp.
#pragma once
