/* What differs between two trees: an overlay's upper and its lowers, or two plain directories. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "listing.h"
#include "tree.h"
#include "unpack.h"

#define MAX_WALK_DEPTH 2048

struct comparer {
  struct oci_change_list *out;
  struct buffer records;
  struct buffer path; /* starts with "/", NUL-terminated */
  struct oci_error *error;
  const char *opaque_xattr;
  bool fuse_whiteouts;
};

static const char *here(const struct comparer *comparer)
{
  return comparer->path.data ? (const char *)comparer->path.data : "";
}

static int failed(struct comparer *comparer, const char *doing)
{
  return oci_fail(comparer->error, here(comparer), "%s", doing);
}

static int add(struct comparer *comparer, char kind)
{
  if (buffer_append(&comparer->records, &kind, 1) < 0 ||
      buffer_append(&comparer->records, comparer->path.data, comparer->path.length + 1) < 0)
    return failed(comparer, "allocating");
  return 0;
}

static int descend(struct comparer *comparer, size_t length, const char *name)
{
  comparer->path.length = length;
  if (buffer_append(&comparer->path, "/", 1) < 0 ||
      buffer_append(&comparer->path, name, strlen(name) + 1) < 0)
    return failed(comparer, "allocating");
  comparer->path.length--;
  return 0;
}

static void ascend(struct comparer *comparer, size_t length)
{
  comparer->path.length = length;
  if (comparer->path.data)
    comparer->path.data[length] = '\0';
}

/* ---- records: sorted at the end ---- */

static int by_path(const void *a, const void *b)
{
  return strcmp(*(const char *const *)a + 1, *(const char *const *)b + 1);
}

static int finish(struct comparer *comparer)
{
  size_t count = 0;
  const char *text = (const char *)comparer->records.data;
  size_t length = comparer->records.length;
  for (size_t i = 0; i < length; i++)
    count += text[i] == '\0';
  if (count == 0)
    return 0;
  const char **lines = malloc(count * sizeof(*lines));
  char *sorted = malloc(length);
  if (lines == NULL || sorted == NULL) {
    free(lines);
    free(sorted);
    return failed(comparer, "allocating");
  }
  size_t at = 0;
  for (size_t i = 0; i < count; i++) {
    lines[i] = text + at;
    at += strlen(lines[i]) + 1;
  }
  qsort(lines, count, sizeof(*lines), by_path);
  at = 0;
  for (size_t i = 0; i < count; i++) {
    size_t size = strlen(lines[i]) + 1;
    memcpy(sorted + at, lines[i], size);
    at += size;
  }
  free(lines);
  comparer->out->data = sorted;
  comparer->out->length = length;
  return 0;
}

void oci_change_list_free(struct oci_change_list *list)
{
  free(list->data);
  list->data = NULL;
  list->length = 0;
}

/* ---- metadata ---- */

static bool same_time(const struct timespec *a, const struct timespec *b)
{
  /* Layers often carry whole seconds only, so a copy without the fraction counts as the same. */
  return a->tv_sec == b->tv_sec && (a->tv_nsec == b->tv_nsec || a->tv_nsec == 0 || b->tv_nsec == 0);
}

static bool same_facts(const struct stat *a, const struct stat *b)
{
  if (a->st_mode != b->st_mode || a->st_uid != b->st_uid || a->st_gid != b->st_gid || a->st_rdev != b->st_rdev)
    return false;
  return S_ISDIR(a->st_mode) || (a->st_size == b->st_size && same_time(&a->st_mtim, &b->st_mtim));
}

static bool same_xattr(const char *left, const char *right, const char *name)
{
  char a[4096], b[4096];
  ssize_t a_length = getxattr(left, name, a, sizeof(a));
  ssize_t b_length = getxattr(right, name, b, sizeof(b));
  return a_length == b_length && (a_length <= 0 || memcmp(a, b, (size_t)a_length) == 0);
}

