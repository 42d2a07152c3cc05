/* What the tar reader and its sparse part share. */
#ifndef OCI_TAR_SPARSE_H
#define OCI_TAR_SPARSE_H

#include "tar_pax.h"

enum tar_format { FORMAT_V7, FORMAT_USTAR, FORMAT_STAR, FORMAT_GNU };

enum tar_format tar_format_of(const unsigned char *block);
/* Octal, or base-256 (two's complement, first bit set). */
bool tar_parse_number(const unsigned char *field, size_t length, int64_t *value);
bool tar_is_header_only(char type);
int tar_malformed(struct tar_entry *entry, const char *what, struct oci_error *error);
/* Bytes that are no payload, for tar-split. */
int tar_keep_raw(struct tar_reader *reader, const void *data, size_t length, struct oci_error *error);

/* Fill the entry's extents when it is a sparse file; `block` is its header, and is overwritten. */
int tar_apply_sparse(struct tar_reader *reader, struct tar_entry *entry, const struct tar_pax *pax,
                     unsigned char *block, struct oci_error *error);

#endif
