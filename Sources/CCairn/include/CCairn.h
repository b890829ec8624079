// What Swift 6.3 cannot say: prefetch, thread-local storage, fork handlers, a bucket compare that the
// baseline instruction set does in one go, variadic and raw system calls, and XXH3.
#ifndef CCAIRN_H
#define CCAIRN_H

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

// MARK: Hashing

/// XXH3-64 with a seed. Long inputs use the widest kernel that the processor has.
uint64_t cairn_hash(const void *bytes, size_t count, uint64_t seed);

/// The same; keys of at most 16 bytes without a call.
__attribute__((always_inline)) static inline uint64_t cairn_hash_key(const void *bytes, size_t count, uint64_t seed) {
  if (count - 9 <= 16 - 9) return XXH3_len_9to16_64b((const xxh_u8 *)bytes, count, XXH3_kSecret, seed);
  return cairn_hash(bytes, count, seed);
}

/// The same hash of bytes that come in pieces. `NULL` if there is no memory; `cairn_hash_end` frees it.
void *cairn_hash_begin(uint64_t seed);
void cairn_hash_add(void *state, const void *bytes, size_t count);
uint64_t cairn_hash_end(void *state);

/// XXH3-128 with seed 0; low half in `halves[0]`, high half in `halves[1]`.
void cairn_hash128(const void *bytes, size_t count, uint64_t halves[2]);

// MARK: Memory

static inline void cairn_prefetch(const void *address) { __builtin_prefetch(address, 0, 3); }

/// Keeps the compiler from moving memory accesses across this point. The processor may still do so: readers
/// pay only this, the reclaimer pays the rest with `cairn_membarrier`.
static inline void cairn_compiler_barrier(void) { __asm__ volatile("" ::: "memory"); }

/// Tells the processor that this thread only waits for another one to write.
static inline void cairn_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb" ::: "memory");
#endif
}

/// The order of two byte ranges of the same length: less than, equal to or greater than 0.
static inline int cairn_compare(const void *a, const void *b, size_t count) { return memcmp(a, b, count); }

/// Whether two byte ranges of the same length are equal; short ones without a call.
__attribute__((always_inline)) static inline int cairn_equal(const void *a, const void *b, size_t count) {
  const char *x = (const char *)a, *y = (const char *)b;
  if (count >= 8 && count <= 16) {
    uint64_t x0, y0, x1, y1;
    memcpy(&x0, x, 8);
    memcpy(&y0, y, 8);
    memcpy(&x1, x + count - 8, 8);
    memcpy(&y1, y + count - 8, 8);
    return ((x0 ^ y0) | (x1 ^ y1)) == 0;
  }
  return memcmp(a, b, count) == 0;
}

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CAIRN_THREAD_SANITIZER 1
#endif
#endif

/// Compares the eight fingerprints of a 64-byte bucket with one. Bits 0–7 of the result: entries whose upper 24
/// bits equal `fingerprint`; bits 8–15: empty entries (lower 32 bits zero). Each entry is read whole, as the
/// processor reads aligned eight-byte words, also within a vector; entries are not read at one moment.
static inline uint32_t cairn_bucket_match(const uint64_t *bucket, uint32_t fingerprint) {
#if defined(__SSE2__) && !defined(CAIRN_THREAD_SANITIZER)
  const __m128 *vectors = (const __m128 *)bucket;
  __m128 v0 = vectors[0], v1 = vectors[1], v2 = vectors[2], v3 = vectors[3];
  __m128i high01 = _mm_castps_si128(_mm_shuffle_ps(v0, v1, 0xDD));
  __m128i high23 = _mm_castps_si128(_mm_shuffle_ps(v2, v3, 0xDD));
  __m128i wanted = _mm_set1_epi32((int)fingerprint);
  __m128i same01 = _mm_cmpeq_epi32(_mm_srli_epi32(high01, 8), wanted);
  __m128i same23 = _mm_cmpeq_epi32(_mm_srli_epi32(high23, 8), wanted);
  __m128i low01 = _mm_castps_si128(_mm_shuffle_ps(v0, v1, 0x88));
  __m128i low23 = _mm_castps_si128(_mm_shuffle_ps(v2, v3, 0x88));
  __m128i zero = _mm_setzero_si128();
  __m128i same = _mm_packs_epi32(same01, same23);
  __m128i empty = _mm_packs_epi32(_mm_cmpeq_epi32(low01, zero), _mm_cmpeq_epi32(low23, zero));
  // Matches of empty entries (fingerprint 0) are no matches.
  same = _mm_andnot_si128(empty, same);
  return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(same, empty));
