// WiredTiger's cursors take their keys and values by functions with variable arguments, which Swift cannot call.
#include <wiredtiger.h>

static inline void wiredtiger_set_key(WT_CURSOR *cursor, const void *bytes, size_t size) {
  WT_ITEM item = {.data = bytes, .size = size};
  cursor->set_key(cursor, &item);
}

static inline void wiredtiger_set_value(WT_CURSOR *cursor, const void *bytes, size_t size) {
  WT_ITEM item = {.data = bytes, .size = size};
  cursor->set_value(cursor, &item);
}

static inline int wiredtiger_get_value(WT_CURSOR *cursor, WT_ITEM *item) { return cursor->get_value(cursor, item); }
static inline int wiredtiger_get_key(WT_CURSOR *cursor, WT_ITEM *item) { return cursor->get_key(cursor, item); }
