#include "tar_writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "root_path.h"

#define OUT_SIZE ((size_t)256 * 1024)
/* What fits the octal fields of 8 and 12 characters. */
#define MAX_ID 07777777
#define MAX_SIZE 077777777777

int tar_writer_open(struct tar_writer *writer, int fd, struct tar_split *split, struct oci_error *error)
{
  memset(writer, 0, sizeof(*writer));
  writer->fd = fd;
  writer->split = split;
  writer->error = error;
  writer->out = malloc(OUT_SIZE);
  return writer->out ? 0 : oci_fail(error, NULL, "allocating");
}

void tar_writer_close(struct tar_writer *writer)
{
  free(writer->out);
  buffer_free(&writer->raw);
  buffer_free(&writer->records);
}

static int flush(struct tar_writer *writer)
{
  if (write_all(writer->fd, writer->out, writer->used) < 0)
    return oci_fail(writer->error, NULL, "writing the archive");
  writer->used = 0;
  return 0;
}

int tar_write_data(struct tar_writer *writer, const void *data, size_t length)
{
  const unsigned char *bytes = data;
  writer->total += length;
  while (length > 0) {
    size_t piece = OUT_SIZE - writer->used < length ? OUT_SIZE - writer->used : length;
    memcpy(writer->out + writer->used, bytes, piece);
    writer->used += piece;
    bytes += piece;
    length -= piece;
    if (writer->used == OUT_SIZE && flush(writer) < 0)
      return -1;
  }
  return 0;
}

/* Bytes that are no file content. */
static int put_raw(struct tar_writer *writer, const void *data, size_t length)
{
  if (writer->split && buffer_append(&writer->raw, data, length) < 0)
    return oci_fail(writer->error, NULL, "allocating");
  return tar_write_data(writer, data, length);
}

static int pad(struct tar_writer *writer, uint64_t length)
{
  static const unsigned char zeros[TAR_BLOCK];
  return put_raw(writer, zeros, (size_t)((TAR_BLOCK - length % TAR_BLOCK) % TAR_BLOCK));
}

static void put_octal(unsigned char *field, size_t length, uint64_t value)
{
  char text[24];
  snprintf(text, sizeof(text), "%0*" PRIo64, (int)length - 1, value);
  memcpy(field, text, length - 1);
}

static void put_checksum(unsigned char *block)
{
  unsigned int sum = 0;
  char text[8];
  memset(block + 148, ' ', 8);
  for (size_t i = 0; i < TAR_BLOCK; i++)
    sum += block[i];
  snprintf(text, sizeof(text), "%06o", sum);
  memcpy(block + 148, text, 7); /* six digits, NUL; the space stays */
}

static bool is_ascii(const struct buffer *text)
{
  for (size_t i = 0; i < text->length; i++)
    if (text->data[i] >= 0x80)
      return false;
  return true;
}

/* Where to cut a name for ustar's prefix field; 0: it fits whole; SIZE_MAX: it does not fit. */
static size_t prefix_cut(const struct buffer *name)
{
  if (name->length <= 100)
    return 0;
  /* The slash of a directory's name at the end must stay with the last part. */
  for (size_t i = 1; i < name->length - 1 && i <= 155; i++)
    if (name->data[i] == '/' && name->length - i - 1 <= 100)
      return i;
  return SIZE_MAX;
}

static int add_record(struct tar_writer *writer, const char *key, const void *value, size_t length)
{
  char number[24], again[24];
  size_t body = strlen(key) + length + 3;
  /* The length counts its own digits. */
  int digits = snprintf(number, sizeof(number), "%zu", body);
  size_t total = body + (size_t)digits;
  digits = snprintf(again, sizeof(again), "%zu", total);
  if ((size_t)digits != strlen(number)) {
    total = body + (size_t)digits;
    snprintf(again, sizeof(again), "%zu", total);
  }
  struct buffer *records = &writer->records;
  if (buffer_append(records, again, strlen(again)) < 0 || buffer_append(records, " ", 1) < 0 ||
      buffer_append(records, key, strlen(key)) < 0 || buffer_append(records, "=", 1) < 0 ||
      buffer_append(records, value, length) < 0 || buffer_append(records, "\n", 1) < 0)
    return oci_fail(writer->error, NULL, "allocating");
  return 0;
}

static int add_number(struct tar_writer *writer, const char *key, int64_t value)
{
  char text[24];
  snprintf(text, sizeof(text), "%" PRId64, value);
  return add_record(writer, key, text, strlen(text));
}

static int add_time(struct tar_writer *writer, const char *key, const struct tar_time *time)
{
  char text[48];
  int64_t seconds = time->seconds;
  long nanoseconds = time->nanoseconds;
  const char *sign = "";
  if (seconds < 0) {
    sign = "-";
    seconds = -seconds;
    if (nanoseconds > 0) {
      seconds--;
      nanoseconds = 1000000000 - nanoseconds;
    }
  }
  int length = snprintf(text, sizeof(text), "%s%" PRId64 ".%09ld", sign, seconds, nanoseconds);
  while (text[length - 1] == '0')
    length--;
  if (text[length - 1] == '.')
    length--;
  return add_record(writer, key, text, (size_t)length);
}

