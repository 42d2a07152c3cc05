#include "tar_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tar_pax.h"
#include "tar_sparse.h"

/* Longer extended headers are refused, as Go does. */
#define MAX_META ((int64_t)1 << 20)
/* Extended headers before one member: more is an attack on memory. */
#define MAX_META_HEADERS 64

void tar_reader_init(struct tar_reader *reader, struct stream *stream, struct buffer *raw, size_t max_name)
{
  memset(reader, 0, sizeof(*reader));
  reader->stream = stream;
  reader->raw = raw;
  reader->max_name = max_name;
}

static void reset_entry(struct tar_entry *entry)
{
  for (size_t i = 0; i < entry->xattr_count; i++) {
    free(entry->xattrs[i].name);
    free(entry->xattrs[i].value);
  }
  free(entry->xattrs);
  free(entry->extents);
  struct buffer name = entry->name;
  struct buffer link = entry->link;
  memset(entry, 0, sizeof(*entry));
  entry->name = name;
  entry->link = link;
}

void tar_entry_free(struct tar_entry *entry)
{
  reset_entry(entry);
  buffer_free(&entry->name);
  buffer_free(&entry->link);
}

int tar_keep_raw(struct tar_reader *reader, const void *data, size_t length, struct oci_error *error)
{
  if (reader->raw && buffer_append(reader->raw, data, length) < 0)
    return oci_fail(error, NULL, "allocating header");
  return 0;
}

ssize_t tar_payload(struct tar_reader *reader, const unsigned char **data, struct oci_error *error)
{
  if (reader->remaining == 0)
    return 0;
  ssize_t got = stream_take(reader->stream, (size_t)reader->remaining, data, error);
  if (got == 0)
    return oci_corrupted(error, NULL, "the archive ends in the middle of a file");
  if (got > 0)
    reader->remaining -= got;
  return got;
}

static bool all_zero(const unsigned char *block)
{
  for (size_t i = 0; i < TAR_BLOCK; i++)
    if (block[i] != 0)
      return false;
  return true;
}

static bool parse_octal(const unsigned char *field, size_t length, int64_t *value)
{
  while (length > 0 && (field[0] == ' ' || field[0] == 0)) {
    field++;
    length--;
  }
  while (length > 0 && (field[length - 1] == ' ' || field[length - 1] == 0))
    length--;
  uint64_t sum = 0;
  for (size_t i = 0; i < length && field[i] != 0; i++) {
    if (field[i] < '0' || field[i] > '7' || sum >> 61)
      return false;
    sum = sum << 3 | (uint64_t)(field[i] - '0');
  }
  *value = (int64_t)sum;
  return true;
}

bool tar_parse_number(const unsigned char *field, size_t length, int64_t *value)
{
  if (length == 0 || !(field[0] & 0x80))
    return parse_octal(field, length, value);
  unsigned char inverse = field[0] & 0x40 ? 0xff : 0x00;
  uint64_t sum = 0;
  for (size_t i = 0; i < length; i++) {
    unsigned char byte = field[i] ^ inverse;
    if (i == 0)
      byte &= 0x7f;
    if (sum >> 56)
      return false;
    sum = sum << 8 | byte;
  }
  if (sum >> 63)
    return false;
  *value = inverse ? ~(int64_t)sum : (int64_t)sum;
  return true;
}

static bool checksum_matches(const unsigned char *block)
{
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
  /* A fuzzer would spend its time on sums. */
  return memcmp(block + 148, "000000", 6) != 0;
#endif
  int64_t wanted;
  if (!parse_octal(block + 148, 8, &wanted))
    return false;
  int64_t as_unsigned = 0, as_signed = 0;
  for (size_t i = 0; i < TAR_BLOCK; i++) {
    unsigned char byte = i >= 148 && i < 156 ? ' ' : block[i];
    as_unsigned += byte;
    as_signed += (signed char)byte;
  }
  return wanted == as_unsigned || wanted == as_signed;
}

