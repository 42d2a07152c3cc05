/* Making one member of an archive: files, directories, links, nodes, with owner, mode, xattrs and times.
 * Everything is done on descriptors or with *at calls that follow no link. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "crc64.h"
#include "tree.h"
#include "unpack.h"

#define OVERRIDE_XATTR "user.containers.override_stat"

static int failed(struct unpacker *unpacker, const struct place *place, const char *doing)
{
  return oci_fail(unpacker->error, place->path, "%s", doing);
}

/* unpack_clear closed the parent's descriptor along with the others. */
static int clear_and_reopen(struct unpacker *unpacker, struct place *place)
{
  size_t parent_length;
  if (unpack_clear(unpacker, place) < 0)
    return -1;
  place->name = base_name(place->path, &parent_length);
  place->parent_fd = unpack_parent(unpacker, place->path, parent_length, false);
  return place->parent_fd < 0 ? -1 : 0;
}

/* ---- attributes ---- */

static bool is_private_xattr(const char *name)
{
  /* Overlay's own attributes would let a layer redirect or hide; labels are the host's business. */
  return strncmp(name, "trusted.overlay.", 16) == 0 || strncmp(name, "user.overlay.", 13) == 0 ||
         strcmp(name, "security.selinux") == 0;
}

static int set_xattrs(struct unpacker *unpacker, const struct tar_entry *entry, const struct place *place, int fd,
                      const char *path)
{
  for (size_t i = 0; i < entry->xattr_count; i++) {
    const struct tar_xattr *xattr = &entry->xattrs[i];
    if (is_private_xattr(xattr->name))
      continue;
    int set = path ? setxattr(path, xattr->name, xattr->value, xattr->length, 0)
                   : fsetxattr(fd, xattr->name, xattr->value, xattr->length, 0);
    if (set == 0)
      continue;
    /* user.* exists on files and directories only: EPERM on everything else. */
    if (errno == ENOTSUP || (errno == EPERM && (unpacker->options->in_user_namespace ||
                                                (path && strncmp(xattr->name, "user.", 5) == 0)))) {
      unpacker->result->ignored_xattrs++;
      continue;
    }
    return oci_fail(unpacker->error, place->path, "setting extended attribute %.100s", xattr->name);
  }
  return 0;
}

static int set_override(struct unpacker *unpacker, const struct tar_entry *entry, const struct place *place, int fd)
{
  char text[96], type[48];
  switch (entry->type) {
  case '5':
    snprintf(type, sizeof(type), "dir");
    break;
  case '6':
    snprintf(type, sizeof(type), "pipe");
    break;
  case '3':
  case '4':
    snprintf(type, sizeof(type), "%s-%u-%u", entry->type == '4' ? "block" : "char",
             (unsigned int)entry->device_major, (unsigned int)entry->device_minor);
    break;
  default:
    snprintf(type, sizeof(type), "file");
  }
  snprintf(text, sizeof(text), "%u:%u:%04o:%s", place->uid, place->gid, entry->mode, type);
  return fsetxattr(fd, OVERRIDE_XATTR, text, strlen(text), 0) < 0 ? failed(unpacker, place, "keeping its owner")
                                                                 : 0;
}

static void fill_times(const struct tar_entry *entry, struct timespec times[2])
{
  times[0] = (struct timespec){.tv_sec = entry->atime.seconds, .tv_nsec = entry->atime.nanoseconds};
  times[1] = (struct timespec){.tv_sec = entry->mtime.seconds, .tv_nsec = entry->mtime.nanoseconds};
}

static int chown_failed(struct unpacker *unpacker, const struct place *place)
{
  if (unpacker->options->ignore_chown_errors)
    return 0;
  return oci_fail(unpacker->error, place->path, "changing its owner to %u:%u", place->uid, place->gid);
}

/* Owner, mode, xattrs: in this order, because a change of owner clears set-id bits and file capabilities. */
static int set_attributes(struct unpacker *unpacker, const struct tar_entry *entry, const struct place *place, int fd,
                          mode_t mode)
{
  bool masked = unpacker->options->force_mask >= 0;
  if (!masked && fchown(fd, place->uid, place->gid) < 0 && chown_failed(unpacker, place) < 0)
    return -1;
  if (fchmod(fd, masked ? (mode_t)unpacker->options->force_mask : mode) < 0)
    return failed(unpacker, place, "changing its mode");
  if (set_xattrs(unpacker, entry, place, fd, NULL) < 0)
    return -1;
  return masked ? set_override(unpacker, entry, place, fd) : 0;
}

