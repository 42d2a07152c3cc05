/* Copies of trees with everything that belongs to a file: owner, mode, times, xattrs, hard links, holes, devices. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "listing.h"
#include "owner.h"
#include "stream.h"
#include "tree.h"

#define SMALL_FILE ((off_t)64 * 1024)
#define MAX_DEPTH 2048

struct copier {
  const struct oci_copy_options *options;
  struct oci_usage *usage;
  struct oci_error *error;
  int target_root;
  struct link_map links;
  struct buffer path; /* of the current entry, NUL-terminated */
  struct buffer xattr_names;
  struct buffer value;
  bool reflink;
  bool copy_range;
};

static const char *here(const struct copier *copier)
{
  return copier->path.data ? (const char *)copier->path.data : "";
}

static int failed(struct copier *copier, const char *doing)
{
  return oci_fail(copier->error, here(copier), "%s", doing);
}

static int owner_of(struct copier *copier, const struct stat *facts, uint32_t *uid, uint32_t *gid)
{
  const struct oci_copy_options *options = copier->options;
  if (options->has_owner) {
    *uid = options->owner_uid;
    *gid = options->owner_gid;
    return 0;
  }
  if (id_to_container(options->uid_from, options->uid_from_len, facts->st_uid, uid) &&
      id_to_host(options->uid_to, options->uid_to_len, *uid, uid) &&
      id_to_container(options->gid_from, options->gid_from_len, facts->st_gid, gid) &&
      id_to_host(options->gid_to, options->gid_to_len, *gid, gid))
    return 0;
  errno = EINVAL;
  return oci_fail(copier->error, here(copier), "its owner %u:%u has no mapping", facts->st_uid, facts->st_gid);
}

/* ---- contents ---- */

static int copy_plain(struct copier *copier, int source, int target)
{
  static const size_t size = (size_t)256 * 1024;
  unsigned char *data = malloc(size);
  if (data == NULL)
    return failed(copier, "allocating");
  int result = 0;
  for (;;) {
    ssize_t got = read(source, data, size);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      result = failed(copier, "reading");
    else if (got > 0 && write_all(target, data, (size_t)got) < 0)
      result = failed(copier, "writing");
    if (got <= 0 || result < 0)
      break;
  }
  free(data);
  return result;
}

/* Copy [start, end) in the kernel. 1: done, 0: not possible here, -1: failed. */
static int copy_in_kernel(struct copier *copier, int source, int target, off_t start, off_t end)
{
  off_t in = start, out = start;
  while (in < end) {
    ssize_t copied = copy_file_range(source, &in, target, &out, (size_t)(end - in), 0);
    if (copied < 0 && errno == EINTR)
      continue;
    if (copied < 0) {
      if (in == start && (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS))
        return 0;
      return failed(copier, "copying");
    }
    if (copied == 0)
      break; /* it shrank */
  }
  return 1;
}

static int copy_extents(struct copier *copier, int source, int target, off_t size)
{
  off_t at = 0;
  while (at < size) {
    off_t data = lseek(source, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO)
      break;
    off_t hole = data < 0 ? size : lseek(source, data, SEEK_HOLE);
    if (data < 0)
      data = at;
    if (hole < 0 || hole > size)
      hole = size;
    int done = copier->copy_range ? copy_in_kernel(copier, source, target, data, hole) : 0;
    if (done < 0)
      return -1;
    if (done == 0) {
      copier->copy_range = false;
      unsigned char chunk[16384];
      for (off_t offset = data; offset < hole;) {
        size_t wanted = hole - offset < (off_t)sizeof(chunk) ? (size_t)(hole - offset) : sizeof(chunk);
        ssize_t got = pread(source, chunk, wanted, offset);
        if (got < 0)
          return failed(copier, "reading");
        if (got == 0)
          break;
        if (lseek(target, offset, SEEK_SET) < 0 || write_all(target, chunk, (size_t)got) < 0)
          return failed(copier, "writing");
        offset += got;
      }
    }
    at = hole;
  }
  return ftruncate(target, size) < 0 ? failed(copier, "extending") : 0;
}

static int copy_content(struct copier *copier, int source, int target, const struct stat *facts)
{
  if (facts->st_size == 0)
    return 0;
  if (copier->reflink) {
    if (ioctl(target, FICLONE, source) == 0)
      return 0;
    /* Sharing either works between these two file systems or does not. */
    copier->reflink = false;
  }
  bool has_holes = (off_t)facts->st_blocks * 512 < facts->st_size;
  if (facts->st_size <= SMALL_FILE && !has_holes)
    return copy_plain(copier, source, target);
  return copy_extents(copier, source, target, facts->st_size);
}

/* ---- attributes ---- */

