/* libFuzzer target: any bytes unpacked into a directory, in each whiteout mode; the directory beside it must stay
 * empty. Run it on a tmpfs (run does): it makes and removes a tree for every input. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "native.h"

static int base_fd = -1;

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
  (void)count;
  (void)arguments;
  char path[] = "/dev/shm/unpack-fuzz-XXXXXX";
  if (mkdtemp(path) == NULL || (base_fd = open(path, O_RDONLY | O_DIRECTORY)) < 0 ||
      mkdirat(base_fd, "outside", 0755) < 0)
    abort();
  return 0;
}

static int count_names(const char *name)
{
  int count = 0;
  int fd = openat(base_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  DIR *stream = fd < 0 ? NULL : fdopendir(fd);
  if (stream == NULL)
    abort();
  while (readdir(stream) != NULL)
    count++;
  closedir(stream);
  return count - 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size < 1)
    return 0;
  struct oci_error error = {0};
  struct oci_unpack_result result = {0};
  struct oci_unpack_options options = {
      .whiteouts = data[0] & 3,
      .in_user_namespace = 1,
      .ignore_chown_errors = 1,
      .root_entry = 1,
      .force_mask = -1,
      .tar_split_fd = -1,
      .max_entries = 200,
      .max_bytes = 1 << 20,
      .max_name = 4095,
      .max_directories = 1 << 20,
  };
  int stream_fd = memfd_create("layer", 0);
  if (stream_fd < 0 || write(stream_fd, data + 1, size - 1) != (ssize_t)(size - 1) ||
      lseek(stream_fd, 0, SEEK_SET) != 0 || mkdirat(base_fd, "root", 0755) < 0)
    abort();
  int root_fd = openat(base_fd, "root", O_RDONLY | O_DIRECTORY);
  oci_unpack(stream_fd, root_fd, &options, &result, &error);
  oci_unpack_result_free(&result);
  close(root_fd);
  close(stream_fd);
  if (count_names("outside") != 0 || count_names(".") != 2)
    abort();
  struct oci_error removal = {0};
  if (oci_remove_tree(base_fd, "root", &removal) < 0)
    abort();
  return 0;
}
