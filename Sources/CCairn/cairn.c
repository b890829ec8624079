#define _GNU_SOURCE
#include "CCairn.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__)
// From libxxhash, which picks SSE2, AVX2 or AVX-512 when it is first called.
extern unsigned long long XXH3_64bits_withSeed_dispatch(const void *, size_t, unsigned long long);
extern XXH_errorcode XXH3_64bits_update_dispatch(XXH3_state_t *, const void *, size_t);
enum { inlineBytesMax = 256 };
#endif

uint64_t cairn_hash(const void *bytes, size_t count, uint64_t seed) {
#if defined(__x86_64__)
  if (count > inlineBytesMax) return XXH3_64bits_withSeed_dispatch(bytes, count, seed);
#endif
  return XXH3_64bits_withSeed(bytes, count, seed);
}

void *cairn_hash_begin(uint64_t seed) {
  XXH3_state_t *state = XXH3_createState();
  if (state) XXH3_64bits_reset_withSeed(state, seed);
  return state;
}

void cairn_hash_add(void *state, const void *bytes, size_t count) {
#if defined(__x86_64__)
  XXH3_64bits_update_dispatch(state, bytes, count);
#else
  XXH3_64bits_update(state, bytes, count);
#endif
}

uint64_t cairn_hash_end(void *state) {
  uint64_t hash = XXH3_64bits_digest(state);
  XXH3_freeState(state);
  return hash;
}

void cairn_hash128(const void *bytes, size_t count, uint64_t halves[2]) {
  XXH128_hash_t hash = XXH3_128bits(bytes, count);
  halves[0] = hash.low64;
  halves[1] = hash.high64;
}

// MARK: Readers

_Thread_local cairn_reader *cairn_reader_of_thread;
static cairn_reader *readers;
_Static_assert(sizeof(cairn_reader) == 64, "a reader slot is a cache line");
static pthread_key_t readerKey;
static pthread_once_t readerOnce = PTHREAD_ONCE_INIT;

static void reader_release(void *slot) {
  cairn_reader *reader = slot;
  cairn_reader_of_thread = NULL;
  __atomic_store_n(&reader->epoch, 0, __ATOMIC_RELEASE);
  __atomic_store_n(&reader->owned, 0, __ATOMIC_RELEASE);
}

static void reader_prepare(void) { pthread_key_create(&readerKey, reader_release); }

cairn_reader *cairn_reader_register(void) {
  pthread_once(&readerOnce, reader_prepare);
  cairn_reader *reader = __atomic_load_n(&readers, __ATOMIC_ACQUIRE);
  for (; reader; reader = reader->next) {
    uint32_t unowned = 0;
    if (__atomic_compare_exchange_n(&reader->owned, &unowned, 1, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) break;
  }
  if (!reader) {
    reader = aligned_alloc(64, sizeof *reader);
    if (!reader) abort();  // Without a slot a read cannot be made safe; 64 bytes are not to be had.
    memset(reader, 0, sizeof *reader);
    reader->owned = 1;
    static uint32_t numbers = 0;
    reader->number = __atomic_fetch_add(&numbers, 1, __ATOMIC_RELAXED);
    reader->next = __atomic_load_n(&readers, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&readers, &reader->next, reader, 1, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
    }
  }
  reader->depth = 0;
  pthread_setspecific(readerKey, reader);
  cairn_reader_of_thread = reader;
  return reader;
}

cairn_reader *cairn_reader_first(void) { return __atomic_load_n(&readers, __ATOMIC_ACQUIRE); }

// From linux/membarrier.h.
enum { membarrierPrivateExpedited = 1 << 3, membarrierRegisterPrivateExpedited = 1 << 4 };

int cairn_membarrier(void) {
#ifdef SYS_membarrier
  return (int)syscall(SYS_membarrier, membarrierPrivateExpedited, 0, 0);
#else
  return -1;
#endif
}

int cairn_membarrier_register(void) {
#ifdef SYS_membarrier
  return (int)syscall(SYS_membarrier, membarrierRegisterPrivateExpedited, 0, 0);
#else
  return -1;
#endif
}

// MARK: System calls

int cairn_open_at(int directory, const char *path, int flags, unsigned mode) {
  return openat(directory, path, flags, (mode_t)mode);
}

int cairn_reserve(int descriptor, int64_t start, int64_t byteCount) {
  return fallocate(descriptor, 0, start, byteCount);
}

int64_t cairn_write_at(int descriptor, const void *bytes, size_t count, int64_t offset) {
#if defined(__linux__) && defined(__LP64__)
  return syscall(SYS_pwrite64, descriptor, bytes, count, offset);
#else
  return pwrite(descriptor, bytes, count, offset);
#endif
}

static void advise(const void *memory, size_t byteCount, int advice) {
  size_t before = (uintptr_t)memory % (size_t)sysconf(_SC_PAGESIZE);
  madvise((char *)memory - before, byteCount + before, advice);
}

void cairn_advise_scattered(const void *memory, size_t byteCount) { advise(memory, byteCount, MADV_RANDOM); }

void cairn_advise_needed(const void *memory, size_t byteCount) { advise(memory, byteCount, MADV_WILLNEED); }

int cairn_populate(void *memory, size_t byteCount) {
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23  // Linux 5.14; older headers lack the name.
#endif
  // Piece by piece, and no huge pages: meanwhile no other thread of the process can map anything, or grow its heap.
  // Measured: while 2 MiB are zeroed others wait for up to 5 ms.
  const size_t piece = 256 << 10;
  for (size_t at = 0; at < byteCount; at += piece) {
    size_t length = byteCount - at < piece ? byteCount - at : piece;
    if (madvise((char *)memory + at, length, MADV_POPULATE_WRITE) != 0) return -1;
  }
  return 0;
}

int cairn_random(uint64_t *value) { return getrandom(value, sizeof *value, 0) == sizeof *value ? 0 : -1; }

int cairn_exchange(int directory, const char *name, const char *other) {
  return renameat2(directory, name, directory, other, RENAME_EXCHANGE);
}

int cairn_lock_exclusively(int descriptor) {
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0, .l_pid = 0};
#ifdef F_OFD_SETLK
  return fcntl(descriptor, F_OFD_SETLK, &lock);
#else
  return fcntl(descriptor, F_SETLK, &lock);
#endif
}