static int copy_xattrs(struct copier *copier, int source, int target, const char *source_path,
                       const char *target_path)
{
  struct buffer *names = &copier->xattr_names, *value = &copier->value;
  names->length = value->length = 0;
  ssize_t length = source_path ? listxattr(source_path, NULL, 0) : flistxattr(source, NULL, 0);
  if (length <= 0)
    return length == 0 || errno == ENOTSUP || errno == EPERM ? 0 : failed(copier, "listing extended attributes");
  if (buffer_reserve(names, (size_t)length) < 0)
    return failed(copier, "allocating");
  length = source_path ? listxattr(source_path, (char *)names->data, (size_t)length)
                       : flistxattr(source, (char *)names->data, (size_t)length);
  if (length < 0)
    return failed(copier, "listing extended attributes");
  for (const char *name = (const char *)names->data; name < (const char *)names->data + length;
       name += strlen(name) + 1) {
    ssize_t size = source_path ? getxattr(source_path, name, NULL, 0) : fgetxattr(source, name, NULL, 0);
    if (size >= 0 && buffer_reserve(value, (size_t)size + 1) < 0)
      return failed(copier, "allocating");
    if (size > 0)
      size = source_path ? getxattr(source_path, name, value->data, (size_t)size)
                         : fgetxattr(source, name, value->data, (size_t)size);
    if (size < 0) {
      if (errno == ENODATA || errno == EPERM || errno == ENOTSUP)
        continue;
      return oci_fail(copier->error, here(copier), "reading extended attribute %.100s", name);
    }
    int set = target_path ? setxattr(target_path, name, value->data, (size_t)size, 0)
                          : fsetxattr(target, name, value->data, (size_t)size, 0);
    /* Labels are given by the host; what the target cannot hold is left, as podman does. */
    if (set < 0 && errno != ENOTSUP && strcmp(name, "security.selinux") != 0 &&
        !(errno == EPERM && copier->options->in_user_namespace))
      return oci_fail(copier->error, here(copier), "setting extended attribute %.100s", name);
  }
  return 0;
}

static void times_of(const struct stat *facts, struct timespec times[2])
{
  times[0] = facts->st_atim;
  times[1] = facts->st_mtim;
}

/* For files and directories. Times last: everything else changes them. */
static int copy_attributes(struct copier *copier, int source, int target, const struct stat *facts)
{
  uint32_t uid, gid;
  struct timespec times[2];
  if (owner_of(copier, facts, &uid, &gid) < 0)
    return -1;
  if (fchown(target, uid, gid) < 0)
    return oci_fail(copier->error, here(copier), "changing its owner to %u:%u", uid, gid);
  if (fchmod(target, facts->st_mode & 07777) < 0)
    return failed(copier, "changing its mode");
  if (copy_xattrs(copier, source, target, NULL, NULL) < 0)
    return -1;
  times_of(facts, times);
  return futimens(target, times) < 0 ? failed(copier, "setting its times") : 0;
}

