#include "root_path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool clean_path(const char *path, size_t length, char *out)
{
  bool absolute = length > 0 && path[0] == '/';
  bool inside = true;
  size_t made = 0;
  for (size_t at = 0; at < length;) {
    if (path[at] == '/') {
      at++;
      continue;
    }
    size_t end = at;
    while (end < length && path[end] != '/')
      end++;
    size_t part = end - at;
    if (part == 2 && path[at] == '.' && path[at + 1] == '.') {
      if (made == 0 && !absolute)
        inside = false;
      while (made > 0 && out[--made] != '/')
        ;
    } else if (!(part == 1 && path[at] == '.')) {
      if (made > 0)
        out[made++] = '/';
      memcpy(out + made, path + at, part);
      made += part;
    }
    at = end;
  }
  if (made == 0)
    out[made++] = '.';
  out[made] = '\0';
  return inside;
}

const char *base_name(const char *cleaned, size_t *parent_length)
{
  const char *slash = strrchr(cleaned, '/');
  *parent_length = slash ? (size_t)(slash - cleaned) : 0;
  return slash ? slash + 1 : cleaned;
}

void root_init(struct root *root, int fd)
{
  memset(root, 0, sizeof(*root));
  root->fd = fd;
  for (size_t i = 0; i < OPEN_DIRECTORIES; i++)
    root->open[i].fd = -1;
}

static void drop(struct root *root, size_t slot)
{
  if (root->open[slot].fd >= 0)
    close(root->open[slot].fd);
  free(root->open[slot].path);
  root->open[slot].fd = -1;
  root->open[slot].path = NULL;
}

void root_forget(struct root *root)
{
  for (size_t i = 0; i < OPEN_DIRECTORIES; i++)
    drop(root, i);
}

void root_keep(struct root *root, const char *path, size_t length, int fd)
{
  size_t slot = root->next++ % OPEN_DIRECTORIES;
  drop(root, slot);
  root->open[slot].path = strndup(path, length);
  if (root->open[slot].path == NULL) {
    close(fd);
    return;
  }
  root->open[slot].key = key_of(path, length);
  root->open[slot].fd = fd;
}

int root_directory(struct root *root, const char *path, size_t length)
{
  if (length == 0)
    return root->fd;
  uint64_t key = key_of(path, length);
  for (size_t i = 0; i < OPEN_DIRECTORIES; i++)
    if (root->open[i].fd >= 0 && root->open[i].key == key && strlen(root->open[i].path) == length &&
        memcmp(root->open[i].path, path, length) == 0)
      return root->open[i].fd;
  char *name = strndup(path, length);
  if (name == NULL)
    return -1;
  int fd = oci_open_in_root(root->fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC, 0,
                            RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
  int number = errno;
  free(name);
  errno = number;
  if (fd < 0)
    return -1;
  size_t slot = root->next % OPEN_DIRECTORIES;
  root_keep(root, path, length, fd);
  return root->open[slot].fd;
}
