/* Archives and trees: what linux/archive.py calls. Plain declarations, as in api.h. */

struct oci_unpack_options {
  int whiteouts; /* 0 overlay, 1 fuse-overlayfs, 2 apply, 3 keep */
  const struct oci_id_range *uid_map;
  size_t uid_map_len;
  const struct oci_id_range *gid_map;
  size_t gid_map_len;
  int in_user_namespace;
  int ignore_chown_errors;
  int has_owner;
  uint32_t owner_uid;
  uint32_t owner_gid;
  int force_mask; /* -1: none */
  int tar_split_fd;
  uint64_t max_entries;
  uint64_t max_bytes;
  uint64_t max_name;
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

/* Records "Apath\0Cpath\0Dpath\0", sorted by path. */
struct oci_change_list {
  char *data;
  size_t length;
};

int oci_changes_overlay(int upper_fd, const int *lower_fds, size_t lower_count, int in_user_namespace,
                        int whiteouts, struct oci_change_list *out, struct oci_error *error);
int oci_changes_between(int new_fd, int old_fd, struct oci_change_list *out, struct oci_error *error);
void oci_change_list_free(struct oci_change_list *list);

struct oci_copy_options {
  const struct oci_id_range *uid_from;
  size_t uid_from_len;
  const struct oci_id_range *uid_to;
  size_t uid_to_len;
  const struct oci_id_range *gid_from;
  size_t gid_from_len;
  const struct oci_id_range *gid_to;
  size_t gid_to_len;
  int has_owner;
  uint32_t owner_uid;
  uint32_t owner_gid;
  int reflink;
  int in_user_namespace;
};

struct oci_usage {
  uint64_t bytes;
  uint64_t inodes;
};

int oci_copy_tree(int source_fd, int target_fd, const struct oci_copy_options *options, struct oci_usage *usage,
                  struct oci_error *error);
int oci_chown_tree(int root_fd, const struct oci_copy_options *options, struct oci_error *error);
int oci_remove_tree(int parent_fd, const char *name, struct oci_error *error);
int oci_tree_usage(int root_fd, struct oci_usage *usage, struct oci_error *error);
