/* A directory as a layer: walked in sorted order, ids mapped back to the container's, whiteouts in OCI's form. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "crc64.h"
#include "listing.h"
#include "owner.h"
#include "root_path.h"
#include "tar_writer.h"
#include "unpack.h"

#define MAX_WALK_DEPTH 2048

struct packer {
  const struct oci_pack_options *options;
  struct oci_pack_result *result;
  struct oci_error *error;
  struct tar_writer writer;
  struct tar_entry entry;
  struct link_map links;
  struct buffer path; /* relative to the root, NUL-terminated */
  struct buffer xattr_names;
  unsigned char *chunk;
};

#define CHUNK ((size_t)128 * 1024)

static const char *here(const struct packer *packer)
{
  return packer->path.data ? (const char *)packer->path.data : "";
}

static int failed(struct packer *packer, const char *doing)
{
  return oci_fail(packer->error, here(packer), "%s", doing);
}

static int set_name(struct packer *packer, struct buffer *name, const char *first, size_t first_length,
                    const char *second)
{
  const char *prefix = packer->options->prefix;
  name->length = 0;
  if (buffer_append(name, prefix, strlen(prefix)) < 0 || buffer_append(name, first, first_length) < 0 ||
      buffer_append(name, second, strlen(second) + 1) < 0)
    return failed(packer, "allocating");
  name->length--;
  return 0;
}

static void drop_xattrs(struct tar_entry *entry)
{
  for (size_t i = 0; i < entry->xattr_count; i++) {
    free(entry->xattrs[i].name);
    free(entry->xattrs[i].value);
  }
  free(entry->xattrs);
  entry->xattrs = NULL;
  entry->xattr_count = 0;
}

/* What containers/storage puts into a layer: file capabilities, IMA, and the user's own attributes. */
static bool is_kept_xattr(const char *name)
{
  if (strcmp(name, "security.capability") == 0 || strcmp(name, "security.ima") == 0)
    return true;
  return strncmp(name, "user.", 5) == 0 && strncmp(name, "user.overlay.", 13) != 0 &&
         strncmp(name, "user.fuseoverlayfs.", 19) != 0;
}

static int by_name(const void *a, const void *b)
{
  return strcmp(((const struct tar_xattr *)a)->name, ((const struct tar_xattr *)b)->name);
}

static int read_xattr(struct packer *packer, int fd, const char *name)
{
  struct tar_entry *entry = &packer->entry;
  ssize_t size = fgetxattr(fd, name, NULL, 0);
  if (size < 0)
    return errno == ENODATA || errno == ENOTSUP || errno == EPERM ? 0 : failed(packer, "reading extended attribute");
  unsigned char *value = malloc((size_t)size + 1);
  char *copy = strdup(name);
  struct tar_xattr *grown = realloc(entry->xattrs, (entry->xattr_count + 1) * sizeof(*grown));
  if (grown)
    entry->xattrs = grown;
  if (value == NULL || copy == NULL || grown == NULL) {
    free(value);
    free(copy);
    return failed(packer, "allocating");
  }
  if (size > 0)
    size = fgetxattr(fd, name, value, (size_t)size);
  if (size < 0) {
    free(value);
    free(copy);
    return failed(packer, "reading extended attribute");
  }
  entry->xattrs[entry->xattr_count++] = (struct tar_xattr){.name = copy, .value = value, .length = (size_t)size};
  return 0;
}

static int read_xattrs(struct packer *packer, int fd)
{
  struct buffer *names = &packer->xattr_names;
  ssize_t length = flistxattr(fd, NULL, 0);
  if (length <= 0)
    return length == 0 || errno == ENOTSUP || errno == EPERM ? 0 : failed(packer, "listing extended attributes");
  names->length = 0;
  if (buffer_reserve(names, (size_t)length) < 0)
    return failed(packer, "allocating");
  length = flistxattr(fd, (char *)names->data, (size_t)length);
  if (length < 0)
    return failed(packer, "listing extended attributes");
  const char *end = (const char *)names->data + length;
  for (const char *name = (const char *)names->data; name < end; name += strlen(name) + 1)
    if (is_kept_xattr(name) && read_xattr(packer, fd, name) < 0)
      return -1;
  if (packer->entry.xattr_count > 1)
    qsort(packer->entry.xattrs, packer->entry.xattr_count, sizeof(*packer->entry.xattrs), by_name);
  return 0;
}

