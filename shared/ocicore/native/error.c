/* One convention for failures: the first one is kept, with its errno, what was being done, and the path. */
#include "native.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int report(struct oci_error *error, int kind, int number, const char *path, const char *format,
                  va_list arguments)
{
  if (error == NULL || error->kind != OCI_OK)
    return -1;
  error->kind = kind;
  error->number = number;
  vsnprintf(error->what, sizeof(error->what), format, arguments);
  snprintf(error->path, sizeof(error->path), "%s", path ? path : "");
  return -1;
}

int oci_fail(struct oci_error *error, const char *path, const char *format, ...)
{
  int number = errno;
  va_list arguments;
  va_start(arguments, format);
  report(error, OCI_SYSTEM, number, path, format, arguments);
  va_end(arguments);
  errno = number;
  return -1;
}

int oci_corrupted(struct oci_error *error, const char *path, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  report(error, OCI_CORRUPTED, 0, path, format, arguments);
  va_end(arguments);
  return -1;
}

int oci_limit(struct oci_error *error, const char *path, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  report(error, OCI_LIMIT, 0, path, format, arguments);
  va_end(arguments);
  return -1;
}