static int copy_attributes_at(struct copier *copier, int source_dir, int target_dir, const char *name,
                              const struct stat *facts)
{
  uint32_t uid, gid;
  struct timespec times[2];
  struct fd_path from, to;
  if (owner_of(copier, facts, &uid, &gid) < 0)
    return -1;
  if (fchownat(target_dir, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
    return oci_fail(copier->error, here(copier), "changing its owner to %u:%u", uid, gid);
  int source = openat(source_dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  int target = openat(target_dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  int result = 0;
  if (source < 0 || target < 0)
    result = failed(copier, "opening");
  if (result == 0 && !S_ISLNK(facts->st_mode) && chmod(fd_path(&to, target), facts->st_mode & 07777) < 0)
    result = failed(copier, "changing its mode");
  if (result == 0)
    result = copy_xattrs(copier, -1, -1, fd_path(&from, source), fd_path(&to, target));
  if (source >= 0)
    close(source);
  if (target >= 0)
    close(target);
  times_of(facts, times);
  if (result == 0 && utimensat(target_dir, name, times, AT_SYMLINK_NOFOLLOW) < 0)
    result = failed(copier, "setting its times");
  return result;
}

/* ---- entries ---- */

/* Make way: what the target has under this name goes, unless both are directories. */
static int clear_target(struct copier *copier, int target_dir, const char *name, bool keep_directory)
{
  struct stat facts;
  if (fstatat(target_dir, name, &facts, AT_SYMLINK_NOFOLLOW) < 0)
    return errno == ENOENT ? 0 : failed(copier, "examining");
  if (keep_directory && S_ISDIR(facts.st_mode))
    return 0;
  return tree_remove(target_dir, name) < 0 ? failed(copier, "replacing what was there") : 0;
}

static int copy_file(struct copier *copier, int source_dir, int target_dir, const char *name,
                     const struct stat *facts)
{
  int source = openat(source_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (source < 0)
    return failed(copier, "opening");
  int target = openat(target_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  int result = target < 0 ? failed(copier, "creating") : copy_content(copier, source, target, facts);
  if (result == 0)
    result = copy_attributes(copier, source, target, facts);
  close(source);
  if (target >= 0 && close(target) < 0 && result == 0)
    result = failed(copier, "closing");
  return result;
}

static int copy_symlink(struct copier *copier, int source_dir, int target_dir, const char *name,
                        const struct stat *facts)
{
  char link[4096 + 1];
  ssize_t length = readlinkat(source_dir, name, link, sizeof(link) - 1);
  if (length < 0)
    return failed(copier, "reading link");
  link[length] = '\0';
  if (symlinkat(link, target_dir, name) < 0)
    return failed(copier, "creating symbolic link");
  return copy_attributes_at(copier, source_dir, target_dir, name, facts);
}

static int copy_directory(struct copier *copier, int source, int target, int depth);

static int copy_subdirectory(struct copier *copier, int source_dir, int target_dir, const char *name, int depth)
{
  if (mkdirat(target_dir, name, 0700) < 0 && errno != EEXIST)
    return failed(copier, "creating directory");
  int source = open_directory_at(source_dir, name);
  int target = open_directory_at(target_dir, name);
  int result = source < 0 || target < 0 ? failed(copier, "opening directory")
                                        : copy_directory(copier, source, target, depth + 1);
  if (source >= 0)
    close(source);
  if (target >= 0)
    close(target);
  return result;
}

/* 1: linked to an earlier copy of the same inode. */
static int copy_link(struct copier *copier, int target_dir, const char *name, const struct stat *facts)
{
  bool no_memory;
  if (S_ISDIR(facts->st_mode) || facts->st_nlink < 2)
    return 0;
  const char *earlier = link_map_note(&copier->links, facts, here(copier), &no_memory);
  if (no_memory)
    return failed(copier, "allocating");
  if (earlier == NULL)
    return 0;
  return linkat(copier->target_root, earlier, target_dir, name, 0) < 0 ? failed(copier, "creating hard link") : 1;
}

static int copy_entry(struct copier *copier, int source_dir, int target_dir, const char *name, int depth)
{
  struct stat facts;
  if (fstatat(source_dir, name, &facts, AT_SYMLINK_NOFOLLOW) < 0)
    return failed(copier, "examining");
  bool device = S_ISCHR(facts.st_mode) || S_ISBLK(facts.st_mode);
  /* Whiteouts (0:0) are no devices: anybody may make them. */
  if (S_ISSOCK(facts.st_mode) || (device && facts.st_rdev != 0 && copier->options->in_user_namespace))
    return 0;
  if (clear_target(copier, target_dir, name, S_ISDIR(facts.st_mode)) < 0)
    return -1;
  int linked = copy_link(copier, target_dir, name, &facts);
  if (linked != 0)
    return linked < 0 ? -1 : 0;
  copier->usage->inodes++;
  if (!S_ISDIR(facts.st_mode))
    copier->usage->bytes += (uint64_t)facts.st_size;
  switch (facts.st_mode & S_IFMT) {
  case S_IFDIR:
    return copy_subdirectory(copier, source_dir, target_dir, name, depth);
  case S_IFREG:
    return copy_file(copier, source_dir, target_dir, name, &facts);
  case S_IFLNK:
    return copy_symlink(copier, source_dir, target_dir, name, &facts);
  default:
    if (mknodat(target_dir, name, (facts.st_mode & S_IFMT) | 0600, facts.st_rdev) < 0)
      return failed(copier, "creating device or pipe");
    return copy_attributes_at(copier, source_dir, target_dir, name, &facts);
  }
}

static int copy_directory(struct copier *copier, int source, int target, int depth)
{
  struct listing listing;
  struct stat facts;
  if (depth > MAX_DEPTH) {
    errno = ELOOP;
    return failed(copier, "too deep");
  }
  if (fstat(source, &facts) < 0)
    return failed(copier, "examining");
  if (listing_read(&listing, source) < 0)
    return failed(copier, "reading directory");
  size_t length = copier->path.length;
  int result = 0;
  for (size_t i = 0; i < listing.count && result == 0; i++) {
    copier->path.length = length;
    if ((length > 0 && buffer_append(&copier->path, "/", 1) < 0) ||
        buffer_append(&copier->path, listing.names[i], strlen(listing.names[i]) + 1) < 0) {
      result = failed(copier, "allocating");
      break;
    }
    copier->path.length--;
    result = copy_entry(copier, source, target, listing.names[i], depth);
  }
  listing_free(&listing);
  copier->path.length = length;
  if (copier->path.data)
    copier->path.data[length] = '\0';
  return result < 0 ? -1 : copy_attributes(copier, source, target, &facts);
}

int oci_copy_tree(int source_fd, int target_fd, const struct oci_copy_options *options, struct oci_usage *usage,
                  struct oci_error *error)
{
  struct copier copier = {
      .options = options,
      .usage = usage,
      .error = error,
      .target_root = target_fd,
      .reflink = options->reflink != 0,
      .copy_range = true,
  };
  usage->inodes = 1;
  usage->bytes = 0;
  /* The caller's descriptors may be O_PATH. */
  int source = openat(source_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int target = openat(target_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int result = source < 0 || target < 0 ? oci_fail(error, NULL, "opening directory")
                                        : copy_directory(&copier, source, target, 0);
  if (source >= 0)
    close(source);
  if (target >= 0)
    close(target);
  link_map_free(&copier.links);
  buffer_free(&copier.path);
  buffer_free(&copier.xattr_names);
  buffer_free(&copier.value);
  return result;
}
