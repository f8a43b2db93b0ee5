/* folder.h - a folder for a target's files: made once in TMPDIR, and gone with the process. */
#ifndef TESTS_FUZZ_FOLDER_H
#define TESTS_FUZZ_FOLDER_H

#include <dirent.h>
#include <unistd.h>

#include "tests/fuzz/check.h"

static char folder_path[64];

/* It has no folders of its own. */
static inline void folder_remove(void)
{
    DIR *dir = opendir(folder_path);
    struct dirent *entry;

    while (dir && (entry = readdir(dir)))
        unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        closedir(dir);
    rmdir(folder_path);
}

static inline const char *folder(void)
{
    const char *where = getenv("TMPDIR");

    if (folder_path[0])
        return folder_path;
    snprintf(folder_path, sizeof(folder_path), "%.40s/fuzz.XXXXXX", where ? where : "/tmp");
    must(mkdtemp(folder_path), "a folder");
    atexit(folder_remove);
    return folder_path;
}

#endif
