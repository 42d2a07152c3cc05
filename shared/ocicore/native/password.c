/* Password hashes through the system's libcrypt, which is loaded only for that: no program pays for it at its start. */
#include "native.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

typedef char *(*crypt_function)(const char *phrase, const char *setting);

static crypt_function find_crypt(void)
{
  static const char *const names[] = {"libcrypt.so.1", "libcrypt.so.2"};
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    void *library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
      continue;
    crypt_function found;
    /* ISO C has no cast from an object pointer to a function pointer; POSIX asks for this one. */
    *(void **)&found = dlsym(library, "crypt");
    if (found != NULL)
      return found;
  }
  return NULL;
}

int oci_crypt(const char *phrase, const char *setting, char *out, size_t size)
{
  crypt_function run = find_crypt();
  if (run == NULL) {
    errno = ENOSYS;
    return -1;
  }
  const char *hash = run(phrase, setting);
  /* libxcrypt answers a setting it does not know with "*0" or "*1". */
  if (hash == NULL || hash[0] == '*') {
    errno = EINVAL;
    return -1;
  }
  size_t length = strlen(hash);
  if (length + 1 > size) {
    errno = ERANGE;
    return -1;
  }
  memcpy(out, hash, length + 1);
  return 0;
}
