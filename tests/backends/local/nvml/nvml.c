/* Stands for NVIDIA's management library on a machine without accelerators: those named in GPUS are there. */
#include <stdlib.h>
#include <string.h>
#include <stdio.h>

typedef struct { unsigned long long total, free, used; } memory_t;

static int find(int index, char *name) {
  char copy[256];
  int count = 0;
  snprintf(copy, sizeof copy, "%s", GPUS);
  for (char *word = strtok(copy, ","); word; word = strtok(NULL, ","), count++)
    if (count == index && name) sprintf(name, "NVIDIA %s", word);
  return count;
}

int nvmlInitWithFlags(unsigned flags) { return 0; }
int nvmlInit_v2(void) { return 0; }
int nvmlShutdown(void) { return 0; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = find(-1, NULL); return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) { *device = (void *)(size_t)(index + 1); return 0; }
int nvmlDeviceGetName(void *device, char *name, unsigned size) { find((int)(size_t)device - 1, name); return 0; }
int nvmlDeviceGetUUID(void *device, char *uuid, unsigned size) { sprintf(uuid, "GPU-%d", (int)(size_t)device - 1); return 0; }
int nvmlDeviceGetMemoryInfo(void *device, memory_t *memory) { memory->total = 1ull << 34; return 0; }
const char *nvmlErrorString(int error) { return "error"; }
