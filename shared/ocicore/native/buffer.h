/* A growing run of bytes, and a set of 64-bit keys: the two containers the archive code needs. */
#ifndef OCI_BUFFER_H
#define OCI_BUFFER_H

#include "native.h"

struct buffer {
  unsigned char *data;
  size_t length;
  size_t capacity;
};

/* Both return 0, or -1 with errno ENOMEM. */
int buffer_reserve(struct buffer *buffer, size_t extra);
int buffer_append(struct buffer *buffer, const void *data, size_t length);
/* Replace the content by a string; the terminating NUL is not counted. */
int buffer_set(struct buffer *buffer, const void *data, size_t length);
void buffer_free(struct buffer *buffer);

struct key_set {
  uint64_t *slots; /* 0 marks a free one */
  size_t count;
  size_t capacity;
};

uint64_t key_of(const void *data, size_t length);
/* 1: added, 0: was there, -1: no memory. */
int key_set_add(struct key_set *set, uint64_t key);
bool key_set_has(const struct key_set *set, uint64_t key);
void key_set_free(struct key_set *set);

#endif