/* File capabilities and user attributes, those a layer carries. */
static bool same_xattrs(int left_dir, int right_dir, const char *name)
{
  int left = openat(left_dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  int right = openat(right_dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  struct fd_path left_path, right_path;
  char left_names[4096], right_names[4096];
  bool same = left >= 0 && right >= 0;
  if (same) {
    fd_path(&left_path, left);
    fd_path(&right_path, right);
    ssize_t a = listxattr(left_path.text, left_names, sizeof(left_names));
    ssize_t b = listxattr(right_path.text, right_names, sizeof(right_names));
    same = (a > 0 ? a : 0) == (b > 0 ? b : 0);
    for (const char *at = left_names; same && a > 0 && at < left_names + a; at += strlen(at) + 1)
      if (strcmp(at, "security.capability") == 0 || strncmp(at, "user.", 5) == 0)
        same = same_xattr(left_path.text, right_path.text, at);
  }
  if (left >= 0)
    close(left);
  if (right >= 0)
    close(right);
  return same;
}

static bool same_target(int left_dir, int right_dir, const char *name)
{
  char a[4096], b[4096];
  ssize_t a_length = readlinkat(left_dir, name, a, sizeof(a));
  ssize_t b_length = readlinkat(right_dir, name, b, sizeof(b));
  return a_length == b_length && a_length >= 0 && memcmp(a, b, (size_t)a_length) == 0;
}

/* ---- two plain directories ---- */

static int compare(struct comparer *comparer, int new_fd, int old_fd, int depth, bool *changed);

static int compare_entry(struct comparer *comparer, int new_fd, int old_fd, const char *name, bool in_old, int depth)
{
  struct stat facts, old;
  if (fstatat(new_fd, name, &facts, AT_SYMLINK_NOFOLLOW) < 0)
    return errno == ENOENT ? 0 : failed(comparer, "examining");
  if (in_old && fstatat(old_fd, name, &old, AT_SYMLINK_NOFOLLOW) < 0)
    return failed(comparer, "examining");
  bool differs = in_old && (!same_facts(&facts, &old) || !same_xattrs(new_fd, old_fd, name) ||
                            (S_ISLNK(facts.st_mode) && !same_target(new_fd, old_fd, name)));
  bool changed_below = false;
  if (S_ISDIR(facts.st_mode)) {
    int below = open_directory_at(new_fd, name);
    int old_below = in_old && S_ISDIR(old.st_mode) ? open_directory_at(old_fd, name) : -1;
    int result = below < 0 ? failed(comparer, "opening directory")
                           : compare(comparer, below, old_below, depth + 1, &changed_below);
    if (below >= 0)
      close(below);
    if (old_below >= 0)
      close(old_below);
    if (result < 0)
      return -1;
  }
  if (!in_old)
    return add(comparer, 'A') < 0 ? -1 : 1;
  if (differs || changed_below)
    return add(comparer, 'C') < 0 ? -1 : 1;
  return 0;
}

static int compare(struct comparer *comparer, int new_fd, int old_fd, int depth, bool *changed)
{
  struct listing listing = {0}, older = {0};
  size_t length = comparer->path.length;
  if (depth > MAX_WALK_DEPTH) {
    errno = ELOOP;
    return failed(comparer, "too deep");
  }
  if (listing_read(&listing, new_fd) < 0 || (old_fd >= 0 && listing_read(&older, old_fd) < 0)) {
    listing_free(&listing);
    return failed(comparer, "reading directory");
  }
  int result = 0;
  for (size_t i = 0; i < listing.count && result >= 0; i++) {
    const char *name = listing.names[i];
    result = descend(comparer, length, name);
    if (result == 0)
      result = compare_entry(comparer, new_fd, old_fd, name, listing_has(&older, name), depth);
    if (result > 0)
      *changed = true;
  }
  for (size_t i = 0; i < older.count && result >= 0; i++) {
    if (listing_has(&listing, older.names[i]))
      continue;
    result = descend(comparer, length, older.names[i]);
    if (result == 0)
      result = add(comparer, 'D');
    *changed = true;
  }
  ascend(comparer, length);
  listing_free(&listing);
  listing_free(&older);
  return result < 0 ? -1 : 0;
}

int oci_changes_between(int new_fd, int old_fd, struct oci_change_list *out, struct oci_error *error)
{
  struct comparer comparer = {.out = out, .error = error};
  bool changed = false;
  int result = compare(&comparer, new_fd, old_fd, 0, &changed);
  if (result == 0)
    result = finish(&comparer);
  buffer_free(&comparer.records);
  buffer_free(&comparer.path);
  return result;
}

/* ---- an overlay's upper ---- */

/* The same directory in the layers below, topmost first, up to the one that hides the rest. */
struct lowers {
  int *fds;
  size_t count;
};

static void close_lowers(struct lowers *lowers)
{
  for (size_t i = 0; i < lowers->count; i++)
    close(lowers->fds[i]);
  free(lowers->fds);
}

static bool has_mark(int fd, const char *name)
{
  char value[2];
  return fgetxattr(fd, name, value, sizeof(value)) == 1 && value[0] == 'y';
}

static bool has_file(int directory_fd, const char *name)
{
  struct stat facts;
  return fstatat(directory_fd, name, &facts, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool is_opaque(const struct comparer *comparer, int fd)
{
  if (comparer->fuse_whiteouts)
    return has_file(fd, WHITEOUT_OPAQUE) || has_mark(fd, "user.fuseoverlayfs.opaque");
  return has_mark(fd, comparer->opaque_xattr);
}

static bool whited_out_by_name(const struct comparer *comparer, int directory_fd, const char *name)
{
  char whiteout[NAME_MAX + 8];
  if (!comparer->fuse_whiteouts || strlen(name) > NAME_MAX)
    return false;
  memcpy(whiteout, WHITEOUT_PREFIX, 4);
  strcpy(whiteout + 4, name);
  return has_file(directory_fd, whiteout);
}

/* Whether `name` exists in what the lowers show together; which one has it. */
static bool find_lower(const struct comparer *comparer, const struct lowers *lowers, const char *name,
                       struct stat *facts, int *directory_fd)
{
  for (size_t i = 0; i < lowers->count; i++) {
    if (fstatat(lowers->fds[i], name, facts, AT_SYMLINK_NOFOLLOW) == 0) {
      *directory_fd = lowers->fds[i];
      return !unpack_is_whiteout_device(facts);
    }
    if (whited_out_by_name(comparer, lowers->fds[i], name))
      return false;
  }
  return false;
}

static int open_lowers(struct comparer *comparer, const struct lowers *above, const char *name, struct lowers *out)
{
  out->count = 0;
  out->fds = malloc((above->count ? above->count : 1) * sizeof(*out->fds));
  if (out->fds == NULL)
    return failed(comparer, "allocating");
  for (size_t i = 0; i < above->count; i++) {
    int fd = open_directory_at(above->fds[i], name);
    if (fd < 0) {
      if (errno == ENOENT && !whited_out_by_name(comparer, above->fds[i], name))
        continue;
      break; /* a file or whiteout hides what lies deeper */
    }
    out->fds[out->count++] = fd;
    if (is_opaque(comparer, fd))
      break;
  }
  return 0;
}

static int compare_upper(struct comparer *comparer, int upper, const struct lowers *lowers, int depth, bool *changed);

/* An opaque directory deletes what the lowers have and it has not. */
static int report_hidden(struct comparer *comparer, const struct listing *listing, const struct lowers *lowers)
{
  size_t length = comparer->path.length;
  struct key_set seen = {NULL, 0, 0};
  int result = 0;
  for (size_t i = 0; i < lowers->count && result == 0; i++) {
    struct listing older;
    if (listing_read(&older, lowers->fds[i]) < 0) {
      result = failed(comparer, "reading directory");
      break;
    }
    for (size_t j = 0; j < older.count && result == 0; j++) {
      const char *name = older.names[j];
      struct stat facts;
      int directory_fd;
      if (listing_has(listing, name) || (comparer->fuse_whiteouts && strncmp(name, WHITEOUT_PREFIX, 4) == 0))
        continue;
      int added = key_set_add(&seen, key_of(name, strlen(name)));
      if (added < 0)
        result = failed(comparer, "allocating");
      if (added <= 0 || !find_lower(comparer, lowers, name, &facts, &directory_fd))
        continue;
      result = descend(comparer, length, name);
      if (result == 0)
        result = add(comparer, 'D');
    }
    listing_free(&older);
  }
  ascend(comparer, length);
  key_set_free(&seen);
  return result;
}

static int compare_upper_directory(struct comparer *comparer, int upper_dir, const struct lowers *lowers,
                                   const char *name, const struct stat *facts, int depth)
{
  struct lowers below;
  struct stat old;
  int old_dir;
  bool changed = false;
  bool in_lower = find_lower(comparer, lowers, name, &old, &old_dir);
  int fd = open_directory_at(upper_dir, name);
  if (fd < 0)
    return errno == ENOENT ? 0 : failed(comparer, "opening directory");
  if (open_lowers(comparer, lowers, name, &below) < 0) {
    free(below.fds);
    close(fd);
    return -1;
  }
  struct listing listing = {0};
  bool opaque = is_opaque(comparer, fd);
  int result = 0;
  if (opaque && below.count > 0) {
    size_t before = comparer->records.length;
    result = listing_read(&listing, fd) < 0 ? failed(comparer, "reading directory")
                                            : report_hidden(comparer, &listing, &below);
    listing_free(&listing);
    changed = comparer->records.length != before;
  }
  if (result == 0)
    result = compare_upper(comparer, fd, &below, depth + 1, &changed);
  close_lowers(&below);
  close(fd);
  if (result < 0)
    return -1;
  if (!in_lower)
    return add(comparer, 'A') < 0 ? -1 : 1;
  bool differs = !same_facts(facts, &old) || !same_time(&facts->st_mtim, &old.st_mtim);
  if (differs || changed)
    return add(comparer, 'C') < 0 ? -1 : 1;
  return 0;
}

static int compare_upper_entry(struct comparer *comparer, int upper, const struct lowers *lowers, const char *name,
                               int depth)
{
  struct stat facts, old;
  int old_dir;
  if (fstatat(upper, name, &facts, AT_SYMLINK_NOFOLLOW) < 0)
    return errno == ENOENT ? 0 : failed(comparer, "examining");
  if (S_ISDIR(facts.st_mode))
    return compare_upper_directory(comparer, upper, lowers, name, &facts, depth);
  bool in_lower = find_lower(comparer, lowers, name, &old, &old_dir);
  if (unpack_is_whiteout_device(&facts)) {
    if (!in_lower)
      return 0;
    return add(comparer, 'D') < 0 ? -1 : 1;
  }
  return add(comparer, in_lower ? 'C' : 'A') < 0 ? -1 : 1;
}

static int compare_upper(struct comparer *comparer, int upper, const struct lowers *lowers, int depth, bool *changed)
{
  struct listing listing;
  size_t length = comparer->path.length;
  if (depth > MAX_WALK_DEPTH) {
    errno = ELOOP;
    return failed(comparer, "too deep");
  }
  if (listing_read(&listing, upper) < 0)
    return failed(comparer, "reading directory");
  int result = 0;
  for (size_t i = 0; i < listing.count && result >= 0; i++) {
    const char *name = listing.names[i];
    bool whiteout = comparer->fuse_whiteouts && strncmp(name, WHITEOUT_PREFIX, 4) == 0;
    if (whiteout && strncmp(name, WHITEOUT_META, strlen(WHITEOUT_META)) == 0)
      continue;
    const char *shown = whiteout ? name + 4 : name;
    result = descend(comparer, length, shown);
    if (result < 0)
      break;
    if (whiteout) {
      struct stat old;
      int old_dir;
      if (!listing_has(&listing, shown) && find_lower(comparer, lowers, shown, &old, &old_dir))
        result = add(comparer, 'D') < 0 ? -1 : 1;
    } else {
      result = compare_upper_entry(comparer, upper, lowers, name, depth);
    }
    if (result > 0)
      *changed = true;
  }
  ascend(comparer, length);
  listing_free(&listing);
  return result < 0 ? -1 : 0;
}

int oci_changes_overlay(int upper_fd, const int *lower_fds, size_t lower_count, int in_user_namespace,
                        int whiteouts, struct oci_change_list *out, struct oci_error *error)
{
  struct comparer comparer = {
      .out = out,
      .error = error,
      .opaque_xattr = in_user_namespace ? "user.overlay.opaque" : "trusted.overlay.opaque",
      .fuse_whiteouts = whiteouts == WHITEOUTS_FUSE,
  };
  struct lowers lowers = {.fds = (int *)(uintptr_t)lower_fds, .count = lower_count};
  bool changed = false;
  int result = compare_upper(&comparer, upper_fd, &lowers, 0, &changed);
  if (result == 0)
    result = finish(&comparer);
  buffer_free(&comparer.records);
  buffer_free(&comparer.path);
  return result;
}
