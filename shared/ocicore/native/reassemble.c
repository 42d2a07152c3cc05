/* A layer's tar stream put together again from tar-split's lines and the unpacked files, verified on the way. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crc64.h"
#include "root_path.h"
#include "stream.h"
#include "tar_split_reader.h"

#define OUT_SIZE ((size_t)256 * 1024)

struct assembler {
  struct root *roots;
  size_t root_count;
  int out_fd;
  unsigned char *out;
  size_t used;
  uint64_t total;
  struct buffer cleaned;
  struct oci_error *error;
};

static int flush(struct assembler *assembler)
{
  if (assembler->out_fd >= 0 && write_all(assembler->out_fd, assembler->out, assembler->used) < 0)
    return oci_fail(assembler->error, NULL, "writing the stream");
  assembler->used = 0;
  return 0;
}

static int put(struct assembler *assembler, const unsigned char *data, size_t length)
{
  assembler->total += length;
  while (length > 0) {
    size_t piece = OUT_SIZE - assembler->used < length ? OUT_SIZE - assembler->used : length;
    memcpy(assembler->out + assembler->used, data, piece);
    assembler->used += piece;
    data += piece;
    length -= piece;
    if (assembler->used == OUT_SIZE && flush(assembler) < 0)
      return -1;
  }
  return 0;
}

static int open_file(struct assembler *assembler, const char *cleaned)
{
  size_t parent_length;
  const char *name = base_name(cleaned, &parent_length);
  errno = ENOENT;
  for (size_t i = 0; i < assembler->root_count; i++) {
    int parent = root_directory(&assembler->roots[i], cleaned, parent_length);
    /* Never wait for a pipe, never follow a last link: a file was recorded. */
    int fd = parent < 0 ? -1 : openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0)
      return fd;
    if (errno != ENOENT && errno != ENOTDIR)
      break;
  }
  if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)
    return oci_corrupted(assembler->error, cleaned, "the file is missing");
  return oci_fail(assembler->error, cleaned, "opening");
}

static int put_file(struct assembler *assembler, const struct tar_split_line *line)
{
  struct stat facts;
  uint64_t crc = 0, wanted = 0;
  const char *name = (const char *)line->name.data;
  if (line->payload.length != 8)
    return oci_corrupted(assembler->error, name, "tar-split has no checksum for it");
  for (int i = 0; i < 8; i++)
    wanted = wanted << 8 | line->payload.data[i];
  assembler->cleaned.length = 0;
  if (buffer_reserve(&assembler->cleaned, line->name.length + 2) < 0)
    return oci_fail(assembler->error, name, "allocating");
  char *cleaned = (char *)assembler->cleaned.data;
  if (!clean_path(name, line->name.length, cleaned))
    return oci_corrupted(assembler->error, name, "name outside of the root");
  int fd = open_file(assembler, cleaned);
  if (fd < 0)
    return -1;
  int result = -1;
  if (fstat(fd, &facts) < 0) {
    oci_fail(assembler->error, cleaned, "examining");
    goto out;
  }
  if (!S_ISREG(facts.st_mode) || facts.st_size != line->size) {
    oci_corrupted(assembler->error, cleaned, "its size differs from the layer's");
    goto out;
  }
  int64_t left = line->size;
  while (left > 0) {
    /* Small files share the buffer with the headers around them. */
    size_t space = OUT_SIZE - assembler->used;
    ssize_t got = read(fd, assembler->out + assembler->used, (int64_t)space < left ? space : (size_t)left);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0) {
      oci_fail(assembler->error, cleaned, "reading");
      goto out;
    }
    if (got == 0) {
      oci_corrupted(assembler->error, cleaned, "it shrank while being read");
      goto out;
    }
    crc = crc64_iso(crc, assembler->out + assembler->used, (size_t)got);
    assembler->used += (size_t)got;
    assembler->total += (uint64_t)got;
    left -= got;
    if (assembler->used == OUT_SIZE && flush(assembler) < 0)
      goto out;
  }
  result = crc == wanted ? 0 : oci_corrupted(assembler->error, cleaned, "its content differs from the layer's: file integrity checksum failed");
out:
  close(fd);
  return result;
}

static int assemble(struct assembler *assembler, struct stream *stream)
{
  struct tar_split_line line = {0};
  int more, result = 0;
  while (result == 0 && (more = tar_split_next(stream, &line, assembler->error)) != 0) {
    if (more < 0)
      result = -1;
    else if (line.type == 2)
      result = put(assembler, line.payload.data, line.payload.length);
    else if (line.type != 1 || line.size < 0)
      result = oci_corrupted(assembler->error, NULL, "unknown kind of tar-split line");
    else if (line.size > 0)
      result = put_file(assembler, &line);
  }
  tar_split_line_free(&line);
  return result == 0 ? flush(assembler) : -1;
}

int oci_reassemble(int tar_split_fd, const int *roots, size_t root_count, int out_fd, uint64_t *stream_bytes,
                   struct oci_error *error)
{
  struct stream stream;
  struct assembler assembler = {.root_count = root_count, .out_fd = out_fd, .error = error};
  if (stream_open(&stream, tar_split_fd, error) < 0)
    return -1;
  assembler.out = malloc(OUT_SIZE);
  assembler.roots = calloc(root_count ? root_count : 1, sizeof(*assembler.roots));
  int result = -1;
  if (assembler.out == NULL || assembler.roots == NULL) {
    oci_fail(error, NULL, "allocating");
  } else {
    for (size_t i = 0; i < root_count; i++)
      root_init(&assembler.roots[i], roots[i]);
    result = assemble(&assembler, &stream);
    for (size_t i = 0; i < root_count; i++)
      root_forget(&assembler.roots[i]);
  }
  *stream_bytes = assembler.total;
  buffer_free(&assembler.cleaned);
  free(assembler.roots);
  free(assembler.out);
  stream_close(&stream);
  return result;
}
