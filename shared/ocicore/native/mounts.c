/* The mount API of Linux 5.2 and later, and overlay mounts with more lower layers than a page of options holds. */
#include "native.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* <sys/mount.h> and <linux/mount.h> of Debian 12 exclude each other, so mount(2) is declared here. */
extern int mount(const char *source, const char *target, const char *fstype, unsigned long flags,
                 const void *data);

int oci_open_tree(int dir_fd, const char *path, unsigned int flags)
{
  return (int)syscall(SYS_open_tree, dir_fd, path, flags);
}

int oci_move_mount(int from_fd, const char *from, int to_fd, const char *to, unsigned int flags)
{
  return (int)syscall(SYS_move_mount, from_fd, from, to_fd, to, flags);
}

int oci_mount_setattr(int dir_fd, const char *path, unsigned int flags, uint64_t set, uint64_t clear,
                      uint64_t propagation, int userns_fd)
{
  struct mount_attr attributes = {
      .attr_set = set,
      .attr_clr = clear,
      .propagation = propagation,
      .userns_fd = userns_fd < 0 ? 0 : (uint64_t)userns_fd,
  };
  return (int)syscall(SYS_mount_setattr, dir_fd, path, flags, &attributes, sizeof(attributes));
}

static int set_string(int context, const char *key, const char *value)
{
  return (int)syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, key, value, 0);
}

static int set_option(int context, const char *option)
{
  const char *equals = strchr(option, '=');
  if (equals == NULL)
    return (int)syscall(SYS_fsconfig, context, FSCONFIG_SET_FLAG, option, NULL, 0);
  char key[64];
  size_t length = (size_t)(equals - option);
  if (length >= sizeof(key)) {
    errno = EINVAL;
    return -1;
  }
  memcpy(key, option, length);
  key[length] = '\0';
  return set_string(context, key, equals + 1);
}

/* fsconfig takes strings of at most 255 bytes, so this serves only shorter paths; the kernel needs "lowerdir+" (6.7). */
int oci_overlay_fsopen(const char *target, const char *const *lowers, size_t lower_count, const char *upper,
                       const char *work, const char *const *options, size_t option_count,
                       unsigned int attributes, struct oci_error *error)
{
  int context = (int)syscall(SYS_fsopen, "overlay", 1U /* FSOPEN_CLOEXEC */);
  if (context < 0)
    return oci_fail(error, target, "opening overlay file system");
  int mounted = -1;
  int result = -1;
  for (size_t i = 0; i < lower_count; i++)
    if (set_string(context, "lowerdir+", lowers[i]) < 0) {
      oci_fail(error, lowers[i], "adding lower layer");
      goto out;
    }
  if (upper != NULL && (set_string(context, "upperdir", upper) < 0 || set_string(context, "workdir", work) < 0)) {
    oci_fail(error, upper, "setting upper layer");
    goto out;
  }
  for (size_t i = 0; i < option_count; i++)
    if (set_option(context, options[i]) < 0) {
      oci_fail(error, target, "overlay option %s", options[i]);
      goto out;
    }
  if (set_string(context, "source", "overlay") < 0 ||
      syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) {
    oci_fail(error, target, "creating overlay");
    goto out;
  }
  mounted = (int)syscall(SYS_fsmount, context, 1U /* FSMOUNT_CLOEXEC */, attributes);
  if (mounted < 0) {
    oci_fail(error, target, "creating overlay mount");
    goto out;
  }
  if (oci_move_mount(mounted, "", -100 /* AT_FDCWD */, target, MOVE_MOUNT_F_EMPTY_PATH) < 0) {
    oci_fail(error, target, "attaching overlay mount");
    goto out;
  }
  result = 0;
out:
  if (mounted >= 0)
    close(mounted);
  close(context);
  return result;
}

static int open_layer(const char *path)
{
  return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* Runs in a child with its own working directory and descriptor table: layers become descriptors, and their names
 * below /proc/self/fd are short enough for 500 of them (the kernel's limit) in one page of options. */
static int mount_by_descriptor(const char *target, const char *const *lowers, size_t lower_count,
                               const char *upper, const char *work, const char *options, unsigned long flags)
{
  char data[4096];
  size_t used = 0;
  if (syscall(SYS_close_range, 3U, ~0U, 0U) < 0)
    return errno;
  for (size_t i = 0; i < lower_count; i++) {
    int fd = open_layer(lowers[i]);
    if (fd < 0)
      return errno;
    int n = snprintf(data + used, sizeof(data) - used, "%s%d", i == 0 ? "lowerdir=" : ":", fd);
    if (n < 0 || used + (size_t)n >= sizeof(data))
      return E2BIG;
    used += (size_t)n;
  }
  if (upper != NULL) {
    int upper_fd = open_layer(upper);
    int work_fd = open_layer(work);
    if (upper_fd < 0 || work_fd < 0)
      return errno;
    int n = snprintf(data + used, sizeof(data) - used, ",upperdir=%d,workdir=%d", upper_fd, work_fd);
    if (n < 0 || used + (size_t)n >= sizeof(data))
      return E2BIG;
    used += (size_t)n;
  }
  if (options[0] != '\0') {
    int n = snprintf(data + used, sizeof(data) - used, ",%s", options);
    if (n < 0 || used + (size_t)n >= sizeof(data))
      return E2BIG;
  }
  if (chdir("/proc/self/fd") < 0 || mount("overlay", target, "overlay", flags, data) < 0)
    return errno;
  return 0;
}

int oci_overlay_by_fd(const char *target, const char *const *lowers, size_t lower_count, const char *upper,
                      const char *work, const char *options, unsigned long flags, struct oci_error *error)
{
  pid_t child = fork();
  if (child < 0)
    return oci_fail(error, target, "forking to mount");
  if (child == 0)
    /* errno values of mount(2) are below 134 and fit an exit status. */
    _exit(mount_by_descriptor(target, lowers, lower_count, upper, work, options, flags));
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR)
      return oci_fail(error, target, "waiting for mount");
  errno = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
  return errno == 0 ? 0 : oci_fail(error, target, "mounting overlay");
}
