// The kernel may transfer less than it is asked for, and hardly ever does. The functions of the C library under their
// own names, passed on to the kernel with less to do.
#define _GNU_SOURCE
#include "CShortTransfers.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/types.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

static uint64_t state, count;

void short_transfers_begin(uint64_t seed) { __atomic_store_n(&state, seed | 1, __ATOMIC_RELAXED); }

uint64_t short_transfers_count(void) { return __atomic_load_n(&count, __ATOMIC_RELAXED); }

#ifdef SANITIZED
int short_transfers_possible(void) { return 0; }
#else
int short_transfers_possible(void) { return 1; }

// By the place in the file, so that calls of another one, which may not be the same each time, change nothing.
static size_t shorter(size_t size, uint64_t offset) {
  uint64_t seed = __atomic_load_n(&state, __ATOMIC_RELAXED);
  if (seed == 0 || size < 2) return size;
  uint64_t number = seed * 6364136223846793005u + offset * 0x9E3779B97F4A7C15u + size;
  number = (number ^ number >> 30) * 0xBF58476D1CE4E5B9u;
  number = (number ^ number >> 27) * 0x94D049BB133111EBu;
  size_t result = 1 + (number >> 33) % size;
  if (result < size) __atomic_fetch_add(&count, 1, __ATOMIC_RELAXED);
  return result;
}

typedef long (*systemCall)(long, ...);

static systemCall real(void) {
  static systemCall found;
  systemCall call = __atomic_load_n(&found, __ATOMIC_RELAXED);
  if (!call) {
    call = (systemCall)dlsym(RTLD_NEXT, "syscall");
    __atomic_store_n(&found, call, __ATOMIC_RELAXED);
  }
  return call;
}

long syscall(long number, ...) {
  va_list list;
  va_start(list, number);
  long arguments[6];
  for (int index = 0; index < 6; index++) arguments[index] = va_arg(list, long);
  va_end(list);
  if (number == SYS_pwrite64) arguments[2] = (long)shorter((size_t)arguments[2], (uint64_t)arguments[3]);
  return real()(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}

ssize_t pread(int file, void *bytes, size_t size, off_t offset) {
  return real()(SYS_pread64, file, bytes, shorter(size, (uint64_t)offset), offset);
}

ssize_t pread64(int file, void *bytes, size_t size, off64_t offset) { return pread(file, bytes, size, offset); }
#endif
