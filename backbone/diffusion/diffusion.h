// Absorbing diffusion over a mixed canvas, all of it: schedules, times, corruption, legal cross-entropy, the objective.
#pragma once

#include "backbone/denoiser.h"
#include "backbone/diffusion/corruption.h"
#include "backbone/diffusion/cross_entropy.h"
#include "backbone/diffusion/diffusion_options.h"
#include "backbone/diffusion/objective.h"
#include "backbone/diffusion/schedule.h"
#include "backbone/diffusion/times.h"
#include "base/random.h"
