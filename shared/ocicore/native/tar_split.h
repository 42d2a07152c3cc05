/* Writing tar-split's JSON lines (vbatts/tar-split tar/storage): segments of raw bytes, and files by name,
 * size and CRC-64, so that the archive can be put together again bit for bit. */
#ifndef OCI_TAR_SPLIT_H
#define OCI_TAR_SPLIT_H

#include "buffer.h"

struct tar_split {
  int fd;
  struct buffer out;
  uint64_t position;
  struct key_set names; /* upstream's reader refuses a name that comes twice */
};

void tar_split_init(struct tar_split *split, int fd);
/* Written as one or more lines; nothing when there are no bytes. Empties `raw`. */
int tar_split_segment(struct tar_split *split, struct buffer *raw, struct oci_error *error);
/* `name` is as in the archive, `cleaned` without "." and "..". */
int tar_split_file(struct tar_split *split, const struct buffer *name, const char *cleaned, int64_t size,
                   uint64_t crc, struct oci_error *error);
int tar_split_flush(struct tar_split *split, struct oci_error *error);
void tar_split_free(struct tar_split *split);

#endif
