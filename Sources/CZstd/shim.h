#pragma once
// Debian: libzstd-dev.
#include <zdict.h>
#include <zstd.h>
