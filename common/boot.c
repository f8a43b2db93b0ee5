/* boot.c - see boot.h. */
#include "common/boot.h"

#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#define RANDOM_BYTES 16

void boot_id(char id[BOOT_ID_BYTES])
{
    unsigned char any[RANDOM_BYTES];
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t bytes = fd < 0 ? 0 : read(fd, id, BOOT_ID_BYTES - 1);

    if (fd >= 0)
        close(fd);
    id[bytes > 0 ? bytes : 0] = '\0';
    id[strcspn(id, " \n")] = '\0';
    if (id[0] != '\0')
        return;
    randombytes_buf(any, sizeof(any));
    sodium_bin2hex(id, BOOT_ID_BYTES, any, sizeof(any));
}
