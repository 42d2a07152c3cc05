/* Where a member goes: its parent directory, made when missing, and the way cleared of what is there. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tree.h"
#include "unpack.h"

bool unpack_is_whiteout_device(const struct stat *facts)
{
  return S_ISCHR(facts->st_mode) && facts->st_rdev == 0;
}

int unpack_remember(struct unpacker *unpacker, const struct place *place)
{
  struct stat facts;
  if (unpacker->options->whiteouts != WHITEOUTS_APPLY)
    return 0;
  if (fstatat(place->parent_fd, place->name, &facts, AT_SYMLINK_NOFOLLOW) < 0)
    return oci_fail(unpacker->error, place->path, "examining");
  return key_set_add(&unpacker->made, facts.st_ino) < 0 ? oci_fail(unpacker->error, place->path, "allocating") : 0;
}

static int make_parent(struct unpacker *unpacker, int above_fd, const char *path, const char *name)
{
  struct place place = {.path = path, .name = name, .parent_fd = above_fd};
  const struct oci_unpack_options *options = unpacker->options;
  if (mkdirat(above_fd, name, 0755) < 0) {
    struct stat facts;
    if (errno != EEXIST || fstatat(above_fd, name, &facts, AT_SYMLINK_NOFOLLOW) < 0 ||
        !unpack_is_whiteout_device(&facts) || options->whiteouts != WHITEOUTS_OVERLAY)
      return -1;
    /* ".wh.a" and then "a/b": what lies below is hidden, what this layer brings is there. */
    if (unlinkat(above_fd, name, 0) < 0 || mkdirat(above_fd, name, 0755) < 0)
      return -1;
    int fd = openat(above_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
      return -1;
    int set = fsetxattr(fd, unpacker->opaque_xattr, "y", 1, 0);
    close(fd);
    if (set < 0)
      return -1;
  }
  /* Implicit parents belong to the container's root; the mode must not depend on the caller's umask. */
  uint32_t uid = 0, gid = 0;
  int fd = openat(above_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0)
    return -1;
  int result = fchmod(fd, 0755);
  if (options->has_owner) {
    result = result < 0 ? -1 : fchown(fd, options->owner_uid, options->owner_gid);
  } else if (options->uid_map_len > 0 || options->gid_map_len > 0) {
    for (size_t i = 0; i < options->uid_map_len; i++)
      if (options->uid_map[i].container_id == 0)
        uid = options->uid_map[i].host_id;
    for (size_t i = 0; i < options->gid_map_len; i++)
      if (options->gid_map[i].container_id == 0)
        gid = options->gid_map[i].host_id;
    if (result == 0 && fchown(fd, uid, gid) < 0 && !options->ignore_chown_errors)
      result = -1;
  }
  int number = errno;
  close(fd);
  errno = number;
  return result < 0 ? -1 : unpack_remember(unpacker, &place);
}

/* One component below `above`, made when missing; a link is resolved inside the root. A descriptor, or -1. */
static int enter_parent(struct unpacker *unpacker, int above, const char *prefix, const char *name)
{
  int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  int fd = openat(above, name, flags);
  if (fd >= 0)
    return fd;
  if (errno == ENOTDIR || errno == ELOOP) {
    int resolved = root_directory(&unpacker->root, prefix, strlen(prefix));
    if (resolved >= 0)
      return fcntl(resolved, F_DUPFD_CLOEXEC, 0);
  }
  if (errno != ENOENT && errno != ENOTDIR)
    return -1;
  return make_parent(unpacker, above, prefix, name) < 0 ? -1 : openat(above, name, flags);
}

/* Step by step from the root: resolving every prefix anew would take the square of the depth. */
static int make_parents(struct unpacker *unpacker, const char *path, size_t length)
{
  char *prefix = strndup(path, length);
  int fd = prefix ? fcntl(unpacker->root.fd, F_DUPFD_CLOEXEC, 0) : -1;
  size_t start = 0;
  for (size_t end = 1; fd >= 0 && end <= length; end++) {
    if (end != length && prefix[end] != '/')
      continue;
    char kept = prefix[end];
    prefix[end] = '\0';
    int next = enter_parent(unpacker, fd, prefix, prefix + start);
    int number = errno;
    close(fd);
    errno = number;
    fd = next;
    prefix[end] = kept;
    start = end + 1;
  }
  int number = errno;
  free(prefix);
  errno = number;
  if (fd < 0)
    return -1;
  root_keep(&unpacker->root, path, length, fd);
  return 0;
}

int unpack_parent(struct unpacker *unpacker, const char *cleaned, size_t parent_length, bool quiet)
{
  int fd = root_directory(&unpacker->root, cleaned, parent_length);
  if (fd >= 0)
    return fd;
  bool missing = errno == ENOENT || errno == ENOTDIR;
  if (quiet && errno == ENOTDIR)
    return -2;
  if (missing && make_parents(unpacker, cleaned, parent_length) == 0) {
    fd = root_directory(&unpacker->root, cleaned, parent_length);
    if (fd >= 0)
      return fd;
  }
  if (unpacker->error->kind != OCI_OK)
    return -1;
  if (errno == EEXIST || errno == ENOTDIR || errno == ELOOP)
    return oci_corrupted(unpacker->error, cleaned, "a parent is no directory");
  return oci_fail(unpacker->error, cleaned, "opening its directory");
}

int unpack_clear(struct unpacker *unpacker, const struct place *place)
{
  int parent_fd = dup(place->parent_fd);
  if (parent_fd < 0)
    return oci_fail(unpacker->error, place->path, "replacing");
  /* An open directory may be the one removed, or be reached through it. */
  int result = tree_remove(parent_fd, place->name);
  if (result < 0)
    oci_fail(unpacker->error, place->path, "replacing what was there");
  close(parent_fd);
  root_forget(&unpacker->root);
  return result;
}

