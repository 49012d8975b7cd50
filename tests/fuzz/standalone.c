/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target without libFuzzer, so that every build does: each file of a corpus, then mutations of them from a
 * fixed seed, the same in every run.
 *
 *   fuzz_x CORPUS_DIR [MUTATIONS]     or, to see one input again:     fuzz_x FILE */
#include "fuzz.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <vectors/test_random.h>

#define SEEDS_MAX 64
#define INPUT_MAX 4096

struct input {
    uint8_t bytes[INPUT_MAX];
    size_t len;
};

static struct input seeds[SEEDS_MAX];
static size_t seed_count;

static void load(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || seed_count == SEEDS_MAX) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    struct input *seed = &seeds[seed_count++];
    seed->len = fread(seed->bytes, 1, sizeof seed->bytes, file);
    fclose(file);
}

static int is_seed(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* In the order of their names, so that each run is the same. */
static void load_folder(const char *path)
{
    struct dirent **entries;
    int count = scandir(path, &entries, is_seed, alphasort);
    for (int i = 0; i < count; i++) {
        char file[4096];
        snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
        load(file);
        free(entries[i]);
    }
    if (count > 0)
        free(entries);
}

/* In a block of its exact size, so that a sanitizer sees a read past its end. */
static void run(const struct input *input)
{
    uint8_t *bytes = malloc(input->len == 0 ? 1 : input->len);
    if (bytes == NULL)
        abort();
    memcpy(bytes, input->bytes, input->len);
    (void)LLVMFuzzerTestOneInput(bytes, input->len);
    free(bytes);
}

static void insert(struct input *input, size_t at, const uint8_t *bytes, size_t len)
{
    if (len > INPUT_MAX - input->len)
        len = INPUT_MAX - input->len;
    memmove(input->bytes + at + len, input->bytes + at, input->len - at);
    memcpy(input->bytes + at, bytes, len);
    input->len += len;
}

static void cut(struct input *input, size_t at, size_t len)
{
    if (len > input->len - at)
        len = input->len - at;
    memmove(input->bytes + at, input->bytes + at + len, input->len - at - len);
    input->len -= len;
}

static void mutate(struct input *input, struct test_random *random)
{
    const struct input *other = &seeds[test_random_below(random, seed_count)];
    size_t at = test_random_below(random, input->len + 1);
    uint8_t noise[16];
    test_random_fill(random, noise, sizeof noise);
    switch (test_random_below(random, 6)) {
    case 0:
        if (at < input->len)
            input->bytes[at] ^= (uint8_t)(1u << noise[0] % 8);
        break;
    case 1:
        if (at < input->len)
            input->bytes[at] = noise[0];
        break;
    case 2:
        insert(input, at, noise, 1 + test_random_below(random, sizeof noise));
        break;
    case 3:
        cut(input, at, 1 + test_random_below(random, 64));
        break;
    case 4:
        input->len = at;
        break;
    default: {
        size_t from = test_random_below(random, other->len + 1);
        insert(input, at, other->bytes + from, test_random_below(random, other->len - from + 1));
    }
    }
}

int main(int argc, char **argv)
{
    struct stat status;
    if (argc < 2 || stat(argv[1], &status) != 0) {
        fprintf(stderr, "usage: %s CORPUS_DIR|FILE [MUTATIONS]\n", argv[0]);
        return 2;
    }
    if (S_ISDIR(status.st_mode))
        load_folder(argv[1]);
    else
        load(argv[1]);
    if (seed_count == 0) {
        fprintf(stderr, "%s: no corpus in %s\n", argv[0], argv[1]);
        return EXIT_FAILURE;
    }
    for (size_t i = 0; i < seed_count; i++)
        run(&seeds[i]);

    struct test_random random = {1};
    unsigned long mutations = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    for (unsigned long i = 0; i < mutations; i++) {
        static struct input input;
        input = seeds[test_random_below(&random, seed_count)];
        for (size_t step = 1 + test_random_below(&random, 4); step > 0; step--)
            mutate(&input, &random);
        run(&input);
    }
    printf("%zu seeds, %lu mutations\n", seed_count, mutations);
    return EXIT_SUCCESS;
}
