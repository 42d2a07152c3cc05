/* Common head of every C file of the helper: feature macros, the public declarations, error reporting. */
#ifndef OCI_NATIVE_H
#define OCI_NATIVE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "api.h"
#include "archive_api.h"
#include "tree_api.h"

/* Fill `error` unless it already holds an earlier failure; always returns -1. errno is taken for OCI_SYSTEM. */
int oci_fail(struct oci_error *error, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int oci_corrupted(struct oci_error *error, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int oci_limit(struct oci_error *error, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
