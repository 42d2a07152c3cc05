/* Reading tar-split's JSON lines: a stream of flat objects. */
#ifndef OCI_TAR_SPLIT_READER_H
#define OCI_TAR_SPLIT_READER_H

#include "buffer.h"
#include "stream.h"

struct tar_split_line {
  int64_t type; /* 1 file, 2 segment */
  int64_t size;
  struct buffer name; /* NUL-terminated; of name or name_raw */
  struct buffer payload;
};

/* 1: a line, 0: the end, -1: failed. */
int tar_split_next(struct stream *stream, struct tar_split_line *line, struct oci_error *error);
void tar_split_line_free(struct tar_split_line *line);

#endif
