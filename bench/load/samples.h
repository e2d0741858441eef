/* Latencies in microseconds, all of them kept until they are reported. */
#pragma once
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct samples {
  uint32_t* values;
  size_t count, room;
  long failed;
};

static inline void add_sample(struct samples* samples, double us) {
  if (samples->count == samples->room) {
    samples->room = samples->room == 0 ? 4096 : 2 * samples->room;
    samples->values = realloc(samples->values, samples->room * sizeof *samples->values);
  }
  samples->values[samples->count++] = us < 0 ? 0 : us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

static inline int by_value(const void* a, const void* b) {
  uint32_t left = *(const uint32_t*)a, right = *(const uint32_t*)b;
  return left < right ? -1 : left > right;
}

static inline uint32_t quantile(const struct samples* samples, double share) {
  if (samples->count == 0) return 0;
  size_t index = (size_t)(share * (double)samples->count);
  return samples->values[index < samples->count ? index : samples->count - 1];
}

/* Prints them as a JSON object, and forgets them. */
static inline void flush_samples(struct samples* samples) {
  if (samples->count > 0) qsort(samples->values, samples->count, sizeof *samples->values, by_value);
  printf("{\"count\":%zu,\"failed\":%ld,\"p50\":%u,\"p99\":%u,\"p999\":%u,\"longest\":%u}", samples->count, samples->failed,
         quantile(samples, 0.5), quantile(samples, 0.99), quantile(samples, 0.999), quantile(samples, 1));
  samples->count = 0;
  samples->failed = 0;
}
