// Nothing of gloo's errors is named by torch's ProcessGroupGloo.hpp.
#pragma once
