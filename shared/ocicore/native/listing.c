#include "listing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int open_directory_at(int parent_fd, const char *name)
{
  return openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int by_bytes(const void *a, const void *b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int listing_read(struct listing *listing, int directory_fd)
{
  memset(listing, 0, sizeof(*listing));
  int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return -1;
  DIR *stream = fdopendir(fd);
  if (stream == NULL) {
    close(fd);
    return -1;
  }
  struct dirent *entry;
  while ((errno = 0, entry = readdir(stream)) != NULL) {
    const char *name = entry->d_name;
    if (name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0')))
      continue;
    if (buffer_append(&listing->text, name, strlen(name) + 1) < 0)
      break;
    listing->count++;
  }
  int number = errno;
  closedir(stream);
  if (number == 0 && listing->count > 0) {
    listing->names = malloc(listing->count * sizeof(*listing->names));
    number = listing->names ? 0 : ENOMEM;
  }
  if (number != 0) {
    listing_free(listing);
    errno = number;
    return -1;
  }
  const char *at = (const char *)listing->text.data;
  for (size_t i = 0; i < listing->count; i++) {
    listing->names[i] = at;
    at += strlen(at) + 1;
  }
  if (listing->count > 1)
    qsort(listing->names, listing->count, sizeof(*listing->names), by_bytes);
  return 0;
}

void listing_free(struct listing *listing)
{
  buffer_free(&listing->text);
  free(listing->names);
  memset(listing, 0, sizeof(*listing));
}

bool listing_has(const struct listing *listing, const char *name)
{
  return listing->count > 0 &&
         bsearch(&name, listing->names, listing->count, sizeof(*listing->names), by_bytes) != NULL;
}

static size_t slot_of(const struct link_slot *slots, size_t capacity, uint64_t device, uint64_t inode)
{
  uint64_t pair[2] = {device, inode};
  size_t at = (size_t)key_of(pair, sizeof(pair)) & (capacity - 1);
  while (slots[at].inode != 0 && (slots[at].inode != inode || slots[at].device != device))
    at = (at + 1) & (capacity - 1);
  return at;
}

const char *link_map_note(struct link_map *map, const struct stat *facts, const char *path, bool *failed)
{
  *failed = false;
  if (map->count * 4 >= map->capacity * 3) {
    size_t capacity = map->capacity ? map->capacity * 2 : 256;
    struct link_slot *slots = calloc(capacity, sizeof(*slots));
    if (slots == NULL) {
      *failed = true;
      return NULL;
    }
    for (size_t i = 0; i < map->capacity; i++)
      if (map->slots[i].inode != 0)
        slots[slot_of(slots, capacity, map->slots[i].device, map->slots[i].inode)] = map->slots[i];
    free(map->slots);
    map->slots = slots;
    map->capacity = capacity;
  }
  struct link_slot *slot = &map->slots[slot_of(map->slots, map->capacity, facts->st_dev, facts->st_ino)];
  if (slot->inode != 0)
    return slot->path;
  char *copy = strdup(path);
  if (copy == NULL) {
    *failed = true;
    return NULL;
  }
  *slot = (struct link_slot){.device = facts->st_dev, .inode = facts->st_ino, .path = copy};
  map->count++;
  return NULL;
}

void link_map_free(struct link_map *map)
{
  for (size_t i = 0; i < map->capacity; i++)
    free(map->slots[i].path);
  free(map->slots);
  memset(map, 0, sizeof(*map));
}
