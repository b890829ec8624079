#pragma once
// Debian: libmsgpack-dev.

// How many containers may lie in each other. The library's own functions for reading stop at 32, and make room for as
// many elements as a header claims; so its parser is built here again, from its template, as one that notes values in
// a flat list. It keeps its place on a stack of its own, and never recurses.
#define MSGPACK_EMBED_STACK_SIZE 128
// Most values of caches are small.
#define MSGPACK_SBUFFER_INIT_SIZE 512

#include <msgpack.h>
#include <msgpack/unpack_define.h>

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static const int64_t cairn_msgpack_depth = MSGPACK_EMBED_STACK_SIZE;

// MARK: Writing: 0, or something else if there is no memory.

static inline msgpack_packer cairn_msgpack_packer(msgpack_sbuffer *buffer) {
  msgpack_packer packer;
  msgpack_packer_init(&packer, buffer, msgpack_sbuffer_write);
  return packer;
}

static inline int cairn_msgpack_pack_nil(msgpack_sbuffer *buffer) {
  msgpack_packer packer = cairn_msgpack_packer(buffer);
  return msgpack_pack_nil(&packer);
}

static inline int cairn_msgpack_pack_bool(msgpack_sbuffer *buffer, bool value) {
  msgpack_packer packer = cairn_msgpack_packer(buffer);
  return value ? msgpack_pack_true(&packer) : msgpack_pack_false(&packer);
}

static inline int cairn_msgpack_pack_signed(msgpack_sbuffer *buffer, int64_t value) {
  msgpack_packer packer = cairn_msgpack_packer(buffer);
  return msgpack_pack_int64(&packer, value);
}

static inline int cairn_msgpack_pack_unsigned(msgpack_sbuffer *buffer, uint64_t value) {
  msgpack_packer packer = cairn_msgpack_packer(buffer);
  return msgpack_pack_uint64(&packer, value);
}

static inline int cairn_msgpack_pack_float(msgpack_sbuffer *buffer, float value) {
  msgpack_packer packer = cairn_msgpack_packer(buffer);
  return msgpack_pack_float(&packer, value);
}

static inline int cairn_msgpack_pack_double(msgpack_sbuffer *buffer, double value) {
  msgpack_packer packer = cairn_msgpack_packer(buffer);
  return msgpack_pack_double(&packer, value);
}

static inline int cairn_msgpack_pack_text(msgpack_sbuffer *buffer, const void *bytes, size_t count) {
  msgpack_packer packer = cairn_msgpack_packer(buffer);
  return msgpack_pack_str_with_body(&packer, bytes, count);
}

static inline int cairn_msgpack_pack_bytes(msgpack_sbuffer *buffer, const void *bytes, size_t count) {
  msgpack_packer packer = cairn_msgpack_packer(buffer);
  return msgpack_pack_bin_with_body(&packer, bytes, count);
}

static inline int cairn_msgpack_pack_array(msgpack_sbuffer *buffer, size_t count) {
  msgpack_packer packer = cairn_msgpack_packer(buffer);
  return msgpack_pack_array(&packer, count);
}

static inline int cairn_msgpack_pack_map(msgpack_sbuffer *buffer, size_t count) {
  msgpack_packer packer = cairn_msgpack_packer(buffer);
  return msgpack_pack_map(&packer, count);
}

// MARK: Reading

enum {
  cairn_msgpack_nil,
  cairn_msgpack_bool,
  cairn_msgpack_unsigned,
  cairn_msgpack_negative,
  cairn_msgpack_float,
  cairn_msgpack_double,
  cairn_msgpack_text,
  cairn_msgpack_bytes,
  cairn_msgpack_array,
  cairn_msgpack_map,
  cairn_msgpack_extension
};

/// One value. Those inside of a container follow it.
typedef struct {
  /// The bits of a number; where bytes begin; the index of what follows the contents of a container.
  uint64_t payload;
  /// Of bytes, of elements, of pairs; of an extension, its type in the lowest 8 bits.
  uint32_t count;
  uint32_t kind;
} cairn_msgpack_node;

typedef struct {
  cairn_msgpack_node *nodes;
  size_t capacity;
  size_t count;
} cairn_msgpack_list;

/// Counts every node, and notes those that there is room for.
static inline int cairn_msgpack_note(
    cairn_msgpack_list *list, uint32_t kind, uint64_t payload, uint32_t count, size_t *index) {
  *index = list->count++;
  if (*index < list->capacity) {
    cairn_msgpack_node node = {payload, count, kind};
    list->nodes[*index] = node;
  }
  return 0;
}

#define msgpack_unpack_struct(name) struct cairn_msgpack_parser##name
#define msgpack_unpack_func(result, name) static inline result cairn_msgpack_parser##name
#define msgpack_unpack_callback(name) cairn_msgpack_on##name
#define msgpack_unpack_object size_t
#define msgpack_unpack_user cairn_msgpack_list

static inline size_t cairn_msgpack_on_root(cairn_msgpack_list *list) {
  (void)list;
  return 0;
}

static inline int cairn_msgpack_on_nil(cairn_msgpack_list *list, size_t *index) {
  return cairn_msgpack_note(list, cairn_msgpack_nil, 0, 0, index);
}

static inline int cairn_msgpack_on_true(cairn_msgpack_list *list, size_t *index) {
  return cairn_msgpack_note(list, cairn_msgpack_bool, 1, 0, index);
}

