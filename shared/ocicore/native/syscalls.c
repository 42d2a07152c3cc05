/* Thin wrappers over system calls that Python 3.11 or the C library of Debian 12 do not offer. */
#include "native.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

int oci_mount(const char *source, const char *target, const char *fstype, unsigned long flags, const char *data)
{
  return mount(source, target, fstype, flags, data);
}

int oci_umount(const char *target, int flags)
{
  return umount2(target, flags);
}

int oci_setns(int fd, int kind)
{
  return setns(fd, kind);
}

int oci_unshare(int flags)
{
  return unshare(flags);
}

int oci_open_in_root(int root_fd, const char *path, int flags, unsigned int mode, uint64_t resolve)
{
  struct open_how how = {.flags = (uint64_t)(unsigned int)flags, .mode = mode, .resolve = resolve};
  long fd;
  /* EAGAIN: something was renamed while ".." was being resolved; the kernel asks to try again. */
  for (int attempt = 0; attempt < 128; attempt++) {
    fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
      return (int)fd;
  }
  return -1;
}

int oci_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
  return prctl(option, a, b, c, d);
}

int oci_capget(uint64_t *effective, uint64_t *permitted, uint64_t *inheritable)
{
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  struct __user_cap_data_struct data[2] = {{0, 0, 0}, {0, 0, 0}};
  if (syscall(SYS_capget, &header, data) < 0)
    return -1;
  *effective = data[0].effective | (uint64_t)data[1].effective << 32;
  *permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
  *inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
  return 0;
}

int oci_capset(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  struct __user_cap_data_struct data[2] = {
      {(uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable},
      {(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32)},
  };
  return (int)syscall(SYS_capset, &header, data);
}

int oci_syncfs(int fd)
{
  return syncfs(fd);
}

int64_t oci_fs_magic(const char *path)
{
  struct statfs facts;
  if (statfs(path, &facts) < 0)
    return -1;
  return (int64_t)(uint32_t)facts.f_type;
}

int oci_renameat2(int old_dir, const char *old_name, int new_dir, const char *new_name, unsigned int flags)
{
  return (int)syscall(SYS_renameat2, old_dir, old_name, new_dir, new_name, flags);
}

int oci_close_range(unsigned int first, unsigned int last, unsigned int flags)
{
  return (int)syscall(SYS_close_range, first, last, flags);
}
