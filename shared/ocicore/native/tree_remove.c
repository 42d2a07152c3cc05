#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

const char *fd_path(struct fd_path *path, int fd)
{
  snprintf(path->text, sizeof(path->text), "/proc/self/fd/%d", fd);
  return path->text;
}

/* chattr +i and +a keep even root from removing; true when something was changed. */
static bool clear_flags(int fd)
{
  int flags = 0;
  if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0 || !(flags & (FS_IMMUTABLE_FL | FS_APPEND_FL)))
    return false;
  flags &= ~(FS_IMMUTABLE_FL | FS_APPEND_FL);
  return ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0;
}

static bool clear_flags_at(int parent_fd, const char *name)
{
  bool changed = clear_flags(parent_fd);
  int fd = openat(parent_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd >= 0) {
    changed = clear_flags(fd) || changed;
    close(fd);
  }
  return changed;
}

static int open_to_empty(int parent_fd, const char *name)
{
  int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  int fd = openat(parent_fd, name, flags);
  if (fd >= 0 || errno != EACCES)
    return fd;
  /* An owner without read permission on his own directory; fchmodat would follow a link, this cannot. */
  int path_fd = openat(parent_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (path_fd < 0)
    return -1;
  struct fd_path path;
  int changed = chmod(fd_path(&path, path_fd), 0700);
  close(path_fd);
  return changed < 0 ? -1 : openat(parent_fd, name, flags);
}

static int unlink_once(int parent_fd, const char *name, int flags)
{
  if (unlinkat(parent_fd, name, flags) == 0 || errno == ENOENT)
    return 0;
  int number = errno;
  if (number == EPERM && clear_flags_at(parent_fd, name) &&
      (unlinkat(parent_fd, name, flags) == 0 || errno == ENOENT))
    return 0;
  if (number == EACCES) {
    /* The parent lost its own permission bits. */
    struct fd_path path;
    struct stat facts;
    if (fstat(parent_fd, &facts) == 0 && (facts.st_mode & 0300) != 0300 &&
        chmod(fd_path(&path, parent_fd), facts.st_mode | 0700) == 0 &&
        (unlinkat(parent_fd, name, flags) == 0 || errno == ENOENT))
      return 0;
  }
  errno = number;
  return -1;
}

/* One level of the walk. An explicit stack: a layer may be nested deeper than a thread's stack allows. */
struct level {
  struct level *above;
  DIR *stream;
  char *name; /* in the level above */
};

static struct level *enter(struct level *above, int parent_fd, const char *name)
{
  int fd = open_to_empty(parent_fd, name);
  if (fd < 0)
    return NULL;
  struct level *level = calloc(1, sizeof(*level));
  char *copy = strdup(name);
  DIR *stream = level && copy ? fdopendir(fd) : NULL;
  if (stream == NULL) {
    int number = errno;
    close(fd);
    free(copy);
    free(level);
    errno = number;
    return NULL;
  }
  *level = (struct level){.above = above, .stream = stream, .name = copy};
  return level;
}

static struct level *leave(struct level *level)
{
  int number = errno;
  struct level *above = level->above;
  closedir(level->stream);
  free(level->name);
  free(level);
  errno = number;
  return above;
}

/* Descriptors are held for every level, so very deep trees are first made flat by moving them up. */
#define MAX_DEPTH 128

static int flatten(int top_fd, int fd, const char *name, unsigned int *counter)
{
  char fresh[48];
  for (int attempt = 0; attempt < 1000; attempt++) {
    snprintf(fresh, sizeof(fresh), ".oci-removed-%u", (*counter)++);
    if (oci_renameat2(fd, name, top_fd, fresh, 1 /* RENAME_NOREPLACE */) == 0)
      return 0;
    if (errno != EEXIST)
      return -1;
  }
  return -1;
}

static int empty_tree(int parent_fd, const char *name)
{
  struct level *level = enter(NULL, parent_fd, name);
  if (level == NULL)
    return errno == ENOENT ? 0 : -1;
  unsigned int counter = 0;
  int depth = 1;
  int top_fd = dirfd(level->stream);
  while (level != NULL) {
    int fd = dirfd(level->stream);
    errno = 0;
    struct dirent *entry = readdir(level->stream);
    if (entry == NULL) {
      if (errno != 0)
        goto failed;
      if (level->above == NULL) {
        leave(level);
        return unlink_once(parent_fd, name, AT_REMOVEDIR);
      }
      int above_fd = dirfd(level->above->stream);
      if (unlink_once(above_fd, level->name, AT_REMOVEDIR) < 0)
        goto failed;
      level = leave(level);
      depth--;
      continue;
    }
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
      continue;
    bool maybe_directory = entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN;
    if (entry->d_type != DT_DIR) {
      if (unlink_once(fd, entry->d_name, 0) == 0)
        continue;
      if (!(maybe_directory && (errno == EISDIR || errno == EPERM)))
        goto failed;
    }
    if (depth >= MAX_DEPTH) {
      if (flatten(top_fd, fd, entry->d_name, &counter) < 0)
        goto failed;
      continue;
    }
    struct level *below = enter(level, fd, entry->d_name);
    if (below == NULL) {
      if (errno == ENOENT)
        continue;
      goto failed;
    }
    level = below;
    depth++;
  }
  return 0;
failed:
  while (level != NULL)
    level = leave(level);
  return -1;
}

int tree_remove(int parent_fd, const char *name)
{
  if (unlink_once(parent_fd, name, 0) == 0)
    return 0;
  if (errno != EISDIR && errno != EPERM)
    return -1;
  int number = errno;
  /* Names moved up by `flatten` appear behind the reader's position at times, so look again. */
  for (int attempt = 0; attempt < 64; attempt++) {
    if (empty_tree(parent_fd, name) == 0)
      return 0;
    if (errno != ENOTEMPTY && errno != EEXIST)
      break;
  }
  if (errno == ENOTDIR)
    errno = number;
  return -1;
}

int oci_remove_tree(int parent_fd, const char *name, struct oci_error *error)
{
  if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strchr(name, '/')) {
    errno = EINVAL;
    return oci_fail(error, name, "not a name in a directory");
  }
  return tree_remove(parent_fd, name) < 0 ? oci_fail(error, name, "%s", "cannot be removed") : 0;
}
