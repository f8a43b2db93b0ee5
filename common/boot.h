/* boot.h - which boot of the host this is: as long as it is the same one, times of the monotonic clock mean
 * the same to every process, whenever it was started. */
#ifndef SLUICE_BOOT_H
#define SLUICE_BOOT_H

#define BOOT_ID_BYTES 40

/* Never empty, without blanks. Where the host does not tell, it is another one each time. */
void boot_id(char id[BOOT_ID_BYTES]);

#endif
