/* What Python sees of the C helper. Read twice: by the C compiler (through native.h) and by cffi's
 * parser in build_native.py, so it holds plain declarations only: no preprocessor, no attributes.
 * Functions return -1 on failure; those with a struct oci_error fill it, the others set errno. */

enum { OCI_OK = 0, OCI_SYSTEM = 1, OCI_CORRUPTED = 2, OCI_LIMIT = 3 };

struct oci_error {
  int kind;        /* OCI_SYSTEM … */
  int number;      /* errno, 0 where there is none */
  char what[160];  /* what was being done, or what is wrong */
  char path[1024]; /* the entry concerned, shortened when longer */
};

struct oci_id_range {
  uint32_t container_id;
  uint32_t host_id;
  uint32_t size;
};

/* ---- syscalls.c: calls that Python 3.11 has no wrapper for ---- */

int oci_mount(const char *source, const char *target, const char *fstype, unsigned long flags, const char *data);
int oci_umount(const char *target, int flags);
int oci_setns(int fd, int kind);
int oci_unshare(int flags);
int oci_open_in_root(int root_fd, const char *path, int flags, unsigned int mode, uint64_t resolve);
int oci_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
int oci_capget(uint64_t *effective, uint64_t *permitted, uint64_t *inheritable);
int oci_capset(uint64_t effective, uint64_t permitted, uint64_t inheritable);
int oci_syncfs(int fd);
int64_t oci_fs_magic(const char *path);
int oci_renameat2(int old_dir, const char *old_name, int new_dir, const char *new_name, unsigned int flags);
int oci_close_range(unsigned int first, unsigned int last, unsigned int flags);

/* ---- password.c: hashes of the system's libcrypt; ENOSYS without the library, EINVAL for an unknown setting ---- */

int oci_crypt(const char *phrase, const char *setting, char *out, size_t size);

/* ---- mounts.c: the mount API of Linux 5.2 and later ---- */

int oci_open_tree(int dir_fd, const char *path, unsigned int flags);
int oci_move_mount(int from_fd, const char *from, int to_fd, const char *to, unsigned int flags);
int oci_mount_setattr(int dir_fd, const char *path, unsigned int flags, uint64_t set, uint64_t clear,
                      uint64_t propagation, int userns_fd);
int oci_overlay_fsopen(const char *target, const char *const *lowers, size_t lower_count, const char *upper,
                       const char *work, const char *const *options, size_t option_count,
                       unsigned int attributes, struct oci_error *error);
int oci_overlay_by_fd(const char *target, const char *const *lowers, size_t lower_count, const char *upper,
                      const char *work, const char *options, unsigned long flags, struct oci_error *error);

/* ---- userns.c: processes that hold namespaces open ---- */

int oci_namespace_child(int flags, int *sync_fd, struct oci_error *error);
int oci_namespace_child_finish(int sync_fd, struct oci_error *error);

/* ---- guard.c: commands that end with us ---- */

int oci_guarded(const char *const *argv, const char *const *env, const char *const *after, const int *numbers,
                const int *sources, size_t count, int *pid, struct oci_error *error);
