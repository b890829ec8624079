// The plain C loop that reads are measured against: the same structure in memory (a log of the same records, shards of
// buckets of the same entries), the same hash, probe, verification and copy, and nothing around them.
#ifndef CYARDSTICK_H
#define CYARDSTICK_H

#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct yardstick yardstick;

/// Memory for `keys` records of `valueSize`-byte values.
yardstick *yardstick_make(size_t keys, size_t valueSize, uint64_t seed);
void yardstick_free(yardstick *y);
/// Appends a record and points the index to it. The key must be new.
void yardstick_put(yardstick *y, const void *key, size_t keyBytes, const void *value);
/// Looks `count` keys up that lie side by side, copying each value to `target`. Returns the sum of the lengths found and
/// of the values' first bytes. The length of a key is an argument: the engine does not know it beforehand either.
/// `one_at_a_time`: the processor does not begin a lookup before the one before it has ended.
uint64_t yardstick_get_all(const yardstick *y, const void *keys, size_t keyBytes, size_t count, void *target,
                           bool one_at_a_time);

#endif
