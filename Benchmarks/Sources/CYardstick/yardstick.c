#define _GNU_SOURCE
#define XXH_INLINE_ALL
#include "CYardstick.h"

#include <emmintrin.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xxhash.h>

// The same numbers as the engine's: SPEC 4, SPEC 5.
enum { shards = 1024, entriesPerBucket = 8, headerBytes = 32, segmentBytes = 64 << 20 };

typedef struct {
  uint64_t *entries;
  uint64_t buckets;
} shard;

struct yardstick {
  shard shards[shards];
  char *segments[4096];
  size_t segment, position, valueSize;
  uint64_t seed, salt, sequence;
};

static void *map(size_t size) {
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) abort();
  return memory;
}

yardstick *yardstick_make(size_t keys, size_t valueSize, uint64_t seed) {
  yardstick *y = calloc(1, sizeof *y);
  y->valueSize = valueSize;
  y->seed = seed;
  y->salt = seed * 31 + 7;
  // As full as the engine's shards are on average: between 60 and 75 %.
  uint64_t buckets = (uint64_t)((double)keys / shards / entriesPerBucket / 0.675) + 2;
  for (int i = 0; i < shards; i++) {
    y->shards[i].buckets = buckets;
    y->shards[i].entries = aligned_alloc(64, buckets * 64);
    memset(y->shards[i].entries, 0, buckets * 64);
  }
  y->segment = 1;
  y->segments[1] = map(segmentBytes);
  y->position = 256;
  return y;
}

void yardstick_free(yardstick *y) {
  for (int i = 0; i < shards; i++) free(y->shards[i].entries);
  for (size_t i = 1; i <= y->segment; i++) munmap(y->segments[i], segmentBytes);
  free(y);
}

static inline uint32_t match(const uint64_t *bucket, uint32_t fingerprint) {
  const __m128 *v = (const __m128 *)bucket;
  __m128i high01 = _mm_castps_si128(_mm_shuffle_ps(v[0], v[1], 0xDD));
  __m128i high23 = _mm_castps_si128(_mm_shuffle_ps(v[2], v[3], 0xDD));
  __m128i wanted = _mm_set1_epi32((int)fingerprint);
  __m128i low01 = _mm_castps_si128(_mm_shuffle_ps(v[0], v[1], 0x88));
  __m128i low23 = _mm_castps_si128(_mm_shuffle_ps(v[2], v[3], 0x88));
  __m128i zero = _mm_setzero_si128();
  __m128i same = _mm_packs_epi32(_mm_cmpeq_epi32(_mm_srli_epi32(high01, 8), wanted),
                                 _mm_cmpeq_epi32(_mm_srli_epi32(high23, 8), wanted));
  __m128i empty = _mm_packs_epi32(_mm_cmpeq_epi32(low01, zero), _mm_cmpeq_epi32(low23, zero));
  return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(_mm_andnot_si128(empty, same), empty));
}

void yardstick_put(yardstick *y, const void *key, size_t keyBytes, const void *value) {
  size_t size = (headerBytes + keyBytes + y->valueSize + 7) & ~(size_t)7;
  if (y->position + size > segmentBytes) {
    y->segments[++y->segment] = map(segmentBytes);
    y->position = 256;
  }
  char *record = y->segments[y->segment] + y->position;
  uint64_t sequence = ++y->sequence;
  uint32_t valueLength = (uint32_t)y->valueSize;
  uint16_t keyLength = (uint16_t)keyBytes;
  memset(record, 0, headerBytes);
  memcpy(record + 8, &sequence, 8);
  memcpy(record + 16, &valueLength, 4);
  memcpy(record + 20, &keyLength, 2);
  record[22] = 1;
  memcpy(record + headerBytes, key, keyBytes);
  memcpy(record + headerBytes + keyBytes, value, y->valueSize);
  uint64_t checksum = XXH3_64bits_withSeed(record + 8, size - 8, y->salt ^ (y->position * 0x9E3779B97F4A7C15u));
  memcpy(record, &checksum, 8);
  uint64_t hash = XXH3_64bits_withSeed(key, keyBytes, y->seed);
  shard *s = &y->shards[hash >> 54];
  uint64_t fingerprint = (hash >> 30) & 0xFFFFFF;
  uint64_t bucket = (fingerprint * s->buckets) >> 24;
  for (;;) {
    uint32_t empty = match(s->entries + bucket * 8, (uint32_t)fingerprint) >> 8;
    if (empty) {
      s->entries[bucket * 8 + (uint64_t)__builtin_ctz(empty)] =
          fingerprint << 40 | (uint64_t)y->segment << 24 | y->position / 8;
      break;
    }
    if (++bucket == s->buckets) bucket = 0;
  }
  y->position += size;
}

static inline long get(const yardstick *y, const void *key, size_t keyBytes, void *target) {
  uint64_t hash = XXH3_64bits_withSeed(key, keyBytes, y->seed);
  const shard *s = &y->shards[hash >> 54];
  uint32_t fingerprint = (uint32_t)(hash >> 30) & 0xFFFFFF;
  uint64_t bucket = ((uint64_t)fingerprint * s->buckets) >> 24;
  for (;;) {
    uint32_t found = match(s->entries + bucket * 8, fingerprint);
    for (uint32_t candidates = found & 0xFF; candidates; candidates &= candidates - 1) {
      uint64_t entry = s->entries[bucket * 8 + (uint64_t)__builtin_ctz(candidates)];
      uint64_t offset = (entry & 0xFFFFFF) * 8;
      const char *record = y->segments[(entry >> 24) & 0xFFFF] + offset;
      uint64_t checksum;
      uint32_t valueLength;
      uint16_t keyLength;
      memcpy(&checksum, record, 8);
      memcpy(&valueLength, record + 16, 4);
      memcpy(&keyLength, record + 20, 2);
      if (keyLength != keyBytes || memcmp(record + headerBytes, key, keyBytes)) continue;
      size_t size = (headerBytes + (size_t)keyLength + valueLength + 7) & ~(size_t)7;
      if (XXH3_64bits_withSeed(record + 8, size - 8, y->salt ^ (offset * 0x9E3779B97F4A7C15u)) != checksum) return -2;
      memcpy(target, record + headerBytes + keyLength, valueLength);
      return (long)valueLength;
    }
    if (found >> 8) return -1;
    if (++bucket == s->buckets) bucket = 0;
  }
}

uint64_t yardstick_get_all(const yardstick *y, const void *keys, size_t keyBytes, size_t count, void *target,
                           bool one_at_a_time) {
  uint64_t sum = 0;
  for (size_t i = 0; i < count; i++) {
    if (one_at_a_time) _mm_lfence();
    long length = get(y, (const char *)keys + i * keyBytes, keyBytes, target);
    if (length > 0) sum += (uint64_t)length + *(unsigned char *)target;
  }
  return sum;
}
