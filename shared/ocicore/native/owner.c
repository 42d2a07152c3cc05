#include "owner.h"

bool id_to_host(const struct oci_id_range *ranges, size_t count, uint32_t id, uint32_t *result)
{
  if (count == 0) {
    *result = id;
    return true;
  }
  for (size_t i = 0; i < count; i++)
    if (id >= ranges[i].container_id && id - ranges[i].container_id < ranges[i].size) {
      *result = ranges[i].host_id + (id - ranges[i].container_id);
      return true;
    }
  return false;
}

bool id_to_container(const struct oci_id_range *ranges, size_t count, uint32_t id, uint32_t *result)
{
  if (count == 0) {
    *result = id;
    return true;
  }
  for (size_t i = 0; i < count; i++)
    if (id >= ranges[i].host_id && id - ranges[i].host_id < ranges[i].size) {
      *result = ranges[i].container_id + (id - ranges[i].host_id);
      return true;
    }
  return false;
}
