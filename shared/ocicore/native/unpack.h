/* The state of one unpack, shared by its concerns: the loop over members (unpack.c), where one goes (unpack_place.c),
 * making it (unpack_member.c) and deletions (unpack_whiteout.c). */
#ifndef OCI_UNPACK_H
#define OCI_UNPACK_H

#include <sys/stat.h>

#include "root_path.h"
#include "tar_reader.h"
#include "tar_split.h"

enum { WHITEOUTS_OVERLAY = 0, WHITEOUTS_FUSE = 1, WHITEOUTS_APPLY = 2, WHITEOUTS_KEEP = 3 };

#define WHITEOUT_PREFIX ".wh."
#define WHITEOUT_META ".wh..wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"

struct directory_times {
  char *path; /* cleaned */
  struct timespec times[2];
  mode_t mode;
  bool set_mode;
};

struct unpacker {
  const struct oci_unpack_options *options;
  struct oci_unpack_result *result;
  struct oci_error *error;
  struct tar_reader reader;
  struct tar_split *split; /* NULL when not asked for */
  struct buffer *raw;
  struct root root;
  const char *opaque_xattr;
  struct directory_times *directories;
  size_t directory_count;
  size_t directory_capacity;
  uint64_t directory_bytes;
  struct key_set made; /* inodes made by this archive; only "apply" asks */
  struct buffer cleaned;
  struct buffer link;
};

/* What a member becomes, resolved. */
struct place {
  const char *path;  /* cleaned, whole */
  const char *name;  /* its last component */
  int parent_fd;     /* valid until the next resolution */
  uint32_t uid, gid; /* on the host */
};

/* The parent's descriptor, made when missing; -1 with the error filled, -2 when something else is in the way and
 * `quiet`. */
int unpack_parent(struct unpacker *unpacker, const char *cleaned, size_t parent_length, bool quiet);
/* Remove what is at a place, so that it can be made again. */
int unpack_clear(struct unpacker *unpacker, const struct place *place);
int unpack_member(struct unpacker *unpacker, struct tar_entry *entry, struct place *place, bool *stored);
int unpack_root_entry(struct unpacker *unpacker, struct tar_entry *entry, const struct place *place);
int unpack_directory_times(struct unpacker *unpacker);
int unpack_remember(struct unpacker *unpacker, const struct place *place);

/* 1: it was one and is done; 0: an ordinary member. */
int unpack_whiteout(struct unpacker *unpacker, struct tar_entry *entry, struct place *place);

bool unpack_is_whiteout_device(const struct stat *facts);

#endif
