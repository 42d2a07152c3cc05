/* Records of a pax extended header, kept until the member they belong to. */
#ifndef OCI_TAR_PAX_H
#define OCI_TAR_PAX_H

#include "tar_reader.h"

struct tar_pax {
  bool has_path, has_link, has_uid, has_gid, has_size, has_mtime, has_atime;
  struct buffer path;
  struct buffer link;
  int64_t uid, gid, size;
  struct tar_time mtime, atime;
  /* GNU.sparse.* */
  int sparse_major, sparse_minor; /* -1: not given, -2: not a number we know */
  struct buffer sparse_name;
  struct buffer sparse_map; /* "offset,length,…" of formats 0.0 and 0.1 */
  bool has_sparse_size, has_sparse_blocks;
  int64_t sparse_size, sparse_blocks;
  size_t sparse_fields; /* offset/numbytes records of format 0.0 seen */
  struct tar_xattr *xattrs;
  size_t xattr_count;
};

void tar_pax_reset(struct tar_pax *pax);
/* `data` is the body of one 'x' header; replaces what was there. */
int tar_pax_parse(struct tar_pax *pax, const unsigned char *data, size_t length, struct oci_error *error);

bool parse_decimal(const char *text, size_t length, int64_t *value);

#endif
