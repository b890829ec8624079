#pragma once
#include <stdint.h>

/// From now on, each `pread`, and each `pwrite` of the engine, transfers as many bytes as chance has it for that place in
/// a file: one at least, all that was asked for at most.
void short_transfers_begin(uint64_t seed);

/// Calls that have transferred less than was asked for.
uint64_t short_transfers_count(void);

/// Whether that can be had: sanitizers have functions of their own under these names.
int short_transfers_possible(void);