#else
  uint32_t mask = 0;
  for (int i = 0; i < 8; i++) {
    uint64_t entry = __atomic_load_n(&bucket[i], __ATOMIC_ACQUIRE);
    if ((uint32_t)entry == 0) {
      mask |= 256u << i;
    } else if ((uint32_t)(entry >> 40) == fingerprint) {
      mask |= 1u << i;
    }
  }
  return mask;
#endif
}

// MARK: Readers

/// One per thread that has read from a store; reused after the thread has ended, never freed.
typedef struct cairn_reader {
  /// The global epoch when the outermost read began; 0 outside of reads. Accessed atomically.
  uint64_t epoch;
  /// Reads that this thread is inside of. Only its thread touches it.
  uint64_t depth;
  struct cairn_reader *next;
  uint32_t owned;
  /// Small, and of no other thread that is alive.
  uint32_t number;
  /// A cache line of its own. (Swift does not import types with an alignment attribute.)
  uint32_t padding[8];
} cairn_reader;

extern _Thread_local cairn_reader *cairn_reader_of_thread;
cairn_reader *cairn_reader_register(void);

/// The calling thread's slot.
static inline cairn_reader *cairn_reader_current(void) {
  cairn_reader *reader = cairn_reader_of_thread;
  return __builtin_expect(reader != NULL, 1) ? reader : cairn_reader_register();
}

/// All slots ever made, newest first.
cairn_reader *cairn_reader_first(void);

/// Makes every running thread of the process pass a full memory barrier. Returns 0, or -1 where the kernel lacks it.
int cairn_membarrier(void);
/// Registers the process for `cairn_membarrier`. Returns 0, or -1 where the kernel lacks it.
int cairn_membarrier_register(void);

// MARK: System calls

/// Hints for mapped files: pages are needed here and there; all of this is needed soon.
void cairn_advise_scattered(const void *memory, size_t byteCount);
void cairn_advise_needed(const void *memory, size_t byteCount);

/// Makes writes below `end` find their space. Returns 0, or -1 and errno.
int cairn_reserve(int descriptor, int64_t start, int64_t byteCount);
/// `pwrite` without libc's thread cancellation, which takes 40 ns where a process has a second thread.
int64_t cairn_write_at(int descriptor, const void *bytes, size_t count, int64_t offset);
/// Makes the pages of private memory present, in one call. Returns 0, or -1 where the kernel cannot.
int cairn_populate(void *memory, size_t byteCount);
/// Fills `value` with random bits. Returns 0, or -1 and errno.
int cairn_random(uint64_t *value);
int cairn_open_at(int directory, const char *path, int flags, unsigned mode);
/// Gives two things in a directory each other's name, at once. Returns 0 or -1 and errno.
int cairn_exchange(int directory, const char *name, const char *other);
/// Tries to take an exclusive lock of the open file description. Returns 0 or -1 and errno.
int cairn_lock_exclusively(int descriptor);
/// Gives that lock back, for all descriptors of the same open file. Returns 0 or -1 and errno.
int cairn_unlock(int descriptor);
/// Whether anybody else holds that lock, without taking it. Returns 1, 0, or -1 and errno.
int cairn_is_locked(int descriptor);
/// Closes `descriptor` in every child that this process forks, so that a child cannot keep its lock.
/// Returns 0 when no more can be remembered.
int cairn_close_in_children(int descriptor);
/// Takes that back. Returns whether it was so: in a child, where `descriptor` is closed already, it is not.
int cairn_keep_in_children(int descriptor);
/// Waits while `*word == expected`, at most `nanoseconds` (negative: for ever).
void cairn_futex_wait(const void *word, uint32_t expected, int64_t nanoseconds);
void cairn_futex_wake(const void *word, int count);
/// An anonymous page that reads as zeros in forked children. NULL when there is no memory.
void *cairn_page_wiped_in_children(void);
/// A mutex on the heap (`pthread_mutex_t`). NULL when there is no memory.
void *cairn_mutex_make(void);
void cairn_mutex_free(void *mutex);
void cairn_mutex_lock(void *mutex);
/// Returns 0, or another number if somebody has it.
int cairn_mutex_try_lock(void *mutex);
void cairn_mutex_unlock(void *mutex);
/// A process-local thread; returns 0 or an error number.
int cairn_thread_start(void *(*body)(void *), void *context, uint64_t *thread);
void cairn_thread_join(uint64_t thread);

#endif
