/* SPDX-License-Identifier: Apache-2.0 */
#include "trim.h"

#include <link.h>
#include <malloc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* Whether the linker wrote into pages that are read-only by now: those are in no file. */
static bool has_text_relocations(const struct dl_phdr_info *object, const ElfW(Phdr) * header)
{
    const ElfW(Dyn) *entry = (const ElfW(Dyn) *)(uintptr_t)(object->dlpi_addr + header->p_vaddr);

    for (; entry->d_tag != DT_NULL; entry++)
        if (entry->d_tag == DT_TEXTREL || (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL) != 0))
            return true;
    return false;
}

/* Code and constants are clean copies of a file: what is dropped comes back from the page cache with the next use.
 * Whole pages only, since the linker may have rounded a writable neighbour into the last one. */
static int drop_object(struct dl_phdr_info *object, size_t size, void *context)
{
    uintptr_t page = *(const uintptr_t *)context;

    (void)size;
    for (size_t i = 0; i < object->dlpi_phnum; i++)
        if (object->dlpi_phdr[i].p_type == PT_DYNAMIC && has_text_relocations(object, &object->dlpi_phdr[i]))
            return 0;
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &object->dlpi_phdr[i];
        if (header->p_type != PT_LOAD || (header->p_flags & PF_W) != 0)
            continue;
        uintptr_t from = (object->dlpi_addr + header->p_vaddr + page - 1) & ~(page - 1);
        uintptr_t to = (object->dlpi_addr + header->p_vaddr + header->p_memsz) & ~(page - 1);
        if (to > from) /* the kernel refuses where there is no file behind, and that is well */
            (void)madvise((void *)from, to - from, MADV_DONTNEED);
    }
    return 0;
}

void selkie_trim(void)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

    (void)malloc_trim(0);
    (void)dl_iterate_phdr(drop_object, &page);
}