static bool has_mark(int fd, const char *name)
{
  char value[2];
  return fgetxattr(fd, name, value, sizeof(value)) == 1 && value[0] == 'y';
}

static bool is_opaque(const struct packer *packer, int fd)
{
  const struct oci_pack_options *options = packer->options;
  if (options->whiteouts == WHITEOUTS_OVERLAY)
    return has_mark(fd, options->in_user_namespace ? "user.overlay.opaque" : "trusted.overlay.opaque");
  return options->whiteouts == WHITEOUTS_FUSE && has_mark(fd, "user.fuseoverlayfs.opaque");
}

static int fill_owner(struct packer *packer, const struct stat *facts)
{
  const struct oci_pack_options *options = packer->options;
  uint32_t uid = options->owner_uid, gid = options->owner_gid;
  if (!options->has_owner && (!id_to_container(options->uid_map, options->uid_map_len, facts->st_uid, &uid) ||
                              !id_to_container(options->gid_map, options->gid_map_len, facts->st_gid, &gid))) {
    errno = EINVAL;
    return oci_fail(packer->error, here(packer), "its owner %u:%u has no mapping to the container", facts->st_uid,
                    facts->st_gid);
  }
  packer->entry.uid = uid;
  packer->entry.gid = gid;
  return 0;
}

static void fill_time(struct packer *packer, const struct timespec *mtime)
{
  const struct oci_pack_options *options = packer->options;
  struct tar_time *time = &packer->entry.mtime;
  time->seconds = mtime->tv_sec;
  time->nanoseconds = options->subsecond ? mtime->tv_nsec : 0;
  if (options->has_mtime || (options->has_clamp && time->seconds >= options->clamp_mtime)) {
    time->seconds = options->has_mtime ? options->mtime : options->clamp_mtime;
    time->nanoseconds = 0;
  }
}

static int count_entry(struct packer *packer, uint64_t crc)
{
  packer->result->entries++;
  packer->result->bytes += (uint64_t)packer->entry.size;
  return tar_finish_entry(&packer->writer, &packer->entry, crc);
}

/* An empty file named ".wh.…" next to, or in, what the current entry describes. */
static int write_whiteout(struct packer *packer, const char *directory, size_t directory_length, const char *name,
                          uint32_t mode)
{
  struct tar_entry *entry = &packer->entry;
  drop_xattrs(entry);
  entry->type = '0';
  entry->size = 0;
  entry->mode = mode;
  entry->link.length = 0;
  if (set_name(packer, &entry->name, directory, directory_length, name) < 0 ||
      tar_write_header(&packer->writer, entry) < 0)
    return -1;
  return count_entry(packer, 0);
}

/* "a/b" hidden → "a/.wh.b". The caller filled owner and time. */
static int write_deletion(struct packer *packer, const char *path)
{
  size_t parent_length;
  const char *name = base_name(path, &parent_length);
  char whiteout[NAME_MAX + 8];
  if (strlen(name) > NAME_MAX) {
    errno = ENAMETOOLONG;
    return failed(packer, "naming whiteout");
  }
  memcpy(whiteout, WHITEOUT_PREFIX, 4);
  strcpy(whiteout + 4, name);
  return write_whiteout(packer, path, parent_length ? parent_length + 1 : 0, whiteout, 0);
}

