/* Sparse files: GNU's old headers, and the pax formats 0.0, 0.1 and 1.0 (GNU tar manual, "Storing Sparse Files"). */
#include "tar_sparse.h"

#include <stdlib.h>
#include <string.h>

#define MAX_EXTENTS ((size_t)1 << 18)

static int add_extent(struct tar_entry *entry, int64_t offset, int64_t length, struct oci_error *error)
{
  if (entry->extent_count >= MAX_EXTENTS)
    return oci_limit(error, (const char *)entry->name.data, "too many pieces in a sparse file");
  /* Grown by doubling: the count is a power of two exactly when it is full. */
  if ((entry->extent_count & (entry->extent_count - 1)) == 0) {
    size_t capacity = entry->extent_count ? entry->extent_count * 2 : 1;
    struct tar_extent *grown = realloc(entry->extents, capacity * sizeof(*grown));
    if (grown == NULL)
      return oci_fail(error, NULL, "allocating sparse map");
    entry->extents = grown;
  }
  entry->extents[entry->extent_count++] = (struct tar_extent){.offset = offset, .length = length};
  return 0;
}

static int old_gnu_sparse(struct tar_reader *reader, struct tar_entry *entry, unsigned char *block,
                          struct oci_error *error)
{
  if (tar_format_of(block) != FORMAT_GNU)
    return tar_malformed(entry, "sparse file in another format than GNU's", error);
  if (!tar_parse_number(block + 483, 12, &entry->size))
    return tar_malformed(entry, "size", error);
  const unsigned char *map = block + 386;
  size_t entries = 4;
  unsigned char extended = block[482];
  for (;;) {
    for (size_t i = 0; i < entries && map[i * 24] != 0; i++) {
      int64_t offset, length;
      if (!tar_parse_number(map + i * 24, 12, &offset) || !tar_parse_number(map + i * 24 + 12, 12, &length))
        return tar_malformed(entry, "sparse map", error);
      if (add_extent(entry, offset, length, error) < 0)
        return -1;
    }
    if (!extended)
      return 0;
    ssize_t got = stream_read(reader->stream, block, TAR_BLOCK, error);
    if (got < 0 || tar_keep_raw(reader, block, (size_t)got, error) < 0)
      return -1;
    if (got != TAR_BLOCK)
      return oci_corrupted(error, (const char *)entry->name.data, "the archive ends in a sparse map");
    if (reader->raw && reader->raw->length > ((size_t)64 << 20))
      return oci_limit(error, (const char *)entry->name.data, "too large a sparse map");
    map = block;
    entries = 21;
    extended = block[504];
  }
}

/* Formats 0.0 and 0.1: a list of numbers with commas in the pax records. */
static int pax_sparse_list(struct tar_entry *entry, const struct tar_pax *pax, struct oci_error *error)
{
  const char *text = (const char *)pax->sparse_map.data;
  size_t length = pax->sparse_map.length;
  int64_t numbers[2];
  int filled = 0;
  while (length > 0) {
    const char *comma = memchr(text, ',', length);
    size_t piece = comma ? (size_t)(comma - text) : length;
    if (!parse_decimal(text, piece, &numbers[filled]))
      return tar_malformed(entry, "sparse map", error);
    if (++filled == 2) {
      if (add_extent(entry, numbers[0], numbers[1], error) < 0)
        return -1;
      filled = 0;
    }
    if (comma && piece + 1 == length)
      return tar_malformed(entry, "sparse map", error);
    size_t taken = comma ? piece + 1 : piece;
    text += taken;
    length -= taken;
  }
  if (filled != 0 || !pax->has_sparse_blocks || pax->sparse_blocks < 0 ||
      (uint64_t)pax->sparse_blocks != entry->extent_count)
    return tar_malformed(entry, "sparse map", error);
  return 0;
}

