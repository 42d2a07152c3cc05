/* Archives and trees: what linux/archive.py calls. Plain declarations, as in api.h. */

struct oci_unpack_options {
  int whiteouts; /* 0 overlay, 1 fuse-overlayfs, 2 apply, 3 keep */
  const struct oci_id_range *uid_map;
  size_t uid_map_len;
  const struct oci_id_range *gid_map;
  size_t gid_map_len;
  int in_user_namespace;
  int ignore_chown_errors;
  int root_entry; /* apply the metadata of "./" to the root */
  int has_owner;
  uint32_t owner_uid;
  uint32_t owner_gid;
  int force_mask; /* -1: none */
  int tar_split_fd;
  uint64_t max_entries;
  uint64_t max_bytes;
  uint64_t max_name;
  uint64_t max_directories; /* bytes of memory for the directories whose times are set at the end */
};

struct oci_unpack_result {
  uint64_t entries;
  uint64_t bytes;
  uint64_t stream_bytes;
  uint64_t skipped_devices;
  uint64_t ignored_xattrs;
  uint32_t *uids;
  size_t uid_count;
  uint32_t *gids;
  size_t gid_count;
};

/* root_fd -1: read the stream and write tar-split only. */
int oci_unpack(int stream_fd, int root_fd, const struct oci_unpack_options *options,
               struct oci_unpack_result *result, struct oci_error *error);
void oci_unpack_result_free(struct oci_unpack_result *result);

struct oci_pack_options {
  int whiteouts;
  const int *lower_fds;
  size_t lower_count;
  const struct oci_id_range *uid_map;
  size_t uid_map_len;
  const struct oci_id_range *gid_map;
  size_t gid_map_len;
  int in_user_namespace;
  int has_include;
  char **include;
  size_t include_count;
  char **deleted;
  size_t deleted_count;
  const char *prefix;
  int has_owner;
  uint32_t owner_uid;
  uint32_t owner_gid;
  int has_mtime;
  int64_t mtime;
  int has_clamp;
  int64_t clamp_mtime;
  int include_root;
  int subsecond;
  int tar_split_fd;
};

struct oci_pack_result {
  uint64_t entries;
  uint64_t bytes;
  uint64_t stream_bytes;
};

int oci_pack(int root_fd, int out_fd, const struct oci_pack_options *options, struct oci_pack_result *result,
             struct oci_error *error);

/* out_fd -1: verify only. */
int oci_reassemble(int tar_split_fd, const int *roots, size_t root_count, int out_fd, uint64_t *stream_bytes,
                   struct oci_error *error);