/* Only a directory that hides something below needs its opaque mark in the layer. */
static int hides_lower(struct packer *packer, bool *hides)
{
  const struct oci_pack_options *options = packer->options;
  *hides = false;
  for (size_t i = 0; i < options->lower_count; i++) {
    struct stat facts;
    int fd = oci_open_in_root(options->lower_fds[i], here(packer), O_PATH | O_NOFOLLOW | O_CLOEXEC, 0,
                              RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
    if (fd < 0) {
      if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
        return failed(packer, "looking for it in a lower layer");
      if (errno == ENOTDIR)
        return 0; /* a parent was deleted or replaced there */
      continue;
    }
    int result = fstat(fd, &facts);
    close(fd);
    if (result < 0)
      return failed(packer, "looking for it in a lower layer");
    *hides = !unpack_is_whiteout_device(&facts);
    return 0;
  }
  return 0;
}

/* ---- entries ---- */

/* Exactly entry->size bytes: a file that shrank is filled with zeros, what grew is cut. */
static int write_content(struct packer *packer, int fd, uint64_t *crc)
{
  int64_t left = packer->entry.size;
  bool ended = false;
  while (left > 0) {
    size_t wanted = left < (int64_t)CHUNK ? (size_t)left : CHUNK;
    ssize_t got = (ssize_t)wanted;
    if (ended) {
      memset(packer->chunk, 0, wanted);
    } else {
      got = read(fd, packer->chunk, wanted);
      if (got < 0 && errno == EINTR)
        continue;
      if (got < 0)
        return failed(packer, "reading");
      ended = got == 0;
    }
    if (packer->writer.split)
      *crc = crc64_iso(*crc, packer->chunk, (size_t)got);
    if (tar_write_data(&packer->writer, packer->chunk, (size_t)got) < 0)
      return -1;
    left -= got;
  }
  return 0;
}

static int write_file(struct packer *packer, int fd, const struct stat *facts)
{
  uint64_t crc = 0;
  packer->entry.type = '0';
  packer->entry.size = facts->st_size;
  if (tar_write_header(&packer->writer, &packer->entry) < 0 || write_content(packer, fd, &crc) < 0)
    return -1;
  return count_entry(packer, crc);
}

static int write_plain_entry(struct packer *packer)
{
  if (tar_write_header(&packer->writer, &packer->entry) < 0)
    return -1;
  return count_entry(packer, 0);
}

/* 1: written as a hard link to a name that came before. */
static int write_link(struct packer *packer, const struct stat *facts)
{
  bool no_memory;
  if (S_ISDIR(facts->st_mode) || facts->st_nlink < 2)
    return 0;
  const char *earlier = link_map_note(&packer->links, facts, here(packer), &no_memory);
  if (no_memory)
    return failed(packer, "allocating");
  if (earlier == NULL)
    return 0;
  packer->entry.type = '1';
  if (set_name(packer, &packer->entry.link, earlier, strlen(earlier), "") < 0)
    return -1;
  return write_plain_entry(packer) < 0 ? -1 : 1;
}

static int write_symlink(struct packer *packer, int directory_fd, const char *name)
{
  char target[4097];
  ssize_t length = readlinkat(directory_fd, name, target, sizeof(target) - 1);
  if (length < 0)
    return errno == ENOENT ? 0 : failed(packer, "reading link");
  if (buffer_set(&packer->entry.link, target, (size_t)length) < 0)
    return failed(packer, "allocating");
  return write_plain_entry(packer);
}

static int write_directory(struct packer *packer, int fd)
{
  bool opaque = is_opaque(packer, fd);
  bool hides = false;
  if (opaque && hides_lower(packer, &hides) < 0)
    return -1;
  uint32_t mode = packer->entry.mode;
  packer->entry.type = '5';
  if (write_plain_entry(packer) < 0)
    return -1;
  if (!hides)
    return 0;
  return write_whiteout(packer, here(packer), packer->path.length, "/" WHITEOUT_OPAQUE, mode & 0777);
}

/* Files and directories: attributes and content through one descriptor. */
static int write_opened(struct packer *packer, int directory_fd, const char *name, const struct stat *seen)
{
  struct stat facts;
  int fd = openat(directory_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0)
    return errno == ENOENT ? 0 : failed(packer, "opening");
  int result = fstat(fd, &facts) < 0 ? failed(packer, "examining") : 0;
  /* Between the look and the open it may have become something else: it is left out then. */
  if (result == 0 && (facts.st_mode & S_IFMT) == (seen->st_mode & S_IFMT)) {
    result = read_xattrs(packer, fd);
    if (result == 0 && S_ISDIR(facts.st_mode)) {
      result = write_directory(packer, fd);
    } else if (result == 0) {
      int linked = write_link(packer, &facts);
      result = linked != 0 ? (linked < 0 ? -1 : 0) : write_file(packer, fd, &facts);
    }
  }
  close(fd);
  return result;
}

static int write_entry(struct packer *packer, int directory_fd, const char *name, const struct stat *facts)
{
  const struct oci_pack_options *options = packer->options;
  struct tar_entry *entry = &packer->entry;
  drop_xattrs(entry);
  entry->link.length = 0;
  entry->size = 0;
  entry->mode = facts->st_mode & 07777;
  if (fill_owner(packer, facts) < 0)
    return -1;
  fill_time(packer, &facts->st_mtim);
  bool converted = options->whiteouts == WHITEOUTS_OVERLAY || options->whiteouts == WHITEOUTS_FUSE;
  if (converted && unpack_is_whiteout_device(facts))
    return write_deletion(packer, here(packer));
  bool is_root = packer->path.length == 0;
  if (set_name(packer, &entry->name, is_root ? "." : here(packer), is_root ? 1 : packer->path.length,
               S_ISDIR(facts->st_mode) ? "/" : "") < 0)
    return -1;
  if (S_ISREG(facts->st_mode) || S_ISDIR(facts->st_mode))
    return write_opened(packer, directory_fd, name, facts);
  int linked = write_link(packer, facts);
  if (linked != 0)
    return linked < 0 ? -1 : 0;
  switch (facts->st_mode & S_IFMT) {
  case S_IFLNK:
    entry->type = '2';
    return write_symlink(packer, directory_fd, name);
  case S_IFCHR:
  case S_IFBLK:
    entry->type = S_ISCHR(facts->st_mode) ? '3' : '4';
    entry->device_major = major(facts->st_rdev);
    entry->device_minor = minor(facts->st_rdev);
    return write_plain_entry(packer);
  case S_IFIFO:
    entry->type = '6';
    return write_plain_entry(packer);
  default:
    return 0; /* sockets mean nothing in a layer */
  }
}

/* ---- which entries ---- */

static int walk(struct packer *packer, int directory_fd, int depth)
{
  struct listing listing;
  if (depth > MAX_WALK_DEPTH) {
    errno = ELOOP;
    return failed(packer, "too deep");
  }
  if (listing_read(&listing, directory_fd) < 0)
    return failed(packer, "reading directory");
  size_t length = packer->path.length;
  int result = 0;
  for (size_t i = 0; i < listing.count && result == 0; i++) {
    const char *name = listing.names[i];
    struct stat facts;
    packer->path.length = length;
    if ((length > 0 && buffer_append(&packer->path, "/", 1) < 0) ||
        buffer_append(&packer->path, name, strlen(name) + 1) < 0) {
      result = failed(packer, "allocating");
      break;
    }
    packer->path.length--;
    if (fstatat(directory_fd, name, &facts, AT_SYMLINK_NOFOLLOW) < 0) {
      /* A running container goes on: what is gone is gone. */
      if (errno != ENOENT)
        result = failed(packer, "examining");
      continue;
    }
    result = write_entry(packer, directory_fd, name, &facts);
    if (result < 0 || !S_ISDIR(facts.st_mode))
      continue;
    int below = open_directory_at(directory_fd, name);
    if (below < 0) {
      if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
        result = failed(packer, "opening directory");
      continue;
    }
    result = walk(packer, below, depth + 1);
    close(below);
  }
  listing_free(&listing);
  packer->path.length = length;
  if (packer->path.data)
    packer->path.data[length] = '\0';
  return result;
}

struct selected {
  char *path;
  bool deleted;
};

/* The order of a walk: a directory's members come right after it, so "/" sorts before every other byte. */
static int in_walk_order(const void *a, const void *b)
{
  const unsigned char *left = (const unsigned char *)((const struct selected *)a)->path;
  const unsigned char *right = (const unsigned char *)((const struct selected *)b)->path;
  while (*left && *left == *right) {
    left++;
    right++;
  }
  int l = *left == '/' ? 1 : *left ? *left + 1 : 0;
  int r = *right == '/' ? 1 : *right ? *right + 1 : 0;
  return l - r;
}

static int write_selected(struct packer *packer, struct root *root, const struct selected *selected)
{
  struct stat facts;
  if (buffer_set(&packer->path, selected->path, strlen(selected->path)) < 0)
    return failed(packer, "allocating");
  if (strcmp(selected->path, ".") == 0)
    return 0;
  size_t parent_length;
  const char *name = base_name(here(packer), &parent_length);
  int parent = root_directory(root, here(packer), parent_length);
  if (selected->deleted) {
    struct timespec none = {0, 0};
    packer->entry.uid = packer->entry.gid = 0;
    fill_time(packer, &none);
    return write_deletion(packer, here(packer));
  }
  if (parent < 0 || fstatat(parent, name, &facts, AT_SYMLINK_NOFOLLOW) < 0)
    return errno == ENOENT || errno == ENOTDIR ? 0 : failed(packer, "examining");
  return write_entry(packer, parent, name, &facts);
}

static int pack_selected(struct packer *packer, int root_fd)
{
  const struct oci_pack_options *options = packer->options;
  size_t total = options->include_count + options->deleted_count;
  struct selected *all = calloc(total ? total : 1, sizeof(*all));
  struct root root;
  int result = all ? 0 : failed(packer, "allocating");
  root_init(&root, root_fd);
  for (size_t i = 0; i < total && result == 0; i++) {
    bool deleted = i >= options->include_count;
    const char *given = deleted ? options->deleted[i - options->include_count] : options->include[i];
    all[i].deleted = deleted;
    all[i].path = malloc(strlen(given) + 2);
    if (all[i].path == NULL)
      result = failed(packer, "allocating");
    else if (!clean_path(given, strlen(given), all[i].path))
      result = oci_corrupted(packer->error, given, "name outside of the root");
  }
  if (result == 0)
    qsort(all, total, sizeof(*all), in_walk_order);
  for (size_t i = 0; i < total && result == 0; i++)
    if (i == 0 || all[i].deleted != all[i - 1].deleted || strcmp(all[i].path, all[i - 1].path) != 0)
      result = write_selected(packer, &root, &all[i]);
  for (size_t i = 0; all && i < total; i++)
    free(all[i].path);
  free(all);
  root_forget(&root);
  return result;
}

static int pack_root(struct packer *packer, int root_fd)
{
  struct stat facts;
  if (!packer->options->include_root)
    return 0;
  if (fstat(root_fd, &facts) < 0)
    return failed(packer, "examining");
  return write_entry(packer, root_fd, ".", &facts);
}

int oci_pack(int root_fd, int out_fd, const struct oci_pack_options *options, struct oci_pack_result *result,
             struct oci_error *error)
{
  struct tar_split split;
  bool wants_split = options->tar_split_fd >= 0;
  struct packer packer = {.options = options, .result = result, .error = error};
  tar_split_init(&split, options->tar_split_fd);
  int done = -1;
  /* Names for link and name even when empty: the writer looks at their data. */
  if (buffer_set(&packer.path, "", 0) < 0 || buffer_set(&packer.entry.link, "", 0) < 0 ||
      (packer.chunk = malloc(CHUNK)) == NULL) {
    oci_fail(error, NULL, "allocating");
  } else if (tar_writer_open(&packer.writer, out_fd, wants_split ? &split : NULL, error) == 0) {
    bool selected = options->has_include || options->deleted_count > 0;
    done = pack_root(&packer, root_fd);
    if (done == 0 && selected)
      done = pack_selected(&packer, root_fd);
    if (done == 0 && !options->has_include)
      done = buffer_set(&packer.path, "", 0) < 0 ? -1 : walk(&packer, root_fd, 0);
    if (done == 0)
      done = tar_write_end(&packer.writer);
    result->stream_bytes = packer.writer.total;
  }
  tar_writer_close(&packer.writer);
  tar_split_free(&split);
  link_map_free(&packer.links);
  buffer_free(&packer.path);
  buffer_free(&packer.xattr_names);
  free(packer.chunk);
  tar_entry_free(&packer.entry);
  return done;
}