/* Format 1.0: the map is text at the start of the data, padded to a block. It goes to the raw bytes. */
static int pax_sparse_data(struct tar_reader *reader, struct tar_entry *entry, struct oci_error *error)
{
  unsigned char block[TAR_BLOCK];
  size_t at = TAR_BLOCK;
  int64_t wanted = -1; /* numbers still to come; -1: the count itself */
  int64_t pair[2] = {0, 0};
  char digits[24];
  size_t digit_count = 0;
  int filled = 0;
  while (wanted != 0) {
    if (at == TAR_BLOCK) {
      if (reader->remaining < TAR_BLOCK)
        return tar_malformed(entry, "sparse map", error);
      ssize_t got = stream_read(reader->stream, block, TAR_BLOCK, error);
      if (got < 0)
        return -1;
      if (got != TAR_BLOCK)
        return oci_corrupted(error, (const char *)entry->name.data, "the archive ends in a sparse map");
      reader->remaining -= TAR_BLOCK;
      entry->physical -= TAR_BLOCK;
      if (tar_keep_raw(reader, block, TAR_BLOCK, error) < 0)
        return -1;
      at = 0;
    }
    char c = (char)block[at++];
    if (c != '\n') {
      if (digit_count == sizeof(digits))
        return tar_malformed(entry, "sparse map", error);
      digits[digit_count++] = c;
      continue;
    }
    int64_t number;
    if (!parse_decimal(digits, digit_count, &number) || number < 0)
      return tar_malformed(entry, "sparse map", error);
    digit_count = 0;
    if (wanted < 0) {
      if ((uint64_t)number > MAX_EXTENTS)
        return oci_limit(error, (const char *)entry->name.data, "too many pieces in a sparse file");
      wanted = number * 2;
      continue;
    }
    pair[filled] = number;
    if (++filled == 2) {
      if (add_extent(entry, pair[0], pair[1], error) < 0)
        return -1;
      filled = 0;
    }
    wanted--;
  }
  return 0;
}

/* Pieces in order, not overlapping, inside the file, and as long together as the data that follows. */
static int check_extents(struct tar_entry *entry, struct oci_error *error)
{
  int64_t end = 0, sum = 0;
  if (entry->size < 0)
    return tar_malformed(entry, "negative size", error);
  for (size_t i = 0; i < entry->extent_count; i++) {
    const struct tar_extent *extent = &entry->extents[i];
    if (extent->offset < end || extent->length < 0 || extent->offset > INT64_MAX - extent->length ||
        extent->offset + extent->length > entry->size)
      return tar_malformed(entry, "sparse map", error);
    end = extent->offset + extent->length;
    sum += extent->length;
  }
  return sum == entry->physical ? 0 : tar_malformed(entry, "sparse map and data differ in length", error);
}

int tar_apply_sparse(struct tar_reader *reader, struct tar_entry *entry, const struct tar_pax *pax,
                        unsigned char *block, struct oci_error *error)
{
  if (entry->type == 'S') {
    if (old_gnu_sparse(reader, entry, block, error) < 0)
      return -1;
    entry->type = '0';
    entry->sparse = true;
    return check_extents(entry, error);
  }
  bool list = pax->sparse_major == 0 && (pax->sparse_minor == 0 || pax->sparse_minor == 1);
  bool data = pax->sparse_major == 1 && pax->sparse_minor == 0;
  if (!list && !data) {
    if (pax->sparse_major != -1 || pax->sparse_minor != -1 || pax->sparse_map.length == 0)
      return 0;
  }
  if (tar_is_header_only(entry->type))
    return tar_malformed(entry, "sparse map on what is no file", error);
  if (pax->sparse_name.length > 0 && buffer_set(&entry->name, pax->sparse_name.data, pax->sparse_name.length) < 0)
    return oci_fail(error, NULL, "allocating name");
  if (pax->has_sparse_size)
    entry->size = pax->sparse_size;
  entry->sparse = true;
  if ((data ? pax_sparse_data(reader, entry, error) : pax_sparse_list(entry, pax, error)) < 0)
    return -1;
  return check_extents(entry, error);
}
