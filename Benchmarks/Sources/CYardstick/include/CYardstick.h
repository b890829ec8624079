// The plain C loop that reads are measured against: the same structure in memory (a log of the same records, shards of
// buckets of the same entries), the same hash, probe, verification and copy, and nothing around them.
#ifndef CYARDSTICK_H
#define CYARDSTICK_H

#include <stddef.h>
#include <stdint.h>

typedef struct yardstick yardstick;

/// Memory for `keys` records of 16-byte keys and `valueSize`-byte values.
yardstick *yardstick_make(size_t keys, size_t valueSize, uint64_t seed);
void yardstick_free(yardstick *y);
/// Appends a record and points the index to it. The key must be new.
void yardstick_put(yardstick *y, const void *key, const void *value);
/// Copies the value of a 16-byte key to `target`. Returns its length, or -1.
long yardstick_get(const yardstick *y, const void *key, void *target);
/// Looks `count` keys up, 16 bytes apart; returns the sum of lengths found (misses count as 0).
uint64_t yardstick_get_all(const yardstick *y, const void *keys, size_t count, void *target);

/// Blocks given out by malloc, calloc, realloc and aligned_alloc so far, in this process.
uint64_t yardstick_allocations(void);

#endif
