/* Trees on disk: what linux/archive.py calls. Plain declarations, as in api.h. */

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

/* Records "Apath\0Cpath\0Dpath\0", sorted by path. */
struct oci_change_list {
  char *data;
  size_t length;
};

int oci_changes_overlay(int upper_fd, const int *lower_fds, size_t lower_count, int in_user_namespace,
                        int whiteouts, struct oci_change_list *out, struct oci_error *error);
int oci_changes_between(int new_fd, int old_fd, struct oci_change_list *out, struct oci_error *error);
void oci_change_list_free(struct oci_change_list *list);
