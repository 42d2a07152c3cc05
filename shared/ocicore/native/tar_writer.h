/* Writing tar: ustar headers, pax records only for what ustar cannot say. The same entry gives the same bytes. */
#ifndef OCI_TAR_WRITER_H
#define OCI_TAR_WRITER_H

#include "buffer.h"
#include "tar_reader.h"
#include "tar_split.h"

struct tar_writer {
  int fd;
  unsigned char *out;
  size_t used;
  uint64_t total;
  struct tar_split *split; /* NULL when not asked for */
  struct buffer raw;       /* headers and padding since the last line of tar-split */
  struct buffer records;   /* pax */
  struct oci_error *error;
};

int tar_writer_open(struct tar_writer *writer, int fd, struct tar_split *split, struct oci_error *error);
void tar_writer_close(struct tar_writer *writer);
/* `entry->xattrs` must be sorted by name; `entry->size` is the length of the data to come. */
int tar_write_header(struct tar_writer *writer, const struct tar_entry *entry);
/* `crc` of the data, for tar-split. */
int tar_write_data(struct tar_writer *writer, const void *data, size_t length);
int tar_finish_entry(struct tar_writer *writer, const struct tar_entry *entry, uint64_t crc);
int tar_write_end(struct tar_writer *writer);

#endif
