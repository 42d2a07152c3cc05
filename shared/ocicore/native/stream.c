#include "stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_SIZE ((size_t)512 * 1024)

int stream_open(struct stream *stream, int fd, struct oci_error *error)
{
  memset(stream, 0, sizeof(*stream));
  stream->fd = fd;
  stream->capacity = BUFFER_SIZE;
  stream->data = malloc(BUFFER_SIZE);
  return stream->data ? 0 : oci_fail(error, NULL, "allocating buffer");
}

void stream_from_memory(struct stream *stream, const void *data, size_t length)
{
  memset(stream, 0, sizeof(*stream));
  stream->fd = -1;
  stream->data = (unsigned char *)(uintptr_t)data;
  stream->end = length;
  stream->at_end = true;
}

void stream_close(struct stream *stream)
{
  if (stream->capacity > 0)
    free(stream->data);
  memset(stream, 0, sizeof(*stream));
}

static int fill(struct stream *stream, struct oci_error *error)
{
  if (stream->at_end)
    return 0;
  ssize_t got;
  while ((got = read(stream->fd, stream->data, stream->capacity)) < 0 && errno == EINTR)
    ;
  if (got < 0)
    return oci_fail(error, NULL, "reading the stream");
  stream->position = 0;
  stream->end = (size_t)got;
  stream->at_end = got == 0;
  return got > 0;
}

ssize_t stream_take(struct stream *stream, size_t wanted, const unsigned char **data, struct oci_error *error)
{
  if (stream->position == stream->end) {
    int filled = fill(stream, error);
    if (filled <= 0)
      return filled;
  }
  size_t given = stream->end - stream->position;
  if (given > wanted)
    given = wanted;
  *data = stream->data + stream->position;
  stream->position += given;
  stream->total += given;
  return (ssize_t)given;
}

ssize_t stream_read(struct stream *stream, void *out, size_t wanted, struct oci_error *error)
{
  size_t done = 0;
  while (done < wanted) {
    const unsigned char *data;
    ssize_t got = stream_take(stream, wanted - done, &data, error);
    if (got < 0)
      return -1;
    if (got == 0)
      break;
    memcpy((unsigned char *)out + done, data, (size_t)got);
    done += (size_t)got;
  }
  return (ssize_t)done;
}

int write_all(int fd, const void *data, size_t length)
{
  const unsigned char *bytes = data;
  while (length > 0) {
    ssize_t written = write(fd, bytes, length);
    if (written < 0) {
      if (errno == EINTR)
        continue;
      return -1;
    }
    bytes += written;
    length -= (size_t)written;
  }
  return 0;
}