enum tar_format tar_format_of(const unsigned char *block)
{
  if (memcmp(block + 257, "ustar\0", 6) == 0)
    return memcmp(block + 508, "tar\0", 4) == 0 ? FORMAT_STAR : FORMAT_USTAR;
  if (memcmp(block + 257, "ustar  \0", 8) == 0)
    return FORMAT_GNU;
  return FORMAT_V7;
}

static size_t field_length(const unsigned char *field, size_t length)
{
  return strnlen((const char *)field, length);
}

bool tar_is_header_only(char type)
{
  return type >= '1' && type <= '6';
}

static int set_text(struct buffer *buffer, const void *text, size_t length, struct oci_error *error)
{
  return buffer_set(buffer, text, length) < 0 ? oci_fail(error, NULL, "allocating name") : 0;
}

int tar_malformed(struct tar_entry *entry, const char *what, struct oci_error *error)
{
  return oci_corrupted(error, entry->name.data ? (const char *)entry->name.data : NULL, "malformed tar header: %s",
                       what);
}

static void set_payload(struct tar_reader *reader, struct tar_entry *entry)
{
  entry->physical = tar_is_header_only(entry->type) ? 0 : entry->size;
  reader->remaining = entry->physical;
  reader->padding = (TAR_BLOCK - entry->physical % TAR_BLOCK) % TAR_BLOCK;
}

static const unsigned char *prefix_of(const unsigned char *block, enum tar_format format, struct tar_entry *entry,
                                      size_t *length)
{
  int64_t atime, ctime;
  *length = 0;
  switch (format) {
  case FORMAT_USTAR:
    *length = field_length(block + 345, 155);
    break;
  case FORMAT_STAR:
    *length = field_length(block + 345, 131);
    break;
  case FORMAT_GNU: {
    bool times_fine = (block[345] == 0 || tar_parse_number(block + 345, 12, &atime)) &&
                      (block[357] == 0 || tar_parse_number(block + 357, 12, &ctime));
    if (times_fine) {
      if (block[345] != 0)
        entry->atime.seconds = atime;
      break;
    }
    /* Go before 1.8 wrote a ustar prefix into GNU headers where the times belong. */
    size_t candidate = field_length(block + 345, 155);
    for (size_t i = 0; i < candidate; i++)
      if (block[345 + i] >= 0x80)
        return block + 345;
    *length = candidate;
    break;
  }
  case FORMAT_V7:
    break;
  }
  return block + 345;
}

static int parse_header(struct tar_reader *reader, struct tar_entry *entry, const unsigned char *block,
                        struct oci_error *error)
{
  int64_t mode = 0;
  enum tar_format format = tar_format_of(block);
  entry->type = (char)block[156];
  entry->mtime.nanoseconds = entry->atime.nanoseconds = 0;
  entry->atime.seconds = INT64_MIN;
  size_t prefix_length;
  const unsigned char *prefix = prefix_of(block, format, entry, &prefix_length);
  entry->name.length = 0;
  if (prefix_length > 0 && (buffer_append(&entry->name, prefix, prefix_length) < 0 ||
                            buffer_append(&entry->name, "/", 1) < 0))
    return oci_fail(error, NULL, "allocating name");
  size_t name_length = field_length(block, 100);
  if (buffer_append(&entry->name, block, name_length) < 0 || buffer_append(&entry->name, "", 1) < 0)
    return oci_fail(error, NULL, "allocating name");
  entry->name.length--;
  if (set_text(&entry->link, block + 157, field_length(block + 157, 100), error) < 0)
    return -1;
  if (!tar_parse_number(block + 124, 12, &entry->size))
    return tar_malformed(entry, "size", error);
  if (!tar_parse_number(block + 100, 8, &mode))
    return tar_malformed(entry, "mode", error);
  if (!tar_parse_number(block + 108, 8, &entry->uid) || !tar_parse_number(block + 116, 8, &entry->gid))
    return tar_malformed(entry, "owner", error);
  if (!tar_parse_number(block + 136, 12, &entry->mtime.seconds))
    return tar_malformed(entry, "time", error);
  entry->mode = (uint32_t)mode & 07777;
  entry->device_major = entry->device_minor = 0;
  if (format != FORMAT_V7 && (!tar_parse_number(block + 329, 8, &entry->device_major) ||
                              !tar_parse_number(block + 337, 8, &entry->device_minor)))
    return tar_malformed(entry, "device", error);
  if (!tar_is_header_only(entry->type) && entry->size < 0)
    return tar_malformed(entry, "negative size", error);
  set_payload(reader, entry);
  return 0;
}

