/* Trees on disk: what linux/archive.py calls. Plain declarations, as in api.h. */

int oci_remove_tree(int parent_fd, const char *name, struct oci_error *error);
