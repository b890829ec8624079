// Counts what each thread takes from the heap, by standing in for the allocator's functions.
#ifndef CALLOCATIONS_H
#define CALLOCATIONS_H

#include <stdint.h>

/// Blocks that this thread has taken from malloc, calloc, realloc and aligned_alloc so far. Always 0 under a sanitizer,
/// which has an allocator of its own.
uint64_t allocations_of_thread(void);

#endif