/* 1: a header, 0: the end. */
static int read_header(struct tar_reader *reader, unsigned char *block, struct oci_error *error)
{
  for (int zeros = 0; zeros < 2; zeros++) {
    ssize_t got = stream_read(reader->stream, block, TAR_BLOCK, error);
    if (got < 0 || tar_keep_raw(reader, block, (size_t)got, error) < 0)
      return -1;
    if (got == 0)
      return 0;
    if (got != TAR_BLOCK)
      return oci_corrupted(error, NULL, "the archive ends in the middle of a header");
    if (!all_zero(block)) {
      if (zeros == 0)
        break;
      return oci_corrupted(error, NULL, "a header follows a block of zeros");
    }
    if (zeros == 1)
      return 0;
  }
  if (!checksum_matches(block))
    return oci_corrupted(error, NULL, "not a tar header: the checksum is wrong");
  return 1;
}

/* The body of an extended header, into `out`. */
static int read_meta(struct tar_reader *reader, struct tar_entry *entry, struct buffer *out,
                     struct oci_error *error)
{
  if (entry->physical > MAX_META)
    return oci_limit(error, (const char *)entry->name.data, "extended header of more than 1 MiB");
  out->length = 0;
  const unsigned char *data;
  ssize_t got;
  while ((got = tar_payload(reader, &data, error)) > 0)
    if (buffer_append(out, data, (size_t)got) < 0)
      return oci_fail(error, NULL, "allocating extended header");
  if (got < 0)
    return -1;
  if (tar_keep_raw(reader, out->data, out->length, error) < 0)
    return -1;
  if (buffer_append(out, "", 1) < 0)
    return oci_fail(error, NULL, "allocating extended header");
  out->length--;
  return 0;
}

/* 0: done; 1: the stream ended inside the padding, which ends the archive (Go accepts that too). */
static int skip_padding(struct tar_reader *reader, struct oci_error *error)
{
  unsigned char block[TAR_BLOCK];
  size_t wanted = (size_t)reader->padding;
  reader->padding = 0;
  if (wanted == 0)
    return 0;
  ssize_t got = stream_read(reader->stream, block, wanted, error);
  if (got < 0 || tar_keep_raw(reader, block, (size_t)got, error) < 0)
    return -1;
  return (size_t)got < wanted;
}

static int apply_pax(struct tar_entry *entry, struct tar_pax *pax, struct oci_error *error)
{
  if (pax->has_path && set_text(&entry->name, pax->path.data, pax->path.length, error) < 0)
    return -1;
  if (pax->has_link && set_text(&entry->link, pax->link.data, pax->link.length, error) < 0)
    return -1;
  if (pax->has_uid)
    entry->uid = pax->uid;
  if (pax->has_gid)
    entry->gid = pax->gid;
  if (pax->has_size)
    entry->size = pax->size;
  if (pax->has_mtime)
    entry->mtime = pax->mtime;
  if (pax->has_atime)
    entry->atime = pax->atime;
  entry->xattrs = pax->xattrs;
  entry->xattr_count = pax->xattr_count;
  pax->xattrs = NULL;
  pax->xattr_count = 0;
  return 0;
}