int cairn_unlock(int descriptor) {
  struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0, .l_pid = 0};
#ifdef F_OFD_SETLK
  return fcntl(descriptor, F_OFD_SETLK, &lock);
#else
  return fcntl(descriptor, F_SETLK, &lock);
#endif
}

int cairn_is_locked(int descriptor) {
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0, .l_pid = 0};
#ifdef F_OFD_SETLK
  int result = fcntl(descriptor, F_OFD_GETLK, &lock);
#else
  int result = fcntl(descriptor, F_GETLK, &lock);
#endif
  return result != 0 ? -1 : lock.l_type != F_UNLCK;
}

// An open-file-description lock lives until its last descriptor is closed, and a forked child inherits one: so the
// child closes it before anything else happens there.
enum { childClosedMax = 256 };
static int childClosed[childClosedMax];
static pthread_once_t childOnce = PTHREAD_ONCE_INIT;

static void child_close_all(void) {
  for (int i = 0; i < childClosedMax; i++) {
    int descriptor = __atomic_exchange_n(&childClosed[i], 0, __ATOMIC_RELAXED) - 1;
    if (descriptor >= 0) close(descriptor);
  }
}

static void child_prepare(void) { pthread_atfork(NULL, NULL, child_close_all); }

int cairn_close_in_children(int descriptor) {
  pthread_once(&childOnce, child_prepare);
  for (int i = 0; i < childClosedMax; i++) {
    int unused = 0;
    if (__atomic_compare_exchange_n(&childClosed[i], &unused, descriptor + 1, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
      return 1;
  }
  return 0;
}

int cairn_keep_in_children(int descriptor) {
  for (int i = 0; i < childClosedMax; i++) {
    int stored = descriptor + 1;
    if (__atomic_compare_exchange_n(&childClosed[i], &stored, 0, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) return 1;
  }
  return 0;
}

#if defined(__linux__)
// From linux/futex.h, with the process-private flag.
enum { futexWaitPrivate = 0 | 128, futexWakePrivate = 1 | 128 };

void cairn_futex_wait(const void *word, uint32_t expected, int64_t nanoseconds) {
  struct timespec timeout = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
  syscall(SYS_futex, word, futexWaitPrivate, expected, nanoseconds < 0 ? NULL : &timeout, NULL, 0);
}

void cairn_futex_wake(const void *word, int count) { syscall(SYS_futex, word, futexWakePrivate, count, NULL, NULL, 0); }
#endif

void *cairn_mutex_make(void) {
  pthread_mutex_t *mutex = malloc(sizeof *mutex);
  if (mutex) pthread_mutex_init(mutex, NULL);
  return mutex;
}

void cairn_mutex_free(void *mutex) {
  pthread_mutex_destroy(mutex);
  free(mutex);
}

void cairn_mutex_lock(void *mutex) { pthread_mutex_lock(mutex); }

int cairn_mutex_try_lock(void *mutex) { return pthread_mutex_trylock(mutex); }

void cairn_mutex_unlock(void *mutex) { pthread_mutex_unlock(mutex); }

void *cairn_page_wiped_in_children(void) {
  long size = sysconf(_SC_PAGESIZE);
  void *page = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return NULL;
#ifdef MADV_WIPEONFORK
  madvise(page, (size_t)size, MADV_WIPEONFORK);
#endif
  return page;
}

int cairn_thread_start(void *(*body)(void *), void *context, uint64_t *thread) {
  pthread_t id;
  // The thread must not take signals that the program expects elsewhere.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int result = pthread_create(&id, NULL, body, context);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  *thread = (uint64_t)id;
  return result;
}

void cairn_thread_join(uint64_t thread) { pthread_join((pthread_t)thread, NULL); }
