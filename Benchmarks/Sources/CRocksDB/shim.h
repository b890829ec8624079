#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <rocksdb/c.h>

/// The file that the library was loaded from, whose name has its version: the C interface does not tell it.
static inline const char *rocksdb_library_path(void) {
  Dl_info info;
  return dladdr((const void *)rocksdb_open, &info) ? info.dli_fname : "";
}