static inline int cairn_msgpack_on_false(cairn_msgpack_list *list, size_t *index) {
  return cairn_msgpack_note(list, cairn_msgpack_bool, 0, 0, index);
}

static inline int cairn_msgpack_on_uint64(cairn_msgpack_list *list, uint64_t value, size_t *index) {
  return cairn_msgpack_note(list, cairn_msgpack_unsigned, value, 0, index);
}

static inline int cairn_msgpack_on_int64(cairn_msgpack_list *list, int64_t value, size_t *index) {
  uint32_t kind = value < 0 ? cairn_msgpack_negative : cairn_msgpack_unsigned;
  return cairn_msgpack_note(list, kind, (uint64_t)value, 0, index);
}

static inline int cairn_msgpack_on_uint8(cairn_msgpack_list *list, uint8_t value, size_t *index) {
  return cairn_msgpack_on_uint64(list, value, index);
}

static inline int cairn_msgpack_on_uint16(cairn_msgpack_list *list, uint16_t value, size_t *index) {
  return cairn_msgpack_on_uint64(list, value, index);
}

static inline int cairn_msgpack_on_uint32(cairn_msgpack_list *list, uint32_t value, size_t *index) {
  return cairn_msgpack_on_uint64(list, value, index);
}

static inline int cairn_msgpack_on_int8(cairn_msgpack_list *list, int8_t value, size_t *index) {
  return cairn_msgpack_on_int64(list, value, index);
}

static inline int cairn_msgpack_on_int16(cairn_msgpack_list *list, int16_t value, size_t *index) {
  return cairn_msgpack_on_int64(list, value, index);
}

static inline int cairn_msgpack_on_int32(cairn_msgpack_list *list, int32_t value, size_t *index) {
  return cairn_msgpack_on_int64(list, value, index);
}

static inline int cairn_msgpack_on_float(cairn_msgpack_list *list, float value, size_t *index) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return cairn_msgpack_note(list, cairn_msgpack_float, bits, 0, index);
}

static inline int cairn_msgpack_on_double(cairn_msgpack_list *list, double value, size_t *index) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return cairn_msgpack_note(list, cairn_msgpack_double, bits, 0, index);
}

// Of no bytes the parser does not say where they are.
static inline int cairn_msgpack_on_str(
    cairn_msgpack_list *list, const char *start, const char *bytes, unsigned int count, size_t *index) {
  uint64_t offset = count == 0 ? 0 : (uint64_t)(bytes - start);
  return cairn_msgpack_note(list, cairn_msgpack_text, offset, count, index);
}

static inline int cairn_msgpack_on_bin(
    cairn_msgpack_list *list, const char *start, const char *bytes, unsigned int count, size_t *index) {
  uint64_t offset = count == 0 ? 0 : (uint64_t)(bytes - start);
  return cairn_msgpack_note(list, cairn_msgpack_bytes, offset, count, index);
}

// The first byte is the type. There is none if the parser's sum of it and a length of 2^32 - 1 is 0.
static inline int cairn_msgpack_on_ext(
    cairn_msgpack_list *list, const char *start, const char *bytes, unsigned int count, size_t *index) {
  (void)start;
  if (count == 0) return MSGPACK_UNPACK_PARSE_ERROR;
  return cairn_msgpack_note(list, cairn_msgpack_extension, 0, (uint8_t)*bytes, index);
}

static inline int cairn_msgpack_on_array(cairn_msgpack_list *list, unsigned int count, size_t *index) {
  return cairn_msgpack_note(list, cairn_msgpack_array, list->count + 1, count, index);
}

static inline int cairn_msgpack_on_map(cairn_msgpack_list *list, unsigned int count, size_t *index) {
  return cairn_msgpack_note(list, cairn_msgpack_map, list->count + 1, count, index);
}

static inline int cairn_msgpack_on_array_item(cairn_msgpack_list *list, size_t *container, size_t item) {
  (void)item;
  if (*container < list->capacity) list->nodes[*container].payload = list->count;
  return 0;
}

static inline int cairn_msgpack_on_map_item(cairn_msgpack_list *list, size_t *container, size_t key, size_t value) {
  (void)key;
  return cairn_msgpack_on_array_item(list, container, value);
}

#include <msgpack/unpack_template.h>

typedef struct {
  /// 1: a value has been read; 0: it goes on behind the end; `MSGPACK_UNPACK_PARSE_ERROR`; too deep:
  /// `MSGPACK_UNPACK_NOMEM_ERROR`.
  int result;
  /// Where it stopped.
  size_t offset;
  /// How many values there are.
  size_t count;
} cairn_msgpack_parsed;

/// Reads one value of at least one byte, and notes what it consists of. `nodes` may be too short, or empty.
static inline cairn_msgpack_parsed cairn_msgpack_parse(
    const void *bytes, size_t byte_count, cairn_msgpack_node *nodes, size_t capacity) {
  struct cairn_msgpack_parser_context parser;
  cairn_msgpack_parsed parsed = {0, 0, 0};
  parser.user.nodes = nodes;
  parser.user.capacity = capacity;
  parser.user.count = 0;
  cairn_msgpack_parser_init(&parser);
  parsed.result = cairn_msgpack_parser_execute(&parser, (const char *)bytes, byte_count, &parsed.offset);
  parsed.count = parser.user.count;
  return parsed;
}