static bool earlier(const struct tar_time *a, const struct tar_time *b)
{
  return a->seconds != b->seconds ? a->seconds < b->seconds : a->nanoseconds < b->nanoseconds;
}

static int finish_entry(struct tar_reader *reader, struct tar_entry *entry, struct tar_pax *pax,
                        const struct buffer *long_name, const struct buffer *long_link, unsigned char *block,
                        struct oci_error *error)
{
  if (apply_pax(entry, pax, error) < 0)
    return -1;
  if (long_name->length > 0 && set_text(&entry->name, long_name->data, long_name->length, error) < 0)
    return -1;
  if (long_link->length > 0 && set_text(&entry->link, long_link->data, long_link->length, error) < 0)
    return -1;
  if (entry->type == '\0')
    entry->type = entry->name.length > 0 && entry->name.data[entry->name.length - 1] == '/' ? '5' : '0';
  if (!tar_is_header_only(entry->type) && entry->size < 0)
    return tar_malformed(entry, "negative size", error);
  set_payload(reader, entry);
  if (tar_apply_sparse(reader, entry, pax, block, error) < 0)
    return -1;
  if (tar_is_header_only(entry->type))
    entry->size = 0;
  if (entry->name.length > reader->max_name || entry->link.length > reader->max_name)
    return oci_limit(error, (const char *)entry->name.data, "name of %zu bytes",
                     entry->name.length > reader->max_name ? entry->name.length : entry->link.length);
  if (earlier(&entry->atime, &entry->mtime))
    entry->atime = entry->mtime;
  return 1;
}

static int next_member(struct tar_reader *reader, struct tar_entry *entry, struct tar_pax *pax,
                       struct buffer *long_name, struct buffer *long_link, struct oci_error *error)
{
  unsigned char block[TAR_BLOCK];
  struct buffer meta = {NULL, 0, 0};
  int result = -1;
  for (int headers = 0; headers < MAX_META_HEADERS; headers++) {
    int padded = skip_padding(reader, error);
    if (padded != 0) {
      result = padded < 0 ? -1 : 0;
      goto out;
    }
    int found = read_header(reader, block, error);
    if (found <= 0) {
      result = found;
      goto out;
    }
    if (parse_header(reader, entry, block, error) < 0)
      goto out;
    switch (entry->type) {
    case 'x':
    case 'g':
      if (read_meta(reader, entry, &meta, error) < 0 || tar_pax_parse(pax, meta.data, meta.length, error) < 0)
        goto out;
      if (entry->type == 'x')
        continue;
      /* Handed out as a member of its own, so that tar-split names it; as in Go its records apply to nothing else. */
      if (pax->has_path && set_text(&entry->name, pax->path.data, pax->path.length, error) < 0)
        goto out;
      entry->size = entry->physical = 0;
      result = 1;
      goto out;
    case 'L':
    case 'K': {
      struct buffer *text = entry->type == 'L' ? long_name : long_link;
      if (read_meta(reader, entry, &meta, error) < 0 ||
          set_text(text, meta.data, strlen((const char *)meta.data), error) < 0)
        goto out;
      continue;
    }
    default:
      result = finish_entry(reader, entry, pax, long_name, long_link, block, error);
      goto out;
    }
  }
  oci_limit(error, NULL, "more than %d extended headers for one member", MAX_META_HEADERS);
out:
  buffer_free(&meta);
  return result;
}

int tar_next(struct tar_reader *reader, struct tar_entry *entry, struct oci_error *error)
{
  struct tar_pax pax = {0};
  struct buffer long_name = {NULL, 0, 0}, long_link = {NULL, 0, 0};
  reset_entry(entry);
  tar_pax_reset(&pax);
  int result = next_member(reader, entry, &pax, &long_name, &long_link, error);
  tar_pax_reset(&pax);
  buffer_free(&long_name);
  buffer_free(&long_link);
  return result;
}
