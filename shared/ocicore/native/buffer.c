#include "buffer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int buffer_reserve(struct buffer *buffer, size_t extra)
{
  if (extra > SIZE_MAX / 2 - buffer->length) {
    errno = ENOMEM;
    return -1;
  }
  size_t wanted = buffer->length + extra;
  if (wanted <= buffer->capacity)
    return 0;
  size_t capacity = buffer->capacity ? buffer->capacity : 256;
  while (capacity < wanted)
    capacity *= 2;
  unsigned char *data = realloc(buffer->data, capacity);
  if (data == NULL)
    return -1;
  buffer->data = data;
  buffer->capacity = capacity;
  return 0;
}

int buffer_append(struct buffer *buffer, const void *data, size_t length)
{
  if (buffer_reserve(buffer, length) < 0)
    return -1;
  if (length > 0)
    memcpy(buffer->data + buffer->length, data, length);
  buffer->length += length;
  return 0;
}

int buffer_set(struct buffer *buffer, const void *data, size_t length)
{
  buffer->length = 0;
  if (buffer_append(buffer, data, length) < 0 || buffer_reserve(buffer, 1) < 0)
    return -1;
  buffer->data[buffer->length] = '\0';
  return 0;
}

void buffer_free(struct buffer *buffer)
{
  free(buffer->data);
  memset(buffer, 0, sizeof(*buffer));
}

static uint64_t mix(uint64_t value)
{
  value ^= value >> 32;
  value *= 0xd6e8feb86659fd93ULL;
  value ^= value >> 32;
  value *= 0xd6e8feb86659fd93ULL;
  value ^= value >> 32;
  return value;
}

uint64_t key_of(const void *data, size_t length)
{
  const unsigned char *bytes = data;
  uint64_t hash = 0x9e3779b97f4a7c15ULL ^ length;
  while (length >= 8) {
    uint64_t word;
    memcpy(&word, bytes, 8);
    hash = mix(hash ^ word) + 0x9e3779b97f4a7c15ULL;
    bytes += 8;
    length -= 8;
  }
  uint64_t rest = 0;
  memcpy(&rest, bytes, length);
  hash = mix(hash ^ rest);
  return hash ? hash : 1;
}

static size_t slot_of(const uint64_t *slots, size_t capacity, uint64_t key)
{
  size_t at = (size_t)mix(key) & (capacity - 1);
  while (slots[at] != 0 && slots[at] != key)
    at = (at + 1) & (capacity - 1);
  return at;
}

static int grow(struct key_set *set)
{
  size_t capacity = set->capacity ? set->capacity * 2 : 1024;
  uint64_t *slots = calloc(capacity, sizeof(*slots));
  if (slots == NULL)
    return -1;
  for (size_t i = 0; i < set->capacity; i++)
    if (set->slots[i] != 0)
      slots[slot_of(slots, capacity, set->slots[i])] = set->slots[i];
  free(set->slots);
  set->slots = slots;
  set->capacity = capacity;
  return 0;
}

int key_set_add(struct key_set *set, uint64_t key)
{
  if (key == 0)
    key = 1;
  if (set->count * 4 >= set->capacity * 3 && grow(set) < 0)
    return -1;
  size_t at = slot_of(set->slots, set->capacity, key);
  if (set->slots[at] == key)
    return 0;
  set->slots[at] = key;
  set->count++;
  return 1;
}

bool key_set_has(const struct key_set *set, uint64_t key)
{
  if (key == 0)
    key = 1;
  return set->capacity != 0 && set->slots[slot_of(set->slots, set->capacity, key)] == key;
}

void key_set_free(struct key_set *set)
{
  free(set->slots);
  memset(set, 0, sizeof(*set));
}
