/* scheduler.c - see scheduler.h. */
int sluice_scheduler_absent(void);
int sluice_scheduler_absent(void)
{
    return 0;
}
