/* Reading tar: ustar, pax, GNU. What is accepted and what a member is called follows Go's archive/tar, because
 * containers/storage and tar-split are written with it, and both must see the same members. */
#ifndef OCI_TAR_READER_H
#define OCI_TAR_READER_H

#include "buffer.h"
#include "stream.h"

#define TAR_BLOCK 512

struct tar_xattr {
  char *name;
  unsigned char *value;
  size_t length;
};

struct tar_extent {
  int64_t offset;
  int64_t length;
};

struct tar_time {
  int64_t seconds;
  long nanoseconds;
};

struct tar_entry {
  char type; /* '0' file, '1' hard link, '2' symlink, '3' char, '4' block, '5' dir, '6' fifo, 'g' global header … */
  struct buffer name; /* NUL-terminated, as in the archive */
  struct buffer link;
  uint32_t mode; /* permission bits and set-id/sticky */
  int64_t uid;
  int64_t gid;
  int64_t size;     /* of the file made of it, holes included */
  int64_t physical; /* of the data that follows in the stream */
  struct tar_time mtime;
  struct tar_time atime; /* never before mtime */
  int64_t device_major;
  int64_t device_minor;
  struct tar_xattr *xattrs;
  size_t xattr_count;
  bool sparse;
  struct tar_extent *extents;
  size_t extent_count;
};

struct tar_reader {
  struct stream *stream;
  struct buffer *raw; /* receives every byte that is no payload; NULL when nobody asks */
  int64_t remaining;  /* payload not handed out yet */
  int64_t padding;
  size_t max_name;
};

void tar_reader_init(struct tar_reader *reader, struct stream *stream, struct buffer *raw, size_t max_name);
/* 1: an entry, 0: the end of the archive, -1: failed. The payload before must have been taken. */
int tar_next(struct tar_reader *reader, struct tar_entry *entry, struct oci_error *error);
/* Next piece of the entry's data; 0 when there is no more. Ending too early is a failure. */
ssize_t tar_payload(struct tar_reader *reader, const unsigned char **data, struct oci_error *error);
void tar_entry_free(struct tar_entry *entry);

#endif
