/* What the walks over trees share: sorted names of a directory, names of inodes seen before, attribute copies. */
#ifndef OCI_LISTING_H
#define OCI_LISTING_H

#include <sys/stat.h>

#include "buffer.h"

struct listing {
  struct buffer text; /* the names, NUL after each */
  const char **names;
  size_t count;
};

/* Read and sort (bytewise) the names in a directory; "." and ".." left out. -1 with errno. */
int listing_read(struct listing *listing, int directory_fd);
void listing_free(struct listing *listing);
bool listing_has(const struct listing *listing, const char *name);

struct link_map {
  struct link_slot {
    uint64_t device, inode; /* inode 0: free */
    char *path;
  } *slots;
  size_t count;
  size_t capacity;
};

/* The path an inode was first seen under; NULL the first time, when `path` is kept for it. *failed on no memory. */
const char *link_map_note(struct link_map *map, const struct stat *facts, const char *path, bool *failed);
void link_map_free(struct link_map *map);

/* Open a directory below another without following a link. */
int open_directory_at(int parent_fd, const char *name);

#endif
