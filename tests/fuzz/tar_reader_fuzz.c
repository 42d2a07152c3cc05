/* libFuzzer target: any bytes through the tar reader, the name cleaner and the tar-split writer and back through its
 * reader. What tar-split recorded must give the stream again wherever the reader got to its end. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crc64.h"
#include "root_path.h"
#include "tar_reader.h"
#include "tar_split.h"
#include "tar_split_reader.h"

static int null_fd = -1;

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
  (void)count;
  (void)arguments;
  null_fd = open("/dev/null", O_WRONLY);
  return 0;
}

static void check_name(const struct buffer *name)
{
  char *cleaned = malloc(name->length + 2);
  if (cleaned == NULL)
    abort();
  if (clean_path((const char *)name->data, name->length, cleaned)) {
    size_t parent_length;
    const char *base = base_name(cleaned, &parent_length);
    if (cleaned[0] == '/' || cleaned[0] == '\0' || strcmp(base, "..") == 0 || strstr(cleaned, "/../"))
      abort();
  }
  free(cleaned);
}

/* One entry: its data counted, its extents inside its size. */
static void check_entry(struct tar_reader *reader, const struct tar_entry *entry, struct tar_split *split,
                        struct buffer *raw, struct buffer *files, struct oci_error *error, bool *ok)
{
  const unsigned char *piece;
  uint64_t crc = 0;
  int64_t seen = 0;
  ssize_t got;
  if (entry->name.data == NULL || entry->name.data[entry->name.length] != '\0' || entry->physical < 0)
    abort();
  for (size_t i = 0; i < entry->extent_count; i++)
    if (entry->extents[i].offset + entry->extents[i].length > entry->size)
      abort();
  check_name(&entry->name);
  check_name(&entry->link);
  if (tar_split_segment(split, raw, error) < 0)
    abort();
  while ((got = tar_payload(reader, &piece, error)) > 0) {
    crc = crc64_iso(crc, piece, (size_t)got);
    seen += got;
    if (buffer_append(files, piece, (size_t)got) < 0)
      abort();
  }
  *ok = got == 0;
  if (*ok && seen != entry->physical)
    abort();
  /* Every name its own: duplicates are another test's subject. */
  char unique[32];
  snprintf(unique, sizeof(unique), "%llu", (unsigned long long)split->position);
  if (*ok && tar_split_file(split, &entry->name, unique, entry->physical, crc, error) < 0)
    abort();
}

static void check_round_trip(const struct buffer *lines, const struct buffer *files, const uint8_t *data, size_t size)
{
  struct stream stream;
  struct tar_split_line line = {0};
  struct oci_error error = {0};
  size_t at = 0, file_at = 0;
  int more;
  stream_from_memory(&stream, lines->data, lines->length);
  while ((more = tar_split_next(&stream, &line, &error)) > 0) {
    const unsigned char *piece = line.payload.data;
    size_t length = line.payload.length;
    if (line.type == 1) {
      piece = files->data ? files->data + file_at : NULL;
      length = (size_t)line.size;
      file_at += length;
    }
    if (at + length > size || (length > 0 && memcmp(piece, data + at, length) != 0))
      abort();
    at += length;
  }
  if (more < 0 || at != size)
    abort();
  tar_split_line_free(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct stream stream;
  struct tar_reader reader;
  struct tar_entry entry = {0};
  struct buffer raw = {NULL, 0, 0}, files = {NULL, 0, 0};
  struct oci_error error = {0};
  struct tar_split split;
  bool ok = true;
  int more = 0;

  stream_from_memory(&stream, data, size);
  tar_split_init(&split, null_fd);
  tar_reader_init(&reader, &stream, &raw, 4095);
  for (int count = 0; ok && count < 1000 && (more = tar_next(&reader, &entry, &error)) > 0; count++)
    check_entry(&reader, &entry, &split, &raw, &files, &error, &ok);
  if (ok && more == 0) {
    const unsigned char *rest;
    ssize_t got;
    while ((got = stream_take(&stream, 4096, &rest, &error)) > 0)
      if (buffer_append(&raw, rest, (size_t)got) < 0)
        abort();
    if (tar_split_segment(&split, &raw, &error) < 0)
      abort();
    check_round_trip(&split.out, &files, data, size);
  } else if (!ok || more < 0) {
    if (error.kind == OCI_OK)
      abort();
  }
  tar_entry_free(&entry);
  tar_split_free(&split);
  buffer_free(&raw);
  buffer_free(&files);
  return 0;
}