static int collect_records(struct tar_writer *writer, const struct tar_entry *entry)
{
  writer->records.length = 0;
  if (entry->gid > MAX_ID && add_number(writer, "gid", entry->gid) < 0)
    return -1;
  if ((entry->link.length > 100 || !is_ascii(&entry->link)) &&
      add_record(writer, "linkpath", entry->link.data, entry->link.length) < 0)
    return -1;
  bool odd_time = entry->mtime.nanoseconds != 0 || entry->mtime.seconds < 0 || entry->mtime.seconds > MAX_SIZE;
  if (odd_time && add_time(writer, "mtime", &entry->mtime) < 0)
    return -1;
  if ((!is_ascii(&entry->name) || prefix_cut(&entry->name) == SIZE_MAX) &&
      add_record(writer, "path", entry->name.data, entry->name.length) < 0)
    return -1;
  for (size_t i = 0; i < entry->xattr_count; i++) {
    const struct tar_xattr *xattr = &entry->xattrs[i];
    char key[320];
    snprintf(key, sizeof(key), "SCHILY.xattr.%s", xattr->name);
    if (add_record(writer, key, xattr->value, xattr->length) < 0)
      return -1;
  }
  if (entry->size > MAX_SIZE && add_number(writer, "size", entry->size) < 0)
    return -1;
  if (entry->uid > MAX_ID && add_number(writer, "uid", entry->uid) < 0)
    return -1;
  return 0;
}

static void start_block(unsigned char *block, char type)
{
  memset(block, 0, TAR_BLOCK);
  memcpy(block + 257, "ustar\00000", 8);
  block[156] = (unsigned char)type;
}

/* Readers take the record; the field gets as much as is plain text. */
static void put_plain(unsigned char *field, size_t space, const struct buffer *text)
{
  size_t used = 0;
  for (size_t i = 0; i < text->length && used < space; i++)
    if (text->data[i] < 0x80)
      field[used++] = text->data[i];
  while (text->length > space && used > 1 && field[used - 1] == '/')
    field[--used] = 0;
}

static int write_pax(struct tar_writer *writer, const struct tar_entry *entry)
{
  unsigned char block[TAR_BLOCK];
  struct buffer name = {NULL, 0, 0};
  start_block(block, 'x');
  if (buffer_append(&name, "PaxHeaders.0/", 13) < 0 ||
      buffer_append(&name, entry->name.data, entry->name.length) < 0) {
    buffer_free(&name);
    return oci_fail(writer->error, NULL, "allocating");
  }
  put_plain(block, 100, &name);
  buffer_free(&name);
  put_octal(block + 100, 8, 0);
  put_octal(block + 108, 8, 0);
  put_octal(block + 116, 8, 0);
  put_octal(block + 124, 12, writer->records.length);
  put_octal(block + 136, 12, 0);
  put_checksum(block);
  if (put_raw(writer, block, TAR_BLOCK) < 0 ||
      put_raw(writer, writer->records.data, writer->records.length) < 0)
    return -1;
  return pad(writer, writer->records.length);
}

int tar_write_header(struct tar_writer *writer, const struct tar_entry *entry)
{
  unsigned char block[TAR_BLOCK];
  if (collect_records(writer, entry) < 0 || (writer->records.length > 0 && write_pax(writer, entry) < 0))
    return -1;
  start_block(block, entry->type);
  size_t cut = prefix_cut(&entry->name);
  if (cut == SIZE_MAX || !is_ascii(&entry->name)) {
    put_plain(block, 100, &entry->name);
  } else if (cut == 0) {
    memcpy(block, entry->name.data, entry->name.length);
  } else {
    memcpy(block + 345, entry->name.data, cut);
    memcpy(block, entry->name.data + cut + 1, entry->name.length - cut - 1);
  }
  put_plain(block + 157, 100, &entry->link);
  put_octal(block + 100, 8, entry->mode);
  put_octal(block + 108, 8, entry->uid > MAX_ID ? 0 : (uint64_t)entry->uid);
  put_octal(block + 116, 8, entry->gid > MAX_ID ? 0 : (uint64_t)entry->gid);
  put_octal(block + 124, 12, entry->size > MAX_SIZE ? 0 : (uint64_t)entry->size);
  bool plain_time = entry->mtime.seconds >= 0 && entry->mtime.seconds <= MAX_SIZE;
  put_octal(block + 136, 12, plain_time ? (uint64_t)entry->mtime.seconds : 0);
  if (entry->type == '3' || entry->type == '4') {
    put_octal(block + 329, 8, (uint64_t)entry->device_major & MAX_ID);
    put_octal(block + 337, 8, (uint64_t)entry->device_minor & MAX_ID);
  } else {
    put_octal(block + 329, 8, 0);
    put_octal(block + 337, 8, 0);
  }
  put_checksum(block);
  if (put_raw(writer, block, TAR_BLOCK) < 0)
    return -1;
  return writer->split ? tar_split_segment(writer->split, &writer->raw, writer->error) : 0;
}

int tar_finish_entry(struct tar_writer *writer, const struct tar_entry *entry, uint64_t crc)
{
  if (writer->split) {
    struct buffer cleaned = {NULL, 0, 0};
    if (buffer_reserve(&cleaned, entry->name.length + 2) < 0)
      return oci_fail(writer->error, NULL, "allocating");
    clean_path((const char *)entry->name.data, entry->name.length, (char *)cleaned.data);
    int result = tar_split_file(writer->split, &entry->name, (const char *)cleaned.data, entry->size, crc,
                                writer->error);
    buffer_free(&cleaned);
    if (result < 0)
      return -1;
  }
  return pad(writer, (uint64_t)entry->size);
}

int tar_write_end(struct tar_writer *writer)
{
  static const unsigned char zeros[TAR_BLOCK * 2];
  if (put_raw(writer, zeros, sizeof(zeros)) < 0 || flush(writer) < 0)
    return -1;
  if (writer->split && (tar_split_segment(writer->split, &writer->raw, writer->error) < 0 ||
                        tar_split_flush(writer->split, writer->error) < 0))
    return -1;
  return 0;
}
