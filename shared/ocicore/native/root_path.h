/* Names from an archive, resolved inside a root directory only, with the directories last used kept open. */
#ifndef OCI_ROOT_PATH_H
#define OCI_ROOT_PATH_H

#include "buffer.h"

/* "a/./b//c" → "a/b/c", "/" and "." → "." (never starts or ends with a slash). Leading slashes are dropped, ".."
 * cannot climb above an absolute name's root; a relative name that climbs out gives false. `out` needs length + 2. */
bool clean_path(const char *path, size_t length, char *out);

/* Split a cleaned path: `base` points into it, `parent_length` is 0 for a name directly in the root. */
const char *base_name(const char *cleaned, size_t *parent_length);

#define OPEN_DIRECTORIES 24

struct root {
  int fd;
  unsigned int next; /* slot to be replaced next */
  struct {
    int fd;
    uint64_t key;
    char *path;
  } open[OPEN_DIRECTORIES];
};

void root_init(struct root *root, int fd);
/* Forget every open directory: something was removed, a name may lead elsewhere now. */
void root_forget(struct root *root);
/* The descriptor of a directory, kept by `root`; it stays valid until the next call. -1 with errno. */
int root_directory(struct root *root, const char *path, size_t length);
/* Hand over a descriptor of the directory `path`. */
void root_keep(struct root *root, const char *path, size_t length, int fd);

#endif