/* The same for what cannot be opened: links, devices, pipes. */
static int set_attributes_at(struct unpacker *unpacker, const struct tar_entry *entry, const struct place *place)
{
  struct timespec times[2];
  struct fd_path path;
  if (unpacker->options->force_mask < 0 &&
      fchownat(place->parent_fd, place->name, place->uid, place->gid, AT_SYMLINK_NOFOLLOW) < 0 &&
      chown_failed(unpacker, place) < 0)
    return -1;
  if (entry->type != '2' || entry->xattr_count > 0) {
    int fd = openat(place->parent_fd, place->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
      return failed(unpacker, place, "opening");
    int result = 0;
    if (entry->type != '2' && chmod(fd_path(&path, fd), entry->mode) < 0)
      result = failed(unpacker, place, "changing its mode");
    if (result == 0)
      result = set_xattrs(unpacker, entry, place, -1, fd_path(&path, fd));
    close(fd);
    if (result < 0)
      return -1;
  }
  fill_times(entry, times);
  if (utimensat(place->parent_fd, place->name, times, AT_SYMLINK_NOFOLLOW) < 0)
    return failed(unpacker, place, "setting its times");
  return 0;
}

/* ---- directories ---- */

static int defer_times(struct unpacker *unpacker, const struct tar_entry *entry, const char *path, mode_t mode,
                       bool set_mode)
{
  /* Long names of many directories: a few megabytes of archive could ask for all memory. */
  unpacker->directory_bytes += strlen(path) + 1 + sizeof(struct directory_times);
  if (unpacker->directory_bytes > unpacker->options->max_directories)
    return oci_limit(unpacker->error, path, "more than %llu bytes of names of directories",
                     (unsigned long long)unpacker->options->max_directories);
  if (unpacker->directory_count == unpacker->directory_capacity) {
    size_t capacity = unpacker->directory_capacity ? unpacker->directory_capacity * 2 : 256;
    struct directory_times *grown = realloc(unpacker->directories, capacity * sizeof(*grown));
    if (grown == NULL)
      return oci_fail(unpacker->error, path, "allocating");
    unpacker->directories = grown;
    unpacker->directory_capacity = capacity;
  }
  struct directory_times *last = &unpacker->directories[unpacker->directory_count];
  last->path = strdup(path);
  if (last->path == NULL)
    return oci_fail(unpacker->error, path, "allocating");
  last->mode = mode;
  last->set_mode = set_mode;
  fill_times(entry, last->times);
  unpacker->directory_count++;
  return 0;
}

static int set_directory_times(struct unpacker *unpacker, struct key_set *done)
{
  struct fd_path proc_path;
  /* Children before parents, whose mode may lock them away. */
  for (size_t i = unpacker->directory_count; i-- > 0;) {
    const struct directory_times *last = &unpacker->directories[i];
    /* Of several members for a directory the last one counts. */
    int added = key_set_add(done, key_of(last->path, strlen(last->path)));
    if (added < 0)
      return oci_fail(unpacker->error, last->path, "allocating");
    if (added == 0)
      continue;
    bool is_root = strcmp(last->path, ".") == 0;
    int fd = root_directory(&unpacker->root, last->path, is_root ? 0 : strlen(last->path));
    if (fd < 0) {
      /* A later member replaced it. */
      if (errno == ENOENT || errno == ENOTDIR)
        continue;
      return oci_fail(unpacker->error, last->path, "opening directory to set its times");
    }
    if ((last->set_mode && chmod(fd_path(&proc_path, fd), last->mode) < 0) ||
        utimensat(fd, "", last->times, AT_EMPTY_PATH) < 0)
      return oci_fail(unpacker->error, last->path, "setting directory times");
  }
  return 0;
}

int unpack_directory_times(struct unpacker *unpacker)
{
  struct key_set done = {NULL, 0, 0};
  int result = set_directory_times(unpacker, &done);
  key_set_free(&done);
  return result;
}

static int finish_directory(struct unpacker *unpacker, struct tar_entry *entry, const struct place *place, int fd)
{
  /* Members still have to go in: the owner's bits come off at the end only. */
  mode_t mode = unpacker->options->force_mask >= 0 ? (mode_t)unpacker->options->force_mask : entry->mode;
  bool locked = (mode & 0700) != 0700 && geteuid() != 0;
  if (set_attributes(unpacker, entry, place, fd, locked ? mode | 0700 : mode) < 0)
    return -1;
  return defer_times(unpacker, entry, place->path, mode, locked);
}

static int make_directory(struct unpacker *unpacker, struct tar_entry *entry, struct place *place)
{
  bool hides_lower = false;
  if (mkdirat(place->parent_fd, place->name, 0700) < 0) {
    struct stat facts;
    if (errno != EEXIST)
      return failed(unpacker, place, "creating directory");
    if (fstatat(place->parent_fd, place->name, &facts, AT_SYMLINK_NOFOLLOW) < 0)
      return failed(unpacker, place, "examining");
    if (!S_ISDIR(facts.st_mode)) {
      hides_lower = unpacker->options->whiteouts == WHITEOUTS_OVERLAY && unpack_is_whiteout_device(&facts);
      if (clear_and_reopen(unpacker, place) < 0)
        return -1;
      if (mkdirat(place->parent_fd, place->name, 0700) < 0)
        return failed(unpacker, place, "creating directory");
    }
  }
  int fd = openat(place->parent_fd, place->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0)
    return failed(unpacker, place, "opening directory");
  if (unpack_remember(unpacker, place) < 0 || finish_directory(unpacker, entry, place, fd) < 0) {
    close(fd);
    return -1;
  }
  if (hides_lower && fsetxattr(fd, unpacker->opaque_xattr, "y", 1, 0) < 0) {
    failed(unpacker, place, "marking directory opaque");
    close(fd);
    return -1;
  }
  /* Its members usually follow. */
  root_keep(&unpacker->root, place->path, strlen(place->path), fd);
  return 0;
}

int unpack_root_entry(struct unpacker *unpacker, struct tar_entry *entry, const struct place *place)
{
  if (!unpacker->options->root_entry || entry->type != '5')
    return 0;
  return finish_directory(unpacker, entry, place, unpacker->root.fd);
}

/* ---- files ---- */

static int write_payload(struct unpacker *unpacker, const struct place *place, int fd, int64_t limit, int64_t offset,
                         uint64_t *crc)
{
  const unsigned char *data;
  while (limit > 0) {
    int64_t kept = unpacker->reader.remaining;
    int64_t beyond = kept > limit ? kept - limit : 0;
    unpacker->reader.remaining -= beyond;
    ssize_t got = tar_payload(&unpacker->reader, &data, unpacker->error);
    unpacker->reader.remaining += beyond;
    if (got < 0)
      return -1;
    if (got == 0)
      break;
    if (crc)
      *crc = crc64_iso(*crc, data, (size_t)got);
    else if (unpacker->raw && buffer_append(unpacker->raw, data, (size_t)got) < 0)
      return failed(unpacker, place, "allocating");
    if (offset < 0) {
      if (write_all(fd, data, (size_t)got) < 0)
        return failed(unpacker, place, "writing");
    } else {
      for (ssize_t done = 0; done < got;) {
        ssize_t written = pwrite(fd, data + done, (size_t)(got - done), offset + done);
        if (written < 0 && errno != EINTR)
          return failed(unpacker, place, "writing");
        if (written > 0)
          done += written;
      }
      offset += got;
    }
    if (!crc && unpacker->split && unpacker->raw->length >= (size_t)1 << 20 &&
        tar_split_segment(unpacker->split, unpacker->raw, unpacker->error) < 0)
      return -1;
    limit -= got;
  }
  return 0;
}

/* The data of sparse files goes to tar-split as it is: putting the file back would write the holes out. */
static int write_sparse(struct unpacker *unpacker, const struct tar_entry *entry, const struct place *place, int fd)
{
  for (size_t i = 0; i < entry->extent_count; i++)
    if (write_payload(unpacker, place, fd, entry->extents[i].length, entry->extents[i].offset, NULL) < 0)
      return -1;
  return ftruncate(fd, entry->size) < 0 ? failed(unpacker, place, "extending") : 0;
}

static int open_new(const struct place *place)
{
  return openat(place->parent_fd, place->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

static int make_file(struct unpacker *unpacker, struct tar_entry *entry, struct place *place, bool *stored)
{
  struct timespec times[2];
  uint64_t crc = 0;
  int fd = open_new(place);
  if (fd < 0 && errno == EEXIST) {
    if (clear_and_reopen(unpacker, place) < 0)
      return -1;
    fd = open_new(place);
  }
  if (fd < 0)
    return failed(unpacker, place, "creating file");
  int result = entry->sparse ? write_sparse(unpacker, entry, place, fd)
                             : write_payload(unpacker, place, fd, entry->size, -1, &crc);
  if (result == 0)
    result = set_attributes(unpacker, entry, place, fd, entry->mode);
  fill_times(entry, times);
  if (result == 0 && futimens(fd, times) < 0)
    result = failed(unpacker, place, "setting its times");
  /* Some file systems (NFS, quota) report a full disk only now. */
  if (close(fd) < 0 && result == 0)
    result = failed(unpacker, place, "closing");
  if (result == 0)
    result = unpack_remember(unpacker, place);
  if (result == 0 && unpacker->split && !entry->sparse) {
    *stored = true;
    result = tar_split_file(unpacker->split, &entry->name, place->path, entry->size, crc, unpacker->error);
  }
  return result;
}

/* ---- links and nodes ---- */

static int make_symlink(struct unpacker *unpacker, struct tar_entry *entry, struct place *place)
{
  const char *target = (const char *)entry->link.data;
  if (symlinkat(target, place->parent_fd, place->name) < 0) {
    if (errno == ENOENT && entry->link.length == 0)
      return oci_corrupted(unpacker->error, place->path, "symbolic link to nothing");
    if (errno != EEXIST)
      return failed(unpacker, place, "creating symbolic link");
    if (clear_and_reopen(unpacker, place) < 0)
      return -1;
    if (symlinkat(target, place->parent_fd, place->name) < 0)
      return failed(unpacker, place, "creating symbolic link");
  }
  return set_attributes_at(unpacker, entry, place);
}

/* The member's metadata counts for the shared inode, but a chown that changes nothing would clear set-id bits. */
static int refresh_link(struct unpacker *unpacker, struct tar_entry *entry, const struct place *place)
{
  struct stat facts;
  struct timespec times[2];
  if (fstatat(place->parent_fd, place->name, &facts, AT_SYMLINK_NOFOLLOW) < 0)
    return failed(unpacker, place, "examining");
  bool plain = S_ISREG(facts.st_mode);
  if (unpacker->options->force_mask < 0) {
    if ((facts.st_uid != place->uid || facts.st_gid != place->gid) &&
        fchownat(place->parent_fd, place->name, place->uid, place->gid, AT_SYMLINK_NOFOLLOW) < 0 &&
        chown_failed(unpacker, place) < 0)
      return -1;
    if (plain && (facts.st_mode & 07777) != entry->mode) {
      struct fd_path path;
      int fd = openat(place->parent_fd, place->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
      int changed = fd < 0 ? -1 : chmod(fd_path(&path, fd), entry->mode);
      if (fd >= 0)
        close(fd);
      if (changed < 0)
        return failed(unpacker, place, "changing its mode");
    }
  }
  fill_times(entry, times);
  if (plain && utimensat(place->parent_fd, place->name, times, AT_SYMLINK_NOFOLLOW) < 0)
    return failed(unpacker, place, "setting its times");
  return 0;
}

static int make_hard_link(struct unpacker *unpacker, struct tar_entry *entry, struct place *place)
{
  unpacker->link.length = 0;
  if (buffer_reserve(&unpacker->link, entry->link.length + 2) < 0)
    return failed(unpacker, place, "allocating");
  char *target = (char *)unpacker->link.data;
  if (!clean_path((const char *)entry->link.data, entry->link.length, target))
    return oci_corrupted(unpacker->error, place->path, "hard link to a name outside of the archive");
  if (strcmp(target, place->path) == 0)
    return oci_corrupted(unpacker->error, place->path, "hard link to itself");
  size_t parent_length;
  const char *target_name = base_name(target, &parent_length);
  int target_fd = root_directory(&unpacker->root, target, parent_length);
  if (target_fd < 0)
    return oci_corrupted(unpacker->error, place->path, "hard link to a file that is not there");
  /* Both descriptors are needed at once, and resolving one may close the other. */
  target_fd = dup(target_fd);
  size_t own_length;
  place->name = base_name(place->path, &own_length);
  place->parent_fd = target_fd < 0 ? -1 : unpack_parent(unpacker, place->path, own_length, false);
  if (place->parent_fd < 0) {
    if (target_fd >= 0)
      close(target_fd);
    return failed(unpacker, place, "opening its directory");
  }
  int result = linkat(target_fd, target_name, place->parent_fd, place->name, 0);
  if (result < 0 && errno == EEXIST) {
    struct stat here, there;
    if (fstatat(target_fd, target_name, &there, AT_SYMLINK_NOFOLLOW) < 0)
      result = oci_corrupted(unpacker->error, place->path, "hard link to a file that is not there");
    else if (fstatat(place->parent_fd, place->name, &here, AT_SYMLINK_NOFOLLOW) == 0 &&
             here.st_ino == there.st_ino && here.st_dev == there.st_dev)
      result = 0; /* it is that link already */
    else if ((result = clear_and_reopen(unpacker, place)) == 0)
      result = linkat(target_fd, target_name, place->parent_fd, place->name, 0);
  }
  if (result < 0) {
    if (errno == ENOENT || errno == EPERM)
      oci_corrupted(unpacker->error, place->path,
                    errno == ENOENT ? "hard link to a file that is not there" : "hard link to what cannot be linked");
    failed(unpacker, place, "creating hard link");
  }
  close(target_fd);
  return result < 0 ? -1 : refresh_link(unpacker, entry, place);
}

static int make_node(struct unpacker *unpacker, struct tar_entry *entry, struct place *place)
{
  mode_t type = entry->type == '3' ? S_IFCHR : entry->type == '4' ? S_IFBLK : S_IFIFO;
  dev_t device = 0;
  if (entry->type != '6') {
    if (unpacker->options->in_user_namespace) {
      unpacker->result->skipped_devices++;
      return 0;
    }
    if (entry->device_major < 0 || entry->device_major > UINT32_MAX || entry->device_minor < 0 ||
        entry->device_minor > UINT32_MAX)
      return oci_corrupted(unpacker->error, place->path, "device number out of range");
    device = makedev((unsigned int)entry->device_major, (unsigned int)entry->device_minor);
  }
  if (mknodat(place->parent_fd, place->name, type | 0600, device) < 0) {
    if (errno != EEXIST)
      return failed(unpacker, place, "creating device or pipe");
    if (clear_and_reopen(unpacker, place) < 0)
      return -1;
    if (mknodat(place->parent_fd, place->name, type | 0600, device) < 0)
      return failed(unpacker, place, "creating device or pipe");
  }
  return set_attributes_at(unpacker, entry, place);
}

/* With a force mask what is no file, directory or link becomes an empty file that says what it should be. */
static int make_stand_in(struct unpacker *unpacker, struct tar_entry *entry, struct place *place)
{
  bool ignored = false;
  struct tar_split *split = unpacker->split;
  unpacker->split = NULL;
  entry->size = 0;
  int result = make_file(unpacker, entry, place, &ignored);
  unpacker->split = split;
  return result;
}

int unpack_member(struct unpacker *unpacker, struct tar_entry *entry, struct place *place, bool *stored)
{
  int result;
  switch (entry->type) {
  case '0':
  case '7': /* "contiguous file": an ordinary one today */
    return make_file(unpacker, entry, place, stored);
  case '5':
    return make_directory(unpacker, entry, place);
  case '2':
    result = make_symlink(unpacker, entry, place);
    break;
  case '1':
    result = make_hard_link(unpacker, entry, place);
    break;
  case '3':
  case '4':
  case '6':
    if (unpacker->options->force_mask >= 0)
      return make_stand_in(unpacker, entry, place);
    result = make_node(unpacker, entry, place);
    if (result == 0 && entry->type != '6' && unpacker->options->in_user_namespace)
      return 0;
    break;
  default:
    return oci_corrupted(unpacker->error, place->path, "unknown type of member (%d)", entry->type);
  }
  return result < 0 ? -1 : unpack_remember(unpacker, place);
}
