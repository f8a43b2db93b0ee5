/* fetcher.c - see fetcher.h. */
int sluice_fetcher_absent(void);
int sluice_fetcher_absent(void)
{
    return 0;
}
