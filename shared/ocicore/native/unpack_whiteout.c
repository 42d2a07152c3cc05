/* Deletions in a layer (OCI image-spec layer.md, "Whiteouts"; AUFS names): ".wh.NAME" hides NAME of the layers
 * below, ".wh..wh..opq" hides everything in its directory. Neither concerns members of the same archive,
 * whatever their order. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tree.h"
#include "unpack.h"

#define MAX_DEPTH 1024

static int mark_opaque(struct unpacker *unpacker, int directory_fd, const char *path)
{
  int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int set = fd < 0 ? -1 : fsetxattr(fd, unpacker->opaque_xattr, "y", 1, 0);
  if (set < 0)
    oci_fail(unpacker->error, path, "marking directory opaque");
  if (fd >= 0)
    close(fd);
  return set;
}

/* Remove what this archive did not bring; `fd` is closed. Directories it brought are searched, others go whole. */
static int remove_older(struct unpacker *unpacker, int fd, const char *path, int depth)
{
  DIR *stream = fdopendir(fd);
  if (stream == NULL) {
    close(fd);
    return oci_fail(unpacker->error, path, "reading directory");
  }
  int result = 0;
  struct dirent *entry;
  while (result == 0 && (errno = 0, entry = readdir(stream)) != NULL) {
    struct stat facts;
    const char *name = entry->d_name;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
      continue;
    if (fstatat(fd, name, &facts, AT_SYMLINK_NOFOLLOW) < 0) {
      result = oci_fail(unpacker->error, path, "examining");
    } else if (!key_set_has(&unpacker->made, facts.st_ino)) {
      if (tree_remove(fd, name) < 0)
        result = oci_fail(unpacker->error, path, "removing");
    } else if (S_ISDIR(facts.st_mode)) {
      int below = depth < MAX_DEPTH ? openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
      if (below < 0)
        result = oci_fail(unpacker->error, path, "opening directory");
      else
        result = remove_older(unpacker, below, path, depth + 1);
    }
  }
  if (entry == NULL && errno != 0 && result == 0)
    result = oci_fail(unpacker->error, path, "reading directory");
  closedir(stream);
  return result;
}

static int empty_directory(struct unpacker *unpacker, int directory_fd, const char *path)
{
  int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return oci_fail(unpacker->error, path, "opening directory");
  int result = remove_older(unpacker, fd, path, 0);
  root_forget(&unpacker->root);
  return result;
}

static int hide_in_overlay(struct unpacker *unpacker, const struct place *place, const char *hidden)
{
  struct stat facts;
  if (mknodat(place->parent_fd, hidden, S_IFCHR, 0) < 0) {
    if (errno != EEXIST)
      return oci_fail(unpacker->error, place->path, "creating whiteout");
    if (fstatat(place->parent_fd, hidden, &facts, AT_SYMLINK_NOFOLLOW) < 0)
      return oci_fail(unpacker->error, place->path, "examining");
    if (!S_ISDIR(facts.st_mode))
      return 0; /* this layer's own file hides the one below anyway */
    int fd = openat(place->parent_fd, hidden, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int result = fd < 0 ? oci_fail(unpacker->error, place->path, "opening directory")
                        : mark_opaque(unpacker, fd, place->path);
    if (fd >= 0)
      close(fd);
    return result;
  }
  if (fchownat(place->parent_fd, hidden, place->uid, place->gid, AT_SYMLINK_NOFOLLOW) < 0 &&
      !unpacker->options->ignore_chown_errors)
    return oci_fail(unpacker->error, place->path, "changing its owner to %u:%u", place->uid, place->gid);
  return 0;
}

static int remove_in_place(struct unpacker *unpacker, const struct place *place, const char *hidden)
{
  struct stat facts;
  if (fstatat(place->parent_fd, hidden, &facts, AT_SYMLINK_NOFOLLOW) < 0)
    return errno == ENOENT ? 0 : oci_fail(unpacker->error, place->path, "examining");
  if (!key_set_has(&unpacker->made, facts.st_ino)) {
    struct place gone = *place;
    gone.name = hidden;
    return unpack_clear(unpacker, &gone);
  }
  if (!S_ISDIR(facts.st_mode))
    return 0;
  int fd = openat(place->parent_fd, hidden, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0)
    return oci_fail(unpacker->error, place->path, "opening directory");
  int result = remove_older(unpacker, fd, place->path, 0);
  root_forget(&unpacker->root);
  return result;
}

int unpack_whiteout(struct unpacker *unpacker, struct tar_entry *entry, struct place *place)
{
  (void)entry;
  int mode = unpacker->options->whiteouts;
  if (mode == WHITEOUTS_KEEP || strncmp(place->name, WHITEOUT_PREFIX, strlen(WHITEOUT_PREFIX)) != 0)
    return 0;
  const char *hidden = place->name + strlen(WHITEOUT_PREFIX);
  if (hidden[0] == '\0' || strcmp(hidden, ".") == 0 || strcmp(hidden, "..") == 0)
    return oci_corrupted(unpacker->error, place->path, "whiteout of a directory by its own entry");
  if (mode == WHITEOUTS_FUSE)
    return 0;
  bool opaque = strcmp(place->name, WHITEOUT_OPAQUE) == 0;
  if (!opaque && strncmp(place->name, WHITEOUT_META, strlen(WHITEOUT_META)) == 0)
    return 1; /* AUFS's own bookkeeping */
  int result;
  if (mode == WHITEOUTS_OVERLAY)
    result = opaque ? mark_opaque(unpacker, place->parent_fd, place->path)
                    : hide_in_overlay(unpacker, place, hidden);
  else
    result = opaque ? empty_directory(unpacker, place->parent_fd, place->path)
                    : remove_in_place(unpacker, place, hidden);
  return result < 0 ? -1 : 1;
}
