/* Walks that change or measure a tree in place: shifting owners, disk usage. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "listing.h"
#include "owner.h"
#include "tree.h"

#define MAX_DEPTH 2048
#define CAPABILITY "security.capability"

static uint64_t inode_key(const struct stat *facts)
{
  uint64_t pair[2] = {facts->st_dev, facts->st_ino};
  return key_of(pair, sizeof(pair));
}

/* ---- owners ---- */

struct shifter {
  const struct oci_copy_options *options;
  struct oci_error *error;
  struct key_set links; /* inodes with several names: shifting twice would be wrong */
};

static int shift_one(struct shifter *shifter, int directory_fd, const char *name, const struct stat *facts)
{
  const struct oci_copy_options *options = shifter->options;
  uint32_t uid, gid;
  if (!id_to_container(options->uid_from, options->uid_from_len, facts->st_uid, &uid) ||
      !id_to_host(options->uid_to, options->uid_to_len, uid, &uid) ||
      !id_to_container(options->gid_from, options->gid_from_len, facts->st_gid, &gid) ||
      !id_to_host(options->gid_to, options->gid_to_len, gid, &gid)) {
    errno = EINVAL;
    return oci_fail(shifter->error, name, "its owner %u:%u has no mapping", facts->st_uid, facts->st_gid);
  }
  if (uid == facts->st_uid && gid == facts->st_gid)
    return 0;
  unsigned char capability[64];
  ssize_t capability_length = -1;
  struct fd_path path;
  int fd = -1;
  if (!S_ISLNK(facts->st_mode)) {
    fd = openat(directory_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
      return oci_fail(shifter->error, name, "opening");
    if (S_ISREG(facts->st_mode))
      capability_length = getxattr(fd_path(&path, fd), CAPABILITY, capability, sizeof(capability));
  }
  int result = fchownat(directory_fd, name, uid, gid, AT_SYMLINK_NOFOLLOW);
  /* chown cleared them. */
  if (result == 0 && fd >= 0 && (facts->st_mode & 06000))
    result = chmod(fd_path(&path, fd), facts->st_mode & 07777);
  if (result == 0 && capability_length > 0)
    result = setxattr(fd_path(&path, fd), CAPABILITY, capability, (size_t)capability_length, 0);
  if (result < 0)
    oci_fail(shifter->error, name, "changing its owner to %u:%u", uid, gid);
  if (fd >= 0)
    close(fd);
  return result;
}

static int shift_directory(struct shifter *shifter, int fd, int depth)
{
  struct listing listing;
  if (depth > MAX_DEPTH || listing_read(&listing, fd) < 0)
    return oci_fail(shifter->error, NULL, "reading directory");
  int result = 0;
  for (size_t i = 0; i < listing.count && result == 0; i++) {
    const char *name = listing.names[i];
    struct stat facts;
    if (fstatat(fd, name, &facts, AT_SYMLINK_NOFOLLOW) < 0) {
      result = oci_fail(shifter->error, name, "examining");
      break;
    }
    if (!S_ISDIR(facts.st_mode) && facts.st_nlink > 1) {
      int added = key_set_add(&shifter->links, inode_key(&facts));
      if (added < 0)
        result = oci_fail(shifter->error, name, "allocating");
      if (added <= 0)
        continue;
    }
    if (S_ISDIR(facts.st_mode)) {
      int below = open_directory_at(fd, name);
      result = below < 0 ? oci_fail(shifter->error, name, "opening directory")
                         : shift_directory(shifter, below, depth + 1);
      if (below >= 0)
        close(below);
    }
    if (result == 0)
      result = shift_one(shifter, fd, name, &facts);
  }
  listing_free(&listing);
  return result;
}

int oci_chown_tree(int root_fd, const struct oci_copy_options *options, struct oci_error *error)
{
  struct shifter shifter = {.options = options, .error = error};
  struct stat facts;
  int result = shift_directory(&shifter, root_fd, 0);
  if (result == 0 && fstatat(root_fd, ".", &facts, 0) < 0)
    result = oci_fail(error, NULL, "examining");
  if (result == 0)
    result = shift_one(&shifter, root_fd, ".", &facts);
  key_set_free(&shifter.links);
  return result;
}

/* ---- usage ---- */

static int measure(int fd, struct oci_usage *usage, struct key_set *links, struct oci_error *error, int depth)
{
  struct listing listing;
  if (depth > MAX_DEPTH || listing_read(&listing, fd) < 0)
    return oci_fail(error, NULL, "reading directory");
  int result = 0;
  for (size_t i = 0; i < listing.count && result == 0; i++) {
    const char *name = listing.names[i];
    struct stat facts;
    if (fstatat(fd, name, &facts, AT_SYMLINK_NOFOLLOW) < 0) {
      /* A live tree: it may be gone by now. */
      if (errno != ENOENT)
        result = oci_fail(error, name, "examining");
      continue;
    }
    if (S_ISDIR(facts.st_mode)) {
      usage->inodes++;
      int below = open_directory_at(fd, name);
      if (below < 0) {
        if (errno != ENOENT)
          result = oci_fail(error, name, "opening directory");
        continue;
      }
      result = measure(below, usage, links, error, depth + 1);
      close(below);
      continue;
    }
    if (facts.st_nlink > 1) {
      int added = key_set_add(links, inode_key(&facts));
      if (added < 0)
        result = oci_fail(error, name, "allocating");
      if (added <= 0)
        continue;
    }
    usage->inodes++;
    usage->bytes += (uint64_t)facts.st_size;
  }
  listing_free(&listing);
  return result;
}

int oci_tree_usage(int root_fd, struct oci_usage *usage, struct oci_error *error)
{
  struct key_set links = {NULL, 0, 0};
  usage->bytes = 0;
  usage->inodes = 1;
  int result = measure(root_fd, usage, &links, error, 0);
  key_set_free(&links);
  return result;
}
