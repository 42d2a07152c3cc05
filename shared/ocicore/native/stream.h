/* Buffered reading of a descriptor, and writing all of a run of bytes. */
#ifndef OCI_STREAM_H
#define OCI_STREAM_H

#include "native.h"

struct stream {
  int fd;
  unsigned char *data;
  size_t position;
  size_t end;
  size_t capacity;
  uint64_t total; /* bytes handed out */
  bool at_end;
};

int stream_open(struct stream *stream, int fd, struct oci_error *error);
/* The same over bytes in memory (fuzzing, embedded maps); nothing is copied or freed. */
void stream_from_memory(struct stream *stream, const void *data, size_t length);
void stream_close(struct stream *stream);

/* Hand out up to `wanted` bytes as they lie in the buffer; 0 at the end of file, -1 on failure. */
ssize_t stream_take(struct stream *stream, size_t wanted, const unsigned char **data, struct oci_error *error);
/* Copy `wanted` bytes; returns how many there were before the end of file, -1 on failure. */
ssize_t stream_read(struct stream *stream, void *out, size_t wanted, struct oci_error *error);

/* 0, or -1 with errno. */
int write_all(int fd, const void *data, size_t length);

#endif
