// Discrete diffusion over a mixed canvas, all of it: schedules, times, processes, patterns, corruption, objectives.
#pragma once

#include "backbone/denoiser.h"
#include "backbone/diffusion/class_terms.h"
#include "backbone/diffusion/corruption.h"
#include "backbone/diffusion/cross_entropy.h"
#include "backbone/diffusion/diffusion_options.h"
#include "backbone/diffusion/elbo.h"
#include "backbone/diffusion/objective.h"
#include "backbone/diffusion/pattern.h"
#include "backbone/diffusion/position_terms.h"
#include "backbone/diffusion/process.h"
#include "backbone/diffusion/schedule.h"
#include "backbone/diffusion/times.h"
#include "base/random.h"
