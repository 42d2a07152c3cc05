/* Ids of a container and of the host, through ranges as in /proc/PID/uid_map. */
#ifndef OCI_OWNER_H
#define OCI_OWNER_H

#include "native.h"

/* Both leave the id as it is when there are no ranges; false when it lies in none of them. */
bool id_to_host(const struct oci_id_range *ranges, size_t count, uint32_t id, uint32_t *result);
bool id_to_container(const struct oci_id_range *ranges, size_t count, uint32_t id, uint32_t *result);

#endif
